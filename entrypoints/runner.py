"""What runs due flows: on SQLite a timer in one process, on PostgreSQL procrastinate across any number of them.

Both come to `Services.run_cycle`, where the lease decides who runs a flow; neither is trusted with it. A flow that
fails stops no other. Asked to stop, they let the calls in hand finish and no cycle begin.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from application.running import due_flows
from application.sync import CycleReport
from domain.errors import ConnectorError
from entrypoints.bootstrap import Services

FLOWS_AT_ONCE = 4
TICK_SECONDS = 2.0
LIFE_SECONDS = 5.0

log = logging.getLogger(__name__)

Progress = Callable[[str, str, int], None]
After = Callable[[str, CycleReport], None]


class Runner:
    """Runs due flows until it is stopped; `progress` is told flow, what and how many more, `after` each cycle's end."""

    kind = "runner"

    def __init__(
        self,
        services: Services,
        flows_at_once: int = FLOWS_AT_ONCE,
        progress: Progress = lambda flow, what, done: None,
        after: After = lambda flow, report: None,
    ) -> None:
        self._services = services
        self._flows_at_once = flows_at_once
        self._progress = progress
        self._after = after
        self._thread: threading.Thread | None = None
        self.stopping = threading.Event()

    def run(self) -> None:
        """Run until `stop`; returns when no cycle is under way any more."""
        raise NotImplementedError

    def start(self) -> None:
        """Run in a thread of its own, for a process that has something else to do."""
        self._thread = threading.Thread(target=self.run, name=self.kind)
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end; may be called from any thread and from a signal handler."""
        self.stopping.set()

    def join(self) -> None:
        """Wait for the end of a runner that was started."""
        if self._thread is not None:
            self._thread.join()

    def due(self) -> list[str]:
        """Flows that are due and free."""
        services = self._services
        return due_flows(services.leases, services.bookkeeping, services.views, services.timetable)

    def run_flow(self, name: str) -> None:
        """One cycle of a flow, if it still is due and free. Whatever goes wrong is logged and goes no further."""
        if self.stopping.is_set():
            return
        try:
            report = self._services.run_cycle(
                name,
                lambda what, done: self._progress(name, what, done),
                when_due=True,
                stop=self.stopping.is_set,
            )
            if report is not None:
                log.info("cycle %s of flow %s: %s", report.cycle, name, report.error or report.counts)
                self._after(name, report)
        except ConnectorError as error:
            log.warning("flow %s: %s", name, error)
        except Exception:
            log.exception("flow %s: a cycle ended in a way nobody thought of", name)

    def show_life(self) -> None:
        """Note in the database that this process is there."""
        self._services.leases.show_life(self._services.process, self.kind)

    def leave(self) -> None:
        """Note that it ended in order. Without the database it is forgotten in time."""
        try:
            self._services.leases.leave(self._services.process)
        except Exception as error:
            log.warning("the end of this process could not be noted: %s", error)


class Timer(Runner):
    """Looks every `tick_seconds` what is due and runs it in threads, several flows at once, each only once."""

    kind = "timer"

    def __init__(
        self,
        services: Services,
        flows_at_once: int = FLOWS_AT_ONCE,
        progress: Progress = lambda flow, what, done: None,
        after: After = lambda flow, report: None,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        super().__init__(services, flows_at_once, progress, after)
        self._tick_seconds = tick_seconds
        self._under_way: dict[str, Future[None]] = {}

    def run(self) -> None:
        """See Runner.run."""
        life = threading.Thread(target=self._live, name="life", daemon=True)
        life.start()
        with ThreadPoolExecutor(self._flows_at_once, thread_name_prefix="flow") as pool:
            while not self.stopping.is_set():
                try:
                    self._tick(pool)
                except Exception as error:  # the database may be away for a while
                    log.warning("what is due could not be seen: %s", error)
                self.stopping.wait(self._tick_seconds)
        life.join()
        self.leave()

    def _tick(self, pool: ThreadPoolExecutor) -> None:
        self._under_way = {name: future for name, future in self._under_way.items() if not future.done()}
        free = self._flows_at_once - len(self._under_way)
        waiting = [name for name in self.due() if name not in self._under_way]
        for name in waiting[: max(free, 0)]:
            self._under_way[name] = pool.submit(self.run_flow, name)

    def _live(self) -> None:
        """Apart from the ticks, so that a long look at what is due does not make the process seem dead."""
        while True:
            try:
                self.show_life()
            except Exception as error:
                log.warning("the sign of life could not be given: %s", error)
            if self.stopping.wait(LIFE_SECONDS):
                return
