"""A person's word where two truths are possible, each with its reason.

Is a document of QuickBooks that looks like one of ours and is otherwise ours, or not; which settlement stands.
"""

from collections.abc import Sequence

from application.bookkeeping import Bookkeeping
from application.ports import EvidenceStore, OpenCompany, Views
from application.references import references_for
from domain.errors import BadInput, Refused
from domain.flow import Flow
from domain.posting import EVERY_KIND


def adopt(
    flow: Flow,
    kind: str,
    key: str,
    quickbooks_id: str,
    bookkeeping: Bookkeeping,
    views: Views,
    quickbooks: OpenCompany,
    evidence: EvidenceStore,
    by: str,
    why: str,
) -> int:
    """It is ours: it counts as posted; in what it books otherwise stays on the list. The position of the event.

    Raises BadInput where there is no such document, another posting has it already, or it is of another customer or
    currency.
    """
    check(kind, why)
    if not (quickbooks_id.isascii() and quickbooks_id.isdigit()):
        raise BadInput(f"--id {quickbooks_id!r}: expected QuickBooks' id, digits only, as its page's address has it")
    document = bookkeeping.postings(flow.name, [(kind, key)])[kind, key].document
    if document is None:
        raise BadInput(f"{kind} {key} of flow {flow.name} was never planned; see: ml-connector held {flow.name}")
    try:
        with quickbooks(flow) as company:
            sighting = company.see(document, quickbooks_id, references_for(flow, bookkeeping, [document]))
    except Refused:
        sighting = None
    if sighting is None:
        raise BadInput(
            f"QuickBooks has no {kind} with id {quickbooks_id}; the id stands in the address of its page there, "
            "as txnId=..."
        )
    for other in views.flows():
        if bookkeeping.flow(other).realm == flow.realm:
            for row in views.query("postings", other, kind=kind, quickbooks_id=quickbooks_id):
                raise BadInput(f"{kind} {quickbooks_id} of QuickBooks is {row['key']} of flow {other} already")
    for fact in sighting.differs:
        if fact == "customer" or fact.startswith("currency"):
            raise BadInput(f"{kind} {quickbooks_id} of QuickBooks has another {fact}: it cannot be {key}")
    (digest,) = evidence.put(flow.name, [sighting.found.content])
    return bookkeeping.adopt(flow.name, kind, key, sighting, digest, by, why)


def release(
    flow: Flow, kind: str, key: str, not_ours: Sequence[str], bookkeeping: Bookkeeping, by: str, why: str
) -> int:
    """It is not ours, or gone: ours is planned anew, and `not_ours` are never taken for it. The event's position."""
    check(kind, why)
    return bookkeeping.release(flow.name, kind, key, not_ours, by, why)


def keep(flow: Flow, settlement_id: str, bookkeeping: Bookkeeping, by: str, why: str) -> int:
    """A settlement whose id Amazon sent again with other lines stands as it was. The event's position."""
    check_reason(why)
    return bookkeeping.lift_dispute(flow, settlement_id, by, why).position


def check(kind: str, why: str) -> None:
    """Raises BadInput for a kind that is none, or without a reason."""
    if kind not in EVERY_KIND:
        raise BadInput(f"kind {kind!r}: expected one of {', '.join(EVERY_KIND)}")
    check_reason(why, "made by hand on 3 May")


def check_reason(why: str, example: str = "Seller Support case 123") -> None:
    """Raises BadInput where none is given."""
    if not why.strip():
        raise BadInput(f"--why is needed: the reason stands in the audit trail, for example --why {example!r}")
