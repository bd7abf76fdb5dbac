"""The bank's reports; see queries.py for how they are reached. The columns, in order:

bank_lines       line account currency day amount tells (text, as far as it is kept) reference kind statement twin
                 amazon (names it) status settlements (list) match_kind how score fee why rejected (lists) | newest
                 first. status: open, twin (it may repeat line `twin`), matched, aside
bank_statements  account statement currency form file tail first_day last_day entries fresh total opening closing
                 imported_at imported_by evidence | by account, the latest first
bank_accounts    account currency tail fees (list) rates (dict) columns (dict, None where none are kept)
bank_returns     settlement_id ordinal amount: transfers that failed, as a later settlement says
"""

from adapters.views.report import Report

BANK_REPORTS = {
    "bank_lines": Report(
        columns=(
            *("line", "account", "currency", "day", "amount", "tells", "reference", "kind", "statement", "twin"),
            *("amazon", "status", "settlements", "match_kind", "how", "score", "fee", "why", "rejected"),
        ),
        source="bank_lines",
        filters={
            "line": "line = ?",
            "account": "account = ?",
            "status": "status = ?",
            "from_day": "day >= ?",
            "to_day": "day <= ?",
            "amazon": "(amazon = 1 OR settlements <> '[]') AND ? <> ''",
        },
        keys=("day", "line"),
        descending=True,
        json=("settlements", "rejected"),
    ),
    "bank_statements": Report(
        columns=(
            *("account", "statement", "currency", "form", "file", "tail", "first_day", "last_day", "entries"),
            *("fresh", "total", "opening", "closing", "imported_at", "imported_by", "evidence"),
        ),
        source="bank_statements",
        filters={"account": "account = ?", "statement": "statement = ?"},
        keys=("account", "last_day", "statement"),
        descending=True,
    ),
    "bank_accounts": Report(
        columns=("account", "currency", "tail", "fees", "rates", "COALESCE(NULLIF(columns, ''), 'null') AS columns"),
        source="bank_accounts",
        filters={"account": "account = ?"},
        keys=("account",),
        json=("fees", "rates", "columns"),
    ),
    "bank_returns": Report(
        columns=("settlement_id", "ordinal", "amount"),
        source="bank_returns",
        filters={"settlement_id": "settlement_id = ?"},
        keys=("settlement_id", "ordinal"),
    ),
}

# Filters whose words are known.
BANK_WORDS = {
    ("bank_lines", "status"): ("open", "twin", "matched", "aside"),
    ("settlements", "bank_status"): ("bank_matched", "reconciled", "transfer_failed"),
}
