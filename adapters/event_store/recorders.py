"""The library's recorders, writing a batch with its heads and its ledger row in one transaction.

Positions are given here, in order, under the writer's lock (SQLite: BEGIN IMMEDIATE; PostgreSQL: the library's own
EXCLUSIVE lock on the events table), so that the order of commits is the order of the log and no reader that follows
it can miss an event. The library's selects work on the same tables.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from adapters.database import DUPLICATE_KEY, Cursor, Database, in_many, insert_many
from adapters.event_store import ledger
from domain.errors import Conflict

_EVENTS = "stored_events"
_EVENT_COLUMNS = ("notification_id", "originator_id", "originator_version", "topic", "state")
_EVENT_TYPES = ("int8", "uuid", "int8", "text", "bytea")
_HEAD_COLUMNS = ("stream", "version", "content_hash")
_HEAD_TYPES = ("text", "int8", "text")
_UPSERT_HEAD = (
    "ON CONFLICT (stream) DO UPDATE SET version = excluded.version, "
    "content_hash = CASE WHEN excluded.content_hash = '' THEN stream_heads.content_hash ELSE excluded.content_hash END"
)
HEADS_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS stream_heads (stream TEXT PRIMARY KEY, version BIGINT NOT NULL, "
    "content_hash TEXT NOT NULL)",
)


# stream, stream (hex), version, name, state
NewEvent = tuple[UUID, str, int, str, bytes]


class HeadChange(msgspec.Struct, frozen=True):
    """A stream's version before and after, and its new content hash (empty: the former one stays)."""

    stream: str
    expected: int
    version: int
    content_hash: str


class _SQLiteRecorder(SQLiteApplicationRecorder):
    def construct_create_table_statements(self) -> list[str]:
        # An explicit key: implicit row ids may be reused or renumbered.
        return [
            f"CREATE TABLE IF NOT EXISTS {self.events_table_name} (originator_id TEXT NOT NULL, "
            "originator_version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL, "
            "notification_id INTEGER PRIMARY KEY AUTOINCREMENT, UNIQUE (originator_id, originator_version))"
        ]


class BatchRecorder:
    """Writes batches; one class for both databases, over the library's recorder that owns the table."""

    def __init__(self, database: Database) -> None:
        self._database = database
        datastore = database.datastore
        if isinstance(datastore, SQLiteDatastore):
            statements = _SQLiteRecorder(datastore, _EVENTS).create_table_statements
            blob = "BLOB"
        else:
            assert isinstance(datastore, PostgresDatastore)
            recorder = PostgresApplicationRecorder(datastore, events_table_name=_EVENTS)
            # The table and its index; the library's composite type and function are not used (event-store.md 4).
            statements = [
                text
                for statement in recorder.sql_create_statements
                if (text := statement.as_string()).startswith(("CREATE TABLE", "CREATE UNIQUE INDEX"))
            ]
            blob = "BYTEA"
        tables = [*statements, *HEADS_SCHEMA, *ledger.SCHEMA]
        database.create_schema([statement.replace(" BYTES ", f" {blob} ") for statement in tables])

    def insert(
        self,
        events: Sequence[NewEvent],
        heads: Sequence[HeadChange],
        at: datetime,
        guard: Callable[[Cursor], None] | None = None,
    ) -> int:
        """Write all or nothing; the last position. Raises Conflict where a stream is not at its expected version.

        `guard` looks in the same transaction whether this may be written at all, and raises if not.
        """
        try:
            with self._database.transaction() as cursor:
                if cursor.dialect == "postgresql":
                    cursor.execute(f"LOCK TABLE {_EVENTS} IN EXCLUSIVE MODE")
                if guard is not None:
                    guard(cursor)
                self._check_versions(cursor, heads)
                return self._write(cursor, events, heads, at)
        except DUPLICATE_KEY as error:
            raise Conflict("a stream was written by somebody else; read it again") from error

    def _check_versions(self, cursor: Cursor, heads: Sequence[HeadChange]) -> None:
        """Streams said to be new need no look: the head they get is refused by its key if there is one."""
        heads = [head for head in heads if head.expected or not head.version]
        standing = dict(
            in_many(
                cursor, "SELECT stream, version FROM stream_heads WHERE stream IN ({ids})", [h.stream for h in heads]
            )
        )
        for head in heads:
            version = standing.get(head.stream, 0)
            if version != head.expected:
                raise Conflict(f"stream {head.stream} is at version {version}, expected {head.expected}; read it again")

    def _write(self, cursor: Cursor, events: Sequence[NewEvent], heads: Sequence[HeadChange], at: datetime) -> int:
        position, last_time, previous = ledger.last_row(cursor)
        first, last = position + 1, position + len(events)
        rows: list[ledger.StoredRow] = [
            (number, stream, version, name, state)
            for number, (_, stream, version, name, state) in enumerate(events, start=first)
        ]
        recorded_at = max(ledger.timestamp(at), last_time)  # the log's time never goes back
        digests = list(map(ledger.event_digest, rows))
        hashed = ledger.chain(previous, recorded_at, digests)
        sqlite = cursor.dialect == "sqlite"
        # COPY in binary wants UUIDs as they are.
        stored = rows if sqlite else [(row[0], event[0], *row[2:]) for row, event in zip(rows, events, strict=True)]
        insert_many(cursor, _EVENTS, _EVENT_COLUMNS, stored, types=_EVENT_TYPES)
        begun = [(head.stream, head.version, head.content_hash) for head in heads if not head.expected and head.version]
        insert_many(cursor, "stream_heads", _HEAD_COLUMNS, begun, types=_HEAD_TYPES)
        moved = [(head.stream, head.version, head.content_hash) for head in heads if head.expected]
        insert_many(cursor, "stream_heads", _HEAD_COLUMNS, moved, _UPSERT_HEAD, types=_HEAD_TYPES)
        cursor.execute(
            "INSERT INTO ledger (first_position, last_position, recorded_at, hash, digests) VALUES (?, ?, ?, ?, ?)",
            (first, last, recorded_at, hashed, ledger.kept(digests)),
        )
        return last
