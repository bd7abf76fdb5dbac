"""QuickBooks' ids for what documents name by our keys."""

from collections.abc import Sequence

from application.bookkeeping import Bookkeeping
from application.ports import References
from domain.document import Document, Payment
from domain.flow import Flow


def references_for(flow: Flow, bookkeeping: Bookkeeping, documents: Sequence[Document]) -> References:
    """The ids of a flow's mapping, and of the posted invoices and credit memos that payments among `documents` name."""
    mapping = bookkeeping.mapping(flow.name)
    named = [
        (kind, key)
        for document in documents
        if isinstance(document, Payment)
        for kind, _, key in (each.posting.partition("/") for each in (*document.applied, *document.credits))
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
    )
