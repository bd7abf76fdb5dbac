"""The worked examples of accounting.md as documents: each line of their text is one document."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec
from companies import Kept

from domain.document import (
    AppliedInvoice,
    CreditMemo,
    Deposit,
    DepositLine,
    Document,
    Invoice,
    InvoiceLine,
    JournalEntry,
    JournalLine,
    Payment,
    Purchase,
)
from domain.money import to_minor

Entries = tuple[tuple[str, int], ...]
_HEAD = re.compile(r"\*\*(E\w+) ")
_LINE = re.compile(r"- (\d\d)-(\d\d) (\w+): Dr (.*) / Cr (.*)")
_CURRENCY = "USD"


class Example(msgspec.Struct, frozen=True):
    """Its documents as (day, type, debits and credits by account key), and the balances at its end."""

    name: str
    documents: tuple[tuple[date, str, Entries], ...]
    end: dict[str, int]


def examples_in(text: str) -> list[Example]:
    """All examples of the text. Foreign ones are told in home amounts (E30), which is another form: left out."""
    found = []
    for part in re.split(r"(?m)^(?=\*\*E)", text):
        head = _HEAD.match(part)
        if head is None or "home currency" in part.splitlines()[0]:
            continue
        documents = tuple(
            (date(2026, int(month), int(day)), kind, (*_amounts(debits, 1), *_amounts(credits, -1)))
            for month, day, kind, debits, credits in _LINE.findall(part)
        )
        end = re.search(r"- end: ?(.*)", part)
        found.append(Example(head.group(1), documents, dict(_amounts(end.group(1), 1)) if end else {}))
    return found


def _amounts(text: str, sign: int) -> Iterable[tuple[str, int]]:
    for each in text.split(", "):
        if each.strip():
            key, amount = each.split()
            yield key, sign * to_minor(amount, _CURRENCY)


def keep(example: Example) -> Kept:
    """A company of the stand-in with these documents, sent in the order in which they need each other."""
    kept = Kept()
    invoices: list[tuple[Invoice, int]] = []
    order = ["Invoice", "CreditMemo", "Payment", "Purchase", "JournalEntry", "Deposit"]
    for number, (day, kind, entries) in enumerate(sorted(example.documents, key=lambda each: order.index(each[1]))):
        document = _document(f"{example.name}-{number}", kind, entries, {"day": day, "currency": _CURRENCY}, invoices)
        kept.send(document)
        if isinstance(document, Invoice):
            invoices.append((document, document.total))
    return kept


def _document(
    name: str, kind: str, entries: Entries, about: dict[str, Any], invoices: list[tuple[Invoice, int]]
) -> Document:
    amounts = dict(entries)
    keyed = [(f"{key}:{_CURRENCY}" if key in ("CLR", "RSV", "BANK") else key, amount) for key, amount in entries]
    match kind:
        case "Invoice" | "CreditMemo":
            sign = -1 if kind == "Invoice" else 1
            tax = sign * amounts.get("STX", 0)
            lines = tuple(InvoiceLine(key, sign * amount) for key, amount in entries if key not in ("AR", "STX"))
            total = sum(line.amount for line in lines) + tax
            make = Invoice if kind == "Invoice" else CreditMemo
            return make(
                name, name, _CURRENCY, lines=lines, total=total, tax=tax, tax_account="STX" if tax else "", **about
            )
        case "Payment":
            left = amounts["CLR"]
            applied = []
            for place, (invoice, owed) in enumerate(invoices):
                part = min(left, owed)
                if part:
                    applied.append(AppliedInvoice(f"invoice/{invoice.number}", invoice.order_id, part))
                    invoices[place], left = (invoice, owed - part), left - part
            clearing = f"CLR:{_CURRENCY}"
            return Payment(
                name, name, _CURRENCY, clearing=clearing, applied=tuple(applied), total=amounts["CLR"], **about
            )
        case "Deposit":
            direct = tuple(DepositLine(key, -amount, "") for key, amount in keyed if key[:4] not in ("CLR:", "BANK"))
            cleared = -amounts.get("CLR", 0)
            deposit = {"bank": _CURRENCY, "clearing": f"CLR:{_CURRENCY}", "cleared": cleared, "lines": direct}
            return Deposit(name, total=amounts["BANK"], **deposit, **about)
        case "Purchase":
            spent = tuple(JournalLine(key, amount) for key, amount in keyed if amount > 0)
            return Purchase(name, name, paid_from="CC", lines=spent, total=sum(line.amount for line in spent), **about)
        case _:
            rows = tuple(JournalLine(key, amount) for key, amount in keyed)
            return JournalEntry(name, lines=rows, total=sum(amount for _, amount in keyed if amount > 0), **about)
