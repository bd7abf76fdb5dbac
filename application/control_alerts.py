"""What a person must be told of the control: disagreements, settlements that do not come, what is held."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from application.control import controls
from application.ports import Views
from domain.alert import Alert
from domain.cadence import overdue
from domain.control import Check, Control

Row = dict[str, Any]
TOLD = 3  # of several alike
HELD_LOOKED_AT = 500

_CURES = {
    "lines": "download the settlement again and import it: ml-connector settlement import {flow} FILE; if it stays so, "
    "open a case with Seller Support",
    "reserve": "is a settlement missing in between? Payments > Statement View in Seller Central lists them all; import "
    "one that is missing: ml-connector settlement import {flow} FILE",
    "payout": "look at the payout in Seller Central, Payments > Disbursements; a failed one comes back in a later "
    "settlement",
}
_CURES["period"] = _CURES["reserve"]
_ELSE = "compare the two in Seller Central, Payments > Statement View; ml-connector control {flow} shows every figure"


def control_alerts(flow: str, views: Views, now: datetime) -> list[Alert]:
    """Every disagreement by settlement, ledgers without their next settlement, and transactions that are held."""
    found = controls(views, flow)
    return [*_disagreements(flow, views, found), *_overdue(flow, views, found, now), *_held(flow, views)]


def _disagreements(flow: str, views: Views, found: Sequence[Control]) -> Iterator[Alert]:
    disputed = {row["settlement_id"] for row in views.query("settlements", flow, status="disputed")}
    for each in found:
        # A disputed one has an alert of its own, which says that its lines do not make its total.
        differing = [c for c in each.differing if c.name != "lines" or each.settlement_id not in disputed]
        if not differing:
            continue
        first = differing[0]
        yield Alert(
            key=f"control/{each.settlement_id}",
            object=f"settlement {each.settlement_id}",
            problem="disagrees with what Amazon says elsewhere",
            cause="; ".join(f"{c.source}, {c.row}: {c.text}" for c in differing[:TOLD]),
            what_to_do=_CURES.get(first.name, _ELSE).replace("{flow}", flow),
            path=f"/flows/{flow}/settlements/{quote(each.settlement_id, safe='')}",
            money=_money(first, each.currency),
        )


def _money(check: Check, currency: str) -> dict[str, int]:
    """By how much the two differ, where both are amounts."""
    if check.found is None or check.expected is None or not currency:
        return {}
    return {currency: check.found - check.expected}


def _overdue(flow: str, views: Views, found: Sequence[Control], now: datetime) -> Iterator[Alert]:
    """By ledger, in the rhythm of its own. A flow that Amazon is not connected to waits for no report."""
    if not any(row["amazon"] == "connected" for row in views.query("flows", flow)):
        return
    markets = {row["settlement_id"]: row["marketplace"] for row in views.query("settlement_sums", flow)}
    ends: dict[tuple[str, str, str], list[datetime]] = {}
    for each in found:
        if each.end is not None:
            ledger = (markets.get(each.settlement_id, ""), each.currency, each.account_type)
            ends.setdefault(ledger, []).append(each.end)
    for (market, currency, account), known in sorted(ends.items()):
        # Of settlements whose account is not known it is not known either which of two has stopped.
        if not account and any(key[:2] == (market, currency) and key[2] for key in ends):
            continue
        late = overdue(known, now)
        if late is None:
            continue
        name = " ".join(part for part in (market, account, f"({currency})") if part)
        yield Alert(
            key=f"settlement-overdue/{market}/{currency}/{account}",
            object=f"the next settlement of {name}",
            problem="has not come",
            cause=f"the last one ended {late.last_end:%Y-%m-%d}, {late.waited.days} days ago; they came at least every "
            f"{max(late.usual.days, 1)} days",
            what_to_do="look at Payments > Statement View in Seller Central; if there is one, "
            f"ml-connector sync {flow}, or import it: ml-connector settlement import {flow} FILE",
            path=f"/flows/{flow}",
        )


def _held(flow: str, views: Views) -> Iterator[Alert]:
    rows = views.query("transactions", flow, held=True, limit=HELD_LOOKED_AT)
    if not rows:
        return
    money: dict[str, int] = {}
    for row in rows:
        if row["total"] is not None:
            money[row["currency"]] = money.get(row["currency"], 0) + row["total"]
    count, first = len(rows), rows[-1]
    more = "" if count < HELD_LOOKED_AT else " or more"
    yield Alert(
        key="transactions/held",
        object="a transaction of Amazon's" if count == 1 else f"{count}{more} transactions of Amazon's",
        problem="cannot be believed",
        cause=f"{first['kind']} {first['transaction_id']}: {first['problem']}",
        what_to_do="nothing is booked from them, the settlement decides; see each: "
        f"ml-connector transactions {flow} --held",
        path=f"/flows/{flow}",
        money={currency: amount for currency, amount in money.items() if currency},
    )
