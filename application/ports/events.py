"""The event store and its ledger."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.event import Event


class Append(msgspec.Struct, frozen=True):
    """New events for one stream. `expected` is the stream's version before (0: new; versions count from 1).

    `content_hash` becomes the stream head's: it answers 'seen, same or changed?'. None keeps the former one.
    """

    stream: UUID
    expected: int
    events: Sequence[Event]
    content_hash: str | None = None


class Head(msgspec.Struct, frozen=True):
    """A stream's last version and the hash of the content it was last given."""

    version: int
    content_hash: str


class Recorded(msgspec.Struct, frozen=True):
    """An event as stored: position in the log (from 1), the stream's id as 32 hex digits, version, stored name."""

    position: int
    stream: str
    version: int
    name: str
    event: Event


class EventStore(Protocol):
    """Append-only streams of events in one log, with heads and the audit ledger written in the same transaction."""

    def append(self, appends: Sequence[Append]) -> int:
        """Save all or nothing; the position of the last event (the current end where there is nothing to save).

        Raises Conflict if any stream is not at its expected version.
        """

    def load(self, streams: Sequence[UUID]) -> dict[UUID, list[Event]]:
        """The events of many streams in order; streams that do not exist are absent. One query per 500 streams."""

    def heads(self, streams: Sequence[UUID]) -> dict[UUID, Head]:
        """The heads of those of the streams that exist. One query per 1,000 streams."""

    def read(self, after: int, limit: int, upto: int | None = None) -> list[Recorded]:
        """The log in order from behind position `after`, at most `limit` events, none behind `upto`."""

    def end(self) -> int:
        """The position of the last event, 0 if there is none."""

    def position_at(self, at: datetime) -> int:
        """The last position recorded at or before `at`, by the ledger's times; 0 if nothing was."""


class AuditFinding(msgspec.Struct, frozen=True):
    """What `verify` found: `ok`, how many events and ledger rows were read, and if not ok what is wrong where."""

    ok: bool
    events: int
    transactions: int
    head: str
    position: int | None = None
    stream: str = ""
    problem: str = ""


class Ledger(Protocol):
    """The tamper-evident chain over the stored bytes: one row per transaction."""

    def verify(self) -> AuditFinding:
        """Recompute the chain over all stored events; names the first that was changed, removed or inserted."""
