"""Reports that Amazon makes on request: the bulk report of orders and that of Amazon's own shipments.

Asking for one changes nothing in the seller's trade; no other kind can be asked for (`may_be_requested`).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from adapters.amazon.orders import Pages, instant
from adapters.amazon.wire import CreatedReport, Report, ReportsAnswer
from application.order_ports import ReportKind, ReportStatus, RequestedReport
from domain.errors import VendorError

REPORT_TYPES: Mapping[ReportKind, str] = {
    "orders": "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL",
    "shipments": "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_GENERAL",
}
_STATUS: Mapping[str, ReportStatus] = {
    "IN_QUEUE": "waiting",
    "IN_PROGRESS": "waiting",
    "DONE": "done",
    "CANCELLED": "empty",
    "FATAL": "failed",
}
_T = TypeVar("_T")


class Ask(Protocol):
    """Makes one call of SP-API: the answer's bytes and what they say."""

    def __call__(
        self,
        operation: str,
        kind: type[_T],
        params: Sequence[tuple[str, str]] = (),
        path: str = "",
        content: bytes | None = None,
    ) -> tuple[bytes, _T]: ...


class AmazonRequestedReports:
    """order_ports.RequestedReports for one seller account in one region."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def request(self, kind: ReportKind, begin: datetime, end: datetime, marketplace_ids: Sequence[str]) -> str:
        """See the port."""
        wanted = {
            "reportType": REPORT_TYPES[kind],
            "dataStartTime": instant(begin),
            "dataEndTime": instant(end),
            "marketplaceIds": list(marketplace_ids)[:25],
        }
        return self._ask("createReport", CreatedReport, content=msgspec.json.encode(wanted))[1].report_id

    def state(self, report_id: str) -> RequestedReport | None:
        """See the port."""
        try:
            path = f"/reports/2021-06-30/reports/{quote(report_id, safe='')}"
            return _as_requested(self._ask("getReport", Report, path=path)[1])
        except VendorError as error:
            if error.code in ("NotFound", "404"):
                return None
            raise

    def requested_since(self, kind: ReportKind, since: datetime) -> list[RequestedReport]:
        """See the port."""
        params = [("reportTypes", REPORT_TYPES[kind]), ("createdSince", instant(since)), ("pageSize", "100")]
        found: dict[str, RequestedReport] = {}
        pages = Pages("getReports")
        while True:
            page = self._ask("getReports", ReportsAnswer, params)[1]
            found |= {report.report_id: _as_requested(report) for report in page.reports}
            if not pages.go_on(page.next_token):
                return sorted(found.values(), key=lambda report: report.created, reverse=True)
            params = [("nextToken", pages.token)]


def may_be_requested(body: bytes) -> bool:
    """Whether the body asks for one of the reports above."""
    try:
        wanted: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return isinstance(wanted, dict) and wanted.get("reportType") in REPORT_TYPES.values()


def _as_requested(report: Report) -> RequestedReport:
    # A status that is not known yet is waited for; who waits gives up after a while.
    return RequestedReport(
        report.report_id,
        _STATUS.get(report.processing_status, "waiting"),
        report.created_time.astimezone(UTC),
        report.data_start_time.astimezone(UTC) if report.data_start_time is not None else None,
        report.data_end_time.astimezone(UTC) if report.data_end_time is not None else None,
        report.report_document_id or "",
    )
