"""Orders 2026-01-01: the search, one order by its id, and data sets that Amazon's region refuses.

A refused data set must not keep the orders from coming (models#5365: FE answered 400 for FULFILLMENT for weeks), so it
is left out, one at a time, and who asked is told which. BUYER and RECIPIENT are never asked for.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from urllib.parse import quote

from adapters.amazon.private import stripped
from adapters.amazon.wire import OrderAnswer, OrdersAnswer, to_order
from application.order_ports import FoundOrder
from application.ports import OrderPage
from domain.errors import VendorError

# Never BUYER or RECIPIENT: they hold personal data and need a restricted role.
INCLUDED_DATA = ("PROCEEDS", "PROMOTION", "CANCELLATION", "FULFILLMENT", "PACKAGES", "TAX")
_MAX_PAGES = 10_000
_T = TypeVar("_T")


class Ask(Protocol):
    """Makes one call of SP-API: the answer's bytes and what they say."""

    def __call__(
        self, operation: str, kind: type[_T], params: Sequence[tuple[str, str]] = (), path: str = ""
    ) -> tuple[bytes, _T]: ...


class AmazonOrders:
    """The orders of one seller account in one region."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def search(
        self,
        updated_after: datetime,
        marketplace_ids: Sequence[str],
        token: str,
        without: Sequence[str],
        updated_before: datetime | None,
    ) -> Iterator[OrderPage]:
        """See ports.SellerCentral.orders."""
        # A page must be asked for with what the first one was asked for.
        fixed = [("lastUpdatedAfter", instant(updated_after)), ("maxResultsPerPage", "100")]
        fixed += [("lastUpdatedBefore", instant(updated_before))] if updated_before is not None else []
        fixed += [("marketplaceIds", ",".join(marketplace_ids))] if marketplace_ids else []
        pages = Pages("searchOrders", token)
        refused = tuple(without)
        while True:
            params = [*fixed, ("paginationToken", pages.token)] if pages.token else fixed
            content, page, refused = self._with_data("searchOrders", OrdersAnswer, params, refused)
            following = page.pagination.next_token if page.pagination is not None else None
            more = pages.go_on(following)
            orders = [to_order(order, refused) for order in page.orders]
            yield OrderPage(orders, page.last_updated_before, content, pages.token if more else "", refused)
            if not more:
                return

    def get(self, order_id: str, without: Sequence[str]) -> FoundOrder | None:
        """See ports.SellerCentral.order."""
        path = f"/orders/2026-01-01/orders/{quote(order_id, safe='')}"
        try:
            content, answer, refused = self._with_data("getOrder", OrderAnswer, [], tuple(without), path)
        except VendorError as error:
            if error.code in ("NotFound", "404"):
                return None
            raise
        return FoundOrder(to_order(answer.order, refused), content, refused)

    def _with_data(
        self,
        operation: str,
        kind: type[_T],
        params: Sequence[tuple[str, str]],
        refused: tuple[str, ...],
        path: str = "",
    ) -> tuple[bytes, _T, tuple[str, ...]]:
        """The answer without what is private, and the data sets that were refused."""
        try:
            return *self._asked(operation, kind, params, refused, path), refused
        except VendorError as error:
            if error.code != "InvalidInput" or "token" in str(error).lower():
                raise
            first = error
        wanted = [name for name in INCLUDED_DATA if name not in refused]
        named = [name for name in wanted if name in str(first)]
        if named:
            return self._with_data(operation, kind, params, (*refused, named[0]), path)
        alone = [name for name in wanted if self._refuses(name, operation, kind, params, path)]
        if not alone:
            raise first
        without = (*refused, *alone)
        return *self._asked(operation, kind, params, without, path), without

    def _refuses(self, name: str, operation: str, kind: type[_T], params: Sequence[tuple[str, str]], path: str) -> bool:
        """Whether a data set is refused even alone: Amazon does not always say which one it means."""
        try:
            self._asked(operation, kind, params, [other for other in INCLUDED_DATA if other != name], path)
        except VendorError as error:
            if error.code != "InvalidInput":
                raise
            return True
        return False

    def _asked(
        self, operation: str, kind: type[_T], params: Sequence[tuple[str, str]], refused: Sequence[str], path: str
    ) -> tuple[bytes, _T]:
        included = [name for name in INCLUDED_DATA if name not in refused]
        asked = [*params, *([("includedData", ",".join(included))] if included else [])]
        content, answer = self._ask(operation, kind, asked, path)
        return stripped(content), answer


class Pages:
    """Follows page tokens, and stops where a vendor walks in circles (amazon.md 9.12)."""

    def __init__(self, operation: str, token: str = "") -> None:
        self._operation = operation
        self._used: set[str] = {token} if token else set()
        self.token = token

    def go_on(self, token: str | None) -> bool:
        """Whether there is another page, then at `token`. Raises VendorError for a token that was used before."""
        if not token:
            return False
        if token in self._used or len(self._used) >= _MAX_PAGES:
            raise VendorError(
                f"amazon repeats a page of {self._operation}; the next cycle starts again",
                vendor="amazon",
                code="repeated_page",
            )
        self._used.add(token)
        self.token = token
        return True


def instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
