"""Which stored rows a batch of events needs before it can be folded."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from adapters.views.finance_fold import (
    needed_finances,
)
from adapters.views.rows import Key, PostingKey
from adapters.views.schema import (
    BATCHES,
    CYCLES,
    GAPS,
    ORDERS,
    POSTINGS,
    SETTLEMENTS,
    PostingRow,
)
from application.ports import Recorded
from domain.bank import SettlementBanked, SettlementUnbanked
from domain.document import Document
from domain.event import Event
from domain.flow import (
    CycleFailed,
    CycleFinished,
    CycleStarted,
    CycleStopped,
)
from domain.mapping import MappingFound, MappingMissing
from domain.order import (
    OrderAmended,
    OrderCancelled,
    OrderDated,
    OrderIngested,
    OrderRecognisedBySettlement,
    OrderSettled,
)
from domain.posting import (
    POSTED_KINDS,
    BatchAnswered,
    BatchSubmitted,
    Posted,
    PostingAmended,
    PostingDeleted,
    PostingHeld,
    PostingPlanned,
    PostingRejected,
    PostingReleased,
    PostingSubmitted,
    PostingVoided,
    PostingWithdrawn,
)
from domain.settlement import (
    SettlementClosed,
    SettlementDisputed,
    SettlementDisputeLifted,
)

_CORRECTION = re.compile(r"RC\d+-.*|.*R\d+")


_ORDER_ID = re.compile(r"\d{3}-\d{7}-\d{7}")


def needed(batch: Sequence[Recorded]) -> dict[str, set[Key]]:
    """Primary keys by table of the rows that the events themselves name and that may be stored."""
    keys: dict[str, set[Key]] = {table.name: set() for table in (ORDERS, SETTLEMENTS, POSTINGS, GAPS, BATCHES, CYCLES)}
    for recorded in batch:
        event: Any = recorded.event
        names = _NAMES.get(type(event))
        if names is not None:
            table, key = names(event)
            keys[table].add(key)
    return keys | needed_finances(batch)


def _names_order(event: OrderIngested | OrderAmended | OrderCancelled) -> tuple[str, Key]:
    return "orders", (event.flow, event.order.order_id)


def _names_settled_order(event: OrderSettled | OrderDated | OrderRecognisedBySettlement) -> tuple[str, Key]:
    return "orders", (event.flow, event.order_id)


def _names_settlement(
    event: SettlementClosed | SettlementDisputed | SettlementDisputeLifted | SettlementBanked | SettlementUnbanked,
) -> tuple[str, Key]:
    return "settlements", (event.flow, event.settlement_id)


def _names_posting(
    event: PostingPlanned
    | PostingHeld
    | PostingSubmitted
    | PostingRejected
    | PostingWithdrawn
    | PostingReleased
    | PostingAmended
    | PostingVoided
    | PostingDeleted,
) -> tuple[str, Key]:
    return "postings", (event.flow, event.kind, event.key)


def _names_posted(event: Posted) -> tuple[str, Key]:
    return "postings", (event.flow, POSTED_KINDS[type(event)], event.key)


def _names_gap(event: MappingMissing | MappingFound) -> tuple[str, Key]:
    return "gaps", (event.flow, event.key)


def _names_batch(event: BatchSubmitted | BatchAnswered) -> tuple[str, Key]:
    return "batches", (event.flow, event.batch)


def _names_cycle(event: CycleStarted | CycleFinished | CycleFailed | CycleStopped) -> tuple[str, Key]:
    return "cycles", (event.flow, event.cycle)


_NAMES: dict[type[Event], Callable[[Any], tuple[str, Key]]] = {
    **dict.fromkeys((OrderIngested, OrderAmended, OrderCancelled), _names_order),
    **dict.fromkeys((OrderSettled, OrderDated, OrderRecognisedBySettlement), _names_settled_order),
    **dict.fromkeys((SettlementClosed, SettlementDisputed, SettlementDisputeLifted), _names_settlement),
    **dict.fromkeys((SettlementBanked, SettlementUnbanked), _names_settlement),
    **dict.fromkeys(
        (
            *(PostingPlanned, PostingHeld, PostingSubmitted, PostingRejected, PostingWithdrawn, PostingReleased),
            *(PostingAmended, PostingVoided, PostingDeleted),
        ),
        _names_posting,
    ),
    **dict.fromkeys(POSTED_KINDS, _names_posted),
    **dict.fromkeys((MappingMissing, MappingFound), _names_gap),
    **dict.fromkeys((BatchSubmitted, BatchAnswered), _names_batch),
    **dict.fromkeys((CycleStarted, CycleFinished, CycleFailed, CycleStopped), _names_cycle),
}


def needed_by_postings(
    batch: Sequence[Recorded], touched: Iterable[PostingKey], known: dict[Key, PostingRow]
) -> dict[str, set[Key]]:
    """Primary keys of the orders and settlements to which the touched postings belong."""
    keys: dict[str, set[Key]] = {ORDERS.name: set(), SETTLEMENTS.name: set()}

    def add(flow: str, order_id: str, settlement_id: str) -> None:
        if order_id:
            keys[ORDERS.name].add((flow, order_id))
        if settlement_id:
            keys[SETTLEMENTS.name].add((flow, settlement_id))

    for posting in touched:
        row = known.get(posting)
        add(posting[0], *((row.order_id, row.settlement_id) if row is not None else owner_of(posting[1], posting[2])))
    for recorded in batch:
        if isinstance(recorded.event, PostingPlanned):
            add(recorded.event.flow, *document_owner(recorded.event.document))
    return keys


def owner_of(kind: str, key: str) -> tuple[str, str]:
    """The order and settlement of a posting that was never planned, from its key."""
    if (known := _ORDER_ID.match(key)) is not None:
        return known.group(), ""  # an order's documents, credits and corrections of whatever kind
    if kind == "journal" and _CORRECTION.fullmatch(key) is not None:
        return "", ""  # a correction tells what it corrects; it is of no settlement
    match kind:
        case "invoice":
            known = _ORDER_ID.match(key)
            return (known.group() if known is not None else key), ""
        case "sales_receipt" | "credit_memo":
            known = _ORDER_ID.match(key)
            return (known.group(), "") if known is not None else ("", key.partition("-")[0])
        case "payment" | "journal" | "refund_receipt" | "purchase":
            return "", key.partition("-")[0]
    return "", key


def document_owner(document: Document) -> tuple[str, str]:
    return getattr(document, "order_id", ""), getattr(document, "settlement_id", "")
