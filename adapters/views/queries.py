"""The reports people ask for by name, each with its filters and columns; `views.query` is how they are reached.

Amounts are minor units of the row's `currency`, times ISO 8601 UTC text, days ISO dates. A filter that is None does
not filter; every report but counts and clearing takes `limit`. The columns, in order:

settlements  settlement_id currency start end deposit_date day total lines marketplace status deposit_total difference
             quickbooks_id payments_posted deposit_cleared received_at reasons (list of texts) bank_status
             (bank_matched, reconciled, transfer_failed or empty) bank_day bank_reference bank_amount bank_currency
             bank_fee bank_difference (the bank's less QuickBooks' deposit) bank_line bank_returned state (see
             domain.reconciliation) | newest first.
             status: disputed received before_start held planned posting posted (before_start: paid before the flow's
             first day); difference: deposited less stated, None until posted
orders       order_id status (Amazon's) marketplace currency total created updated shipped item_count invoice_key
             invoice_status invoice_total settled settlements (amounts by settlement id) recognised_by silent (why no
             invoice comes of it: not_amazon, free, historical) reconciliation | newest first.
             reconciliation: seen ready held planned invoiced part_settled settled cancelled no_post recognised
postings     kind key stream generation status amount currency day quickbooks_id sync_token order_id settlement_id
             batch item answer planned_at posted_at position held_since needs (list of kind/key) | last changed first.
             status: held planned submitted posted rejected withdrawn
held         kind key number code text amount currency waits_for since order_id settlement_id status | oldest first.
             status is the posting's: held or rejected waits; submitted or posted stands and needs a person's attention
gaps         missing_key first_object amount currency status (open, found) since | oldest first
audit        position at by name stream version order_id settlement_id posting (kind/key) summary cause
             | in the order of the log; with `limit` the last so many
story        position at by name order_id settlement_id posting summary | the audit trail of one thing, oldest first
cycles       cycle started finished status (running, finished, failed, stopped) error counts (dict) | newest first
clearing     currency payments cleared balance explained | one row a currency; explained is a list of settlement_id
             order_id payments cleared amount status since marketplace reason, one for every settlement (or order that
             no settlement has yet) that does not come to 0: they sum to the balance. reason: see domain.reconciliation
order_states as orders, with refunded (given back by settlements) and state on the day `today`, a filter it needs
ledger       day kind key number account currency amount (debit positive) settlement_id order_id quickbooks_id answer
             | what posted documents have on accounts, in order of day
trial_balance account currency debit credit balance entries | up to the day `at`; sums to 0 by currency
receivable   owner order_id (empty: none is known) currency amount since due terms (standard, invoiced) | open ones,
             the oldest first; since is the day of shipment, else of the document
reserve      currency balance last_held last_released movements (settlement_id day amount) | one row a currency
triples      settlement_id currency marketplace end transaction_type amount_type amount_description lines amount units
             | Amazon's lines summed, by the settlement's end
shipped      reconciliation currency orders amount | what shipped between two instants, `since` and `before`
counts       orders settlements; posted invoices payments deposits journals credit_memos refund_receipts
             sales_receipts purchases; planned (postings planned or submitted) held (postings held or rejected)
             attention (reasons on what stands already) gaps (open) | one row
flows        flow region realm orders zone since banks (dict) amazon quickbooks (new, connected, lost) company created
             schedule (dict by source) paused (since when, empty if it is not)
held_groups  code waits_for (a missing mapping key, else empty) currency documents amount since text | by what is
             missing or wrong, the most first; documents are counted once a reason, since and text are the least
watermarks   source cursor (empty: to be read from the start again) seen (list)
batches      batch request_id status (sent, answered) items at | oldest first
and those of Amazon's Finances: finance_queries.py
bank_*       lines, statements, accounts and returned transfers: see bank_queries.py
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from adapters.views import finance_queries, ledger_reports, states
from adapters.views.bank_queries import BANK_REPORTS, BANK_WORDS
from adapters.views.report import Cursor, Report, Row
from adapters.views.rows import as_text
from domain import reconciliation
from domain.errors import BadInput
from domain.posting import EVERY_KIND

_REPORTS = {
    "settlements": Report(
        columns=(
            *("settlement_id", "currency", 'period_start AS "start"', 'period_end AS "end"', "deposit_date", "day"),
            *("total", "lines", "marketplace", "status", "deposit_total", "difference", "quickbooks_id"),
            *("payments_posted", "deposit_cleared", "received_at", "dispute AS reasons"),
            *(
                "bank_status",
                "bank_day",
                "bank_reference",
                "bank_amount",
                "bank_currency",
                "bank_fee",
                "bank_difference",
            ),
            *("bank_line", "bank_returned"),
            f"({states.SETTLEMENT_STATE}) AS state",
        ),
        source="settlements",
        filters={
            "status": "status = ?",
            "state": f"({states.SETTLEMENT_STATE}) = ?",
            "settlement_id": "settlement_id = ?",
            "currency": "currency = ?",
            "from_day": "day >= ?",
            "to_day": "day <= ?",
            "bank_status": "bank_status = ?",
            "open": "(difference IS NULL OR difference <> 0) AND ? <> ''",
        },
        keys=("COALESCE(period_end, received_at)", "settlement_id"),
        descending=True,
    ),
    "orders": Report(
        columns=(
            *("order_id", "status", "marketplace", "currency", "total", "created", "updated", "shipped", "item_count"),
            *("invoice_key", "invoice_status", "invoice_total", "settled", "settlements", "recognised_by", "silent"),
            "reconciliation",
        ),
        source="orders",
        filters={
            "status": "status = ?",
            "reconciliation": "reconciliation = ?",
            "order_id": "order_id = ?",
            "since": "created >= ?",
            "until": "created <= ?",
        },
        keys=("created", "order_id"),
        descending=True,
        json=("settlements",),
    ),
    "postings": Report(
        columns=(
            *("kind", "key", "stream", "generation", "status", "amount", "currency", "day", "quickbooks_id"),
            *("sync_token", "order_id", "settlement_id", "batch", "item", "answer", "planned_at", "posted_at"),
            *("position", "held_since"),
        ),
        source="postings",
        filters={
            "kind": "kind = ?",
            "key": "key = ?",
            "status": "status = ?",
            "order_id": "order_id = ? AND order_id <> ''",
            "settlement_id": "settlement_id = ? AND settlement_id <> ''",
            "quickbooks_id": "quickbooks_id = ? AND quickbooks_id <> ''",
            "to_day": "day <= ?",
        },
        keys=("position",),
        descending=True,
    ),
    "held": Report(
        columns=(
            *("h.kind AS kind", "h.key AS key", "h.number AS number", "h.code AS code", "h.text AS text"),
            *("h.amount AS amount", "h.currency AS currency", "h.waits_for AS waits_for", "h.since AS since"),
            *("h.order_id AS order_id", "h.settlement_id AS settlement_id", "p.status AS status"),
        ),
        source="postings p JOIN held h ON h.flow = p.flow AND h.kind = p.kind AND h.key = p.key",
        filters={
            "kind": "h.kind = ?",
            "key": "h.key = ?",
            "code": "h.code = ?",
            "waits_for": "h.waits_for = ?",
            "order_id": "h.order_id = ?",
            "settlement_id": "h.settlement_id = ?",
        },
        keys=("h.since", "h.kind", "h.key", "h.number"),
    ),
    "gaps": Report(
        columns=("missing_key", "first_object", "amount", "currency", "status", "since"),
        source="gaps",
        filters={"status": "status = ?", "missing_key": "missing_key = ?"},
        keys=("position", "missing_key"),
    ),
    "audit": Report(
        columns=(
            *("position", "at", "by_whom AS by", "name", "stream", "version", "order_id", "settlement_id", "posting"),
            *("summary", "cause"),
        ),
        source="audit_trail",
        filters={
            "order_id": "order_id = ? AND order_id <> ''",
            "settlement_id": "settlement_id = ? AND settlement_id <> ''",
            "posting": "posting = ? AND posting <> ''",
            "by": "by_whom = ?",
            "name": "name = ?",
            "since": "at >= ?",
            "until": "at <= ?",
        },
        keys=("position",),
        descending=True,
        last=True,
    ),
    "story": Report(
        columns=("position", "at", "by_whom AS by", "name", "order_id", "settlement_id", "posting", "summary"),
        source="audit_trail",
        filters={
            "order_id": "order_id = ? AND order_id <> ''",
            "settlement_id": "settlement_id = ? AND settlement_id <> ''",
            "without": "name <> ?",
            "unlike": "name NOT LIKE ?",
        },
        keys=("position",),
    ),
    "cycles": Report(
        columns=("cycle", "started", "finished", "status", "error", "counts"),
        source="cycles",
        filters={"cycle": "cycle = ?", "status": "status = ?"},
        keys=("started", "cycle"),
        descending=True,
        json=("counts",),
    ),
    "flows": Report(
        columns=(
            *("flow", "region", "realm", "orders", "zone", "since", "banks", "amazon", "quickbooks", "company"),
            *("created", "schedule", "paused"),
        ),
        source="flows",
        filters={},
        keys=("flow",),
        json=("banks", "schedule"),
    ),
    "watermarks": Report(
        columns=("source", "cursor", "seen"),
        source="watermarks",
        filters={"source": "source = ?"},
        keys=("source",),
        json=("seen",),
    ),
    "batches": Report(
        columns=("batch", "request_id", "status", "items", "at"),
        source="batches",
        filters={"batch": "batch = ?", "status": "status = ?"},
        keys=("position",),
    ),
    **{name: Report(**each) for name, each in finance_queries.REPORTS.items()},
    **BANK_REPORTS,
    "ledger": ledger_reports.ENTRIES,
}

NAMES = (*_REPORTS, "clearing", "counts", "held_groups", "order_states", *ledger_reports.FILTERS)

_MAPPING_KEYS = ("rule:", "account:", "item:", "customer:", "bank:")


class Page(msgspec.Struct, frozen=True):
    """Some rows of a report, and the keys behind which the next page begins (None: there are no more)."""

    rows: list[Row]
    next: tuple[Any, ...] | None


# Filters whose words are known: another one would read as "there is none".
_WORDS = {
    ("settlements", "status"): ("disputed", "received", "before_start", "held", "planned", "posting", "posted"),
    ("orders", "reconciliation"): (
        *("seen", "ready", "held", "planned", "invoiced", "part_settled", "settled", "cancelled", "no_post"),
        "recognised",
    ),
    ("postings", "kind"): EVERY_KIND,
    ("postings", "status"): (
        *("held", "planned", "submitted", "posted", "rejected", "withdrawn", "voided", "deleted"),
    ),
    ("held", "kind"): EVERY_KIND,
    ("settlements", "state"): tuple(reconciliation.SETTLEMENT_STATES),
    ("order_states", "state"): tuple(reconciliation.ORDER_STATES),
    ("gaps", "status"): ("open", "found"),
    ("cycles", "status"): ("running", "finished", "failed", "stopped"),
    ("batches", "status"): ("sent", "answered"),
    **BANK_WORDS,
}


def answer(cursor: Cursor, name: str, flow: str, filters: Mapping[str, Any]) -> list[Row]:
    """The rows of a report. Raises BadInput, naming what there is, for a report or filter that is not known."""
    match name:
        case "clearing":
            _check(name, filters, ("currency",))
            return ledger_reports.clearing(cursor, flow, filters.get("currency"))
        case "counts":
            _check(name, filters, ())
            return [_counts(cursor, flow)]
        case _ if name in ledger_reports.FILTERS:
            _check(name, filters, ledger_reports.FILTERS[name])
            return ledger_reports.answer(cursor, name, flow, filters)
        case "held_groups":
            _check(name, filters, ())
            return _held_groups(cursor, flow)
    report = _report(name, filters)
    _check(name, filters, (*report.filters, "limit"))
    rows = _select(cursor, report, flow, filters)
    _complete(cursor, name, flow, rows)
    return rows[::-1] if report.last else rows


def page(
    cursor: Cursor, name: str, flow: str, filters: Mapping[str, Any], limit: int, after: Sequence[Any] | None
) -> Page:
    """At most `limit` rows of a report from behind the keys `after`. Raises BadInput."""
    report = _report(name, filters)
    _check(name, filters, tuple(report.filters))
    if after is not None and len(after) != len(report.keys):
        raise BadInput("the cursor is not of this list; begin again without it")
    rows = _select(cursor, report, flow, {**filters, "limit": limit + 1}, after, keys=True)
    last: tuple[Any, ...] | None = None
    if len(rows) > limit:
        del rows[limit:]
        last = tuple(rows[-1][f"_key{number}"] for number in range(len(report.keys)))
    for row in rows:
        for number in range(len(report.keys)):
            del row[f"_key{number}"]
    _complete(cursor, name, flow, rows)
    return Page(rows, last)


def _report(name: str, filters: Mapping[str, Any]) -> Report:
    if name == "order_states":
        _check_day("today", filters.get("today", ""))
        today = date.fromisoformat(str(filters["today"]))
        return states.order_states(_REPORTS["orders"], today, filters.get("state"))
    report = _REPORTS.get(name)
    if report is None:
        raise BadInput(f"there is no report {name!r}; expected one of {', '.join(sorted(NAMES))}")
    return report


def _complete(cursor: Cursor, name: str, flow: str, rows: list[Row]) -> None:
    match name:
        case "settlements":
            _add_reasons(cursor, flow, rows)
        case "postings":
            _add_needs(cursor, flow, rows)
        case "order_states":
            for row in rows:
                row["refunded"] = int(row["refunded"])  # PostgreSQL sums to another type


def _check(name: str, filters: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    unknown = sorted(filters.keys() - set(allowed))
    if unknown:
        names = ", ".join(allowed) or "none"
        raise BadInput(f"report {name} has no filter {', '.join(map(repr, unknown))}; its filters are: {names}")
    for filter_name, value in filters.items():
        words = _WORDS.get((name, filter_name))
        if value is not None and words is not None and value not in words:
            raise BadInput(f"{filter_name} {value!r}: expected one of {', '.join(words)}")
        if value is not None and filter_name in ("from_day", "to_day"):
            _check_day(filter_name, value)


def _check_day(name: str, value: object) -> None:
    try:
        date.fromisoformat(str(value))
    except ValueError:
        raise BadInput(f"{name} {value!r}: expected a day like 2026-11-24") from None


def _select(
    cursor: Cursor,
    report: Report,
    flow: str,
    filters: Mapping[str, Any],
    after: Sequence[Any] | None = None,
    keys: bool = False,
) -> list[Row]:
    is_table = not report.source.startswith("(")
    prefix = "".join(f"{alias}." for alias in report.source.split()[1:2]) if is_table else ""
    conditions: list[str] = [f"{prefix}flow = ?"]
    params: list[Any] = [flow]
    for name, condition in report.filters.items():
        if (value := filters.get(name)) is not None:
            conditions.append(condition)
            params.append(_instant(name, value) if name in ("since", "until") else str(value))
    if after is not None:
        places = ", ".join("?" * len(report.keys))
        conditions.append(f"({', '.join(report.keys)}) {'<' if report.descending else '>'} ({places})")
        params += after
    names, columns = report.names, list(report.columns)
    if keys:
        names += [f"_key{number}" for number in range(len(report.keys))]
        columns += report.keys
    sql = f"SELECT {', '.join(columns)} FROM {report.source} WHERE {' AND '.join(conditions)} ORDER BY {report.order}"
    if (limit := filters.get("limit")) is not None:
        sql += f" LIMIT {_limit(limit)}"
    cursor.execute(sql, params)
    rows: list[Row] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for column in report.json:
        for row in rows:
            row[column] = msgspec.json.decode(row[column])
    return rows


def _add_reasons(cursor: Cursor, flow: str, rows: list[Row]) -> None:
    """A settlement's dispute, and why its deposit or one of its payments waits."""
    texts: dict[str, list[str]] = {}
    ids = [row["settlement_id"] for row in rows]
    for begin in range(0, len(ids), 200):
        chunk = ids[begin : begin + 200]
        cursor.execute(
            "SELECT kind, key, number, settlement_id, text FROM held "
            f"WHERE flow = ? AND settlement_id IN ({', '.join('?' * len(chunk))}) AND settlement_id <> ''",
            [flow, *chunk],
        )  # sorted here: asked for an order, SQLite reads all that is held in it
        for *_, settlement_id, text in sorted(cursor.fetchall()):
            texts.setdefault(settlement_id, []).append(text)
    for row in rows:
        dispute = [row["reasons"]] if row["reasons"] else []
        row["reasons"] = dispute + texts.get(row["settlement_id"], [])


def _add_needs(cursor: Cursor, flow: str, rows: list[Row]) -> None:
    by_posting: dict[tuple[str, str], list[str]] = {}
    keys: dict[str, list[str]] = {}
    for row in rows:
        if row["kind"] != "invoice":
            keys.setdefault(row["kind"], []).append(row["key"])
    for kind, named in keys.items():
        for begin in range(0, len(named), 200):
            chunk = named[begin : begin + 200]
            cursor.execute(
                "SELECT key, needs_kind, needs_key FROM posting_dependencies WHERE flow = ? AND kind = ? "
                f"AND key IN ({', '.join('?' * len(chunk))}) ORDER BY key, needs_kind, needs_key",
                [flow, kind, *chunk],
            )
            for key, needs_kind, needs_key in cursor.fetchall():
                by_posting.setdefault((kind, key), []).append(f"{needs_kind}/{needs_key}")
    for row in rows:
        row["needs"] = by_posting.get((row["kind"], row["key"]), [])


def _held_groups(cursor: Cursor, flow: str) -> list[Row]:
    """What is held by reason; what waits for a mapping also by the key that is missing."""
    missing = " OR ".join(f"waits_for LIKE '{prefix}%'" for prefix in _MAPPING_KEYS)
    cursor.execute(
        f"SELECT code, CASE WHEN {missing} THEN waits_for ELSE '' END AS missing, currency, COUNT(*), SUM(amount), "
        "MIN(since), MIN(text) FROM held WHERE flow = ? GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3",
        [flow],
    )
    names = ("code", "waits_for", "currency", "documents", "amount", "since", "text")
    return [
        {**dict(zip(names, row, strict=True)), "documents": int(row[3]), "amount": int(row[4])}
        for row in cursor.fetchall()
    ]


_COUNTED = (
    *("invoices", "payments", "deposits", "journals"),
    *("credit_memos", "refund_receipts", "sales_receipts", "purchases"),
)


def _counts(cursor: Cursor, flow: str) -> Row:
    counts = dict.fromkeys(("orders", "settlements", *_COUNTED, "planned", "held", "attention", "gaps"), 0)
    cursor.execute("SELECT COUNT(*) FROM gaps WHERE flow = ? AND status = 'open'", [flow])
    counts["gaps"] = cursor.fetchall()[0][0]
    cursor.execute("SELECT kind, status, COUNT(*) FROM postings WHERE flow = ? GROUP BY kind, status", [flow])
    for kind, status, number in cursor.fetchall():
        match status:
            case "posted" if f"{kind}s" in counts:  # the rarer kinds are listed, not counted
                counts[f"{kind}s"] += number
            case "planned" | "submitted":
                counts["planned"] += number
            case "held" | "rejected":
                counts["held"] += number
    for name, table in (("orders", "orders"), ("settlements", "settlements")):
        cursor.execute(f"SELECT COUNT(*) FROM {table} WHERE flow = ?", [flow])
        counts[name] = cursor.fetchall()[0][0]
    # From the few reasons to their postings, not from the many postings to their reasons.
    cursor.execute(
        "SELECT COUNT(*) FROM held h WHERE h.flow = ? AND (SELECT p.status FROM postings p WHERE p.flow = h.flow "
        "AND p.kind = h.kind AND p.key = h.key) IN ('submitted', 'posted')",
        [flow],
    )
    counts["attention"] = cursor.fetchall()[0][0]
    return counts


def _limit(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadInput(f"limit {value!r}: expected a whole number from 1")
    return value


def _instant(name: str, value: object) -> str:
    """A time as the column has it; a date is its midnight UTC, a time without zone is UTC."""
    try:
        if isinstance(value, datetime):
            at = value
        elif isinstance(value, date):
            at = datetime(value.year, value.month, value.day, tzinfo=UTC)
        else:
            at = datetime.fromisoformat(str(value))
    except ValueError:
        raise BadInput(f"{name} {value!r}: expected a time like 2026-11-24T08:00:00Z") from None
    return as_text(at if at.tzinfo is not None else at.replace(tzinfo=UTC))
