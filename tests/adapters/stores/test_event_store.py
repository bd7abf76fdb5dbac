"""The log on both databases: the contract, rivals, names and shapes that must stay readable for ever."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import msgspec
import pytest
from examples import DOCUMENTS, EXAMPLES
from workers import append_many, append_once, event, open_all, started, together

from adapters.database import Database
from adapters.event_store import DatabaseEventStore, create_event_store
from adapters.event_store.mapper import EVENTS, EventMapper
from adapters.nul import without_nul
from application.ports import Append, Head
from domain.errors import BadInput, Conflict, Tampered
from domain.event import Event, stream_id
from domain.mapping import QuickBooksRef
from domain.posting import PostingPlanned

GOLDEN = Path(__file__).parent / "golden"
A, B, C = (stream_id("us", "thing", name) for name in "abc")


def everything(database: Database) -> list[list[tuple[Any, ...]]]:
    tables = {"stored_events": "notification_id", "stream_heads": "stream", "ledger": "first_position"}
    with database.reading() as cursor:
        found = []
        for table, order in tables.items():
            cursor.execute(f"SELECT * FROM {table} ORDER BY {order}")
            found.append(cursor.fetchall())
    return found


# --- the contract ------------------------------------------------------------------------------------------------


def test_what_was_appended_is_loaded_in_order(store: DatabaseEventStore) -> None:
    assert store.append([Append(A, 0, [event(1), event(2)]), Append(B, 0, [event(3)])]) == 3
    assert store.append([Append(A, 2, [event(4)])]) == 4
    assert store.load([B, A, C, A]) == {A: [event(1), event(2), event(4)], B: [event(3)]}
    assert store.load([]) == {}


def test_a_stream_may_come_twice_in_one_append(store: DatabaseEventStore) -> None:
    store.append([Append(A, 0, [event(1)], "one"), Append(B, 0, [event(2)]), Append(A, 1, [event(3)])])
    assert store.load([A])[A] == [event(1), event(3)]
    assert store.heads([A])[A] == Head(2, "one")


@pytest.mark.parametrize("second", [0, 2, 7])
def test_a_stream_that_comes_twice_must_go_on_where_it_was(
    store: DatabaseEventStore, database: Database, second: int
) -> None:
    with pytest.raises(Conflict):
        store.append([Append(A, 0, [event(1)]), Append(A, second, [event(2)])])
    assert everything(database) == [[], [], []]


def test_heads_keep_the_content_hash_until_another_comes(store: DatabaseEventStore) -> None:
    store.append([Append(A, 0, [event(1)], "first"), Append(B, 0, [event(1)])])
    assert store.heads([A, B, C]) == {A: Head(1, "first"), B: Head(1, "")}
    store.append([Append(A, 1, [event(2)]), Append(B, 1, [event(2)], "second")])
    assert store.heads([A, B]) == {A: Head(2, "first"), B: Head(2, "second")}


@pytest.mark.parametrize("name", ["flow.paused.v1", "mapping.changed.v1", "posting.released.v1"])
def test_what_a_person_writes_is_one_line(store: DatabaseEventStore, database: Database, name: str) -> None:
    for character, code in (("\0", "U+0000"), ("\x1b[2J", "U+001B"), ("\n", "U+000A"), ("\x7f", "U+007F")):
        wrong = msgspec.structs.replace(EXAMPLES[name], why=f"a{character}b")  # type: ignore[call-arg]
        with pytest.raises(BadInput, match=f"^why: .*{re.escape(code)}"):
            store.append([Append(A, 0, [wrong])])
    assert everything(database) == [[], [], []]


def test_no_text_of_any_depth_holds_nul(store: DatabaseEventStore) -> None:
    """PostgreSQL would keep the event's bytes and take no view of it, ever."""
    changed = EXAMPLES["mapping.changed.v1"]
    deep = msgspec.structs.replace(changed, banks={"USD": QuickBooksRef("1", "Check\0ing")})  # type: ignore[call-arg]
    with pytest.raises(BadInput, match="NUL"):
        store.append([Append(A, 0, [deep])])
    spelled = msgspec.structs.replace(changed, banks={"USD": QuickBooksRef("1", r"C:\u0000")})  # type: ignore[call-arg]
    assert store.append([Append(A, 0, [spelled])]) == 1
    assert store.load([A])[A] == [spelled]


def test_a_vendors_nul_is_read_as_what_it_cannot_be() -> None:
    text = msgspec.json.encode({"title": "a\0b", "path": r"\u0000", "end": "\\\0"})
    assert msgspec.json.decode(without_nul(text)) == {"title": "a\ufffdb", "path": r"\u0000", "end": "\\\ufffd"}


def test_a_stream_without_events_gets_no_head(store: DatabaseEventStore) -> None:
    store.append([Append(A, 0, [event(1)]), Append(B, 0, [])])
    assert store.heads([A, B]) == {A: Head(1, "")}
    assert store.verify().ok


def test_nothing_to_save_is_the_end_of_the_log(store: DatabaseEventStore, database: Database) -> None:
    assert store.append([]) == 0
    store.append([Append(A, 0, [event(1), event(2)])])
    before = everything(database)
    assert store.append([]) == store.append([Append(A, 2, [])]) == store.end() == 2
    assert everything(database) == before


def test_the_log_is_read_in_portions_and_up_to_a_position(store: DatabaseEventStore) -> None:
    for number in range(5):
        store.append([Append(A, 2 * number, [event(2 * number), event(2 * number + 1)])])
    recorded = store.read(0, 100)
    assert [(r.position, r.stream, r.version, r.name, r.event) for r in recorded] == [
        (n + 1, A.hex, n + 1, "cycle.started.v1", event(n)) for n in range(10)
    ]
    assert [r.position for r in store.read(3, 4)] == [4, 5, 6, 7]
    assert [r.position for r in store.read(3, 100, upto=5)] == [4, 5]
    assert store.read(10, 100) == []


def test_large_appends_and_small_ones_make_the_same_log(store: DatabaseEventStore) -> None:
    """On PostgreSQL more than twenty rows travel by COPY; both ways must store the same."""
    streams = [stream_id("us", "many", str(number)) for number in range(1_200)]
    store.append([Append(stream, 0, [event(n)], f"h{n}") for n, stream in enumerate(streams)])
    store.append([Append(stream, 1, [event(n)], f"g{n}" if n % 2 else None) for n, stream in enumerate(streams)])
    for number, stream in enumerate(streams[:5]):
        store.append([Append(stream, 2, [event(number)])])
    assert store.end() == 2_405
    heads = store.heads([*streams, *streams])
    assert [heads[stream] for stream in streams] == [
        Head(3 if n < 5 else 2, f"g{n}" if n % 2 else f"h{n}") for n in range(1_200)
    ]
    loaded = store.load([*streams, *streams])
    assert [loaded[stream] for stream in streams] == [[event(n)] * (3 if n < 5 else 2) for n in range(1_200)]
    assert store.verify().ok


def test_the_position_at_a_time(store: DatabaseEventStore, clock: Any) -> None:
    assert store.position_at(clock.now) == 0
    moments = []
    for number in range(4):
        store.append([Append(A, 2 * number, [event(1), event(2)])])
        moments.append(clock.now)
        clock.advance(0.5)
    assert [store.position_at(moment) for moment in moments] == [2, 4, 6, 8]
    assert store.position_at(moments[1] + timedelta(microseconds=1)) == 4
    assert store.position_at(moments[1] - timedelta(microseconds=1)) == 2
    assert store.position_at(datetime(2026, 1, 1, tzinfo=UTC)) == 0
    assert store.position_at(datetime(2030, 1, 1, tzinfo=UTC)) == 8


def test_the_logs_time_never_goes_back(store: DatabaseEventStore, clock: Any) -> None:
    store.append([Append(A, 0, [event(1)])])
    late = clock.now
    clock.advance(-3_600)
    store.append([Append(A, 1, [event(2)])])
    assert store.position_at(clock.now) == 0
    assert store.position_at(late) == 2
    assert store.verify().ok


# --- rivals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expected", [0, 1, 3, 9])
def test_a_wrong_version_is_a_conflict_and_leaves_nothing_behind(
    store: DatabaseEventStore, database: Database, expected: int
) -> None:
    store.append([Append(A, 0, [event(1), event(2)], "kept")])
    before = everything(database)
    with pytest.raises(Conflict):
        store.append([Append(B, 0, [event(3)], "new"), Append(A, expected, [event(4)], "changed")])
    assert everything(database) == before
    assert store.append([Append(A, 2, [event(5)])]) == 3  # no position was used up
    assert store.verify().ok


def test_a_new_stream_with_a_version_is_a_conflict(store: DatabaseEventStore) -> None:
    with pytest.raises(Conflict):
        store.append([Append(A, 1, [event(1)])])
    assert store.heads([A]) == {}


def test_the_table_itself_refuses_a_version_twice(store: DatabaseEventStore, database: Database) -> None:
    """Even where a head was lost."""
    store.append([Append(A, 0, [event(1)])])
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM stream_heads")
    with pytest.raises(Conflict):
        store.append([Append(A, 0, [event(2)])])
    assert store.load([A]) == {A: [event(1)]}


def test_of_many_threads_exactly_one_wins(store: DatabaseEventStore) -> None:
    for turn in range(5):
        barrier = Barrier(6)
        outcomes: list[bool] = []

        def rival(turn: int = turn, barrier: Barrier = barrier, outcomes: list[bool] = outcomes) -> None:
            barrier.wait()
            try:
                store.append([Append(A, turn, [event(turn)])])
                outcomes.append(True)
            except Conflict:
                outcomes.append(False)

        threads = [Thread(target=rival) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == [False] * 5 + [True]
    assert store.verify().ok
    assert store.end() == 5


def test_of_two_processes_exactly_one_wins(store: DatabaseEventStore, database_url: str) -> None:
    assert sorted(together(append_once, 2, database_url)) == ["conflict", "won"]
    assert store.end() == 1


def test_processes_that_start_together_make_the_tables_once(database_url: str, database: Database, clock: Any) -> None:
    assert together(open_all, 4, database_url) == ["started"] * 4
    store = create_event_store(database, clock)
    assert store.end() == 4
    assert store.verify().ok


@pytest.mark.slow
def test_a_reader_that_follows_four_writers_misses_nothing(store: DatabaseEventStore, database_url: str) -> None:
    followed: list[Any] = []
    with started(append_many, 4, database_url, 60) as writers:
        done = False
        while not done:
            done = all(writer.done() for writer in writers)
            while batch := store.read(followed[-1].position if followed else 0, 50):
                followed += batch
            assert store.verify().ok  # while they write: an audit is no nuisance and raises no false alarm
        written = sum(writer.result() for writer in writers)
    assert [recorded.position for recorded in followed] == list(range(1, written + 1))
    assert followed == store.read(0, written + 1)
    assert store.verify().events == written


# --- names and shapes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVENTS)
def test_what_was_ever_stored_stays_readable(name: str) -> None:
    """A golden file is what a past version stored. It is never edited: what breaks it needs an upcaster."""
    file = GOLDEN / f"{name}.json"
    assert file.exists(), f"no golden file: store EXAMPLES[{name!r}] of support/examples.py as {file}"
    assert EventMapper().decode(name, file.read_bytes()) == EXAMPLES[name]


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_comes_back_as_it_was(name: str, store: DatabaseEventStore) -> None:
    store.append([Append(A, 0, [EXAMPLES[name]])])
    (recorded,) = store.read(0, 10)
    assert (recorded.name, recorded.event) == (name, EXAMPLES[name])
    assert type(recorded.event) is EVENTS[name]


def test_no_golden_file_is_without_an_event() -> None:
    assert {file.stem for file in GOLDEN.glob("*.json")} == set(EVENTS) == set(EXAMPLES)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: type(document).__name__)
def test_every_kind_of_document_can_be_planned(document: Any) -> None:
    planned = PostingPlanned(
        flow="us", at=EXAMPLES["gap.found.v1"].at, by="tests", kind="any", key="k", generation=1, document=document
    )
    mapper = EventMapper()
    assert mapper.decode(*mapper.encode(planned)) == planned


class Measured(Event, frozen=True, kw_only=True):
    """The newest shape of a made-up event; its first had `inches`."""

    millimetres: int


def test_an_upcaster_reads_the_old_shape() -> None:
    def in_millimetres(state: dict[str, Any]) -> dict[str, Any]:
        return {**state, "millimetres": round(state.pop("inches") * 25.4)}

    mapper = EventMapper({"measured.v2": Measured}, {"measured.v1": ("measured.v2", in_millimetres)})
    old = b'{"flow":"us","at":"2026-11-24T08:00:00Z","by":"ada","inches":2}'
    new = Measured(flow="us", at=datetime(2026, 11, 24, 8, tzinfo=UTC), by="ada", millimetres=51)
    assert mapper.decode("measured.v1", old) == new
    name, state = mapper.encode(new)
    assert name == "measured.v2"
    assert mapper.decode(name, state) == new
    with pytest.raises(KeyError):  # a mistake of the upcaster is its own, not an unknown name
        mapper.decode("measured.v1", b'{"flow":"us","at":"2026-11-24T08:00:00Z","by":"ada"}')


def test_an_unknown_name_is_refused(store: DatabaseEventStore, database: Database) -> None:
    store.append([Append(A, 0, [event(1)])])
    with database.transaction() as cursor:
        cursor.execute("UPDATE stored_events SET topic = 'os.system.v1'")
    for reading in (lambda: store.load([A]), lambda: store.read(0, 10)):
        with pytest.raises(Tampered, match=r"'os\.system\.v1', which this version does not know"):
            reading()


@pytest.mark.parametrize(
    "state",
    [b"", b"[]", b"{", b"\xff", b'{"flow":"us"}', b'{"flow":"\xff"}', b"[" * 100_000],
    ids=["empty", "array", "cut", "no text", "incomplete", "bad text", "deep"],
)
def test_a_state_that_cannot_be_read_is_refused(state: bytes) -> None:
    with pytest.raises(Tampered, match=r"'cycle\.started\.v1' cannot be read"):
        EventMapper().decode("cycle.started.v1", state)


def test_a_document_that_no_longer_balances_is_refused() -> None:
    name, state = EventMapper().encode(EXAMPLES["posting.planned.v1"])
    planned = msgspec.json.decode(state)
    planned["document"]["total"] += 1
    with pytest.raises(Tampered):
        EventMapper().decode(name, msgspec.json.encode(planned))


def test_an_event_without_a_name_is_a_mistake_of_ours(store: DatabaseEventStore) -> None:
    with pytest.raises(TypeError, match="Measured has no name"):
        store.append([Append(A, 0, [Measured(flow="us", at=datetime.now(UTC), by="ada", millimetres=1)])])
    assert store.end() == 0
