"""Orders as they change: the search since the last one, single orders that a settlement pays, what a region refuses.

A watermark moves only with what is stored. A long search can be gone on with for as long as Amazon keeps its pages: how
far it came is a watermark of its own, so that a crash repeats a few pages and not all of them.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from application.bookkeeping import Bookkeeping
from application.ports import Clock, EvidenceStore, OrderPage, SellerCentral, Views
from application.recording import Tally
from domain.errors import ConnectionLost, VendorError
from domain.flow import Flow

ORDERS = "orders"
ORDERS_PAGE = "orders_page"
ORDER_OVERLAP = timedelta(minutes=5)
GUARD = timedelta(minutes=2)  # Amazon shows nothing younger
FIRST_ORDERS = timedelta(days=30)  # how far back a flow without a start date looks
SEARCHED = timedelta(days=90)  # what is older comes in bulk reports (order_history)
SAVED_EVERY = 5  # pages
LONGEST_SEARCH = timedelta(minutes=20)  # of one cycle; the rest in the next one, so that posting goes on
TOKEN_LIFE = timedelta(hours=23)  # Amazon keeps a search for 24
ASKED_AGAIN = timedelta(days=1)  # for data sets that were refused
ASKED_PER_CYCLE = 150  # single orders: five minutes of their quota

log = logging.getLogger(__name__)

Advance = Callable[[str, str, tuple[str, ...]], None]
Progress = Callable[[str, int], None]


def first_order(flow: Flow, now: datetime) -> datetime:
    """The earliest change that is asked for: a day before the flow's first, for what is booked in another zone."""
    if flow.since is None:
        return now - FIRST_ORDERS
    return datetime(flow.since.year, flow.since.month, flow.since.day, tzinfo=UTC) - timedelta(days=1)


class OrderPull:
    """The search for what changed, for one cycle."""

    def __init__(
        self,
        flow: Flow,
        amazon: SellerCentral,
        bookkeeping: Bookkeeping,
        views: Views,
        evidence: EvidenceStore,
        clock: Clock,
        by: str,
        advance: Advance,
        check: Callable[[], None],
        progress: Progress,
    ) -> None:
        self._flow = flow
        self._amazon = amazon
        self._bookkeeping = bookkeeping
        self._views = views
        self._evidence = evidence
        self._clock = clock
        self._by = by
        self._advance = advance
        self._check = check
        self._progress = progress
        self.tally = Tally()
        self.complete = False  # whether all that changed is stored

    @property
    def without(self) -> tuple[str, ...]:
        """Data sets not to ask for: those that were refused not long ago."""
        flow = self._flow
        recently = flow.refused_at is not None and self._clock() < flow.refused_at + ASKED_AGAIN
        return flow.refused_data if recently else ()

    def run(self) -> Tally:
        """Read and record all that changed since the last search that came to its end."""
        began = self._clock()
        self._views.catch_up()
        mark = self._views.watermark(self._flow.name, ORDERS)
        begun = self._begun()
        if mark and mark[0]:
            since = datetime.fromisoformat(mark[0]) - ORDER_OVERLAP
        else:
            since = max(first_order(self._flow, began), began - SEARCHED)
        self._check()
        if begun is not None:
            since, token, bound = begun
            try:
                return self._search(since, token, bound, began)
            except VendorError as error:
                if error.code not in ("InvalidInput", "repeated_page"):
                    raise
                log.info("flow %s: a search cannot be gone on with (%s); it is begun anew", self._flow.name, error)
                self._advance(ORDERS_PAGE, "", ())
        return self._search(since, "", None, began)

    def _search(self, since: datetime, token: str, bound: datetime | None, began: datetime) -> Tally:
        saved = bool(token)
        for number, page in enumerate(
            self._amazon.orders(since, self._flow.marketplaces, token, self.without), start=1
        ):
            self._record(page)
            # Pages of one search share the bound of the first: what changed since comes in the next search.
            bound = bound or page.upper_bound or began - GUARD - ORDER_OVERLAP
            enough = bool(page.token) and self._clock() > began + LONGEST_SEARCH
            if page.token and (enough or number % SAVED_EVERY == 0):
                self._advance(
                    ORDERS_PAGE,
                    since.isoformat(),
                    (page.token, began.isoformat(), bound.isoformat(), *self._flow.marketplaces),
                )
                saved = True
            if enough:
                return self.tally
            self._check()
        if bound is not None:
            # What was read while data was refused is read again, now that it is given.
            again = self._given_again()
            self._advance(ORDERS, (min(again, bound) if again is not None else bound).isoformat(), ())
        if saved:
            self._advance(ORDERS_PAGE, "", ())
        self.complete = True
        return self.tally

    def _record(self, page: OrderPage) -> None:
        (digest,) = self._evidence.put(self._flow.name, [page.content])
        self.tally += self._bookkeeping.ingest_orders(self._flow, page.orders, self._by, digest)
        self._progress(ORDERS, len(page.orders))
        self.refused(page.refused)

    def refused(self, datasets: Sequence[str]) -> None:
        """Remember what Amazon refuses, where that is news."""
        if datasets and (set(datasets) != set(self._flow.refused_data) or not self.without):
            reason = "Amazon answers 400 InvalidInput where they are asked for"
            self._flow = self._bookkeeping.record_order_data(self._flow, datasets, reason, self._clock(), self._by)
            log.warning("flow %s: Amazon refuses %s of its orders", self._flow.name, ", ".join(datasets))

    def _given_again(self) -> datetime | None:
        """Since when data was refused that Amazon gives again."""
        if not self._flow.refused_data or self.without:
            return None
        since = self._flow.refused_since
        self._flow = self._bookkeeping.record_order_data(self._flow, (), "", self._clock(), self._by)
        return since - ORDER_OVERLAP - GUARD if since is not None else None

    def _begun(self) -> tuple[datetime, str, datetime | None] | None:
        """A search that did not come to its end: since when it looks, its next page, its bound."""
        mark = self._views.watermark(self._flow.name, ORDERS_PAGE)
        if not mark or not mark[0]:
            return None
        token, began, bound, *marketplaces = mark[1]
        if tuple(marketplaces) != self._flow.marketplaces:
            return None
        if self._clock() > datetime.fromisoformat(began) + TOKEN_LIFE:
            return None
        return datetime.fromisoformat(mark[0]), token, datetime.fromisoformat(bound)


class OrderQuest:
    """Asks for orders that a settlement pays and that were never seen, so many a cycle."""

    def __init__(
        self,
        flow: Flow,
        amazon: SellerCentral,
        bookkeeping: Bookkeeping,
        evidence: EvidenceStore,
        by: str,
        without: Sequence[str],
        check: Callable[[], None],
        most: int = ASKED_PER_CYCLE,
    ) -> None:
        self._flow = flow
        self._amazon = amazon
        self._bookkeeping = bookkeeping
        self._evidence = evidence
        self._by = by
        self._without = without
        self._check = check
        self._left = most
        self.found = 0
        self.gone = 0

    def see(self, order_ids: Sequence[str]) -> None:
        """Ask for those of the orders that are unseen, as far as this cycle may; those left out wait for the next."""
        unseen = self._bookkeeping.unseen_orders(self._flow, order_ids)[: self._left] if self._left > 0 else []
        gone: list[str] = []
        for order_id in unseen:
            self._check()
            self._left -= 1
            try:
                found = self._amazon.order(order_id, self._without)
            except ConnectionLost:
                raise
            except VendorError as error:
                # The settlements that pay it wait; the books go on.
                log.warning("flow %s: order %s could not be asked for: %s", self._flow.name, order_id, error)
                self._left = 0
                break
            if found is None:
                gone.append(order_id)
                continue
            (digest,) = self._evidence.put(self._flow.name, [found.content])
            self._bookkeeping.ingest_orders(self._flow, [found.order], self._by, digest)
            self.found += 1
        if gone:
            self._bookkeeping.record_orders_not_found(self._flow, gone, self._by)
            self.gone += len(gone)
