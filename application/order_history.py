"""What happened before the search begins: a first connection's past, in bulk reports of 30 days, the newest first.

A report is asked for in one cycle and fetched in a later one; what is under way is kept in the source's watermark, so a
crash anywhere goes on from there. The intent to ask is saved before the call: a report whose answer was lost is found
in Amazon's list. What a report cannot say for sure (tax outside the United States) is searched for in its window,
100 orders a call. Files that a person has are imported the same way (`OrderImport.either`).
"""

import io
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from application.bookkeeping import Bookkeeping
from application.order_ports import (
    OrderReportReader,
    ReportKind,
    RequestedReport,
    ShipmentReportReader,
    Shipped,
    Stripper,
    UnreadableRow,
)
from application.order_pull import (
    LONGEST_SEARCH,
    ORDERS,
    ORDERS_PAGE,
    SEARCHED,
    Advance,
    Progress,
    first_order,
)
from application.ports import Clock, EvidenceStore, SellerCentral, Views
from domain.errors import VendorError
from domain.flow import Flow
from domain.order import AmazonOrder

HISTORY = "order_history"
SHIPMENTS = "shipments"
WINDOW = timedelta(days=30)
HISTORY_OVERLAP = timedelta(days=1)  # with what is searched
AMAZON_KEEPS = timedelta(days=729)  # two years of orders, less a day for the race at the boundary
SHIPMENTS_KEPT = timedelta(days=530)  # 18 months of shipments, the same way
AT_A_TIME = 6  # windows under way
PATIENCE = timedelta(hours=6)  # then a report that does not come is asked for again
MOST_TRIES = 3  # then orders are searched for instead, and tracking numbers are given up
SHIPMENTS_EVERY = timedelta(hours=24)
SHIPMENTS_LAG = timedelta(days=7)  # how late a shipment may come into its report (models#5161)
AT_ONCE = 500  # orders in one save

log = logging.getLogger(__name__)


class Readers(msgspec.Struct, frozen=True):
    """How the bulk reports are read, and stripped before anything of them is kept."""

    orders: OrderReportReader
    shipments: ShipmentReportReader
    strip: Stripper


class Wanted(msgspec.Struct):
    """One report (or search) of a window; `state` is wanted, asked, search or done. `page` is the search's next one."""

    kind: ReportKind
    begin: datetime
    end: datetime
    state: str = "wanted"
    asked: datetime | None = None
    tries: int = 0
    report_id: str = ""
    page: str = ""


class Imported(msgspec.Struct):
    """What became of a report: orders or parcels recorded, those it leaves unclear, rows nobody can read."""

    orders: int = 0
    parcels: int = 0
    unclear: int = 0
    problems: list[UnreadableRow] = []


class OrderImport:
    """Takes the content of bulk reports into a flow."""

    def __init__(
        self, flow: Flow, bookkeeping: Bookkeeping, evidence: EvidenceStore, readers: Readers, by: str
    ) -> None:
        self._flow = flow
        self._bookkeeping = bookkeeping
        self._evidence = evidence
        self._readers = readers
        self._by = by

    def orders(self, content: bytes, charset: str) -> Imported:
        """Record a report of orders; what is known from Amazon's own word is left as it is."""
        result = Imported()
        stripped = self._readers.strip(content, charset)
        digest = self._evidence.put(self._flow.name, [stripped])[0] if stripped else ""
        ids = {name: key for key, (name, _) in self._flow.marketplace_names.items()}
        chunk: list[AmazonOrder] = []
        for found in self._readers.orders(io.BytesIO(stripped or content), charset="utf-8" if stripped else charset):
            if isinstance(found, UnreadableRow):
                result.problems.append(found)
                continue
            order = msgspec.structs.replace(found, marketplace_id=ids.get(found.marketplace, ""))
            # The report has all marketplaces of the region, whichever are asked for.
            if order.amazon_channel and self._flow.marketplaces and order.marketplace_id not in self._flow.marketplaces:
                continue
            result.unclear += any(item.proceeds is None and item.parts for item in order.items)
            result.orders += 1
            chunk.append(order)
            if len(chunk) == AT_ONCE:
                self._bookkeeping.ingest_orders(self._flow, chunk, self._by, digest)
                chunk = []
        if chunk:
            self._bookkeeping.ingest_orders(self._flow, chunk, self._by, digest)
        return result

    def either(self, content: bytes) -> Imported:
        """Record a file of either kind, whichever it is."""
        parcels = self.shipments(content, "")
        # What is no report of shipments fails at its first line.
        return parcels if not (parcels.problems and parcels.problems[0].line == 1) else self.orders(content, "")

    def shipments(self, content: bytes, charset: str) -> Imported:
        """Record the parcels of a report of Amazon's own shipments."""
        result = Imported()
        stripped = self._readers.strip(content, charset)
        digest = self._evidence.put(self._flow.name, [stripped])[0] if stripped else ""
        parcels = {}
        source = io.BytesIO(stripped or content)
        for found in self._readers.shipments(source, charset="utf-8" if stripped else charset):
            if isinstance(found, Shipped):
                parcels[found.order_id] = found.parcels
            else:
                result.problems.append(found)
        for keys in _chunks(list(parcels), AT_ONCE):
            chunk = {order_id: parcels[order_id] for order_id in keys}
            result.parcels += self._bookkeeping.record_parcels(self._flow, chunk, self._by, digest).changed
        return result


class OrderHistory:
    """One cycle's share of a first connection's past, and of what Amazon shipped since yesterday."""

    def __init__(
        self,
        flow: Flow,
        amazon: SellerCentral,
        bookkeeping: Bookkeeping,
        views: Views,
        evidence: EvidenceStore,
        clock: Clock,
        readers: Readers,
        by: str,
        advance: Advance,
        check: Callable[[], None],
        progress: Progress,
        without: Sequence[str] = (),
    ) -> None:
        self._flow = flow
        self._amazon = amazon
        self._bookkeeping = bookkeeping
        self._views = views
        self._clock = clock
        self._import = OrderImport(flow, bookkeeping, evidence, readers, by)
        self._evidence = evidence
        self._by = by
        self._advance = advance
        self._check = check
        self._progress = progress
        self._without = without
        self.counts: dict[str, int] = {}
        self._saved: dict[str, tuple[str, tuple[str, ...]] | None] = {}
        self._until = clock() + LONGEST_SEARCH

    # --- the past ----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Fix once where the search begins and the past ends. Called before the first search."""
        now = self._clock()
        self._views.catch_up()
        mark = self._views.watermark(self._flow.name, HISTORY)
        searched = self._views.watermark(self._flow.name, ORDERS)
        begun = self._views.watermark(self._flow.name, ORDERS_PAGE)
        # Other marketplaces: all of it again.
        anew = mark is None or (searched is not None and not searched[0] and not (begun and begun[0]))
        if anew and first_order(self._flow, now) < now - SEARCHED:
            self._advance(HISTORY, (now - SEARCHED + HISTORY_OVERLAP).isoformat(), ())

    def run(self) -> bool:
        """Go on with the past; whether all of it is stored."""
        self._views.catch_up()
        mark = self._saved[HISTORY] = self._views.watermark(self._flow.name, HISTORY)
        if mark is None or not mark[0]:
            return True
        reached = datetime.fromisoformat(mark[0])
        target = max(first_order(self._flow, self._clock()), self._clock() - AMAZON_KEEPS)
        wanted = [msgspec.json.decode(entry, type=Wanted) for entry in mark[1]]
        if reached <= target and not wanted:
            return True
        planned = min([one.begin for one in wanted], default=reached)
        while planned > target and len({one.begin for one in wanted}) < AT_A_TIME:
            begin = max(target, planned - WINDOW)
            wanted.append(Wanted("orders", begin, planned))
            if begin > self._clock() - SHIPMENTS_KEPT:
                wanted.append(Wanted("shipments", begin, planned))
            planned = begin
        self._save(HISTORY, reached, wanted)
        for one in list(wanted):
            self._go_on(one, lambda: self._save(HISTORY, reached, wanted))
        # From the newest on, as far as windows are whole.
        while (newest := [one for one in wanted if one.end == reached]) and all(one.state == "done" for one in newest):
            reached = newest[0].begin
            wanted = [one for one in wanted if one.end <= reached]
        self._save(HISTORY, reached, wanted)
        left = (reached - target).days
        self.counts |= {"history_days_left": max(left, 0)}
        return reached <= target and not wanted

    # --- what Amazon ships -------------------------------------------------------------------------------------------

    def shipments(self) -> None:
        """Once a day the tracking numbers of what Amazon shipped itself, a week back for those that come late."""
        self._views.catch_up()
        mark = self._saved[SHIPMENTS] = self._views.watermark(self._flow.name, SHIPMENTS)
        now = self._clock()
        reached = datetime.fromisoformat(mark[0]) if mark else max(now - SEARCHED, first_order(self._flow, now))
        wanted = [msgspec.json.decode(entry, type=Wanted) for entry in mark[1]] if mark else []
        if not wanted and (mark is None or now >= reached + SHIPMENTS_EVERY):
            begin = reached - SHIPMENTS_LAG
            wanted = [Wanted("shipments", begin, min(begin + WINDOW, now.replace(microsecond=0)))]
            self._save(SHIPMENTS, reached, wanted)
        for one in wanted:
            self._go_on(one, lambda: self._save(SHIPMENTS, reached, wanted))
            if one.state == "done":
                self._save(SHIPMENTS, one.end, [])

    # --- one report --------------------------------------------------------------------------------------------------

    def _go_on(self, one: Wanted, save: Callable[[], None]) -> None:
        """Take one report one step further, saving before and after what Amazon is told."""
        self._check()
        now = self._clock()
        if one.state == "search":
            self._search(one, save)
        elif one.state == "asked":
            self._look(one, now, save)
        elif one.state == "wanted":
            self._ask(one, now, save)

    def _ask(self, one: Wanted, now: datetime, save: Callable[[], None]) -> None:
        if one.asked is not None and not one.report_id and (found := self._asked_before(one)):
            one.report_id, one.state = found.report_id, "asked"
            save()
            return
        one.asked, one.report_id = now, ""
        save()  # the intent: an answer that gets lost is looked for in Amazon's list
        marketplaces = self._flow.marketplaces or tuple(self._flow.marketplace_names)
        one.report_id = self._amazon.requested_reports.request(one.kind, one.begin, one.end, marketplaces)
        one.state = "asked"
        save()

    def _asked_before(self, one: Wanted) -> RequestedReport | None:
        assert one.asked is not None
        reports = self._amazon.requested_reports.requested_since(one.kind, one.asked - timedelta(minutes=10))
        window = _second(one.begin), _second(one.end)
        return next((report for report in reports if (report.begin, report.end) == window), None)

    def _look(self, one: Wanted, now: datetime, save: Callable[[], None]) -> None:
        report = self._amazon.requested_reports.state(one.report_id)
        assert one.asked is not None
        if report is not None and report.status == "waiting":
            if now > one.asked + PATIENCE:
                self._again(one, "it does not come")
                save()
            return
        if report is None or report.status == "failed":
            self._again(one, "Amazon could not make it" if report is not None else "Amazon does not know it any more")
        elif report.status == "empty" or not report.document_id:
            one.state = "done"
        else:
            self._fetch(one, report.document_id)
        save()

    def _fetch(self, one: Wanted, document_id: str) -> None:
        document = self._amazon.document(document_id)
        take = self._import.orders if one.kind == "orders" else self._import.shipments
        result = take(document.content, document.charset)
        if result.problems and result.problems[0].line == 1:
            self._again(one, result.problems[0].problem)
            return
        for problem in result.problems:
            log.warning("flow %s: row %d of report %s (order %s) cannot be read: %s", self._flow.name, problem.line,
                        one.report_id, problem.order_id or "unknown", problem.problem)  # fmt: skip
        self._count("rows_unreadable", len(result.problems))
        self._count("history_orders", result.orders)
        self._count("parcels", result.parcels)
        self._progress(HISTORY if one.kind == "orders" else SHIPMENTS, result.orders or result.parcels)
        # What the report leaves open, Amazon is asked for, 100 orders a call.
        unsure = one.kind == "orders" and (result.unclear or result.problems)
        one.state = "search" if unsure else "done"

    def _search(self, one: Wanted, save: Callable[[], None]) -> None:
        pages = self._amazon.orders(one.begin, self._flow.marketplaces, one.page, self._without, one.end)
        try:
            for page in pages:
                (digest,) = self._evidence.put(self._flow.name, [page.content])
                self._bookkeeping.ingest_orders(self._flow, page.orders, self._by, digest)
                self._count("history_orders", len(page.orders))
                self._progress(HISTORY, len(page.orders))
                one.page = page.token
                save()
                self._check()
                if page.token and self._clock() > self._until:
                    return  # the rest in the next cycle: what is known is posted first
        except VendorError as error:
            if not one.page or error.code not in ("InvalidInput", "repeated_page"):
                raise
            one.page = ""  # its token is not good any more: the next cycle begins this window anew
            save()
            return
        one.state = "done"
        save()

    def _again(self, one: Wanted, why: str) -> None:
        log.warning("flow %s: report %s of %s to %s failed (%s)", self._flow.name, one.kind, one.begin, one.end, why)
        self._count("reports_failed", 1)
        one.state, one.report_id, one.asked = "wanted", "", None
        one.tries += 1
        if one.tries >= MOST_TRIES:
            # Tracking numbers are no money: they are given up. Orders come by the search, which is only slower.
            one.state = "done" if one.kind == "shipments" else "search"

    def _save(self, source: str, reached: datetime, wanted: Iterable[Wanted]) -> None:
        entries = tuple(msgspec.json.encode(one).decode() for one in wanted)
        if self._saved.get(source) != (reached.isoformat(), entries):
            self._advance(source, reached.isoformat(), entries)
            self._saved[source] = (reached.isoformat(), entries)

    def _count(self, what: str, number: int) -> None:
        if number:
            self.counts[what] = self.counts.get(what, 0) + number


def _second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def _chunks(keys: list[str], size: int) -> Iterable[list[str]]:
    for begin in range(0, len(keys), size):
        yield keys[begin : begin + size]
