"""A person corrects what is posted: amend, void, or move to other accounts, each with its reason (accounting.md 7.2).

What may be done to which document is the domain's table. A change of the mapping never rewrites what is booked: it is
shown as a difference by account and month, and moved by journals if a person wants that. All is saved in one append:
a crash before it leaves nothing, after it the plan, which the next cycle sends.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Literal

import msgspec

from application.ports import Append, Views
from application.recording import Tally
from application.settlement_book import SettlementBook
from domain import corrections, posting
from domain import order as orders
from domain import settlement as settlements
from domain.corrections import (
    BooksReclassified,
    Change,
    Remedy,
    Shift,
    Shifted,
    State,
    corrected_key,
    left_to_shift,
    reclass_journal,
    reclass_stream,
    refuse,
    remedy,
    reversed_journal,
    shifts_between,
    state_of,
)
from domain.document import Deposit, Document, Invoice, JournalEntry, SalesReceipt
from domain.errors import BadInput
from domain.event import Event, Stamp
from domain.flow import Flow, flow_mark
from domain.mapping import Mapping
from domain.order import Order, order_stream
from domain.period import first_open_day, is_closed
from domain.posting import Operation, Posting, PostingWithdrawn, plan, posting_stream
from domain.posting_rules import Held, plan_order
from domain.posting_rules.changes import ORDER_KINDS, OrderCase, announce_new, by_number, changed, order_events
from domain.posting_rules.credit import difference
from domain.posting_rules.invoice import document_of
from domain.posting_rules.remapped import not_on_a_deposit, remapped
from domain.posting_rules.shipments import order_of
from domain.settlement import SettlementLine, settlement_stream

KINDS = tuple(kind for kind in posting.POSTED_KINDS.values())
Scope = Literal["open", "all"]
SCOPES: tuple[Scope, ...] = ("open", "all")
AT_ONCE = 500


class Step(msgspec.Struct, frozen=True):
    """What happens to one document: an operation on it (or `hold`, `withdraw`), its day and total in minor units."""

    kind: str
    key: str
    operation: str
    day: date | None = None
    total: int = 0
    currency: str = ""


class Correction(msgspec.Struct, frozen=True):
    """What a correction does, or with a preview would do; `position` is the log's, 0 of a preview.

    `shifts` are the amounts that change their account, debits positive.
    """

    state: State
    remedy: Remedy
    steps: tuple[Step, ...]
    shifts: tuple[Shift, ...] = ()
    position: int = 0


class MappingDiff(msgspec.Struct, frozen=True):
    """What is booked otherwise than today's mapping says, less what was moved already; by month and account.

    `closed` is of months that are closed to their end. `version` is the mapping's, `documents` how many it concerns.
    """

    version: int
    documents: int
    open: tuple[Shift, ...]
    closed: tuple[Shift, ...]


class Corrections(SettlementBook):
    """The commands of a person on what is posted; every method names the flow it works on."""

    def amend(self, flow: Flow, kind: str, key: str, why: str, by: str, preview: bool = False) -> Correction:
        """Make a document what today's mapping and Amazon's word say. Raises BadInput where nothing may be done."""
        _check(kind, why)
        if kind in ORDER_KINDS:
            return self._saved(flow, by, why, preview, lambda stamp: self._amend_order(flow, kind, key, why, stamp))
        return self._saved(flow, by, why, preview, lambda stamp: self._amend_remapped(flow, kind, key, why, stamp))

    def void(self, flow: Flow, kind: str, key: str, why: str, by: str, preview: bool = False) -> Correction:
        """Take a document out of the books: voided, deleted where QuickBooks voids none, or reversed by a journal.

        What left of an order is billed anew under its next number in the next cycle. Raises BadInput.
        """
        _check(kind, why)
        return self._saved(flow, by, why, preview, lambda stamp: self._remove(flow, kind, key, why, stamp))

    def reclass(self, flow: Flow, kind: str, key: str, why: str, by: str, preview: bool = False) -> Correction:
        """Move a document's amounts to today's accounts by a journal; it stays as it is. Raises BadInput."""
        _check(kind, why)
        return self._saved(flow, by, why, preview, lambda stamp: self._reclass(flow, kind, key, why, stamp))

    def mapping_diff(self, flow: Flow, views: Views) -> MappingDiff:
        """What every posted document books otherwise than it would today."""
        return self._diff(flow, views)[0]

    def reclass_mapping(
        self, flow: Flow, views: Views, scope: str, why: str, by: str, preview: bool = False
    ) -> Correction:
        """Move what is booked to today's accounts: a journal for each open month, with `all` one for what is closed.

        Raises BadInput where nothing is to be moved, or an account is not mapped.
        """
        if scope not in SCOPES:
            raise BadInput(f"scope {scope!r}: expected open (open months) or all (closed months in one journal too)")
        _check_reason(why)
        return self._saved(flow, by, why, preview, lambda stamp: self._reclass_all(flow, views, scope, why, stamp))

    # --- one document -------------------------------------------------------------------------------------------

    def _known(self, flow: Flow, kind: str, key: str) -> tuple[Posting, int, Document]:
        known, version = self._postings(flow.name, [(kind, key)])[kind, key]
        if known.document is None:
            raise BadInput(f"{kind} {key} of flow {flow.name} was never planned; see: ml-connector audit trail")
        if known.status in ("voided", "deleted", "withdrawn", "rejected"):
            raise BadInput(f"{kind} {key} is {known.status}: there is nothing of it to correct")
        if known.status == "submitted" or (known.status == "planned" and known.operation != "create"):
            raise BadInput(f"{kind} {key} is under way to QuickBooks; correct it when the next cycle has ended")
        return known, version, known.document

    def _state(self, flow: Flow, known: Posting) -> State:
        """Where it stands; that a bank line names it is known once QuickBooks refused a change for that."""
        paid = False
        if known.kind in ORDER_KINDS:
            order = self._one(order_stream(flow.name, order_of(known.key)), Order(), orders.evolve)[0]
            paid = bool(order.settled)
        return state_of(known, flow, paid=paid)

    def _amend_order(self, flow: Flow, kind: str, key: str, why: str, stamp: Stamp) -> "_Decided":
        known, version, standing = self._known(flow, kind, key)
        order_id = order_of(key)
        order, _ = self._one(order_stream(flow.name, order_id), Order(), orders.evolve)
        mapping = self.mapping(flow.name)
        documents = self._order_documents(flow, {order_id: (order, 0)})[order_id]
        postings = {name: one for name, (one, _) in documents.items()}
        outcome = plan_order(order, by_number(postings), flow, mapping)
        state = self._state(flow, known)
        plans = outcome if isinstance(outcome, list) else []
        mine = next(
            (one for one in plans if one.shipment.standing is not None and one.shipment.standing.key == key), None
        )
        if mine is None or order.known is None or not isinstance(standing, Invoice | SalesReceipt):
            why_not = (
                "; ".join(reason.text for reason in outcome.reasons)
                if isinstance(outcome, Held)
                else ("the order makes no such document now: void it, or correct what it supplements")
            )
            raise BadInput(f"{kind} {key} cannot be amended: {why_not}")
        shipment = mine.shipment
        told = shipment.told or shipment.day
        moved = (told.year, told.month) != (shipment.day.year, shipment.day.month)
        if moved and is_closed(told, flow):
            raise BadInput(
                f"{kind} {key}: Amazon says that it left on {told}, which is closed; reopen that month first"
            )
        wanted = document_of(msgspec.structs.replace(shipment, day=told), order.known, flow, mapping)
        if isinstance(wanted, Held):
            raise BadInput(f"{kind} {key} cannot be amended: {'; '.join(reason.text for reason in wanted.reasons)}")
        if not isinstance(wanted, Invoice | SalesReceipt) or not difference(wanted, standing, ()).is_none:
            # Amazon changed the money: the same as the next cycle does of itself.
            case = OrderCase(order_id, order, postings, flow, mapping.version, stamp, True)
            appends = [
                Append(posting_stream(flow.name, *name), documents[name][1] if name in documents else 0, events)
                for name, events in order_events(case, outcome).items()
            ]
            return _Decided(state, remedy(kind, state, "amount", flow.policies.audit_mode), appends)
        if wanted == standing or (
            not shifts_between(standing, wanted) and standing.day == wanted.day and wanted.lines == standing.lines
        ):
            raise BadInput(f"{kind} {key} is already as Amazon's word and today's mapping say")
        change: Change = "date" if moved else "mapping"
        return self._amended(flow, known, version, standing, wanted, change, state, why, stamp)

    def _amend_remapped(self, flow: Flow, kind: str, key: str, why: str, stamp: Stamp) -> "_Decided":
        known, version, standing = self._known(flow, kind, key)
        wanted = remapped(standing, self.mapping(flow.name), self._lines(flow, standing))
        if wanted == standing:
            raise BadInput(f"{kind} {key} is already as today's mapping says")
        if refused := not_on_a_deposit(wanted):
            raise BadInput(
                f"{kind} {key}: QuickBooks takes no deposit line for {', '.join(refused)}; move it by a journal: "
                f"ml-connector posting reclass {flow.name} {kind} {key} --why '...'"
            )
        state = self._state(flow, known)
        return self._amended(flow, known, version, standing, wanted, "mapping", state, why, stamp)

    def _amended(
        self,
        flow: Flow,
        known: Posting,
        version: int,
        standing: Document,
        wanted: Document,
        change: Change,
        state: State,
        why: str,
        stamp: Stamp,
    ) -> "_Decided":
        kind, key = known.kind, known.key
        what = remedy(kind, state, change, flow.policies.audit_mode)
        stream = posting_stream(flow.name, kind, key)
        mapping_version = self.mapping(flow.name).version
        shifts = shifts_between(standing, wanted)
        match what:
            case "replan":
                events: list[Event] = plan(wanted, key, known.depends_on, known, mapping_version, stamp)
                return _Decided(state, what, [Append(stream, version, events)], shifts)
            case "amend":
                event = changed(known, wanted, "amend", why, stamp)
                event = msgspec.structs.replace(event, mapping_version=mapping_version)
                return _Decided(state, what, [Append(stream, version, [event])], shifts)
            case "void_and_new":
                voided = Append(stream, version, [changed(known, standing, "void", why, stamp)])
                return _Decided(state, what, [voided, *self._billed_anew(flow, standing, stamp)])
        raise refuse(kind, key, state, "amended", _instead(flow, kind, key, what))

    def _remove(self, flow: Flow, kind: str, key: str, why: str, stamp: Stamp) -> "_Decided":
        known, version, standing = self._known(flow, kind, key)
        state = self._state(flow, known)
        what = remedy(kind, state, "remove", flow.policies.audit_mode)
        stream = posting_stream(flow.name, kind, key)
        operation: Operation
        match what:
            case "drop":
                withdrawn = PostingWithdrawn(kind=kind, key=key, why=why, **stamp.fields())
                return _Decided(state, what, [Append(stream, version, [withdrawn])])
            case "void" | "delete":
                operation = what
                removed = Append(stream, version, [changed(known, standing, operation, why, stamp)])
                return _Decided(state, what, [removed, *self._billed_anew(flow, standing, stamp)])
        if isinstance(standing, JournalEntry) and (what == "journal" or state == "closed"):
            return self._reversed(flow, known, standing, state, why, stamp)
        raise refuse(kind, key, state, "voided", _instead(flow, kind, key, what))

    def _billed_anew(self, flow: Flow, standing: Document, stamp: Stamp) -> list[Append]:
        """What left of an order is billed under its next number, as soon as QuickBooks has voided `standing`."""
        if not isinstance(standing, Invoice | SalesReceipt):
            return []
        order_id = standing.order_id
        order, version = self._one(order_stream(flow.name, order_id), Order(), orders.evolve)
        documents = self._order_documents(flow, {order_id: (order, version)})[order_id]
        postings = {name: one for name, (one, _) in documents.items()}
        case = OrderCase(order_id, order, postings, flow, self.mapping(flow.name).version, stamp)
        return [
            Append(posting_stream(flow.name, *name), documents[name][1] if name in documents else 0, events)
            for name, events in announce_new(case, standing).items()
            if events
        ]

    def _reversed(
        self, flow: Flow, known: Posting, standing: JournalEntry, state: State, why: str, stamp: Stamp
    ) -> "_Decided":
        key = corrected_key(known.key, 1)
        there, version = self._postings(flow.name, [("journal", key)])["journal", key]
        if there.status not in ("none", "withdrawn", "rejected"):
            raise BadInput(f"journal {known.key} is reversed already, by {key}")
        day = first_open_day(flow, max(standing.day, flow.day(stamp.at)))
        memo = f"reverses {known.key}; {why}"
        entry = reversed_journal(standing, key, day, f"journal/{known.key}", memo)
        events = plan(entry, key, [f"journal/{known.key}"], there, known.mapping_version, stamp)
        return _Decided(state, "journal", [Append(posting_stream(flow.name, "journal", key), version, events)])

    def _reclass(self, flow: Flow, kind: str, key: str, why: str, stamp: Stamp) -> "_Decided":
        known, _, standing = self._known(flow, kind, key)
        state = self._state(flow, known)
        if state in ("planned", "edited"):
            instead = (
                "the next cycle plans it by today's mapping" if state == "planned" else "adopt or restore it first"
            )
            raise refuse(kind, key, state, "reclassified", instead)
        mapping = self.mapping(flow.name)
        wanted = remapped(standing, mapping, self._lines(flow, standing))
        shifted, moves = self._one(reclass_stream(flow.name), Shifted(), corrections.evolve)
        name = f"{kind}/{key}"
        shifts = left_to_shift(shifts_between(standing, wanted), shifted.by_posting.get(name, {}))
        if not shifts:
            raise BadInput(f"{kind} {key} stands on today's accounts; there is nothing to move")
        _check_not_moved_with_others(shifts, shifted)
        revision = shifted.times + 1
        day = first_open_day(flow, standing.day)
        entry = reclass_journal(
            corrected_key(key, revision),
            day,
            standing.currency,
            shifts,
            f"moves {name} to the accounts of mapping version {mapping.version}; {why}",
            corrects=name,
            order_id=getattr(standing, "order_id", ""),
        )
        _check_mapped(entry, mapping)
        journal_key = corrected_key(key, revision)
        there, version = self._postings(flow.name, [("journal", journal_key)])["journal", journal_key]
        record = BooksReclassified(
            why=why,
            journals=(f"journal/{journal_key}",),
            shifts=shifts,
            new_version=mapping.version,
            old_version=known.mapping_version,
            posting=name,
            **stamp.fields(),
        )
        appends = [
            Append(
                posting_stream(flow.name, "journal", journal_key),
                version,
                plan(entry, journal_key, [name], there, mapping.version, stamp),
            ),
            Append(reclass_stream(flow.name), moves, [record]),
        ]
        return _Decided(state, "reclass", appends, shifts)

    # --- all documents --------------------------------------------------------------------------------------------

    def _diff(self, flow: Flow, views: Views) -> tuple[MappingDiff, Shifted, int]:
        mapping = self.mapping(flow.name)
        views.catch_up()
        shifted, moves = self._one(reclass_stream(flow.name), Shifted(), corrections.evolve)
        wanted: list[Shift] = []
        documents = 0
        for standing in self._booked_by_older_mapping(flow, views, mapping):
            wants = remapped(standing, mapping, self._lines(flow, standing))
            shifts = shifts_between(standing, wants)
            documents += bool(shifts)
            wanted += shifts
        left = left_to_shift(wanted, shifted.sums)
        closed = tuple(shift for shift in left if is_closed(_last_day(shift.month), flow))
        still_open = tuple(shift for shift in left if not is_closed(_last_day(shift.month), flow))
        return MappingDiff(mapping.version, documents, still_open, closed), shifted, moves

    def _booked_by_older_mapping(self, flow: Flow, views: Views, mapping: Mapping) -> Iterator[Document]:
        for kind in ("invoice", "sales_receipt", "credit_memo", "deposit", "journal"):
            keys = [row["key"] for row in views.query("postings", flow.name, kind=kind, status="posted")]
            for begin in range(0, len(keys), AT_ONCE):
                names = [(kind, key) for key in keys[begin : begin + AT_ONCE]]
                for known, _ in self._postings(flow.name, names).values():
                    if known.document is not None and known.mapping_version != mapping.version:
                        yield known.document

    def _reclass_all(self, flow: Flow, views: Views, scope: str, why: str, stamp: Stamp) -> "_Decided":
        diff, shifted, moves = self._diff(flow, views)
        mapping = self.mapping(flow.name)
        today = flow.day(stamp.at)
        revision = shifted.times + 1
        entries: list[JournalEntry] = []
        memo = f"moves what is booked to the accounts of mapping version {mapping.version}; {why}"
        for month, currency in sorted({(shift.month, shift.currency) for shift in diff.open}):
            of_month = [shift for shift in diff.open if shift.month == month]
            number = f"RC{revision}-{month.replace('-', '')}-{currency}-{flow_mark(flow.name)}"
            entries.append(reclass_journal(number, _day_in(month, today, flow), currency, of_month, memo))
        if scope == "all":
            for currency in sorted({shift.currency for shift in diff.closed}):
                months = ", ".join(sorted({shift.month for shift in diff.closed if shift.currency == currency}))
                late = f"{memo}; relates to {months}"
                day = first_open_day(flow, today)
                number = f"RC{revision}-LATE-{currency}-{flow_mark(flow.name)}"
                entries.append(reclass_journal(number, day, currency, diff.closed, late))
        if not entries:
            raise BadInput(
                "there is nothing to move"
                + (": all of it is of closed months; --scope all moves it on the first open day" if diff.closed else "")
            )
        for entry in entries:
            _check_mapped(entry, mapping)
        shifts = (*diff.open, *(diff.closed if scope == "all" else ()))
        record = BooksReclassified(
            why=why,
            journals=tuple(f"journal/{entry.number}" for entry in entries),
            shifts=shifts,
            new_version=mapping.version,
            **stamp.fields(),
        )
        there = self._postings(flow.name, [("journal", entry.number) for entry in entries])
        appends = [Append(reclass_stream(flow.name), moves, [record])]
        for entry in entries:
            known, version = there["journal", entry.number]
            events = plan(entry, entry.number, (), known, mapping.version, stamp)
            appends.append(Append(posting_stream(flow.name, "journal", entry.number), version, events))
        return _Decided("open" if diff.open else "closed", "reclass", appends, tuple(shifts))

    # --- what they have in common -----------------------------------------------------------------------------------

    def _lines(self, flow: Flow, document: Document) -> dict[int, SettlementLine]:
        """The lines of the settlement that a document is of, by ordinal."""
        settlement_id = getattr(document, "settlement_id", "")
        if not settlement_id or not isinstance(document, Deposit | JournalEntry):
            return {}
        state, _ = self._one(settlement_stream(flow.name, settlement_id), settlements.Settlement(), settlements.evolve)
        return {line.ordinal: line for line in state.lines}

    def _saved(self, flow: Flow, by: str, why: str, preview: bool, decide: Callable[[Stamp], "_Decided"]) -> Correction:
        """Decide on what is there, save it in one append, and tell what was done; a preview saves nothing."""
        tally = Tally()
        found: list[_Decided] = []

        def fresh() -> list[Append]:
            found[:] = [decide(Stamp(flow.name, self._clock(), by, f"because: {why}"))]
            return found[0].appends

        if preview:
            fresh()
        else:
            tally.position = self._until_saved(fresh, tally)
        (decided,) = found
        return Correction(decided.state, decided.remedy, _steps(decided.appends), decided.shifts, tally.position)


class _Decided(msgspec.Struct, frozen=True):
    state: State
    remedy: Remedy
    appends: list[Append]
    shifts: tuple[Shift, ...] = ()


def _steps(appends: Sequence[Append]) -> tuple[Step, ...]:
    steps = []
    for append in appends:
        for event in append.events:
            match event:
                case posting.PostingPlanned():
                    document = event.document
                    steps.append(
                        Step(event.kind, event.key, event.operation, document.day, document.total, document.currency)
                    )
                case posting.PostingHeld():
                    steps.append(Step(event.kind, event.key, "hold", None, event.amount, event.currency))
                case PostingWithdrawn():
                    steps.append(Step(event.kind, event.key, "withdraw"))
    return tuple(steps)


def _last_day(month: str) -> date:
    first = date.fromisoformat(f"{month}-01")
    return date(first.year + first.month // 12, first.month % 12 + 1, 1) - timedelta(days=1)


def _day_in(month: str, today: date, flow: Flow) -> date:
    """The last day of a month, or today where that is earlier; never a closed one."""
    return first_open_day(flow, min(_last_day(month), max(today, date.fromisoformat(f"{month}-01"))))


def _check_not_moved_with_others(shifts: Sequence[Shift], shifted: Shifted) -> None:
    """Raises BadInput where `mapping reclass` moved the account of that month: the document's part went with it."""
    for shift in shifts:
        key = (shift.month, shift.account, shift.currency)
        single = sum(sums.get(key, 0) for sums in shifted.by_posting.values())
        if (shifted.sums.get(key, 0) - single) * shift.amount > 0:
            raise BadInput(
                f"{shift.account} of {shift.month} was moved with all others by: ml-connector mapping reclass; what is "
                "left to move is shown by: ml-connector mapping diff FLOW"
            )


def _check_mapped(entry: JournalEntry, mapping: Mapping) -> None:
    missing = sorted({line.account for line in entry.lines} - mapping.accounts.keys())
    if missing:
        raise BadInput(
            f"account {', '.join(missing)} has no QuickBooks account yet; run: ml-connector chart propose FLOW "
            f"--account {missing[0]} --apply"
        )


def _check(kind: str, why: str) -> None:
    if kind not in KINDS:
        raise BadInput(f"kind {kind!r}: expected one of {', '.join(KINDS)}")
    _check_reason(why)


def _check_reason(why: str) -> None:
    if not why.strip():
        raise BadInput("--why is needed: the reason stands in the audit trail, for example --why 'wrong category'")


def _instead(flow: Flow, kind: str, key: str, what: Remedy) -> str:
    """What to do where the table has something else for a document."""
    reclass = f"ml-connector posting reclass {flow.name} {kind} {key} --why '...'"
    words: dict[str, str] = {
        "reclass": f"move its amounts by a journal instead: {reclass}",
        "journal": "a journal for the difference against clearing corrects it; make it in QuickBooks",
        "credit": "it is credited by itself when Amazon cancels the order or lowers its price",
        "ask": "look at it in QuickBooks; then adopt it (ml-connector posting adopt) or restore it there",
        "no": "it stays as it is",
    }
    return words.get(what, "it stays as it is")
