"""Keeping to closed periods: learn until when the books are closed, and look again at what is planned in there."""

from application.bookkeeping import Bookkeeping
from application.ports import Clock, QuickBooks, Views
from application.recording import Tally
from domain.flow import BooksClosed, Flow
from domain.period import closed_until

AT_ONCE = 500


def learn_close_date(flow: Flow, quickbooks: QuickBooks, bookkeeping: Bookkeeping, clock: Clock, by: str) -> Flow:
    """The flow with QuickBooks' closing date of today; a change is recorded. Two metered reads.

    Raises what reading the company raises.
    """
    until = quickbooks.company().closed_until
    if until == flow.book_close_date:
        return flow
    bookkeeping.record_on_flow(BooksClosed(until=until, flow=flow.name, at=clock(), by=by))
    return bookkeeping.flow(flow.name)


def replan_closed(flow: Flow, bookkeeping: Bookkeeping, views: Views, by: str) -> Tally:
    """Decide again what is planned, not sent, and dated in a period that is closed now: held, or on an open day."""
    tally = Tally()
    last = closed_until(flow)
    if last is None:
        return tally
    rows = views.query("postings", flow.name, status="planned", to_day=last.isoformat())
    orders = list(dict.fromkeys(row["order_id"] for row in rows if row["order_id"] and not row["settlement_id"]))
    for begin in range(0, len(orders), AT_ONCE):
        tally += bookkeeping.replan_invoices(flow, orders[begin : begin + AT_ONCE], by)
    for settlement_id in dict.fromkeys(row["settlement_id"] for row in rows if row["settlement_id"]):
        tally += bookkeeping.replan_settlement(flow, settlement_id, by)
    if rows:
        views.catch_up()
    return tally
