"""The audit chain: a row per transaction with a hash over the stored bytes and the row before.

It proves that no event was changed, removed or inserted after the fact, and is the index from time to position, since
events carry no stored time of their own. The hash is over stored bytes, never over a re-encoding.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg

from adapters.database import Cursor, Database
from application.ports import AuditFinding

GENESIS = "0" * 64
KEPT_BYTES = 8  # of each event's digest, in the clear beside the chain, to name the event that does not fit
EVENTS_AT_A_TIME = 500
ROWS_AT_A_TIME = 200

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS ledger (first_position BIGINT PRIMARY KEY, last_position BIGINT NOT NULL, "
    "recorded_at TEXT NOT NULL, hash TEXT NOT NULL, digests BYTES NOT NULL)",
    "CREATE INDEX IF NOT EXISTS ledger_by_time ON ledger (recorded_at, last_position)",
)

# position, stream (hex), version, name, state
StoredRow = tuple[int, str, int, str, bytes]
LedgerRow = tuple[int, int, str, str, bytes]
Problem = tuple[int, str, str]  # position, stream, words


def event_digest(row: StoredRow) -> bytes:
    """The SHA-256 of one event; lengths stand first, so that nothing can shift from one part into the next."""
    position, stream, version, name, state = row
    framed = f"{position}|{version}|{len(stream)}|{len(name)}|{stream}{name}".encode()
    return hashlib.sha256(framed + state).digest()


def chain(previous: str, recorded_at: str, digests: Iterable[bytes]) -> str:
    """The SHA-256 of a transaction behind `previous`, over the digests of its events."""
    return hashlib.sha256(f"{previous}|{recorded_at}|".encode() + b"".join(digests)).hexdigest()


def kept(digests: Iterable[bytes]) -> bytes:
    """What is stored of the digests."""
    return b"".join([digest[:KEPT_BYTES] for digest in digests])


def last_row(cursor: Cursor) -> tuple[int, str, str]:
    """Last position, its time and hash; the beginning where nothing is written yet."""
    cursor.execute("SELECT last_position, recorded_at, hash FROM ledger ORDER BY first_position DESC LIMIT 1")
    row = cursor.fetchone()
    return (int(row[0]), str(row[1]), str(row[2])) if row else (0, "", GENESIS)


def timestamp(at: datetime) -> str:
    """UTC with microseconds, so that text sorts as time does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def verify(database: Database, stream_key: str) -> AuditFinding:
    """Recompute the chain over everything stored; `stream_key` is the SQL that gives a stream as hex.

    What stands in the tables may be anything: SQLite keeps text in a column of numbers, and one flipped bit makes
    text unreadable. Whatever it is, it is named, not stumbled over.
    """
    events = transactions = 0
    previous, position = GENESIS, 0
    try:
        with database.reading() as cursor, _any_text(cursor):
            log = _Log(cursor, stream_key)
            for row in _ledger_rows(cursor):
                problem = _misplaced(row, position)
                if problem is None:
                    found = list(log.upto(row[1]))
                    problem = _missing(row, found) or _changed(row, previous, found)
                if problem is not None:
                    return AuditFinding(False, events, transactions, previous, *problem)
                position, previous = row[1], row[3]
                events += len(found)
                transactions += 1
            extra = next(log.upto(None), None)
            if extra is not None:
                words = f"event {extra[0]} stands behind the end of the ledger ({position}): it was inserted"
                return AuditFinding(False, events, transactions, previous, extra[0], extra[1], words)
            problem = _head_that_differs(cursor, stream_key, position)
            if problem is not None:
                return AuditFinding(False, events, transactions, previous, *problem)
    except (sqlite3.DatabaseError, psycopg.errors.DataCorrupted, psycopg.errors.IndexCorrupted) as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, no such table: no damage
            raise
        words = f"the database is damaged and cannot be read on behind event {position}: {error}"
        return AuditFinding(False, events, transactions, previous, position + 1, "", words)
    return AuditFinding(True, events, transactions, previous)


@contextlib.contextmanager
def _any_text(cursor: Cursor) -> Iterator[None]:
    """Text that is not UTF-8 any more is read all the same, and found by its hash."""
    if cursor.dialect != "sqlite":
        yield
        return
    connection: sqlite3.Connection = cursor.raw.connection
    connection.text_factory = lambda text: text.decode(errors="replace")
    try:
        yield
    finally:
        connection.text_factory = str  # the pool's other users want it refused


class _Log:
    """The stored events in order, from the very lowest position, as (position, stream, digest)."""

    def __init__(self, cursor: Cursor, stream_key: str) -> None:
        self._cursor = cursor
        self._sql = f"SELECT notification_id, {stream_key}, originator_version, topic, state FROM stored_events "
        self._rows = self._read()
        self._next = next(self._rows, None)

    def upto(self, last: int | None) -> Iterator[tuple[int, str, bytes]]:
        """Those that follow, up to position `last`."""
        while self._next is not None and (last is None or self._next[0] <= last):
            event = self._next
            self._next = next(self._rows, None)
            yield event

    def _read(self) -> Iterator[tuple[int, str, bytes]]:
        where = ""
        parameters: tuple[int, ...] = ()
        while True:
            self._cursor.execute(
                f"{self._sql} {where} ORDER BY notification_id LIMIT ?", (*parameters, EVENTS_AT_A_TIME)
            )
            rows = self._cursor.fetchall()
            for position, stream, version, name, state in rows:
                yield position, str(stream), event_digest((position, stream, version, name, _bytes(state)))
            if len(rows) < EVENTS_AT_A_TIME:
                return
            where, parameters = "WHERE notification_id > ?", (rows[-1][0],)


def _bytes(value: Any) -> bytes:
    """SQLite gives back text or a number where somebody wrote that over the bytes."""
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else repr(value).encode()


def _ledger_rows(cursor: Cursor) -> Iterator[LedgerRow]:
    where = ""
    parameters: tuple[int, ...] = ()
    while True:
        cursor.execute(
            f"SELECT first_position, last_position, recorded_at, hash, digests FROM ledger {where} "
            "ORDER BY first_position LIMIT ?",
            (*parameters, ROWS_AT_A_TIME),
        )
        rows = cursor.fetchall()
        for first, last, recorded_at, hashed, digests in rows:
            yield first, last, str(recorded_at), str(hashed), _bytes(digests)
        if len(rows) < ROWS_AT_A_TIME:
            return
        where, parameters = "WHERE first_position > ?", (rows[-1][0],)


def _misplaced(row: LedgerRow, position: int) -> Problem | None:
    """Positions have no gap and no double: each transaction goes on where the one before ended."""
    first, last, _, _, digests = row
    if not (isinstance(first, int) and isinstance(last, int)):
        return position + 1, "", f"the ledger's own row for event {position + 1} was changed"
    if first > position + 1:
        return position + 1, "", f"the ledger's row for event {position + 1} is missing"
    if first <= position:
        return first, "", f"a second row of the ledger begins at event {first}: it was inserted"
    if len(digests) != KEPT_BYTES * (last - first + 1):
        return first, "", f"the ledger's own row for event {first} was changed"
    return None


def _missing(row: LedgerRow, found: list[tuple[int, str, bytes]]) -> Problem | None:
    """The events of a transaction are all there, and no others."""
    first, last = row[:2]
    for expected, (number, stream, _) in enumerate(found, start=first):
        if number < expected:
            return number, stream, f"event {number} stands where none was written: it was inserted"
        if number > expected:
            return expected, "", f"event {expected} was removed"
    if len(found) < last - first + 1:
        return first + len(found), "", f"event {first + len(found)} was removed"
    return None


def _changed(row: LedgerRow, previous: str, found: list[tuple[int, str, bytes]]) -> Problem | None:
    """Which event of a broken transaction is not the one written, by the digests kept beside the chain."""
    first, _, recorded_at, hashed, digests = row
    now = [digest for _, _, digest in found]
    whole = chain(previous, recorded_at, now) == hashed
    if whole and kept(now) == digests:
        return None
    if not whole:
        for place, (number, stream, digest) in enumerate(found):
            if digests[place * KEPT_BYTES : (place + 1) * KEPT_BYTES] != digest[:KEPT_BYTES]:
                return number, stream, f"event {number} of stream {stream} was changed"
    return first, found[0][1], f"the ledger's own row for event {first} ({recorded_at}) was changed"


def _head_that_differs(cursor: Cursor, stream_key: str, position: int) -> Problem | None:
    """Heads stand beside the chain: one turned back lets a stream be written twice, one too far on lost its events.

    And a stream's versions are 1, 2, 3 …: who takes an event out and computes the whole chain anew leaves a gap.
    """
    cursor.execute(
        f"WITH last AS (SELECT {stream_key} AS stream, MIN(originator_version) AS first, "
        "MAX(originator_version) AS version, COUNT(*) AS number, MAX(notification_id) AS place "
        "FROM stored_events GROUP BY originator_id) "
        "SELECT last.stream, last.place, last.version, h.version, last.first, last.number FROM last "
        "LEFT JOIN stream_heads AS h ON h.stream = last.stream WHERE h.version IS NULL OR h.version <> last.version "
        "OR last.first <> 1 OR last.number <> last.version "
        "UNION ALL SELECT h.stream, ?, 0, h.version, 1, 0 FROM stream_heads AS h "
        "LEFT JOIN last ON last.stream = h.stream WHERE last.stream IS NULL ORDER BY 2, 1 LIMIT 1",
        (position + 1,),
    )
    row = cursor.fetchone()
    if row is None:
        return None
    stream, place, version, head, first, number = row
    if first != 1 or number != version:
        words = f"stream {stream} has {number} events, its last is version {version}: a version is missing"
    elif head is None:
        words = f"the head of stream {stream} is missing, its last event is version {version}"
    elif not isinstance(head, int):
        words = f"the head of stream {stream} was changed: its version is {head!r}"
    elif head > version:
        words = f"the head of stream {stream} says version {head}, its last event is {version}: events were removed"
    else:
        words = f"the head of stream {stream} was turned back to version {head}, its last event is {version}"
    return int(place), str(stream), words
