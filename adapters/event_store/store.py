"""The event store of the use cases: append many streams at once, load many, read the log."""

import copy
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from adapters.database import Cursor, Database, in_many
from adapters.event_store import ledger
from adapters.event_store.mapper import EventMapper
from adapters.event_store.recorders import BatchRecorder, HeadChange, NewEvent
from application.ports import Append, AuditFinding, Clock, Head, Recorded
from domain.errors import Conflict
from domain.event import Event

_STREAM_KEY = {"sqlite": "originator_id", "postgresql": "replace(originator_id::text, '-', '')"}


class DatabaseEventStore:
    """ports.EventStore and ports.Ledger on one database."""

    def __init__(self, database: Database, clock: Clock, mapper: EventMapper | None = None) -> None:
        self._database = database
        self._clock = clock
        self._mapper = mapper or EventMapper()
        self._recorder = BatchRecorder(database)
        self._stream_key = _STREAM_KEY[database.dialect]
        self._guard: Callable[[Cursor], None] | None = None

    def guarded(self, guard: Callable[[Cursor], None]) -> "DatabaseEventStore":
        """The same store for one run: `guard` looks in each append's transaction whether the run may still write."""
        store = copy.copy(self)
        store._guard = guard
        return store

    def append(self, appends: Sequence[Append]) -> int:
        """See ports.EventStore.append."""
        events: list[NewEvent] = []
        heads: dict[str, HeadChange] = {}
        encode = self._mapper.encode
        for entry in appends:
            stream = entry.stream.hex
            expected, version, digest = entry.expected, entry.expected, entry.content_hash or ""
            if (former := heads.get(stream)) is not None:
                if former.version != version:
                    raise Conflict(f"stream {stream} gets to version {former.version} here, expected {version}")
                expected, digest = former.expected, digest or former.content_hash
            for event in entry.events:
                version += 1
                events.append((entry.stream, stream, version, *encode(event)))
            heads[stream] = HeadChange(stream, expected, version, digest)
        if not events:
            return self.end()
        return self._recorder.insert(events, list(heads.values()), self._clock(), self._guard)

    def load(self, streams: Sequence[UUID]) -> dict[UUID, list[Event]]:
        """See ports.EventStore.load."""
        if not streams:
            return {}
        sqlite = self._database.dialect == "sqlite"
        keys = {(stream.hex if sqlite else stream): stream for stream in streams}
        with self._database.reading() as cursor:
            rows = in_many(
                cursor,
                "SELECT originator_id, topic, state FROM stored_events WHERE originator_id IN ({ids}) "
                "ORDER BY originator_id, originator_version",
                list(keys),
            )
        loaded: dict[UUID, list[Event]] = {}
        decode = self._mapper.decode
        for key, name, state in rows:
            loaded.setdefault(keys[key], []).append(decode(name, state))
        return loaded

    def heads(self, streams: Sequence[UUID]) -> dict[UUID, Head]:
        """See ports.EventStore.heads."""
        keys = {stream.hex: stream for stream in streams}
        with self._database.reading() as cursor:
            rows = in_many(
                cursor, "SELECT stream, version, content_hash FROM stream_heads WHERE stream IN ({ids})", list(keys)
            )
        return {keys[stream]: Head(version, digest) for stream, version, digest in rows}

    def read(self, after: int, limit: int, upto: int | None = None) -> list[Recorded]:
        """See ports.EventStore.read."""
        sql = (
            "SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events "
            "WHERE notification_id > ? AND notification_id <= ? ORDER BY notification_id LIMIT ?"
        )
        with self._database.reading() as cursor:
            cursor.execute(sql, (after, upto if upto is not None else 2**62, limit))
            rows = cursor.fetchall()
        decode = self._mapper.decode
        sqlite = self._database.dialect == "sqlite"
        return [
            Recorded(position, stream if sqlite else stream.hex, version, name, decode(name, state))
            for position, stream, version, name, state in rows
        ]

    def end(self) -> int:
        """See ports.EventStore.end."""
        with self._database.reading() as cursor:
            return ledger.last_row(cursor)[0]

    def position_at(self, at: datetime) -> int:
        """See ports.EventStore.position_at."""
        with self._database.reading() as cursor:
            cursor.execute(
                "SELECT last_position FROM ledger WHERE recorded_at <= ? "
                "ORDER BY recorded_at DESC, last_position DESC LIMIT 1",
                (ledger.timestamp(at),),
            )
            row = cursor.fetchone()
        return int(row[0]) if row else 0

    def verify(self) -> AuditFinding:
        """See ports.Ledger.verify."""
        return ledger.verify(self._database, self._stream_key)


def create_event_store(database: Database, clock: Clock) -> DatabaseEventStore:
    """The store, its tables made if they are not there."""
    return DatabaseEventStore(database, clock)
