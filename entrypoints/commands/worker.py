"""`ml-connector worker`: runs flows when they are due, until it is told to stop."""

import logging
import signal
from typing import Annotated

import typer

from entrypoints.bootstrap import Services, services
from entrypoints.console import err
from entrypoints.runner import FLOWS_AT_ONCE, After, Runner, Timer
from entrypoints.telling import telling


def worker(
    flows_at_once: Annotated[
        int, typer.Option("--flows", min=1, max=32, help="How many flows run at the same time.")
    ] = FLOWS_AT_ONCE,
) -> int:
    """Run flows by their schedules; SIGTERM or Ctrl-C finishes the calls in hand and stops."""
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    with services(person="worker") as service, telling(service):
        root = logging.getLogger()
        root.setLevel(min(root.level, logging.INFO))
        runner = runner_for(service, flows_at_once)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: runner.stop())
        err.print(f"This worker runs due flows ({runner.kind}, {service.database.dialect}); stop it with SIGTERM.")
        runner.run()
    err.print("The worker has stopped.")
    return 0


def runner_for(
    service: Services, flows_at_once: int = FLOWS_AT_ONCE, after: After = lambda flow, report: None
) -> Runner:
    """What runs due flows on this database."""
    if service.database.dialect == "postgresql":
        from entrypoints.dispatch import Dispatcher  # what it needs takes a while to import

        return Dispatcher(service, flows_at_once, after=after)
    return Timer(service, flows_at_once, after=after)
