"""Recording what Amazon's Finances say: transactions, event groups, payouts, summaries, balances.

Each page is one save, however many streams it touches. What was seen before costs nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from application.ports import Append
from application.recording import Recorder, Tally
from domain import settlement as settlements
from domain import transaction as transactions
from domain.event import Event, Stamp
from domain.event_group import (
    Balance,
    BalancesSeen,
    EventGroup,
    EventGroupSeen,
    Payout,
    PayoutSeen,
    SettlementMatched,
    SourceAvailability,
    Summary,
    SummarySeen,
    balances_stream,
    group_news,
    group_stream,
    payout_stream,
    source_stream,
    summary_stream,
)
from domain.flow import AmazonConnected, Flow, flow_stream
from domain.settlement import settlement_stream
from domain.transaction import Known, Transaction, transaction_stream

_T = TypeVar("_T")


class FinanceBook(Recorder):
    """The commands about Finances; every method names the flow it works on."""

    def ingest_transactions(self, flow: Flow, seen: Sequence[Transaction], by: str, evidence: str = "") -> Tally:
        """Record a page of transactions, and tell the deferred ones which of them releases them, in one save."""
        tally = Tally()
        named = [name for each in seen for name in (each.transaction_id, each.deferred_id, each.release_id) if name]
        streams = {name: transaction_stream(flow.name, name) for name in dict.fromkeys(named)}

        def decide() -> list[Append]:
            stamp = Stamp(flow.name, self._clock(), by, evidence)
            known = self._many(list(streams.values()), Known, transactions.evolve)
            versions = {name: known[stream][1] for name, stream in streams.items()}
            states = {name: known[stream][0] for name, stream in streams.items()}
            events: dict[str, list[Event]] = {}

            def take(name: str, news: list[Event]) -> None:
                for event in news:
                    states[name] = transactions.evolve(states[name], event)
                events.setdefault(name, []).extend(news)

            # One may stand on a page twice, with an older and a newer look.
            for each in seen:
                name, before = each.transaction_id, states[each.transaction_id].look
                take(name, transactions.record(each, states[name], stamp, evidence))
                tally.new += before is None
                tally.changed += before is not None and states[name].look != before
                tally.held += bool(each.problem)
            for deferred_id, release in _releases(seen, states):
                take(deferred_id, transactions.released_by(release, deferred_id, states[deferred_id], stamp))
            return [Append(streams[name], versions[name], news) for name, news in events.items() if news]

        tally.position = self._until_saved(decide, tally)
        return tally

    def ingest_groups(self, flow: Flow, seen: Sequence[EventGroup], by: str, evidence: str = "") -> Tally:
        """Record a page of event groups in one save."""

        def news(group: EventGroup, known: list[Event], stamp: Stamp) -> list[Event]:
            last = next((event.group for event in reversed(known) if isinstance(event, EventGroupSeen)), None)
            return group_news(group, last, stamp, evidence)

        return self._ingest(flow, {group_stream(flow.name, each.group_id): each for each in seen}, news, by, evidence)

    def ingest_payouts(self, flow: Flow, seen: Sequence[Payout], by: str, evidence: str = "") -> Tally:
        """Record a page of payouts in one save."""

        def news(payout: Payout, known: list[Event], stamp: Stamp) -> list[Event]:
            event = PayoutSeen(payout=payout, evidence=evidence, **stamp.fields())
            return [] if _last(known, PayoutSeen, "payout") == payout else [event]

        return self._ingest(flow, {payout_stream(flow.name, each.payout_id): each for each in seen}, news, by, evidence)

    def ingest_summaries(self, flow: Flow, seen: Sequence[Summary], by: str, evidence: str = "") -> Tally:
        """Record settlements' summaries in one save."""

        def news(summary: Summary, known: list[Event], stamp: Stamp) -> list[Event]:
            event = SummarySeen(summary=summary, evidence=evidence, **stamp.fields())
            return [] if _last(known, SummarySeen, "summary") == summary else [event]

        streams = {summary_stream(flow.name, each.settlement_id): each for each in seen}
        return self._ingest(flow, streams, news, by, evidence)

    def record_balances(
        self, flow: Flow, day: date, seen: tuple[Balance, ...], by: str, evidence: str = "", problem: str = ""
    ) -> Tally:
        """Keep a day's balances; those of a later look at the same day take their place."""

        def news(balances: tuple[Balance, ...], known: list[Event], stamp: Stamp) -> list[Event]:
            event = BalancesSeen(day=day, balances=balances, evidence=evidence, problem=problem, **stamp.fields())
            return [] if _last(known, BalancesSeen, "balances") == balances else [event]

        return self._ingest(flow, {balances_stream(flow.name, day): seen}, news, by, evidence)

    def record_availability(self, flow: Flow, source: str, available: bool, reason: str, by: str) -> int:
        """Remember whether Amazon offers a part of Finances. That it does is news only where it did not."""
        stream = source_stream(flow.name, source)

        def decide() -> list[Append]:
            known = self._store.load([stream]).get(stream, [])
            was = known[-1] if known else None
            if available and not (isinstance(was, SourceAvailability) and not was.available):
                return []
            stamp = Stamp(flow.name, self._clock(), by)
            event = SourceAvailability(source=source, available=available, reason=reason, **stamp.fields())
            return [Append(stream, len(known), [event])]

        return self._until_saved(decide)

    def connected_to_amazon(self, flow: Flow) -> datetime | None:
        """When the flow's present consent was given."""
        stream = flow_stream(flow.name)
        events = self._store.load([stream]).get(stream, [])
        return max((event.at for event in events if isinstance(event, AmazonConnected)), default=None)

    def match_settlements(self, flow: Flow, told: Sequence[SettlementMatched], by: str) -> Tally:
        """Tell settlements what else Amazon says of them, in one save; what they know already is no news."""
        tally = Tally()
        matches = {settlement_stream(flow.name, each.settlement_id): each for each in told}

        def decide() -> list[Append]:
            stamp = Stamp(flow.name, self._clock(), by)
            known = self._store.load(list(matches))
            appends = []
            for stream, match in matches.items():
                events = known.get(stream, [])
                was = next((event for event in reversed(events) if isinstance(event, SettlementMatched)), None)
                if events and (was is None or _bare(was) != _bare(match)):
                    appends.append(Append(stream, len(events), [_stamped(match, stamp)]))
            tally.changed = len(appends)
            return appends

        tally.position = self._until_saved(decide, tally) if matches else 0
        return tally

    def matched(self, flow: Flow, settlement_id: str) -> SettlementMatched | None:
        """What else Amazon says of a settlement; its `converted_total` is what rule R25 of accounting.md needs."""
        stream = settlement_stream(flow.name, settlement_id)
        return self._one(stream, settlements.Settlement(), settlements.evolve)[0].matched

    def _ingest(
        self,
        flow: Flow,
        seen: dict[UUID, _T],
        news: Callable[[_T, list[Event], Stamp], list[Event]],
        by: str,
        evidence: str,
    ) -> Tally:
        tally = Tally()

        def decide() -> list[Append]:
            stamp = Stamp(flow.name, self._clock(), by, evidence)
            known = self._store.load(list(seen)) if seen else {}
            appends = []
            for stream, each in seen.items():
                standing = known.get(stream, [])
                events = news(each, standing, stamp)
                if events:
                    tally.new += not standing
                    tally.changed += bool(standing)
                    appends.append(Append(stream, len(standing), events))
            return appends

        tally.position = self._until_saved(decide, tally)
        return tally


def _releases(seen: Sequence[Transaction], known: Mapping[str, Known]) -> Iterator[tuple[str, Transaction]]:
    """Deferred transactions of a page and those that free them: one may name the other, or each the other."""
    for each in seen:
        if each.deferred_id:
            yield each.deferred_id, each
        release = known[each.release_id].look if each.release_id else None
        if release is not None:
            yield each.transaction_id, release


def _last(known: Sequence[Event], kind: type[Event], field: str) -> Any:
    return next((getattr(event, field) for event in reversed(known) if isinstance(event, kind)), None)


def _bare(match: SettlementMatched) -> tuple[Any, ...]:
    """Its facts, without who told them when."""
    return tuple(getattr(match, name) for name in match.__struct_fields__ if name not in Event.__struct_fields__)


def _stamped(match: SettlementMatched, stamp: Stamp) -> SettlementMatched:
    facts = {name: getattr(match, name) for name in match.__struct_fields__ if name not in Event.__struct_fields__}
    return SettlementMatched(**facts, **stamp.fields())
