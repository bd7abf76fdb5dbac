"""What all tests share: both databases, a clock that is set by hand, a store, and a whole shop."""

import base64
import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import postgres
import pytest

from adapters.database import Database, open_database
from adapters.event_store import DatabaseEventStore, create_event_store
from adapters.keyring import KeyRing


class SettableClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """One server per session (and per worker of pytest-xdist), stopped and removed at the end."""
    with postgres.server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database: a file, or a database on a real server."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'books.db'}"
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    url = server.create()
    yield url
    server.drop(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = open_database(database_url)
    yield database
    database.close()


@pytest.fixture
def clock() -> SettableClock:
    """Callable as the application's clock; tests set `now` or `advance(seconds)`."""
    return SettableClock(datetime(2026, 11, 24, 8, tzinfo=UTC))


@pytest.fixture
def store(database: Database, clock: SettableClock) -> DatabaseEventStore:
    return create_event_store(database, clock)


@pytest.fixture
def memory_store(clock: SettableClock) -> Iterator[Callable[[], DatabaseEventStore]]:
    """A function that makes an empty store in memory, for tests that need hundreds of them."""
    opened: list[Database] = []

    def make() -> DatabaseEventStore:
        if opened:
            opened.pop().close()
        opened.append(open_database("sqlite://"))
        return create_event_store(opened[0], clock)

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def keyring() -> KeyRing:
    return KeyRing.from_settings(base64.b64encode(b"k" * 32).decode(), "", Path("never-used"))


@pytest.fixture
def open_shop(
    request: pytest.FixtureRequest, tmp_path: Path, database_url: str
) -> Callable[..., AbstractContextManager[Any]]:
    """`with open_shop(orders=10, ...) as shop`: an installation against the stand-ins (see support/shop.py).

    Another `folder` is another installation, with a database of its own.
    """

    @contextlib.contextmanager
    def open_it(folder: str = "", **world: Any) -> Iterator[Any]:
        from shop import opened

        home = tmp_path / (folder or "home")
        home.mkdir(exist_ok=True)
        with contextlib.ExitStack() as stack:
            url = database_url
            if folder and url.startswith("sqlite"):
                url = f"sqlite:///{home / 'books.db'}"
            elif folder:
                server = request.getfixturevalue("postgres_server")
                url = server.create()
                stack.callback(server.drop, url)
            yield stack.enter_context(opened(home, url, **world))

    return open_it
