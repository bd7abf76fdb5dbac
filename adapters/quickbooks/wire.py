"""Documents as QuickBooks takes them, each by its own explicit builder, and objects as it gives them back.

Amounts are JSON numbers written from exact minor units, never floats. Shapes and limits: accounting.md 2.4 and
quickbooks.md 5 and 6.
"""

import unicodedata
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from adapters.quickbooks.faults import fault_in
from application.ports import Fault, Found, References
from domain.document import Deposit, Document, Invoice, Payment
from domain.errors import BadInput, OutcomeUnknown, VendorError
from domain.money import exponent, format_minor, to_minor

NUMBER_LENGTH = 21
NOTE_LENGTH = 4_000
ENTITIES = {"invoice": "Invoice", "payment": "Payment", "deposit": "Deposit"}

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


def batch_body(documents: Sequence[tuple[str, Document]], references: References) -> bytes:
    """The exact bytes of a batch that creates documents; the same documents make the same bytes."""
    items = []
    for item, document in documents:
        entity, value = _entity(document, references)
        items.append({"bId": item, "operation": "create", entity: value})
    return _ENCODER.encode({"BatchItemRequest": items})


def outcomes(answer: bytes, expected: Sequence[str]) -> dict[str, Found | Fault]:
    """What became of each item of a batch. Raises OutcomeUnknown where the answer does not tell it of all."""
    try:
        value = _DECODER.decode(answer)
        responses = {str(part["bId"]): part for part in value["BatchItemResponse"]}
        missing = [item for item in expected if item not in responses]
        if missing:
            raise OutcomeUnknown(f"quickbooks' batch answer lacks items {', '.join(missing)}", vendor="quickbooks")
        return {item: _outcome(responses[item]) for item in expected}
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise OutcomeUnknown(f"quickbooks' batch answer cannot be read: {error}", vendor="quickbooks") from None


def found(value: dict[str, Any]) -> Found:
    """A document as QuickBooks has it. Raises VendorError where what we need of it is missing."""
    try:
        currency = str((value.get("CurrencyRef") or {}).get("value") or "USD")
        return Found(
            quickbooks_id=str(value["Id"]),
            sync_token=str(value["SyncToken"]),
            total=to_minor(Decimal(str(value["TotalAmt"])), currency),
            currency=currency,
            day=date.fromisoformat(value["TxnDate"]),
            content=encoded(value),
        )
    except (KeyError, ValueError, BadInput) as error:
        raise VendorError(f"a document of quickbooks cannot be read: {error}", vendor="quickbooks") from None


def decoded(content: bytes) -> Any:
    """JSON with amounts as Decimal. Raises VendorError for what is none."""
    try:
        return _DECODER.decode(content)
    except msgspec.DecodeError as error:
        raise VendorError(f"quickbooks' answer cannot be read: {error}", vendor="quickbooks") from None


def encoded(value: Any) -> bytes:
    """JSON again, Decimals as numbers."""
    return _ENCODER.encode(_with_numbers(value))


def note_marker(document: Document) -> str:
    """The mark in a document's private note by which it can be found again."""
    if isinstance(document, Invoice):
        return f"AMZ-ORDER {document.order_id}"
    return f"AMZ-SETTLEMENT {document.settlement_id}"


def amount(minor: int, currency: str) -> msgspec.Raw:
    """Minor units as a JSON number."""
    return msgspec.Raw(format_minor(minor, currency).encode())


def text(words: str, length: int) -> str:
    """Latin-1 without control characters, cut to what QuickBooks takes: other characters end in a fault 500."""
    plain = unicodedata.normalize("NFC", words).encode("latin-1", "replace").decode("latin-1")
    return "".join(letter if letter.isprintable() else " " for letter in plain)[:length]


def _outcome(response: dict[str, Any]) -> Found | Fault:
    fault = fault_in(response)
    if fault is not None:
        return fault
    for entity in ENTITIES.values():
        if entity in response:
            return found(response[entity])
    raise OutcomeUnknown(f"quickbooks' batch answer has neither document nor fault: {', '.join(response)}")


def _entity(document: Document, references: References) -> tuple[str, dict[str, Any]]:
    match document:
        case Invoice():
            return "Invoice", _invoice(document, references)
        case Payment():
            return "Payment", _payment(document, references)
        case Deposit():
            return "Deposit", _deposit(document, references)


def _invoice(invoice: Invoice, references: References) -> dict[str, Any]:
    lines = []
    for line in invoice.lines:
        detail: dict[str, Any] = {
            "ItemRef": {"value": references.items[line.account].id},
            # A line without a code counts as taxable, and automated sales tax would then add tax Amazon remits.
            "TaxCodeRef": {"value": "NON"},
        }
        unit = _unit_price(line.amount, line.quantity, invoice.currency)
        if unit is not None:
            detail |= {"Qty": line.quantity, "UnitPrice": unit}
        lines.append(
            {
                "Amount": amount(line.amount, invoice.currency),
                "DetailType": "SalesItemLineDetail",
                "Description": text(line.description, NOTE_LENGTH),
                "SalesItemLineDetail": detail,
            }
        )
    value: dict[str, Any] = {
        "TxnDate": invoice.day.isoformat(),
        "CustomerRef": {"value": references.customers[invoice.customer].id},
        "Line": lines,
        "PrivateNote": text(invoice.memo, NOTE_LENGTH),
        "AllowOnlineCreditCardPayment": False,
        "AllowOnlineACHPayment": False,
    }
    if references.custom_numbers:
        value["DocNumber"] = invoice.number[:NUMBER_LENGTH]
    if references.multicurrency:
        value["CurrencyRef"] = {"value": invoice.currency}
    if invoice.tracking_number:
        value["TrackingNum"] = text(invoice.tracking_number, 31)
    if invoice.ship_day is not None:
        value["ShipDate"] = invoice.ship_day.isoformat()
    if invoice.ship_method:
        value["ShipMethodRef"] = {"value": text(invoice.ship_method, 31)}
    return value


def _payment(payment: Payment, references: References) -> dict[str, Any]:
    value: dict[str, Any] = {
        "TxnDate": payment.day.isoformat(),
        "CustomerRef": {"value": references.customers[payment.customer].id},
        "TotalAmt": amount(payment.total, payment.currency),
        "PaymentRefNum": payment.number[:NUMBER_LENGTH],
        "DepositToAccountRef": {"value": references.accounts[payment.clearing].id},
        "PrivateNote": note_marker(payment),
        "Line": [
            {
                "Amount": amount(applied.amount, payment.currency),
                "LinkedTxn": [{"TxnId": references.postings[applied.posting], "TxnType": "Invoice"}],
            }
            for applied in payment.applied
        ],
    }
    if references.multicurrency:
        value["CurrencyRef"] = {"value": payment.currency}
    return value


def _deposit(deposit: Deposit, references: References) -> dict[str, Any]:
    rows = [(line.account, line.amount, line.description) for line in deposit.lines]
    if deposit.cleared:
        rows.insert(0, (deposit.clearing, deposit.cleared, f"Orders of {note_marker(deposit)}, booked by payments"))
    value: dict[str, Any] = {
        "TxnDate": deposit.day.isoformat(),
        "DepositToAccountRef": {"value": references.banks[deposit.bank].id},
        "PrivateNote": note_marker(deposit),
        "Line": [
            {
                "Amount": amount(minor, deposit.currency),
                "DetailType": "DepositLineDetail",
                "Description": text(description, NOTE_LENGTH),
                "DepositLineDetail": {"AccountRef": {"value": references.accounts[account].id}},
            }
            for account, minor, description in rows
        ],
    }
    if references.multicurrency:
        value["CurrencyRef"] = {"value": deposit.currency}
    return value


def _unit_price(minor: int, quantity: int, currency: str) -> msgspec.Raw | None:
    """Price for one, where it is exact in five decimals: QuickBooks refuses an Amount that is not Qty x UnitPrice."""
    if quantity <= 0:
        return None
    scaled = minor * 10 ** (5 - exponent(currency))
    if scaled % quantity:
        return None
    digits = str(abs(scaled // quantity)).rjust(6, "0")
    return msgspec.Raw(f"{'-' if minor < 0 else ''}{digits[:-5]}.{digits[-5:]}".encode())


def _with_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_numbers(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_with_numbers(entry) for entry in value]
    if isinstance(value, Decimal):
        return msgspec.Raw(format(value, "f").encode())
    return value
