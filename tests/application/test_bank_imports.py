"""Whatever pieces of an account's statement come, in whatever order and however often: each line is there once."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from bank_files import Line, csv, ofx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.bank import read_bank_file
from application.bank_imports import BankImports
from domain.bank import BankLineImported, BankStatementImported, kept_text, lines_of
from domain.event import Event
from domain.flow import Flow

FLOW = Flow(name="us", banks={"USD": "Checking"})
FIRST = date(2026, 10, 28)  # over the end of a month


class NoEvidence:
    def put(self, flow: str, contents: Any) -> list[str]:
        return ["digest" for _ in contents]


def clock() -> datetime:
    return datetime(2026, 11, 24, 8, tzinfo=UTC)


def take(store: Any, content: bytes, name: str = "a file") -> Any:
    return BankImports(store, clock).import_file(FLOW, content, name, read_bank_file, NoEvidence(), "ada")  # type: ignore[arg-type]


def stored(store: Any) -> list[Event]:
    return [recorded.event for recorded in store.read(0, 100_000)]


def ids(store: Any) -> list[str]:
    return sorted(line.line for event in stored(store) if isinstance(event, BankLineImported) for line in event.lines)


_DAYS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(-2, 2), st.sampled_from(["AMAZON", "rent"])), min_size=1, max_size=12
)
_PIECES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=5)


@pytest.mark.parametrize("fitids", [True, False])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(days=_DAYS, pieces=_PIECES)
def test_pieces_of_one_account_in_any_order_give_each_line_once(
    memory_store: Callable[[], Any], fitids: bool, days: Any, pieces: Any
) -> None:
    """A piece has all lines of its days, as a bank's download has."""
    lines: list[Line] = [
        (FIRST + timedelta(days=day), f"{amount}.00", text, f"f{number}" if fitids else "")
        for number, (day, amount, text) in enumerate(days)
    ]

    def piece(first: int, last: int) -> bytes | None:
        begin, end = FIRST + timedelta(days=first), FIRST + timedelta(days=last)
        part = [line for line in lines if begin <= line[0] <= end]
        if fitids:
            return ofx(part, begin, end)
        return csv(part) if part else None

    store = memory_store()
    for first, last in pieces:
        if (content := piece(min(first, last), max(first, last))) is not None:
            take(store, content)
    take(store, piece(0, 9) or b"")
    expected = memory_store_of(lines, fitids)
    assert ids(store) == expected
    end = store.end()
    take(store, piece(0, 9) or b"")
    assert store.end() == end


def memory_store_of(lines: list[Line], fitids: bool) -> list[str]:
    """The ids of the lines as one whole file gives them."""
    whole = ofx(lines, FIRST, FIRST + timedelta(days=9)) if fitids else csv(lines)
    (statement,) = read_bank_file(whole, "a file", "USD").statements
    return sorted(line.line for line in lines_of("USD", statement))


def test_two_imports_at_once_give_each_line_once(store: Any) -> None:
    lines: list[Line] = [(FIRST + timedelta(days=n % 10), f"{n}.00", "AMAZON", f"f{n}") for n in range(2_500)]
    halves = [lines[:1_600], lines[900:]]
    begin = Barrier(2)
    failures: list[BaseException] = []

    def work(part: list[Line]) -> None:
        try:
            begin.wait()
            take(store, ofx(part, FIRST, FIRST + timedelta(days=9)))
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=work, args=(part,)) for part in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len(ids(store)) == len(set(ids(store))) == 2_500
    assert max(len(event.lines) for event in stored(store) if isinstance(event, BankLineImported)) <= 1_000
    assert sum(isinstance(event, BankStatementImported) for event in stored(store)) == 2


def test_two_alike_without_a_fitid_are_two_and_of_one_fitid_one(memory_store: Callable[[], Any]) -> None:
    same: Line = (FIRST, "5.00", "AMAZON", "")
    store = memory_store()
    assert take(store, csv([same, same])).statements[0].new == 2
    assert take(store, csv([same, same, same])).statements[0].new == 1
    fitid: Line = (FIRST, "5.00", "AMAZON", "f1")
    store = memory_store()
    assert take(store, ofx([fitid, fitid], FIRST, FIRST)).statements[0].new == 1


def test_a_bank_that_gives_new_fitids_each_time_leaves_twins(memory_store: Callable[[], Any]) -> None:
    store = memory_store()
    take(store, ofx([(FIRST, "5.00", "AMAZON", "monday-1")], FIRST, FIRST))
    (statement,) = take(store, ofx([(FIRST, "5.00", "AMAZON", "tuesday-1")], FIRST, FIRST)).statements
    assert (statement.new, statement.twins) == (1, 1)
    both = ofx([(FIRST, "5.00", "AMAZON", "tuesday-1"), (FIRST, "5.00", "AMAZON", "tuesday-2")], FIRST, FIRST)
    assert take(store, both).statements[0].new == 1


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("AMAZON.COM SVCS LLC", "AMAZON.COM SVCS LLC"),
        ("Salary Ada Lovelace 12 Main Street", ""),
        ("Payout 28471003921 for Ada", "28471003921"),
        ("trace 021000021234567", "021000021234567"),
        ("DE89370400440532013000 Mrs Miller 5551234567", ""),
    ],
)
def test_of_others_payments_no_name_is_kept(text: str, kept: str) -> None:
    assert kept_text(text) == kept
