"""The bodies we send and the objects we read, without a network.

Without these, a cent could get lost on the way, or QuickBooks could silently drop what it does not know.
"""

import json
import os
import re
import xml.etree.ElementTree as ET
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from adapters.quickbooks import wire
from adapters.quickbooks.documents import batch_body
from adapters.quickbooks.marks import bears_mark
from application.ports import Fault, Found, References, Removed, Write
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
from domain.errors import BadInput, OutcomeUnknown, VendorError
from domain.mapping import QuickBooksRef
from domain.money import exponent, to_minor

SHARED = Path(os.environ.get("ML_CONNECTOR_SHARED", Path(__file__).parents[4] / "shared"))
SAMPLES = SHARED / "quickbooks-samples"
XSD = SAMPLES / "xsd"
ORDER = "113-1234567-1234567"
DAY = date(2026, 11, 18)


def references(**changes: Any) -> References:
    def ref(identity: str) -> QuickBooksRef:
        return QuickBooksRef(identity, "")

    values: dict[str, Any] = {
        "accounts": {
            "CLR:USD": ref("11"),
            "CLR:JPY": ref("11"),
            "CLR:KWD": ref("11"),
            "FEE": ref("12"),
            **{key: ref(id) for key, id in (("AR", "13"), ("CC", "14"))},
        },
        "items": {"SALES": ref("21"), "PROMO": ref("22")},
        "customers": {"Amazon.com USD": ref("31")},
        "banks": {"USD": ref("41"), "JPY": ref("41"), "KWD": ref("41")},
        "postings": {f"invoice/{ORDER}": "51", "invoice/2": "52", "credit_memo/2-C": "53"},
    }
    return References(**{**values, **changes})


INVOICE = Invoice(
    number=ORDER,
    order_id=ORDER,
    customer="Amazon.com USD",
    day=DAY,
    currency="USD",
    lines=(
        InvoiceLine("SALES", 2_499, "MUG Blaue Tasse für Süßes – \U0001f375 x 3\ttab", 3, "MUG"),
        InvoiceLine("SALES", 1_000, "exact in five decimals", 3),
        InvoiceLine("PROMO", -500, "Promotion"),
    ),
    total=2_999,
    memo=f"AMZ-ORDER {ORDER}",
    tracking_number="1Z999",
    ship_day=date(2026, 11, 17),
    ship_method="UPS Ground",
)
PAYMENT = Payment(
    "123-1", "123", "Amazon.com USD", DAY, "USD", "CLR:USD",
    (AppliedInvoice(f"invoice/{ORDER}", ORDER, 2_999), AppliedInvoice("invoice/2", "2", 1)), 3_000,
)  # fmt: skip
DEPOSIT = Deposit("123", DAY, "USD", "USD", "CLR:USD", 3_000, (DepositLine("FEE", -5, "fees"),), 2_995)


JOURNAL = JournalEntry(
    "123-J", DAY, "USD", (JournalLine("FEE", 5, "Fees"), JournalLine("AR", -5, customer="Amazon.com USD")), 5,
    memo="month split", settlement_id="123",
)  # fmt: skip
CREDIT_MEMO = CreditMemo(
    "2-C", "2", "Amazon.com USD", DAY, "USD", (InvoiceLine("SALES", 100, "Price cut", 1),), 107,
    invoice="invoice/2", tax=7, tax_account="STX", rate="1.2345678",
)  # fmt: skip
REFUND = RefundReceipt("3-R", "3", "Amazon.com USD", DAY, "USD", "CLR:USD", (InvoiceLine("SALES", 5),), 5)
SALES_RECEIPT = SalesReceipt(
    "4", "4", "Amazon.com USD", DAY, "USD", "CLR:USD", (InvoiceLine("SALES", 500, "Mug", 2),), 535,
    tracking_number="1Z1", ship_day=DAY, tax=35, tax_account="STX",
)  # fmt: skip
PURCHASE = Purchase("123-P", "123", DAY, "USD", "CC", (JournalLine("CLR:USD", 32_169, "Charged"),), 32_169)
FROM_THE_BANK = Purchase("123-B", "123", DAY, "USD", "BANK:USD", (JournalLine("CLR:USD", 1),), 1)
APPLICATION = Payment(
    "2-A", "123", "Amazon.com USD", DAY, "USD", "CLR:USD", (AppliedInvoice("invoice/2", "2", 107),), 0,
    credits=(AppliedInvoice("credit_memo/2-C", "2", 107),),
)  # fmt: skip
TAXED = Invoice(
    "5", "5", "Amazon.com USD", DAY, "USD", (InvoiceLine("SALES", 100),), 107, due_day=DAY, tax=7, tax_account="STX",
    rate="0.73",
)  # fmt: skip
OTHERS: list[Document] = [
    JOURNAL, CREDIT_MEMO, REFUND, SALES_RECEIPT, PURCHASE, FROM_THE_BANK, APPLICATION, TAXED,
]  # fmt: skip


@pytest.mark.parametrize("changes", [{}, {"multicurrency": True}], ids=["one-currency", "multicurrency"])
def test_the_other_documents_read_like_this(changes: dict[str, Any], snapshot: SnapshotAssertion) -> None:
    body = batch_body([Write(str(n), each) for n, each in enumerate(OTHERS, start=1)], references(**changes))

    assert body.decode().replace('{"bId"', '\n{"bId"') == snapshot


def test_changes_read_like_this(snapshot: SnapshotAssertion) -> None:
    body = batch_body(
        [
            Write("1", JOURNAL, "amend", "77", "3"),
            Write("2", INVOICE, "void", "78", "0"),
            Write("3", DEPOSIT, "delete", "79", "12"),
        ],
        references(),
    )

    assert body.decode().replace('{"bId"', '\n{"bId"') == snapshot


def test_a_removal_is_told_from_a_document() -> None:
    deleted = b'{"BatchItemResponse":[{"bId":"1","Deposit":{"domain":"QBO","status":"Deleted","Id":"266"}}]}'

    assert wire.outcomes(deleted, ["1"])["1"] == Removed("266", b'{"domain":"QBO","status":"Deleted","Id":"266"}')


@pytest.mark.parametrize(
    "changes",
    [{}, {"custom_numbers": False}, {"multicurrency": True}],
    ids=["numbers", "without-numbers", "multicurrency"],
)
def test_a_batch_reads_like_this(changes: dict[str, Any], snapshot: SnapshotAssertion) -> None:
    body = batch_body([Write("1", INVOICE), Write("2", PAYMENT), Write("3", DEPOSIT)], references(**changes))

    assert body.decode().replace('{"bId"', '\n{"bId"') == snapshot


def test_outside_of_the_us_tax_calculation_is_named_and_its_codes_are_not() -> None:
    body = batch_body([Write("1", INVOICE), Write("2", PAYMENT), Write("3", TAXED)], references(country="GB"))
    invoice, payment, taxed = json.loads(body)["BatchItemRequest"]

    assert invoice["Invoice"]["GlobalTaxCalculation"] == "NotApplicable"
    assert taxed["Invoice"]["GlobalTaxCalculation"] == "TaxExcluded"
    assert "GlobalTaxCalculation" not in payment["Payment"]
    assert not [line for line in invoice["Invoice"]["Line"] if "TaxCodeRef" in line["SalesItemLineDetail"]]
    (at_home,) = json.loads(batch_body([Write("1", INVOICE)], references(country="US")))["BatchItemRequest"]
    assert "GlobalTaxCalculation" not in at_home["Invoice"]


def test_a_tax_that_is_no_more_is_said_to_be_nothing() -> None:
    (item,) = json.loads(batch_body([Write("1", INVOICE, "amend", "7", "0")], references()))["BatchItemRequest"]

    assert item["Invoice"]["TxnTaxDetail"] == {"TotalTax": 0.0}


def test_a_deposit_of_nothing_from_clearing_has_no_clearing_line() -> None:
    deposit = Deposit("9", DAY, "USD", "USD", "CLR:USD", 0, (DepositLine("FEE", 5, "credit"),), 5)
    (item,) = json.loads(batch_body([Write("1", deposit)], references()))["BatchItemRequest"]

    assert [line["DepositLineDetail"]["AccountRef"]["value"] for line in item["Deposit"]["Line"]] == ["12"]


@pytest.mark.parametrize(
    ("document", "known", "words"),
    [
        (INVOICE, references(items={}), "item 'SALES'"),
        (INVOICE, references(customers={}), "customer"),
        (PAYMENT, references(postings={f"invoice/{ORDER}": ""}), "not in QuickBooks yet"),
        (DEPOSIT, references(banks={}), "bank 'USD'"),
        (DEPOSIT, references(accounts={"FEE": QuickBooksRef("1", "")}), "account 'CLR:USD'"),
    ],
)
def test_what_has_no_id_in_quickbooks_is_named(document: Document, known: References, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        batch_body([Write("1", document)], known)


def test_a_number_that_does_not_fit_is_not_cut() -> None:
    long = Invoice("1" * 22, "1", "Amazon.com USD", DAY, "USD", (InvoiceLine("SALES", 1),), 1)
    with pytest.raises(BadInput, match="21 characters"):
        batch_body([Write("1", long)], references())


@pytest.mark.skipif(not XSD.is_dir(), reason=f"Intuit's schemas are not at {XSD}")
def test_every_member_is_one_of_intuits_schema() -> None:
    known = _schema_members()
    every = [INVOICE, PAYMENT, DEPOSIT, *OTHERS]
    body = batch_body(
        [Write(str(n), each) for n, each in enumerate(every)], references(multicurrency=True, country="CA")
    )

    for item in json.loads(body)["BatchItemRequest"]:
        (entity,) = set(item) - {"bId", "operation"}
        assert set(item[entity]) <= known[entity]
        for line in item[entity]["Line"]:
            assert set(line) <= known["Line"]
            details = {name for name in line if name.endswith("Detail")}
            for detail in details:
                assert set(line[detail]) <= known[detail]
            if "JournalEntryLineDetail" in details:
                assert set(line["JournalEntryLineDetail"].get("Entity", {})) <= known["EntityTypeRef"]
            for link in line.get("LinkedTxn", []):
                assert set(link) <= known["LinkedTxn"]
        assert set(item[entity].get("TxnTaxDetail", {})) <= known["TxnTaxDetail"]


def _schema_members() -> dict[str, set[str]]:
    """The members of each type of Intuit's schema, those it inherits included."""
    space = "{http://www.w3.org/2001/XMLSchema}"
    own: dict[str, set[str]] = {}
    bases: dict[str, str] = {}
    for path in XSD.glob("*.xsd"):
        for kind in ET.parse(path).getroot().findall(f"{space}complexType"):
            name = kind.get("name", "")
            elements = kind.findall(f".//{space}element")
            own[name] = {element.get("name") or element.get("ref") or "" for element in elements}
            extension = kind.find(f".//{space}extension")
            if extension is not None:
                bases[name] = extension.get("base", "")
            # A choice of details: any of them may stand in a line.
    members: dict[str, set[str]] = {}
    for name in own:
        seen, current = set(own[name]), bases.get(name, "")
        while current in own:
            seen |= own[current]
            current = bases.get(current, "")
        members[name] = seen
    return members


AMOUNTS = st.integers(-(10**10), 10**10)
CURRENCIES = st.sampled_from(["USD", "JPY", "KWD"])
TEXT = st.text(max_size=60)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    currency = draw(CURRENCIES)
    amounts = draw(st.lists(AMOUNTS, min_size=1, max_size=6))
    if sum(amounts) < 0:
        amounts = [-amount for amount in amounts]
    match draw(st.sampled_from(["invoice", "payment", "deposit"])):
        case "invoice":
            lines = tuple(InvoiceLine("SALES", a, draw(TEXT), draw(st.integers(0, 9))) for a in amounts)
            return Invoice(ORDER, ORDER, "Amazon.com USD", DAY, currency, lines, sum(amounts), draw(TEXT))
        case "payment":
            applied = tuple(AppliedInvoice("invoice/2", "2", amount) for amount in amounts)
            return Payment("1-1", "1", "Amazon.com USD", DAY, currency, f"CLR:{currency}", applied, sum(amounts))
        case _:
            direct = tuple(DepositLine("FEE", amount, draw(TEXT)) for amount in amounts[1:])
            return Deposit("1", DAY, currency, currency, f"CLR:{currency}", amounts[0], direct, sum(amounts))


@settings(max_examples=300)
@given(documents())
def test_any_documents_lines_sum_to_its_total_on_the_wire(document: Document) -> None:
    body = batch_body([Write("1", document)], references())
    assert body == batch_body([Write("1", document)], references())
    (item,) = json.loads(body, parse_float=Decimal, parse_int=Decimal)["BatchItemRequest"]
    (value,) = (item[entity] for entity in ("Invoice", "Payment", "Deposit") if entity in item)

    amounts = [to_minor(line["Amount"], document.currency) for line in value["Line"]]
    assert sum(amounts) == document.total
    if "TotalAmt" in value:
        assert to_minor(value["TotalAmt"], document.currency) == document.total
    for line in value["Line"]:
        detail = line.get("SalesItemLineDetail", {})
        if "Qty" in detail:
            assert detail["Qty"] * detail["UnitPrice"] == line["Amount"]
            assert -detail["UnitPrice"].as_tuple().exponent <= 5
        words = line.get("Description", "")
        assert words == words.encode("latin-1").decode("latin-1")
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", words)


@given(documents(), st.integers(0, 9))
def test_any_total_comes_back_to_the_last_unit(document: Document, zeros: int) -> None:
    """QuickBooks writes 24.99, 20.0 and a bare 0."""
    decimals = exponent(document.currency)
    total = f"{Decimal(document.total).scaleb(-decimals):f}"
    total += "0" * zeros if "." in total else ""
    content = (
        f'{{"Id":"7","SyncToken":"0","TotalAmt":{total},"TxnDate":"2026-11-18",'
        f'"CurrencyRef":{{"value":"{document.currency}"}}}}'
    ).encode()

    assert wire.found(content) == Found("7", "0", document.total, document.currency, DAY, content)


@given(st.text())
def test_any_text_can_stand_in_a_query(words: str) -> None:
    quoted = wire.literal(words)
    assert re.fullmatch(r"'(?:[^'\\]|\\.)*'", quoted, re.DOTALL)
    assert re.sub(r"\\(.)", r"\1", quoted[1:-1], flags=re.DOTALL) == words


@pytest.mark.parametrize(
    ("note", "ours"),
    [
        ("AMZ-SETTLEMENT 123", True),
        ("paid by AMZ-SETTLEMENT 123; see file", True),
        ("AMZ-SETTLEMENT 1234", False),
        ("AMZ-SETTLEMENT 123-2", False),
        ("XAMZ-SETTLEMENT 123", False),
        ("", False),
    ],
)
def test_a_mark_is_whole_or_not_ours(note: str, ours: bool) -> None:
    assert bears_mark(note, DEPOSIT) is ours


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no recorded QuickBooks answers at {SAMPLES}")
def test_recorded_answers_can_be_read() -> None:
    created = json.loads((SAMPLES / "http" / "create__invoice.json").read_text())[0]["response"]["body"]["Invoice"]
    there = wire.found(json.dumps(created).encode())
    assert (there.quickbooks_id, there.total, there.currency) == (created["Id"], 10_000, "USD")

    read = json.loads((SAMPLES / "json" / "official_deposit_read_response.json").read_text())["Deposit"]
    # The lines of this one are cut to whole dollars; its total is not.
    assert wire.found(json.dumps(read).encode()).total == to_minor(str(read["TotalAmt"]), "USD")

    customers = json.loads((SAMPLES / "http" / "all__customers.json").read_text())
    rows = [row for call in customers for row in call["response"]["body"]["QueryResponse"].get("Customer", [])]
    assert rows
    for row in rows:
        assert wire.customer_reference(wire.decoded(json.dumps(row).encode(), wire.Customer)).currency == "USD"


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no recorded QuickBooks answers at {SAMPLES}")
def test_a_recorded_batch_answer_tells_of_each_item() -> None:
    body = json.loads((SAMPLES / "http" / "batch__basic.json").read_text())[0]["response"]["body"]
    answer = json.dumps(body).encode()

    outcomes = wire.outcomes(answer, ["bid2"])
    assert isinstance(outcomes["bid2"], Fault)
    assert outcomes["bid2"].code == "610"
    with pytest.raises(OutcomeUnknown, match="lacks items 9"):
        wire.outcomes(answer, ["9"])
    with pytest.raises(OutcomeUnknown, match="neither document nor fault"):
        wire.outcomes(answer, ["bid1"])  # a vendor, which we never send
    for end in range(0, len(answer), 97):
        with pytest.raises(OutcomeUnknown):
            wire.outcomes(answer[:end], ["bid2"])


@pytest.mark.parametrize(
    "content",
    [
        b'{"Id":"1","SyncToken":"0","TotalAmt":1.001,"TxnDate":"2026-11-18","CurrencyRef":{"value":"USD"}}',
        b'{"Id":"1","SyncToken":"0","TotalAmt":1,"TxnDate":"2026-11-18","CurrencyRef":{"value":"XXX"}}',
        b'{"Id":"1","SyncToken":"0","TotalAmt":1}',
        b'{"Id":"1","SyncToken":"0","TotalAmt":null,"TxnDate":"2026-11-18"}',
        b'{"domain":"QBO","status":"Deleted","Id":"266"}',
    ],
)
def test_a_document_that_does_not_say_what_it_is_is_refused(content: bytes) -> None:
    with pytest.raises(VendorError, match=r"cannot be read|quickbooks' document 1"):
        wire.found(content)
