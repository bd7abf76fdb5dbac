"""The books as a journal in CSV: one row per ledger line, debit and credit apart."""

import csv
import io
from collections.abc import Iterator

from application.books import Books
from domain.money import format_minor

COLUMNS = (
    "date", "type", "document", "quickbooks_id", "account", "account_type", "debit", "credit", "currency",
    "settlement_id", "order_id",
)  # fmt: skip


def render(books: Books) -> Iterator[str]:
    """The file, line by line without line ends."""
    yield _row(COLUMNS)
    for entry in books.entries:
        for line in entry.lines:
            amount = format_minor(abs(line.amount), entry.currency)
            yield _row(
                (
                    entry.day.isoformat(),
                    entry.kind,
                    entry.key,
                    entry.quickbooks_id,
                    line.account,
                    line.account_type,
                    amount if line.amount > 0 else "",
                    amount if line.amount < 0 else "",
                    entry.currency,
                    entry.settlement_id,
                    entry.order_id,
                )
            )


def _row(cells: tuple[str, ...]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()
