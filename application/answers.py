"""What QuickBooks' answer to one document, or what was found of it there, means for its posting."""

from application.ports import Fault, Found, Otherwise
from domain.event import Event, Stamp
from domain.posting import (
    FOUND_OTHERWISE,
    TOTAL_DIFFERS,
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
    item: BatchItem,
    outcome: Found | Fault | Otherwise,
    posting: Posting,
    batch: str,
    answer: str,
    adopted: bool,
    stamp: Stamp,
) -> list[Event]:
    """The events of one document of a batch; `adopted` where it was found by look-up, not by the answer to a call."""
    match outcome:
        case Fault():
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
        case Otherwise():
            return [contested(item.kind, item.key, outcome, posting, stamp)]
    return stands(item.kind, item.key, outcome, posting, answer, adopted, stamp, batch, item.item)


def stands(
    kind: str,
    key: str,
    found: Found,
    posting: Posting,
    answer: str,
    adopted: bool,
    stamp: Stamp,
    batch: str = "",
    item: str = "",
) -> list[Event]:
    """A document stands in QuickBooks; if with another total than ours, a person must look."""
    kinds = {"invoice": InvoicePosted, "payment": PaymentPosted, "deposit": DepositPosted}
    posted: Event = kinds[kind](
        key=key,
        generation=posting.generation,
        quickbooks_id=found.quickbooks_id,
        sync_token=found.sync_token,
        total=found.total,
        currency=found.currency,
        day=found.day,
        batch=batch,
        answer=answer,
        item=item,
        adopted=adopted,
        **stamp.fields(),
    )
    planned = posting.document
    attention = [reason for reason in posting.attention if reason.code != FOUND_OTHERWISE]
    amount = 0
    if planned is not None and found.total != planned.total:
        amount = found.total - planned.total
        text = (
            f"QuickBooks shows {kind} {key} with another total ({found.total} instead of {planned.total} "
            "minor units): look at its tax and its lines there"
        )
        attention.append(Reason(TOTAL_DIFFERS, text, amount))
    if tuple(attention) == posting.attention:
        return [posted]
    held = PostingHeld(
        kind=kind,
        key=key,
        reasons=tuple(attention),
        amount=amount,
        currency=found.currency,
        **stamp.fields(),
    )
    return [posted, held]


def contested(kind: str, key: str, outcome: Otherwise, posting: Posting, stamp: Stamp) -> PostingHeld:
    """QuickBooks has a document with the marks of this one and other contents: only a person can say what it is."""
    nearest = outcome.sightings[0]
    others = f" (and {len(outcome.sightings) - 1} more)" if len(outcome.sightings) > 1 else ""
    quickbooks_id = nearest.found.quickbooks_id
    text = (
        f"QuickBooks has a {kind} (id {quickbooks_id}){others} that looks like this one and is otherwise: "
        f"{', '.join(nearest.differs)}. If it is the same, correct it there or say: ml-connector posting adopt "
        f"{stamp.flow} {kind} {key} --id {quickbooks_id}; if it is another: ml-connector posting release "
        f"{stamp.flow} {kind} {key}"
    )
    document = posting.document
    total = document.total if document is not None else nearest.found.total
    return PostingHeld(
        kind=kind,
        key=key,
        reasons=(Reason(FOUND_OTHERWISE, text, total),),
        amount=total,
        currency=document.currency if document is not None else nearest.found.currency,
        **stamp.fields(),
    )
