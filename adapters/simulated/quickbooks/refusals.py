"""Every way QuickBooks says no, in the bodies that were recorded or published.

A refusal carries its HTTP status, code, message, detail and element. It is written in one of three envelopes:
`Fault` (the application), lower-case `fault` (the gateway), and XML (the gateway, whatever was asked for).
"""

from typing import Any, Self


class Refused(Exception):
    """QuickBooks answers with a fault, and has written nothing."""

    def __init__(
        self,
        code: str,
        message: str,
        detail: str,
        element: str | None = "",
        status: int = 400,
        kind: str = "ValidationFault",
    ) -> None:
        super().__init__(f"{code} {detail}")
        self.code, self.message, self.detail, self.element = code, message, detail, element
        self.status, self.kind = status, kind

    def fault(self) -> dict[str, Any]:
        error: dict[str, Any] = {"Message": self.message, "Detail": self.detail, "code": self.code}
        if self.element is not None:
            error["element"] = self.element
        return {"Error": [error], "type": self.kind}

    @classmethod
    def unknown_member(cls, name: str, entity: str, known: frozenset[str]) -> Self:
        listed = ", ".join(f'"{member}"' for member in sorted(known)[:60])
        detail = (
            f'Property Name:Unrecognized field "{name}" (class com.intuit.schema.finance.v3.{entity}), not marked as '
            f"ignorable ({len(known)} known properties: {listed} [truncated]])\n specified is unsupported or invalid"
        )
        return cls("2010", "Request has invalid or unsupported property", detail, None)

    @classmethod
    def malformed(cls, what: str) -> Self:
        detail = f"Property Name:{what} specified is unsupported or invalid"
        return cls("2010", "Request has invalid or unsupported property", detail, None)

    @classmethod
    def missing(cls, member: str) -> Self:
        message = "Required param missing, need to supply the required value for the API"
        return cls("2020", message, f"Required parameter {member} is missing in the request", member)

    @classmethod
    def invalid_id(cls, value: str) -> Self:
        return cls("2030", "Invalid ID", f"Id should be a valid number. Supplied value:{value}", "Id")

    @classmethod
    def invalid_text(cls, member: str, why: str) -> Self:
        return cls("2040", "Invalid String", f"Invalid String : {member} {why}", member)

    @classmethod
    def too_long(cls, member: str, limit: int, length: int) -> Self:
        message = "String length specified does not match the supported length"
        detail = f"String length specified does not match the supported length. Min:0 Max:{limit} supported. "
        return cls("2050", message, f"{detail}Supplied length:{length}", member)

    @classmethod
    def invalid_request_id(cls) -> Self:
        return cls("2130", "Invalid Request Id Format", "The format of request ID is invalid")

    @classmethod
    def invalid_choice(cls, member: str, value: object) -> Self:
        return cls("2170", "Invalid Enumeration", f"Invalid Enumeration : {value}", member)

    @classmethod
    def negative_line(cls) -> Self:
        return cls("2290", "Invalid Amount", "Invalid Amount : a journal line's amount must be positive", "Line.Amount")

    @classmethod
    def unbalanced(cls, debits: str, credits: str) -> Self:
        detail = f"Debits and credits are not balanced : debits {debits}, credits {credits}"
        return cls("2300", "Total credits and debits do not match", detail, "Line")

    @classmethod
    def bad_reference(cls, element: str, what: str, value: object) -> Self:
        title = "Invalid Reference Id"
        return cls("2500", title, f"{title} : {what} element id {value} not found", element)

    @classmethod
    def query_syntax(cls, what: str) -> Self:
        return cls("4000", "Error parsing query", f"QueryParserError: {what}", None)

    @classmethod
    def query_meaning(cls, what: str) -> Self:
        return cls("4001", "Invalid query", f"QueryValidationError: {what}", None)

    @classmethod
    def stale(cls) -> Self:
        detail = (
            "Stale Object Error : You and root were working on this at the same time. root finished before you did, "
            "so your work was not saved."
        )
        return cls("5010", "Stale Object Error", detail)

    @classmethod
    def business(cls, what: str, element: str = "") -> Self:
        message = "A business validation error has occurred while processing your request"
        return cls("6000", message, f"Business Validation Error: {what}", element)

    @classmethod
    def account_type_missing(cls) -> Self:
        detail = "Account Type or Account SubType must be supplied : AccountType"
        return cls("6010", "Required Parameter Missing", detail, "AccountType")

    @classmethod
    def wrong_amount(cls, value: object) -> Self:
        detail = f"Amount is not equal to UnitPrice * Qty. Supplied value:{value}"
        return cls("6070", "Amount calculation incorrect in the request", detail, "Line.Amount")

    @classmethod
    def wrong_tax_code(cls, value: object) -> Self:
        detail = f"Line TaxCode is not valid. For US, specify TAX or NON. Supplied value:{value}"
        return cls("6100", "Invalid Line TaxCode in the request", detail)

    @classmethod
    def wrong_tax_code_abroad(cls, value: object) -> Self:
        detail = f"Line TaxCode is not valid. A code of the company is needed for each line. Supplied value:{value}"
        return cls("6100", "Invalid Line TaxCode in the request", detail)

    @classmethod
    def not_found(cls) -> Self:
        detail = (
            "Object Not Found : Something you're trying to use has been made inactive. Check the fields with accounts, "
            "customers, items, vendors or employees."
        )
        return cls("610", "Object Not Found", detail)

    @classmethod
    def not_linkable(cls, kind: str, identity: object) -> Self:
        detail = f"Transaction can't be linked : {kind} {identity} cannot be linked to this transaction"
        return cls("620", "Transaction can't be linked", detail, "LinkedTxn")

    @classmethod
    def duplicate_number(cls, number: str, kind: str, identity: str) -> Self:
        detail = (
            "Duplicate Document Number Error : You must specify a different number. This number has already been used. "
            f"DocNumber={number} is assigned to TxnType={kind} with TxnId={identity}"
        )
        return cls("6140", "Duplicate Document Number Error", detail)

    @classmethod
    def duplicate_name(cls, another_list: bool) -> Self:
        other = "Another customer, vendor or employee is already using this name. Please use a different name."
        detail = f"The name supplied already exists. : {other if another_list else 'null'}"
        return cls("6240", "Duplicate Name Exists Error", detail, "" if another_list else None)

    @classmethod
    def subscription_ended(cls) -> Self:
        detail = (
            "Subscription period has ended or canceled or there was a billing problem : You can only view data for "
            "this company."
        )
        return cls("6190", "Invalid Company Status", detail)

    @classmethod
    def period_closed(cls, by_password: bool) -> Self:
        if by_password:
            detail = (
                "The account period has closed and the account books cannot be updated through the QBO Services API. "
                "Please use the QBO website to make these changes."
            )
            return cls("6210", "Account Period Closed, Cannot Update Through Services API", detail)
        detail = "The account period has closed and the account books cannot be updated"
        return cls("6200", "Account Period Closed", detail)

    @classmethod
    def deposited(cls) -> Self:
        detail = (
            "You can't change this transaction because it has already been deposited. Delete it from the deposit first."
        )
        return cls("6540", "Deposited Transaction cannot be changed", detail)

    @classmethod
    def matched(cls) -> Self:
        detail = "You can't delete this transaction because it is matched with a bank transaction. Unmatch it."
        return cls("6480", "Matched Transaction Delete Error", detail)

    @classmethod
    def batch_too_big(cls) -> Self:
        detail = "Number of items in the batch request exceeds the limit of 30"
        return cls("1040", "Batch size exceeds allowed limit", detail)

    @classmethod
    def unsupported(cls, what: str) -> Self:
        return cls("500", "Unsupported Operation", f"Operation {what} is not supported.", None)

    @classmethod
    def throttled_item(cls) -> Self:
        message = "message=ThrottleExceeded; errorCode=003001; statusCode=429"
        detail = "The request limit was reached.  Try again later"
        return cls("3001", message, detail, kind="SERVICE", status=429)

    @classmethod
    def failed_item(cls) -> Self:
        message = "An application error has occurred while processing your request"
        return cls("10000", message, "System Failure Error: Exception", None, 500, "SystemFault")


def in_french(refusal: Refused) -> Refused:
    """6140 as a company in Québec sees it: another message, `Facture`, and still `TxnId=`."""
    _, _, tail = refusal.detail.partition("DocNumber=")
    title = "Numéro de document en double"
    detail = f"{title} : DocNumber={tail.replace('TxnType=Invoice', 'TxnType=Facture')}"
    return Refused(refusal.code, title, detail, refusal.element)


def gateway(code: str, name: str, status: int, kind: str, detail: str, epoch_millis: int) -> dict[str, Any]:
    """The lower-case envelope of whatever stands before the application."""
    return {
        "warnings": None,
        "intuitObject": None,
        "fault": {
            "error": [
                {
                    "message": f"message={name}; errorCode={int(code):06d}; statusCode={status}",
                    "detail": detail,
                    "code": code,
                    "element": None,
                }
            ],
            "type": kind,
        },
        "report": None,
        "queryResponse": None,
        "batchItemResponse": [],
        "attachableResponse": [],
        "syncErrorResponse": None,
        "requestId": None,
        "time": epoch_millis,
        "status": None,
        "cdcresponse": [],
    }


def throttle_xml(time: str, status: int = 429) -> str:
    """The 429 that comes as XML to clients that asked for JSON (python-quickbooks#43)."""
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        f'<IntuitResponse time="{time}" xmlns="http://schema.intuit.com/finance/v3"><Fault type="SERVICE">'
        f'<Error code="3001"><Message>message=ThrottleExceeded; errorCode=003001; statusCode={status}</Message>'
        "<Detail>The request limit was reached.  Try again later</Detail></Error></Fault></IntuitResponse>"
    )
