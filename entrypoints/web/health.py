"""Is the process alive, and is it able to work? For load balancers and orchestrators; neither needs a token."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version

import msgspec
import psycopg
from litestar import Router, get
from litestar.di import NamedDependency

from domain.errors import ConnectorError
from entrypoints.web.access import PUBLIC, ROLE
from entrypoints.web.desk import Desk
from entrypoints.web.problems import Refusal

WAITING = timedelta(minutes=2)  # a flow that is due is taken up within seconds where somebody is there
BEHIND_SECONDS = 60.0  # views that could not be folded for so long are too old to be shown
VERSION = version("ml-connector")


class Health(msgspec.Struct, frozen=True, rename="camel"):
    """The process answers."""

    status: str
    version: str


class Readiness(msgspec.Struct, frozen=True, rename="camel"):
    """What was looked at, each `ok`; where one is not, the answer is a problem with status 503 instead.

    `alerts` is told beside it: the service works while nobody can be told of that.
    """

    checks: dict[str, str]
    alerts: str


@get("/health", opt={ROLE: PUBLIC}, sync_to_thread=False)
def show_health() -> Health:
    """The process is alive. Asks nothing of the database."""
    return Health("ok", VERSION)


@get("/ready", opt={ROLE: PUBLIC}, sync_to_thread=True)
def show_readiness(desk: NamedDependency[Desk]) -> Readiness:
    """The service can work: database, views near the end of the log, and somebody to run the flows that are due."""
    checks: dict[str, Callable[[], str]] = {
        "database": lambda: _database(desk),
        "views": lambda: _views(desk),
        "worker": lambda: _worker(desk),
    }
    found = {name: _try(check) for name, check in checks.items()}
    ill = [f"{name}: {said}" for name, said in found.items() if said]
    if ill:
        raise Refusal(
            503, "; ".join(ill), do="Look into the service's log, and run: ml-connector doctor.",
            headers={"Retry-After": "5"},
        )  # fmt: skip
    return Readiness(dict.fromkeys(found, "ok"), _try(lambda: _alerts(desk)) or "ok")


def _try(check: Callable[[], str]) -> str:
    """What is wrong; nothing where all is well. Details stay in the log: anybody may ask."""
    try:
        return check()
    except (ConnectorError, sqlite3.Error, psycopg.Error, OSError) as error:
        return f"cannot be reached ({type(error).__name__})"


def _database(desk: Desk) -> str:
    desk.services.store.end()
    return ""


def _views(desk: Desk) -> str:
    behind = desk.follower.behind_seconds
    return f"not folded for {behind:.0f} s" if behind > BEHIND_SECONDS else ""


def _worker(desk: Desk) -> str:
    """Flows that have been due for a while must have somebody who runs them."""
    leases = desk.services.leases
    now = leases.now()
    waiting = [state.flow for state in leases.states().values() if not state.held and now - state.due_at > WAITING]
    if not waiting or any(worker.alive for worker in leases.workers()):
        return ""
    return f"{len(waiting)} flows are due and no worker is alive"


def _alerts(desk: Desk) -> str:
    """Counts alone: anybody may ask."""
    troubled = desk.services.alerts.troubled().values()
    failing, waiting = sum(one.failing for one in troubled), sum(one.waiting for one in troubled)
    told = [f"{failing} channels fail"] * bool(failing) + [f"{waiting} notices wait"] * bool(waiting)
    return ", ".join(told)


router = Router("/", tags=["health"], route_handlers=[show_health, show_readiness])
