"""A settlement as Amazon states it: its lines, its total, and whether the two agree.

The unit is the settlement id, not the report: documents repeat old settlements. A line is known by its ordinal
within its settlement, never by its content, since identical lines are legitimate. Source: amazon.md section 5.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from domain.event import Event, Stamp, stream_id
from domain.event_group import SettlementMatched

CHUNK_LINES = 1_000  # events stay small enough to read back singly


class SettlementLine(msgspec.Struct, frozen=True, array_like=True):
    """One amount of a settlement, in minor units of its currency, signed from the seller's side.

    Stored as an array: a new field goes to the end and has a default.
    """

    ordinal: int
    transaction_type: str
    amount_type: str
    amount_description: str
    amount: int
    order_id: str = ""
    sku: str = ""
    quantity: int | None = None
    posted: datetime | None = None
    marketplace: str = ""
    shipment_id: str = ""
    adjustment_id: str = ""
    order_item: str = ""
    promotion_id: str = ""
    fulfilment: str = ""

    @property
    def triple(self) -> tuple[str, str, str]:
        return self.transaction_type, self.amount_type, self.amount_description


class Statement(msgspec.Struct, frozen=True):
    """A settlement's header: period and deposit date in UTC, total in minor units (None where the file has none)."""

    settlement_id: str
    currency: str
    total: int | None
    start: datetime | None = None
    end: datetime | None = None
    deposit_date: datetime | None = None


class SettlementLinesIngested(Event, frozen=True, kw_only=True):
    """Up to 1,000 lines of a settlement, in file order; `content_hash` tells which document's lines they are."""

    settlement_id: str
    content_hash: str
    lines: tuple[SettlementLine, ...]


class SettlementClosed(Event, frozen=True, kw_only=True):
    """All lines are recorded and add up to the stated total (minor units)."""

    settlement_id: str
    currency: str
    total: int
    lines: int
    content_hash: str
    start: datetime | None = None
    end: datetime | None = None
    deposit_date: datetime | None = None
    marketplace: str = ""
    evidence: str = ""


class SettlementDisputed(Event, frozen=True, kw_only=True):
    """Amazon's document does not add up, or the settlement came back with other content. It is not posted."""

    settlement_id: str
    currency: str
    reason: str
    content_hash: str
    total: int | None = None
    lines_sum: int = 0
    evidence: str = ""


class SettlementDisputeLifted(Event, frozen=True, kw_only=True):
    """The settlement stands as it was closed: Amazon gave those lines again, or a person decided so.

    `dismissed` is the hash of the other document where a person did: it is no news if it comes again.
    """

    settlement_id: str
    why: str
    dismissed: str = ""


class Settlement(msgspec.Struct):
    """A settlement folded from its events: `closed` is None until lines that add up are recorded.

    `matched` is what Amazon's event group, payout and transactions tell of it, None until they do.
    """

    closed: SettlementClosed | None = None
    matched: SettlementMatched | None = None
    disputed: SettlementDisputed | None = None
    hashes: frozenset[str] = frozenset()
    dismissed: frozenset[str] = frozenset()
    lines: tuple[SettlementLine, ...] = ()


def content_hash(statement: Statement, lines: Iterable[SettlementLine]) -> str:
    """A hash over what is booked: header, and amounts, words, orders and quantities of the lines in any order.

    The same settlement in another encoding, or with fields that were not read before, is no dispute.
    """
    facts = sorted(
        (
            line.transaction_type,
            line.amount_type,
            line.amount_description,
            line.amount,
            line.order_id,
            line.sku,
            line.quantity or 0,
        )
        for line in lines
    )
    return hashlib.blake2b(msgspec.json.encode((statement, facts)), digest_size=16).hexdigest()


def closed_hash(known: Settlement) -> str:
    """What `content_hash` gives for a closed settlement's own lines, whatever hash was stored with them."""
    closed = known.closed
    if closed is None:
        return ""
    statement = Statement(
        closed.settlement_id, closed.currency, closed.total, closed.start, closed.end, closed.deposit_date
    )
    return content_hash(statement, known.lines)


def record(
    statement: Statement, lines: Sequence[SettlementLine], known: Settlement, stamp: Stamp, evidence: str = ""
) -> list[Event]:
    """What is new about a settlement document: nothing, its lines and closing, or a dispute."""
    digest = content_hash(statement, lines)
    if digest in (known.hashes if known.closed is None else known.dismissed):
        return []
    lines_sum = sum(line.amount for line in lines)
    dispute = SettlementDisputed(
        settlement_id=statement.settlement_id,
        currency=statement.currency,
        reason="",
        content_hash=digest,
        total=statement.total,
        lines_sum=lines_sum,
        evidence=evidence,
        **stamp.fields(),
    )
    if known.closed is not None:
        if digest == closed_hash(known):
            return lift(known, "Amazon gave the lines again that it was closed with", stamp, by_person=False)
        if known.disputed is not None and known.disputed.content_hash == digest:
            return []
        return [msgspec.structs.replace(dispute, reason="the same settlement id came back with other lines")]
    events: list[Event] = [
        SettlementLinesIngested(
            settlement_id=statement.settlement_id, content_hash=digest, lines=chunk, **stamp.fields()
        )
        for chunk in _chunks(lines)
    ]
    if statement.total is None:
        return [*events, msgspec.structs.replace(dispute, reason="the document states no total")]
    if lines_sum != statement.total:
        return [*events, msgspec.structs.replace(dispute, reason="the lines do not add up to the stated total")]
    return [
        *events,
        SettlementClosed(
            settlement_id=statement.settlement_id,
            currency=statement.currency,
            total=statement.total,
            lines=len(lines),
            content_hash=digest,
            start=statement.start,
            end=statement.end,
            deposit_date=statement.deposit_date,
            marketplace=main_marketplace(lines),
            evidence=evidence,
            **stamp.fields(),
        ),
    ]


def evolve(state: Settlement, event: Event) -> Settlement:
    """The settlement after one more event; the lines kept are those of the document recorded last."""
    match event:
        case SettlementLinesIngested():
            same_document = event.content_hash in state.hashes
            state.lines = state.lines + event.lines if same_document else event.lines
            state.hashes |= {event.content_hash}
        case SettlementClosed():
            state.closed = event
            state.disputed = None
        case SettlementDisputed():
            state.disputed = event
            state.hashes |= {event.content_hash}
        case SettlementDisputeLifted():
            state.disputed = None
            state.dismissed |= {event.dismissed} - {""}
        case SettlementMatched():
            state.matched = event
    return state


def lift(known: Settlement, why: str, stamp: Stamp, by_person: bool) -> list[Event]:
    """The settlement stands as it was closed; nothing happens where nothing disputes it, or it was never closed."""
    if known.closed is None or known.disputed is None:
        return []
    dismissed = known.disputed.content_hash if by_person else ""
    settlement_id = known.closed.settlement_id
    return [SettlementDisputeLifted(settlement_id=settlement_id, why=why, dismissed=dismissed, **stamp.fields())]


def main_marketplace(lines: Iterable[SettlementLine]) -> str:
    """The marketplace most lines name; empty where none does."""
    counts: dict[str, int] = {}
    for line in lines:
        if line.marketplace:
            counts[line.marketplace] = counts.get(line.marketplace, 0) + 1
    return max(counts, key=lambda name: (counts[name], name), default="")


def settlement_stream(flow: str, settlement_id: str) -> UUID:
    return stream_id(flow, "settlement", settlement_id)


def _chunks(lines: Sequence[SettlementLine]) -> Iterator[tuple[SettlementLine, ...]]:
    for begin in range(0, len(lines), CHUNK_LINES):
        yield tuple(lines[begin : begin + CHUNK_LINES])
