"""Finances 2024-06-19, event groups of Finances v0, and payouts of Transfers 2024-06-01: read, never changed.

Windows are at most 180 days (longer ones are answered empty, not refused), end two minutes ago, and are halved where
Amazon fails on them or walks its pages in circles (amazon.md 4.3, 9.12). No marketplace is named: with one, merchant
fulfilled orders of the US store are left out.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from adapters.amazon.finance_wire import (
    Raw,
    decode,
    many,
    to_balances,
    to_group,
    to_payout,
    to_summary,
    to_transaction,
)
from adapters.nul import without_nul
from application.finance_ports import BalancesAnswer, GroupPage, PayoutPage, SummaryAnswer, TransactionPage
from application.ports import Clock
from domain.errors import ConnectionLost, NotOffered, Throttled, VendorError
from domain.event_group import EventGroup
from domain.transaction import Transaction, nameless_id

WINDOW = timedelta(days=180)
SHORTEST = timedelta(days=1)  # a window that fails although it is no longer than this is given up
GUARD = timedelta(minutes=3)  # Amazon wants two; its clock may be behind ours
_MAX_PAGES = 10_000
_NOT_OFFERED = frozenset({"403", "404", "Unauthorized", "AccessDenied", "Forbidden", "NotFound"})

log = logging.getLogger(__name__)

Params = Sequence[tuple[str, str]]
Get = Callable[..., tuple[bytes, Any]]
_P = TypeVar("_P", TransactionPage, GroupPage)


class AmazonFinances:
    """application.finance_ports.SellerFinances, over the client's one way to ask."""

    def __init__(self, get: Get, clock: Clock) -> None:
        """`get(operation, type, params)` gives an answer's bytes and what they say."""
        self._get = get
        self._clock = clock

    def transactions(self, posted_after: datetime) -> Iterator[TransactionPage]:
        """See the port."""
        return self._windows(posted_after, self._transactions)

    def event_groups(self, started_after: datetime) -> Iterator[GroupPage]:
        """See the port."""
        return self._windows(started_after, self._groups)

    def payouts(self, created_after: datetime) -> Iterator[PayoutPage]:
        """See the port."""
        for content, page in self._pages("listPayouts", [("createdAfter", _instant(created_after))], "nextToken"):
            yield PayoutPage([to_payout(raw) for raw in _objects(page.get("payouts"))], content)

    def summary(self, settlement_id: str) -> SummaryAnswer:
        """See the port."""
        asked = [("relatedIdentifierName", "SETTLEMENT_ID"), ("relatedIdentifierValue", settlement_id)]
        raws: list[Raw] = []
        contents: list[bytes] = []
        for content, page in self._pages("listSummary", asked, "nextToken"):
            raws += _objects(page.get("summaries"))
            contents.append(content)
        return SummaryAnswer(to_summary(settlement_id, raws), b"\n".join(contents))

    def balances(self) -> BalancesAnswer:
        """See the port."""
        raws: list[Raw] = []
        contents: list[bytes] = []
        for content, page in self._pages("listBalances", [], "nextToken"):
            raws += _objects(page.get("balances"))
            contents.append(content)
        found, problem = to_balances(raws)
        return BalancesAnswer(found, b"\n".join(contents), problem)

    # --- windows and pages --------------------------------------------------------------------------------------

    def _windows(self, after: datetime, read: Callable[[datetime, datetime], Iterator[_P]]) -> Iterator[_P]:
        """Window by window, the oldest first; the last page of each says until when all has been given.

        What a window gave before it failed is given again by its halves: whoever stores it knows it by its id.
        """
        end = (self._clock() - GUARD).replace(microsecond=0)
        waiting = []
        while after < end:
            before = min(after + WINDOW, end)
            waiting.append((after, before))
            after = before
        waiting.reverse()
        while waiting:
            after, before = waiting.pop()
            try:
                last: _P | None = None
                for page in read(after, before):
                    if last is not None:
                        yield last
                    last = page
                if last is not None:
                    yield msgspec.structs.replace(last, complete_until=before)
            except (ConnectionLost, NotOffered, Throttled):
                raise
            except VendorError as error:
                if before - after <= SHORTEST:
                    raise
                log.warning("Amazon failed on %s to %s, which is halved: %s", after, before, error)
                middle = after + (before - after) / 2
                waiting += [(middle, before), (after, middle)]

    def _transactions(self, after: datetime, before: datetime) -> Iterator[TransactionPage]:
        asked = [("postedAfter", _instant(after)), ("postedBefore", _instant(before))]
        alike: Counter[str] = Counter()
        for content, page in self._pages("listTransactions", asked, "nextToken"):
            raws = _objects(_inside(page).get("transactions"))
            yield TransactionPage([_named(to_transaction(raw), alike) for raw in raws], content)

    def _groups(self, after: datetime, before: datetime) -> Iterator[GroupPage]:
        asked = [
            ("FinancialEventGroupStartedAfter", _instant(after)),
            ("FinancialEventGroupStartedBefore", _instant(before)),
            ("MaxResultsPerPage", "100"),
        ]
        for content, page in self._pages("listFinancialEventGroups", asked, "NextToken"):
            groups = [to_group(raw) for raw in _objects(_inside(page).get("FinancialEventGroupList"))]
            yield GroupPage([_identified(group) for group in groups], content)

    def _pages(self, operation: str, asked: Params, token_name: str) -> Iterator[tuple[bytes, Raw]]:
        """Pages until there is no token; empty ones are legal. Raises VendorError where a token comes twice."""
        used: set[str] = set()
        token = ""
        while True:
            # The same arguments as those of the call that gave the token.
            content, page = self._page(operation, [*asked, (token_name, token)] if token else asked)
            yield content, page
            following = page.get(token_name) or _inside(page).get(token_name)
            if not following:
                return
            token = str(following)
            if token in used or len(used) >= _MAX_PAGES:
                raise VendorError(f"amazon repeats a page of {operation}", vendor="amazon", code="RepeatedToken")
            used.add(token)

    def _page(self, operation: str, params: Params) -> tuple[bytes, Raw]:
        try:
            content, _ = self._get(operation, msgspec.Raw, params)
        except VendorError as error:
            # A consent that has ended is another thing than a part of Finances that is not open to the account.
            if error.code in _NOT_OFFERED:
                raise NotOffered(str(error), vendor="amazon", code=error.code, request=error.request) from None
            raise
        try:
            page = decode(without_nul(content))
        except (msgspec.DecodeError, ValueError):
            page = None
        if not isinstance(page, dict):
            raise VendorError(f"amazon's answer to {operation} is no JSON object", vendor="amazon")
        return content, page


def _inside(page: Raw) -> Raw:
    payload = page.get("payload")
    return payload if isinstance(payload, dict) else {}


def _objects(value: Any) -> list[Raw]:
    """The members that are objects; another one has no field that could be read."""
    return [each for each in many(value) if isinstance(each, dict)]


def _named(transaction: Transaction, alike: Counter[str]) -> Transaction:
    """With an id where Amazon gave none: two of exactly the same content are two (amazon.md 5, identical lines)."""
    if transaction.transaction_id:
        return transaction
    content = nameless_id(transaction, 0)
    alike[content] += 1
    named = msgspec.structs.replace(transaction, transaction_id=nameless_id(transaction, alike[content]))
    if transaction.posted is None:
        text = "it has neither id nor date: whether it came before cannot be told"
        named = msgspec.structs.replace(named, problem=named.problem or text)
    return named


def _identified(group: EventGroup) -> EventGroup:
    """A group that Amazon gave no id is known by its beginning and its currency."""
    if group.group_id:
        return group
    begin = group.start.isoformat() if group.start is not None else "no start"
    return msgspec.structs.replace(group, group_id=f"~{begin} {group.currency}")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
