"""Seller Central over SP-API: orders, settlement reports, marketplaces. Read only, by construction.

What may leave is one list of method and path, and every request is held against it at the door of the HTTP client.
Rates are those of Amazon's models (amazon.md 6), kept in rows that all workers share.
"""

import gzip
import platform
import random
import re
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from adapters.amazon.auth import TOKEN_HEADER, LoginWithAmazon
from adapters.amazon.finances import AmazonFinances
from adapters.amazon.wire import (
    DocumentAnswer,
    ErrorsAnswer,
    OrdersAnswer,
    ParticipationsAnswer,
    ReportsAnswer,
    to_order,
)
from adapters.http import Call, CourteousClient, Limit, QuotaKeeper
from adapters.nul import without_nul
from adapters.redaction import conceal
from application.ports import Clock, OrderPage, Participation, ReportDocument, ReportRef
from domain.errors import ConnectionLost, VendorError

SETTLEMENT_REPORT = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
REPORT_RETENTION = timedelta(days=89)  # asking for exactly 90 days fails by a race

# Never BUYER or RECIPIENT: they hold personal data and need a restricted role.
INCLUDED_DATA = ("PROCEEDS", "PROMOTION", "CANCELLATION", "FULFILLMENT", "PACKAGES", "TAX")

USER_AGENT = f"ml-connector/0.1 (Language=Python/{platform.python_version()}; Platform={platform.system()})"


class Operation(NamedTuple):
    """What may be asked of SP-API, and how often: requests a second and burst."""

    method: str
    path: str
    rate: float
    burst: float


OPERATIONS = {
    "searchOrders": Operation("GET", "/orders/2026-01-01/orders", 0.0056, 20),
    "getReports": Operation("GET", "/reports/2021-06-30/reports", 0.0222, 10),
    "getReportDocument": Operation("GET", "/reports/2021-06-30/documents/{reportDocumentId}", 0.0167, 15),
    "getMarketplaceParticipations": Operation("GET", "/sellers/v1/marketplaceParticipations", 0.016, 15),
    "listTransactions": Operation("GET", "/finances/2024-06-19/transactions", 0.5, 10),
    "listSummary": Operation("GET", "/finances/2024-06-19/summary", 0.5, 10),
    "listBalances": Operation("GET", "/finances/2024-06-19/balances", 0.5, 10),
    "listFinancialEventGroups": Operation("GET", "/finances/v0/financialEventGroups", 0.5, 30),
    "listPayouts": Operation("GET", "/finances/transfers/2024-06-01/payouts", 0.5, 10),
}
_ALLOWED = [
    (operation.method, re.compile(re.sub(r"\{\w+\}", "[^/]+", operation.path))) for operation in OPERATIONS.values()
]

_LONGEST_WAIT_SECONDS = 900.0
_MAX_PAGES = 10_000
_T = TypeVar("_T")


class AmazonClient:
    """ports.SellerCentral for one seller account in one region."""

    def __init__(
        self,
        flow: str,
        region_url: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        quotas: QuotaKeeper,
        clock: Clock,
        speed: float = 1.0,
        user_agent: str = USER_AGENT,
        patience_seconds: float = 1_800.0,
    ) -> None:
        self._flow = flow
        self._region_url = region_url.rstrip("/")
        self._region = httpx.URL(region_url)
        self._token_url = httpx.URL(token_url)
        self._clock = clock
        self._http = CourteousClient(
            "amazon",
            flow,
            quotas,
            timeout=httpx.Timeout(min(60.0, patience_seconds), connect=10.0),
            throttle_wait=_throttle_wait,
            request_id_header="x-amzn-RequestId",
            user_agent=user_agent,
            gate=self._may_leave,
            speed=speed,
            patience_seconds=patience_seconds,
        )
        self._login = LoginWithAmazon(
            self._http, flow, token_url, client_id, client_secret, refresh_token, clock, speed
        )

    def marketplaces(self) -> list[Participation]:
        """See ports.SellerCentral.marketplaces."""
        _, decoded = self._get("getMarketplaceParticipations", ParticipationsAnswer)
        return [
            Participation(
                entry.marketplace.id,
                _shop_name(entry.marketplace.domain_name or "") or entry.marketplace.name,
                entry.marketplace.default_currency_code,
                entry.marketplace.country_code,
            )
            for entry in decoded.payload
            if entry.participation.is_participating and not entry.marketplace.name.startswith("Non-Amazon")
        ]

    def orders(self, updated_after: datetime, marketplace_ids: Sequence[str]) -> Iterator[OrderPage]:
        """See ports.SellerCentral.orders."""
        # A page must be asked for with what the first one was asked for.
        fixed = [("lastUpdatedAfter", _instant(updated_after)), ("maxResultsPerPage", "100")]
        fixed += [("marketplaceIds", ",".join(marketplace_ids))] if marketplace_ids else []
        fixed += [("includedData", ",".join(INCLUDED_DATA))]
        pages = _Pages("searchOrders")
        while True:
            params = [*fixed, ("paginationToken", pages.token)] if pages.token else fixed
            content, page = self._get("searchOrders", OrdersAnswer, params)
            yield OrderPage([to_order(order) for order in page.orders], page.last_updated_before, content)
            if not pages.go_on(page.pagination.next_token if page.pagination is not None else None):
                return

    def settlement_reports(self, created_since: datetime) -> list[ReportRef]:
        """See ports.SellerCentral.settlement_reports."""
        since = max(created_since, self._clock() - REPORT_RETENTION)
        params = [
            ("reportTypes", SETTLEMENT_REPORT),
            ("processingStatuses", "DONE"),
            ("createdSince", _instant(since)),
            ("pageSize", "100"),
        ]
        found: dict[str, ReportRef] = {}
        pages = _Pages("getReports")
        while True:
            _, page = self._get("getReports", ReportsAnswer, params)
            for report in page.reports:
                if report.processing_status == "DONE" and report.report_document_id:
                    ref = ReportRef(report.report_id, report.report_document_id, report.created_time.astimezone(UTC))
                    found[report.report_id] = ref
            if not pages.go_on(page.next_token):
                return sorted(found.values(), key=lambda report: (report.created, report.report_id))
            params = [("nextToken", pages.token)]  # which must then stand alone

    def document(self, document_id: str) -> ReportDocument:
        """See ports.SellerCentral.document. An address is good for five minutes; one that has ended is asked anew."""
        path = f"/reports/2021-06-30/documents/{quote(document_id, safe='')}"
        for last_try in (False, True):
            where = self._get("getReportDocument", DocumentAnswer, path=path)[1]
            # A pre-signed address of the storage: it takes no SP-API header, and its query is a secret.
            conceal(where.url, urlsplit(where.url).query)
            answer = self._http.send(Call("download", "GET", where.url))
            if answer.status_code == 200:
                return ReportDocument(self._unpacked(answer, where), answer.charset_encoding or "")
            if answer.status_code != 403 or last_try:
                raise self._http.refusal("download", answer)
        raise AssertionError("unreachable")

    @property
    def finances(self) -> AmazonFinances:
        """See ports.SellerCentral.finances."""
        return AmazonFinances(self._get, self._clock)

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

    def _get(
        self, operation: str, kind: type[_T], params: Sequence[tuple[str, str]] = (), path: str = ""
    ) -> tuple[bytes, _T]:
        """The answer's bytes and what they say."""
        allowed = OPERATIONS[operation]
        call = Call(
            operation,
            allowed.method,
            self._region_url + (path or allowed.path),
            limits=[Limit(f"amazon/{self._flow}/{operation}", allowed.rate, allowed.burst)],
            params=params,
            headers={"Accept": "application/json"},
            auth=self._login,
        )
        answer = self._http.send(call)
        if answer.status_code == 200:
            try:
                return answer.content, msgspec.json.decode(without_nul(answer.content), type=kind)
            except msgspec.DecodeError as error:
                problem = str(error)
            raise self._http.unreadable(operation, answer, problem)
        code, text = _refused_with(answer)
        if answer.status_code in (401, 403):
            text = (
                f"{text} Check the application's roles and the flow's region, or connect again: "
                f"ml-connector connect amazon {self._flow}"
            ).strip()
            raise self._http.refusal(operation, answer, ConnectionLost, code, text)
        raise self._http.refusal(operation, answer, VendorError, code, text)

    def _may_leave(self, request: httpx.Request) -> None:
        """Raises PermissionError for anything but the reads named above: nothing changes the seller's trade."""
        url = request.url
        if (request.method, url) == ("POST", self._token_url):
            return
        if (url.scheme, url.netloc) == (self._region.scheme, self._region.netloc):
            path = url.raw_path.decode("ascii").partition("?")[0]
            if any(request.method == method and pattern.fullmatch(path) for method, pattern in _ALLOWED):
                return
        # The storage of documents, wherever Amazon keeps it: a plain read without our credentials.
        if request.method == "GET" and TOKEN_HEADER not in request.headers:
            return
        raise PermissionError(f"{request.method} {url.path} is not among the calls that may go to Amazon")

    def _unpacked(self, answer: httpx.Response, where: DocumentAnswer) -> bytes:
        """The document as it was before it was compressed, unless the transport has unpacked it already."""
        content = answer.content
        if where.compression_algorithm != "GZIP" or answer.headers.get("Content-Encoding") == "gzip":
            return content
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            problem = f"cut short or no gzip: {error}"
        raise self._http.unreadable("download", answer, problem)


class _Pages:
    """Follows page tokens, and stops where a vendor walks in circles (amazon.md 9.12)."""

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self._used: set[str] = set()
        self.token = ""

    def go_on(self, token: str | None) -> bool:
        """Whether there is another page, then at `token`. Raises VendorError for a token that was used before."""
        if not token:
            return False
        if token in self._used or len(self._used) >= _MAX_PAGES:
            raise VendorError(
                f"amazon repeats a page of {self._operation}; the next cycle starts again", vendor="amazon"
            )
        self._used.add(token)
        self.token = token
        return True


def _throttle_wait(call: Call, attempt: int) -> float:
    """Amazon names no wait: begin at the time of one token and double, with full jitter (amazon.md 6)."""
    rate = min((limit.rate for limit in call.limits), default=1.0)
    return random.uniform(0, min(2 ** (attempt - 1) / rate, _LONGEST_WAIT_SECONDS))


def _shop_name(domain: str) -> str:
    """`www.amazon.co.uk` as sellers write it: `Amazon.co.uk`."""
    name = domain.removeprefix("www.")
    return name[:1].upper() + name[1:]


def _refused_with(answer: httpx.Response) -> tuple[str, str]:
    try:
        errors = msgspec.json.decode(answer.content, type=ErrorsAnswer).errors
    except msgspec.DecodeError:
        errors = []
    if not errors:
        return "", ""
    details = errors[0].details or ""
    return errors[0].code, f"{errors[0].message or ''} {details}".strip()


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
