"""What a person corrects of what is posted (accounting.md 7.2), on a real store.

Without these a correction could rewrite a closed month, move the same amount twice, or be lost or doubled by a crash.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
import trade
from syrupy.assertion import SnapshotAssertion

from adapters.database import Database
from adapters.event_store import DatabaseEventStore
from adapters.views import DatabaseViews
from application.bookkeeping import Bookkeeping
from application.corrections import Correction, Corrections, MappingDiff
from application.ports import Append
from domain.chart import ITEM_KEYS
from domain.corrections import BooksReclassified, Shift, corrected_key, remedy
from domain.document import Deposit, Invoice, JournalEntry
from domain.errors import BadInput
from domain.flow import BooksClosed, Flow, FlowConfigured, FlowCreated, FlowSettings, flow_mark
from domain.mapping import MappingChanged, QuickBooksRef, Rule
from domain.order import AmazonOrder
from domain.policy import Policies
from domain.posting import POSTED_KINDS, PostingSubmitted, PostingVoided, posting_stream
from domain.settlement import Statement

ONE, TWO = "111-0000001-0000001", "111-0000002-0000002"
PRINCIPAL = ("Order", "ItemPrice", "Principal")
STORAGE = ("ServiceFee", "other-transaction", "Storage Fee")
OCTOBER, NOVEMBER = datetime(2026, 10, 20, 20, tzinfo=UTC), datetime(2026, 11, 3, 20, tzinfo=UTC)
_POSTED = {kind: event for event, kind in POSTED_KINDS.items()}

US = flow_mark("us")


class Office:
    """A flow's books, what QuickBooks has of them, and a person who corrects."""

    def __init__(self, store: DatabaseEventStore, database: Database, clock: Any) -> None:
        self.store, self.clock = store, clock
        self.books = Bookkeeping(store, clock)
        self.corrections = Corrections(store, clock)
        self.views = DatabaseViews(database, store)
        created = FlowCreated(
            flow="us", at=clock(), by="tests", region="na", realm="1", marketplaces=(), since=None, orders="amazon",
            zone="America/Los_Angeles", banks={"USD": "Checking"},
        )  # fmt: skip
        self.books.create_flow(created)
        complete = trade.mapping()
        items = {key: QuickBooksRef(f"i-{key}", key) for key in (*ITEM_KEYS, "OTHFEE", "LIQ")}
        self.change(accounts=complete.accounts, items=items, customers=complete.customers, banks=complete.banks)

    @property
    def flow(self) -> Flow:
        return self.books.flow("us")

    def change(self, **more: Any) -> None:
        event = MappingChanged(flow="us", at=self.clock(), by="tests", version=0, why="tests", **more)
        self.books.change_mapping(event, [])

    def goes_to(self, account: str, triple: tuple[str, str, str] = PRINCIPAL, role: str = "order_charge") -> None:
        self.change(rules=(Rule(0, *triple, role, account),))

    def close(self, until: date | None) -> None:
        self.books.record_on_flow(BooksClosed(until=until, flow="us", at=self.clock(), by="tests"))

    def policies(self, **policies: Any) -> None:
        new = FlowSettings(policies=Policies(**policies))
        self.books.record_on_flow(FlowConfigured(old=FlowSettings(), new=new, flow="us", at=self.clock(), by="tests"))

    def invoiced(self, *orders: AmazonOrder) -> None:
        """Orders that QuickBooks has the invoices of."""
        self.books.ingest_orders(self.flow, orders, "tests")
        for order in orders:
            self.post("invoice", order.order_id)

    def post(self, kind: str, key: str) -> None:
        known = self.books.postings("us", [(kind, key)])[kind, key]
        assert known.status == "planned", known.status
        assert known.document is not None
        fields: dict[str, Any] = {"flow": "us", "at": self.clock(), "by": "tests", "key": key}
        sent = PostingSubmitted(kind=kind, generation=known.generation, batch="b", **fields)
        stands: Any
        if known.operation == "void":
            stands = PostingVoided(kind=kind, generation=known.generation, **fields)
        else:
            stands = _POSTED[known.kind](  # type: ignore[index]
                generation=known.generation, quickbooks_id=f"q-{key}", sync_token="0", total=known.document.total,
                currency="USD", day=known.document.day, **fields,
            )  # fmt: skip
        stream = posting_stream("us", kind, key)
        version = len(self.store.load([stream])[stream])
        self.store.append([Append(stream, version, [sent, stands])])

    def settle(self, *rows: tuple[str, ...], settlement_id: str = "28471003921") -> None:
        lines = trade.lines(*rows)
        total = sum(line.amount for line in lines)
        statement = Statement(settlement_id, "USD", total, None, None, datetime(2026, 11, 18, 14, tzinfo=UTC))
        self.books.ingest_settlement(self.flow, statement, lines, "tests")

    def document(self, kind: str, key: str) -> Any:
        return self.books.postings("us", [(kind, key)])[kind, key].document

    def diff(self) -> MappingDiff:
        return self.corrections.mapping_diff(self.flow, self.views)

    def do(self, what: str, kind: str = "invoice", key: str = ONE, **more: Any) -> Correction:
        command: Callable[..., Correction] = getattr(self.corrections, what)
        return command(self.flow, kind, key, "wrong category", "ada", **more)

    def do_all(self, scope: str, **more: Any) -> Correction:
        return self.corrections.reclass_mapping(self.flow, self.views, scope, "wrong category", "ada", **more)

    def events(self) -> int:
        return len(self.store.read(0, 100_000))


@pytest.fixture
def office(store: DatabaseEventStore, database: Database, clock: Any) -> Office:
    clock.now = datetime(2026, 11, 24, 20, tzinfo=UTC)
    return Office(store, database, clock)


def october(order_id: str = ONE) -> AmazonOrder:
    return trade.order(order_id, trade.item(ITEM="20.00"), shipped=OCTOBER)


def november(order_id: str = ONE) -> AmazonOrder:
    return trade.order(order_id, trade.item(ITEM="20.00"), shipped=NOVEMBER)


def test_the_table_of_what_may_be_done(snapshot: SnapshotAssertion) -> None:
    states: Any = ("planned", "open", "matched", "closed", "paid", "edited")
    changes: Any = ("mapping", "amount", "date", "remove")
    rows = [
        f"{mode:6} {kind:14} {state:8} "
        + "  ".join(f"{change}: {remedy(kind, state, change, mode)}" for change in changes)
        for mode in ("amend", "strict")
        for kind in POSTED_KINDS.values()
        for state in states
    ]
    assert "\n".join(rows) == snapshot


def test_strict_audit_mode_amends_and_deletes_nothing_that_quickbooks_has() -> None:
    found = {
        remedy(kind, state, change, "strict")
        for kind in POSTED_KINDS.values()
        for state in ("open", "matched", "closed", "paid", "edited")
        for change in ("mapping", "amount", "date", "remove")  # type: ignore[arg-type]
    }
    assert not found & {"amend", "delete"}


# --- one document --------------------------------------------------------------------------------------------------


def test_an_invoice_of_an_open_month_is_amended_to_todays_accounts(office: Office) -> None:
    office.invoiced(november())
    office.goes_to("LIQ")

    done = office.do("amend")

    posting = office.books.postings("us", [("invoice", ONE)])["invoice", ONE]
    assert (done.state, done.remedy) == ("open", "amend")
    assert (posting.status, posting.operation, posting.generation) == ("planned", "amend", 2)
    assert posting.mapping_version == office.books.mapping("us").version
    assert [line.account for line in office.document("invoice", ONE).lines] == ["LIQ"]
    assert done.shifts == (Shift("2026-11", "LIQ", "USD", -2000), Shift("2026-11", "SALES", "USD", 2000))


def test_a_preview_tells_the_same_and_does_nothing(office: Office) -> None:
    office.invoiced(november())
    office.goes_to("LIQ")
    before = office.events()

    shown = office.do("amend", preview=True)
    assert office.events() == before
    done = office.do("amend")

    assert (shown.steps, shown.shifts, shown.position) == (done.steps, done.shifts, 0)
    assert done.position > 0


def test_in_strict_mode_it_is_voided_and_billed_anew_with_todays_accounts(office: Office) -> None:
    office.invoiced(november())
    office.goes_to("LIQ")
    office.policies(audit_mode="strict")

    done = office.do("amend")
    assert [(step.key, step.operation) for step in done.steps] == [(ONE, "void"), (f"{ONE}-2", "hold")]
    office.post("invoice", ONE)
    office.books.replan_invoices(office.flow, [f"{ONE}-2"], "tests")

    assert office.books.postings("us", [("invoice", ONE)])["invoice", ONE].status == "voided"
    anew = office.document("invoice", f"{ONE}-2")
    assert isinstance(anew, Invoice)
    assert [(line.account, line.amount) for line in anew.lines] == [("LIQ", 2000)]
    assert anew.day == date(2026, 11, 3)


@pytest.mark.parametrize("state", ["closed", "paid"])
@pytest.mark.parametrize("command", ["amend", "void"])
def test_what_is_closed_or_paid_is_neither_amended_nor_voided(office: Office, state: str, command: str) -> None:
    office.invoiced(november())
    office.goes_to("LIQ")
    if state == "closed":
        office.close(date(2026, 11, 15))
    else:
        office.settle(("Order", "ItemPrice", "Principal", "20.00", ONE))

    with pytest.raises(BadInput, match=r"closed month|paid by a settlement") as refused:
        office.do(command)

    assert ("posting reclass us invoice" in str(refused.value)) == (command == "amend")


def test_an_invoice_of_a_closed_month_is_moved_by_a_journal_of_the_first_open_day(
    office: Office, snapshot: SnapshotAssertion
) -> None:
    office.invoiced(november())
    office.goes_to("OTHFEE")
    office.close(date(2026, 11, 15))

    done = office.do("reclass")
    (step,) = done.steps
    journal = office.document("journal", step.key)

    assert isinstance(journal, JournalEntry)
    assert (journal.corrects, journal.day, journal.order_id) == (f"invoice/{ONE}", date(2026, 11, 16), ONE)
    assert step.key == corrected_key(ONE, 1)
    assert len(journal.number) <= 21
    assert trade.ledger_text(office.document("invoice", ONE), journal) == snapshot
    with pytest.raises(BadInput, match="nothing to move"):
        office.do("reclass")


def test_an_invoice_that_is_not_sent_is_withdrawn_and_billed_by_the_next_look(office: Office) -> None:
    office.books.ingest_orders(office.flow, [november()], "tests")

    done = office.do("void")

    assert (done.state, done.remedy) == ("planned", "drop")
    assert office.books.postings("us", [("invoice", ONE)])["invoice", ONE].status == "withdrawn"


def test_a_voided_invoice_of_an_order_that_still_stands_is_billed_under_its_next_number(office: Office) -> None:
    office.invoiced(november())

    office.do("void")
    with pytest.raises(BadInput, match="under way"):
        office.do("void")
    office.post("invoice", ONE)
    office.books.replan_invoices(office.flow, [f"{ONE}-2"], "tests")

    assert office.document("invoice", f"{ONE}-2").total == 2000
    with pytest.raises(BadInput, match="voided"):
        office.do("void")


def test_a_deposit_is_amended_by_the_lines_behind_it(office: Office, snapshot: SnapshotAssertion) -> None:
    office.invoiced(november())
    office.settle(("Order", "ItemPrice", "Principal", "20.00", ONE), (*STORAGE, "-5.00"), (*STORAGE, "-1.00"))
    office.post("payment", "28471003921-1")
    office.post("deposit", "28471003921")
    office.goes_to("OTHFEE", STORAGE, "fee")

    done = office.do("amend", "deposit", "28471003921")

    deposit = office.document("deposit", "28471003921")
    assert isinstance(deposit, Deposit)
    assert [(line.account, line.amount, line.ordinals) for line in deposit.lines] == [("OTHFEE", -600, (2, 3))]
    assert (done.remedy, deposit.total, deposit.cleared) == ("amend", 1400, 2000)
    assert trade.ledger_text(deposit) == snapshot


def test_a_journal_of_a_closed_month_is_taken_back_by_another(office: Office, snapshot: SnapshotAssertion) -> None:
    office.invoiced(november())
    office.goes_to("LIQ")
    (step,) = office.do("reclass").steps
    office.post("journal", step.key)
    office.close(date(2026, 11, 20))

    (back,) = office.do("void", "journal", step.key).steps

    assert trade.ledger_text(office.document("journal", step.key), office.document("journal", back.key)) == snapshot
    assert office.document("journal", back.key).corrects == f"journal/{step.key}"
    with pytest.raises(BadInput, match="reversed already"):
        office.do("void", "journal", step.key)


@pytest.mark.parametrize(
    ("kind", "key", "words"),
    [
        ("invoice", TWO, "never planned"),
        ("cheque", ONE, "expected one of"),
        ("invoice", ONE, "already as"),
    ],
)
def test_what_cannot_be_corrected_says_why(office: Office, kind: str, key: str, words: str) -> None:
    office.invoiced(november())

    with pytest.raises(BadInput, match=words):
        office.do("amend", kind, key)


def test_a_reason_is_needed(office: Office) -> None:
    office.invoiced(november())

    with pytest.raises(BadInput, match="--why is needed"):
        office.corrections.void(office.flow, "invoice", ONE, " ", "ada")


# --- a changed mapping ---------------------------------------------------------------------------------------------


def test_a_mapping_change_shows_by_month_what_is_booked_otherwise_and_moves_nothing(office: Office) -> None:
    office.invoiced(october(), november(TWO))
    office.close(date(2026, 10, 31))
    office.goes_to("LIQ")
    before = office.events()

    found = office.diff()

    assert found.documents == 2
    assert found.open == (Shift("2026-11", "LIQ", "USD", -2000), Shift("2026-11", "SALES", "USD", 2000))
    assert found.closed == (Shift("2026-10", "LIQ", "USD", -2000), Shift("2026-10", "SALES", "USD", 2000))
    assert office.events() == before


@pytest.mark.parametrize(
    ("scope", "journals"), [("open", [f"RC1-202611-USD-{US}"]), ("all", [f"RC1-202611-USD-{US}", f"RC1-LATE-USD-{US}"])]
)
def test_it_is_moved_by_a_journal_a_month_and_one_for_what_is_closed(
    office: Office, scope: str, journals: list[str], snapshot: SnapshotAssertion
) -> None:
    office.invoiced(october(), november(TWO))
    office.close(date(2026, 10, 31))
    office.goes_to("LIQ")

    shown = office.do_all(scope, preview=True)
    done = office.do_all(scope)

    assert shown.steps == done.steps
    assert sorted(step.key for step in done.steps) == sorted(journals)
    documents = [office.document("journal", key) for key in journals]
    assert "\n".join([trade.ledger_text(*documents), *(entry.memo for entry in documents)]) == snapshot
    left = office.diff()
    assert (left.open, len(left.closed)) == ((), 0 if scope == "all" else 2)
    with pytest.raises(BadInput, match="nothing to move"):
        office.do_all("open")


def test_a_second_change_moves_only_what_is_left_and_a_change_back_moves_it_back(office: Office) -> None:
    office.invoiced(november())
    office.goes_to("LIQ")
    office.do_all("open")
    office.post("journal", f"RC1-202611-USD-{US}")

    office.goes_to("OTHFEE")
    assert office.diff().open == (Shift("2026-11", "LIQ", "USD", 2000), Shift("2026-11", "OTHFEE", "USD", -2000))
    office.goes_to("SALES")
    done = office.do_all("open")

    assert done.shifts == (Shift("2026-11", "LIQ", "USD", 2000), Shift("2026-11", "SALES", "USD", -2000))
    assert [step.key for step in done.steps] == [f"RC2-202611-USD-{US}"]
    assert office.diff().open == ()


def test_what_was_moved_with_all_others_is_not_moved_once_more_for_one_document(office: Office) -> None:
    office.invoiced(november())
    office.goes_to("LIQ")
    office.do_all("open")

    with pytest.raises(BadInput, match="moved with all others"):
        office.do("reclass")


def test_no_correction_is_taken_for_a_settlement(office: Office) -> None:
    office.invoiced(november())
    office.settle(("Order", "ItemPrice", "Principal", "20.00", ONE), (*STORAGE, "-5.00"))
    office.post("payment", "28471003921-1")
    office.post("deposit", "28471003921")
    office.goes_to("OTHFEE", STORAGE, "fee")
    office.do("reclass", "deposit", "28471003921")
    office.goes_to("LIQ")
    office.do_all("open")

    office.views.catch_up()

    assert [row["settlement_id"] for row in office.views.query("settlements", "us")] == ["28471003921"]
    assert len(office.views.query("postings", "us", kind="journal")) == 2


def test_what_was_moved_for_one_document_is_no_difference_any_more(office: Office) -> None:
    office.invoiced(november(), november(TWO))
    office.goes_to("LIQ")

    office.do("reclass")

    assert [shift.amount for shift in office.diff().open] == [-2000, 2000]  # of the other order


def test_each_correction_tells_who_why_and_by_which_mapping(office: Office) -> None:
    office.invoiced(november())
    was = office.books.mapping("us").version
    office.goes_to("LIQ")
    office.do("reclass")

    (told,) = [one.event for one in office.store.read(0, 1000) if isinstance(one.event, BooksReclassified)]
    assert (told.by, told.why, told.posting) == ("ada", "wrong category", f"invoice/{ONE}")
    assert (told.old_version, told.new_version) == (was, was + 1)


# --- crashes -------------------------------------------------------------------------------------------------------


class Crash(Exception):
    """The process ends."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("command", ["amend", "void", "reclass", "reclass_mapping"])
def test_a_crash_around_the_saving_loses_and_doubles_nothing(
    office: Office, command: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.invoiced(november())
    office.goes_to("LIQ")
    real = office.store.append

    def crashing(appends: Any) -> int:
        if when == "after":
            real(appends)
        raise Crash

    def run() -> Correction:
        return office.do_all("open") if command == "reclass_mapping" else office.do(command)

    before = office.events()
    monkeypatch.setattr(office.store, "append", crashing)
    with pytest.raises(Crash):
        run()
    monkeypatch.setattr(office.store, "append", real)
    once = office.events()

    if when == "before":
        assert once == before
        run()
    else:
        with pytest.raises(BadInput, match=r"under way|nothing to move"):
            run()
        assert office.events() == once
    after = office.events()
    planned = [one.event for one in office.store.read(before, 1000) if type(one.event).__name__ == "PostingPlanned"]
    assert len(planned) == 1
    assert after > before


def test_two_persons_at_once_move_an_amount_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.invoiced(november())
    office.goes_to("LIQ")
    other = Corrections(office.store, office.clock)
    real = office.store.append
    calls = []

    def interrupted(appends: Any) -> int:
        if not calls:
            calls.append(1)
            other.reclass(office.flow, "invoice", ONE, "the same", "bob")
        return real(appends)

    monkeypatch.setattr(office.store, "append", interrupted)
    with pytest.raises(BadInput, match="nothing to move"):
        office.do("reclass")

    moved = [one for one in office.store.read(0, 1000) if isinstance(one.event, BooksReclassified)]
    assert [one.event.by for one in moved] == ["bob"]
