"""Reading a seller's Finances within a cycle, each part with a watermark of its own.

A part that Amazon does not offer to the account (403, 404) is remembered and asked again a week later; it is no error.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from application.bookkeeping import Bookkeeping
from application.control import bare, controls, matches
from application.finance_ports import SellerFinances
from application.ports import Clock, EvidenceStore, Views
from application.recording import Tally
from domain.errors import NotOffered
from domain.event_group import Summary
from domain.flow import Flow

TRANSACTIONS, GROUPS, PAYOUTS = "transactions", "event_groups", "payouts"
RE_READ = timedelta(days=35)  # deferred sales change their status weeks later (amazon.md 9.9)
FIRST = timedelta(days=125)  # without a first day: as far as settlement reports go back, and a deferral longer
LONGEST = timedelta(days=730)  # Amazon keeps two years
ASK_AGAIN = timedelta(days=7)
SUMMARIES_OF = timedelta(days=95)  # settlements that ended no longer ago
SUMMARIES_AT_A_TIME = 20

# What Amazon calls each part: the names under which it is remembered that one is not offered.
SOURCES = {
    TRANSACTIONS: "listTransactions",
    GROUPS: "listFinancialEventGroups",
    PAYOUTS: "listPayouts",
    "summaries": "listSummary",
    "balances": "listBalances",
}


class FinancePull:
    """One reading of Finances for one flow; `check` is asked between pages, `advance` moves a watermark."""

    def __init__(
        self,
        flow: Flow,
        bookkeeping: Bookkeeping,
        views: Views,
        evidence: EvidenceStore,
        clock: Clock,
        by: str,
        advance: Callable[[str, str], None],
        check: Callable[[], None],
        progress: Callable[[str, int], None],
    ) -> None:
        self._flow = flow
        self._book = bookkeeping
        self._views = views
        self._evidence = evidence
        self._clock = clock
        self._by = by
        self._advance = advance
        self._check = check
        self._progress = progress

    def run(self, finances: SellerFinances) -> dict[str, Tally]:
        """Everything that is offered, by part. Raises what the port does, but NotOffered."""
        parts: dict[str, Callable[[SellerFinances], Tally]] = {
            TRANSACTIONS: self._transactions,
            GROUPS: self._groups,
            PAYOUTS: self._payouts,
            "summaries": self._summaries,
            "balances": self._balances,
        }
        refused = self._refused()
        tallies: dict[str, Tally] = {}
        for name, read in parts.items():
            self._check()
            asked = refused.get(SOURCES[name])
            if asked is not None and self._clock() - asked < ASK_AGAIN:
                continue
            try:
                tallies[name] = read(finances)
            except NotOffered as error:
                self._book.record_availability(self._flow, SOURCES[name], False, str(error), self._by)
            else:
                if asked is not None:
                    self._book.record_availability(self._flow, SOURCES[name], True, "", self._by)
        return tallies

    def _refused(self) -> dict[str, datetime]:
        """Parts that are not offered, and when Amazon last said so; what it said to a former consent is no matter."""
        rows = self._views.query("finance_facts", self._flow.name, kind="source")
        told = {row["key"]: datetime.fromisoformat(row["sort"]) for row in rows if not row["data"]["available"]}
        connected = self._book.connected_to_amazon(self._flow) if told else None
        long_ago = self._clock() - ASK_AGAIN
        return {name: long_ago if connected is not None and at < connected else at for name, at in told.items()}

    def _transactions(self, finances: SellerFinances) -> Tally:
        tally = Tally()
        for page in finances.transactions(self._since(TRANSACTIONS)):
            (digest,) = self._evidence.put(self._flow.name, [page.content])
            tally += self._book.ingest_transactions(self._flow, page.transactions, self._by, digest)
            if page.complete_until is not None:
                self._advance(TRANSACTIONS, page.complete_until.isoformat())
            self._progress(TRANSACTIONS, len(page.transactions))
            self._check()
        return tally

    def _groups(self, finances: SellerFinances) -> Tally:
        tally = Tally()
        for page in finances.event_groups(self._since(GROUPS)):
            (digest,) = self._evidence.put(self._flow.name, [page.content])
            tally += self._book.ingest_groups(self._flow, page.groups, self._by, digest)
            if page.complete_until is not None:
                self._advance(GROUPS, page.complete_until.isoformat())
            self._check()
        return tally

    def _payouts(self, finances: SellerFinances) -> Tally:
        tally = Tally()
        asked = self._clock()
        for page in finances.payouts(self._since(PAYOUTS)):
            (digest,) = self._evidence.put(self._flow.name, [page.content])
            tally += self._book.ingest_payouts(self._flow, page.payouts, self._by, digest)
            self._check()
        self._advance(PAYOUTS, asked.isoformat())
        return tally

    def _summaries(self, finances: SellerFinances) -> Tally:
        """Of each settlement once; one of which Amazon has none yet is asked again next time."""
        known = {row["key"] for row in self._views.query("finance_facts", self._flow.name, kind="summary")}
        oldest = (self._clock() - SUMMARIES_OF).isoformat()
        wanted = [
            row["settlement_id"]
            for row in self._views.query("settlement_sums", self._flow.name)
            if row["settlement_id"] not in known and row["lines"] and (row["end"] or "") > oldest
        ]
        found: list[Summary] = []
        contents: list[bytes] = []
        for settlement_id in wanted[:SUMMARIES_AT_A_TIME]:
            answer = finances.summary(settlement_id)
            if answer.summary is not None:
                found.append(answer.summary)
                contents.append(answer.content)
            self._check()
        if not found:
            return Tally()
        (digest,) = self._evidence.put(self._flow.name, [b"\n".join(contents)])
        return self._book.ingest_summaries(self._flow, found, self._by, digest)

    def _balances(self, finances: SellerFinances) -> Tally:
        answer = finances.balances()
        (digest,) = self._evidence.put(self._flow.name, [answer.content])
        day = self._clock().astimezone(UTC).date()
        return self._book.record_balances(self._flow, day, answer.balances, self._by, digest, answer.problem)

    def _since(self, source: str) -> datetime:
        """From where a part is read: some weeks before its watermark, or before the flow's first day."""
        mark = self._views.watermark(self._flow.name, source)
        if mark is not None:
            return datetime.fromisoformat(mark[0]) - RE_READ
        now, first = self._clock(), self._flow.since
        if first is None:
            return now - FIRST
        return max(datetime(first.year, first.month, first.day, tzinfo=UTC) - RE_READ, now - LONGEST)


def match_settlements(flow: Flow, bookkeeping: Bookkeeping, views: Views, clock: Clock, by: str) -> Tally:
    """Record on each settlement what Amazon's other words tell of it; the views must be caught up."""
    known = {row["key"]: bare(row["data"]) for row in views.query("finance_facts", flow.name, kind="match")}
    told = matches(controls(views, flow.name), flow.name, clock(), by)
    # Settlements are long: only those of which something new is told are loaded.
    news = [each for each in told if bare(msgspec.to_builtins(each)) != known.get(each.settlement_id)]
    return bookkeeping.match_settlements(flow, news, by)
