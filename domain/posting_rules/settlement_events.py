"""What a plan of a settlement does to its postings: planned, planned anew, held or withdrawn, and its ledger's entry.

A document that QuickBooks has, or may have, is never replaced here: where it would be another one now, the settlement
is held until a person looks.
"""

from collections.abc import Mapping as MappingOf

import msgspec

from domain import posting as postings
from domain.event import Event, Stamp
from domain.flow import Flow
from domain.ledger import Ledger, SettlementBooked, SettlementUnbooked
from domain.posting import Posting, PostingWithdrawn, Reason
from domain.posting_rules.changes import plan_unless_refused
from domain.posting_rules.held import Held
from domain.posting_rules.invoice import NothingToPost
from domain.posting_rules.settlement import SettlementPlan
from domain.settlement import Settlement

Name = tuple[str, str]  # kind and key of a posting
Decided = dict[Name, list[Event]]
_OPEN = ("planned", "held", "rejected")  # what QuickBooks has nothing of


class Planning(msgspec.Struct):
    """A settlement that is decided: its postings with their versions, by whom and when, by which mapping."""

    settlement_id: str
    flow: Flow
    stamp: Stamp
    mapping_version: int
    documents: dict[Name, tuple[Posting, int]]
    retry: bool = False

    @property
    def is_under_way(self) -> bool:
        """Whether QuickBooks has, or may have, any of it."""
        return any(posting.is_final for posting, _ in self.documents.values())

    @property
    def deposit(self) -> Name:
        return "deposit", self.settlement_id


def as_begun(flow: Flow, booked: SettlementBooked | None, documents: MappingOf[Name, tuple[Posting, int]]) -> Flow:
    """The flow as a settlement was planned under it, once any of it is sent: policies change between settlements only.

    What closes the books counts as it is now.
    """
    if booked is None or not any(posting.is_final for posting, _ in documents.values()):
        return flow
    now = flow.policies
    begun = msgspec.structs.replace(booked.policies, lock_date=now.lock_date, late_event=now.late_event)
    return msgspec.structs.replace(flow, policies=begun)


def planned_events(planning: Planning, plan: SettlementPlan) -> Decided | Held:
    """What is planned, and what of an earlier plan is withdrawn; held where QuickBooks has it otherwise."""
    wanted = {(one.kind, one.key): one for one in plan.documents}
    decided: Decided = {}
    for name, (posting, _) in planning.documents.items():
        if name in wanted:
            continue
        if posting.is_final:
            text = f"{name[0]} {name[1]} of this settlement stands in QuickBooks and would not be made now"
            return Held((Reason("posted_otherwise", text, plan.total),), plan.total, plan.currency)
        if posting.status in _OPEN:
            decided[name] = [_withdrawn(name, "its settlement is planned anew", planning)]
    for name, one in wanted.items():
        posting = planning.documents[name][0]
        if posting.is_final:
            if posting.document != one.document:
                text = f"{name[0]} {name[1]} stands in QuickBooks otherwise than it would be booked now"
                total = one.document.total
                return Held((Reason("posted_otherwise", text, total),), total, plan.currency)
            decided[name] = postings.settled(*name, posting, planning.stamp)
        else:
            decided[name] = plan_unless_refused(
                one.document, name[1], one.depends_on, posting, planning.mapping_version, planning.stamp, planning.retry
            )
    return {name: events for name, events in decided.items() if events}


def held_events(planning: Planning, held: Held) -> Decided:
    """The settlement's deposit bears the reasons; what of it was planned is withdrawn."""
    deposit = planning.documents[planning.deposit][0]
    events = postings.hold(*planning.deposit, held.reasons, held.amount, held.currency, deposit, planning.stamp)
    decided = _withdraw(planning, "its settlement is held", but=planning.deposit)
    return {**decided, planning.deposit: events} if events else decided


def withdrawn_events(planning: Planning, why: str) -> Decided:
    """A settlement that is not to be posted after all, as far as QuickBooks has not been told."""
    return _withdraw(planning, why)


def ledger_events(
    planning: Planning,
    ledger: Ledger,
    settlement: Settlement,
    outcome: SettlementPlan | Held | NothingToPost | None,
    account_type: str,
) -> list[Event]:
    """The settlement's entry in its ledger, if it is another one now; none is left of one that is not booked."""
    standing = ledger.booked.get(planning.settlement_id)
    if not isinstance(outcome, SettlementPlan):
        if standing is None or planning.is_under_way:
            return []
        why = outcome.why if isinstance(outcome, NothingToPost) else "held"
        return [SettlementUnbooked(settlement_id=planning.settlement_id, why=why, **planning.stamp.fields())]
    closed = settlement.closed
    booked = SettlementBooked(
        settlement_id=planning.settlement_id,
        currency=outcome.currency,
        total=outcome.total,
        day=outcome.day,
        documents=tuple(one.name for one in outcome.documents),
        dispositions=outcome.dispositions,
        notes=outcome.notes,
        balance=outcome.balance,
        charged=outcome.charged,
        returned=outcome.returned,
        suspended=outcome.suspended,
        reserve=outcome.reserve,
        account_type=account_type,
        start=planning.flow.day(closed.start) if closed is not None and closed.start is not None else None,
        end=planning.flow.day(closed.end) if closed is not None and closed.end is not None else None,
        policies=planning.flow.policies,
        **planning.stamp.fields(),
    )
    return [] if standing is not None and _facts(standing) == _facts(booked) else [booked]


def _withdraw(planning: Planning, why: str, but: Name | None = None) -> Decided:
    return {
        name: [_withdrawn(name, why, planning)]
        for name, (posting, _) in planning.documents.items()
        if name != but and posting.status in _OPEN and not posting.is_final
    }


def _withdrawn(name: Name, why: str, planning: Planning) -> PostingWithdrawn:
    return PostingWithdrawn(kind=name[0], key=name[1], why=why, **planning.stamp.fields())


def _facts(booked: SettlementBooked) -> MappingOf[str, object]:
    fields = msgspec.structs.asdict(booked)
    return {name: value for name, value in fields.items() if name not in ("at", "by", "cause")}
