"""A person asks for a cycle now: recorded with who asked, then whoever runs flows takes it up."""

from application.bookkeeping import Bookkeeping
from application.ports import Clock, Leases
from domain.errors import BadInput
from domain.flow import CycleAsked


def ask_for_cycle(flow: str, bookkeeping: Bookkeeping, leases: Leases, clock: Clock, by: str) -> int:
    """The log's position of the request. Raises UnknownFlow, BadInput where the flow cannot run."""
    state = bookkeeping.flow(flow)
    if not state.runs:
        why = "is paused; resume it first" if state.paused else "is not connected; run: ml-connector connect"
        raise BadInput(f"flow {flow} {why}")
    position = bookkeeping.record_on_flow(CycleAsked(flow=flow, at=clock(), by=by))
    leases.ask(flow)
    return position
