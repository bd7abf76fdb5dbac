"""One cycle of one flow, read from top to bottom: pull, plan, post.

A watermark moves only with what is stored: a crash anywhere repeats a little and loses nothing.
"""

import logging
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec

from application.accruing import accrue_last_month
from application.bookkeeping import Bookkeeping
from application.closing import learn_close_date, replan_closed
from application.finances import FinancePull, match_settlements
from application.log_context import bound
from application.order_history import OrderHistory, Readers
from application.order_pull import OrderPull, OrderQuest
from application.ports import (
    Clock,
    EvidenceStore,
    QuickBooks,
    ReportReader,
    ReportRef,
    SellerCentral,
    Views,
)
from application.posting_run import Poster
from application.recording import Tally
from application.settlement_files import ingest_document
from domain.errors import ConnectionLost, ConnectorError, LeaseLost, Stopped, VendorError
from domain.flow import SOURCES, CycleFailed, CycleFinished, CycleStarted, CycleStopped, Flow, WatermarkAdvanced
from domain.flow import ConnectionLost as ConnectionLostEvent
from domain.posting_rules.changes import CREDIT_KINDS, LOOKED_AT_AGAIN
from domain.posting_rules.credit import order_of_credit

SETTLEMENTS = "settlement_reports"
REPORT_RETENTION = timedelta(days=89)  # asking for the full 90 days fails by a race (amazon.md 5)
REPORT_OVERLAP = timedelta(days=2)
REPLAN_SIZE = 500

log = logging.getLogger(__name__)

Progress = Callable[[str, int], None]


class CycleReport(msgspec.Struct):
    """What a cycle did; `counts` are recorded with it. `stopped`: it was asked to end before its work was done."""

    cycle: str
    counts: dict[str, int] = {}
    error: str = ""
    stopped: bool = False


class Cycle:
    """One run of one flow. The vendors are handed in; either may be missing where a flow does not use it.

    `check` is asked between pages, documents and batches, and raises Stopped or LeaseLost. `exclusive`: no other
    cycle of the flow can be running, so one that never ended has died.
    """

    def __init__(
        self,
        flow: Flow,
        bookkeeping: Bookkeeping,
        views: Views,
        evidence: EvidenceStore,
        clock: Clock,
        read_report: ReportReader,
        amazon: SellerCentral | None,
        quickbooks: QuickBooks | None,
        speed: float = 1.0,
        progress: Progress = lambda what, done: None,
        retry_refused: bool = False,
        sources: Collection[str] = SOURCES,
        check: Callable[[], None] = lambda: None,
        exclusive: bool = False,
        ended: Callable[[], None] = lambda: None,
        match_bank: Callable[[str], int] = lambda by: 0,
        *,
        readers: Readers,
    ) -> None:
        """`match_bank` (told who asks) matches bank lines to settlements and says how many.

        `ended` is called when the cycle is over, well or ill, but was not told to stop; it must not raise.
        """
        self._sources = sources
        self._check = check
        self._exclusive = exclusive
        self._flow = flow
        self._bookkeeping = bookkeeping
        self._views = views
        self._evidence = evidence
        self._clock = clock
        self._read_report = read_report
        self._readers = readers
        self._amazon = amazon
        self._quickbooks = quickbooks
        self._speed = speed
        self._progress = progress
        self._retry_refused = retry_refused
        self._ended = ended
        self._match_bank = match_bank
        self._id = uuid4().hex[:12]
        self._by = f"cycle:{self._id}"
        self._counts: dict[str, int] = {}
        self._late: VendorError | None = None  # told when the rest is done
        self._quest: OrderQuest | None = None  # who may ask for single orders

    def run(self) -> CycleReport:
        """Pull, plan, post; a vendor's failure ends the cycle, is recorded and raised no further.

        Raises LeaseLost, which cannot be recorded: the flow is another's then.
        """
        with bound(flow=self._flow.name, cycle=self._id):
            try:
                report = self._run()
            except LeaseLost:
                raise
            except Exception:
                self._ended()
                raise
            if not report.stopped:
                self._ended()
            return report

    def _run(self) -> CycleReport:
        if self._exclusive:
            self._end_abandoned()
        self._record(CycleStarted(cycle=self._id, **self._stamp()))
        try:
            self._views.catch_up()
            if self._amazon is not None:
                if self._flow.has_orders and "orders" in self._sources:
                    self._pull_orders(self._amazon)
                if "settlements" in self._sources:
                    self._pull_settlements(self._amazon)
                if "finances" in self._sources:
                    self._pull_finances(self._amazon)
            self._views.catch_up()
            if self._amazon is not None:
                match_settlements(self._flow, self._bookkeeping, self._views, self._clock, self._by)
            self._check()
            posting_to = self._quickbooks if "posting" in self._sources else None
            if posting_to is not None:
                self._flow = learn_close_date(self._flow, posting_to, self._bookkeeping, self._clock, self._by)
            self._ask_for_unseen()
            self._plan_what_waited()
            accrue_last_month(self._flow, self._bookkeeping, self._views, self._clock(), self._by)
            if posting_to is not None:
                replan_closed(self._flow, self._bookkeeping, self._views, self._by)
                self._post(posting_to)
            if matched := self._match_bank(self._by):
                self._counts["bank_matched"] = matched
            if self._late is not None:
                raise self._late
        except LeaseLost:
            raise
        except Stopped as stopped:
            return self._stopped(stopped)
        except ConnectorError as error:
            return self._failed(error)
        except Exception as error:
            # A bug of ours: say so in the history before it surfaces.
            self._failed(error)
            raise
        self._record(CycleFinished(cycle=self._id, counts=self._counts, **self._stamp()))
        self._views.catch_up()
        return CycleReport(self._id, self._counts)

    # --- Amazon -----------------------------------------------------------------------------------------------

    def _pull_orders(self, amazon: SellerCentral) -> None:
        """What changed, and of a first connection a share of the past; single orders may be asked for after that."""
        common = self._bookkeeping, self._views, self._evidence, self._clock
        told = self._by, self._advance, self._check, self._progress
        pull = OrderPull(self._flow, amazon, *common, *told)
        history = OrderHistory(self._flow, amazon, *common, self._readers, *told, without=pull.without)
        history.begin()
        self._count("orders", pull.run())
        try:
            whole = history.run()
            history.shipments()
        except ConnectionLost:
            raise
        except VendorError as error:
            # What is searched is booked; the past and tracking numbers can wait. The cycle fails at its end.
            log.warning("the reports of orders of flow %s could not be read: %s", self._flow.name, error)
            self._late, whole = error, False
        finally:
            self._counts |= history.counts
        if pull.complete and whole:
            self._quest = OrderQuest(
                self._flow, amazon, self._bookkeeping, self._evidence, self._by, pull.without, self._check
            )

    def _ask_for_unseen(self) -> None:
        """Orders that a settlement waits for and that were never seen: of files handed in, or left over last time."""
        if self._quest is None:
            return
        self._views.catch_up()
        waiting = self._views.query("held", self._flow.name, kind="deposit", code="order_not_seen")
        for settlement_id in dict.fromkeys(row["key"] for row in waiting):
            self._quest.see(self._bookkeeping.unseen_orders_of(self._flow, settlement_id))
        self._counts |= {
            name: number
            for name, number in (("orders_asked", self._quest.found), ("orders_gone", self._quest.gone))
            if number
        }

    def _pull_settlements(self, amazon: SellerCentral) -> None:
        mark = self._views.watermark(self._flow.name, SETTLEMENTS)
        oldest = self._clock() - REPORT_RETENTION
        since = max(oldest, datetime.fromisoformat(mark[0]) - REPORT_OVERLAP) if mark else oldest
        seen = set(mark[1]) if mark else set()
        self._check()
        reports = amazon.settlement_reports(since)
        tally = Tally()
        for report in reports:
            if report.report_id in seen:
                continue
            self._check()
            tally += self._pull_settlement(amazon, report)
            self._progress(SETTLEMENTS, 1)
        self._count("settlements", tally)
        new = [report for report in reports if report.report_id not in seen]
        if new:
            latest = max(report.created for report in reports)
            overlap = [report.report_id for report in reports if report.created >= latest - REPORT_OVERLAP]
            self._advance(SETTLEMENTS, latest.isoformat(), tuple(sorted(overlap)))

    def _pull_settlement(self, amazon: SellerCentral, report: ReportRef) -> Tally:
        document = amazon.document(report.document_id)
        (digest,) = self._evidence.put(self._flow.name, [document.content])
        ingested = ingest_document(
            document.content,
            document.charset,
            f"report {report.report_id}",
            self._flow,
            self._bookkeeping,
            self._read_report,
            self._by,
            digest,
            self._quest.see if self._quest is not None else lambda order_ids: None,
        )
        return ingested.tally

    def _pull_finances(self, amazon: SellerCentral) -> None:
        """Nothing is booked from Finances: where Amazon fails on them the books go on, the cycle fails at its end."""
        self._views.catch_up()
        pull = FinancePull(
            self._flow,
            self._bookkeeping,
            self._views,
            self._evidence,
            self._clock,
            self._by,
            self._advance,
            self._check,
            self._progress,
        )
        try:
            for what, tally in pull.run(amazon.finances).items():
                if tally.new or tally.changed:
                    self._count(what, tally)
        except ConnectionLost:
            raise
        except VendorError as error:
            log.warning("the finances of flow %s could not be read: %s", self._flow.name, error)
            self._late = error

    # --- planning and posting -----------------------------------------------------------------------------------

    def _plan_what_waited(self) -> None:
        """Decide again what is held or was refused: a mapping may have been fixed, an order may have come."""
        replan_waiting(self._flow, self._bookkeeping, self._views, self._by, self._retry_refused)

    def _post(self, quickbooks: QuickBooks) -> None:
        poster = Poster(
            self._flow,
            self._bookkeeping,
            quickbooks,
            self._views,
            self._evidence,
            self._clock,
            self._by,
            self._speed,
            self._progress,
            self._check,
        )
        run = poster.run()
        if any(self._views.held_keys(self._flow.name, kind) for kind in ("invoice", "sales_receipt")) or run.rejected:
            # A document that got lost on the way is planned anew; so is a settlement that waited for an invoice.
            replan_waiting(self._flow, self._bookkeeping, self._views, self._by)
        self._counts |= {f"{kind}s_posted": number for kind, number in run.posted.items() if number}
        self._counts |= {
            name: number for name, number in (("rejected", run.rejected), ("unknown", run.unknown)) if number
        }

    def _end_abandoned(self) -> None:
        self._views.catch_up()
        for row in self._views.query("cycles", self._flow.name, status="running"):
            why = f"its process went away; cycle {self._id} goes on from what is stored"
            self._record(CycleStopped(cycle=row["cycle"], why=why, **self._stamp()))

    # --- the cycle's own record -----------------------------------------------------------------------------------

    def _failed(self, error: Exception) -> CycleReport:
        text = str(error) or type(error).__name__
        if isinstance(error, ConnectionLost):
            lost = ConnectionLostEvent(vendor=error.vendor, reason=text, **self._stamp())
            self._bookkeeping.record_on_flow(lost)
        self._record(CycleFailed(cycle=self._id, error=text, counts=self._counts, **self._stamp()))
        self._views.catch_up()
        log.error("cycle %s of flow %s stopped: %s", self._id, self._flow.name, text)
        return CycleReport(self._id, self._counts, text)

    def _stopped(self, stopped: Stopped) -> CycleReport:
        self._record(CycleStopped(cycle=self._id, why=str(stopped), counts=self._counts, **self._stamp()))
        self._views.catch_up()
        log.info("cycle %s of flow %s ended early: %s", self._id, self._flow.name, stopped)
        return CycleReport(self._id, self._counts, stopped=True)

    def _advance(self, source: str, cursor: str, seen: tuple[str, ...] = ()) -> None:
        self._record(WatermarkAdvanced(cycle=self._id, source=source, cursor=cursor, seen=seen, **self._stamp()))

    def _count(self, what: str, tally: Tally) -> None:
        self._counts |= {f"{what}_new": tally.new, f"{what}_changed": tally.changed}

    def _record(self, event: CycleStarted | WatermarkAdvanced | CycleFinished | CycleFailed | CycleStopped) -> None:
        self._bookkeeping.record_cycle(event)

    def _stamp(self) -> dict[str, Any]:
        return {"flow": self._flow.name, "at": self._clock(), "by": self._by}


def record_not_begun(flow: Flow, bookkeeping: Bookkeeping, views: Views, clock: Clock, error: Exception) -> None:
    """A cycle for which not even the vendors could be addressed is a failed one: nobody may take it for none."""
    cycle = uuid4().hex[:12]
    fields: dict[str, Any] = {"cycle": cycle, "flow": flow.name, "at": clock(), "by": f"cycle:{cycle}"}
    bookkeeping.record_cycle(CycleStarted(**fields))
    bookkeeping.record_cycle(CycleFailed(error=str(error), **fields))
    views.catch_up()


def replan_waiting(flow: Flow, bookkeeping: Bookkeeping, views: Views, by: str, retry_refused: bool = False) -> Tally:
    """Plan again everything of a flow that is held or was refused, from what is stored; nothing is fetched."""
    tally = Tally()
    waiting = [key for kind in ("invoice", "sales_receipt") for key in views.held_keys(flow.name, kind)]
    for code in LOOKED_AT_AGAIN:
        # What Amazon changed while its document was under way, or could not be set right when it came.
        waiting += [row["order_id"] for row in views.query("held", flow.name, code=code) if row["order_id"]]
    corrections = [key for kind in (*CREDIT_KINDS, "payment") for key in views.held_keys(flow.name, kind)]
    waiting += [order_id for key in corrections if (order_id := order_of_credit(key))]
    for keys in _chunks(list(dict.fromkeys(waiting)), REPLAN_SIZE):
        tally += bookkeeping.replan_invoices(flow, keys, by, retry_refused)
    views.catch_up()
    waiting = [*views.held_keys(flow.name, "deposit"), *views.blocked_settlements(flow.name)]
    for kind in ("payment", "journal", "purchase", "refund_receipt", "credit_memo"):
        # Their keys begin with the settlement's id: `28471003921-261130-1`.
        named = views.held_keys(flow.name, kind)
        waiting += [key.partition("-")[0] for key in named if not order_of_credit(key)]
    for settlement_id in dict.fromkeys(waiting):
        tally += bookkeeping.replan_settlement(flow, settlement_id, by, retry_refused)
    for currency in flow.banks:
        tally += bookkeeping.reclass_suspense(flow, currency, by)
    views.catch_up()
    return tally


def _chunks(keys: list[str], size: int) -> Iterable[list[str]]:
    for begin in range(0, len(keys), size):
        yield keys[begin : begin + size]
