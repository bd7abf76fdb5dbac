"""The commands about flows, mappings, postings and cycles; with those of orders and settlements all that record facts.

Each method decides from freshly loaded streams and saves all that belongs together in one append; if another
writer was faster, it decides again on what is there now. The decisions themselves are the domain's.
"""

from collections.abc import Collection, Sequence
from collections.abc import Mapping as MappingOf
from datetime import datetime

import msgspec

from application.answers import Outcome, answered, contested, seen_again, stands
from application.month_end_book import MonthEndBook
from application.order_facts import OrderFacts
from application.ports import Append, Fault, Found, Otherwise, Removed, Sighting
from application.recording import Tally
from application.transactions import FinanceBook
from domain import alert as alerts
from domain import flow as flows
from domain import mapping as mappings
from domain import posting as postings
from domain.errors import BadInput, Conflict, UnknownFlow
from domain.event import Event, Stamp
from domain.flow import Flow
from domain.mapping import Mapping, MappingChanged, MappingFound, MappingMissing
from domain.posting import (
    BatchAnswered,
    BatchItem,
    BatchReplayed,
    BatchSubmitted,
    Posting,
    PostingRejected,
    PostingReleased,
    PostingSubmitted,
    batch_stream,
    posting_stream,
)


class SentBatch(msgspec.Struct, frozen=True):
    """A batch, when it was last sent (UTC) and whether it is answered; `version` is its stream's."""

    submitted: BatchSubmitted
    last_sent: datetime
    replays: int
    answered: bool
    version: int


class Bookkeeping(MonthEndBook, FinanceBook, OrderFacts):
    """The commands of one installation; every method names the flow it works on."""

    # --- reading what commands need -------------------------------------------------------------------------

    def flow(self, name: str) -> Flow:
        """Raises UnknownFlow."""
        state, version = self._one(flows.flow_stream(name), Flow(), flows.evolve)
        if not version:
            raise UnknownFlow(f"there is no flow named {name!r}; see: ml-connector flow list")
        return state

    def many_flows(self, names: Sequence[str]) -> dict[str, Flow]:
        """Many flows at once; names without a flow are absent."""
        streams = {name: flows.flow_stream(name) for name in names}
        loaded = self._many(list(streams.values()), Flow, flows.evolve)
        return {name: loaded[stream][0] for name, stream in streams.items() if loaded[stream][1]}

    def postings(self, flow: str, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Posting]:
        """Postings by (kind, key); those that do not exist have status `none`."""
        streams = {name: posting_stream(flow, *name) for name in names}
        loaded = self._many(list(streams.values()), Posting, postings.evolve)
        return {name: loaded[stream][0] for name, stream in streams.items()}

    def batch(self, flow: str, batch: str) -> SentBatch:
        """A batch as it was sent and what is known of it. Raises BadInput where there is none."""
        events = self._store.load([batch_stream(flow, batch)]).get(batch_stream(flow, batch), [])
        submitted = next((event for event in events if isinstance(event, BatchSubmitted)), None)
        if submitted is None:
            raise BadInput(f"flow {flow} has no batch {batch}")
        replays = [event for event in events if isinstance(event, BatchReplayed)]
        return SentBatch(
            submitted=submitted,
            last_sent=replays[-1].at if replays else submitted.at,
            replays=len(replays),
            answered=any(isinstance(event, BatchAnswered) for event in events),
            version=len(events),
        )

    # --- flows and their settings ---------------------------------------------------------------------------

    def create_flow(self, created: flows.FlowCreated) -> int:
        """Raises BadInput if a setting cannot be or the name is taken."""
        flows.check_settings(created.flow, created.region, created.realm, created.orders, created.zone, created.banks)
        try:
            return self._store.append([Append(flows.flow_stream(created.flow), 0, [created])])
        except Conflict:
            raise BadInput(f"a flow named {created.flow!r} exists; choose another name") from None

    def record_on_flow(self, event: Event) -> int:
        """A connection made or lost."""

        def decide() -> list[Append]:
            stream = flows.flow_stream(event.flow)
            version = len(self._store.load([stream]).get(stream, []))
            if not version:
                raise UnknownFlow(f"there is no flow named {event.flow!r}; see: ml-connector flow list")
            return [Append(stream, version, [event])]

        return self._until_saved(decide)

    def alert_channels(self, flow: str) -> dict[str, alerts.Channel]:
        """Where alerts of the flow go, by the channels' names."""
        return self._one(alerts.channels_stream(flow), alerts.Channels(), alerts.evolve)[0].standing

    def lost_connections(self, flow: str) -> dict[str, flows.ConnectionLost]:
        """By vendor, the refusals since which nobody connected again."""
        stream = flows.flow_stream(flow)
        return alerts.lost_connections(self._store.load([stream]).get(stream, []))

    def record_alert_channel(self, event: alerts.AlertChannelAdded | alerts.AlertChannelRemoved) -> int:
        """A channel added or removed. Raises UnknownFlow."""
        self.flow(event.flow)

        def decide() -> list[Append]:
            stream = alerts.channels_stream(event.flow)
            return [Append(stream, len(self._store.load([stream]).get(stream, [])), [event])]

        return self._until_saved(decide)

    def change_mapping(self, changed: MappingChanged, open_gaps: Sequence[str]) -> int:
        """Record a change (its `version` is set here) and which of the open gaps it closes."""

        return self._until_saved(lambda: self.mapping_appends(changed, open_gaps))

    def mapping_appends(self, changed: MappingChanged, open_gaps: Sequence[str]) -> list[Append]:
        """What `change_mapping` saves, for commands that save more with it."""
        state, version = self._one(mappings.mapping_stream(changed.flow), Mapping(), mappings.evolve)
        event = msgspec.structs.replace(changed, version=state.version + 1)
        after = mappings.evolve(state, event)
        stamp = Stamp(changed.flow, changed.at, changed.by, changed.cause)
        appends = [Append(mappings.mapping_stream(changed.flow), version, [event])]
        found = [key for key in open_gaps if mappings.resolves(after, key)]
        streams = self._store.load([mappings.gap_stream(changed.flow, key) for key in found])
        for key in found:
            stream = mappings.gap_stream(changed.flow, key)
            seen = streams.get(stream, [])
            if seen and isinstance(seen[-1], MappingMissing):
                appends.append(Append(stream, len(seen), [MappingFound(key=key, **stamp.fields())]))
        return appends

    # --- posting ------------------------------------------------------------------------------------------------

    def claim(self, flow: str, batch: str, request_id: str, items: Sequence[BatchItem], body: str, by: str) -> bool:
        """Claim every posting of a batch and record the batch as it will be sent, in one save.

        False if any of them is no longer planned as it was: somebody else has it, nothing is claimed.
        """
        stamp = Stamp(flow, self._clock(), by, f"batch:{batch}")
        known = self._postings(flow, [(item.kind, item.key) for item in items])
        appends = []
        for item in items:
            posting, version = known[item.kind, item.key]
            if posting.status != "planned" or posting.generation != item.generation:
                return False
            claimed = PostingSubmitted(
                kind=item.kind, key=item.key, generation=item.generation, batch=batch, **stamp.fields()
            )
            appends.append(Append(posting_stream(flow, item.kind, item.key), version, [claimed]))
        submitted = BatchSubmitted(batch=batch, request_id=request_id, items=tuple(items), body=body, **stamp.fields())
        try:
            self._store.append([*appends, Append(batch_stream(flow, batch), 0, [submitted])])
        except Conflict:
            return False
        return True

    def claim_replay(self, sent: SentBatch, by: str) -> bool:
        """Record that a batch is about to be sent again; False if somebody else is at it."""
        submitted = sent.submitted
        stamp = Stamp(submitted.flow, self._clock(), by, f"batch:{submitted.batch}")
        stream = batch_stream(submitted.flow, submitted.batch)
        replayed = BatchReplayed(batch=submitted.batch, **stamp.fields())
        try:
            self._store.append([Append(stream, sent.version, [replayed])])
        except Conflict:
            return False
        return True

    def confirm(
        self,
        submitted: BatchSubmitted,
        outcomes: MappingOf[str, Outcome],
        answer: str,
        by: str,
        how: str = "answer",
        adopted: Collection[str] = (),
    ) -> Tally:
        """Record what became of each item of a batch, in one save. Again is no harm.

        `adopted` are the items that a look-up told of, not the answer to our call.
        """
        flow = submitted.flow
        tally = Tally()

        def decide() -> list[Append]:
            stamp = Stamp(flow, self._clock(), by, f"batch:{submitted.batch}")
            stream = batch_stream(flow, submitted.batch)
            written = self._store.load([stream])[stream]
            if any(isinstance(event, BatchAnswered) for event in written):
                return []
            known = self._postings(flow, [(item.kind, item.key) for item in submitted.items])
            appends = []
            for item in submitted.items:
                posting, version = known[item.kind, item.key]
                if posting.status != "submitted" or posting.batch != submitted.batch:
                    continue
                outcome = outcomes[item.item]
                found_there = how == "look-up" or item.item in adopted
                events = answered(item, outcome, posting, submitted.batch, answer, found_there, stamp)
                tally.new += isinstance(outcome, Found | Removed | Sighting)
                tally.held += isinstance(outcome, Fault | Otherwise)
                appends.append(Append(posting_stream(flow, item.kind, item.key), version, events))
            decided = BatchAnswered(
                batch=submitted.batch, answer=answer, posted=tally.new, rejected=tally.held, how=how, **stamp.fields()
            )
            return [*appends, Append(stream, len(written), [decided])]

        tally.position = self._until_saved(decide, tally)
        return tally

    def record_seen(
        self, flow: str, kind: str, key: str, outcome: Sighting | Otherwise | None, answer: str, by: str
    ) -> Tally:
        """What a look-up found of a document that is planned, contested, or stands otherwise than it should.

        Ours entirely, it stands; otherwise it is held until a person says; None of a contested one: it is sent anew.
        """
        tally = Tally()

        def decide() -> list[Append]:
            stamp = Stamp(flow, self._clock(), by)
            posting, version = self._postings(flow, [(kind, key)])[kind, key]
            events: list[Event] = []
            match outcome:
                case Sighting() if posting.status == "posted":
                    events = seen_again(kind, key, outcome, posting, answer, stamp)
                case Sighting() if posting.status == "planned" or posting.is_contested:
                    events = stands(kind, key, outcome, posting, answer, True, stamp)
                    tally.new += 1
                case Otherwise() if posting.status == "planned" or posting.is_contested:
                    held = contested(kind, key, outcome, posting, stamp)
                    events = [] if held.reasons in (posting.reasons, posting.attention) else [held]
                    tally.held += 1
                case None if posting.is_contested:
                    why = "nothing of it is in QuickBooks any more"
                    events = [PostingReleased(kind=kind, key=key, why=why, **stamp.fields())]
            return [Append(posting_stream(flow, kind, key), version, events)] if events else []

        tally.position = self._until_saved(decide, tally)
        return tally

    def refuse_unsent(self, flow: str, kind: str, key: str, code: str, words: str, evidence: str, by: str) -> int:
        """What is planned is not sent, for what was seen before; one that stands in QuickBooks stands as it is."""

        def decide() -> list[Append]:
            posting, version = self._postings(flow, [(kind, key)])[kind, key]
            if posting.status != "planned":
                return []
            stamp = Stamp(flow, self._clock(), by, evidence)
            refused = PostingRejected(
                kind=kind,
                key=key,
                generation=posting.generation,
                code=code,
                message=words,
                **stamp.fields(),
            )
            return [Append(posting_stream(flow, kind, key), version, [refused])]

        return self._until_saved(decide)

    def adopt(self, flow: str, kind: str, key: str, sighting: Sighting, answer: str, by: str, why: str) -> int:
        """A person says that this document of QuickBooks is the contested one. Raises BadInput if none is contested."""

        def decide() -> list[Append]:
            posting, version = self._postings(flow, [(kind, key)])[kind, key]
            if not posting.is_contested:
                raise BadInput(_no_word_needed(flow, kind, key))
            stamp = Stamp(flow, self._clock(), by, f"because: {why}")
            events = stands(kind, key, sighting, posting, answer, True, stamp)
            return [Append(posting_stream(flow, kind, key), version, events)]

        return self._until_saved(decide)

    def release(self, flow: str, kind: str, key: str, not_ours: Sequence[str], by: str, why: str) -> int:
        """A person says that no such document is the contested one, or the one it was taken for. Raises BadInput."""

        def decide() -> list[Append]:
            posting, version = self._postings(flow, [(kind, key)])[kind, key]
            taken = posting.status == "posted" and posting.adopted
            if not (posting.is_contested or taken):
                raise BadInput(_no_word_needed(flow, kind, key))
            others = dict.fromkeys([*not_ours, *([posting.quickbooks_id] if taken else [])])
            stamp = Stamp(flow, self._clock(), by)
            released = PostingReleased(kind=kind, key=key, why=why, not_ours=tuple(others), **stamp.fields())
            return [Append(posting_stream(flow, kind, key), version, [released])]

        return self._until_saved(decide)

    # --- cycles ---------------------------------------------------------------------------------------------------

    def record_cycle(
        self,
        event: flows.CycleStarted
        | flows.WatermarkAdvanced
        | flows.CycleFinished
        | flows.CycleFailed
        | flows.CycleStopped,
    ) -> int:
        def decide() -> list[Append]:
            stream = flows.cycle_stream(event.flow, event.cycle)
            return [Append(stream, len(self._store.load([stream]).get(stream, [])), [event])]

        return self._until_saved(decide)

    # --- the store ------------------------------------------------------------------------------------------------


def _no_word_needed(flow: str, kind: str, key: str) -> str:
    return (
        f"{kind} {key} of flow {flow} does not wait for anybody's word; "
        f"what does is listed with the reason found_otherwise by: ml-connector held {flow}"
    )
