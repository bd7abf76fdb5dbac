"""Payouts that fail, are converted, charged or sent together, from Amazon's lines and the bank's to their statuses."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from bank_files import Line, ofx

from adapters.bank import read_bank_file
from adapters.views import DatabaseViews
from application.bank_alerts import bank_alerts
from application.bank_book import BankBook
from application.bank_imports import BankImports
from application.bank_matches import PayoutFacts, bank_state
from application.ports import Append
from domain.errors import BadInput
from domain.event import Stamp
from domain.flow import Flow, FlowCreated, flow_stream
from domain.money import format_minor, to_minor
from domain.settlement import Settlement, SettlementLine, Statement, record, settlement_stream

DAY = date(2026, 11, 4)
BACK = "Transfer of funds unsuccessful: the account is closed"


def clock() -> datetime:
    return datetime(2026, 12, 20, 8, tzinfo=UTC)


class NoEvidence:
    def put(self, flow: str, contents: Any) -> list[str]:
        return ["digest" for _ in contents]


class Bank:
    """A flow without orders, its settlements and its bank."""

    def __init__(self, database: Any, store: Any, facts: dict[str, PayoutFacts] | None = None) -> None:
        self.store = store
        self.views = DatabaseViews(database, store)
        self.book = BankBook(store, clock, self.views, lambda flow: facts or {})
        self.imports = BankImports(store, clock)
        self.facts_of = lambda flow: facts or {}
        created = FlowCreated(
            region="na", realm="1", marketplaces=(), since=None, orders="none", zone="America/Los_Angeles",
            banks={"USD": "Checking", "CAD": "Canadian"}, **self.stamp().fields(),
        )  # fmt: skip
        store.append([Append(flow_stream("us"), 0, [created])])

    def stamp(self) -> Stamp:
        return Stamp("us", clock(), "ada")

    def settled(self, name: str, total: str, days: int = 0, currency: str = "USD", back: str = "") -> None:
        """A settlement of this total; `back` of it is a transfer that failed before."""
        amount, returned = to_minor(total, currency), to_minor(back or "0", currency)
        lines = [SettlementLine(1, "Order", "ItemPrice", "Principal", amount - returned)]
        if returned:
            lines.append(SettlementLine(2, "other-transaction", "other-transaction", BACK, returned))
        at = datetime(2026, 11, 4, 20, tzinfo=UTC) + timedelta(days=days)
        statement = Statement(name, currency, amount, at - timedelta(days=16), at - timedelta(days=2), at)
        events = record(statement, lines, Settlement(), self.stamp())
        self.store.append([Append(settlement_stream("us", name), 0, events)])

    def booked(self, *lines: tuple[int, str, str], to: int = 30, **more: Any) -> None:
        """A statement from before the first deposit date, with lines of (days behind it, amount, text)."""
        made: list[Line] = [
            (DAY + timedelta(days=days), amount, text, f"{days}{amount}") for days, amount, text in lines
        ]
        content = ofx(made, DAY - timedelta(days=3), DAY + timedelta(days=to), **more)
        flow = Flow(name="us", banks={"USD": "Checking", "CAD": "Canadian"})
        account = f"{more.get('currency', 'USD')}{'-card' if more.get('card') else ''}"
        self.imports.import_file(flow, content, "a.qfx", read_bank_file, NoEvidence(), "ada", account=account)  # type: ignore[arg-type]

    def statuses(self) -> dict[str, str]:
        self.views.catch_up()
        return {row["settlement_id"]: row["bank_status"] for row in self.views.query("settlements", "us")}

    def told(self) -> list[str]:
        self.views.catch_up()
        return [alert.key for alert in bank_alerts("us", self.views)]


@pytest.fixture
def bank(database: Any, store: Any) -> Bank:
    return Bank(database, store)


def test_a_transfer_that_came_and_went_back(bank: Bank) -> None:
    bank.settled("s1", "14.19")
    bank.settled("s2", "37.04", 14, back="14.19")
    bank.booked((1, "14.19", "AMAZON"), (4, "-14.19", "AMAZON RETURN"), (15, "37.04", "AMAZON"))
    assert bank.book.match("us", "ada").matched == 2  # what went back is only known as such once it has come
    assert bank.book.match("us", "ada").matched == 1
    assert bank.statuses() == {"s1": "transfer_failed", "s2": "bank_matched"}
    assert bank.told() == []
    line = next(row["line"] for row in bank.views.query("bank_lines", "us") if row["amount"] < 0)
    bank.book.undo("us", line, "ada", "it is something else")
    assert bank.statuses()["s1"] == "bank_matched"


def test_a_transfer_that_never_came_and_failed_is_not_missing(bank: Bank) -> None:
    bank.settled("s1", "14.19")
    bank.booked()
    assert bank.told() == ["transfer_missing/s1"]
    bank.settled("s2", "37.04", 14, back="14.19")
    bank.booked((15, "37.04", "AMAZON"), to=31)
    assert bank.book.match("us", "ada").matched == 1
    assert bank.told() == []
    assert bank_state("us", bank.views).failed == {"s1": "s2"}


def test_a_negative_settlement_is_charged_to_the_card_or_carried(bank: Bank) -> None:
    bank.settled("s1", "-321.69")
    bank.settled("s2", "-5.27", 14)
    bank.booked()
    bank.booked((1, "-321.69", "AMZN SELLER"), card=True)
    assert bank.book.match("us", "ada").matched == 1
    assert bank.statuses() == {"s1": "bank_matched", "s2": ""}
    assert bank.told() == []  # what is carried is not missing


def test_one_transfer_for_two_settlements_is_proposed_and_each_gets_its_part(bank: Bank) -> None:
    bank.settled("standard", "100.00")
    bank.settled("invoiced", "23.45")
    bank.booked((2, "123.45", "AMAZON"))
    assert bank.book.match("us", "ada").matched == 0
    (proposal,) = bank_state("us", bank.views).proposals
    assert (proposal.kind, proposal.settlements) == ("composite", ("invoiced", "standard"))
    bank.book.confirm("us", proposal.id, "ada")
    arrived = {name: state.arrived for name, state in bank.book.banked("us", ["standard", "invoiced"]).items()}
    parts = {name: format_minor(one.amount, "USD") for name, one in arrived.items() if one is not None}
    assert parts == {"standard": "100.00", "invoiced": "23.45"}


def test_a_converted_payout_is_matched_by_what_amazon_says_it_came_to(database: Any, store: Any) -> None:
    bank = Bank(database, store, {"s1": PayoutFacts(converted=("USD", 7312))})
    bank.settled("s1", "100.00", currency="CAD")
    bank.booked((2, "73.12", "AMAZON"))
    assert bank.book.match("us", "ada").matched == 1
    (row,) = bank.views.query("settlements", "us")
    assert (row["bank_amount"], row["bank_currency"], row["bank_difference"]) == (7312, "USD", None)


def test_without_it_by_the_day_rate_and_a_persons_word(bank: Bank) -> None:
    bank.settled("s1", "100.00", currency="CAD")
    bank.booked((2, "72.50", "AMAZON"))
    flow = Flow(name="us", banks={"USD": "Checking"})
    for rates in ({"USD": "1.0"}, {"CAD": "-1"}, {"CAD": "0.0"}, {"CAD": "1e9"}, {"XX": "1.0"}):
        with pytest.raises(BadInput):
            bank.imports.configure_account(flow, "USD", "ada", "a rate", rates=rates)
    bank.imports.configure_account(flow, "USD", "ada", "the day's", rates={"CAD": "0.7312"})
    bank.views.catch_up()
    (proposal,) = bank_state("us", bank.views).proposals
    assert proposal.kind == "fx"
    assert "0.8 % from the day's rate" in proposal.why[0]
    bank.book.confirm("us", proposal.id, "ada")
    assert bank.statuses() == {"s1": "bank_matched"}


def test_money_that_nothing_explains_stays_told_of_while_later_payouts_are_matched(bank: Bank) -> None:
    bank.settled("s1", "100.00")
    bank.settled("s2", "200.00", 14)
    bank.booked((1, "100.00", "AMAZON"), (3, "777.00", "AMAZON LENDING"), (-5, "5.00", "AMAZON REWARDS"))
    assert bank.book.match("us", "ada").matched == 1
    (alert,) = [key for key in bank.told() if key.startswith("unexpected_deposit")]
    bank.booked((15, "200.00", "AMAZON"), to=31)
    assert bank.book.match("us", "ada").matched == 1
    assert bank.told() == [alert]  # what came before the first settlement is not judged


def test_two_who_confirm_at_once_match_once(bank: Bank) -> None:
    bank.settled("s1", "100.00")
    bank.booked((2, "100.00", "AMAZON"), (3, "100.00", "AMAZON"))
    bank.views.catch_up()
    (proposal,) = bank_state("us", bank.views).proposals
    other = BankBook(bank.store, clock, bank.views)
    stale = other._proposal("us", proposal.id)
    bank.book.confirm("us", proposal.id, "ada")
    with pytest.raises(BadInput, match="is matched already"):
        other._confirm(stale, "bob", "", "us")


def test_a_flow_without_statements_costs_nothing_and_is_told_nothing(bank: Bank, monkeypatch: Any) -> None:
    bank.settled("s1", "100.00")
    asked: list[str] = []
    query: Callable[..., Any] = bank.views.query
    monkeypatch.setattr(bank.views, "query", lambda name, flow, **more: asked.append(name) or query(name, flow, **more))
    assert bank.told() == []
    assert asked == ["bank_statements"]
