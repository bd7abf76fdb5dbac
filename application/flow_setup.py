"""What a person decides about a flow: its settings, and whether it runs. Each command is an event with who and when.

Apart from `bookkeeping.py`, since these ask QuickBooks before they decide. A bank account is one event on the flow
and one on the mapping, which says where deposits go: they are saved together or not at all.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
from msgspec import UNSET

from application.bookkeeping import Bookkeeping
from application.chart_setup import choose_bank
from application.ports import Append, Clock, EventStore, Leases, OpenCompany, Timetable, Views
from application.recording import ATTEMPTS
from application.schedules import next_due
from domain.errors import BadInput, Conflict, FlowBusy, UnknownFlow
from domain.event import Event, Stamp
from domain.flow import (
    Flow,
    FlowConfigured,
    FlowPaused,
    FlowResumed,
    FlowSettings,
    changes,
    check_changes,
    evolve,
    flow_stream,
)
from domain.mapping import MappingChanged, QuickBooksRef
from domain.posting_rules.changes import ORDER_KINDS

REPLAN_SIZE = 500
# A cycle that began with the former values would record what follows from them.
_READ_BY_CYCLES = {"zone", "since", "marketplaces", "policies"}


class Decided(msgspec.Struct, frozen=True):
    """What a command recorded, and the log's position behind it. `event` is None where all was so already."""

    event: Event | None
    position: int


class FlowSetup:
    """The commands on flows' settings."""

    def __init__(
        self,
        store: EventStore,
        bookkeeping: Bookkeeping,
        views: Views,
        leases: Leases,
        timetable: Timetable,
        quickbooks: OpenCompany,
        clock: Clock,
    ) -> None:
        self._store = store
        self._bookkeeping = bookkeeping
        self._views = views
        self._leases = leases
        self._timetable = timetable
        self._quickbooks = quickbooks
        self._clock = clock

    def configure(self, flow: str, wanted: FlowSettings, by: str, why: str = "") -> Decided:
        """Change settings. Sources and currencies that `wanted` does not name stay as they are.

        Raises BadInput saying what to choose, ConnectionLost where QuickBooks must be asked and is not connected,
        FlowBusy where a cycle runs that read the former settings and would work on with them.
        """
        standing = self._bookkeeping.flow(flow)
        check_changes(standing, wanted)
        if wanted.schedule is not UNSET:
            for schedule in wanted.schedule.values():
                self._timetable.next(schedule, self._clock())
        banks = self._banks(standing, wanted)
        self._views.catch_up()

        def decide(state: Flow, version: int) -> tuple[Event | None, list[Append]]:
            old, new = changes(state, wanted)
            if not new.named():
                return None, []
            self._refuse_what_is_fixed(flow, new)
            stamp = Stamp(flow, self._clock(), by)
            event = FlowConfigured(old=old, new=new, why=why, **stamp.fields())
            appends = [Append(flow_stream(flow), version, [event])]
            mapped = self._bookkeeping.mapping(flow).banks
            moved = {currency: account for currency, account in banks.items() if mapped.get(currency) != account}
            if moved:
                changed = MappingChanged(version=0, why=why or "flow configured", banks=moved, **stamp.fields())
                appends += self._bookkeeping.mapping_appends(changed, self._views.open_gaps(flow))
            return event, appends

        if not wanted.named().keys() & _READ_BY_CYCLES:
            return self._saved(flow, decide)
        with self._no_cycle(flow, by):
            decided = self._saved(flow, decide)
            if isinstance(decided.event, FlowConfigured):
                new = decided.event.new
                if new.zone is not UNSET or new.policies is not UNSET:
                    self._replan_planned(flow, by)
        return decided

    def pause(self, flow: str, by: str, why: str = "") -> Decided:
        """Stop the flow from being due."""
        return self._switch(flow, FlowPaused(why=why, flow=flow, at=self._clock(), by=by), paused=True)

    def resume(self, flow: str, by: str, why: str = "") -> Decided:
        """Let the flow be due by its schedule again."""
        return self._switch(flow, FlowResumed(why=why, flow=flow, at=self._clock(), by=by), paused=False)

    @contextmanager
    def _no_cycle(self, flow: str, by: str) -> Iterator[None]:
        """Hold the flow's lease, so that no cycle runs meanwhile."""
        lease = self._leases.claim(flow, f"{by}, who changes its settings", when_due=False)
        if lease is None:
            owner = self._leases.states()[flow].owner
            raise FlowBusy(f"flow {flow} is being run by {owner}; change this when that cycle has ended")
        try:
            with lease.kept():
                yield
        finally:
            lease.finish(lease.ran, next_due(self._timetable, self._bookkeeping.flow(flow), lease.ran), done=False)

    def _switch(self, flow: str, event: FlowPaused | FlowResumed, *, paused: bool) -> Decided:
        def decide(state: Flow, version: int) -> tuple[Event | None, list[Append]]:
            if state.paused == paused:
                return None, []
            return event, [Append(flow_stream(flow), version, [event])]

        return self._saved(flow, decide)

    def _banks(self, flow: Flow, wanted: FlowSettings) -> dict[str, QuickBooksRef]:
        if wanted.banks is UNSET or not wanted.banks:
            return {}
        with self._quickbooks(flow) as quickbooks:
            accounts = quickbooks.accounts()
        booked_to = self._bookkeeping.mapping(flow.name).accounts.values()
        return {
            currency: choose_bank(currency, name, accounts, flow.home_currency, booked_to)
            for currency, name in wanted.banks.items()
        }

    def _refuse_what_is_fixed(self, flow: str, new: FlowSettings) -> None:
        if new.zone is not UNSET:
            for status in ("submitted", "posted"):
                if self._views.query("postings", flow, status=status, limit=1):
                    raise BadInput(
                        f"the books zone of flow {flow} is fixed: something is posted, and its dates were computed in "
                        "it. Another zone needs another flow"
                    )
        if new.since is not UNSET:
            counts = self._views.query("counts", flow)[0]
            if counts["orders"] or counts["settlements"]:
                raise BadInput(
                    f"since of flow {flow} is fixed: {counts['orders']} orders and {counts['settlements']} settlements "
                    "are read already, and what is booked of them was decided by it. Another first day needs another "
                    "flow"
                )

    def _replan_planned(self, flow: str, by: str) -> None:
        """Documents that are planned bear the former zone's dates and follow the former policies; none is sent.

        A settlement of which something is sent keeps its policies.
        """
        self._views.catch_up()
        state = self._bookkeeping.flow(flow)
        planned = self._views.query("postings", flow, status="planned")
        orders = [row["order_id"] for row in planned if row["kind"] in ORDER_KINDS]
        for begin in range(0, len(orders), REPLAN_SIZE):
            self._bookkeeping.replan_invoices(state, orders[begin : begin + REPLAN_SIZE], by)
        for settlement_id in dict.fromkeys(row["settlement_id"] for row in planned if row["settlement_id"]):
            self._bookkeeping.replan_settlement(state, settlement_id, by)
        self._views.catch_up()

    def _saved(self, flow: str, decide: Callable[[Flow, int], tuple[Event | None, list[Append]]]) -> Decided:
        """Append what is decided; on a conflict decide again on what is there now."""
        for attempt in range(1, ATTEMPTS + 1):
            events: Sequence[Event] = self._store.load([flow_stream(flow)]).get(flow_stream(flow), [])
            if not events:
                raise UnknownFlow(f"there is no flow named {flow!r}; see: ml-connector flow list")
            state = Flow()
            for event in events:
                state = evolve(state, event)
            recorded, appends = decide(state, len(events))
            try:
                return Decided(recorded, self._store.append(appends))
            except Conflict:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")
