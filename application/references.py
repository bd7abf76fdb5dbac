"""QuickBooks' ids for what documents name by our keys."""

from collections.abc import Sequence

from application.bookkeeping import Bookkeeping
from application.ports import References
from domain.document import Deposit, Document, Payment, linked_payments
from domain.flow import Flow


def references_for(flow: Flow, bookkeeping: Bookkeeping, documents: Sequence[Document]) -> References:
    """The ids of a flow's mapping, and of the posted documents that `documents` link to."""
    mapping = bookkeeping.mapping(flow.name)
    named = [
        (kind, key) for document in documents for kind, _, key in (name.partition("/") for name in _names(document))
    ]
    posted = bookkeeping.postings(flow.name, named) if named else {}
    return References(
        accounts=mapping.accounts,
        items=mapping.items,
        customers=mapping.customers,
        banks=mapping.banks,
        postings={f"{kind}/{key}": posting.quickbooks_id for (kind, key), posting in posted.items()},
        custom_numbers=flow.custom_numbers,
        multicurrency=flow.multicurrency,
        country=flow.country,
    )


def _names(document: Document) -> list[str]:
    match document:
        case Payment():
            return [each.posting for each in (*document.applied, *document.credits)]
        case Deposit():
            return list(linked_payments(document).values())
        case _:
            return []
