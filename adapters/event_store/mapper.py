"""Events to stored bytes and back: short stable names, JSON, upcasters for what has changed its shape.

A name is for ever. A field is only ever added, with a default; anything else is a new name (`.v2`) and a pure
function that turns the old state into the new one. Unknown names are refused, and nothing is imported by name.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.persistence import JSONTranscoder, Mapper

from adapters.nul import NUL, has_nul
from domain import (
    access,
    alert,
    bank,
    corrections,
    event_group,
    flow,
    ledger,
    mapping,
    order,
    posting,
    retention,
    settlement,
    transaction,
)
from domain.errors import BadInput, Tampered, Unbalanced
from domain.event import Event, check_texts

State = dict[str, Any]
Upcast = Callable[[State], State]

EVENTS: dict[str, type[Event]] = {
    "flow.created.v1": flow.FlowCreated,
    "flow.amazon-connected.v1": flow.AmazonConnected,
    "flow.quickbooks-connected.v1": flow.QuickBooksConnected,
    "flow.books-closed.v1": flow.BooksClosed,
    "flow.connection-lost.v1": flow.ConnectionLost,
    "alert-channel.added.v1": alert.AlertChannelAdded,
    "alert-channel.removed.v1": alert.AlertChannelRemoved,
    "flow.configured.v1": flow.FlowConfigured,
    "flow.order-data.v1": flow.OrderDataLimited,
    "flow.paused.v1": flow.FlowPaused,
    "flow.resumed.v1": flow.FlowResumed,
    "flow.cycle-asked.v1": flow.CycleAsked,
    "cycle.started.v1": flow.CycleStarted,
    "cycle.watermark.v1": flow.WatermarkAdvanced,
    "cycle.finished.v1": flow.CycleFinished,
    "cycle.failed.v1": flow.CycleFailed,
    "cycle.stopped.v1": flow.CycleStopped,
    "mapping.changed.v1": mapping.MappingChanged,
    "mapping.books-reclassified.v1": corrections.BooksReclassified,
    "gap.missing.v1": mapping.MappingMissing,
    "gap.found.v1": mapping.MappingFound,
    "order.ingested.v1": order.OrderIngested,
    "order.amended.v1": order.OrderAmended,
    "order.cancelled.v1": order.OrderCancelled,
    "order.settled.v1": order.OrderSettled,
    "order.dated.v1": order.OrderDated,
    "order.recognised.v1": order.OrderRecognisedBySettlement,
    "order.not-found.v1": order.OrderNotFound,
    "order.parcels.v1": order.ParcelsReported,
    "settlement.lines.v1": settlement.SettlementLinesIngested,
    "settlement.closed.v1": settlement.SettlementClosed,
    "settlement.disputed.v1": settlement.SettlementDisputed,
    "settlement.dispute-lifted.v1": settlement.SettlementDisputeLifted,
    "ledger.settlement-booked.v1": ledger.SettlementBooked,
    "ledger.settlement-unbooked.v1": ledger.SettlementUnbooked,
    "settlement.matched.v1": event_group.SettlementMatched,
    "transaction.ingested.v1": transaction.TransactionIngested,
    "transaction.released.v1": transaction.TransactionReleased,
    "event-group.seen.v1": event_group.EventGroupSeen,
    "payout.seen.v1": event_group.PayoutSeen,
    "summary.seen.v1": event_group.SummarySeen,
    "balances.seen.v1": event_group.BalancesSeen,
    "finance-source.availability.v1": event_group.SourceAvailability,
    "posting.held.v1": posting.PostingHeld,
    "posting.planned.v1": posting.PostingPlanned,
    "posting.withdrawn.v1": posting.PostingWithdrawn,
    "posting.released.v1": posting.PostingReleased,
    "posting.submitted.v1": posting.PostingSubmitted,
    "posting.invoice-posted.v1": posting.InvoicePosted,
    "posting.payment-posted.v1": posting.PaymentPosted,
    "posting.deposit-posted.v1": posting.DepositPosted,
    "posting.journal-posted.v1": posting.JournalEntryPosted,
    "posting.credit-memo-posted.v1": posting.CreditMemoPosted,
    "posting.refund-receipt-posted.v1": posting.RefundReceiptPosted,
    "posting.sales-receipt-posted.v1": posting.SalesReceiptPosted,
    "posting.purchase-posted.v1": posting.PurchasePosted,
    "posting.amended.v1": posting.PostingAmended,
    "posting.voided.v1": posting.PostingVoided,
    "posting.deleted.v1": posting.PostingDeleted,
    "posting.rejected.v1": posting.PostingRejected,
    "batch.submitted.v1": posting.BatchSubmitted,
    "batch.replayed.v1": posting.BatchReplayed,
    "batch.answered.v1": posting.BatchAnswered,
    "bank.account-set.v1": bank.BankAccountSet,
    "bank.lines.v1": bank.BankLineImported,
    "bank.statement.v1": bank.BankStatementImported,
    "bank.matched.v1": bank.DepositMatched,
    "bank.match-undone.v1": bank.MatchUndone,
    "bank.match-rejected.v1": bank.MatchRejected,
    "bank.line-aside.v1": bank.BankLineSetAside,
    "settlement.banked.v1": bank.SettlementBanked,
    "settlement.unbanked.v1": bank.SettlementUnbanked,
    "evidence.purged.v1": retention.EvidencePurged,
    "token.created.v1": access.TokenCreated,
    "token.revoked.v1": access.TokenRevoked,
}

# Old name -> (newest name, old state -> new state). None yet: this is the first version of everything.
UPCASTERS: dict[str, tuple[str, Upcast]] = {}


class EventMapper(Mapper[UUID]):
    """The library's mapper for msgspec Structs, which have no `__dict__` for its own to read."""

    def __init__(
        self, events: dict[str, type[Event]] | None = None, upcasters: dict[str, tuple[str, Upcast]] | None = None
    ) -> None:
        super().__init__(JSONTranscoder())
        events = EVENTS if events is None else events
        self._upcasters = UPCASTERS if upcasters is None else upcasters
        self._names = {kind: name for name, kind in events.items()}
        self._decoders = {name: msgspec.json.Decoder(kind) for name, kind in events.items()}
        self._types = events
        self._encode = msgspec.json.Encoder(order="deterministic").encode

    def encode(self, event: Event) -> tuple[str, bytes]:
        """The name and the bytes of an event. Raises BadInput for a text that no view could hold, or no line shows."""
        check_texts(event)
        try:
            name, state = self._names[type(event)], self._encode(event)
            if NUL in state and has_nul(state):
                raise BadInput(f"a text of {name} holds the character NUL, which PostgreSQL's text does not take")
            return name, state
        except KeyError:
            raise TypeError(
                f"{type(event).__name__} has no name in the event registry (event_store/mapper.py)"
            ) from None

    def decode(self, name: str, state: bytes) -> Event:
        """An event from its name and bytes. Raises Tampered where the name or the state is not one of ours."""
        upcaster = self._upcasters.get(name)
        decoder = self._decoders.get(name)
        if upcaster is None and decoder is None:
            raise Tampered(f"the log holds an event named {name!r}, which this version does not know")
        try:
            if upcaster is not None:
                newest, upcast = upcaster
                return msgspec.convert(upcast(msgspec.json.decode(state)), self._types[newest])
            assert decoder is not None
            return decoder.decode(state)
        except (ValueError, RecursionError, Unbalanced) as error:  # msgspec's errors are ValueErrors
            raise Tampered(f"an event named {name!r} cannot be read: {error}") from None
