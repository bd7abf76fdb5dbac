"""Several real processes at the same moment, and what they do to a database."""

import contextlib
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.alerts.book import DatabaseAlertBook
from adapters.database import open_database
from adapters.event_store import create_event_store
from adapters.keyring import KeyRing
from adapters.lease import DatabaseLeases
from adapters.quota import Quotas
from adapters.vault import DatabaseVault
from application.alerts import changes
from application.ports import Append
from domain.alert import Alert
from domain.errors import Conflict
from domain.event import stream_id
from domain.flow import CycleStarted

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
_barrier: Any = None


@contextlib.contextmanager
def started(function: Callable[..., Any], count: int, *arguments: Any) -> Iterator[list["Future[Any]"]]:
    """`function(*arguments, number)` in `count` processes that all begin at once."""
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(count)
    with ProcessPoolExecutor(count, mp_context=spawn, initializer=_keep, initargs=(barrier,)) as pool:
        yield [pool.submit(_at_once, function, *arguments, number) for number in range(count)]


def together(function: Callable[..., Any], count: int, *arguments: Any) -> list[Any]:
    """The results of `started`."""
    with started(function, count, *arguments) as futures:
        return [future.result(60) for future in futures]


def _keep(barrier: Any) -> None:
    global _barrier
    _barrier = barrier


def _at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    _barrier.wait(60)
    return function(*arguments)


def event(number: int = 0, flow: str = "us") -> CycleStarted:
    return CycleStarted(flow=flow, at=NOW, by="tests", cycle=f"c{number}")


# --- what they do ------------------------------------------------------------------------------------------------


def open_all(url: str, number: int) -> str:
    """Start up on a database that may not have a table yet, and write one event."""
    with contextlib.closing(open_database(url)) as database:
        store = create_event_store(database, lambda: NOW)
        DatabaseVault(database, KeyRing([b"k" * 32]), lambda: NOW)
        Quotas(database)
        store.append([Append(stream_id("us", "started", str(number)), 0, [event(number)])])
    return "started"


def append_once(url: str, number: int) -> str:
    """Try to be the first in a stream that all try to begin."""
    with contextlib.closing(open_database(url)) as database:
        store = create_event_store(database, lambda: NOW)
        try:
            store.append([Append(stream_id("us", "contested"), 0, [event(number)])])
        except Conflict:
            return "conflict"
    return "won"


def append_many(url: str, transactions: int, number: int) -> int:
    """Write transactions of one to thirty events into streams of its own; how many events."""
    written = 0
    with contextlib.closing(open_database(url)) as database:
        store = create_event_store(database, lambda: NOW)
        for turn in range(transactions):
            events = [event(place) for place in range(1 + (turn * 7 + number) % 30)]
            store.append([Append(stream_id("us", "own", f"{number}/{turn}"), 0, events)])
            written += len(events)
    return written


def claim_once(url: str, flow: str, number: int) -> int:
    """Try to get a flow's lease; the fence, or 0."""
    with contextlib.closing(open_database(url)) as database:
        lease = DatabaseLeases(database).claim(flow, f"process {number}", when_due=True)
    return lease.fence if lease is not None else 0


def add_under_lock(url: str, times: int, number: int) -> int:
    """Read, wait and write back one more, under the credential's lock."""
    with contextlib.closing(open_database(url)) as database:
        vault = DatabaseVault(database, KeyRing([b"k" * 32]), lambda: datetime.now(UTC))
        for _ in range(times):
            with vault.locked("us", "token") as slot:
                value = int(slot.value["count"])
                time.sleep(0.005)
                slot.replace({"count": str(value + 1)})
    return number


def take_places(url: str, key: str, rate: float, burst: float, seconds: float, number: int) -> list[float]:
    """Use a shared quota as fast as it lets us; the times of use."""
    used = []
    with contextlib.closing(open_database(url)) as database:
        quotas = Quotas(database)
        end = time.time() + seconds
        while time.time() < end:
            time.sleep(quotas.reserve(key, rate, burst))
            used.append(time.time())
    return used


def raise_alert(url: str, position: int, number: int) -> bool:
    """Raise the same alert from the same look at the flow."""
    with contextlib.closing(open_database(url)) as database:
        alert = Alert("cycle", "the last cycle", "failed", "away", "wait", "/flows/us")
        return DatabaseAlertBook(database).update(
            "us",
            position,
            lambda standing, raised: changes("us", [alert], standing, raised, ["mail"], NOW, "https://b.example"),
        )


def claim_channel(url: str, now: datetime, number: int) -> str:
    """Try to be the one to deliver."""
    with contextlib.closing(open_database(url)) as database:
        return DatabaseAlertBook(database).claim("us", "hook", now, now + timedelta(seconds=60))
