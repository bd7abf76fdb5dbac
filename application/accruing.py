"""The accrual of what Amazon deferred over a month's end, once that month is over and read (accounting.md R26)."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from application.bookkeeping import Bookkeeping
from application.deferred import deferred_at
from application.finances import TRANSACTIONS
from application.ports import Views
from application.recording import Tally
from domain.flow import Flow
from domain.posting_rules.accruals import Deferred
from domain.posting_rules.deferred_words import in_settlement_words

ACCRUED_WITHIN = timedelta(days=35)  # a month that ended longer ago is in closed books


def accrue_last_month(flow: Flow, bookkeeping: Bookkeeping, views: Views, now: datetime, by: str) -> Tally:
    """Plan the accrual of the month before this one, in each currency, where Amazon's Finances are read beyond it.

    A journal that was sent stays as it is: what was deferred at a month's end does not change afterwards. What cannot
    be believed of a transaction is held with it.
    """
    tally = Tally()
    first = flow.day(now).replace(day=1)
    ended = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(flow.zone))
    mark = views.watermark(flow.name, TRANSACTIONS)
    if not flow.policies.deferred_accrual or mark is None or datetime.fromisoformat(mark[0]) < ended:
        return tally
    if now - ended > ACCRUED_WITHIN or (flow.since is not None and flow.since >= first):
        return tally
    month: date = first - timedelta(days=1)
    by_currency: dict[str, list[Deferred]] = {}
    for one in deferred_at(views, flow.name, ended):
        leaves = () if one.problem else one.leaves
        found = in_settlement_words(one.transaction_id, one.kind, one.order_id, leaves)
        by_currency.setdefault(one.currency, []).extend(found)
    for currency, deferred in by_currency.items():
        tally += bookkeeping.accrue_deferred(flow, month, currency, deferred, by)
    return tally
