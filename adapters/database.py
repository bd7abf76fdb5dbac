"""One database, two dialects: SQLite embedded, PostgreSQL as a server, behind the same few methods.

Built on the eventsourcing library's datastores, so that events, heads, ledger, read models and the vault share one
pool and, on SQLite, one writer lock. SQL is written once with `?` for parameters.
"""

import contextlib
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote
from uuid import uuid4

import psycopg
from eventsourcing.persistence import PersistenceError
from eventsourcing.postgres import PostgresDatastore
from eventsourcing.sqlite import SQLiteConnection, SQLiteConnectionPool, SQLiteDatastore
from psycopg.rows import tuple_row

from domain.errors import BadInput

Dialect = Literal["sqlite", "postgresql"]

LOCK_SECONDS = 30  # how long a writer waits for another process's write
POOL_SIZE = 2
POOL_OVERFLOW = 10
CONNECT_SECONDS = 10
IDLE_SECONDS = 60  # folding happens outside transactions; the library's 5 s is short for a busy machine
IDS_PER_QUERY = 500

# What the databases raise when a unique key is taken.
DUPLICATE_KEY = (sqlite3.IntegrityError, psycopg.errors.UniqueViolation)

_SCHEMA_LOCK = 7_319_027  # any number, the same in every process


class Cursor:
    """A cursor of either database that takes `?` for parameters and gives tuples."""

    def __init__(self, raw: Any, dialect: Dialect) -> None:
        self.raw = raw
        self.dialect = dialect

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self.raw.execute(for_dialect(sql, self.dialect), parameters)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self.raw.executemany(for_dialect(sql, self.dialect), rows)

    def fetchone(self) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self.raw.fetchone()
        return row

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.raw.fetchall()
        return rows

    @property
    def rowcount(self) -> int:
        return int(self.raw.rowcount)


class Database:
    """A pool of connections. `transaction` writes (and on SQLite waits for the one writer lock), `reading` reads."""

    def __init__(self, dialect: Dialect, datastore: SQLiteDatastore | PostgresDatastore, name: str) -> None:
        self.dialect: Dialect = dialect
        self.datastore = datastore
        self.name = name
        self._schemas: set[str] = set()
        self._schema_guard = threading.Lock()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Commit on success, roll back on any error. Keep it short; nothing slow inside."""
        if isinstance(self.datastore, SQLiteDatastore):
            with self.datastore.get_connection(commit=True) as connection:
                raw = _sqlite_cursor(connection)
                # A deferred transaction that reads first cannot always become a writer; this one is a writer at once.
                raw.execute("BEGIN IMMEDIATE")
                try:
                    yield Cursor(raw, "sqlite")
                except BaseException:
                    connection.rollback()
                    raise
                connection.commit()
        else:
            with (
                self._postgres_connection() as conn,
                conn.transaction(),
                conn.cursor(row_factory=tuple_row, binary=True) as raw_cursor,
            ):
                yield Cursor(raw_cursor, "postgresql")

    @contextlib.contextmanager
    def reading(self) -> Iterator[Cursor]:
        """One snapshot for all that is read in it; nothing written in it is kept."""
        if isinstance(self.datastore, SQLiteDatastore):
            with self.datastore.get_connection(commit=False) as connection:
                raw = _sqlite_cursor(connection)
                raw.execute("BEGIN")
                try:
                    yield Cursor(raw, "sqlite")
                finally:
                    connection.rollback()
        else:
            with (
                self._postgres_connection() as conn,
                _one_snapshot(conn),
                conn.transaction(force_rollback=True),
                conn.cursor(row_factory=tuple_row, binary=True) as raw_cursor,
            ):
                yield Cursor(raw_cursor, "postgresql")

    def create_schema(self, statements: Sequence[str]) -> None:
        """Run `CREATE … IF NOT EXISTS` statements once; safe where several processes start together."""
        key = "\n".join(statements)
        with self._schema_guard:
            if key in self._schemas:
                return
            with self.transaction() as cursor:
                if self.dialect == "postgresql":
                    cursor.execute("SELECT pg_advisory_xact_lock(?)", (_SCHEMA_LOCK,))
                for statement in statements:
                    cursor.execute(statement)
            self._schemas.add(key)

    def check(self) -> str:
        """What a doctor reports: which database, reachable and writable."""
        with self.transaction() as cursor:
            cursor.execute("SELECT sqlite_version()" if self.dialect == "sqlite" else "SHOW server_version")
            row = cursor.fetchone()
        return f"{self.dialect} {row[0] if row else '?'} at {self.name}, reachable and writable"

    def close(self) -> None:
        self.datastore.close()

    @contextlib.contextmanager
    def _postgres_connection(self) -> Iterator[psycopg.Connection[Any]]:
        assert isinstance(self.datastore, PostgresDatastore)
        self.datastore.pool.open(False, LOCK_SECONDS)
        with self.datastore.pool.connection() as conn:
            yield conn


def open_database(url: str, connections: int = POOL_SIZE) -> Database:
    """`sqlite:///PATH`, `sqlite://` (in memory) or `postgresql://…`. Raises BadInput for anything else.

    `connections` stay open; those that are needed beyond them, at most 10, are closed after use.
    """
    if url == "sqlite://":
        return _sqlite(f"file:{uuid4().hex}?mode=memory&cache=shared", "memory", connections)
    if url.startswith("sqlite:///"):
        path = Path(unquote(url.removeprefix("sqlite:///")))
        if not path.parent.is_dir():
            raise BadInput(f"the folder {path.parent} for the database does not exist; make it or change DATABASE_URL")
        return _sqlite(str(path), str(path), connections)
    if url.startswith(("postgresql://", "postgres://")):
        return _postgresql(url, connections)
    raise BadInput("the database URL must begin with sqlite:/// or postgresql://")


def server_time(cursor: Cursor) -> float:
    """Seconds since 1970 by the server's clock, since workers' machines differ; with SQLite there is one machine."""
    if cursor.dialect == "sqlite":
        return time.time()
    cursor.execute("SELECT EXTRACT(EPOCH FROM clock_timestamp())::float8")
    row = cursor.fetchone()
    assert row is not None
    return float(row[0])


def in_many(cursor: Cursor, sql: str, ids: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of a query with `IN (?…)` written as `IN ({ids})`, asked in portions of 500."""
    rows: list[tuple[Any, ...]] = []
    ids = list(dict.fromkeys(ids))  # twice in two portions would be found twice
    for begin in range(0, len(ids), IDS_PER_QUERY):
        portion = ids[begin : begin + IDS_PER_QUERY]
        if cursor.dialect == "postgresql":
            cursor.raw.execute(for_dialect(sql.replace("IN ({ids})", "= ANY(?)"), "postgresql"), (portion,))
        else:
            cursor.execute(sql.replace("{ids}", ",".join("?" * len(portion))), portion)
        rows += cursor.fetchall()
    return rows


def insert_many(
    cursor: Cursor,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    on_conflict: str = "",
    types: Sequence[str] = (),
) -> None:
    """Insert rows in bulk: COPY on PostgreSQL where nothing can conflict, else many at once.

    `types` are the columns' PostgreSQL types; with them, what is sent there is binary, or one statement of arrays.
    """
    if not rows:
        return
    names = ", ".join(columns)
    if cursor.dialect == "postgresql" and len(rows) > 20:
        if not on_conflict:
            with cursor.raw.copy(f"COPY {table} ({names}) FROM STDIN{' (FORMAT binary)' if types else ''}") as copy:
                if types:
                    copy.set_types(types)
                for row in rows:
                    copy.write_row(row)
            return
        if types:
            arrays = ", ".join(f"?::{kind}[]" for kind in types)
            cursor.execute(
                f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays}) {on_conflict}",
                [list(column) for column in zip(*rows, strict=True)],
            )
            return
    places = ", ".join("?" * len(columns))
    cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places}) {on_conflict}".rstrip(), rows)


@lru_cache(maxsize=1_024)
def for_dialect(sql: str, dialect: Dialect) -> str:
    """`?` outside quotes becomes `%s` for psycopg, and `%` is doubled there."""
    if dialect == "sqlite":
        return sql
    parts = re.split(r"('(?:[^']|'')*')", sql.replace("%", "%%"))
    return "".join(part if part.startswith("'") else part.replace("?", "%s") for part in parts)


class _TunedPool(SQLiteConnectionPool):
    """Connections with a larger cache and rarer checkpoints.

    `synchronous` stays FULL: an intent must be on disk before the call to the vendor leaves.
    """

    def _create_connection(self) -> SQLiteConnection:
        connection = self._connected()
        cursor = connection.cursor().sqlite_cursor
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA wal_autocheckpoint=20000")
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.execute("PRAGMA temp_store=MEMORY")
        return connection

    def _connected(self) -> SQLiteConnection:
        """Only one process can turn a new file to WAL, and SQLite lets the others fail instead of having them wait."""
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                return super()._create_connection()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


class _PatientDatastore(PostgresDatastore):
    """The library bounds the waiting for locks in its own inserts only; here it holds for every transaction."""

    def after_connect_func(self) -> Callable[[psycopg.Connection[Any]], None]:
        connected = super().after_connect_func()
        lock_seconds = self.lock_timeout

        def after_connect(conn: psycopg.Connection[Any]) -> None:
            connected(conn)
            conn.execute(f"SET lock_timeout = '{lock_seconds}s'".encode())

        return after_connect


def _sqlite(name: str, shown: str, connections: int) -> Database:
    datastore = SQLiteDatastore(name, lock_timeout=LOCK_SECONDS, pool_size=connections, pool_timeout=LOCK_SECONDS)
    datastore.pool.close()
    datastore.pool = _TunedPool(
        db_name=name,
        lock_timeout=LOCK_SECONDS,
        pool_size=connections,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=LOCK_SECONDS,
    )
    try:
        with datastore.get_connection(commit=True):
            pass
    except (PersistenceError, sqlite3.Error) as error:
        raise BadInput(f"the database {shown} cannot be opened: {error}") from None
    return Database("sqlite", datastore, shown)


def _postgresql(url: str, connections: int) -> Database:
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # its words may repeat the password
        raise BadInput(
            "the database URL cannot be read; expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
            "with % and other signs in the password written as %25 and so on"
        ) from None
    shown = f"{parts.get('host') or 'local'}/{parts.get('dbname') or ''}"
    try:
        psycopg.connect(url, connect_timeout=CONNECT_SECONDS).close()
    except psycopg.OperationalError as error:
        raise BadInput(f"the database {shown} cannot be reached: {error}") from None
    datastore = _PatientDatastore(
        dbname=str(parts.get("dbname") or ""),
        host=str(parts.get("host") or ""),
        port=str(parts.get("port") or "5432"),
        user=str(parts.get("user") or ""),
        password=str(parts.get("password") or ""),
        connect_timeout=LOCK_SECONDS,
        idle_in_transaction_session_timeout=IDLE_SECONDS,
        pool_size=connections,
        max_overflow=POOL_OVERFLOW,
        max_waiting=0,
        pre_ping=True,  # a server that was started anew leaves dead connections in the pool
        lock_timeout=LOCK_SECONDS,
    )
    # The library hands on five of the URL's parts; sslmode and the like must not be lost.
    named = datastore.pool.kwargs
    assert isinstance(named, dict)
    named.update({name: value for name, value in parts.items() if name not in named})
    return Database("postgresql", datastore, shown)


@contextlib.contextmanager
def _one_snapshot(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """Transactions begun within see one state of the database, as those of SQLite always do."""
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    try:
        yield
    finally:
        if not conn.closed:
            conn.isolation_level = None


def _sqlite_cursor(connection: SQLiteConnection) -> sqlite3.Cursor:
    cursor = connection.cursor().sqlite_cursor
    cursor.row_factory = None  # tuples
    return cursor
