"""What is new about a settlement: amounts Amazon never charged before, and fees that changed (accounting.md 6.2)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from application.ports import Views
from domain.mapping import Mapping as FlowMapping

DEVIATION_PERCENT = 25
Row = Mapping[str, Any]


class FirstSeen(msgspec.Struct, frozen=True):
    """A kind of line that no earlier settlement of the flow has."""

    triple: tuple[str, str, str]
    lines: int
    amount: int


class FeeChange(msgspec.Struct, frozen=True):
    """A fee's share of gross sales in hundredths of a percent, in the settlement before and in this one."""

    account: str
    before: int
    now: int
    amount: int

    @property
    def deviation(self) -> int:
        """By how many percent the share changed."""
        return round((self.now - self.before) * 100 / self.before)


class Newness(msgspec.Struct, frozen=True):
    """`before` is the settlement it is compared with, empty where it is the first of its marketplace."""

    before: str
    first_seen: list[FirstSeen]
    fees: list[FeeChange]


def newness(views: Views, flow: str, settlement_id: str, mapping: FlowMapping) -> Newness | None:
    """What is new about a settlement that is complete; None for one that is not."""
    own = views.query("triples", flow, settlement_id=settlement_id)
    if not own:
        return None
    earlier = views.query("triples", flow, before=own[0]["end"])
    return compare(own, earlier, mapping)


def compare(own: Sequence[Row], earlier: Sequence[Row], mapping: FlowMapping) -> Newness:
    """Rows of the report `triples`: the settlement's, and all before it by their ends."""
    known = {_triple(row) for row in earlier}
    first_seen = [
        FirstSeen(_triple(row), row["lines"], row["amount"]) for row in own if earlier and _triple(row) not in known
    ]
    alike = [
        row for row in earlier if (row["currency"], row["marketplace"]) == (own[0]["currency"], own[0]["marketplace"])
    ]
    if not alike:
        return Newness("", first_seen, [])
    last = alike[-1]["settlement_id"]
    before = [row for row in alike if row["settlement_id"] == last]
    return Newness(last, first_seen, list(_fee_changes(own, before, mapping)))


def shares(rows: Sequence[Row], mapping: FlowMapping) -> tuple[int, dict[str, int]]:
    """Gross sales, and fees by account key, of rows of triples (minor units; fees positive)."""
    gross, fees = 0, dict[str, int]()
    for row in rows:
        rule = mapping.rule_for(_triple(row))
        if rule is not None and rule.role == "order_charge" and row["amount"] > 0:
            gross += row["amount"]
        elif rule is not None and rule.role == "fee":
            fees[rule.account] = fees.get(rule.account, 0) - row["amount"]
    return gross, fees


def _fee_changes(own: Sequence[Row], before: Sequence[Row], mapping: FlowMapping) -> list[FeeChange]:
    """Fees whose share of sales changed by more than a quarter; a fee that is new is among the first seen."""
    gross, fees = shares(own, mapping)
    gross_before, fees_before = shares(before, mapping)
    if gross <= 0 or gross_before <= 0:
        return []
    found = []
    for account, amount in fees.items():
        share, share_before = amount * 10_000 // gross, fees_before.get(account, 0) * 10_000 // gross_before
        if share_before > 0 and abs(share - share_before) * 100 > DEVIATION_PERCENT * share_before:
            found.append(FeeChange(account, share_before, share, amount))
    return sorted(found, key=lambda change: -abs(change.deviation))


def _triple(row: Row) -> tuple[str, str, str]:
    return row["transaction_type"], row["amount_type"], row["amount_description"]
