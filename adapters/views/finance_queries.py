"""The reports of Amazon's Finances; see queries.py for how they are asked.

transactions     transaction_id kind status posted currency total account_type marketplace_id order_id settlement_id
                 group_id description deferral matures level leaves (list of path, amount, item, sku) problem (why it
                 is held, empty if it is not) unknown (list) deferred_id release_id released release_total counted (0
                 where another transaction tells the same money: that of its release) seen | newest first
finance_facts    kind key sort data (dict): groups, payouts, summaries, balances, sources, matches
settlement_sums  settlement_id currency total start end marketplace status lines_sum lines kept freed kept_line
                 freed_line: what a settlement's own lines make, and its reserve lines
told_accounts    kind (settlement, group) key account_type
"""

from typing import Any

_COUNTED = (
    "CASE WHEN released IS NOT NULL AND EXISTS (SELECT 1 FROM transactions r WHERE r.flow = t.flow "
    "AND r.transaction_id = t.release_id AND r.kind <> '') THEN 0 ELSE 1 END AS counted"
)

REPORTS: dict[str, dict[str, Any]] = {
    "transactions": {
        "columns": (
            *("transaction_id", "kind", "status", "posted", "currency", "total", "account_type", "marketplace_id"),
            *("order_id", "settlement_id", "group_id", "description", "deferral", "matures", "level", "leaves"),
            *("problem", "unknown", "deferred_id", "release_id", "released", "release_total", _COUNTED, "seen"),
        ),
        "source": "(SELECT * FROM transactions WHERE kind <> '') t",
        "filters": {
            "transaction_id": "transaction_id = ?",
            "kind": "kind = ?",
            "status": "status = ?",
            "order_id": "order_id = ? AND order_id <> ''",
            "settlement_id": "settlement_id = ? AND settlement_id <> ''",
            "group_id": "group_id = ?",
            "held": "held = 1 AND ? <> ''",
            "unknown": "strange = 1 AND ? <> ''",
            "since": "posted >= ?",
            "until": "posted <= ?",
            "unreleased_at": "(status IN ('DEFERRED', 'DEFERRED_RELEASED') OR released IS NOT NULL) "
            "AND COALESCE(released, '9999') > ?",
        },
        "keys": ("posted", "transaction_id"),
        "descending": True,
        "json": ("leaves", "unknown"),
    },
    "finance_facts": {
        "columns": ("kind", "key", "sort", "data"),
        "source": "finance_facts",
        "filters": {"kind": "kind = ?", "key": "key = ?"},
        "keys": ("kind", "sort", "key"),
        "json": ("data",),
    },
    "settlement_sums": {
        "columns": (
            *("settlement_id", "currency", "total", 'period_start AS "start"', 'period_end AS "end"', "marketplace"),
            *("status", "lines_sum", "lines", "kept", "freed", "kept_line", "freed_line"),
        ),
        "source": (
            "(SELECT s.flow AS flow, s.settlement_id AS settlement_id, currency, total, period_start, period_end, "
            "marketplace, status, COALESCE(lines_sum, 0) AS lines_sum, COALESCE(u.lines, 0) AS lines, "
            "COALESCE(kept, 0) AS kept, COALESCE(freed, 0) AS freed, COALESCE(kept_line, 0) AS kept_line, "
            "COALESCE(freed_line, 0) AS freed_line FROM settlements s LEFT JOIN settlement_sums u "
            "ON u.flow = s.flow AND u.settlement_id = s.settlement_id) c"
        ),
        "filters": {"settlement_id": "settlement_id = ?"},
        "keys": ("COALESCE(period_end, '')", "settlement_id"),
        "descending": True,
    },
    "told_accounts": {
        "columns": ("kind", "key", "account_type"),
        "source": "told_accounts",
        "filters": {"kind": "kind = ?", "key": "key = ?"},
        "keys": ("kind", "key", "account_type"),
    },
}
