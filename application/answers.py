"""What QuickBooks' answer to one document of a batch means for its posting."""

from application.ports import Fault, Found
from domain.event import Event, Stamp
from domain.posting import (
    BatchItem,
    DepositPosted,
    InvoicePosted,
    PaymentPosted,
    Posting,
    PostingHeld,
    PostingRejected,
    Reason,
)


def answered(
    item: BatchItem, outcome: Found | Fault, posting: Posting, batch: str, answer: str, how: str, stamp: Stamp
) -> list[Event]:
    if isinstance(outcome, Fault):
        return [
            PostingRejected(
                kind=item.kind,
                key=item.key,
                generation=item.generation,
                code=outcome.code,
                message=outcome.message,
                batch=batch,
                **stamp.fields(),
            )
        ]
    kinds = {"invoice": InvoicePosted, "payment": PaymentPosted, "deposit": DepositPosted}
    posted: Event = kinds[item.kind](
        key=item.key,
        generation=item.generation,
        quickbooks_id=outcome.quickbooks_id,
        sync_token=outcome.sync_token,
        total=outcome.total,
        currency=outcome.currency,
        day=outcome.day,
        batch=batch,
        answer=answer,
        item=item.item,
        adopted=how != "answer",
        **stamp.fields(),
    )
    planned = posting.document
    if planned is None or outcome.total == planned.total:
        return [posted]
    text = (
        f"QuickBooks shows {item.kind} {item.key} with another total ({outcome.total} instead of {planned.total} "
        "minor units): look at its tax and its lines there"
    )
    reason = Reason("total_differs", text, outcome.total - planned.total)
    held = PostingHeld(
        kind=item.kind,
        key=item.key,
        reasons=(reason,),
        amount=outcome.total - planned.total,
        currency=planned.currency,
        **stamp.fields(),
    )
    return [posted, held]
