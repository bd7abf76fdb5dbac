"""One QuickBooks company over its Accounting API: batches that are sent once, look-ups, reference data.

A call is made within QuickBooks' quotas, shared by all workers of the company. A write whose outcome is not known
(no answer, a server error, a page of HTML, a cut answer) is replayed with the same ids and bytes a few times, and
then left to the caller as OutcomeUnknown: it may have been done.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import msgspec

from adapters.http import Call, CourteousClient, Limit, QuotaKeeper, full_jitter
from adapters.quickbooks import wire
from adapters.quickbooks.auth import QuickBooksLogin
from adapters.quickbooks.faults import action_for, fault_in, fault_of
from application.ports import Clock, Company, Fault, Found, References, Vault
from domain.document import Deposit, Document, Invoice, Payment
from domain.errors import ConnectionLost, OutcomeUnknown, Throttled, VendorError
from domain.mapping import QuickBooksRef
from domain.money import format_minor, to_minor

MINOR_VERSION = "75"
REQUESTS_PER_SECOND = 8.0
REQUESTS_PER_MINUTE = 450.0
BATCHES_PER_MINUTE = 38.0
THROTTLED_SECONDS = 60.0
REPLAYS = 2
PAGE = 1_000


class QuickBooksClient:
    """ports.QuickBooks for one company."""

    def __init__(
        self,
        flow: str,
        realm: str,
        api_url: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        vault: Vault,
        quotas: QuotaKeeper,
        clock: Clock,
        speed: float = 1.0,
    ) -> None:
        self._flow = flow
        self._realm = realm
        self._base = f"{api_url.rstrip('/')}/v3/company/{realm}"
        self._http = CourteousClient(
            "quickbooks",
            flow,
            quotas,
            # QuickBooks itself gives up after 120 s: to hang up earlier would make outcomes unknown.
            timeout=httpx.Timeout(130.0, connect=10.0),
            throttle_wait=lambda call, attempt: full_jitter(THROTTLED_SECONDS * 2),
            request_id_header="intuit_tid",
            speed=speed,
        )
        self._login = QuickBooksLogin(self._http, flow, token_url, client_id, client_secret, vault, clock, speed)
        self._limits = [
            Limit(f"quickbooks/{realm}/second", REQUESTS_PER_SECOND, REQUESTS_PER_SECOND),
            Limit(f"quickbooks/{realm}/minute", REQUESTS_PER_MINUTE / 60, REQUESTS_PER_MINUTE / 4),
        ]
        self._has_currencies: bool | None = None
        self._batch_limit = Limit(f"quickbooks/{realm}/batch", BATCHES_PER_MINUTE / 60, BATCHES_PER_MINUTE / 4)

    # --- writing documents ------------------------------------------------------------------------------------

    def batch_body(self, documents: Sequence[tuple[str, Document]], references: References) -> bytes:
        """See ports.QuickBooks.batch_body."""
        return wire.batch_body(documents, references)

    def send_batch(self, request_id: str, body: bytes) -> tuple[dict[str, Found | Fault], bytes]:
        """See ports.QuickBooks.send_batch."""
        expected = [str(item["bId"]) for item in wire.decoded(body)["BatchItemRequest"]]
        unknown: VendorError = OutcomeUnknown("quickbooks gave no answer to batch", vendor="quickbooks")
        for _ in range(1 + REPLAYS):
            try:
                answer = self._call("batch", "POST", "/batch", [("requestid", request_id)], body, repeatable=False)
                if answer.status_code == 200:
                    told = wire.outcomes(answer.content, expected)
                    if not any(isinstance(item, Fault) and action_for(item.code) == "retry" for item in told.values()):
                        return told, answer.content
                    # Single items were throttled: the same batch again, in which the others are recognised.
                    unknown = Throttled("quickbooks throttled part of a batch", vendor="quickbooks", code="3001")
                    continue
                unknown = OutcomeUnknown(
                    f"quickbooks answered batch with {answer.status_code}; what became of it is not known",
                    vendor="quickbooks",
                    code=str(answer.status_code),
                )
            except httpx.TransportError as error:
                unknown = OutcomeUnknown(
                    f"quickbooks' answer to batch was lost ({type(error).__name__})", vendor="quickbooks"
                )
            except OutcomeUnknown as error:
                unknown = error
        raise unknown if isinstance(unknown, OutcomeUnknown) else OutcomeUnknown(str(unknown), vendor="quickbooks")

    # --- finding documents ------------------------------------------------------------------------------------

    def find(self, document: Document, references: References) -> Found | None:
        """See ports.QuickBooks.find."""
        match document:
            case Invoice() if references.custom_numbers:
                rows = self._query("Invoice", f"DocNumber = {_literal(document.number[: wire.NUMBER_LENGTH])}")
            case Payment():
                rows = self._query("Payment", f"PaymentRefNum = {_literal(document.number[: wire.NUMBER_LENGTH])}")
            case _:
                entity = "Deposit" if isinstance(document, Deposit) else "Invoice"
                total = format_minor(document.total, document.currency)
                rows = self._query(
                    entity, f"TxnDate = {_literal(document.day.isoformat())} AND TotalAmt = {_literal(total)}"
                )
        return next((wire.found(row) for row in rows if _is_ours(row, document, references)), None)

    def read(self, kind: str, quickbooks_id: str) -> Found | None:
        """See ports.QuickBooks.read."""
        entity = wire.ENTITIES[kind]
        answer = self._call("read", "GET", f"/{entity.lower()}/{quickbooks_id}")
        if answer.status_code == 400 and fault_of(answer).code == "610":
            return None
        return wire.found(self._value(answer, "read")[entity])

    # --- reference data -----------------------------------------------------------------------------------------

    def company(self) -> Company:
        """See ports.QuickBooks.company."""
        answer = self._call("companyinfo", "GET", f"/companyinfo/{self._realm}")
        info = self._value(answer, "companyinfo")["CompanyInfo"]
        preferences = self._value(self._call("preferences", "GET", "/preferences"), "preferences")["Preferences"]
        currencies = preferences.get("CurrencyPrefs") or {}
        sales = preferences.get("SalesFormsPrefs") or {}
        accounting = preferences.get("AccountingInfoPrefs") or {}
        closed = accounting.get("BookCloseDate")
        return Company(
            name=str(info.get("CompanyName", "")),
            country=str(info.get("Country", "")),
            home_currency=str((currencies.get("HomeCurrency") or {}).get("value", "")),
            multicurrency=bool(currencies.get("MultiCurrencyEnabled", False)),
            custom_numbers=bool(sales.get("CustomTxnNumbers", False)),
            closed_until=_day(closed),
        )

    def accounts(self) -> list[QuickBooksRef]:
        """See ports.QuickBooks.accounts."""
        return [_account(row) for row in self._query("Account")]

    def items(self) -> list[QuickBooksRef]:
        """See ports.QuickBooks.items."""
        return [_item(row) for row in self._query("Item")]

    def customers(self) -> list[QuickBooksRef]:
        """See ports.QuickBooks.customers."""
        return [_customer(row) for row in self._query("Customer")]

    def balance(self, account: QuickBooksRef) -> int:
        """See ports.QuickBooks.balance."""
        value = self._value(self._call("read", "GET", f"/account/{account.id}"), "read")["Account"]
        currency = str((value.get("CurrencyRef") or {}).get("value") or account.currency or "USD")
        return to_minor(Decimal(str(value.get("CurrentBalance", 0))), currency)

    def create_account(
        self, name: str, account_type: str, subtype: str, currency: str, request_id: str
    ) -> QuickBooksRef:
        """See ports.QuickBooks.create_account."""
        value: dict[str, Any] = {"Name": name, "AccountType": account_type, "AccountSubType": subtype}
        if currency and self._multicurrency():
            value["CurrencyRef"] = {"value": currency}
        return _account(self._create("Account", value, request_id))

    def create_item(self, name: str, income_account: QuickBooksRef, request_id: str) -> QuickBooksRef:
        """See ports.QuickBooks.create_item."""
        value = {"Name": name, "Type": "Service", "IncomeAccountRef": {"value": income_account.id}}
        return _item(self._create("Item", value, request_id))

    def create_customer(self, name: str, currency: str, request_id: str) -> QuickBooksRef:
        """See ports.QuickBooks.create_customer."""
        value: dict[str, Any] = {"DisplayName": name, "Taxable": False}
        if currency and self._multicurrency():
            value["CurrencyRef"] = {"value": currency}
        return _customer(self._create("Customer", value, request_id))

    def close(self) -> None:
        self._http.close()

    # --- one call -------------------------------------------------------------------------------------------------

    def _multicurrency(self) -> bool:
        if self._has_currencies is None:
            self._has_currencies = self.company().multicurrency
        return self._has_currencies

    def _create(self, entity: str, value: dict[str, Any], request_id: str) -> dict[str, Any]:
        """Create by request id: QuickBooks answers a repeat with the first answer, so it may be tried again."""
        body = msgspec.json.encode(value)
        answer = self._call(f"create {entity}", "POST", f"/{entity.lower()}", [("requestid", request_id)], body)
        created: dict[str, Any] = self._value(answer, f"create {entity}")[entity]
        return created

    def _query(self, entity: str, where: str = "") -> Iterator[dict[str, Any]]:
        start = 1
        while True:
            condition = f" WHERE {where}" if where else ""
            query = f"SELECT * FROM {entity}{condition} ORDERBY Id STARTPOSITION {start} MAXRESULTS {PAGE}"
            value = self._value(self._call("query", "GET", "/query", [("query", query)]), "query")
            rows = value.get("QueryResponse", {}).get(entity, [])
            yield from rows
            if len(rows) < PAGE:
                return
            start += PAGE

    def _value(self, answer: httpx.Response, operation: str) -> Any:
        """The decoded answer of a call that must have succeeded."""
        if answer.status_code != 200:
            fault = fault_of(answer)
            call = Call(operation, "", "")
            if action_for(fault.code) == "reconnect":
                text = f"{fault.message}; connect again: ml-connector connect quickbooks {self._flow}"
                raise self._http.refusal(call, answer, ConnectionLost, fault.code, text)
            raise self._http.refusal(call, answer, VendorError, fault.code, fault.message)
        value = wire.decoded(answer.content)
        fault_inside = fault_in(value) if isinstance(value, dict) else None
        if fault_inside is not None:
            call = Call(operation, "", "")
            raise self._http.refusal(call, answer, VendorError, fault_inside.code, fault_inside.message)
        return value

    def _call(
        self,
        operation: str,
        method: str,
        path: str,
        params: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        repeatable: bool = True,
    ) -> httpx.Response:
        """One call; an expired token is renewed once and the same call made again, with the same ids."""
        for last_try in (False, True):
            token = self._login.access_token()
            call = Call(
                operation,
                method,
                self._base + path,
                limits=[*self._limits, self._batch_limit] if operation == "batch" else self._limits,
                repeatable=repeatable,
                params=[*params, ("minorversion", MINOR_VERSION)],
                headers={
                    "Authorization": f"Bearer {token}",
                    "Accept": "application/json",
                    **({"Content-Type": "application/json; charset=utf-8"} if body is not None else {}),
                },
                content=body,
            )
            answer = self._http.send(call)
            if answer.status_code not in (401, 403):
                return answer
            fault = fault_of(answer)
            if answer.status_code == 403 and action_for(fault.code) == "retry":
                raise self._http.refusal(call, answer, Throttled, fault.code, fault.message)
            if answer.status_code == 403 or last_try or action_for(fault.code) == "reconnect":
                text = f"{fault.message}; connect again: ml-connector connect quickbooks {self._flow}"
                raise self._http.refusal(call, answer, ConnectionLost, fault.code, text)
            self._login.renew(refused=token)
        raise AssertionError("unreachable")


def _is_ours(row: dict[str, Any], document: Document, references: References) -> bool:
    """Whether a document found by number or date is the one we wanted: total, day, customer and our mark."""
    there = wire.found(row)
    if there.total != document.total or there.day != document.day:
        return False
    if isinstance(document, Invoice | Payment):
        customer = references.customers.get(document.customer)
        if customer is None or str((row.get("CustomerRef") or {}).get("value")) != customer.id:
            return False
    return wire.note_marker(document) in str(row.get("PrivateNote", ""))


def _account(row: dict[str, Any]) -> QuickBooksRef:
    currency = str((row.get("CurrencyRef") or {}).get("value", ""))
    return QuickBooksRef(str(row["Id"]), str(row.get("Name", "")), str(row.get("AccountType", "")), currency)


def _item(row: dict[str, Any]) -> QuickBooksRef:
    income = row.get("IncomeAccountRef") or {}
    return QuickBooksRef(str(row["Id"]), str(row.get("Name", "")), str(income.get("value", "")))


def _customer(row: dict[str, Any]) -> QuickBooksRef:
    currency = str((row.get("CurrencyRef") or {}).get("value", ""))
    return QuickBooksRef(str(row["Id"]), str(row.get("DisplayName", "")), "", currency)


def _literal(value: str) -> str:
    """A query literal: backslash and quote are escaped by a backslash; doubling the quote is wrong there."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _day(value: Any) -> date | None:
    return date.fromisoformat(value[:10]) if isinstance(value, str) and value else None
