"""`ml-connector simulate`: both stand-ins in processes of their own, until stopped."""

import contextlib
import signal
import threading
from typing import Annotated

import typer

from entrypoints.console import out
from entrypoints.standins import environment_for, running_standins


def simulate(
    orders: Annotated[int, typer.Option(min=1, help="Orders in the seller's history.")] = 300,
    settlements: Annotated[int, typer.Option(min=1, max=6, help="Closed settlements.")] = 3,
    seed: Annotated[int, typer.Option(help="Another seed is another seller.")] = 1,
    speed: Annotated[float, typer.Option(min=1, help="How many times as fast as real time their clocks run.")] = 1.0,
    amazon_port: Annotated[int, typer.Option(help="0: any free port.")] = 0,
    quickbooks_port: Annotated[int, typer.Option(help="0: any free port.")] = 0,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 in a container.")] = "127.0.0.1",
    name: Annotated[str, typer.Option(help="The host name by which others reach the stand-ins.")] = "",
    credentials: Annotated[
        str, typer.Option(help="Any word: the same one makes the same credentials at each start.")
    ] = "",
) -> int:
    """Serve an Amazon and a QuickBooks and print the settings that point here."""
    ports = (amazon_port, quickbooks_port)
    with running_standins(orders, settlements, seed, speed, *ports, host, name, credentials) as (amazon, quickbooks):
        for name, value in environment_for(amazon, quickbooks, speed).items():
            out.print(f"export {name}={value!r}", markup=False)
        out.print(f"# Amazon's refresh token: {amazon['refresh_token']}", markup=False)
        out.print(
            f"# QuickBooks: company {quickbooks['realm']}, bank account {quickbooks['bank_account']!r}, "
            f"refresh token: {quickbooks['refresh_token']}",
            markup=False,
        )
        out.print(f"# QuickBooks' own trial balance: {quickbooks['api_url']}/_simulated/trial-balance?format=text")
        out.print("# Running; stop with Ctrl-C.")
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda number, frame: stopped.set())
        with contextlib.suppress(KeyboardInterrupt):
            stopped.wait()
    return 0
