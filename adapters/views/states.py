"""The statuses of accounting.md 6.1 as SQL over the read models: the columns `state` of orders and settlements.

They are worked out when they are asked for: whether an order is overdue, or closed after 60 quiet days, depends on
the day it is looked at. What other tables must tell first is named where it is missing.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from adapters.views.report import Report
from domain import reconciliation as names


def _any_of(codes: Iterable[str]) -> str:
    return ", ".join(f"'{code}'" for code in codes)


def _settlement_held(codes: Iterable[str]) -> str:
    return (
        "EXISTS (SELECT 1 FROM held h WHERE h.flow = settlements.flow AND h.settlement_id = settlements.settlement_id "
        f"AND h.settlement_id <> '' AND h.code IN ({_any_of(codes)}))"
    )


# `open` needs Finances' open groups, `bank_matched`, `reconciled` and `transfer_failed` the bank's lines, `approved`
# a policy that asks for approval: whoever brings their tables puts a WHEN above the ones that hold without them.
SETTLEMENT_STATE = f"""CASE
 WHEN dispute LIKE '%came back with other lines%' THEN 'reissued'
 WHEN dispute <> '' THEN 'checksum_failed'
 WHEN status = 'posted' AND total = 0 THEN 'zero'
 WHEN status = 'posted' AND total < 0 AND EXISTS (SELECT 1 FROM postings p WHERE p.flow = settlements.flow
  AND p.settlement_id = settlements.settlement_id AND p.settlement_id <> '' AND p.kind = 'purchase'
  AND p.status = 'posted') THEN 'card_charged'
 WHEN status = 'posted' AND total < 0 THEN 'carried'
 WHEN status = 'posted' THEN 'posted'
 WHEN status = 'held' AND {_settlement_held(names.PERIOD_CODES)} THEN 'held:period'
 WHEN status = 'held' AND {_settlement_held(("currency_differs",))} THEN 'fx_pending'
 WHEN status = 'held' AND {_settlement_held(names.MAPPING_CODES)} THEN 'held:mapping'
 WHEN status = 'held' AND {_settlement_held(names.ORDER_CODES)} THEN 'held:order'
 WHEN status = 'held' AND total < 0 AND {_settlement_held(("total_not_positive",))} THEN 'carried'
 WHEN status = 'held' AND total = 0 AND {_settlement_held(("total_not_positive",))} THEN 'zero'
 WHEN status = 'held' THEN 'held:review'
 WHEN status = 'before_start' THEN 'historical'
 WHEN status = 'received' AND lines IS NOT NULL THEN 'checksum_ok'
 ELSE status END"""

_HELD = "EXISTS (SELECT 1 FROM held h WHERE h.flow = orders.flow AND h.order_id = orders.order_id AND h.order_id <> ''"
# A settlement's other document, which was not taken, does not count.
_REFUNDS = (
    "FROM refunds r JOIN settlements s ON s.flow = r.flow AND s.settlement_id = r.settlement_id "
    "AND s.content_hash = r.content_hash WHERE r.flow = orders.flow AND r.order_id = orders.order_id"
)
_REFUNDED = f"COALESCE((SELECT SUM(r.amount) {_REFUNDS}), 0)"
_LAST_WORD = (
    "COALESCE((SELECT a.at FROM audit_trail a WHERE a.flow = orders.flow AND a.order_id = orders.order_id "
    "AND a.order_id <> '' ORDER BY a.position DESC LIMIT 1), updated)"
)


def order_state(today: date) -> str:
    """The CASE of an order's state on a day."""
    quiet = (today - timedelta(days=names.QUIET_DAYS)).isoformat()
    overdue = {terms: (today - timedelta(days=days)).isoformat() for terms, days in names.OVERDUE_DAYS.items()}
    with_terms = (
        "EXISTS (SELECT 1 FROM receivables t WHERE t.flow = orders.flow AND t.owner = orders.order_id AND t.due <> '')"
    )
    is_quiet = f"{_LAST_WORD} < '{quiet}' AND NOT EXISTS (SELECT 1 {_REFUNDS} AND r.posted >= '{quiet}')"
    return f"""CASE
 WHEN recognised_by <> '' AND {is_quiet} THEN 'closed'
 WHEN recognised_by <> '' THEN 'settled'
 WHEN reconciliation = 'cancelled' AND {is_quiet} THEN 'closed'
 WHEN reconciliation = 'cancelled' THEN 'cancelled'
 WHEN invoice_status IN ('voided', 'deleted') THEN 'voided'
 WHEN reconciliation = 'no_post' THEN CASE silent WHEN 'historical' THEN 'historical'
  WHEN 'not_amazon' THEN 'no_post:mcf' ELSE 'no_post:replacement' END
 WHEN reconciliation = 'held' THEN CASE
  WHEN {_HELD} AND h.code IN ({_any_of(names.PERIOD_CODES)})) THEN 'held:period'
  WHEN {_HELD} AND h.code IN ({_any_of(names.MAPPING_CODES)})) THEN 'held:mapping' ELSE 'held:review' END
 WHEN reconciliation IN ('invoiced', 'part_settled', 'settled')
  AND {_HELD} AND h.code IN ({_any_of(names.VARIANCE_CODES)})) THEN 'variance'
 WHEN reconciliation IN ('invoiced', 'part_settled') AND COALESCE(shipped, created) <
  CASE WHEN {with_terms} THEN '{overdue["invoiced"]}' ELSE '{overdue["standard"]}' END THEN 'overdue'
 WHEN reconciliation = 'settled' AND {is_quiet} THEN 'closed'
 WHEN reconciliation = 'settled' AND {_REFUNDED} < 0 AND -{_REFUNDED} >= COALESCE(invoice_total, 0) THEN 'refunded'
 WHEN reconciliation = 'settled' AND {_REFUNDED} < 0 THEN 'part_refunded'
 WHEN reconciliation = 'planned' THEN 'ready'
 ELSE reconciliation END"""


# What an order of a state can be called in the table: with it an index answers, not a look at each order.
_FROM = {
    "seen": ("seen",),
    "ready": ("ready", "planned"),
    "held:mapping": ("held",),
    "held:period": ("held",),
    "held:review": ("held",),
    "invoiced": ("invoiced",),
    "overdue": ("invoiced", "part_settled"),
    "part_settled": ("part_settled",),
    "settled": ("settled", "recognised"),
    "part_refunded": ("settled",),
    "refunded": ("settled",),
    "closed": ("settled", "recognised", "cancelled"),
    "variance": ("invoiced", "part_settled", "settled"),
    "cancelled": ("cancelled",),
    "voided": ("ready", "seen", "no_post", "held", "planned"),
    "no_post:mcf": ("no_post",),
    "no_post:replacement": ("no_post",),
    "historical": ("no_post",),
}

_AMONG = {"part_refunded": "refunds", "refunded": "refunds", "variance": "held", "held:mapping": "held"}


def order_states(base: Report, today: date, state: str | None) -> Report:
    """The orders' report with their states on a day."""
    case = order_state(today)
    possible = f"reconciliation IN ({_any_of(_FROM[state])}) AND " if state in _FROM else ""
    if state in _AMONG:  # few of many: begin with them
        possible += f"order_id IN (SELECT x.order_id FROM {_AMONG[state]} x WHERE x.flow = orders.flow) AND "
    filters = {**base.filters, "state": f"{possible}({case}) = ?", "today": "? <> ''"}
    columns = (*base.columns, f"{_REFUNDED} AS refunded", f"({case}) AS state")
    return Report(columns, base.source, filters, base.keys, base.descending, base.json)
