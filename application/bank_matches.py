"""What the read models make of the bank: payouts that wait, lines that are open, and what may belong together.

Nothing is recorded here; proposals are worked out anew from the lines and settlements there are, now or as of then.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from application.ports import Views
from domain.bank import CARD, BankLine
from domain.bank_coverage import Joint, Period, covered, joints, missing
from domain.bank_matching import (
    BEFORE,
    OpenLine,
    Payout,
    Proposal,
    Return,
    Terms,
    failed_transfers,
    match,
)
from domain.flow import Flow

Row = dict[str, Any]


class PayoutFacts(msgspec.Struct, frozen=True):
    """What Amazon tells of a transfer beside its settlement: its trace number, the last digits of the account it went
    to, and what it came to in the bank's currency (code and minor units).
    """

    trace: str = ""
    tail: str = ""
    converted: tuple[str, int] | None = None


# By settlement id, for a flow; empty where Amazon was not asked for it.
FactsOf = Callable[[str], Mapping[str, PayoutFacts]]


def no_facts(_: str) -> Mapping[str, PayoutFacts]:
    return {}


class BankState(msgspec.Struct, frozen=True):
    """A flow's bank as it is (or was): what is to be matched, and what the statements cover.

    `payouts` are all settlements whose total is known, by id; `waiting` those without a line. `failed` names by
    settlement the later one that says its transfer failed.
    """

    payouts: dict[str, Payout]
    waiting: list[Payout]
    lines: list[OpenLine]
    failed: dict[str, str]
    proposals: list[Proposal]
    statements: list[Row]
    joints: dict[str, Joint]
    spans: dict[str, list[tuple[date, date]]]
    before_start: frozenset[str]

    @property
    def missing(self) -> list[Payout]:
        """Payouts that should have arrived and that nothing on the statements explains."""
        proposed = {name for one in self.proposals for name in one.settlements}
        waiting = [
            one
            for one in self.waiting
            if one.settlement_id not in proposed
            and one.settlement_id not in self.failed
            and one.settlement_id not in self.before_start
        ]
        found = []
        for currency in {one.currency for one in waiting}:
            found += missing([one for one in waiting if one.currency == currency], self.spans.get(currency, []))
        return sorted(found, key=lambda one: (one.day, one.settlement_id))

    @property
    def unexpected(self) -> list[OpenLine]:
        """Money from Amazon that no settlement explains; nothing before the first settlement that is known."""
        first = min((one.day for one in self.payouts.values()), default=None)
        proposed = {one.line for one in self.proposals}
        return [
            one
            for one in self.lines
            if one.names_amazon
            and not one.is_card
            and one.line.amount > 0
            and one.line.line not in proposed
            and first is not None
            and one.line.day >= first - BEFORE
        ]

    @property
    def is_fed(self) -> bool:
        """Whether any statement was ever imported."""
        return bool(self.statements)


def bank_state(flow: str, views: Views, facts_of: FactsOf = no_facts) -> BankState:
    """One look at everything; a flow without a statement costs one small query."""
    statements = views.query("bank_statements", flow)
    if not statements:
        return BankState({}, [], [], {}, [], [], {}, {}, frozenset())
    settlements = views.query("settlements", flow)
    zone = next((row["zone"] for row in views.query("flows", flow)), "UTC")
    facts = facts_of(flow)
    payouts = {}
    for row in settlements:
        payout = _payout(row, Flow(name=flow, zone=zone), facts.get(row["settlement_id"], PayoutFacts()))
        if payout is not None:
            payouts[payout.settlement_id] = payout
    failed = failed_transfers(payouts.values(), _returns(flow, views, payouts))
    waiting = _waiting(settlements, payouts, failed)
    accounts = {row["account"]: row for row in views.query("bank_accounts", flow)}
    lines, rejected = _open_lines(flow, views, accounts, waiting, payouts)
    terms = {name: Terms(tuple(row["fees"]), row["rates"]) for name, row in accounts.items()}
    periods: dict[str, list[Period]] = {}
    for row in statements:
        periods.setdefault(row["account"], []).append(
            Period(
                row["statement"],
                date.fromisoformat(row["first_day"]),
                date.fromisoformat(row["last_day"]),
                row["opening"],
                row["closing"],
            )
        )
    return BankState(
        payouts=payouts,
        waiting=waiting,
        lines=lines,
        failed=failed,
        proposals=match(lines, waiting, terms, rejected),
        statements=statements,
        joints={joint.statement: joint for many in periods.values() for joint in joints(many)},
        spans={account: covered(many) for account, many in periods.items() if not account.endswith(CARD)},
        before_start=frozenset(row["settlement_id"] for row in settlements if row["status"] == "before_start"),
    )


def _payout(row: Row, flow: Flow, facts: PayoutFacts) -> Payout | None:
    at = row["deposit_date"] or row["end"]
    if row["total"] is None or row["lines"] is None or at is None:
        return None  # not whole yet
    return Payout(
        row["settlement_id"],
        row["currency"],
        row["total"],
        flow.day(datetime.fromisoformat(at)),
        trace=facts.trace,
        tail=facts.tail,
        converted=facts.converted,
    )


def _returns(flow: str, views: Views, payouts: Mapping[str, Payout]) -> list[Return]:
    rows = [(payouts.get(row["settlement_id"]), row["amount"]) for row in views.query("bank_returns", flow)]
    return [Return(one.settlement_id, one.currency, amount, one.day) for one, amount in rows if one is not None]


def _waiting(settlements: list[Row], payouts: Mapping[str, Payout], failed: Mapping[str, str]) -> list[Payout]:
    """Settlements without a line, and those whose money came and must have gone back."""
    found = []
    for row in settlements:
        payout = payouts.get(row["settlement_id"])
        if payout is None or not payout.total:
            continue
        if not row["bank_line"]:
            found.append(payout)
        elif payout.settlement_id in failed and not row["bank_returned"]:
            found.append(msgspec.structs.replace(payout, arrived=date.fromisoformat(row["bank_day"])))
    return found


def _open_lines(
    flow: str, views: Views, accounts: Mapping[str, Row], waiting: list[Payout], payouts: Mapping[str, Payout]
) -> tuple[list[OpenLine], list[tuple[str, tuple[str, ...]]]]:
    """Lines that may be a waiting payout's money, and all of Amazon's since the first settlement that is known."""
    rows: dict[str, Row] = {}
    if waiting:
        since = min(one.day for one in waiting) - BEFORE
        rows |= {row["line"]: row for row in views.query("bank_lines", flow, status="open", from_day=since.isoformat())}
    if payouts:
        since = min(one.day for one in payouts.values()) - BEFORE
        amazons = views.query("bank_lines", flow, status="open", amazon=True, from_day=since.isoformat())
        rows |= {row["line"]: row for row in amazons}
    lines = []
    rejected = []
    for row in rows.values():
        line = BankLine(
            row["line"], date.fromisoformat(row["day"]), row["amount"], row["tells"], row["reference"], row["kind"]
        )
        tail = accounts.get(row["account"], {}).get("tail", "")
        lines.append(OpenLine(row["account"], row["currency"], line, tail))
        rejected += [(row["line"], tuple(settlements)) for settlements in row["rejected"]]
    return lines, rejected
