"""The audit chain: whatever is done to the stored rows behind its back, `verify` says so and where."""

import contextlib
import re
import sqlite3
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from workers import event

from adapters.database import Cursor, Database, open_database
from adapters.event_store import DatabaseEventStore
from adapters.event_store import ledger as ledgers
from application.ports import Append
from domain.event import stream_id

STREAMS = [stream_id("us", "thing", name) for name in "abcd"]
OTHER = stream_id("us", "thing", "other")


@pytest.fixture
def written(store: DatabaseEventStore) -> DatabaseEventStore:
    """Positions 1-3 (a1 b1 a2), 4-6 (c1 b2 c2), 7 (d1), 8-9 (a3 d2)."""
    a, b, c, d = STREAMS
    store.append([Append(a, 0, [event(1)]), Append(b, 0, [event(2)]), Append(a, 1, [event(3)])])
    store.append([Append(c, 0, [event(4)]), Append(b, 1, [event(5)]), Append(c, 1, [event(6)])])
    store.append([Append(d, 0, [event(7)])])
    store.append([Append(a, 2, [event(8)]), Append(d, 1, [event(9)])])
    assert store.verify().ok
    return store


def insert(cursor: Cursor, position: int, stream: Any, version: int) -> None:
    columns = "notification_id, originator_id, originator_version, topic, state"
    cursor.execute(
        f"INSERT INTO stored_events ({columns}) SELECT ?, ?, ?, topic, state FROM stored_events "
        "WHERE notification_id = 1",
        (position, stream.hex if cursor.dialect == "sqlite" else stream, version),
    )


def head(cursor: Cursor, stream: Any, version: int) -> None:
    cursor.execute(
        "INSERT INTO stream_heads (stream, version, content_hash) VALUES (?, ?, '') "
        "ON CONFLICT (stream) DO UPDATE SET version = excluded.version",
        (stream.hex, version),
    )


def swap(cursor: Cursor, first: int, second: int) -> None:
    for old, new in ((first, 1_000), (second, first), (1_000, second)):
        cursor.execute("UPDATE stored_events SET notification_id = ? WHERE notification_id = ?", (new, old))


def shift_and_insert(cursor: Cursor, position: int) -> None:
    """Make room in the middle and move everything behind it on, the ledger's rows too."""
    cursor.execute("UPDATE stored_events SET notification_id = notification_id + 1000 WHERE notification_id >= ?",
                   (position,))  # fmt: skip
    cursor.execute("UPDATE stored_events SET notification_id = notification_id - 999 WHERE notification_id >= 1000")
    insert(cursor, position, OTHER, 1)
    head(cursor, OTHER, 1)


def run(sql: str, *parameters: Any) -> Callable[[Cursor], None]:
    return lambda cursor: cursor.execute(sql, parameters)


def all_of(*deeds: Callable[[Cursor], None]) -> Callable[[Cursor], None]:
    def do(cursor: Cursor) -> None:
        for deed in deeds:
            deed(cursor)

    return do


EVENT, LEDGER = "stored_events WHERE notification_id", "ledger WHERE first_position"
CHANGED_STATE = run("UPDATE stored_events SET state = ? WHERE notification_id = 5", b'{"flow":"us"}')
LAST_GONE = all_of(
    run(f"DELETE FROM {EVENT} IN (8, 9)"),
    run(f"DELETE FROM {LEDGER} = 8"),
)
DEEDS: dict[str, tuple[Callable[[Cursor], None], int, str]] = {
    "state changed": (CHANGED_STATE, 5, "event 5 of stream .* was changed"),
    "topic changed": (
        run("UPDATE stored_events SET topic = 'cycle.finished.v1' WHERE notification_id = 4"), 4, "event 4 .* changed"
    ),
    "version changed": (
        run("UPDATE stored_events SET originator_version = 7 WHERE notification_id = 6"), 6, "event 6 .* changed"
    ),
    "stream changed": (
        lambda cursor: cursor.execute(
            "UPDATE stored_events SET originator_id = ? WHERE notification_id = 7",
            (OTHER.hex if cursor.dialect == "sqlite" else OTHER,),
        ), 7, "event 7 .* changed",
    ),
    "changed together with its digest": (
        all_of(CHANGED_STATE, run("UPDATE ledger SET digests = ? WHERE first_position = 4", bytes(24))), 4, "changed"
    ),
    "first removed": (run(f"DELETE FROM {EVENT} = 1"), 1, "event 1 was removed"),
    "middle removed": (run(f"DELETE FROM {EVENT} = 5"), 5, "event 5 was removed"),
    "last of a transaction removed": (run(f"DELETE FROM {EVENT} = 6"), 6, "event 6 was removed"),
    "a whole transaction removed": (run(f"DELETE FROM {EVENT} = 7"), 7, "event 7 was removed"),
    "last removed": (run(f"DELETE FROM {EVENT} = 9"), 9, "event 9 was removed"),
    "last removed with its ledger row": (LAST_GONE, 3, "says version 3, its last event is 2: events were removed"),
    "a stream removed from the tail": (
        all_of(LAST_GONE, run(f"DELETE FROM {EVENT} = 7"), run(f"DELETE FROM {LEDGER} = 7"),
               lambda cursor: head(cursor, STREAMS[0], 2)),
        7, "says version 2, its last event is 0: events were removed",
    ),
    "everything removed": (
        all_of(run("DELETE FROM stored_events"), run("DELETE FROM ledger")), 1, "events were removed"
    ),
    "inserted before the first": (
        all_of(lambda cursor: insert(cursor, 0, OTHER, 1), lambda cursor: head(cursor, OTHER, 1)), 0, "inserted"
    ),
    "inserted far before the first": (
        all_of(lambda cursor: insert(cursor, -7, OTHER, 1), lambda cursor: head(cursor, OTHER, 1)), -7, "inserted"
    ),
    "inserted in the middle, the rest moved on": (lambda cursor: shift_and_insert(cursor, 5), 5, "event 5 .* changed"),
    "inserted at the tail": (lambda cursor: insert(cursor, 10, OTHER, 1), 10, "event 10 stands behind the end"),
    "inserted far behind the tail": (lambda cursor: insert(cursor, 99, OTHER, 1), 99, "event 99 stands behind"),
    "swapped in a transaction": (lambda cursor: swap(cursor, 4, 6), 4, "event 4 .* changed"),
    "swapped over transactions": (lambda cursor: swap(cursor, 2, 8), 2, "event 2 .* changed"),
    "first ledger row removed": (run(f"DELETE FROM {LEDGER} = 1"), 1, "ledger's row for event 1 is missing"),
    "middle ledger row removed": (run(f"DELETE FROM {LEDGER} = 4"), 4, "ledger's row for event 4 is missing"),
    "last ledger row removed": (run(f"DELETE FROM {LEDGER} = 8"), 8, "event 8 stands behind the end"),
    "ledger hash changed": (
        run("UPDATE ledger SET hash = ? WHERE first_position = 4", "f" * 64), 4, "ledger's own row for event 4"
    ),
    "ledger time changed": (
        run("UPDATE ledger SET recorded_at = '2020-01-01T00:00:00.000000Z' WHERE first_position = 7"),
        7, "ledger's own row for event 7",
    ),
    "ledger digests changed": (
        run("UPDATE ledger SET digests = ? WHERE first_position = 4", bytes(24)), 4, "ledger's own row for event 4"
    ),
    "ledger digests cut": (
        run("UPDATE ledger SET digests = ? WHERE first_position = 4", bytes(16)), 4, "ledger's own row for event 4"
    ),
    "ledger end too early": (
        run("UPDATE ledger SET last_position = 5 WHERE first_position = 4"), 4, "ledger's own row for event 4"
    ),
    "ledger end too late": (
        run("UPDATE ledger SET last_position = 11 WHERE first_position = 8"), 8, "ledger's own row for event 8"
    ),
    "ledger row inserted": (
        run(f"INSERT INTO ledger SELECT 5, last_position, recorded_at, hash, digests FROM {LEDGER} = 4"),
        5, "a second row of the ledger begins at event 5",
    ),
    "ledger row before the first": (
        run(f"INSERT INTO ledger SELECT -3, 9, recorded_at, hash, digests FROM {LEDGER} = 1"),
        -3, "a second row of the ledger begins at event -3",
    ),
    "head turned back": (
        lambda cursor: head(cursor, STREAMS[1], 1), 5, "turned back to version 1, its last event is 2"
    ),
    "head too far on": (lambda cursor: head(cursor, STREAMS[1], 3), 5, "says version 3, its last event is 2"),
    "head removed": (lambda cursor: cursor.execute("DELETE FROM stream_heads WHERE stream = ?", (STREAMS[2].hex,)),
                     6, "the head of stream .* is missing"),
    "head invented": (lambda cursor: head(cursor, OTHER, 1), 10, "says version 1, its last event is 0"),
}  # fmt: skip


# What only SQLite lets happen: any type in any column, and text that is none.
ODD_DEEDS: dict[str, tuple[str, int, str]] = {
    "state a number": ("UPDATE stored_events SET state = 1000000000000000 WHERE notification_id = 5", 5, "changed"),
    "state a fraction": ("UPDATE stored_events SET state = 1.5 WHERE notification_id = 5", 5, "event 5 .* changed"),
    "version a word": ("UPDATE stored_events SET originator_version = 'x' WHERE notification_id = 5", 5, "changed"),
    "version bytes": ("UPDATE stored_events SET originator_version = x'00ff' WHERE notification_id = 5", 5, "changed"),
    "topic no text": (
        "UPDATE stored_events SET topic = CAST(x'ff66' AS TEXT) WHERE notification_id = 5", 5, "event 5 .* changed"
    ),
    "topic bytes": (
        "UPDATE stored_events SET topic = CAST(topic AS BLOB) WHERE notification_id = 5", 5, "event 5 .* changed"
    ),
    "stream no text": (
        "UPDATE stored_events SET originator_id = CAST(x'ff66' AS TEXT) WHERE notification_id = 5", 5, "changed"
    ),
    "ledger begin a word": ("UPDATE ledger SET first_position = 'x' WHERE first_position = 4", 4, "row for event 4"),
    "last ledger begin a word": (
        "UPDATE ledger SET first_position = 'x' WHERE first_position = 8", 8, "row for event 8 was changed"
    ),
    "ledger end a word": ("UPDATE ledger SET last_position = 'x' WHERE first_position = 4", 4, "row for event 4"),
    "ledger end beyond measure": (
        "UPDATE ledger SET last_position = 1 << 62 WHERE first_position = 4", 4, "row for event 4"
    ),
    "ledger hash no text": (
        "UPDATE ledger SET hash = CAST(x'ff' AS TEXT) WHERE first_position = 4", 4, "row for event 4"
    ),
    "ledger time no text": (
        "UPDATE ledger SET recorded_at = CAST(x'ff' AS TEXT) WHERE first_position = 4", 4, "row for event 4"
    ),
    "ledger digests a number": ("UPDATE ledger SET digests = 1000000000000000 WHERE first_position = 4", 4, "event 4"),
    "head a word": (
        f"UPDATE stream_heads SET version = 'x' WHERE stream = '{STREAMS[1].hex}'", 5, "changed: its version is 'x'"
    ),
    "head of no text": (
        f"UPDATE stream_heads SET stream = CAST(x'ff' AS TEXT) WHERE stream = '{STREAMS[2].hex}'", 6, "is missing"
    ),
}  # fmt: skip


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("deed", ODD_DEEDS)
def test_what_is_no_number_and_no_text_is_named_too(written: DatabaseEventStore, database: Database, deed: str) -> None:
    """An audit that stumbles over one bad value says nothing about where it is."""
    sql, position, words = ODD_DEEDS[deed]
    with database.transaction() as cursor:
        cursor.execute(sql)
    finding = written.verify()
    assert not finding.ok
    assert finding.position == position, finding.problem
    assert re.search(words, finding.problem), finding.problem
    with pytest.raises(sqlite3.OperationalError, match="decode"), database.reading() as cursor:
        cursor.execute("SELECT CAST(x'ff' AS TEXT)")  # the audit leaves the pool's connections as they were
        cursor.fetchone()


@pytest.mark.parametrize("deed", DEEDS)
def test_what_was_done_behind_its_back_is_named(written: DatabaseEventStore, database: Database, deed: str) -> None:
    do, position, words = DEEDS[deed]
    with database.transaction() as cursor:
        do(cursor)
    finding = written.verify()
    assert not finding.ok
    assert finding.position == position, finding.problem
    assert re.search(words, finding.problem), finding.problem


def test_an_untouched_log_is_in_order(written: DatabaseEventStore, database: Database) -> None:
    finding = written.verify()
    assert (finding.ok, finding.events, finding.transactions, finding.problem) == (True, 9, 4, "")
    with database.reading() as cursor:
        assert ledgers.last_row(cursor)[2] == finding.head
    assert written.append([Append(OTHER, 0, [event(1)])]) == 10
    assert written.verify().head != finding.head


def test_an_empty_log_is_in_order(store: DatabaseEventStore) -> None:
    finding = store.verify()
    assert (finding.ok, finding.events, finding.head) == (True, 0, ledgers.GENESIS)


def test_the_portions_of_an_audit_do_not_matter(
    written: DatabaseEventStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written.verify()
    for events, rows in ((1, 1), (2, 3), (3, 2), (9, 4)):
        monkeypatch.setattr(ledgers, "EVENTS_AT_A_TIME", events)
        monkeypatch.setattr(ledgers, "ROWS_AT_A_TIME", rows)
        assert written.verify() == whole
    with database.transaction() as cursor:
        CHANGED_STATE(cursor)
    monkeypatch.setattr(ledgers, "EVENTS_AT_A_TIME", 2)
    assert written.verify().position == 5


def test_nothing_can_shift_between_the_parts_of_an_event() -> None:
    rows: list[ledgers.StoredRow] = [
        (1, "ab", 1, "name", b"state"),
        (1, "ab", 1, "names", b"tate"),
        (1, "abn", 1, "ame", b"state"),
        (11, "ab", 1, "name", b"state"),
        (1, "ab", 11, "name", b"state"),
        (1, "ab", 1, "name|5|state", b""),
    ]
    assert len({ledgers.event_digest(row) for row in rows}) == len(rows)


def test_a_version_left_out_is_named_though_the_chain_was_computed_anew(
    written: DatabaseEventStore, database: Database
) -> None:
    """b1 (position 2) is taken out, all behind it moves up, the chain is made to fit: b's versions begin with 2."""
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM stored_events WHERE notification_id = 2")
        cursor.execute("UPDATE stored_events SET notification_id = notification_id + 1000 WHERE notification_id > 2")
        cursor.execute("UPDATE stored_events SET notification_id = notification_id - 1001 WHERE notification_id > 1000")
        cursor.execute("DELETE FROM ledger")
        compute_anew(cursor, (1, 3, 6, 7, 9))
    finding = written.verify()
    assert (finding.ok, finding.position) == (False, 4)
    assert finding.stream == STREAMS[1].hex
    assert finding.problem.endswith("has 1 events, its last is version 2: a version is missing")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_damaged_file_is_a_finding(written: DatabaseEventStore, database: Database, database_url: str) -> None:
    """A page of the events that is overwritten: the audit says behind which event nothing can be read."""
    for number in range(60):
        stream = stream_id("us", "more", str(number))
        written.append([Append(stream, 0, [event(n) for n in range(20)])])
    with database.reading() as cursor:
        cursor.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'stored_events'")
        (row,) = cursor.fetchall()
    database.close()
    path = Path(database_url.removeprefix("sqlite:///"))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((row[0] - 1) * size)
        file.write(b"\xff" * size)
    with contextlib.closing(open_database(database_url)) as damaged:
        finding = ledgers.verify(damaged, "originator_id")
    assert (finding.ok, finding.position) == (False, 1)
    assert finding.problem.startswith("the database is damaged and cannot be read on behind event 0: ")


def test_a_missing_table_is_no_finding(database: Database) -> None:
    """What is not damage is not called tampering."""
    with pytest.raises(Exception, match=r"(?i)(no such table|does not exist)"):
        ledgers.verify(database, "originator_id")


def compute_anew(cursor: Cursor, begins: tuple[int, ...]) -> str:
    """Write the whole chain over what is stored now, as somebody who knows how it is made can; its head."""
    key = "originator_id" if cursor.dialect == "sqlite" else "replace(originator_id::text, '-', '')"
    cursor.execute(f"SELECT notification_id, {key}, originator_version, topic, state FROM stored_events ORDER BY 1")
    rows = [(*row[:4], bytes(row[4])) for row in cursor.fetchall()]
    previous, at = ledgers.GENESIS, "2026-11-24T08:00:00.000000Z"
    for first, after in pairwise(begins):
        digests = [ledgers.event_digest(row) for row in rows[first - 1 : after - 1]]
        previous = ledgers.chain(previous, at, digests)
        cursor.execute(
            "INSERT INTO ledger (first_position, last_position, recorded_at, hash, digests) VALUES (?, ?, ?, ?, ?)",
            (first, after - 1, at, previous, ledgers.kept(digests)),
        )
    return previous


def test_a_changed_past_cannot_keep_the_present_head(written: DatabaseEventStore, database: Database) -> None:
    """Who rewrites the whole chain, digests and all, still gets another head: that is what to keep elsewhere."""
    honest = written.verify().head
    with database.transaction() as cursor:
        CHANGED_STATE(cursor)
        cursor.execute("DELETE FROM ledger")
        computed = compute_anew(cursor, (1, 4, 7, 8, 10))
    finding = written.verify()
    assert finding.ok
    assert finding.head == computed != honest
