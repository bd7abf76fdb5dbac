"""The audit chain: a row per transaction with a hash over the stored bytes and the row before.

It proves that no event was changed, removed or inserted after the fact, and is the index from time to position, since
events carry no stored time of their own. The hash is over stored bytes, never over a re-encoding.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from adapters.database import Cursor, Database
from application.ports import AuditFinding

GENESIS = "0" * 64
DIGEST_BYTES = 8

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS ledger (first_position BIGINT PRIMARY KEY, last_position BIGINT NOT NULL, "
    "recorded_at TEXT NOT NULL, hash TEXT NOT NULL, digests BYTES NOT NULL)",
    "CREATE INDEX IF NOT EXISTS ledger_by_time ON ledger (recorded_at, last_position)",
)

# position, stream (hex), version, name, state
StoredRow = tuple[int, str, int, str, bytes]


def chain(previous: str, recorded_at: str, rows: Iterable[StoredRow]) -> str:
    """The hash of a transaction's rows behind `previous`; every part is length-framed so that none can shift."""
    digest = hashlib.blake2b(f"{previous}|{recorded_at}".encode(), digest_size=32)
    update = digest.update
    for position, stream, version, name, state in rows:
        update(f"|{position}|{stream}|{version}|{name}|{len(state)}|".encode())
        update(state)
    return digest.hexdigest()


def last_row(cursor: Cursor) -> tuple[int, str, str]:
    """Last position, its time and hash; the beginning where nothing is written yet."""
    cursor.execute("SELECT last_position, recorded_at, hash FROM ledger ORDER BY first_position DESC LIMIT 1")
    row = cursor.fetchone()
    return (int(row[0]), str(row[1]), str(row[2])) if row else (0, "", GENESIS)


def timestamp(at: datetime) -> str:
    """UTC with microseconds, so that text sorts as time does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def verify(database: Database, stream_key: str) -> AuditFinding:
    """Recompute the chain over everything stored; `stream_key` is the SQL that gives a stream as hex."""
    events = transactions = 0
    previous, position = GENESIS, 0
    after = 0
    with database.reading() as cursor:
        while True:
            cursor.execute(
                "SELECT first_position, last_position, recorded_at, hash, digests FROM ledger "
                "WHERE first_position > ? ORDER BY first_position LIMIT 200",
                (after,),
            )
            ledger_rows = cursor.fetchall()
            if not ledger_rows:
                break
            after = ledger_rows[-1][0]
            rows_by_transaction = _rows(cursor, stream_key, position, ledger_rows)
            for (first, last, recorded_at, stored_hash, digests), rows in zip(
                ledger_rows, rows_by_transaction, strict=True
            ):
                finding = _check(first, last, position, rows)
                if finding is None and chain(previous, recorded_at, rows) != stored_hash:
                    finding = _changed(recorded_at, rows, bytes(digests))
                if finding is not None:
                    return AuditFinding(False, events, transactions, previous, *finding)
                previous, position = stored_hash, last
                events += len(rows)
                transactions += 1
        cursor.execute(f"SELECT notification_id, {stream_key} FROM stored_events WHERE notification_id > ? "
                       "ORDER BY notification_id LIMIT 1", (position,))  # fmt: skip
        extra = cursor.fetchone()
        if extra is not None:
            problem = f"event {extra[0]} stands behind the end of the ledger ({position}): it was inserted"
            return AuditFinding(False, events, transactions, previous, int(extra[0]), str(extra[1]), problem)
        head = _heads_agree(cursor, stream_key)
        if head is not None:
            return AuditFinding(False, events, transactions, previous, None, *head)
    return AuditFinding(True, events, transactions, previous)


def _rows(
    cursor: Cursor, stream_key: str, position: int, ledger_rows: list[tuple[object, ...]]
) -> list[list[StoredRow]]:
    """The stored rows of each ledger row, read in order."""
    last = ledger_rows[-1][1]
    cursor.execute(
        f"SELECT notification_id, {stream_key}, originator_version, topic, state FROM stored_events "
        "WHERE notification_id > ? AND notification_id <= ? ORDER BY notification_id",
        (position, last),
    )
    stored = cursor.fetchall()
    result: list[list[StoredRow]] = []
    index = 0
    for _, end, *_ in ledger_rows:
        rows: list[StoredRow] = []
        while index < len(stored) and stored[index][0] <= end:
            row = stored[index]
            rows.append((int(row[0]), str(row[1]), int(row[2]), str(row[3]), bytes(row[4])))
            index += 1
        result.append(rows)
    return result


def _check(first: int, last: int, position: int, rows: list[StoredRow]) -> tuple[int, str, str] | None:
    """Positions have no gap and no double: each transaction goes on where the one before ended."""
    if first != position + 1:
        return position + 1, "", f"the ledger's row for event {position + 1} is missing"
    for expected, row in enumerate(rows, start=first):
        if row[0] < expected:
            return row[0], row[1], f"event {row[0]} stands twice in the log: it was inserted"
        if row[0] > expected:
            return expected, "", f"event {expected} was removed"
    if len(rows) < last - first + 1:
        return first + len(rows), "", f"event {first + len(rows)} was removed"
    return None


def _changed(recorded_at: str, rows: list[StoredRow], digests: bytes) -> tuple[int, str, str]:
    """Which event of a broken transaction is not the one written, by the short hashes kept beside the chain."""
    for place, row in enumerate(rows):
        kept = digests[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES]
        if kept != event_digest(row):
            return row[0], row[1], f"event {row[0]} of stream {row[1]} was changed"
    position, stream, *_ = rows[0]
    return position, stream, f"the ledger's own row for event {position} ({recorded_at}) was changed"


def event_digest(row: StoredRow) -> bytes:
    """A short hash of one event, to name it within its transaction; the chain is what proves."""
    framed = f"{row[0]}|{row[1]}|{row[2]}|{row[3]}|".encode() + row[4]
    return hashlib.blake2b(framed, digest_size=DIGEST_BYTES).digest()


def _heads_agree(cursor: Cursor, stream_key: str) -> tuple[str, str] | None:
    """Stream heads stand beside the chain; one that was turned back would let a stream be written twice."""
    cursor.execute(
        f"SELECT e.stream, e.version, h.version FROM (SELECT {stream_key} AS stream, "
        "MAX(originator_version) AS version FROM stored_events GROUP BY originator_id) AS e "
        "LEFT JOIN stream_heads AS h ON h.stream = e.stream "
        "WHERE h.version IS NULL OR h.version <> e.version LIMIT 1"
    )
    row = cursor.fetchone()
    if row is None:
        return None
    return str(row[0]), f"the head of stream {row[0]} says version {row[2]}, its last event is {row[1]}"
