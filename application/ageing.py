"""How old open money is: receivables by order, clearing by settlement, and Amazon's reserve (accounting.md 6.2)."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

import msgspec

from application.ports import Views
from domain.alert import Alert
from domain.errors import BadInput
from domain.reconciliation import OVERDUE_DAYS, VARIANCES, Bucket, buckets, days_between, is_overdue

OF = ("receivable", "clearing", "reserve")
Row = Mapping[str, Any]


class OpenOrder(msgspec.Struct, frozen=True):
    """What an order (or a document without one) still owes, and how long ago it shipped."""

    owner: str
    order_id: str
    amount: int
    since: str
    days: int
    terms: str
    due: str | None
    overdue: bool


class Receivables(msgspec.Struct, frozen=True):
    """The receivables of a currency and kind of terms (standard or invoiced), by age."""

    currency: str
    terms: str
    total: int
    buckets: list[Bucket]
    overdue: int
    overdue_amount: int
    items: list[OpenOrder]


class OpenClearing(msgspec.Struct, frozen=True):
    """An open amount on clearing: whose it is, since when, and why."""

    settlement_id: str
    order_id: str
    amount: int
    since: str
    days: int
    status: str
    reason: str
    text: str


class ClearingAge(msgspec.Struct, frozen=True):
    """The clearing account of a currency: the items sum to the balance."""

    currency: str
    balance: int
    buckets: list[Bucket]
    items: list[OpenClearing]


class Reserve(msgspec.Struct, frozen=True):
    """What Amazon holds back in a currency, and when it last held and released some."""

    currency: str
    balance: int
    last_held: str | None
    last_released: str | None
    days: int | None
    movements: list[dict[str, Any]]


def receivables(views: Views, flow: str, today: date) -> list[Receivables]:
    """By currency and terms; standard first."""
    groups: dict[tuple[str, str], list[OpenOrder]] = {}
    for row in views.query("receivable", flow):
        days = days_between(row["since"], today)
        overdue = row["amount"] > 0 and is_overdue(row["terms"], days)
        item = OpenOrder(
            row["owner"], row["order_id"], row["amount"], row["since"], days, row["terms"], row["due"], overdue
        )
        groups.setdefault((row["currency"], row["terms"]), []).append(item)
    return [
        Receivables(
            currency,
            terms,
            total=sum(item.amount for item in items),
            buckets=buckets([(item.days, item.amount) for item in items]),
            overdue=sum(item.overdue for item in items),
            overdue_amount=sum(item.amount for item in items if item.overdue),
            items=items,
        )
        for (currency, terms), items in sorted(
            groups.items(), key=lambda group: (group[0][0], group[0][1] != "standard")
        )
    ]


def clearing(views: Views, flow: str, today: date) -> list[ClearingAge]:
    """By currency, the oldest first."""
    found = []
    for row in views.query("clearing", flow):
        items = [
            OpenClearing(
                part["settlement_id"],
                part["order_id"],
                part["amount"],
                part["since"],
                days_between(part["since"], today),
                part["status"],
                part["reason"],
                VARIANCES[part["reason"]],
            )
            for part in row["explained"]
        ]
        items.sort(key=lambda item: (item.since, item.settlement_id, item.order_id))
        ages = buckets([(item.days, item.amount) for item in items])
        found.append(ClearingAge(row["currency"], row["balance"], ages, items))
    return found


def reserve(views: Views, flow: str, today: date) -> list[Reserve]:
    """By currency; `days` since the last release, or since it was first held where none was released yet."""
    found = []
    for row in views.query("reserve", flow):
        since = row["last_released"] or min((one["day"] for one in row["movements"]), default=None)
        days = days_between(since, today) if since and row["balance"] else None
        found.append(
            Reserve(row["currency"], row["balance"], row["last_held"], row["last_released"], days, row["movements"])
        )
    return found


def ageing(views: Views, flow: str, of: str, today: date) -> list[Any]:
    """The ageing of receivable, clearing or reserve. Raises BadInput for another word."""
    match of:
        case "receivable":
            return list(receivables(views, flow, today))
        case "clearing":
            return list(clearing(views, flow, today))
        case "reserve":
            return list(reserve(views, flow, today))
    raise BadInput(f"of {of!r}: expected one of {', '.join(OF)}")


def overdue_alerts(flow: str, views: Views, today: date) -> Iterator[Alert]:
    """One alert for all orders of the same terms that Amazon should have paid (accounting.md 6.2)."""
    late: dict[str, list[Receivables]] = {}
    for group in receivables(views, flow, today):
        if group.overdue:
            late.setdefault(group.terms, []).append(group)
    for terms, groups in late.items():
        count = sum(group.overdue for group in groups)
        first = min((item for group in groups for item in group.items if item.overdue), key=lambda item: item.since)
        yield Alert(
            key=f"overdue/{terms}",
            object=f"order {first.owner}" if count == 1 else f"{count} orders, {first.owner} the first,",
            problem="is not paid by Amazon" if count == 1 else "are not paid by Amazon",
            cause=f"shipped more than {OVERDUE_DAYS[terms]} days ago"
            + (" on invoice" if terms == "invoiced" else "")
            + ", and no settlement pays it",
            what_to_do=f"ml-connector ageing {flow} --of receivable --json lists them for a case with Seller Support",
            path=f"/flows/{quote(flow, safe='')}/ageing",
            money={group.currency: group.overdue_amount for group in groups},
        )
