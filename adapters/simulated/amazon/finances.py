"""Finances 2024-06-19, event groups of Finances v0 and payouts of Transfers 2024-06-01.

`QUIRKS` are what the service is known to do in life (amazon.md 4 and 9), each dialled in by name.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from adapters.simulated.amazon import parameters as query
from adapters.simulated.amazon.answers import invalid_input, iso, refusal, unauthorized
from adapters.simulated.amazon.finance_form import group_form, money, partner, related_id, transaction_form
from adapters.simulated.amazon.pages import Pages, Search
from adapters.simulated.clock import FastClock
from adapters.simulated.world import World
from adapters.simulated.world.finances import Finances, Group
from adapters.simulated.world.settlements import total_of

TRANSACTION_PARAMETERS = (
    "postedAfter", "postedBefore", "marketplaceId", "transactionStatus", "relatedIdentifierName",
    "relatedIdentifierValue", "nextToken",
)  # fmt: skip
GROUP_PARAMETERS = (
    "MaxResultsPerPage", "FinancialEventGroupStartedBefore", "FinancialEventGroupStartedAfter", "NextToken",
)  # fmt: skip
SUMMARY_PARAMETERS = (
    "marketplaceIds", "accountType", "relatedIdentifierName", "relatedIdentifierValue", "periodStart", "periodEnd",
    "nextToken",
)  # fmt: skip
BALANCE_PARAMETERS = ("marketplaceIds", "balanceType", "accountType", "asOfDate", "nextToken")
PAYOUT_PARAMETERS = ("marketplaceIds", "createdAfter", "createdBefore", "payoutId", "accountType", "nextToken")

QUIRKS = {
    "late": "transactions are not shown before they are two days old",
    "long_windows_fail": "windows of more than ten days end in InternalFailure",
    "items_null": "no item's amounts are broken down: they stand at the transaction alone",
    "items_disagree": "the first item of each sale is told with a cent too much, the transaction is right",
    "nothing_sums": "each sale is broken down with a cent too much, at its items and itself",
    "unknown_type": "every third service fee is of a type that nobody has heard of",
    "unknown_status": "every third service fee has a status that the model does not have",
    "unknown_field": "each refund has an amount in a field that the model does not have",
    "no_ids": "transactions have no transactionId",
    "no_dates": "service fees have no postedDate",
    "no_links": "the releasing transaction does not name the deferred one",
    "no_settlement_ids": "no transaction names its settlement",
    "no_group_totals": "closed event groups state no OriginalTotal",
    "groups_a_minute_off": "event groups begin and end some seconds after their settlement",
    "group_differs": "the newest closed event group states a cent more",
    "no_finances": "the application has no role for Finances",
    "no_summary": "listSummary is not open to the account",
    "summary_differs": "listSummary states a cent more",
    "no_balances": "listBalances is not open to the account",
    "payouts": "listPayouts is open to the account wherever it sells",
    "payout_failed": "the newest payout failed",
}
PAYOUT_MARKETS = ("DE", "FR", "IT", "ES", "SE", "NL", "PL", "BE")  # where Transfers is documented to be open

PAGE = 100
_LONGEST = timedelta(days=180)
_GUARD = timedelta(minutes=2)


class FinanceService:
    def __init__(self, world: World, clock: FastClock, quirks: Collection[str] = ()) -> None:
        unknown = set(quirks) - QUIRKS.keys()
        if unknown:
            raise ValueError(f"no such quirk: {', '.join(sorted(unknown))}; known are {', '.join(QUIRKS)}")
        self._world = world
        self._clock = clock
        self.quirks = frozenset(quirks)
        self._pages: Pages[Any] = Pages(clock)
        self._made: tuple[datetime, Finances] | None = None

    # --- Finances 2024-06-19

    def transactions(
        self, parameters: query.Parameters, seller: str, *, repeat_token: Callable[[], bool], empty: bool
    ) -> dict[str, Any]:
        self._open("no_finances")

        def begin() -> Sequence[Any]:
            name, value = (
                query.one(parameters, "relatedIdentifierName"),
                query.one(parameters, "relatedIdentifierValue"),
            )
            if name is not None and name not in ("FINANCIAL_EVENT_GROUP_ID", "ORDER_ID"):
                raise invalid_input("relatedIdentifierName must be FINANCIAL_EVENT_GROUP_ID or ORDER_ID")
            if (name is None) != (value is None):
                raise invalid_input("relatedIdentifierName and relatedIdentifierValue must come together")
            status = query.one(parameters, "transactionStatus")
            if status not in (None, "DEFERRED", "RELEASED", "DEFERRED_RELEASED"):
                raise invalid_input(f"{status!r} is not a value of transactionStatus")
            market = query.one(parameters, "marketplaceId")
            after, before = self._window(parameters, "postedAfter", "postedBefore", required=name is None)
            entries = [] if before - after > _LONGEST else self._finances().entries
            return [
                (number, entry)
                for number, entry in enumerate(entries)
                if after <= entry.posted < before
                and (status is None or entry.status == status)
                and (name is None or value == (entry.order_id if name == "ORDER_ID" else entry.group_id))
                # With a marketplace, what merchants of the US store send themselves is left out.
                and (market is None or (entry.market.id == market and (entry.by_amazon or entry.market.code != "US")))
                and not ("late" in self.quirks and entry.posted > self._clock.now() - timedelta(hours=48))
            ]

        found, following = self._page(parameters, seller, "nextToken", PAGE, begin, repeat_token, empty)
        payload: dict[str, Any] = {
            "transactions": [transaction_form(number, entry, self.quirks) for number, entry in found]
        }
        return {"payload": payload | ({"nextToken": following} if following else {})}

    def summary(self, parameters: query.Parameters, seller: str) -> dict[str, Any]:
        self._open("no_finances", "no_summary")
        name, wanted = query.one(parameters, "relatedIdentifierName"), query.one(parameters, "relatedIdentifierValue")
        if name != "SETTLEMENT_ID" or wanted is None:
            raise invalid_input("relatedIdentifierName must be SETTLEMENT_ID and come with a value")
        query.several(parameters, "marketplaceIds")
        made = []
        for settlement in self._world.settlements:
            if settlement.id != wanted:
                continue
            total = total_of(settlement.lines) + ("summary_differs" in self.quirks)
            sales = sum(line.amount for line in settlement.lines if line.transaction_type == "Order")
            currency = settlement.market.currency
            made.append(
                {
                    "partnerMetadata": partner(settlement.market, settlement.account_type),
                    "periodStart": iso(settlement.start),
                    "periodEnd": iso(settlement.end),
                    "netProceeds": money(total, currency),
                    "relatedIdentifiers": [related_id("SETTLEMENT_ID", settlement.id)],
                    "breakdowns": [
                        {"breakdownType": kind, "breakdownAmount": money(amount, currency), "breakdowns": []}
                        for kind, amount in (("Sales", sales), ("Expenses", total - sales))
                    ],
                }
            )
        return {"summaries": made}

    def balances(self, parameters: query.Parameters, seller: str) -> dict[str, Any]:
        self._open("no_finances", "no_balances")
        query.several(parameters, "marketplaceIds")
        now = iso(self._clock.now())
        made = []
        for market, account, amounts in self._finances().balances():

            def node(kind: str, amount: int, *parts: Any, currency: str = market.currency) -> dict[str, Any]:
                shape = {"balanceType": kind, "amount": money(amount, currency)}
                return shape | ({"balances": list(parts)} if parts else {})

            deferred, reserve = amounts["DEFERRED"], amounts["ACCOUNT_LEVEL_RESERVE"]
            total = node(
                "TOTAL", sum(amounts.values()),
                node("AVAILABLE", amounts["AVAILABLE"]),
                node("RESERVED", deferred + reserve,
                     node("DEFERRED", deferred), node("ACCOUNT_LEVEL_RESERVE", reserve)),
            )  # fmt: skip
            made.append({"partnerMetadata": partner(market, account), "lastUpdatedTime": now} | total)
        return {"balances": made}

    # --- Finances v0

    def groups(
        self, parameters: query.Parameters, seller: str, *, repeat_token: Callable[[], bool], empty: bool
    ) -> dict[str, Any]:
        self._open("no_finances")
        size = query.number(parameters, "MaxResultsPerPage", 10, 100)

        def begin() -> Sequence[Any]:
            after, before = self._window(
                parameters, "FinancialEventGroupStartedAfter", "FinancialEventGroupStartedBefore", required=False
            )
            found = [] if before - after > _LONGEST else self._finances().groups
            newest = next((group.id for group in self._finances().groups if group.end is not None), "")
            return [(group, group.id == newest) for group in found if after <= group.start < before]

        found, following = self._page(parameters, seller, "NextToken", size, begin, repeat_token, empty)
        payload: dict[str, Any] = {"FinancialEventGroupList": [self._group(*each) for each in found]}
        return {"payload": payload | ({"NextToken": following} if following else {})}

    # --- Transfers 2024-06-01

    def payouts(self, parameters: query.Parameters, seller: str) -> dict[str, Any]:
        self._open("no_finances")
        if "payouts" not in self.quirks and self._world.market.code not in PAYOUT_MARKETS:
            raise unauthorized("The API is not available in this store.")
        after = query.moment(parameters, "createdAfter")
        before = query.moment(parameters, "createdBefore")
        ended = [s for s in self._world.settlements if s.end <= self._clock.now()]
        newest = max((s.end for s in ended), default=None)
        made: list[dict[str, Any]] = []
        for settlement in ended:
            if (after and settlement.end < after) or (before and settlement.end >= before):
                continue
            failed = "payout_failed" in self.quirks and settlement.end == newest
            paid = settlement.deposit <= self._clock.now()
            status = "FAILED" if failed else "PAID" if paid else "IN_TRANSIT"
            shape: dict[str, Any] = {
                "id": settlement.id,
                "partnerMetadata": partner(settlement.market, settlement.account_type.upper().replace(" ", "_")),
                "currentStatus": status if settlement.total > 0 else "NO_PAYOUT",
                "statusHistory": [{"status": "STARTED", "lastUpdatedDate": iso(settlement.end)}],
                "creationDate": iso(settlement.end),
                "period": {"startDate": iso(settlement.start), "endDate": iso(settlement.end)},
                "relatedIdentifiers": [related_id("SETTLEMENT_ID", settlement.id)],
            }
            if settlement.total > 0:
                amount = money(total_of(settlement.lines), settlement.market.currency)
                shape |= {"type": "SCHEDULED", "amount": amount, "accountTail": "1234"}
                shape |= {"paymentMethod": "BANK_ACCOUNT", "paymentRail": "ACH", "traceId": f"4B0{settlement.id}"}
            made.append(shape)
        return {"payouts": made}

    # --- pieces

    def _group(self, group: Group, newest: bool) -> dict[str, Any]:
        return group_form(group, newest, self._finances().converted(group), self._clock.now(), self.quirks)

    def _finances(self) -> Finances:
        """Made anew when half a day has passed: deferred sales are released as time goes."""
        now = self._clock.now()
        if self._made is None or now - self._made[0] >= timedelta(hours=12):
            self._made = now, Finances(self._world, now)
        return self._made[1]

    def _open(self, *closed_by: str) -> None:
        if self.quirks & set(closed_by):
            raise unauthorized("The application has no role for this operation.")

    def _window(
        self, parameters: query.Parameters, first: str, last: str, *, required: bool
    ) -> tuple[datetime, datetime]:
        now = self._clock.now()
        after, before = query.moment(parameters, first), query.moment(parameters, last)
        if after is None and required:
            raise invalid_input(f"{first} is required")
        if after is None:
            after = (before or now) - _LONGEST
        latest = now - _GUARD
        if after > latest or (before is not None and before > latest):
            raise invalid_input(f"{first} and {last} must be more than two minutes before the request")
        if before is not None and before <= after:
            raise invalid_input(f"{last} must be later than {first}")
        before = before or latest
        if "long_windows_fail" in self.quirks and before - after > timedelta(days=10):
            raise refusal(500, "InternalFailure", "We encountered an internal error. Please try again.")
        return after, before

    def _page(
        self,
        parameters: query.Parameters,
        seller: str,
        token_name: str,
        size: int,
        begin: Callable[[], Sequence[Any]],
        repeat_token: Callable[[], bool],
        empty: bool,
    ) -> tuple[Sequence[Any], str | None]:
        """Some of what was found and the token of the rest; the other arguments must stay as they were."""
        question = {name: sorted(values) for name, values in parameters.items() if name != token_name}
        token = query.one(parameters, token_name)
        if token is None:
            search, position = Search(seller, question, begin(), "", size), 0
        else:
            resumed = self._pages.resume(token, seller)
            if resumed is None:
                raise invalid_input(f"{token_name} is invalid or has expired")
            search, position = resumed
            if search.question != question:
                raise invalid_input(f"{token_name} must come with the arguments it was issued for")
        end = position if empty else position + size
        following = self._pages.token(search, end)
        if token is not None and following is not None and repeat_token():
            following = token
        return search.found[position:end], following
