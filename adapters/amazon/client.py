"""Seller Central over SP-API: orders, settlement reports, marketplaces. Read only, by construction.

What may leave is one list of method and path, and every request is held against it at the door (adapters/amazon/door).
Rates are those of Amazon's models (amazon.md 6) until Amazon announces another, kept in rows that all workers share.
"""

import gzip
import platform
import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from adapters.amazon.auth import LoginWithAmazon
from adapters.amazon.door import Door
from adapters.amazon.finances import AmazonFinances
from adapters.amazon.orders import AmazonOrders, Pages, instant
from adapters.amazon.requested_reports import AmazonRequestedReports
from adapters.amazon.wire import (
    DocumentAnswer,
    ErrorsAnswer,
    ParticipationsAnswer,
    ReportsAnswer,
)
from adapters.http import Call, CourteousClient, Limit, QuotaKeeper
from adapters.nul import without_nul
from adapters.redaction import conceal
from application.order_ports import FoundOrder
from application.ports import Clock, OrderPage, Participation, ReportDocument, ReportRef
from domain.errors import ConnectionLost, VendorError

SETTLEMENT_REPORT = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
REPORT_RETENTION = timedelta(days=89)  # asking for exactly 90 days fails by a race

USER_AGENT = f"ml-connector/0.1 (Language=Python/{platform.python_version()}; Platform={platform.system()})"


class Operation(NamedTuple):
    """What may be asked of SP-API, and how often: requests a second and burst."""

    method: str
    path: str
    rate: float
    burst: float


OPERATIONS = {
    "searchOrders": Operation("GET", "/orders/2026-01-01/orders", 0.0056, 20),
    "getOrder": Operation("GET", "/orders/2026-01-01/orders/{orderId}", 0.5, 30),
    "createReport": Operation("POST", "/reports/2021-06-30/reports", 0.0167, 15),
    "getReport": Operation("GET", "/reports/2021-06-30/reports/{reportId}", 2, 15),
    "getReports": Operation("GET", "/reports/2021-06-30/reports", 0.0222, 10),
    "getReportDocument": Operation("GET", "/reports/2021-06-30/documents/{reportDocumentId}", 0.0167, 15),
    "getMarketplaceParticipations": Operation("GET", "/sellers/v1/marketplaceParticipations", 0.016, 15),
    "listTransactions": Operation("GET", "/finances/2024-06-19/transactions", 0.5, 10),
    "listSummary": Operation("GET", "/finances/2024-06-19/summary", 0.5, 10),
    "listBalances": Operation("GET", "/finances/2024-06-19/balances", 0.5, 10),
    "listFinancialEventGroups": Operation("GET", "/finances/v0/financialEventGroups", 0.5, 30),
    "listPayouts": Operation("GET", "/finances/transfers/2024-06-01/payouts", 0.5, 10),
}

RATE_HEADER = "x-amzn-RateLimit-Limit"  # the rate alone, and not on every answer
_LONGEST_WAIT_SECONDS = 900.0
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
        *,
        other_secrets: Sequence[str] = (),
        judged: Callable[[str], None] = lambda refusal: None,
    ) -> None:
        """`other_secrets` and `judged`: see LoginWithAmazon."""
        self._flow = flow
        self._region_url = region_url.rstrip("/")
        reads = [(operation.method, operation.path) for operation in OPERATIONS.values()]
        self._clock = clock
        self._http = CourteousClient(
            "amazon",
            flow,
            quotas,
            timeout=httpx.Timeout(min(60.0, patience_seconds), connect=10.0),
            throttle_wait=_throttle_wait,
            request_id_header="x-amzn-RequestId",
            user_agent=user_agent,
            gate=Door(region_url, token_url, reads).check,
            rate_header=RATE_HEADER,
            speed=speed,
            patience_seconds=patience_seconds,
        )
        self._login = LoginWithAmazon(
            self._http, flow, token_url, client_id, client_secret, refresh_token, clock, speed,
            other_secrets=other_secrets, judged=judged,
        )  # fmt: skip

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

    def orders(
        self,
        updated_after: datetime,
        marketplace_ids: Sequence[str],
        token: str = "",
        without: Sequence[str] = (),
        updated_before: datetime | None = None,
    ) -> Iterator[OrderPage]:
        """See ports.SellerCentral.orders."""
        return AmazonOrders(self._get).search(updated_after, marketplace_ids, token, without, updated_before)

    def order(self, order_id: str, without: Sequence[str] = ()) -> FoundOrder | None:
        """See ports.SellerCentral.order."""
        return AmazonOrders(self._get).get(order_id, without)

    @property
    def requested_reports(self) -> AmazonRequestedReports:
        """See ports.SellerCentral.requested_reports."""
        return AmazonRequestedReports(self._get)

    def settlement_reports(self, created_since: datetime) -> list[ReportRef]:
        """See ports.SellerCentral.settlement_reports."""
        since = max(created_since, self._clock() - REPORT_RETENTION)
        params = [
            ("reportTypes", SETTLEMENT_REPORT),
            ("processingStatuses", "DONE"),
            ("createdSince", instant(since)),
            ("pageSize", "100"),
        ]
        found: dict[str, ReportRef] = {}
        pages = Pages("getReports")
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
        self,
        operation: str,
        kind: type[_T],
        params: Sequence[tuple[str, str]] = (),
        path: str = "",
        content: bytes | None = None,
    ) -> tuple[bytes, _T]:
        """The answer's bytes and what they say. What is sent with `content` is not repeated blindly."""
        allowed = OPERATIONS[operation]
        call = Call(
            operation,
            allowed.method,
            self._region_url + (path or allowed.path),
            limits=[Limit(f"amazon/{self._flow}/{operation}", allowed.rate, allowed.burst)],
            params=params,
            headers={"Accept": "application/json"} | ({"Content-Type": "application/json"} if content else {}),
            content=content,
            repeatable=content is None,
            auth=self._login,
        )
        answer = self._http.send(call)
        if answer.status_code in (200, 202):
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
