"""The lineage as the API answers it: each document line with the Amazon amounts behind it, and the other way round."""

from collections.abc import Sequence

from application import lineage
from domain.settlement import SettlementLine
from entrypoints.web import paging
from entrypoints.web.answers import Answer, instant, money


class SourceFacts(Answer, frozen=True):
    """An amount of Amazon's: a settlement's line (`settlementId`, `ordinal`) or, without them, a part of an order."""

    amount: str
    what: str
    order_id: str | None
    sku: str | None
    settlement_id: str | None
    ordinal: int | None


class LineFacts(Answer, frozen=True):
    """A line of a QuickBooks document. `explained` is the sum of `sources`; `ties` says that it is the amount."""

    number: int
    account: str
    account_id: str | None
    account_name: str | None
    amount: str
    description: str
    applied_to: str | None
    explained: str
    ties: bool
    sources: list[SourceFacts]


class LineageFacts(Answer, frozen=True):
    """A document, line by line; `netted` are Amazon's lines that cancel out and so stand on no line."""

    kind: str
    key: str
    quickbooks_id: str | None
    generation: int
    currency: str
    total: str
    ties: bool
    lines: list[LineFacts]
    netted: list[SourceFacts]


class UseFacts(Answer, frozen=True):
    """A document that an amount of Amazon's went into; `line` is null where it was netted against its opposite."""

    source: SourceFacts
    kind: str
    key: str
    quickbooks_id: str | None
    line: int | None
    account: str | None
    account_name: str | None
    line_amount: str | None


class Trace(Answer, frozen=True):
    """Amazon's amounts, and the documents and lines each is in."""

    currency: str
    sources: list[SourceFacts]
    uses: list[UseFacts]


class SettlementLineFacts(Answer, frozen=True):
    """A line of a settlement as Amazon reported it."""

    ordinal: int
    transaction_type: str
    amount_type: str
    amount_description: str
    amount: str
    order_id: str | None
    sku: str | None
    quantity: int | None
    posted: str | None
    marketplace: str | None


def lineage_facts(found: lineage.Lineage) -> LineageFacts:
    currency = found.currency
    return LineageFacts(
        kind=found.kind,
        key=found.key,
        quickbooks_id=found.quickbooks_id or None,
        generation=found.generation,
        currency=currency,
        total=money(found.total, currency),
        ties=found.ties,
        lines=[
            LineFacts(
                number=line.number,
                account=line.account,
                account_id=line.account_id or None,
                account_name=line.account_name or None,
                amount=money(line.amount, currency),
                description=line.description,
                applied_to=line.applied_to or None,
                explained=money(line.explained, currency),
                ties=line.ties,
                sources=[_source(source, currency) for source in line.sources],
            )
            for line in found.lines
        ],
        netted=[_source(source, currency) for source in found.netted],
    )


def trace(sources: Sequence[lineage.Source], uses: Sequence[lineage.Use], currency: str) -> Trace:
    return Trace(
        currency,
        [_source(source, currency) for source in sources],
        [
            UseFacts(
                source=_source(use.source, currency),
                kind=use.kind,
                key=use.key,
                quickbooks_id=use.quickbooks_id or None,
                line=use.line.number if use.line is not None else None,
                account=use.line.account if use.line is not None else None,
                account_name=(use.line.account_name or None) if use.line is not None else None,
                line_amount=money(use.line.amount, currency) if use.line is not None else None,
            )
            for use in uses
        ],
    )


def page_of_lines(
    lines: Sequence[SettlementLine], settlement_id: str, currency: str, limit: int, cursor: str | None
) -> tuple[list[SettlementLineFacts], str | None]:
    """Lines have numbers from 1 without gaps, so a page begins behind the last one's."""
    name = f"lines of {settlement_id}"
    behind = int(paging.opened(cursor, name, {})[0]) if cursor is not None else 0
    chosen = [line for line in lines if line.ordinal > behind][: limit + 1]
    following = paging.closed(name, {}, (chosen[limit - 1].ordinal,)) if len(chosen) > limit else None
    return [_settlement_line(line, currency) for line in chosen[:limit]], following


def _settlement_line(line: SettlementLine, currency: str) -> SettlementLineFacts:
    return SettlementLineFacts(
        ordinal=line.ordinal,
        transaction_type=line.transaction_type,
        amount_type=line.amount_type,
        amount_description=line.amount_description,
        amount=money(line.amount, currency) if currency else str(line.amount),
        order_id=line.order_id or None,
        sku=line.sku or None,
        quantity=line.quantity,
        posted=instant(line.posted),
        marketplace=line.marketplace or None,
    )


def _source(source: lineage.Source, currency: str) -> SourceFacts:
    return SourceFacts(
        amount=money(source.amount, currency) if currency else str(source.amount),
        what=source.what,
        order_id=source.order_id or None,
        sku=source.sku or None,
        settlement_id=source.settlement_id or None,
        ordinal=source.ordinal,
    )
