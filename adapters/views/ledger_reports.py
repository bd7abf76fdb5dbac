"""What is asked of the ledger: balances by account, its entries, and what is open and why."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from adapters.views.report import Cursor, Report, Row
from domain.errors import BadInput
from domain.reconciliation import clearing_reason

ENTRIES = Report(
    columns=(
        *("l.day AS day", "l.kind AS kind", "l.key AS key", "l.number AS number", "l.account AS account"),
        *("l.currency AS currency", "l.amount AS amount", "l.settlement_id AS settlement_id"),
        *("l.order_id AS order_id", "p.quickbooks_id AS quickbooks_id", "p.answer AS answer"),
    ),
    source="ledger_entries l JOIN postings p ON p.flow = l.flow AND p.kind = l.kind AND p.key = l.key",
    filters={
        "account": "l.account = ?",
        "currency": "l.currency = ?",
        "kind": "l.kind = ?",
        "key": "l.key = ?",
        "settlement_id": "l.settlement_id = ? AND l.settlement_id <> ''",
        "order_id": "l.order_id = ? AND l.order_id <> ''",
        "from_day": "l.day >= ?",
        "to_day": "l.day <= ?",
    },
    keys=("l.day", "l.kind", "l.key", "l.number"),
)

# name -> its filters
FILTERS = {
    "trial_balance": ("at", "from_day"),
    "receivable": ("currency",),
    "reserve": ("currency",),
    "triples": ("settlement_id", "since", "before"),
    "shipped": ("since", "before"),
}


def answer(cursor: Cursor, name: str, flow: str, filters: Mapping[str, Any]) -> list[Row]:
    """The rows of a report of FILTERS."""
    match name:
        case "trial_balance":
            return _trial_balance(cursor, flow, filters.get("at"), filters.get("from_day"))
        case "receivable":
            return _receivable(cursor, flow, filters.get("currency"))
        case "reserve":
            return _reserve(cursor, flow, filters.get("currency"))
        case "triples":
            return _triples(cursor, flow, filters)
    return _shipped(cursor, flow, str(filters["since"]), str(filters["before"]))


def _trial_balance(cursor: Cursor, flow: str, at: object, from_day: object) -> list[Row]:
    for name, day in (("at", at), ("from_day", from_day)):
        _check_day(name, day)
    where, params = "", [flow]
    for condition, day in ((" AND day <= ?", at), (" AND day >= ?", from_day)):
        if day is not None:
            where, params = where + condition, [*params, str(day)]
    cursor.execute(
        "SELECT account, currency, SUM(CASE WHEN amount > 0 THEN amount ELSE 0 END), "
        "SUM(CASE WHEN amount < 0 THEN -amount ELSE 0 END), COUNT(*) FROM ledger_entries "
        f"WHERE flow = ?{where} GROUP BY account, currency ORDER BY account, currency",
        params,
    )
    return [
        {
            "account": account,
            "currency": currency,
            "debit": int(debit),
            "credit": int(credit),
            "balance": int(debit) - int(credit),
            "entries": int(entries),
        }
        for account, currency, debit, credit, entries in cursor.fetchall()
    ]


def _receivable(cursor: Cursor, flow: str, currency: object) -> list[Row]:
    more, params = (" AND r.currency = ?", [flow, str(currency)]) if currency is not None else ("", [flow])
    cursor.execute(
        "SELECT r.owner, r.currency, r.amount, COALESCE(o.shipped, r.day), r.due, o.order_id IS NOT NULL "
        "FROM receivables r LEFT JOIN orders o ON o.flow = r.flow AND o.order_id = r.owner "
        f"WHERE r.flow = ? AND r.amount <> 0{more} ORDER BY 4, 1, 2",
        params,
    )
    return [
        {
            "owner": owner,
            "order_id": owner if known else "",
            "currency": code,
            "amount": amount,
            "since": since[:10],
            "due": due or None,
            "terms": "invoiced" if due else "standard",
        }
        for owner, code, amount, since, due, known in cursor.fetchall()
    ]


def _reserve(cursor: Cursor, flow: str, currency: object) -> list[Row]:
    cursor.execute(
        "SELECT currency, settlement_id, day, amount FROM ledger_entries "
        "WHERE flow = ? AND account >= 'RSV' AND account < 'RSW' ORDER BY currency, day, settlement_id, kind, key",
        [flow],
    )
    found: dict[str, Row] = {}
    for code, settlement_id, day, amount in cursor.fetchall():
        if currency is not None and code != currency:
            continue
        row = found.setdefault(
            code, {"currency": code, "balance": 0, "last_held": None, "last_released": None, "movements": []}
        )
        row["balance"] += amount
        row["last_held" if amount > 0 else "last_released"] = day
        row["movements"].append({"settlement_id": settlement_id, "day": day, "amount": amount})
    return list(found.values())


def _triples(cursor: Cursor, flow: str, filters: Mapping[str, Any]) -> list[Row]:
    """Amazon's lines by settlement and triple, of the documents that settlements were closed with."""
    where, params = "", [flow]
    for name, condition in (
        ("settlement_id", "s.settlement_id = ?"),
        ("since", "COALESCE(s.period_end, s.received_at) >= ?"),
        ("before", "COALESCE(s.period_end, s.received_at) < ?"),
    ):
        if (value := filters.get(name)) is not None:
            where, params = f"{where} AND {condition}", [*params, str(value)]
    cursor.execute(
        "SELECT s.settlement_id, s.currency, s.marketplace, COALESCE(s.period_end, s.received_at), "
        "t.transaction_type, t.amount_type, t.amount_description, t.lines, t.amount, t.units "
        "FROM settlements s JOIN settlement_triples t ON t.flow = s.flow AND t.settlement_id = s.settlement_id "
        f"AND t.content_hash = s.content_hash WHERE s.flow = ? AND s.content_hash <> ''{where} ORDER BY 4, 1, 5, 6, 7",
        params,
    )
    names = (
        *("settlement_id", "currency", "marketplace", "end", "transaction_type", "amount_type"),
        *("amount_description", "lines", "amount", "units"),
    )
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _shipped(cursor: Cursor, flow: str, since: str, before: str) -> list[Row]:
    """Orders that shipped from `since` to before `before` (UTC), by how far they are: count and what they come to."""
    cursor.execute(
        "SELECT reconciliation, currency, COUNT(*), SUM(COALESCE(invoice_total, total, 0)) FROM orders "
        "WHERE flow = ? AND shipped >= ? AND shipped < ? GROUP BY reconciliation, currency ORDER BY 1, 2",
        [flow, since, before],
    )
    return [
        {"reconciliation": state, "currency": currency, "orders": int(count), "amount": int(amount)}
        for state, currency, count, amount in cursor.fetchall()
    ]


def clearing(cursor: Cursor, flow: str, currency: object) -> list[Row]:
    """The proof: what stands on clearing by settlement, or by order where no settlement has it yet, and why."""
    codes = _codes(cursor, flow)
    cursor.execute(
        "SELECT l.currency, l.settlement_id, CASE WHEN l.settlement_id = '' THEN l.order_id ELSE '' END, "
        "SUM(CASE WHEN l.kind = 'deposit' THEN 0 ELSE l.amount END), "
        "SUM(CASE WHEN l.kind = 'deposit' THEN -l.amount ELSE 0 END), MIN(l.day) FROM ledger_entries l "
        "WHERE l.flow = ? AND l.account >= 'CLR' AND l.account < 'CLS' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        [flow],
    )
    sums = cursor.fetchall()
    cursor.execute("SELECT settlement_id, status, total, marketplace FROM settlements WHERE flow = ?", [flow])
    settlements = {row[0]: row[1:] for row in cursor.fetchall()}
    found: dict[str, Row] = {}
    for code, settlement_id, order_id, moved, taken, since in sums:
        if currency is not None and code != currency:
            continue
        payments, cleared = int(moved), int(taken)
        row = found.setdefault(code, {"currency": code, "payments": 0, "cleared": 0, "balance": 0, "explained": []})
        row["payments"] += payments
        row["cleared"] += cleared
        row["balance"] += payments - cleared
        if payments == cleared:
            continue
        status, total, marketplace = settlements.get(settlement_id, ("", None, ""))
        part = {"settlement_id": settlement_id, "payments": payments, "cleared": cleared, "amount": payments - cleared}
        part |= {"status": status, "order_id": order_id, "since": since, "marketplace": marketplace}
        part["reason"] = clearing_reason(status, total, codes.get(settlement_id or order_id, ()))
        row["explained"].append(part)
    return list(found.values())


def _codes(cursor: Cursor, flow: str) -> dict[str, set[str]]:
    """The codes of what is held by settlement; of orders those without one."""
    cursor.execute(
        "SELECT DISTINCT CASE WHEN settlement_id <> '' THEN settlement_id ELSE order_id END, code FROM held "
        "WHERE flow = ?",
        [flow],
    )
    found: dict[str, set[str]] = {}
    for owner, code in cursor.fetchall():
        found.setdefault(owner, set()).add(code)
    return found


def _check_day(name: str, value: object) -> None:
    try:
        date.fromisoformat(str(value) if value is not None else "2026-01-01")
    except ValueError:
        raise BadInput(f"{name} {value!r}: expected a day like 2026-11-24") from None
