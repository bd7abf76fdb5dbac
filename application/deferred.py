"""Deferred sales that were not yet released at a moment, with their fees: what a month-end accrual is made of (R26)."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from application.ports import Views
from domain.transaction import FEES, Leaf, is_known


class DeferredTransaction(msgspec.Struct, frozen=True):
    """A transaction whose money Amazon still kept at the moment asked for; amounts in minor units of its currency.

    `fees` are the leaves of known fees; a refund's leaves are all `leaves`. `unknown` are leaves of kinds that are not
    known, and `problem` says why the amounts cannot be believed: whoever books from them holds those.
    """

    transaction_id: str
    kind: str
    order_id: str
    posted: datetime | None
    matures: datetime | None
    reason: str
    currency: str
    total: int | None
    account_type: str
    marketplace_id: str
    leaves: tuple[Leaf, ...]
    problem: str = ""

    @property
    def fees(self) -> list[Leaf]:
        return [leaf for leaf in self.leaves if leaf.kind in FEES]

    @property
    def unknown(self) -> list[Leaf]:
        return [leaf for leaf in self.leaves if not is_known(leaf.kind)]


def deferred_at(views: Views, flow: str, at: datetime) -> list[DeferredTransaction]:
    """Transactions deferred and not yet released at a moment, oldest first: each sale once, whatever came later.

    A release that is known by the deferred transaction's status alone counts from when that status was first seen.
    """
    rows = views.query("transactions", flow, until=at, unreleased_at=at.astimezone(UTC).isoformat())
    return [_deferred(row) for row in reversed(rows)]


def _deferred(row: dict[str, Any]) -> DeferredTransaction:
    return DeferredTransaction(
        transaction_id=row["transaction_id"],
        kind=row["kind"],
        order_id=row["order_id"],
        posted=datetime.fromisoformat(row["posted"]) if row["posted"] else None,
        matures=datetime.fromisoformat(row["matures"]) if row["matures"] else None,
        reason=row["deferral"],
        currency=row["currency"],
        total=row["total"],
        account_type=row["account_type"],
        marketplace_id=row["marketplace_id"],
        leaves=tuple(msgspec.convert(leaf, Leaf) for leaf in row["leaves"]),
        problem=row["problem"],
    )
