"""Each event as one sentence that an auditor understands without knowing us, with the money written out."""

from collections.abc import Callable
from typing import Any

from adapters.views import finance_words
from adapters.views.bank_words import BANK_SENTENCES
from adapters.views.money_words import money
from domain.access import TokenCreated, TokenRevoked
from domain.alert import AlertChannelAdded, AlertChannelRemoved
from domain.corrections import BooksReclassified
from domain.document import (
    CreditMemo,
    Deposit,
    Document,
    Invoice,
    JournalEntry,
    Payment,
    Purchase,
    RefundReceipt,
    SalesReceipt,
)
from domain.event import Event
from domain.flow import (
    DISCONNECTED,
    AmazonConnected,
    BooksClosed,
    ConnectionLost,
    CycleAsked,
    CycleFailed,
    CycleFinished,
    CycleStarted,
    CycleStopped,
    FlowConfigured,
    FlowCreated,
    FlowPaused,
    FlowResumed,
    OrderDataLimited,
    QuickBooksConnected,
    WatermarkAdvanced,
)
from domain.ledger import SettlementBooked, SettlementUnbooked
from domain.mapping import MappingChanged, MappingFound, MappingMissing
from domain.order import (
    AmazonOrder,
    OrderAmended,
    OrderCancelled,
    OrderDated,
    OrderIngested,
    OrderNotFound,
    OrderRecognisedBySettlement,
    OrderSettled,
    ParcelsReported,
)
from domain.policy import Policies, policy_words
from domain.posting import (
    POSTED_KINDS,
    BatchAnswered,
    BatchReplayed,
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
from domain.retention import EvidencePurged
from domain.settlement import (
    SettlementClosed,
    SettlementDisputed,
    SettlementDisputeLifted,
    SettlementLinesIngested,
)


def in_words(event: Event, currency: str = "", stands: bool = False) -> str:
    """The event as a sentence; of a kind that is not known here, its name.

    `currency` is for events without one; `stands` tells that QuickBooks has, or may have, the posting it is about.
    """
    speak = _SENTENCES.get(type(event)) or BANK_SENTENCES.get(type(event))
    if speak is not None:
        return speak(event)
    match event:
        case OrderSettled():
            return _order_settled(event, currency)
        case PostingHeld():
            return _held(event, stands)
    return f"{type(event).__name__} was recorded"


def _flow_created(event: FlowCreated) -> str:
    since = f", nothing before {event.since}" if event.since else ""
    return (
        f"Flow {event.flow} was set up: Amazon region {event.region} into {_company(event.realm)}, "
        f"books in {event.zone}{since}"
    )


def _company(realm: str) -> str:
    return f"QuickBooks company {realm}" if realm else "the QuickBooks company that is connected first"


def _flow_configured(event: FlowConfigured) -> str:
    old = event.old.named()
    changes = [f"{name} {_change(old.get(name), value)}" for name, value in event.new.named().items()]
    return f"Settings of flow {event.flow} changed: {'; '.join(changes)}{_why(event.why)}"


def _flow_paused(event: FlowPaused) -> str:
    return f"Flow {event.flow} was paused{_why(event.why)}"


def _flow_resumed(event: FlowResumed) -> str:
    return f"Flow {event.flow} was resumed{_why(event.why)}"


def _change(old: Any, new: Any) -> str:
    """Of a setting by source, currency or policy only what differs."""
    if isinstance(new, Policies):
        old, new = policy_words(old if isinstance(old, Policies) else Policies()), policy_words(new)
    if isinstance(new, dict):
        former = old or {}
        parts = [f"{key} {_setting(former.get(key))} -> {entry}" for key, entry in new.items()]
        return ", ".join(part for part, key in zip(parts, new, strict=True) if former.get(key) != new[key])
    return f"{_setting(old)} -> {_setting(new)}"


def _setting(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _why(why: str) -> str:
    return f"; why: {why}" if why else ""


def _amazon_connected(event: AmazonConnected) -> str:
    names = ", ".join(sorted(name for name, _ in event.marketplaces.values()))
    whose = f" of seller {event.seller}" if event.seller else ""
    return f"Amazon accepted the credentials{whose}; marketplaces: {names or 'none'}"


def _quickbooks_connected(event: QuickBooksConnected) -> str:
    return (
        f"QuickBooks accepted the credentials of {event.company or 'the company'}"
        + (f" ({event.realm})" if event.realm else "")
        + (f", home currency {event.home_currency}" if event.home_currency else "")
    )


def _connection_lost(event: ConnectionLost) -> str:
    if event.reason.startswith(DISCONNECTED):
        return f"{event.vendor} was {event.reason}"
    return f"{event.vendor} refuses the credentials: {event.reason}"


def _books_closed(event: BooksClosed) -> str:
    return f"The books are closed until {event.until}" if event.until else "The books are open again"


def _channel_added(event: AlertChannelAdded) -> str:
    return f"Alerts go to {event.address} too, by the {event.kind} channel {event.channel}"


def _channel_removed(event: AlertChannelRemoved) -> str:
    return f"Alerts no longer go through the channel {event.channel}"


def _evidence_purged(event: EvidencePurged) -> str:
    return f"{event.pages} old pages of Amazon's and {event.vouchers} old vouchers were removed; their events stay"


def _cycle_asked(event: CycleAsked) -> str:
    return f"A cycle of flow {event.flow} was asked for"


def _cycle_started(event: CycleStarted) -> str:
    return f"Cycle {event.cycle} started"


def _watermark(event: WatermarkAdvanced) -> str:
    return f"Everything of {event.source} up to {event.cursor} is stored"


def _cycle_finished(event: CycleFinished) -> str:
    return f"Cycle {event.cycle} finished{_counts(event.counts)}"


def _cycle_failed(event: CycleFailed) -> str:
    return f"Cycle {event.cycle} stopped: {event.error}{_counts(event.counts)}"


def _cycle_stopped(event: CycleStopped) -> str:
    return f"Cycle {event.cycle} ended early: {event.why}{_counts(event.counts)}"


def _mapping_changed(event: MappingChanged) -> str:
    changes = {
        "rules set": len(event.rules),
        "rules removed": len(event.removed_rules),
        "accounts": len(event.accounts),
        "items": len(event.items),
        "customers": len(event.customers),
        "banks": len(event.banks),
    }
    return f"Mapping version {event.version}{_counts({what: n for what, n in changes.items() if n})}; why: {event.why}"


def _books_reclassified(event: BooksReclassified) -> str:
    of = f"of {event.posting.replace('/', ' ')} " if event.posting else ""
    moved = ", ".join(
        f"{shift.account} {money(shift.amount, shift.currency)} ({shift.month})" for shift in event.shifts[:4]
    )
    more = f" and {len(event.shifts) - 4} more" if len(event.shifts) > 4 else ""
    return (
        f"What is booked {of}moves to the accounts of mapping version {event.new_version} by "
        f"{', '.join(name.replace('/', ' ') for name in event.journals)}: {moved}{more}; why: {event.why}"
    )


def _mapping_missing(event: MappingMissing) -> str:
    return (
        f"Nothing says where {event.key} goes; first needed by {event.first_object}, "
        f"{money(event.amount, event.currency)} at stake"
    )


def _mapping_found(event: MappingFound) -> str:
    return f"{event.key} is mapped now"


def _order_ingested(event: OrderIngested) -> str:
    return f"Order {event.order.order_id} was first seen: {_order(event.order)}"


def _order_amended(event: OrderAmended) -> str:
    return f"Amazon reports order {event.order.order_id} otherwise: {_order(event.order)}"


def _order_cancelled(event: OrderCancelled) -> str:
    return f"Order {event.order.order_id} was cancelled at Amazon"


def _order_settled(event: OrderSettled, currency: str) -> str:
    by = f" through {event.posting}" if event.posting else ""
    amounts = ", ".join(f"{key} {money(amount, currency)}" for key, amount in sorted(event.amounts.items()))
    total = money(sum(event.amounts.values()), currency)
    return f"Settlement {event.settlement_id} pays {total} of order {event.order_id}{by}: {amounts or 'nothing'}"


def _order_dated(event: OrderDated) -> str:
    return (
        f"Settlement {event.settlement_id} shows the sale of order {event.order_id} on "
        f"{event.posted:%Y-%m-%d %H:%M} UTC, earlier than it was known to have shipped"
    )


def _order_not_found(event: OrderNotFound) -> str:
    return f"Order {event.order_id}, which a settlement pays, was asked for: Amazon has it no more"


def _parcels_reported(event: ParcelsReported) -> str:
    parcels = ", ".join(f"{parcel.carrier} {parcel.tracking_number}".strip() for parcel in event.parcels)
    return f"Amazon reports what it shipped of order {event.order_id}: {parcels or 'no parcel'}"


def _order_data_limited(event: OrderDataLimited) -> str:
    if not event.datasets:
        return f"Amazon gives all data of the orders of flow {event.flow} again"
    return (
        f"Amazon refuses {', '.join(event.datasets)} of the orders of flow {event.flow}: they are read without, and it "
        f"is asked again each day ({event.reason})"
    )


def _order_recognised(event: OrderRecognisedBySettlement) -> str:
    return (
        f"Settlement {event.settlement_id} books order {event.order_id} directly as income of "
        f"{money(event.amount, event.currency)}; it will not be invoiced"
    )


def _lines_ingested(event: SettlementLinesIngested) -> str:
    if not event.lines:
        return f"No lines of settlement {event.settlement_id} were recorded"
    first, last = event.lines[0].ordinal, event.lines[-1].ordinal
    return f"Lines {first} to {last} of settlement {event.settlement_id} were recorded"


def _settlement_closed(event: SettlementClosed) -> str:
    return (
        f"Settlement {event.settlement_id} is complete: {event.lines} lines add up to Amazon's total of "
        f"{money(event.total, event.currency)}"
    )


def _settlement_disputed(event: SettlementDisputed) -> str:
    return (
        f"Settlement {event.settlement_id} is disputed: {event.reason}; Amazon states "
        f"{money(event.total, event.currency)}, the lines make {money(event.lines_sum, event.currency)}"
    )


def _dispute_lifted(event: SettlementDisputeLifted) -> str:
    return f"Settlement {event.settlement_id} stands as it was closed: {event.why}"


def _settlement_booked(event: SettlementBooked) -> str:
    number = len(event.documents)
    told = f"; notes: {len(event.notes)}" if event.notes else ""
    return (
        f"Settlement {event.settlement_id} of {money(event.total, event.currency)} makes "
        f"{number} document{'s' * (number != 1)}{told}"
    )


def _settlement_unbooked(event: SettlementUnbooked) -> str:
    return f"Settlement {event.settlement_id} is not booked after all: {event.why}"


def _held(event: PostingHeld, stands: bool) -> str:
    if not event.reasons:
        return f"{_named(event.kind, event.key)}: what needed attention is settled"
    why = "; ".join(reason.text for reason in event.reasons[:3])
    more = f"; and {len(event.reasons) - 3} more reasons" if len(event.reasons) > 3 else ""
    is_held = "needs a person's attention" if stands else "is held"
    return f"{_named(event.kind, event.key)}, {money(event.amount, event.currency)}, {is_held}: {why}{more}"


def _planned(event: PostingPlanned) -> str:
    needs = f", after {len(event.depends_on)} other postings" if event.depends_on else ""
    again = f", version {event.generation}" if event.generation > 1 else ""
    return f"{_named(event.kind, event.key)} was planned{again}: {_document(event.document)}{needs}"


def _withdrawn(event: PostingWithdrawn) -> str:
    return f"{_named(event.kind, event.key)} is no longer wanted: {event.why}"


def _released(event: PostingReleased) -> str:
    others = f" (not {', '.join(event.not_ours)})" if event.not_ours else ""
    return f"{_named(event.kind, event.key)} is not in QuickBooks{others} and is sent anew: {event.why}"


def _submitted(event: PostingSubmitted) -> str:
    return f"{_named(event.kind, event.key)} was taken into batch {event.batch} to be sent to QuickBooks"


def _posted(kind: str) -> Callable[[Posted], str]:
    def speak(event: Posted) -> str:
        how = " (found there by look-up)" if event.adopted else ""
        return (
            f"{_named(kind, event.key)} stands in QuickBooks as {event.quickbooks_id}{how}: "
            f"{money(event.total, event.currency)} on {event.day}"
        )

    return speak


def _amended(event: PostingAmended) -> str:
    return (
        f"{_named(event.kind, event.key)} was amended in QuickBooks ({event.quickbooks_id}): "
        f"{money(event.total, event.currency)} on {event.day}"
    )


def _voided(event: PostingVoided) -> str:
    return f"{_named(event.kind, event.key)} was voided in QuickBooks"


def _deleted(event: PostingDeleted) -> str:
    return f"{_named(event.kind, event.key)} was deleted in QuickBooks"


def _rejected(event: PostingRejected) -> str:
    return f"{_named(event.kind, event.key)} was refused by QuickBooks: {event.code}: {event.message}"


def _batch_submitted(event: BatchSubmitted) -> str:
    return f"Batch {event.batch} of {len(event.items)} documents is sent to QuickBooks as request {event.request_id}"


def _batch_replayed(event: BatchReplayed) -> str:
    return f"Batch {event.batch} is sent again word for word, since the answer to it was lost"


def _batch_answered(event: BatchAnswered) -> str:
    return f"Batch {event.batch} is decided by {event.how}: {event.posted} posted, {event.rejected} refused"


def _token_created(event: TokenCreated) -> str:
    flows = f" for {', '.join(event.flows)}" if event.flows else ""
    until = f" until {event.expires:%Y-%m-%d %H:%M} UTC" if event.expires is not None else ""
    return f"API token {event.name} ({event.prefix}...) was given out as {event.role}{flows}{until}"


def _token_revoked(event: TokenRevoked) -> str:
    return f"API token {event.name} was revoked"


def _named(kind: str, key: str) -> str:
    match kind:
        case "invoice":
            return f"Invoice of order {key}"
        case "deposit":
            return f"Deposit of settlement {key}"
        case "credit_memo" | "refund_receipt" | "sales_receipt":
            return f"{kind.replace('_', ' ').capitalize()} {key}"
    return f"{kind.title()} {key}"


def _document(document: Document) -> str:
    total = money(document.total, document.currency)
    match document:
        case Invoice():
            return f"{total} on {document.day} for {document.customer}"
        case Payment():
            return f"{total} on {document.day} from {document.customer} for {len(document.applied)} invoices"
        case Deposit():
            return (
                f"{total} on {document.day} to the bank, {money(document.cleared, document.currency)} of it "
                "from clearing"
            )
        case JournalEntry():
            return f"{total} on {document.day} between {len(document.lines)} accounts"
        case CreditMemo() | RefundReceipt() | SalesReceipt():
            return f"{total} on {document.day} for order {document.order_id}"
        case Purchase():
            return f"{total} on {document.day} paid from {document.paid_from}"


def _order(order: AmazonOrder) -> str:
    total = f", {money(order.total, order.currency)}" if order.total is not None else ""
    return f"{order.status}{total}, {len(order.items)} item{'s' * (len(order.items) != 1)}"


def _counts(counts: dict[str, int]) -> str:
    return ": " + ", ".join(f"{name} {count}" for name, count in counts.items()) if counts else ""


_SENTENCES: dict[type[Event], Callable[[Any], str]] = {
    FlowCreated: _flow_created,
    FlowConfigured: _flow_configured,
    FlowPaused: _flow_paused,
    FlowResumed: _flow_resumed,
    AmazonConnected: _amazon_connected,
    QuickBooksConnected: _quickbooks_connected,
    ConnectionLost: _connection_lost,
    BooksClosed: _books_closed,
    AlertChannelAdded: _channel_added,
    AlertChannelRemoved: _channel_removed,
    EvidencePurged: _evidence_purged,
    CycleAsked: _cycle_asked,
    CycleStarted: _cycle_started,
    WatermarkAdvanced: _watermark,
    CycleFinished: _cycle_finished,
    CycleFailed: _cycle_failed,
    CycleStopped: _cycle_stopped,
    MappingChanged: _mapping_changed,
    BooksReclassified: _books_reclassified,
    MappingMissing: _mapping_missing,
    MappingFound: _mapping_found,
    OrderIngested: _order_ingested,
    OrderAmended: _order_amended,
    OrderCancelled: _order_cancelled,
    OrderDated: _order_dated,
    OrderDataLimited: _order_data_limited,
    OrderNotFound: _order_not_found,
    ParcelsReported: _parcels_reported,
    OrderRecognisedBySettlement: _order_recognised,
    SettlementLinesIngested: _lines_ingested,
    SettlementClosed: _settlement_closed,
    SettlementDisputed: _settlement_disputed,
    SettlementDisputeLifted: _dispute_lifted,
    SettlementBooked: _settlement_booked,
    SettlementUnbooked: _settlement_unbooked,
    PostingPlanned: _planned,
    PostingWithdrawn: _withdrawn,
    PostingReleased: _released,
    PostingSubmitted: _submitted,
    **{event: _posted(kind) for event, kind in POSTED_KINDS.items()},
    PostingAmended: _amended,
    PostingVoided: _voided,
    PostingDeleted: _deleted,
    PostingRejected: _rejected,
    BatchSubmitted: _batch_submitted,
    BatchReplayed: _batch_replayed,
    BatchAnswered: _batch_answered,
    TokenCreated: _token_created,
    TokenRevoked: _token_revoked,
    **finance_words.SENTENCES,
}
