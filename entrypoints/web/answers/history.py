"""Postings, the audit trail and cycles as the API tells them."""

from entrypoints.web.answers.form import Answer, Row, amount


class PostingFacts(Answer, frozen=True):
    """A QuickBooks document: kind is invoice, payment, deposit, ...; status held, planned, submitted, posted, rejected
    or withdrawn. `needs` are postings (kind/key) that go first.
    """

    kind: str
    key: str
    status: str
    amount: str | None
    currency: str
    day: str | None
    generation: int
    quickbooks_id: str | None
    order_id: str | None
    settlement_id: str | None
    planned_at: str | None
    posted_at: str | None
    held_since: str | None
    position: int
    needs: list[str]


def posting_facts(row: Row) -> PostingFacts:
    return PostingFacts(
        kind=row["kind"],
        key=row["key"],
        status=row["status"],
        amount=amount(row["amount"], row["currency"]),
        currency=row["currency"],
        day=row["day"],
        generation=row["generation"],
        quickbooks_id=row["quickbooks_id"] or None,
        order_id=row["order_id"] or None,
        settlement_id=row["settlement_id"] or None,
        planned_at=row["planned_at"],
        posted_at=row["posted_at"],
        held_since=row["held_since"],
        position=row["position"],
        needs=row["needs"],
    )


class EventFacts(Answer, frozen=True):
    """An event of the audit trail in words."""

    position: int
    at: str
    by: str
    name: str
    summary: str
    order_id: str | None
    settlement_id: str | None
    posting: str | None
    cause: str | None


def event_facts(row: Row) -> EventFacts:
    return EventFacts(
        position=row["position"],
        at=row["at"],
        by=row["by"],
        name=row["name"],
        summary=row["summary"],
        order_id=row["order_id"] or None,
        settlement_id=row["settlement_id"] or None,
        posting=row["posting"] or None,
        cause=row["cause"] or None,
    )


class CycleFacts(Answer, frozen=True):
    """A cycle: running, finished or failed, and what it did."""

    cycle: str
    status: str
    started: str
    finished: str | None
    error: str | None
    counts: dict[str, int]


def cycle_facts(row: Row) -> CycleFacts:
    return CycleFacts(
        cycle=row["cycle"],
        status=row["status"],
        started=row["started"],
        finished=row["finished"],
        error=row["error"] or None,
        counts=row["counts"],
    )
