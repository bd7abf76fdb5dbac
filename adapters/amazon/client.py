"""Seller Central over SP-API: orders, settlement reports, marketplaces. Read only, by construction.

What may leave is one list of method and path; anything else is refused before it is sent. Rates are those of Amazon's
models (amazon.md 6), kept in rows that all workers share.
"""

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import httpx
import msgspec

from adapters.amazon.auth import LoginWithAmazon
from adapters.amazon.wire import (
    DocumentAnswer,
    ErrorsAnswer,
    OrdersAnswer,
    ParticipationsAnswer,
    ReportsAnswer,
    to_order,
)
from adapters.http import Call, CourteousClient, Limit, QuotaKeeper, full_jitter
from application.ports import Clock, OrderPage, Participation, ReportDocument, ReportRef
from domain.errors import ConnectionLost, VendorError

SETTLEMENT_REPORT = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
REPORT_RETENTION = timedelta(days=89)  # asking for exactly 90 days fails by a race

# Never BUYER or RECIPIENT: they hold personal data and need a restricted role.
INCLUDED_DATA = ("PROCEEDS", "PROMOTION", "CANCELLATION", "FULFILLMENT", "PACKAGES", "TAX")

# operation: method, path, rate a second, burst
_OPERATIONS: dict[str, tuple[str, str, float, float]] = {
    "searchOrders": ("GET", r"/orders/2026-01-01/orders", 0.0056, 20),
    "getReports": ("GET", r"/reports/2021-06-30/reports", 0.0222, 10),
    "getReportDocument": ("GET", r"/reports/2021-06-30/documents/[^/]+", 0.0167, 15),
    "getMarketplaceParticipations": ("GET", r"/sellers/v1/marketplaceParticipations", 0.016, 15),
}

_MAX_WAIT_SECONDS = 900.0
_MAX_PAGES = 10_000
_T = TypeVar("_T")


class AmazonClient:
    """ports.SellerCentral for one seller account in one region."""

    def __init__(
        self,
        flow: str,
        api_url: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        quotas: QuotaKeeper,
        clock: Clock,
        speed: float = 1.0,
    ) -> None:
        self._flow = flow
        self._api_url = api_url.rstrip("/")
        self._clock = clock
        self._http = CourteousClient(
            "amazon",
            flow,
            quotas,
            timeout=httpx.Timeout(60.0, connect=10.0),
            throttle_wait=_throttle_wait,
            request_id_header="x-amzn-RequestId",
            speed=speed,
            attempts=8,
            user_agent="ml-connector/0.1 (Language=Python; Platform=self-hosted)",
        )
        self._login = LoginWithAmazon(self._http, flow, token_url, client_id, client_secret, refresh_token, speed)

    def marketplaces(self) -> list[Participation]:
        """See ports.SellerCentral.marketplaces."""
        answer = self._get("getMarketplaceParticipations", "/sellers/v1/marketplaceParticipations")
        decoded = self._decode(answer, ParticipationsAnswer, "getMarketplaceParticipations")
        return [
            Participation(
                entry.marketplace.id,
                _shop_name(entry.marketplace.domain_name) or entry.marketplace.name,
                entry.marketplace.default_currency_code,
                entry.marketplace.country_code,
            )
            for entry in decoded.payload
            if entry.participation.is_participating and not entry.marketplace.name.startswith("Non-Amazon")
        ]

    def orders(self, updated_after: datetime, marketplace_ids: Sequence[str]) -> Iterator[OrderPage]:
        """See ports.SellerCentral.orders."""
        fixed = [("lastUpdatedAfter", _instant(updated_after)), ("maxResultsPerPage", "100")]
        fixed += [("marketplaceIds", ",".join(marketplace_ids))] if marketplace_ids else []
        fixed += [("includedData", ",".join(INCLUDED_DATA))]
        token = ""
        used: set[str] = set()
        for _ in range(_MAX_PAGES):
            params = [*fixed, ("paginationToken", token)] if token else fixed
            answer = self._get("searchOrders", "/orders/2026-01-01/orders", params)
            page = self._decode(answer, OrdersAnswer, "searchOrders")
            yield OrderPage([to_order(order) for order in page.orders], page.last_updated_before, answer.content)
            token = page.pagination.next_token if page.pagination is not None else ""
            if not token:
                return
            if token in used:
                raise VendorError("amazon repeats a page of searchOrders; the next cycle starts again", vendor="amazon")
            used.add(token)
        raise VendorError("amazon gives more pages of searchOrders than can be", vendor="amazon")

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
        used: set[str] = set()
        for _ in range(_MAX_PAGES):
            answer = self._get("getReports", "/reports/2021-06-30/reports", params)
            page = self._decode(answer, ReportsAnswer, "getReports")
            for report in page.reports:
                if report.processing_status == "DONE" and report.report_document_id:
                    ref = ReportRef(report.report_id, report.report_document_id, report.created_time)
                    found[report.report_id] = ref
            if not page.next_token:
                return sorted(found.values(), key=lambda report: (report.created, report.report_id))
            if page.next_token in used:
                raise VendorError("amazon repeats a page of getReports; the next cycle starts again", vendor="amazon")
            used.add(page.next_token)
            params = [("nextToken", page.next_token)]  # which must then stand alone
        raise VendorError("amazon gives more pages of getReports than can be", vendor="amazon")

    def document(self, document_id: str) -> ReportDocument:
        """See ports.SellerCentral.document. An address is good for five minutes; one that has ended is asked anew."""
        for last_try in (False, True):
            answer = self._get("getReportDocument", f"/reports/2021-06-30/documents/{document_id}")
            where = self._decode(answer, DocumentAnswer, "getReportDocument")
            # A pre-signed address of the storage: it takes no SP-API header, and its query is a secret.
            download = Call("download", "GET", where.url)
            content = self._http.send(download)
            if content.status_code == 200:
                return ReportDocument(
                    _decompressed(content.content, where.compression_algorithm), content.charset_encoding or ""
                )
            if content.status_code != 403 or last_try:
                raise self._http.refusal(download, content)
        raise AssertionError("unreachable")

    def close(self) -> None:
        self._http.close()

    def _get(self, operation: str, path: str, params: Sequence[tuple[str, str]] = ()) -> httpx.Response:
        method, pattern, rate, burst = _OPERATIONS[operation]
        call = Call(
            operation,
            method,
            self._api_url + path,
            limits=[Limit(f"amazon/{self._flow}/{operation}", rate, burst)],
            params=params,
            headers={"x-amz-access-token": self._login.access_token()},
        )
        may_leave(call.method, path)
        assert re.fullmatch(pattern, path)
        answer = self._http.send(call)
        if answer.status_code == 200:
            return answer
        code, text = _refused_with(answer)
        if answer.status_code in (401, 403):
            self._login.forget()
            what = f"{text} Check the application's roles and the region, or connect again: " if text else ""
            text = f"{what}ml-connector connect amazon {self._flow}"
            raise self._http.refusal(call, answer, ConnectionLost, code, text)
        raise self._http.refusal(call, answer, VendorError, code, text)

    def _decode(self, answer: httpx.Response, kind: type[_T], operation: str) -> _T:
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except msgspec.DecodeError as error:
            raise VendorError(f"amazon's answer to {operation} cannot be read: {error}", vendor="amazon") from None


def _shop_name(domain: str) -> str:
    """`www.amazon.co.uk` as sellers write it: `Amazon.co.uk`."""
    name = domain.removeprefix("www.")
    return name[:1].upper() + name[1:]


def may_leave(method: str, path: str) -> None:
    """Raises PermissionError for anything but the reads named above: nothing changes the seller's trade."""
    if not any(method == allowed and re.fullmatch(pattern, path) for allowed, pattern, _, _ in _OPERATIONS.values()):
        raise PermissionError(f"{method} {path} is not among the calls that may go to Amazon")


def _throttle_wait(call: Call, attempt: int) -> float:
    """Amazon names no wait: begin at the time of one token, double, with jitter (amazon.md 6)."""
    rate = min((limit.rate for limit in call.limits), default=1.0)
    return full_jitter(min(2 ** (attempt - 1) / rate, _MAX_WAIT_SECONDS))


def _refused_with(answer: httpx.Response) -> tuple[str, str]:
    try:
        errors = msgspec.json.decode(answer.content, type=ErrorsAnswer).errors
    except msgspec.DecodeError:
        errors = []
    return (errors[0].code, errors[0].message) if errors else ("", "")


def _decompressed(content: bytes, algorithm: str) -> bytes:
    if algorithm != "GZIP":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise VendorError(f"amazon's document is cut short or no gzip: {error}", vendor="amazon") from None


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
