"""QuickBooks companies in this process: what we would send, what the stand-in answers, and the books from the answers.

The bodies are ours, the answers and the ledger the stand-in's; only the network between them is left out, so that
thousands of companies can be kept. `random_company` keeps one for some months by policies drawn from a seed.
"""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from adapters.quickbooks.documents import batch_body
from adapters.quickbooks.journal import LedgerReader, answered_objects
from adapters.simulated.quickbooks import books as stand_in
from adapters.simulated.quickbooks.company import Company
from adapters.simulated.quickbooks.dials import Dials
from adapters.simulated.quickbooks.documents import Options
from adapters.simulated.quickbooks.settings import furnish
from adapters.simulated.quickbooks.wire import decode, encode
from application.books import Books, Standing, entries_of
from application.books_expected import expected_balances
from application.ports import References, Write
from domain.chart import default_chart
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
    RefundReceipt,
    SalesReceipt,
)
from domain.mapping import Mapping, QuickBooksRef
from domain.posting import Operation, kind_of

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
CURRENCIES = ("USD", "CAD", "GBP")
OWN = {
    "CC": "Visa",
    "AR": "Accounts Receivable (A/R)",
    "FX": "Exchange Gain or Loss",
    "UNDEP": "Undeposited Funds",
}
FEES = ("REFFEE", "FBAFEE", "ADS", "STORAGE", "SUBSCR", "LABELS", "OTHFEE")
ITEMS = ("SALES", "SHIPINC", "GIFT", "PROMO", "REFUND", "MFT", "VAT", "LIQ")


class Kept:
    """A company of the stand-in and the documents of ours that stand in it."""

    def __init__(self) -> None:
        self.company = Company("1", lambda: NOW, Dials(multi_currency=True))
        furnish(self.company)
        self.standing: dict[tuple[str, str], Standing] = {}
        self._answers: dict[tuple[str, str], dict[str, Any]] = {}
        self._ids: dict[str, str] = {}
        self._number = 0
        self.mapping = self._mapped()

    def send(self, document: Document, operation: Operation = "create") -> None:
        """One write, through our bytes and the stand-in's answer."""
        kind, key = name = (kind_of(document), _key(document))
        known = self.standing.get(name)
        identity = known.row["quickbooks_id"] if known is not None else ""
        entity, told = next(iter(self._item(document, operation, identity).items()))
        options = Options.of("void" if operation == "void" else None)
        word = {"create": "create", "delete": "delete"}.get(operation, "update")
        answer = encode(stand_in.write(self.company, entity, word, told, options))
        if operation in ("void", "delete"):
            del self.standing[name]
            return
        (answered,) = answered_objects(answer)
        self._number += 1
        digest = str(self._number)
        self._answers[digest, answered["Id"]] = answered
        self._ids[f"{kind}/{key}"] = answered["Id"]
        row = {
            "kind": kind, "key": key, "quickbooks_id": answered["Id"], "sync_token": answered["SyncToken"],
            "order_id": getattr(document, "order_id", ""), "settlement_id": getattr(document, "settlement_id", ""),
            "currency": document.currency, "day": document.day.isoformat(), "answer": digest,
        }  # fmt: skip
        self.standing[name] = Standing(row, document, self.mapping)

    def books(self, stated: dict[str, int | None] | None = None) -> Books:
        """The books from the answers, and what they must be by our documents."""
        standing = list(self.standing.values())
        entries = entries_of(standing, self._answers, "USD", LedgerReader)
        return Books("us", tuple(entries), tuple(expected_balances(standing, stated or {})), "USD")

    def ledger(self) -> dict[str, int]:
        """The stand-in's own balances by account, in home cents."""
        records = self.company.records["Account"]
        sums: Counter[str] = Counter()
        for identity in list(self.company.ledger.balances):
            name = records[identity].fields["FullyQualifiedName"]
            sums[name.split(" - ")[0] if name.startswith("Accounts Receivable") else name] += self.company.ledger.home(
                identity
            )
        return {name: amount for name, amount in sums.items() if amount}

    def _item(self, document: Document, operation: Operation, identity: str) -> dict[str, Any]:
        token = ""
        if identity:
            entity = {"journal": "JournalEntry", "credit_memo": "CreditMemo", "sales_receipt": "SalesReceipt"}.get(
                kind_of(document), kind_of(document).title().replace("_", "")
            )
            token = stand_in.read(self.company, entity, identity)["SyncToken"]
        references = References(
            self.mapping.accounts, self.mapping.items, self.mapping.customers, self.mapping.banks, self._ids,
            multicurrency=True,
        )  # fmt: skip
        body = decode(batch_body([Write("1", document, operation, identity, token)], references))
        (item,) = body["BatchItemRequest"]
        return {name: value for name, value in item.items() if name not in ("bId", "operation", "optionsData")}

    def _make(self, entity: str, **body: Any) -> str:
        made: str = stand_in.write(self.company, entity, "create", body)["Id"]
        return made

    def _account(self, name: str, account_type: str, subtype: str, currency: str = "USD") -> QuickBooksRef:
        identity = self._make(
            "Account", Name=name, AccountType=account_type, AccountSubType=subtype, CurrencyRef={"value": currency}
        )
        return QuickBooksRef(identity, name, account_type, currency)

    def _mapped(self) -> Mapping:
        accounts: dict[str, QuickBooksRef] = {}
        banks: dict[str, QuickBooksRef] = {}
        for chart in default_chart().values():
            if chart.key in OWN:
                record = self.company.account_named(OWN[chart.key])
                accounts[chart.key] = QuickBooksRef(record.id, OWN[chart.key], record.fields["AccountType"], "USD")
            elif chart.key in ("CLR", "RSV"):
                for currency in CURRENCIES:
                    accounts[f"{chart.key}:{currency}"] = self._account(
                        f"{chart.name} {currency}", chart.account_type, chart.account_subtype, currency
                    )
            elif chart.key != "BANK":
                name = chart.name.replace(":", " ")
                accounts[chart.key] = self._account(name, chart.account_type, chart.account_subtype)
        for currency in CURRENCIES:
            banks[currency] = self._account(f"Bank {currency}", "Bank", "Checking", currency)
        items = {
            key: QuickBooksRef(
                self._make("Item", Name=key, Type="Service", IncomeAccountRef={"value": accounts[key].id}),
                key,
                accounts[key].id,
            )
            for key in ITEMS
        }
        customers = {
            currency: QuickBooksRef(
                self._make("Customer", DisplayName=f"Amazon {currency}", CurrencyRef={"value": currency}), ""
            )
            for currency in CURRENCIES
        }
        return Mapping(1, (), accounts, items, customers, banks)


def _key(document: Document) -> str:
    return document.settlement_id if isinstance(document, Deposit) else document.number


class _Owner:
    """A seller with one ledger at Amazon in one currency, and policies that hold as long as it trades."""

    def __init__(self, kept: Kept, chance: random.Random, currency: str, number: int) -> None:
        self.kept, self.chance, self.currency, self.number = kept, chance, currency, number
        self.clearing, self.carried, self.reserve = f"CLR:{currency}", 0, 0
        self.orders = chance.choice(["invoice", "invoice", "sales_receipt", "none"])
        self.refunds = chance.choice(["line", "refund_receipt", "credit_memo"])
        self.taxed = chance.random() < 0.4
        self.split = chance.random() < 0.5
        self.negative = "purchase" if currency == "USD" and chance.random() < 0.6 else "carry"
        self.stated: dict[str, int | None] = {}
        self.applied: list[Document] = []

    def rate(self) -> str:
        if self.currency == "USD" or self.chance.random() < 0.2:
            return ""
        return f"{Decimal(self.chance.randint(6_000_000, 14_000_000)).scaleb(-7):f}"

    def settle(self, index: int, end: date) -> None:
        """One settlement: its orders, what is paid of them, fees, reserve, and the money."""
        chance = self.chance
        settlement = f"{self.number}{index:04}"
        rate = self.rate()
        more = {"day": end, "currency": self.currency, "rate": rate}
        cleared = self.carried
        invoices: list[tuple[Invoice, int]] = []
        direct: list[DepositLine] = []
        for order in range(chance.randint(0, 6)):
            cleared += self._order(f"{settlement}-{order:07}", end, invoices, direct, settlement, rate)
        for number, part in enumerate([invoices[:3], invoices[3:]], start=1):
            if part:
                cleared += self._pay(f"{settlement}-{number}", settlement, part, more)
        if chance.random() < 0.6:
            cleared -= self._refund(f"{settlement}-R", settlement, direct, more)
        for fee in chance.sample(FEES, chance.randint(0, 4)):
            direct.append(DepositLine(fee, -chance.randint(1, 9_000), fee.title()))
        if chance.random() < 0.25:
            direct.append(DepositLine("ADS", -chance.randint(20_000, 150_000), "Advertising"))
        reserve = chance.choice([0, 0, chance.randint(1, 5_000)])
        if reserve != self.reserve:
            direct.append(DepositLine(f"RSV:{self.currency}", self.reserve - reserve, "Reserve"))
            self.reserve = reserve
        if self.split and direct:
            cleared += self._journal(f"{settlement}-M", settlement, direct[:2], more, end.replace(day=1) - timedelta(1))
            direct = direct[2:]
        total = cleared + sum(line.amount for line in direct)
        if total > 0:
            self.stated[settlement] = total
            self.carried = 0
            self.kept.send(
                Deposit(
                    settlement, end, self.currency, self.currency, self.clearing, cleared, tuple(direct), total,
                    rate=rate,
                )
            )  # fmt: skip
            return
        if direct:
            cleared += self._journal(f"{settlement}-N", settlement, direct, more, end)
        self.carried = cleared
        if cleared < 0 and self.negative == "purchase":
            lines = (JournalLine(self.clearing, -cleared, "Card charged"),)
            self.kept.send(Purchase(f"{settlement}-P", settlement, paid_from="CC", lines=lines, total=-cleared, **more))
            self.carried = 0

    def _order(
        self, order: str, end: date, invoices: list[tuple[Invoice, int]], direct: list[DepositLine],
        settlement: str, rate: str,
    ) -> int:  # fmt: skip
        """What the order itself moves into clearing."""
        chance = self.chance
        shipped = end - timedelta(days=chance.randint(1, 25))
        lines = [InvoiceLine("SALES", chance.randint(100, 30_000), "Mug", chance.randint(0, 3))]
        if chance.random() < 0.4:
            lines.append(InvoiceLine("SHIPINC", chance.randint(1, 900)))
        if chance.random() < 0.3:
            lines.append(InvoiceLine("PROMO", -chance.randint(1, lines[0].amount)))
        net = sum(line.amount for line in lines)
        tax = chance.randint(1, 900) if self.taxed and self.orders != "none" else 0
        taxed = {"tax": tax, "tax_account": "STX"} if tax else {}
        own = {"customer": self.currency, "currency": self.currency, "day": shipped, "lines": tuple(lines)}
        match self.orders:
            case "none":
                direct.extend(DepositLine(line.account, line.amount, "Order") for line in lines)
                return 0
            case "sales_receipt":
                receipt = SalesReceipt(order, order, clearing=self.clearing, total=net + tax, rate=rate, **taxed, **own)  # type: ignore[arg-type]
                self.kept.send(receipt)
                return net + tax
        invoice = Invoice(order, order, total=net + tax, rate=self.rate(), **taxed, **own)  # type: ignore[arg-type]
        self.kept.send(invoice)
        owed = invoice.total
        if chance.random() < 0.2 and owed > 1:
            owed -= self._credit(f"{order}-C", invoice, chance.randint(1, owed - 1), settlement, end)
        paid = chance.choice([owed, owed, owed, owed // 2])
        if paid:
            invoices.append((invoice, paid))
        return 0

    def _credit(self, number: str, invoice: Invoice, amount: int, settlement: str, day: date) -> int:
        memo = CreditMemo(
            number, invoice.order_id, invoice.customer, day, invoice.currency, (InvoiceLine("SALES", amount),), amount,
            invoice=f"invoice/{invoice.number}", rate=invoice.rate,
        )  # fmt: skip
        self.kept.send(memo)
        one = AppliedInvoice(f"invoice/{invoice.number}", invoice.order_id, amount)
        other = AppliedInvoice(f"credit_memo/{number}", invoice.order_id, amount)
        self.kept.send(
            Payment(
                f"{number}A", settlement, invoice.customer, day, invoice.currency, self.clearing, (one,), 0, (other,)
            )
        )
        return amount

    def _pay(self, number: str, settlement: str, part: list[tuple[Invoice, int]], more: dict[str, Any]) -> int:
        applied = tuple(AppliedInvoice(f"invoice/{each.number}", each.order_id, paid) for each, paid in part)
        total = sum(paid for _, paid in part)
        self.kept.send(
            Payment(number, settlement, self.currency, clearing=self.clearing, applied=applied, total=total, **more)
        )
        return total

    def _refund(self, number: str, settlement: str, direct: list[DepositLine], more: dict[str, Any]) -> int:
        amount = self.chance.randint(1, 4_000)
        lines = (InvoiceLine("REFUND", amount, "Refund"),)
        match self.refunds:
            case "refund_receipt":
                form = {"customer": self.currency, "clearing": self.clearing, "lines": lines, "total": amount}
                self.kept.send(RefundReceipt(number, number, settlement_id=settlement, **form, **more))
                return amount
            case "credit_memo":  # taken out of what a later order brings: stays open
                form = {"customer": self.currency, "lines": lines, "total": amount}
                self.kept.send(CreditMemo(number, number, settlement_id=settlement, **form, **more))
                return 0
        direct.append(DepositLine("REFUND", -amount, "Refund"))
        return 0

    def _journal(self, number: str, settlement: str, direct: list[DepositLine], more: dict[str, Any], day: date) -> int:
        """Direct lines by journal; what they move into clearing."""
        moved = sum(line.amount for line in direct)
        lines = [JournalLine(line.account, -line.amount, line.description) for line in direct]
        if moved:
            lines.append(JournalLine(self.clearing, moved, "Clearing"))
        total = sum(line.amount for line in lines if line.amount > 0)
        self.kept.send(
            JournalEntry(number, **{**more, "day": day}, lines=tuple(lines), total=total, settlement_id=settlement)
        )
        return moved

    def correct(self, end: date) -> None:
        """Afterwards: an invoice amended, one voided, a journal moved, one deleted, receivables written off."""
        day, currency, customer = end, self.currency, self.currency
        line = (InvoiceLine("SALES", 2_500),)
        base = f"{self.number}-X"
        void = Invoice(f"{base}V", f"{base}V", customer, day, currency, line, 2_500)
        self.kept.send(void)
        self.kept.send(void, "void")
        open_one = Invoice(f"{base}O", f"{base}O", customer, day, currency, line, 2_500, rate=self.rate())
        self.kept.send(open_one)
        lines = (InvoiceLine("SALES", 2_000), InvoiceLine("GIFT", 700))
        self.kept.send(msgspec.structs.replace(open_one, lines=lines, total=2_700), "amend")
        written_off = JournalEntry(
            f"{base}W", day, currency, (JournalLine("CLAIMS", 700), JournalLine("AR", -700, customer=customer)), 700,
            order_id=f"{base}O", rate=open_one.rate,
        )  # fmt: skip
        self.kept.send(written_off)
        moved = JournalEntry(f"{base}J", day, currency, (JournalLine("SUSP", 777), JournalLine("OTHFEE", -777)), 777)
        if currency == "USD":
            self.kept.send(moved)
            other = (JournalLine("ADS", 777), JournalLine("OTHFEE", -777))
            self.kept.send(msgspec.structs.replace(moved, lines=other, day=day - timedelta(days=31)), "amend")
            gone = msgspec.structs.replace(moved, number=f"{base}G")
            self.kept.send(gone)
            self.kept.send(gone, "delete")


def random_company(seed: int, settlements: int = 3) -> tuple[Kept, Books]:
    """A company that traded for some months by policies drawn from the seed, and its books."""
    chance = random.Random(seed)
    kept = Kept()
    stated: dict[str, int | None] = {}
    currencies = chance.sample(CURRENCIES, chance.choice([1, 1, 2])) if seed % 3 else ["USD"]
    for number, currency in enumerate(currencies, start=1):
        owner = _Owner(kept, chance, currency, 90 + number)
        end = date(2026, 9, chance.randint(2, 28))
        for index in range(chance.randint(1, settlements)):
            owner.settle(index, end)
            end += timedelta(days=chance.choice([7, 14, 14, 31]))
        owner.correct(end)
        stated |= owner.stated
    return kept, kept.books(stated)


def balances(entries: Iterable[Any]) -> dict[str, int]:
    """Home balances by account of book entries, without those that are zero."""
    sums: Counter[str] = Counter()
    for entry in entries:
        for line in entry.lines:
            sums[line.account] += line.home
    return {name: amount for name, amount in sums.items() if amount}
