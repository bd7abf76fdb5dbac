"""What a new look at an order does to its documents: planned, planned anew, held, withdrawn, or set right.

A document that QuickBooks has, or may have, is never replaced here. What Amazon changed about it is voided and billed
anew, credited or supplemented, as accounting.md 7.2 says for its state; what that table leaves to a person is held for
one. What QuickBooks refused is not sent again until something about it has changed.
"""

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence

import msgspec

from domain.chart import PER_CURRENCY
from domain.corrections import STANDS_IN_THE_WAY, Change, remedy, state_of
from domain.document import CreditMemo, Document, Invoice, RefundReceipt, SalesReceipt
from domain.event import Event, Stamp
from domain.flow import Flow
from domain.order import Order
from domain.period import CLOSED_PERIOD, first_open_day, is_closed
from domain.posting import (
    SEEN_IN_QUICKBOOKS,
    Operation,
    Posting,
    PostingHeld,
    PostingPlanned,
    PostingWithdrawn,
    Reason,
    hold,
    kind_of,
    plan,
    settled,
)
from domain.posting_rules.credit import (
    MOST_CREDITS,
    Difference,
    applying,
    corrects,
    credit_for,
    credit_key,
    difference,
    supplement_for,
)
from domain.posting_rules.held import Held
from domain.posting_rules.invoice import BY_SETTLEMENT, NothingToPost, OrderDocument, OrderPlan
from domain.posting_rules.shipments import MOST_SHIPMENTS, bills, key_of, number_of, number_taken

Name = tuple[str, str]  # kind and key of a posting
Decided = dict[Name, list[Event]]

ORDER_KINDS = ("invoice", "sales_receipt")
CREDIT_KINDS = ("credit_memo", "refund_receipt")
# The reasons on a document of QuickBooks that are looked at again each cycle.
AMENDED, CANCELLED = "amended_after_invoicing", "cancelled_after_invoicing"
WAITS_FOR_VOID = "waits_for_void"
LOOKED_AT_AGAIN = (AMENDED, CANCELLED, CLOSED_PERIOD)
_BOOKED_DIRECTLY = ("recognised", "historical", *BY_SETTLEMENT)


class OrderCase(msgspec.Struct, frozen=True):
    """An order and all its documents by name, decided by whom and when. `retry`: send again what was refused."""

    order_id: str
    order: Order
    documents: MappingOf[Name, Posting]
    flow: Flow
    mapping_version: int
    stamp: Stamp
    retry: bool = False

    def posting(self, name: Name) -> Posting:
        return self.documents.get(name, Posting())


def by_number(documents: MappingOf[Name, Posting]) -> dict[int, Posting]:
    """An order's documents that bill units, by number: of an invoice and a receipt the one that QuickBooks has."""
    found: dict[int, Posting] = {}
    for (kind, key), posting in sorted(documents.items()):
        if kind in ORDER_KINDS and posting.status != "none":
            number = number_of(key)
            if not number_taken(found.get(number, Posting())):
                found[number] = posting
    return found


def order_events(case: OrderCase, outcome: list[OrderPlan] | Held | NothingToPost) -> Decided:
    """What happens to each document of an order; documents to which nothing happens are absent."""
    decided: Decided = {}
    match outcome:
        case Held():
            for name, posting in case.documents.items():
                if name[0] in ORDER_KINDS and (_is_open(posting) or bills(posting)):
                    decided[name] = _hold(case, name, outcome)
            if not decided:
                first = _first_name(case)
                decided[first] = _hold(case, first, outcome)
        case NothingToPost():
            decided = _nothing(case, outcome.why)
        case _:
            decided = _shipped(case, outcome)
    for name, posting in case.documents.items():
        if name[0] in ORDER_KINDS and _changes_what_is_closed(case, posting):
            decided[name] = _take_back(case, name, posting)
    return {name: events for name, events in decided.items() if events}


def _changes_what_is_closed(case: OrderCase, posting: Posting) -> bool:
    """Whether a change that was planned, and not sent, is of a document whose month was closed meanwhile."""
    document = posting.standing or posting.document
    changing = posting.status == "planned" and posting.operation != "create"
    return changing and document is not None and is_closed(document.day, case.flow)


def _take_back(case: OrderCase, name: Name, posting: Posting) -> list[Event]:
    """The change is not sent; the next look finds what a closed month allows."""
    document = posting.standing or posting.document
    total, currency = (document.total, document.currency) if document is not None else (0, "")
    text = f"order {case.order_id}: its month was closed before its {posting.operation} was sent"
    held = PostingHeld(
        kind=name[0], key=name[1], reasons=(Reason(AMENDED, text, total),), amount=total, currency=currency,
        **case.stamp.fields(),
    )  # fmt: skip
    withdrawn = PostingWithdrawn(kind=name[0], key=name[1], why="its month is closed", **case.stamp.fields())
    return [withdrawn, held]


def _is_open(posting: Posting) -> bool:
    """Whether a document is planned, held or refused and QuickBooks has nothing of it."""
    return posting.status in ("planned", "held", "rejected") and not posting.is_final


def _nothing(case: OrderCase, why: str) -> Decided:
    decided: Decided = {}
    below = _below_what_is_settled(case, {}) if why not in _BOOKED_DIRECTLY else None
    for name, posting in case.documents.items():
        if bills(posting) and name[0] in ORDER_KINDS:
            if why not in BY_SETTLEMENT and not corrects(posting.document):
                decided |= _no_longer_billed(case, name, posting, why)
        elif _is_open(posting) and name[0] in ORDER_KINDS:
            decided[name] = (
                hold(*name, below.reasons, below.amount, below.currency, posting, case.stamp)
                if below is not None
                else [PostingWithdrawn(kind=name[0], key=name[1], why=why, **case.stamp.fields())]
            )
    return decided


def _no_longer_billed(case: OrderCase, name: Name, posting: Posting, why: str) -> Decided:
    """QuickBooks has the document of an order that makes none any more."""
    total = posting.document.total if posting.document is not None else 0
    if why == "cancelled":
        reason = Reason(CANCELLED, f"Amazon cancelled order {case.order_id} after its invoice was posted", total)
        return _set_right(case, name, posting, _all_of(case, posting), "remove", reason)
    words = {
        "waiting": "it has not shipped",
        "historical": "it shipped before the flow's first day",
        "not_amazon": "it is no sale of Amazon's",
        "recognised": "a settlement booked it directly",
    }.get(why, "it has nothing to invoice")
    text = (
        f"Amazon changed order {case.order_id} after its invoice was posted: {words}; "
        "QuickBooks still shows the invoice"
    )
    return {name: _attend(case, name, posting, [Reason(AMENDED, text, -total)])}


def _shipped(case: OrderCase, plans: Sequence[OrderPlan]) -> Decided:
    decided: Decided = {}
    wanted: dict[Name, OrderDocument | Held | NothingToPost] = {}
    for one in plans:
        if one.shipment.standing is not None:
            decided |= _look_again(case, one)
        else:
            wanted[_name(case, one)] = one.outcome
    for name, outcome in wanted.items():
        posting = case.posting(name)
        waits = _waits_for_void(case, outcome)
        held = waits or _below_what_is_settled(case, wanted)
        if held is not None and isinstance(outcome, Invoice | SalesReceipt):
            decided[name] = hold(*name, held.reasons, held.amount, held.currency, posting, case.stamp)
        elif isinstance(outcome, Invoice | SalesReceipt):
            decided[name] = plan_unless_refused(
                outcome, name[1], (), posting, case.mapping_version, case.stamp, case.retry
            )
        elif isinstance(outcome, Held):
            decided[name] = _hold(case, name, outcome)
        elif _is_open(posting):
            decided[name] = [PostingWithdrawn(kind=name[0], key=name[1], why=outcome.why, **case.stamp.fields())]
    for name, posting in case.documents.items():
        if name[0] in ORDER_KINDS and _is_open(posting) and name not in {**wanted, **decided}:
            why = "what it billed is billed otherwise"
            decided[name] = [PostingWithdrawn(kind=name[0], key=name[1], why=why, **case.stamp.fields())]
    return decided


def _look_again(case: OrderCase, one: OrderPlan) -> Decided:
    """A document that QuickBooks has beside what it should say now."""
    posting = one.shipment.standing
    assert posting is not None
    name, standing = (posting.kind, posting.key), posting.document
    if not isinstance(standing, Invoice | SalesReceipt):
        return {}
    expected = one.outcome
    if isinstance(expected, Held):
        text = f"Amazon changed order {case.order_id} after its invoice was posted"
        reasons = [Reason(AMENDED, text, expected.amount), *expected.reasons]
        return {name: hold(*name, reasons, expected.amount, expected.currency, posting, case.stamp)}
    now = expected if isinstance(expected, Invoice | SalesReceipt) else None
    final = [document for _, document in _corrections(case, posting, sent=True)]
    amiss = difference(now, standing, final)
    if now is not None and now.customer != standing.customer:
        text = f"order {case.order_id} is of another customer now ({now.customer}) than its invoice"
        return {name: _attend(case, name, posting, [Reason(AMENDED, text, standing.total)])}
    if amiss.is_none:
        dated = _dated(case, name, posting, one)
        return {**_withdraw_corrections(case, posting), name: dated or _tracked(case, posting, standing, now)}
    text = f"Amazon changed order {case.order_id} after its invoice was posted; QuickBooks still shows the former one"
    change: Change = "amount" if now is not None else "remove"
    return _set_right(case, name, posting, amiss, change, Reason(AMENDED, text, amiss.amount))


def _set_right(
    case: OrderCase, name: Name, posting: Posting, amiss: Difference, change: Change, reason: Reason
) -> Decided:
    """Void, credit or supplement by the table of accounting.md 7.2, or ask a person."""
    standing = posting.document
    assert isinstance(standing, Invoice | SalesReceipt)
    if posting.status != "posted":
        return {name: _attend(case, name, posting, [reason])}
    if amiss.is_none:
        return {**_withdraw_corrections(case, posting), name: settled(*name, posting, case.stamp)}
    state = state_of(posting, case.flow, paid=bool(case.order.settled))
    what = remedy(name[0], state, change, case.flow.policies.audit_mode)
    why = f"{reason.code}: {reason.text}"
    if what in ("void", "void_and_new") and not list(_corrections(case, posting, sent=True)):
        decided = _withdraw_corrections(case, posting)
        decided[name] = [changed(posting, standing, "void", why, case.stamp)]
        if what == "void_and_new":
            decided |= announce_new(case, standing)
        return decided
    if what in ("void", "void_and_new", "credit") and _covers_what_is_settled(case, amiss):
        return {name: settled(*name, posting, case.stamp), **_corrected(case, posting, standing, amiss, reason)}
    refused = [one for one in posting.attention if one.code in STANDS_IN_THE_WAY and one.code not in SEEN_IN_QUICKBOOKS]
    return {name: _attend(case, name, posting, [*refused, _for_a_person(case, reason)])}


def _for_a_person(case: OrderCase, reason: Reason) -> Reason:
    if not case.order.settled:
        return reason
    text = (
        f"{reason.text}. A settlement paid it: if Amazon takes the money back, a refund in a settlement books that; "
        "else correct it by: ml-connector posting void or posting amend"
    )
    return Reason(reason.code, text, reason.amount, reason.waits_for)


def _corrected(
    case: OrderCase, posting: Posting, standing: OrderDocument, amiss: Difference, reason: Reason
) -> Decided:
    """A credit with the payment of 0 that uses it up, or a document for what is missing: the pending one, or new."""
    known = case.order.known
    noticed = case.flow.day(known.updated if known is not None else case.stamp.at)
    day = first_open_day(case.flow, max(noticed, standing.day))
    clearing = f"CLR:{standing.currency}" if "CLR" in PER_CURRENCY else "CLR"
    decided = _withdraw_corrections(case, posting)
    if amiss.amount > 0:
        key = _pending_key(case, posting, ORDER_KINDS) or _free_number(case)
        if not key:
            return {
                (posting.kind, posting.key): _attend(case, (posting.kind, posting.key), posting, [_used_up(reason)])
            }
        document: Document = supplement_for(standing, posting.key, key, amiss, day)
    else:
        key = _pending_key(case, posting, CREDIT_KINDS) or _free_credit(case)
        if not key:
            return {
                (posting.kind, posting.key): _attend(case, (posting.kind, posting.key), posting, [_used_up(reason)])
            }
        document = credit_for(standing, posting.key, key, amiss, day, clearing, reason.code.replace("_", " "))
    decided[kind_of(document), key] = _planned(case, document, key, ())
    if isinstance(document, CreditMemo) and document.total:
        needs = (document.invoice, f"credit_memo/{key}")
        decided["payment", key] = _planned(case, applying(document, key, clearing), key, needs)
    else:
        decided.pop(("payment", key), None)
    return decided


def _planned(case: OrderCase, document: Document, key: str, needs: Sequence[str]) -> list[Event]:
    posting = case.posting((kind_of(document), key))
    if posting.status == "planned" and posting.document == document:
        return []
    return plan_unless_refused(document, key, needs, posting, case.mapping_version, case.stamp, case.retry)


def _corrections(case: OrderCase, of: Posting, sent: bool) -> list[tuple[Name, Document]]:
    """The credits and supplements of a document: those QuickBooks has (`sent`), or those it has nothing of."""
    target = f"{of.kind}/{of.key}"
    return [
        (name, posting.document)
        for name, posting in case.documents.items()
        if posting.document is not None
        and corrects(posting.document) == target
        and (bills(posting) if sent else _is_open(posting))
    ]


def _withdraw_corrections(case: OrderCase, of: Posting) -> Decided:
    """Credits and supplements that were planned and are not wanted any more, with the payments that apply them."""
    decided: Decided = {}
    for (kind, key), _ in _corrections(case, of, sent=False):
        names = [(kind, key), ("payment", key)] if kind == "credit_memo" else [(kind, key)]
        for name in names:
            if _is_open(case.posting(name)):
                why = "the order is as it was billed again"
                decided[name] = [PostingWithdrawn(kind=name[0], key=name[1], why=why, **case.stamp.fields())]
    return decided


def _pending_key(case: OrderCase, of: Posting, kinds: tuple[str, ...]) -> str:
    return next((key for (kind, key), _ in _corrections(case, of, sent=False) if kind in kinds), "")


def _free_number(case: OrderCase) -> str:
    """The first number of the order under which nothing was ever planned."""
    for number in range(2, MOST_SHIPMENTS + 1):
        key = key_of(case.order_id, number)
        if all(case.posting((kind, key)).status in ("none", "withdrawn") for kind in ORDER_KINDS):
            return key
    return ""


def _free_credit(case: OrderCase) -> str:
    kinds = (*CREDIT_KINDS, "payment")
    for number in range(1, MOST_CREDITS + 1):
        key = credit_key(case.order_id, number)
        if all(case.posting((kind, key)).status in ("none", "withdrawn") for kind in kinds):
            return key
    return ""


def _used_up(reason: Reason) -> Reason:
    return Reason("too_many_documents", f"{reason.text}; every number of the order is used: correct it by hand")


def announce_new(case: OrderCase, standing: OrderDocument) -> Decided:
    """The document that takes the place of a voided one waits under its own number, until it is voided."""
    key, kind = _free_number(case), kind_of(standing)
    if not key:
        return {}
    held = _void_first(standing)
    return {
        (kind, key): hold(kind, key, held.reasons, held.amount, held.currency, case.posting((kind, key)), case.stamp)
    }


def _void_first(voided: OrderDocument) -> Held:
    name = f"{kind_of(voided)}/{voided.number}"
    text = f"it takes the place of {name}, which is being voided in QuickBooks"
    return Held((Reason(WAITS_FOR_VOID, text, voided.total, name),), voided.total, voided.currency)


def _waits_for_void(case: OrderCase, outcome: OrderDocument | Held | NothingToPost) -> Held | None:
    """Nothing takes a document's place before that is out of the books: income would stand there twice."""
    if not isinstance(outcome, Invoice | SalesReceipt):
        return None
    for (kind, _), posting in case.documents.items():
        voiding = posting.is_final and posting.operation in ("void", "delete")
        if kind in ORDER_KINDS and voiding and isinstance(posting.document, Invoice | SalesReceipt):
            return _void_first(posting.document)
    return None


def changed(posting: Posting, document: Document, operation: Operation, why: str, stamp: Stamp) -> PostingPlanned:
    """A change of a document that QuickBooks has: amended to `document`, voided, or deleted."""
    return PostingPlanned(
        kind=posting.kind,
        key=posting.key,
        generation=posting.generation + 1,
        document=document,
        mapping_version=posting.mapping_version,
        operation=operation,
        why=why,
        **stamp.fields(),
    )


def _dated(case: OrderCase, name: Name, posting: Posting, one: OrderPlan) -> list[Event]:
    """The same money; in another month it is a difference that a person sees."""
    standing = posting.document
    told, stands = one.shipment.told, one.shipment.day
    if standing is None or told is None or (told.year, told.month) == (stands.year, stands.month):
        return settled(*name, posting, case.stamp)
    text = f"the invoice of order {case.order_id} is dated {standing.day}; Amazon now says it shipped on {told}"
    return _attend(case, name, posting, [Reason("dated_otherwise", text, standing.total)])


def _tracked(case: OrderCase, posting: Posting, standing: OrderDocument, now: OrderDocument | None) -> list[Event]:
    """A parcel number that became known later is added, as long as nothing else hangs on the document (7.1)."""
    if now is None or standing.tracking_number or not now.tracking_number or posting.status != "posted":
        return []
    state = state_of(posting, case.flow, paid=bool(case.order.settled))
    if state != "open" or posting.attention or case.flow.policies.audit_mode == "strict":
        return []
    wanted = msgspec.structs.replace(
        standing, tracking_number=now.tracking_number, ship_method=now.ship_method, memo=now.memo
    )
    return [changed(posting, wanted, "amend", "the parcel's number became known", case.stamp)]


def _attend(case: OrderCase, name: Name, posting: Posting, reasons: Sequence[Reason]) -> list[Event]:
    document = posting.document
    total, currency = (document.total, document.currency) if document is not None else (0, "")
    return hold(*name, reasons, total, currency, posting, case.stamp)


def _hold(case: OrderCase, name: Name, held: Held) -> list[Event]:
    posting = case.posting(name)
    reasons = held.reasons
    if posting.is_final:
        text = f"Amazon changed order {case.order_id} after its invoice was posted"
        reasons = (Reason(AMENDED, text, held.amount), *reasons)
    return hold(*name, reasons, held.amount, held.currency, posting, case.stamp)


def _first_name(case: OrderCase) -> Name:
    """The first document of an order that is not in QuickBooks, and was not."""
    taken = {number for number, posting in by_number(case.documents).items() if number_taken(posting)}
    return _kind(case), key_of(case.order_id, next(number for number in range(1, 99) if number not in taken))


def _name(case: OrderCase, one: OrderPlan) -> Name:
    kind = kind_of(one.outcome) if isinstance(one.outcome, Invoice | SalesReceipt) else _kind(case)
    return kind, key_of(case.order_id, one.shipment.number)


def _kind(case: OrderCase) -> str:
    return "sales_receipt" if case.flow.policies.order_document == "sales_receipt" else "invoice"


def _all_of(case: OrderCase, posting: Posting) -> Difference:
    standing = posting.document
    assert isinstance(standing, Invoice | SalesReceipt)
    return difference(None, standing, [document for _, document in _corrections(case, posting, sent=True)])


def _booked(case: OrderCase) -> dict[str, int]:
    """What the order's documents in QuickBooks book by account: credits taken off."""
    sums: dict[str, int] = {}
    for (kind, _), posting in case.documents.items():
        document = posting.document
        if bills(posting) and kind in (*ORDER_KINDS, *CREDIT_KINDS):
            sign = -1 if isinstance(document, CreditMemo | RefundReceipt) else +1
            for line in getattr(document, "lines", ()):
                sums[line.account] = sums.get(line.account, 0) + sign * line.amount
            if tax := getattr(document, "tax", 0):  # a settlement pays it too
                sums[document.tax_account] = sums.get(document.tax_account, 0) + sign * tax  # type: ignore[union-attr]
    return sums


def _paid(order: Order) -> dict[str, int]:
    paid: dict[str, int] = {}
    for amounts in order.settled.values():
        for key, amount in amounts.items():
            paid[key] = paid.get(key, 0) + amount
    return paid


def _covers_what_is_settled(case: OrderCase, amiss: Difference) -> bool:
    """Whether the order's documents still carry what settlements pay of it once `amiss` is added to them.

    What is paid and credited beyond would be credited twice: a refund in a settlement books it already.
    """
    booked = _booked(case)
    for line in amiss.lines:
        booked[line.account] = booked.get(line.account, 0) + line.amount
    return _covers(booked, _paid(case.order))


def _covers(booked: dict[str, int], paid: dict[str, int]) -> bool:
    return sum(paid.values()) <= sum(booked.values()) and all(
        abs(amount) <= abs(booked.get(key, 0)) for key, amount in paid.items()
    )


def _below_what_is_settled(
    case: OrderCase, wanted: MappingOf[Name, OrderDocument | Held | NothingToPost]
) -> Held | None:
    """Why an order's documents cannot carry what settlements pay of it; None if they can."""
    if not case.order.settled:
        return None
    documents = {name: one for name, one in wanted.items() if isinstance(one, Invoice | SalesReceipt)}
    if documents and all(_charged(one) == _charged(case.posting(name).document) for name, one in documents.items()):
        return None  # as it was when it was settled; at most its accounts are others
    booked = _booked(case)
    for document in documents.values():
        for line in document.lines:
            booked[line.account] = booked.get(line.account, 0) + line.amount
        if document.tax:
            booked[document.tax_account] = booked.get(document.tax_account, 0) + document.tax
    paid = _paid(case.order)
    if _covers(booked, paid):
        return None
    total = sum(paid.values())
    currency = case.order.known.currency if case.order.known is not None else ""
    text = (
        f"Amazon changed or cancelled order {case.order_id} after a settlement paid it; the two must be looked at "
        "together"
    )
    return Held((Reason("amended_after_settling", text, total),), total, currency)


def plan_unless_refused(
    document: Document,
    key: str,
    depends_on: Sequence[str],
    posting: Posting,
    mapping_version: int,
    stamp: Stamp,
    retry: bool,
) -> list[Event]:
    """Plan, but not again what QuickBooks refused, until something about it changes, nor what waits for a word."""
    if posting.is_contested:
        return []
    refused = posting.status == "rejected" and not posting.lost
    if refused and not retry and posting.document == document and posting.mapping_version == mapping_version:
        return []
    return plan(document, key, depends_on, posting, mapping_version, stamp)


def _charged(document: Document | None) -> object:
    if not isinstance(document, Invoice | SalesReceipt):
        return None
    return document.customer, document.currency, sorted((line.component, line.amount) for line in document.lines)
