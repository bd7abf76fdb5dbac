"""What the use cases need of Amazon for orders that do not come by the search: one by one, and in bulk reports."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import BinaryIO, Literal, Protocol

import msgspec

from domain.order import AmazonOrder, Package

ReportKind = Literal["orders", "shipments"]
ReportStatus = Literal["waiting", "done", "empty", "failed"]


class FoundOrder(msgspec.Struct, frozen=True):
    """One order as it was asked for by its id, and the bytes that say so (stripped of what is private)."""

    order: AmazonOrder
    content: bytes
    refused: tuple[str, ...] = ()


class RequestedReport(msgspec.Struct, frozen=True):
    """A report that was asked for. `empty`: Amazon found nothing, or cancelled it."""

    report_id: str
    status: ReportStatus
    created: datetime
    begin: datetime | None = None
    end: datetime | None = None
    document_id: str = ""


class UnreadableRow(msgspec.Struct, frozen=True):
    """A row of a report that nobody can read: `line` counts from 1, `order_id` as far as it can be told."""

    line: int
    order_id: str
    problem: str


class Shipped(msgspec.Struct, frozen=True):
    """What Amazon shipped of one order: its parcels."""

    order_id: str
    parcels: tuple[Package, ...]


class RequestedReports(Protocol):
    """Reports that Amazon makes on request (Reports 2021-06-30). All raise ConnectionLost, Throttled or VendorError."""

    def request(self, kind: ReportKind, begin: datetime, end: datetime, marketplace_ids: Sequence[str]) -> str:
        """Ask for a report of at most 30 days; its id. Raises OutcomeUnknown where it may have been asked for."""

    def state(self, report_id: str) -> RequestedReport | None:
        """How a report stands; None where Amazon does not know it (any more)."""

    def requested_since(self, kind: ReportKind, since: datetime) -> list[RequestedReport]:
        """The reports of a kind that were asked for since, newest first."""


class OrderReportReader(Protocol):
    """Reads a bulk report of orders: whole orders, in no order; never raises for content.

    A document that is none, or an error's text, is one UnreadableRow of line 1.
    """

    def __call__(self, source: BinaryIO, *, charset: str = "") -> Iterator[AmazonOrder | UnreadableRow]: ...


class ShipmentReportReader(Protocol):
    """Reads a report of Amazon's own shipments, order by order; never raises for content."""

    def __call__(self, source: BinaryIO, *, charset: str = "") -> Iterator[Shipped | UnreadableRow]: ...


class Stripper(Protocol):
    """A report's bytes without the columns that are about people, in UTF-8; what is no such report, is empty."""

    def __call__(self, content: bytes, charset: str) -> bytes: ...
