"""What QuickBooks' answer to one document, or what was found of it there, means for its posting."""

from application.ports import Fault, Found, Otherwise, Sighting
from domain.event import Event, Stamp
from domain.posting import (
    ADOPTED_OTHERWISE,
    FOUND_OTHERWISE,
    POSTED_KINDS,
    SEEN_IN_QUICKBOOKS,
    TOTAL_DIFFERS,
    BatchItem,
    Posted,
    Posting,
    PostingHeld,
    PostingRejected,
    Reason,
)

_POSTED: dict[str, type[Posted]] = {kind: event for event, kind in POSTED_KINDS.items()}


def answered(
    item: BatchItem,
    outcome: Found | Fault | Sighting | Otherwise,
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
    found: Found | Sighting,
    posting: Posting,
    answer: str,
    adopted: bool,
    stamp: Stamp,
    batch: str = "",
    item: str = "",
) -> list[Event]:
    """A document stands in QuickBooks; where it books otherwise than ours, a person must look.

    Of a Sighting, which a look-up gives, all facts were compared and not the total alone.
    """
    sighting = found if isinstance(found, Sighting) else Sighting(found)
    there = sighting.found
    posted: Event = _POSTED[kind](
        key=key,
        generation=posting.generation,
        quickbooks_id=there.quickbooks_id,
        sync_token=there.sync_token,
        total=there.total,
        currency=there.currency,
        day=there.day,
        batch=batch or posting.batch,
        answer=answer,
        item=item,
        adopted=adopted,
        cleared=sighting.cleared if isinstance(found, Sighting) else None,
        **stamp.fields(),
    )
    attention = [reason for reason in posting.attention if reason.code not in SEEN_IN_QUICKBOOKS]
    attention += _seen(kind, key, sighting, posting)
    if tuple(attention) == posting.attention:
        return [posted]
    held = PostingHeld(
        kind=kind,
        key=key,
        reasons=tuple(attention),
        amount=sum(reason.amount for reason in attention),
        currency=there.currency,
        **stamp.fields(),
    )
    return [posted, held]


def seen_again(kind: str, key: str, sighting: Sighting, posting: Posting, answer: str, stamp: Stamp) -> list[Event]:
    """A document that booked otherwise was looked at again: nothing if it is as it was then."""
    events = stands(kind, key, sighting, posting, answer, posting.adopted, stamp)
    changed = sighting.found.total != posting.total or sighting.found.sync_token != posting.sync_token
    return events if changed or len(events) > 1 else []


def _seen(kind: str, key: str, sighting: Sighting, posting: Posting) -> list[Reason]:
    """In what a document of QuickBooks books otherwise than ours."""
    planned, there = posting.document, sighting.found
    if planned is None:
        return []
    reasons = []
    if there.total != planned.total:
        text = (
            f"QuickBooks shows {kind} {key} with another total ({there.total} instead of {planned.total} "
            "minor units): look at its tax and its lines there"
        )
        reasons.append(Reason(TOTAL_DIFFERS, text, there.total - planned.total))
    otherwise = [fact for fact in sighting.differs if fact in ("lines", "account", "customer")]
    if otherwise:
        text = (
            f"the {kind} of QuickBooks (id {there.quickbooks_id}) that was taken for {key} has other "
            f"{' and '.join(otherwise)} than ours: correct it there, or it books something else than Amazon's trade"
        )
        reasons.append(Reason(ADOPTED_OTHERWISE, text, planned.total))
    return reasons


def contested(kind: str, key: str, outcome: Otherwise, posting: Posting, stamp: Stamp) -> PostingHeld:
    """QuickBooks has a document with the marks of this one and other contents: only a person can say what it is."""
    ids = [sighting.found.quickbooks_id for sighting in outcome.sightings]
    nearest = outcome.sightings[0]
    what = f"{', '.join(nearest.differs)}" if nearest.differs else "it is there more than once"
    others = f", and ids {', '.join(ids[1:])}" if len(ids) > 1 else ""
    this = f"{stamp.flow} {kind} {key}"
    text = (
        f"QuickBooks has a {kind} (id {ids[0]}{others}) that looks like this one and is otherwise: {what}. Correct or "
        "delete it there and the next cycle sees it; or say that it is this one: "
        f"ml-connector posting adopt {this} --id {ids[0]} --why '...'; or that it is another: "
        f"ml-connector posting release {this} {' '.join(f'--not {each}' for each in ids)} --why '...'"
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
