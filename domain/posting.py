"""The life of one QuickBooks document: held -> planned -> submitted -> posted | rejected.

The posting stream is the outbox. Its id comes from what it books, so planning the same document twice is a
conflict; a changed document is a new generation with a new id towards QuickBooks. `Batch` is one call: which
postings travelled under which request id and item id, saved before it is made.
"""

from collections.abc import Sequence
from datetime import date
from typing import Literal, get_args
from uuid import UUID

import msgspec

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
from domain.event import Event, Stamp, stream_id

# The code of a document that went out, was never answered and is not in QuickBooks: it is planned anew.
LOST = "lost"
# The reason of a document of which QuickBooks has one with the same marks and other contents.
FOUND_OTHERWISE = "found_otherwise"
# QuickBooks computed another total than ours.
TOTAL_DIFFERS = "total_differs"
# A person took a document of QuickBooks for this one although it books otherwise.
ADOPTED_OTHERWISE = "adopted_otherwise"
# What is seen in QuickBooks is settled there or by a person, not by what Amazon says next.
SEEN_IN_QUICKBOOKS = (FOUND_OTHERWISE, TOTAL_DIFFERS, ADOPTED_OTHERWISE)

# A change of a document that was changed in QuickBooks by somebody else: nothing is written over it.
CHANGED_BY_HAND = "changed_by_hand"
# What cannot even be written for QuickBooks: it names something that is not mapped, or has no room there.
UNSENDABLE = "cannot_be_sent"
STALE = "5010"  # QuickBooks' code where somebody was faster: what is there is read again
STALE_TRIES = 5
# What QuickBooks refuses by its own locks, by its code (quickbooks.md 9); other refusals are about the document.
_LOCKS = {
    "6200": "closed_period",
    "6210": "closed_period",
    "6540": "deposited",
    "6480": "bank_matched",
    "6190": "subscription_ended",
    CHANGED_BY_HAND: CHANGED_BY_HAND,
    UNSENDABLE: UNSENDABLE,
}

Kind = Literal["invoice", "payment", "deposit", "journal", "credit_memo", "refund_receipt", "sales_receipt", "purchase"]
Operation = Literal["create", "amend", "void", "delete"]
EVERY_KIND: tuple[Kind, ...] = get_args(Kind)


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why something is not posted, in words a bookkeeper can act on.

    `code` is stable (see docs/accounting.md); `waits_for` is the missing mapping key, order or posting that frees it;
    `amount` is the money at stake in minor units.
    """

    code: str
    text: str
    amount: int = 0
    waits_for: str = ""


class PostingHeld(Event, frozen=True, kw_only=True):
    """The document cannot be posted, and why. `amount` is the money at stake in minor units.

    Of one that QuickBooks has, or may have: what a person must look at; no reasons: what was amiss is settled.
    """

    kind: str
    key: str
    reasons: tuple[Reason, ...]
    amount: int
    currency: str


class PostingPlanned(Event, frozen=True, kw_only=True):
    """The document as it shall stand in QuickBooks; `depends_on` are postings that must be posted first.

    `operation` tells what is done to one that QuickBooks has: amended to this, voided, or deleted; `why` by what cause.
    """

    kind: str
    key: str
    generation: int
    document: Document
    depends_on: tuple[str, ...] = ()
    mapping_version: int = 0
    operation: Operation = "create"
    why: str = ""


class PostingWithdrawn(Event, frozen=True, kw_only=True):
    """A plan that was never sent is no longer wanted; of a change, the document stays as QuickBooks has it."""

    kind: str
    key: str
    why: str


class PostingSubmitted(Event, frozen=True, kw_only=True):
    """Claimed for a batch that is about to be sent."""

    kind: str
    key: str
    generation: int
    batch: str


class Posted(Event, frozen=True, kw_only=True):
    """QuickBooks has the document. `total` is what QuickBooks answered, `answer` the evidence of its words.

    `adopted` is true where the document was found by look-up, not by the answer to our call. `cleared` is what it moves
    through the clearing account in truth; None: what it was planned to.
    """

    key: str
    generation: int
    quickbooks_id: str
    sync_token: str
    total: int
    currency: str
    day: date
    batch: str = ""
    answer: str = ""
    item: str = ""
    adopted: bool = False
    cleared: int | None = None


class InvoicePosted(Posted, frozen=True, kw_only=True):
    """An invoice stands in QuickBooks."""


class PaymentPosted(Posted, frozen=True, kw_only=True):
    """A payment stands in QuickBooks."""


class DepositPosted(Posted, frozen=True, kw_only=True):
    """A deposit stands in QuickBooks."""


class JournalEntryPosted(Posted, frozen=True, kw_only=True):
    """A journal entry stands in QuickBooks."""


class CreditMemoPosted(Posted, frozen=True, kw_only=True):
    """A credit memo stands in QuickBooks."""


class RefundReceiptPosted(Posted, frozen=True, kw_only=True):
    """A refund receipt stands in QuickBooks."""


class SalesReceiptPosted(Posted, frozen=True, kw_only=True):
    """A sales receipt stands in QuickBooks."""


class PurchasePosted(Posted, frozen=True, kw_only=True):
    """A purchase stands in QuickBooks."""


class PostingAmended(Posted, frozen=True, kw_only=True):
    """A document of ours in QuickBooks is now as it was planned to be amended."""

    kind: str


class PostingVoided(Event, frozen=True, kw_only=True):
    """A document of ours is voided in QuickBooks: it keeps its number and books nothing."""

    kind: str
    key: str
    generation: int
    sync_token: str = ""
    batch: str = ""
    answer: str = ""


class PostingDeleted(Event, frozen=True, kw_only=True):
    """A document of ours is deleted in QuickBooks, where it cannot be voided."""

    kind: str
    key: str
    generation: int
    batch: str = ""
    answer: str = ""


POSTED_KINDS: dict[type[Posted], Kind] = {
    InvoicePosted: "invoice",
    PaymentPosted: "payment",
    DepositPosted: "deposit",
    JournalEntryPosted: "journal",
    CreditMemoPosted: "credit_memo",
    RefundReceiptPosted: "refund_receipt",
    SalesReceiptPosted: "sales_receipt",
    PurchasePosted: "purchase",
}


class PostingRejected(Event, frozen=True, kw_only=True):
    """QuickBooks refused the document, with its fault code and words; nothing was written there."""

    kind: str
    key: str
    generation: int
    code: str
    message: str
    batch: str = ""


class PostingReleased(Event, frozen=True, kw_only=True):
    """A person looked: none of these documents of QuickBooks (by id) is this one, so it is planned and sent anew."""

    kind: str
    key: str
    why: str
    not_ours: tuple[str, ...] = ()


class BatchItem(msgspec.Struct, frozen=True):
    """One document of a batch: its posting stream, the item id towards QuickBooks, the hash of its body."""

    posting: str
    kind: str
    key: str
    generation: int
    item: str
    body_hash: str


class BatchSubmitted(Event, frozen=True, kw_only=True):
    """A batch as it is about to be sent; `body` is the evidence of the exact bytes, for a verbatim replay."""

    batch: str
    request_id: str
    items: tuple[BatchItem, ...]
    body: str


class BatchReplayed(Event, frozen=True, kw_only=True):
    """The batch is about to be sent once more, word for word: the answer to an earlier sending was lost."""

    batch: str


class BatchAnswered(Event, frozen=True, kw_only=True):
    """Each item of the batch is decided. `answer` is the evidence of QuickBooks' words."""

    batch: str
    answer: str = ""
    posted: int = 0
    rejected: int = 0
    how: str = "answer"


Status = Literal["none", "held", "planned", "submitted", "posted", "rejected", "withdrawn", "voided", "deleted"]


class Posting(msgspec.Struct):
    """A posting folded from its events. `attention` are reasons that came up after it was posted."""

    status: Status = "none"
    kind: str = ""
    key: str = ""
    generation: int = 0
    document: Document | None = None
    depends_on: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    attention: tuple[Reason, ...] = ()
    batch: str = ""
    quickbooks_id: str = ""
    sync_token: str = ""
    total: int = 0
    mapping_version: int = 0
    adopted: bool = False  # found in QuickBooks, not answered to our call
    lost: bool = False  # refused only because no trace of it was found in QuickBooks
    not_ours: frozenset[str] = frozenset()  # documents of QuickBooks that a person said are others
    operation: Operation = "create"
    standing: Document | None = None  # what QuickBooks has while a change of it is under way
    stale: int = 0  # how often in a row somebody was faster than our change

    @property
    def is_final(self) -> bool:
        """Whether QuickBooks has it, or may have it: then a new plan is an amendment, not a replacement."""
        return self.status in ("submitted", "posted") or (self.status == "planned" and self.operation != "create")

    @property
    def is_contested(self) -> bool:
        """Whether a person must say if a document found in QuickBooks is this one; it is not sent before."""
        return any(reason.code == FOUND_OTHERWISE for reason in (*self.reasons, *self.attention))


def evolve(state: Posting, event: Event) -> Posting:
    match event:
        case PostingHeld():
            state.kind, state.key = event.kind, event.key
            if state.is_final:
                state.attention = event.reasons
            else:
                state.status, state.reasons = "held", event.reasons
        case PostingPlanned():
            if event.operation != "create" and state.status == "posted":
                state.standing, state.attention = state.document, ()
            state.status, state.operation = "planned", event.operation
            state.kind, state.key = event.kind, event.key
            state.generation, state.document = event.generation, event.document
            state.depends_on, state.reasons = event.depends_on, ()
            state.mapping_version = event.mapping_version
        case PostingWithdrawn() if state.standing is not None:
            # A change that was never sent: QuickBooks has the document as it was.
            state.status, state.document, state.operation, state.standing = "posted", state.standing, "create", None
        case PostingWithdrawn():
            state.status, state.document, state.reasons = "withdrawn", None, ()
        case PostingReleased():
            state.status, state.lost, state.reasons, state.attention = "rejected", True, (), ()
            state.quickbooks_id = ""
            state.not_ours |= frozenset(event.not_ours)
        case PostingSubmitted():
            state.status, state.batch = "submitted", event.batch
        case Posted():
            state.status, state.reasons, state.operation, state.standing = "posted", (), "create", None
            state.generation, state.stale = event.generation, 0
            state.quickbooks_id, state.sync_token, state.total = event.quickbooks_id, event.sync_token, event.total
            state.adopted = event.adopted
        case PostingVoided():
            state.status, state.reasons, state.attention, state.standing = "voided", (), (), None
            state.sync_token, state.operation = event.sync_token or state.sync_token, "create"
        case PostingDeleted():
            state.status, state.reasons, state.attention, state.standing = "deleted", (), (), None
            state.quickbooks_id, state.sync_token, state.operation = "", "", "create"
        case PostingRejected() if state.standing is not None:
            # QuickBooks still has it as it was: the refusal of a change needs a person.
            state.status, state.document, state.operation, state.standing = "posted", state.standing, "create", None
            state.attention = (refusal(event.code, event.message, changing=True),)
            state.stale = state.stale + 1 if event.code == STALE else 0
        case PostingRejected():
            state.status, state.lost = "rejected", event.code == LOST
            state.reasons = (refusal(event.code, event.message),)
    return state


def refusal(code: str, message: str, changing: bool = False, amount: int = 0) -> Reason:
    """QuickBooks' refusal of a document, or of a change of one that stands, as the reason why it waits."""
    name = _LOCKS.get(code, "change_refused" if changing else "refused_by_quickbooks")
    return Reason(name, f"{code}: {message}", amount)


def plan(
    document: Document, key: str, depends_on: Sequence[str], known: Posting, mapping_version: int, stamp: Stamp
) -> list[Event]:
    """Plan a document, unless exactly this one is planned already. The caller keeps away from final postings."""
    if known.status == "planned" and known.document == document and known.depends_on == tuple(depends_on):
        return []
    return [
        PostingPlanned(
            kind=kind_of(document),
            key=key,
            generation=known.generation + 1,
            document=document,
            depends_on=tuple(depends_on),
            mapping_version=mapping_version,
            **stamp.fields(),
        )
    ]


def hold(
    kind: str, key: str, reasons: Sequence[Reason], amount: int, currency: str, known: Posting, stamp: Stamp
) -> list[Event]:
    """Hold a posting for `reasons`, unless it is held for exactly these already.

    One that QuickBooks has keeps what was seen there; without reasons, what else was amiss is settled.
    """
    if known.is_final:
        kept = [reason for reason in known.attention if reason.code in SEEN_IN_QUICKBOOKS]
        standing, reasons = known.attention, (*kept, *reasons)
    else:
        standing = known.reasons if known.status == "held" else ()
    if standing == tuple(reasons):
        return []
    return [PostingHeld(kind=kind, key=key, reasons=tuple(reasons), amount=amount, currency=currency, **stamp.fields())]


def settled(kind: str, key: str, known: Posting, stamp: Stamp) -> list[Event]:
    """What was amiss with a document that QuickBooks has is so no more, as far as Amazon's word goes."""
    if not known.attention:
        return []
    currency = known.document.currency if known.document is not None else ""
    return hold(kind, key, (), 0, currency, known, stamp)


def kind_of(document: Document) -> Kind:
    return _KINDS[type(document)]


def posting_stream(flow: str, kind: str, key: str) -> UUID:
    """The stream of one document: `posting_stream('us', 'invoice', '113-1234567-1234567')`."""
    return stream_id(flow, "posting", f"{kind}/{key}")


def batch_stream(flow: str, batch: str) -> UUID:
    return stream_id(flow, "submission", batch)


_KINDS: dict[type, Kind] = {
    Invoice: "invoice",
    Payment: "payment",
    Deposit: "deposit",
    JournalEntry: "journal",
    CreditMemo: "credit_memo",
    RefundReceipt: "refund_receipt",
    SalesReceipt: "sales_receipt",
    Purchase: "purchase",
}
