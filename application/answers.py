"""What QuickBooks' answer to one document, or what was found of it there, means for its posting."""

from functools import partial

from application.ports import Fault, Found, Otherwise, Removed, Sighting
from domain.event import Event, Stamp
from domain.posting import (
    ADOPTED_OTHERWISE,
    FOUND_OTHERWISE,
    LOST,
    POSTED_KINDS,
    SEEN_IN_QUICKBOOKS,
    STALE,
    STALE_TRIES,
    TOTAL_DIFFERS,
    BatchItem,
    Posted,
    Posting,
    PostingAmended,
    PostingDeleted,
    PostingHeld,
    PostingPlanned,
    PostingRejected,
    PostingVoided,
    Reason,
)

Outcome = Found | Removed | Fault | Sighting | Otherwise

_POSTED: dict[str, type[Posted]] = {kind: event for event, kind in POSTED_KINDS.items()}


def answered(
    item: BatchItem,
    outcome: Outcome,
    posting: Posting,
    batch: str,
    answer: str,
    adopted: bool,
    stamp: Stamp,
) -> list[Event]:
    """The events of one document of a batch; `adopted` where it was found by look-up, not by the answer to a call."""
    match outcome:
        case Fault():
            return [_rejected(item, outcome, batch, stamp), *_tried_again(item, outcome, posting, stamp)]
        case Otherwise():
            return [contested(item.kind, item.key, outcome, posting, stamp)]
        case Removed():
            return [_deleted(item, batch, answer, stamp)]
        case Found() if posting.operation == "void":
            voided = PostingVoided(
                kind=item.kind,
                key=item.key,
                generation=item.generation,
                sync_token=outcome.sync_token,
                batch=batch,
                answer=answer,
                **stamp.fields(),
            )
            return [voided]
    return stands(item.kind, item.key, outcome, posting, answer, adopted, stamp, batch, item.item)


def _rejected(item: BatchItem, fault: Fault, batch: str, stamp: Stamp) -> PostingRejected:
    return PostingRejected(
        kind=item.kind,
        key=item.key,
        generation=item.generation,
        code=fault.code,
        message=fault.message,
        batch=batch,
        **stamp.fields(),
    )


def _deleted(item: BatchItem, batch: str, answer: str, stamp: Stamp) -> PostingDeleted:
    return PostingDeleted(
        kind=item.kind, key=item.key, generation=item.generation, batch=batch, answer=answer, **stamp.fields()
    )


def _tried_again(item: BatchItem, fault: Fault, posting: Posting, stamp: Stamp) -> list[Event]:
    """A change that got lost, or came second to another's, is planned once more; what is there is read again first."""
    if posting.standing is None or posting.document is None or posting.stale >= STALE_TRIES:
        return []
    if fault.code not in (LOST, STALE):
        return []
    return [
        PostingPlanned(
            kind=item.kind,
            key=item.key,
            generation=posting.generation + 1,
            document=posting.document,
            depends_on=posting.depends_on,
            mapping_version=posting.mapping_version,
            operation=posting.operation,
            why="the change before was not done",
            **stamp.fields(),
        )
    ]


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
    amended = posting.operation == "amend"
    make = partial(PostingAmended, kind=kind) if amended else _POSTED[kind]
    posted: Event = make(
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
    former = () if amended else posting.attention
    attention = [reason for reason in former if reason.code not in SEEN_IN_QUICKBOOKS]
    attention += _seen(kind, key, sighting, posting)
    if tuple(attention) == former:
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
