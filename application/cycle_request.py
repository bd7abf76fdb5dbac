"""A person asks for a cycle now: recorded with who asked, then whoever runs flows takes it up."""

from application.bookkeeping import Bookkeeping
from application.ports import Clock, Leases, Views
from application.sync import replan_waiting
from domain.errors import BadInput
from domain.flow import CycleAsked


def ask_for_cycle(
    flow: str, bookkeeping: Bookkeeping, leases: Leases, clock: Clock, by: str, retry_refused: Views | None = None
) -> int:
    """The log's position of the request. Raises UnknownFlow, BadInput where the flow cannot run.

    With `retry_refused`, the views that know it, what QuickBooks refused is planned again, for that cycle to send.
    """
    state = bookkeeping.flow(flow)
    if not state.runs:
        why = "is paused; resume it first" if state.paused else "is not connected; run: ml-connector connect"
        raise BadInput(f"flow {flow} {why}")
    if retry_refused is not None:
        retry_refused.catch_up()
        replan_waiting(state, bookkeeping, retry_refused, by, retry_refused=True)
    position = bookkeeping.record_on_flow(CycleAsked(flow=flow, at=clock(), by=by))
    leases.ask(flow)
    return position
