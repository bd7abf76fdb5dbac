"""One QuickBooks company over its Accounting API: batches that are sent once, look-ups, reference data.

A call is made within QuickBooks' quotas, shared by all workers of the company. A write whose outcome is not known
(no answer, a server error, a page of HTML, a cut answer) is replayed with the same ids and bytes a few times, and
then left to the caller as OutcomeUnknown: it may have been done.
"""

import logging
import platform
import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, Self, TypeVar

import httpx
import msgspec

from adapters.http import UNREADABLE, Call, CourteousClient, Limit, QuotaKeeper, growing_wait
from adapters.nul import without_nul
from adapters.quickbooks import wire
from adapters.quickbooks.auth import QuickBooksLogin
from adapters.quickbooks.documents import batch_body
from adapters.quickbooks.faults import action_for, fault_of, is_throttled
from adapters.quickbooks.sightings import NUMBERS_A_QUERY, compared, searches, sightings
from application.ports import Clock, Company, Fault, Found, References, Removed, Sighting, Vault, Write
from domain.document import Document
from domain.errors import BadInput, ConnectionLost, OutcomeUnknown, Refused, VendorError
from domain.mapping import QuickBooksRef
from domain.money import to_minor
from domain.posting import kind_of

MINOR_VERSION = "75"

# QuickBooks counts in moving windows: 10 a second, 500 a minute, 40 batches a minute. A bucket lets at most its burst
# and a window's worth of its rate through, so bursts are small: 8 + 2 a second, 450 + 50 and 38 + 2 a minute.
PER_SECOND, SECOND_BURST = 8.0, 2.0
PER_MINUTE, MINUTE_BURST = 450.0, 50.0
BATCHES_PER_MINUTE, BATCH_BURST = 38.0, 2.0

THROTTLED_SECONDS = 60.0
REPLAYS = 2
SENDING_SECONDS = 400.0  # after this no try of a write begins; see posting_run.LOOK_UP_AFTER
PAGE = 1_000
REQUEST_ID_LENGTH, BATCH_REQUEST_ID_LENGTH, ITEM_ID_LENGTH = 50, 36, 10

USER_AGENT = f"ml-connector/0.1 (Language=Python/{platform.python_version()}; Platform={platform.system()})"

log = logging.getLogger("ml_connector.quickbooks")

_T = TypeVar("_T")


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
        patience_seconds: float = 600.0,
    ) -> None:
        self._flow = flow
        self._realm = realm
        self._base = f"{api_url.rstrip('/')}/v3/company/{realm}"
        self._http = CourteousClient(
            wire.VENDOR,
            flow,
            quotas,
            # QuickBooks itself gives up after 120 s: to hang up earlier would make outcomes of sendings unknown.
            timeout=httpx.Timeout(min(130.0, patience_seconds), connect=10.0),
            throttled=is_throttled,
            throttle_wait=lambda call, attempt: random.uniform(1.0, 1.25) * THROTTLED_SECONDS,
            request_id_header="intuit_tid",
            user_agent=USER_AGENT,
            speed=speed,
            attempts=5,
            patience_seconds=patience_seconds,
        )
        self._login = QuickBooksLogin(self._http, flow, token_url, client_id, client_secret, vault, clock, speed)
        self._limits = [
            Limit(f"quickbooks/{realm}/requests", PER_SECOND, SECOND_BURST),
            Limit(f"quickbooks/{realm}/minute", PER_MINUTE / 60, MINUTE_BURST),
        ]
        self._batch_limits = [*self._limits, Limit(f"quickbooks/{realm}/batch", BATCHES_PER_MINUTE / 60, BATCH_BURST)]
        self._speed = speed
        self._has_currencies: bool | None = None

    # --- writing documents ------------------------------------------------------------------------------------

    def batch_body(self, writes: Sequence[Write], references: References) -> bytes:
        """See ports.QuickBooks.batch_body."""
        return batch_body(writes, references)

    def send_batch(self, request_id: str, body: bytes) -> tuple[dict[str, Found | Removed | Fault], bytes]:
        """See ports.QuickBooks.send_batch. Raises Refused where QuickBooks refuses the batch as a whole."""
        expected = wire.sent_items(body)
        if len(request_id) > BATCH_REQUEST_ID_LENGTH or any(len(item) > ITEM_ID_LENGTH for item in expected):
            raise BadInput(f"request id {request_id} or an item id of its batch is longer than QuickBooks takes")

        def read(answer: httpx.Response) -> tuple[dict[str, Found | Removed | Fault], bytes]:
            told = wire.outcomes(self._succeeded("batch", answer), expected)
            for action, words in (
                ("retry", "quickbooks throttled part of a batch"),
                ("replay", "quickbooks does not say what became of part of a batch"),
            ):
                # The same batch again, in which what was done is recognised.
                for fault in told.values():
                    if isinstance(fault, Fault) and action_for(fault.code) == action:
                        raise _PartlyUnknown(f"{words}: {fault.code}", vendor=wire.VENDOR, code=fault.code)
            return told, answer.content

        return self._write("batch", "/batch", request_id, body, read)

    # --- finding documents ------------------------------------------------------------------------------------

    def find(
        self, documents: Sequence[Document], references: References, everywhere: bool = False
    ) -> list[list[Sighting]]:
        """See ports.QuickBooks.find."""
        if not documents:
            return []
        entity = wire.ENTITIES[kind_of(documents[0])]
        conditions = searches(documents, references, everywhere)
        rows = (row for where in conditions for row in self._query(entity, where))
        return sightings(rows, documents, references, everywhere)

    def see(self, document: Document, quickbooks_id: str, references: References) -> Sighting | None:
        """See ports.QuickBooks.see."""
        there = self.read(kind_of(document), quickbooks_id)
        return None if there is None else compared(there.content, document, references)

    def see_all(self, wanted: Sequence[tuple[Document, str]], references: References) -> list[Sighting | None]:
        """See ports.QuickBooks.see_all."""
        rows: dict[str, msgspec.Raw] = {}
        for begin in range(0, len(wanted), NUMBERS_A_QUERY):
            some = wanted[begin : begin + NUMBERS_A_QUERY]
            ids = ", ".join(wire.literal(quickbooks_id) for _, quickbooks_id in some)
            entity = wire.ENTITIES[kind_of(some[0][0])]
            rows |= {wire.identity(row): row for row in self._query(entity, f"Id IN ({ids})")}
        return [
            compared(rows[quickbooks_id], document, references) if quickbooks_id in rows else None
            for document, quickbooks_id in wanted
        ]

    def read(self, kind: str, quickbooks_id: str) -> Found | None:
        """See ports.QuickBooks.read."""
        entity = wire.ENTITIES[kind]
        answer = self._call("read", "GET", f"/{entity.lower()}/{quickbooks_id}")
        fault = fault_of(answer)
        if fault is not None and fault.code == "610":
            return None
        return wire.found(self._member("read", answer, entity, msgspec.Raw))

    # --- reference data -----------------------------------------------------------------------------------------

    def company(self) -> Company:
        """See ports.QuickBooks.company."""
        info = self._read("companyinfo", f"/companyinfo/{self._realm}", "CompanyInfo", wire.CompanyInfo)
        preferences = self._read("preferences", "/preferences", "Preferences", wire.Preferences)
        closed = preferences.accounting_info_prefs.book_close_date
        home = preferences.currency_prefs.home_currency
        return Company(
            name=info.company_name or "",
            country=info.country or "",
            home_currency=(home.value if home is not None else None) or "",
            multicurrency=preferences.currency_prefs.multi_currency_enabled,
            custom_numbers=preferences.sales_forms_prefs.custom_txn_numbers,
            closed_until=date.fromisoformat(closed[:10]) if closed else None,
        )

    def accounts(self) -> list[QuickBooksRef]:
        """See ports.QuickBooks.accounts."""
        return [wire.account_reference(wire.decoded(row, wire.Account)) for row in self._query("Account")]

    def items(self) -> list[QuickBooksRef]:
        """See ports.QuickBooks.items."""
        return [wire.item_reference(wire.decoded(row, wire.Item)) for row in self._query("Item")]

    def customers(self) -> list[QuickBooksRef]:
        """See ports.QuickBooks.customers."""
        return [wire.customer_reference(wire.decoded(row, wire.Customer)) for row in self._query("Customer")]

    def balance(self, account: QuickBooksRef) -> int:
        """See ports.QuickBooks.balance."""
        told = self._read("read", f"/account/{account.id}", "Account", wire.Account)
        currency = wire.account_reference(told).currency or account.currency or "USD"
        return to_minor(told.current_balance, currency)

    def create_account(
        self, name: str, account_type: str, subtype: str, currency: str, request_id: str
    ) -> QuickBooksRef:
        """See ports.QuickBooks.create_account."""
        value: dict[str, Any] = {"Name": name, "AccountType": account_type, "AccountSubType": subtype}
        if currency and self._multicurrency():
            value["CurrencyRef"] = {"value": currency}
        return wire.account_reference(self._create("Account", value, request_id, wire.Account))

    def create_item(self, name: str, income_account: QuickBooksRef, request_id: str) -> QuickBooksRef:
        """See ports.QuickBooks.create_item."""
        value = {"Name": name, "Type": "Service", "IncomeAccountRef": {"value": income_account.id}}
        return wire.item_reference(self._create("Item", value, request_id, wire.Item))

    def create_customer(self, name: str, currency: str, request_id: str) -> QuickBooksRef:
        """See ports.QuickBooks.create_customer."""
        value: dict[str, Any] = {"DisplayName": name, "Taxable": False}
        if currency and self._multicurrency():
            value["CurrencyRef"] = {"value": currency}
        return wire.customer_reference(self._create("Customer", value, request_id, wire.Customer))

    def renew_token(self) -> None:
        """See the port."""
        self._login.renew()

    def clock_ahead(self) -> float | None:
        """See the port."""
        return self._http.clock_ahead

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _multicurrency(self) -> bool:
        if self._has_currencies is None:
            preferences = self._read("preferences", "/preferences", "Preferences", wire.Preferences)
            self._has_currencies = preferences.currency_prefs.multi_currency_enabled
        return self._has_currencies

    # --- one call -------------------------------------------------------------------------------------------------

    def _create(self, entity: str, value: dict[str, Any], request_id: str, kind: type[_T]) -> _T:
        if len(request_id) > REQUEST_ID_LENGTH:
            raise BadInput(f"request id {request_id} is longer than QuickBooks takes")

        def read(answer: httpx.Response) -> _T:
            return self._member(f"create {entity}", answer, entity, kind)

        return self._write(f"create {entity}", f"/{entity.lower()}", request_id, msgspec.json.encode(value), read)

    def _write(
        self, operation: str, path: str, request_id: str, body: bytes, read: Callable[[httpx.Response], _T]
    ) -> _T:
        """Write once: while it is not known what became of it, the same bytes go again under the same request id."""
        unknown: VendorError | None = None
        refusal: VendorError | None = None
        until = time.monotonic() + SENDING_SECONDS / self._speed
        for replay in range(1 + REPLAYS):
            if unknown is not None:
                if time.monotonic() > until:
                    break  # others count on it that a sending has ended after a while
                throttled = isinstance(unknown, _PartlyUnknown) and action_for(unknown.code) == "retry"
                self._http.rest(THROTTLED_SECONDS if throttled else growing_wait(replay))
            try:
                return read(self._call(operation, "POST", path, [("requestid", request_id)], body, repeatable=False))
            except VendorError as error:
                if isinstance(error, OutcomeUnknown) or error.code == UNREADABLE or action_for(error.code) == "replay":
                    unknown = error
                elif unknown is None:
                    raise
                else:
                    refusal = error  # of this try; an earlier one may have been done
                    break
        told = "; ".join(str(error) for error in (unknown, refusal) if error is not None)
        last = refusal or unknown
        assert last is not None
        raise OutcomeUnknown(told, vendor=wire.VENDOR, code=last.code, request=last.request)

    def _query(self, entity: str, where: str = "") -> Iterator[msgspec.Raw]:
        """All rows, page by page, oldest first."""
        start = 1
        while True:
            condition = f" WHERE {where}" if where else ""
            query = f"SELECT * FROM {entity}{condition} ORDERBY Id STARTPOSITION {start} MAXRESULTS {PAGE}"
            answer = self._call("query", "GET", "/query", [("query", query)])
            members = self._member("query", answer, "QueryResponse", wire.Members)
            rows = wire.decoded(members[entity], list[msgspec.Raw]) if entity in members else []
            yield from rows
            if len(rows) < PAGE:
                return
            start += PAGE

    def _read(self, operation: str, path: str, member: str, kind: type[_T]) -> _T:
        return self._member(operation, self._call(operation, "GET", path), member, kind)

    def _member(self, operation: str, answer: httpx.Response, member: str, kind: type[_T]) -> _T:
        """One member of an answer that must have succeeded."""
        content = without_nul(self._succeeded(operation, answer))
        try:
            return msgspec.json.decode(msgspec.json.decode(content, type=wire.Members)[member], type=kind)
        except (msgspec.DecodeError, KeyError) as error:
            problem = str(error)
        raise self._http.unreadable(operation, answer, problem)

    def _succeeded(self, operation: str, answer: httpx.Response) -> bytes:
        """The content of an answer without a fault. Raises what its fault means."""
        fault = fault_of(answer)
        if answer.status_code == 200 and fault is None:
            return answer.content
        code, words = (fault.code, fault.message) if fault is not None else ("", "")
        if action_for(code) == "reconnect" or answer.status_code == 401 or (answer.status_code == 403 and not code):
            words = f"{words}; connect again: ml-connector connect quickbooks {self._flow}".lstrip("; ")
            raise self._http.refusal(operation, answer, ConnectionLost, code, words)
        if fault is None:
            raise self._http.unreadable(operation, answer, "a page of a gateway")
        if code == "6190":
            words = f"{words}; the company's QuickBooks subscription has ended"
        kind = Refused if action_for(code) in ("hold", "defect") else VendorError
        raise self._http.refusal(operation, answer, kind, code, words)

    def _call(
        self,
        operation: str,
        method: str,
        path: str,
        params: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        repeatable: bool = True,
    ) -> httpx.Response:
        call = Call(
            operation,
            method,
            self._base + path,
            limits=self._batch_limits if operation == "batch" else self._limits,
            repeatable=repeatable,
            params=[*params, ("minorversion", MINOR_VERSION)],
            headers={
                "Accept": "application/json",
                **({"Content-Type": "application/json; charset=utf-8"} if body is not None else {}),
            },
            content=body,
            auth=self._login,
            patience_seconds=None if repeatable else SENDING_SECONDS,
        )
        return self._http.send(call)


class _PartlyUnknown(OutcomeUnknown):
    """Some items of a batch were done, others have to wait."""
