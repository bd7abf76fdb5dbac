"""What a document that QuickBooks answered means in its ledger: debits and credits by account.

Read from the answer itself, never from our plan, so that an export shows what stands in QuickBooks. An answer to an
invoice does not always name the income account of a line (QuickBooks leaves `ItemAccountRef` out); then the item's
account is used. Source: accounting.md 4.2, quickbooks.md 5 and 6.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from domain.errors import VendorError
from domain.money import to_minor

RECEIVABLES = "Accounts Receivable (A/R)"
SALES_TAX = "Sales Tax Payable"


# Amounts are JSON numbers: read as their digits, never as floats.
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


class JournalLine(msgspec.Struct, frozen=True):
    """An amount on an account (QuickBooks' id, empty for its own A/R): debit positive, credit negative, minor units."""

    account_id: str
    account_name: str
    amount: int


def answered_objects(answer: bytes) -> Iterator[dict[str, Any]]:
    """Every object in a batch answer, or in a list of answers and single objects."""
    yield from _objects(_decode(answer))


def journal_lines(kind: str, answered: Mapping[str, Any], item_accounts: Mapping[str, str]) -> list[JournalLine]:
    """The ledger lines of one document; they sum to zero. `item_accounts`: income account id by item id.

    Raises VendorError where the object does not add up: then it is not what we take it for.
    """
    currency = str(answered.get("CurrencyRef", {}).get("value") or "USD")

    def minor(value: Any) -> int:
        return to_minor(Decimal(str(value)), currency)

    total = minor(answered["TotalAmt"])
    lines: list[JournalLine] = []
    match kind:
        case "invoice":
            lines.append(JournalLine("", RECEIVABLES, total))
            for line in answered.get("Line", ()):
                detail = line.get("SalesItemLineDetail")
                if detail is None:
                    continue  # sub-totals and descriptions
                item = detail["ItemRef"]
                account = detail.get("ItemAccountRef") or {"value": item_accounts.get(item["value"], "")}
                name = str(account.get("name", ""))
                lines.append(JournalLine(str(account["value"]), name, -minor(line["Amount"])))
            tax = minor(answered.get("TxnTaxDetail", {}).get("TotalTax", 0))
            if tax:
                lines.append(JournalLine("", SALES_TAX, -tax))
        case "payment":
            lines = [_line(answered["DepositToAccountRef"], total), JournalLine("", RECEIVABLES, -total)]
        case "deposit":
            lines.append(_line(answered["DepositToAccountRef"], total))
            for line in answered.get("Line", ()):
                lines.append(_line(line["DepositLineDetail"]["AccountRef"], -minor(line["Amount"])))
        case _:
            raise VendorError(f"a {kind} cannot be read back into ledger lines yet", vendor="quickbooks")
    if sum(line.amount for line in lines) != 0:
        raise VendorError(
            f"{kind} {answered.get('Id')} as QuickBooks answered it does not balance", vendor="quickbooks"
        )
    return lines


def _line(account: Mapping[str, Any], amount: int) -> JournalLine:
    return JournalLine(str(account["value"]), str(account.get("name", "")), amount)


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for part in node:
            yield from _objects(part)
    elif isinstance(node, dict):
        if "BatchItemResponse" in node:
            for part in node["BatchItemResponse"]:
                yield from (value for value in part.values() if isinstance(value, dict) and "Id" in value)
        elif "Id" in node:
            yield node


def _decode(answer: bytes) -> Any:
    return _DECODER.decode(answer)
