"""The library's recorders, writing a batch with its heads and its ledger row in one transaction.

Positions are given here, in order, under the writer's lock (SQLite: BEGIN IMMEDIATE; PostgreSQL: the library's own
EXCLUSIVE lock on the events table), so that the order of commits is the order of the log and no reader that follows
it can miss an event. The library's selects work on the same tables.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from adapters.database import DUPLICATE_KEY, Cursor, Database, in_many, insert_many
from adapters.event_store import ledger
from domain.errors import Conflict

_EVENTS = "stored_events"
_UPSERT_HEAD = (
    "ON CONFLICT (stream) DO UPDATE SET version = excluded.version, "
    "content_hash = CASE WHEN excluded.content_hash = '' THEN stream_heads.content_hash ELSE excluded.content_hash END"
)
HEADS_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS stream_heads (stream TEXT PRIMARY KEY, version BIGINT NOT NULL, "
    "content_hash TEXT NOT NULL)",
)


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

    def insert(self, events: Sequence[StoredEvent], heads: Sequence[HeadChange], at: datetime) -> int:
        """Write all or nothing; the last position. Raises Conflict where a stream is not at its expected version."""
        try:
            with self._database.transaction() as cursor:
                if cursor.dialect == "postgresql":
                    cursor.execute(f"LOCK TABLE {_EVENTS} IN EXCLUSIVE MODE")
                self._check_versions(cursor, heads)
                return self._write(cursor, events, heads, at)
        except DUPLICATE_KEY as error:
            raise Conflict("a stream was written by somebody else; read it again") from error

    def _check_versions(self, cursor: Cursor, heads: Sequence[HeadChange]) -> None:
        standing = dict(
            in_many(
                cursor, "SELECT stream, version FROM stream_heads WHERE stream IN ({ids})", [h.stream for h in heads]
            )
        )
        for head in heads:
            version = standing.get(head.stream, 0)
            if version != head.expected:
                raise Conflict(f"stream {head.stream} is at version {version}, expected {head.expected}; read it again")

    def _write(self, cursor: Cursor, events: Sequence[StoredEvent], heads: Sequence[HeadChange], at: datetime) -> int:
        position, last_time, previous = ledger.last_row(cursor)
        first = position + 1
        keys = {event.originator_id: UUID(str(event.originator_id)).hex for event in events}
        rows: list[ledger.StoredRow] = [
            (number, keys[event.originator_id], event.originator_version, event.topic, event.state)
            for number, event in enumerate(events, start=first)
        ]
        last = rows[-1][0]
        recorded_at = max(ledger.timestamp(at), last_time)  # the log's time never goes back
        hashed = ledger.chain(previous, recorded_at, rows)
        digests = b"".join(map(ledger.event_digest, rows))
        insert_many(
            cursor,
            _EVENTS,
            ("notification_id", "originator_id", "originator_version", "topic", "state"),
            rows,
        )
        insert_many(
            cursor,
            "stream_heads",
            ("stream", "version", "content_hash"),
            [(head.stream, head.version, head.content_hash) for head in heads],
            _UPSERT_HEAD,
        )
        cursor.execute(
            "INSERT INTO ledger (first_position, last_position, recorded_at, hash, digests) VALUES (?, ?, ?, ?, ?)",
            (first, last, recorded_at, hashed, digests),
        )
        return last
