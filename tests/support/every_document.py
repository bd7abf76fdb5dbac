"""One document of each kind that belong together, and how a test plans them straight into the books."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec
from shop import Shop

from application.ports import Append
from application.posting_run import Poster, PostingRun
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
    debits_and_credits,
)
from domain.event import Stamp
from domain.mapping import MappingChanged, mapping_stream
from domain.money import format_minor
from domain.posting import Operation, Posting, PostingPlanned, kind_of, posting_stream

ORDER, SETTLEMENT, CUSTOMER, CLEARING = "900-0000001-0000001", "99000000001", "ATVPDKIKX0DER USD", "CLR:USD"
DAY, SHIPPED = date(2026, 11, 18), date(2026, 11, 3)

INVOICE = Invoice(
    ORDER, ORDER, CUSTOMER, SHIPPED, "USD",
    (InvoiceLine("SALES", 10_000, "Blue mug", 4, "MUG"), InvoiceLine("PROMO", -500, "Promotion")), 10_200,
    memo=f"AMZ-ORDER {ORDER}", tracking_number="1Z999", ship_day=SHIPPED, ship_method="UPS",
    due_day=date(2026, 12, 10), tax=700, tax_account="STX",
)  # fmt: skip
CREDIT_MEMO = CreditMemo(
    f"{ORDER}-C", ORDER, CUSTOMER, DAY, "USD", (InvoiceLine("SALES", 2_000, "Price cut"),), 2_140,
    invoice=f"invoice/{ORDER}", tax=140, tax_account="STX",
)  # fmt: skip
SALES_RECEIPT = SalesReceipt(
    "900-0000002-0000002", "900-0000002-0000002", CUSTOMER, SHIPPED, "USD", CLEARING,
    (InvoiceLine("SALES", 3_000, "Red mug", 2), InvoiceLine("SHIPINC", 499)), 3_499,
)  # fmt: skip
REFUND_RECEIPT = RefundReceipt(
    "900-0000003-R", "900-0000003-0000003", CUSTOMER, DAY, "USD", CLEARING, (InvoiceLine("SALES", 499),), 499,
    settlement_id=SETTLEMENT,
)  # fmt: skip
APPLICATION = Payment(
    f"{ORDER}-A", SETTLEMENT, CUSTOMER, DAY, "USD", CLEARING,
    (AppliedInvoice(f"invoice/{ORDER}", ORDER, 2_140),), 0,
    credits=(AppliedInvoice(f"credit_memo/{CREDIT_MEMO.number}", ORDER, 2_140),),
)  # fmt: skip
PAYMENT = Payment(
    f"{SETTLEMENT}-1", SETTLEMENT, CUSTOMER, DAY, "USD", CLEARING,
    (AppliedInvoice(f"invoice/{ORDER}", ORDER, 8_060),), 8_060,
)  # fmt: skip
PURCHASE = Purchase(
    f"{SETTLEMENT}-P", SETTLEMENT, DAY, "USD", "CC", (JournalLine(CLEARING, 32_169, "Card charged"),), 32_169
)
JOURNAL = JournalEntry(
    f"{SETTLEMENT}-J", DAY, "USD",
    (
        JournalLine("STORAGE", 1_250, "Storage"), JournalLine(CLEARING, -1_250),
        JournalLine("CLAIMS", 100, "Written off"), JournalLine("AR", -100, "Written off", customer=CUSTOMER),
    ), 1_350, settlement_id=SETTLEMENT,
)  # fmt: skip
_CLEARED = 3_499 - 499 + 8_060 + 32_169 - 1_250
DEPOSIT = Deposit(
    SETTLEMENT, DAY, "USD", "USD", CLEARING, _CLEARED,
    (DepositLine("REFFEE", -1_530, "Referral fees"), DepositLine("RSV:USD", -2_000, "Reserve")), _CLEARED - 3_530,
)  # fmt: skip

AMENDED_JOURNAL = msgspec.structs.replace(
    JOURNAL,
    lines=(JournalLine("STORAGE", 1_000), JournalLine(CLEARING, -1_000)),
    total=1_000,
)
EVERY: dict[str, Document] = {
    "invoice": INVOICE, "credit_memo": CREDIT_MEMO, "sales_receipt": SALES_RECEIPT, "refund_receipt": REFUND_RECEIPT,
    "payment": PAYMENT, "purchase": PURCHASE, "journal": JOURNAL, "deposit": DEPOSIT,
}  # fmt: skip
ALL: tuple[Document, ...] = (*EVERY.values(), APPLICATION)


def key_of(document: Document) -> str:
    return document.settlement_id if isinstance(document, Deposit) else document.number


def set_up(shop: Shop, **more: Any) -> None:
    """A connected flow, with the accounts mapped that only some documents need."""
    shop.set_up(**more)
    known = {ref.name: ref for ref in shop.services.quickbooks(shop.flow()).accounts()}
    wanted = {"CC": "Visa", "AR": "Accounts Receivable (A/R)", "STX": "Sales Tax Payable"}
    change(shop, accounts={key: known[name] for key, name in wanted.items()})


def change(shop: Shop, **changed: Any) -> None:
    service = shop.services
    stamp = Stamp("us", service.clock(), "tests")
    version = service.bookkeeping.mapping("us").version + 1
    event = MappingChanged(version=version, why="tests", **changed, **stamp.fields())
    stream = mapping_stream("us")
    service.store.append([Append(stream, len(service.store.load([stream])[stream]), [event])])


def plan(shop: Shop, *documents: Document, operation: Operation = "create", why: str = "") -> None:
    """Plan documents as they shall stand; what they name must be posted before."""
    service = shop.services
    names = [(kind_of(document), key_of(document)) for document in documents]
    for document, name in zip(documents, names, strict=True):
        stream = posting_stream("us", *name)
        known = service.bookkeeping.postings("us", [name])[name]
        event = PostingPlanned(
            kind=name[0], key=name[1], generation=known.generation + 1, document=document,
            depends_on=tuple(_needs(document)) if operation == "create" else (), operation=operation, why=why,
            **Stamp("us", service.clock(), "tests").fields(),
        )  # fmt: skip
        version = len(service.store.load([stream]).get(stream, []))
        service.store.append([Append(stream, version, [event])])


def _needs(document: Document) -> Iterable[str]:
    match document:
        case Payment():
            return [each.posting for each in (*document.applied, *document.credits)]
        case Deposit() if document is DEPOSIT:
            others = (SALES_RECEIPT, REFUND_RECEIPT, PAYMENT, PURCHASE, JOURNAL)
            return [f"{kind_of(other)}/{key_of(other)}" for other in others]
        case _:
            return []


def post(shop: Shop, client: Any = None) -> PostingRun:
    """One posting run; `client` stands between us and QuickBooks."""
    service, flow = shop.services, shop.flow()
    quickbooks = client if client is not None else service.quickbooks(flow)
    keep = service.bookkeeping, quickbooks, service.views, service.evidence, service.clock
    return Poster(flow, *keep, "tests", shop.speed).run()


def posting(shop: Shop, document: Document) -> Posting:
    name = (kind_of(document), key_of(document))
    return shop.services.bookkeeping.postings("us", [name])[name]


def reasons(shop: Shop, document: Document) -> list[str]:
    """Why it waits, or needs a person, as the list of held documents shows it."""
    return [row["code"] for row in shop.rows("held", kind=kind_of(document)) if row["key"] == key_of(document)]


def balances(shop: Shop, documents: Iterable[Document]) -> dict[str, str]:
    """What these documents come to, by the names of QuickBooks' accounts."""
    mapping = shop.services.bookkeeping.mapping("us")
    sums: dict[str, int] = {}
    for document in documents:
        for key, amount in debits_and_credits(document):
            bank = key.partition(":")[0] == "BANK"
            name = (mapping.banks[key.partition(":")[2]] if bank else mapping.accounts[key]).name
            sums[name] = sums.get(name, 0) + amount
    return {name: format_minor(amount, "USD") for name, amount in sums.items() if amount}


def replaced(document: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(document, **changes)
