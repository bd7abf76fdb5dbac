"""Seller Central as the use cases see it; orders and Finances have ports of their own."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import BinaryIO, Protocol

import msgspec

from application.finance_ports import SellerFinances
from application.order_ports import FoundOrder, RequestedReports
from domain.errors import UnreadableReport
from domain.flow import Flow
from domain.order import AmazonOrder
from domain.settlement import SettlementLine, Statement


class OrderPage(msgspec.Struct, frozen=True):
    """A page of orders. `upper_bound` is the server's own bound of the window, the next cursor.

    `content` is stripped of what is private; `token` is the next page's, good for 24 hours; `refused` are data sets
    that Amazon does not give.
    """

    orders: Sequence[AmazonOrder]
    upper_bound: datetime | None
    content: bytes
    token: str = ""
    refused: tuple[str, ...] = ()


class ReportRef(msgspec.Struct, frozen=True):
    """A settlement report that Amazon offers for download."""

    report_id: str
    document_id: str
    created: datetime


class ReportDocument(msgspec.Struct, frozen=True):
    """A downloaded document: decompressed bytes and the charset its Content-Type named (empty if none)."""

    content: bytes
    charset: str


class Participation(msgspec.Struct, frozen=True):
    """A marketplace the seller takes part in."""

    marketplace_id: str
    name: str
    currency: str
    country: str


class SellerCentral(Protocol):
    """One seller account in one region, read only. All methods raise ConnectionLost, Throttled or VendorError."""

    def marketplaces(self) -> list[Participation]:
        """The marketplaces the seller takes part in (Sellers v1)."""

    def orders(
        self,
        updated_after: datetime,
        marketplace_ids: Sequence[str],
        token: str = "",
        without: Sequence[str] = (),
        updated_before: datetime | None = None,
    ) -> Iterator[OrderPage]:
        """Orders changed since, page by page (Orders 2026-01-01); no buyer or recipient data is asked for.

        `token` goes on with a search begun with the same arguments; `without` are data sets not to ask for. VendorError
        with the code InvalidInput where the token is not good any more, `repeated_page` where pages go in a circle.
        """

    def order(self, order_id: str, without: Sequence[str] = ()) -> FoundOrder | None:
        """One order by its id; None where Amazon has it no more."""

    @property
    def requested_reports(self) -> RequestedReports:
        """Reports in bulk, made on request."""

    def settlement_reports(self, created_since: datetime) -> list[ReportRef]:
        """Settlement reports of the region, oldest first (Reports 2021-06-30); Amazon keeps them for 90 days."""

    def document(self, document_id: str) -> ReportDocument:
        """Fetch a report's document into memory; it never touches the disk unencrypted."""

    @property
    def finances(self) -> SellerFinances:
        """What Amazon says of the account's money beside the reports."""

    def renew_token(self) -> None:
        """Get a new access token by the stored consent, as calls do when the former one ends."""

    def clock_ahead(self) -> float | None:
        """Seconds by which the vendor's clock was ahead of ours at its last answer; None before one."""


class ReportReader(Protocol):
    """Reads a settlement flat file (V1 or V2): each Statement is followed by its lines.

    An UnreadableReport in the stream is a row that cannot be read: the settlement it stands in is unusable, the
    others of the document are not. Streams in constant memory; never raises for content.
    """

    def __call__(
        self, source: BinaryIO, *, charset: str = ""
    ) -> Iterable[Statement | SettlementLine | UnreadableReport]: ...


# A vendor as a flow reaches it; its connections are closed with the block. Raises ConnectionLost, BadInput.
OpenSeller = Callable[[Flow], AbstractContextManager[SellerCentral]]
