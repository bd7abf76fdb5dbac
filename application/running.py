"""Who runs which flow when: the one way into a cycle, for the command line, workers and the timer alike.

A cycle runs under its flow's lease. What it writes asks for the lease's fence, so two processes that both believe to
hold a flow cannot both write.
"""

import contextlib
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from datetime import datetime

from application.bookkeeping import Bookkeeping
from application.ports import Lease, Leases, Timetable, Views
from application.schedules import due, next_due
from application.sync import Cycle, CycleReport
from domain.errors import FlowBusy, LeaseLost
from domain.flow import Flow, Source

# A cycle of some sources of a flow, under a lease; what it opened is closed with the block.
OpenCycle = Callable[[Flow, Lease, Collection[Source]], AbstractContextManager[Cycle]]

SAME_SECONDS = 0.001


def run_cycle(
    name: str,
    owner: str,
    leases: Leases,
    bookkeeping: Bookkeeping,
    timetable: Timetable,
    open_cycle: OpenCycle,
    *,
    when_due: bool = False,
) -> CycleReport | None:
    """Run one cycle of a flow. `when_due`: only if it is, only what is due of it, and None where it is not or is held.

    Raises FlowBusy naming who runs it, LeaseLost where another took over, ConnectionLost where no vendor is connected.
    """
    flow = bookkeeping.flow(name)
    if when_due and not flow.runs:
        return None
    lease = leases.claim(name, owner, when_due=when_due)
    if lease is None:
        if when_due:
            return None
        state = leases.states()[name]
        raise FlowBusy(f"flow {name} is being run by {state.owner}; try again when that cycle has ended")
    everything = not when_due or lease.asked
    sources = flow.sources if everything else _due_sources(timetable, flow, lease)
    report: CycleReport | None = None
    ended = False
    try:
        with lease.kept():
            if sources:
                with open_cycle(flow, lease, sources) as cycle:
                    report = cycle.run()
                ended = not report.stopped
    except LeaseLost:
        raise
    except Exception:
        ended = True  # tried; again by the schedule, not at once
        _give_back(lease, bookkeeping, timetable, name, sources, ended)
        raise
    except BaseException:
        with contextlib.suppress(LeaseLost):
            _give_back(lease, bookkeeping, timetable, name, sources, ended)
        raise
    _give_back(lease, bookkeeping, timetable, name, sources, ended)
    return report


def due_flows(leases: Leases, bookkeeping: Bookkeeping, views: Views, timetable: Timetable) -> list[str]:
    """Flows that are due and free, those that wait longest first; notes for each when it is next due."""
    views.catch_up()
    flows = bookkeeping.many_flows(views.flows())
    states = leases.states()
    now = leases.now()
    found: list[tuple[datetime, str]] = []
    for name, flow in flows.items():
        if not flow.runs:
            continue
        state = states.get(name)
        at = next_due(timetable, flow, state.ran if state is not None else {})
        if state is None or abs((state.due_at - at).total_seconds()) > SAME_SECONDS:
            leases.schedule(name, state.fence if state is not None else 0, at)
        if at <= now or (state is not None and state.asked):
            if state is None or not state.held:
                found.append((at, name))
    return [name for _, name in sorted(found)]


def _due_sources(timetable: Timetable, flow: Flow, lease: Lease) -> tuple[Source, ...]:
    return tuple(
        source for source in flow.sources if due(timetable, flow, source, lease.ran.get(source)) <= lease.claimed_at
    )


def _give_back(
    lease: Lease, bookkeeping: Bookkeeping, timetable: Timetable, name: str, sources: Collection[Source], ended: bool
) -> None:
    """What did not get to its end stays due. The schedule may have been changed meanwhile."""
    ran = dict(lease.ran)
    if ended:
        ran |= dict.fromkeys(sources, lease.claimed_at)
    lease.finish(ran, next_due(timetable, bookkeeping.flow(name), ran), done=ended)
