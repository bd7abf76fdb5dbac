"""From a line in QuickBooks to the Amazon lines behind it, and back: every cent of a document is shown twice.

Read from the streams themselves, never from the read models. A document is the one last planned under its generation;
an order is as it was when its document was planned.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import combinations
from typing import TypeVar
from uuid import UUID

import msgspec

from application.ports import EventStore
from domain import order as orders
from domain import settlement as settlements
from domain.document import Deposit, Document, Invoice, JournalEntry, Payment
from domain.event import Event
from domain.mapping import Mapping, QuickBooksRef, mapping_stream
from domain.mapping import evolve as evolve_mapping
from domain.order import Order, billable, order_stream
from domain.posting import Posted, PostingPlanned, posting_stream
from domain.settlement import Settlement, SettlementLine, settlement_stream

_S = TypeVar("_S")


FEW = 10  # of so many sources every choice is tried, of more only the first ones in their order
WITH_COUNTERPART = ("journal", "purchase", "refund_receipt", "credit_memo", "sales_receipt")


class Source(msgspec.Struct, frozen=True):
    """An amount of Amazon's, minor units: a line of a settlement, or a part of an order's proceeds.

    `settlement_id` and `ordinal` name a settlement's line; without them it is a part of order `order_id`.
    """

    amount: int
    order_id: str
    settlement_id: str
    ordinal: int | None
    what: str
    sku: str


class Line(msgspec.Struct, frozen=True):
    """A line of a document: its number, account key and QuickBooks account, amount (minor units), and what is behind.

    `applied_to` is the posting a payment's line pays. `explained` is the sum of the sources: equal to the amount, or
    the lineage is broken and says so.
    """

    number: int
    account: str
    account_id: str
    account_name: str
    amount: int
    description: str
    applied_to: str
    explained: int
    sources: tuple[Source, ...]

    @property
    def ties(self) -> bool:
        return self.amount == self.explained


class Lineage(msgspec.Struct, frozen=True):
    """A document with the sources of each line; `netted` are lines that cancel out and stand on no line."""

    kind: str
    key: str
    quickbooks_id: str
    generation: int
    currency: str
    total: int
    lines: tuple[Line, ...]
    netted: tuple[Source, ...] = ()

    @property
    def ties(self) -> bool:
        """Whether every line is explained, the lines make the document, and what is netted makes nothing.

        Of a journal the lines that stand for Amazon's are given, signed as Amazon does; their counterpart is clearing.
        """
        return (
            all(line.ties for line in self.lines)
            and (self.kind in WITH_COUNTERPART or sum(line.amount for line in self.lines) == self.total)
            and sum(source.amount for source in self.netted) == 0
        )


class Use(msgspec.Struct, frozen=True):
    """A line of a document that an amount of Amazon's went into; None where it was netted and stands on none."""

    kind: str
    key: str
    quickbooks_id: str
    line: Line | None
    source: Source


class _Planned(msgspec.Struct, frozen=True):
    document: Document
    generation: int
    at: datetime
    quickbooks_id: str
    depends_on: tuple[str, ...] = ()


class LineageReader:
    """Reads the lineage of one flow's documents."""

    def __init__(self, store: EventStore, flow: str) -> None:
        self._store = store
        self._flow = flow
        self._mapping = self._fold(mapping_stream(flow), Mapping(), evolve_mapping)
        self._settlements: dict[str, Settlement] = {}

    def of_posting(self, kind: str, key: str) -> Lineage | None:
        """The document's lines with their sources; None where nothing was ever planned under that name."""
        planned = self._planned(kind, key)
        if planned is None:
            return None
        document = planned.document
        netted: tuple[Source, ...] = ()
        match document:
            case Invoice():
                lines = self._invoice_lines(document, planned.at)
            case Payment():
                lines = self._payment_lines(document)
            case Deposit():
                lines = self._deposit_lines(document)
                netted = self._sources(document.settlement_id, document.netted_ordinals)
            case JournalEntry():
                lines = self._journal_lines(document)
                netted = self._sources(document.settlement_id, document.netted_ordinals)
            case _:
                lines = []
        return Lineage(
            kind,
            key,
            planned.quickbooks_id,
            planned.generation,
            document.currency,
            document.total,
            tuple(lines),
            netted,
        )

    def of_settlement_line(self, settlement_id: str, ordinal: int) -> list[Use] | None:
        """Every document line a settlement's line went into; None where there is no such line."""
        line = next((line for line in self._settlement(settlement_id).lines if line.ordinal == ordinal), None)
        if line is None:
            return None
        return self._uses(settlement_id, [line])

    def of_order(self, order_id: str, settlement_ids: Iterable[str]) -> list[Use]:
        """Every document line the order's own amounts and the settlements' lines of it went into."""
        invoice = self.of_posting("invoice", order_id)
        uses = _uses_of(invoice) if invoice is not None else []
        for settlement_id in settlement_ids:
            lines = [line for line in self._settlement(settlement_id).lines if line.order_id == order_id]
            uses += [use for use in self._uses(settlement_id, lines) if use.kind != "invoice"]
        return uses

    def lines(self, settlement_id: str) -> Sequence[SettlementLine]:
        """The settlement's lines as Amazon reported them."""
        return self._settlement(settlement_id).lines

    def _uses(self, settlement_id: str, lines: Sequence[SettlementLine]) -> list[Use]:
        wanted = {line.ordinal for line in lines}
        deposit = self._planned("deposit", settlement_id)
        if deposit is None or not isinstance(deposit.document, Deposit):
            return []
        found = self.of_posting("deposit", settlement_id)
        assert found is not None
        uses = [use for use in _uses_of(found) if use.source.ordinal in wanted]
        cleared = wanted & set(deposit.document.cleared_ordinals)
        named = {line.order_id for line in lines if line.ordinal in cleared}
        if named:
            for payment_key in deposit.document.payments:
                payment = self.of_posting("payment", payment_key)
                if payment is not None:
                    uses += [use for use in _uses_of(payment) if use.source.ordinal in cleared]
            for order_id in sorted(named):
                invoice = self.of_posting("invoice", order_id)
                uses += _uses_of(invoice) if invoice is not None else []
        return uses

    # --- each kind of document --------------------------------------------------------------------------------------

    def _invoice_lines(self, invoice: Invoice, planned_at: datetime) -> list[Line]:
        """Amazon's proceeds in the order in which the invoice was made of them, as they were when it was planned."""
        stream = order_stream(self._flow, invoice.order_id)
        order = Order()
        for event in self._store.load([stream]).get(stream, []):
            if event.at <= planned_at:
                order = orders.evolve(order, event)
        parts = [
            Source(part_amount, invoice.order_id, "", None, f"{item.order_item_id} {component}", item.sku)
            for item in (order.known.items if order.known is not None else ())
            if (read := billable(item)) is not None
            for component, part_amount in read.amounts.items()
        ]
        lines = []
        for number, line in enumerate(invoice.lines, start=1):
            behind = next((part for part in parts if part.amount == line.amount and part.sku == line.sku), None)
            if behind is not None:
                parts.remove(behind)
            ref = self._mapping.items.get(line.account)
            sources = (behind,) if behind is not None else ()
            lines.append(_line(number, line.account, ref, line.amount, line.description, "", sources))
        return lines

    def _payment_lines(self, payment: Payment) -> list[Line]:
        """An invoice receives what the settlement's lines of its order charge."""
        cleared = self._on_no_line(payment.settlement_id)
        by_order: dict[str, list[Source]] = {}
        for source in self._sources(payment.settlement_id, cleared):
            by_order.setdefault(source.order_id, []).append(source)
        of_order = Counter(applied.order_id for applied in payment.applied)
        ref = self._mapping.accounts.get(payment.clearing)
        return [
            _line(
                number,
                payment.clearing,
                ref,
                applied.amount,
                f"pays {applied.posting}",
                applied.posting,
                _share(by_order.get(applied.order_id, []), applied.amount, of_order[applied.order_id]),
            )
            for number, applied in enumerate(payment.applied, start=1)
        ]

    def _on_no_line(self, settlement_id: str) -> list[int]:
        """The ordinals of a settlement that stand on no line of its deposit and journals: payments book them."""
        whole = self._planned("deposit", settlement_id) or self._planned("journal", settlement_id)
        documents = [whole.document] if whole is not None else []
        for name in whole.depends_on if whole is not None else ():
            kind, _, key = name.partition("/")
            journal = self._planned(kind, key) if kind == "journal" else None
            documents += [journal.document] if journal is not None else []
        placed: set[int] = set()
        for document in documents:
            if isinstance(document, Deposit | JournalEntry):
                placed |= {ordinal for line in document.lines for ordinal in line.ordinals}
                placed |= set(document.netted_ordinals)
        return [line.ordinal for line in self._settlement(settlement_id).lines if line.ordinal not in placed]

    def _deposit_lines(self, deposit: Deposit) -> list[Line]:
        """What payments brought to clearing first, then the direct lines."""
        lines = []
        if deposit.cleared or deposit.cleared_ordinals:
            # Through clearing goes what no line of the deposit names: payments, journals of another month or account.
            named = {ordinal for line in deposit.lines for ordinal in line.ordinals} | set(deposit.netted_ordinals)
            every = [line.ordinal for line in self._settlement(deposit.settlement_id).lines]
            sources = self._sources(deposit.settlement_id, [ordinal for ordinal in every if ordinal not in named])
            ref = self._mapping.accounts.get(deposit.clearing)
            lines.append(_line(1, deposit.clearing, ref, deposit.cleared, "from clearing", "", sources))
        for line in deposit.lines:
            sources = self._sources(deposit.settlement_id, line.ordinals)
            ref = self._mapping.accounts.get(line.account)
            lines.append(_line(len(lines) + 1, line.account, ref, line.amount, line.description, "", sources))
        return lines

    def _journal_lines(self, journal: JournalEntry) -> list[Line]:
        lines: list[Line] = []
        for line in journal.lines:
            if line.ordinals:
                sources = self._sources(journal.settlement_id, line.ordinals)
                ref = self._mapping.accounts.get(line.account)
                lines.append(_line(len(lines) + 1, line.account, ref, -line.amount, line.description, "", sources))
        return lines

    # --- streams ----------------------------------------------------------------------------------------------------

    def _planned(self, kind: str, key: str) -> _Planned | None:
        stream = posting_stream(self._flow, kind, key)
        planned: PostingPlanned | None = None
        posted: Posted | None = None
        plans: dict[int, PostingPlanned] = {}
        for event in self._store.load([stream]).get(stream, []):
            if isinstance(event, PostingPlanned):
                planned = plans[event.generation] = event
            elif isinstance(event, Posted):
                posted = event
        if posted is not None:
            planned = plans.get(posted.generation, planned)
        if planned is None:
            return None
        quickbooks_id = posted.quickbooks_id if posted is not None else ""
        return _Planned(planned.document, planned.generation, planned.at, quickbooks_id, planned.depends_on)

    def _settlement(self, settlement_id: str) -> Settlement:
        known = self._settlements.get(settlement_id)
        if known is None:
            stream = settlement_stream(self._flow, settlement_id)
            known = self._settlements[settlement_id] = self._fold(stream, Settlement(), settlements.evolve)
        return known

    def _sources(self, settlement_id: str, ordinals: Sequence[int]) -> tuple[Source, ...]:
        by_ordinal = {line.ordinal: line for line in self._settlement(settlement_id).lines}
        return tuple(
            settlement_source(settlement_id, by_ordinal[ordinal]) for ordinal in ordinals if ordinal in by_ordinal
        )

    def _fold(self, stream: UUID, start: _S, evolve: Callable[[_S, Event], _S]) -> _S:
        state = start
        for event in self._store.load([stream]).get(stream, []):
            state = evolve(state, event)
        return state


def settlement_source(settlement_id: str, line: SettlementLine) -> Source:
    """A settlement's line in the words of the lineage."""
    return Source(line.amount, line.order_id, settlement_id, line.ordinal, " | ".join(line.triple), line.sku)


def _line(
    number: int,
    account: str,
    ref: QuickBooksRef | None,
    amount: int,
    description: str,
    applied_to: str,
    sources: tuple[Source, ...],
) -> Line:
    return Line(
        number,
        account,
        ref.id if ref is not None else "",
        ref.name if ref is not None else "",
        amount,
        description,
        applied_to,
        sum(source.amount for source in sources),
        sources,
    )


def _share(left: list[Source], amount: int, invoices: int) -> tuple[Source, ...]:
    """What pays one of an order's invoices, taken out of what is left: all of it where it has but one."""
    if invoices == 1:
        return tuple(left)
    for size in range(1, len(left) + 1):
        for chosen in combinations(left, size) if len(left) <= FEW else (tuple(left[:size]),):
            if sum(source.amount for source in chosen) == amount:
                for source in chosen:
                    left.remove(source)
                return tuple(chosen)
    return tuple(left)


def _uses_of(lineage: Lineage) -> list[Use]:
    """The lineage the other way round: source by source."""
    uses = [
        Use(lineage.kind, lineage.key, lineage.quickbooks_id, line, source)
        for line in lineage.lines
        for source in line.sources
    ]
    return uses + [Use(lineage.kind, lineage.key, lineage.quickbooks_id, None, source) for source in lineage.netted]
