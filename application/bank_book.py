"""Which bank line is which settlement's money: what is sure is matched, the rest is a person's word.

A line is matched once and a settlement's money arrives once, whoever else is at it: each has a stream that says so.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from application.bank_matches import FactsOf, bank_state, no_facts
from application.ports import Append, Clock, EventStore, Views
from application.recording import Recorder
from domain import bank
from domain.bank import BankedState, LineState
from domain.bank_matching import Proposal, proposal_id
from domain.errors import BadInput
from domain.event import Stamp
from domain.money import format_minor


class Matched(msgspec.Struct, frozen=True):
    """How many lines were matched by themselves, and how many proposals wait for a person."""

    matched: int
    proposals: int
    position: int


class BankBook(Recorder):
    """The commands on a flow's bank lines."""

    def __init__(self, store: EventStore, clock: Clock, views: Views, facts_of: FactsOf = no_facts) -> None:
        super().__init__(store, clock)
        self._views = views
        self._facts_of = facts_of

    def banked(self, flow: str, settlement_ids: Sequence[str]) -> dict[str, BankedState]:
        """The bank lines of settlements' money, from their own streams: `.arrived.day` is the bank's booking date."""
        streams = {name: bank.banked_stream(flow, name) for name in settlement_ids}
        loaded = self._many(list(streams.values()), BankedState, bank.evolve_banked)
        return {name: loaded[stream][0] for name, stream in streams.items()}

    def match(self, flow: str, by: str) -> Matched:
        """Match every line that is surely one settlement's money; the rest is proposed. Again is no harm."""
        position = self._views.catch_up()
        proposals = bank_state(flow, self._views, self._facts_of).proposals
        sure = [one for one in proposals if one.auto]
        made = 0

        def decide() -> list[Append]:
            nonlocal made
            made, appends = self._match_appends(flow, sure, "auto", "", by)
            return appends

        if sure:
            position = self._until_saved(decide)
            self._views.catch_up()
        return Matched(made, len(proposals) - len(sure), position)

    def confirm(self, flow: str, proposal: str, by: str, why: str = "") -> int:
        """A person says that a proposal is so. Raises BadInput where there is none of that id (any more)."""
        return self._confirm(self._proposal(flow, proposal), by, why, flow)

    def assign(self, flow: str, line: str, settlement_ids: Sequence[str], by: str, why: str) -> int:
        """A person says whose money a line is, proposed or not. The amounts must agree: nothing is plugged.

        In another currency the bank's amount is taken as it is. Raises BadInput.
        """
        _check_why(why)
        self._views.catch_up()
        names = tuple(sorted(dict.fromkeys(settlement_ids)))
        row = self._line(flow, line)
        found = [row for name in names for row in self._views.query("settlements", flow, settlement_id=name)]
        if not names or len(found) != len(names):
            raise BadInput(f"settlements {', '.join(names) or '(none)'}: expected ids of settlements of flow {flow}")
        fees = self._one(bank.account_stream(flow, row["account"]), bank.Account(), bank.evolve_account)[0].fees
        total = sum(settlement["total"] or 0 for settlement in found)
        same = {settlement["currency"] for settlement in found} == {row["currency"]}
        fee = total - row["amount"] if same else 0
        if (same and fee and (fee not in fees or len(names) > 1)) or (not same and len(names) > 1):
            raise BadInput(
                f"the line is {format_minor(row['amount'], row['currency'])} {row['currency']} and the settlements "
                f"make {_sum_text(found)}: they must be the same, to the cent. If the bank keeps a fee, say which: "
                f"ml-connector bank account {flow} --fee AMOUNT --why REASON"
            )
        kind: bank.MatchKind = "composite" if len(names) > 1 else "fee" if fee else "exact" if same else "fx"
        proposal = Proposal(
            proposal_id(line, names),
            kind,
            row["account"],
            line,
            date.fromisoformat(row["day"]),
            row["amount"],
            row["currency"],
            names,
            0,
            (),
            fee,
            reference=row["reference"],
        )
        return self._confirm(proposal, by, why, flow)

    def reject(self, flow: str, proposal: str, by: str, why: str) -> int:
        """A person says that a proposal is not so: it is not made again. Raises BadInput."""
        _check_why(why)
        found = self._proposal(flow, proposal)

        def decide() -> list[Append]:
            stream = bank.line_stream(flow, found.line)
            state, version = self._one(stream, LineState(), bank.evolve_line)
            if found.settlements in state.rejected:
                return []
            event = bank.MatchRejected(
                account=found.account,
                line=found.line,
                settlements=found.settlements,
                why=why,
                **Stamp(flow, self._clock(), by).fields(),
            )
            return [Append(stream, version, [event])]

        return self._saved(decide)

    def undo(self, flow: str, line: str, by: str, why: str) -> int:
        """A person takes back a line's match, or that it is set aside. Raises BadInput where neither is so."""
        _check_why(why)
        self._views.catch_up()
        account = self._line(flow, line)["account"]

        def decide() -> list[Append]:
            stamp = Stamp(flow, self._clock(), by)
            stream = bank.line_stream(flow, line)
            state, version = self._one(stream, LineState(), bank.evolve_line)
            if not state.settlements and not state.aside:
                raise BadInput(f"line {line} is neither matched nor set aside; see: ml-connector bank lines {flow}")
            undone = bank.MatchUndone(
                account=account, line=line, settlements=state.settlements, why=why, **stamp.fields()
            )
            appends = [Append(stream, version, [undone])]
            banked = self._banked(flow, state.settlements)
            for name in state.settlements:
                event = bank.SettlementUnbanked(settlement_id=name, line=line, why=why, **stamp.fields())
                appends.append(Append(bank.banked_stream(flow, name), banked[name][1], [event]))
            return appends

        return self._saved(decide)

    def set_aside(self, flow: str, line: str, by: str, why: str) -> int:
        """A person says that a line is no payout of a settlement, and why. Raises BadInput where it is matched."""
        _check_why(why)
        self._views.catch_up()
        account = self._line(flow, line)["account"]

        def decide() -> list[Append]:
            stream = bank.line_stream(flow, line)
            state, version = self._one(stream, LineState(), bank.evolve_line)
            if state.settlements:
                raise BadInput(f"line {line} is matched; take that back first: ml-connector bank undo {flow} {line}")
            if state.aside:
                return []
            stamp = Stamp(flow, self._clock(), by)
            event = bank.BankLineSetAside(account=account, line=line, why=why, **stamp.fields())
            return [Append(stream, version, [event])]

        return self._saved(decide)

    def _confirm(self, proposal: Proposal, by: str, why: str, flow: str) -> int:
        def decide() -> list[Append]:
            made, appends = self._match_appends(flow, [proposal], "confirmed", why, by)
            if not made:
                raise BadInput(
                    f"line {proposal.line} or settlement {', '.join(proposal.settlements)} is matched already; "
                    f"take that back first: ml-connector bank undo {flow} LINE"
                )
            return appends

        return self._saved(decide)

    def _proposal(self, flow: str, proposal: str) -> Proposal:
        self._views.catch_up()
        found = [one for one in bank_state(flow, self._views, self._facts_of).proposals if one.id == proposal]
        if not found:
            raise BadInput(
                f"flow {flow} has no proposal {proposal} (any more); see: ml-connector bank proposals {flow}"
            )
        return found[0]

    def _line(self, flow: str, line: str) -> dict[str, Any]:
        rows = self._views.query("bank_lines", flow, line=line)
        if not rows:
            raise BadInput(f"flow {flow} has no bank line {line}; see: ml-connector bank lines {flow}")
        return rows[0]

    def _match_appends(
        self, flow: str, proposals: Sequence[Proposal], how: str, why: str, by: str
    ) -> tuple[int, list[Append]]:
        """How many of them are still free (by the streams of line and settlements), and the events of their matches."""
        streams = {one.line: bank.line_stream(flow, one.line) for one in proposals}
        lines = self._many(list(streams.values()), LineState, bank.evolve_line)
        names = list(dict.fromkeys(name for one in proposals for name in one.settlements))
        banked = self._banked(flow, names)
        totals = self._totals(flow, [name for one in proposals if len(one.settlements) > 1 for name in one.settlements])
        stamp = Stamp(flow, self._clock(), by)
        appends: list[Append] = []
        made = 0
        for one in proposals:
            state, version = lines[streams[one.line]]
            places = [banked[name][0] for name in one.settlements]
            taken = any((place.returned if one.kind == "returned" else place.arrived) for place in places)
            if taken or state.settlements or state.aside:
                continue
            made += 1
            appends.append(Append(streams[one.line], version, [_deposit_matched(one, how, why, stamp)]))
            for name in one.settlements:
                arrived = _settlement_banked(one, name, totals.get(name, one.amount), stamp)
                appends.append(Append(bank.banked_stream(flow, name), banked[name][1], [arrived]))
        return made, appends

    def _banked(self, flow: str, settlement_ids: Sequence[str]) -> dict[str, tuple[BankedState, int]]:
        streams = {name: bank.banked_stream(flow, name) for name in settlement_ids}
        loaded = self._many(list(streams.values()), BankedState, bank.evolve_banked)
        return {name: loaded[stream] for name, stream in streams.items()}

    def _totals(self, flow: str, settlement_ids: Sequence[str]) -> dict[str, int]:
        return {
            row["settlement_id"]: row["total"]
            for name in settlement_ids
            for row in self._views.query("settlements", flow, settlement_id=name)
        }

    def _saved(self, decide: Callable[[], list[Append]]) -> int:
        position = self._until_saved(decide)
        self._views.catch_up()
        return position


def _check_why(why: str) -> None:
    if not why.strip():
        raise BadInput("--why is needed: the reason stands in the audit trail, for example --why 'a loan of 3 May'")


def _sum_text(settlements: Sequence[Mapping[str, Any]]) -> str:
    sums: dict[str, int] = {}
    for row in settlements:
        sums[row["currency"]] = sums.get(row["currency"], 0) + (row["total"] or 0)
    return " and ".join(f"{format_minor(total, currency)} {currency}" for currency, total in sums.items())


def _deposit_matched(one: Proposal, how: str, why: str, stamp: Stamp) -> bank.DepositMatched:
    return bank.DepositMatched(
        account=one.account,
        line=one.line,
        day=one.day,
        amount=one.amount,
        currency=one.currency,
        settlements=one.settlements,
        kind=one.kind,
        how=how,
        score=one.score,
        fee=one.fee,
        reference=one.reference,
        why=why,
        **stamp.fields(),
    )


def _settlement_banked(one: Proposal, name: str, amount: int, stamp: Stamp) -> bank.SettlementBanked:
    return bank.SettlementBanked(
        settlement_id=name,
        account=one.account,
        line=one.line,
        day=one.day,
        amount=amount,
        currency=one.currency,
        fee=one.fee,
        reference=one.reference,
        returned=one.kind == "returned",
        **stamp.fields(),
    )
