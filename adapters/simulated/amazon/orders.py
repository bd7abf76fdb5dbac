"""Orders 2026-01-01: searchOrders and getOrder. How an order looks is in `order_form`; here is which ones are shown."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec

from adapters.simulated.amazon import parameters as query
from adapters.simulated.amazon.answers import invalid_input, iso, not_found, unauthorized
from adapters.simulated.amazon.order_form import DATASETS, Form
from adapters.simulated.amazon.pages import Pages, Search
from adapters.simulated.clock import FastClock
from adapters.simulated.world import Order, World

SEARCH_PARAMETERS = (
    "createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore", "fulfillmentStatuses", "marketplaceIds",
    "fulfilledBy", "maxResultsPerPage", "paginationToken", "includedData",
)  # fmt: skip
GET_PARAMETERS = ("includedData",)
STATUSES = (
    "PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED", "UNFULFILLABLE",
)  # fmt: skip

# These may change from page to page; everything else must stay as it was.
_FREE = ("maxResultsPerPage", "includedData", "paginationToken")
_RESTRICTED = ("BUYER", "RECIPIENT")
_SETTLING = timedelta(minutes=2)
_ORDER_ID = re.compile(r"\d{3}-\d{7}-\d{7}")


class Manners(msgspec.Struct, forbid_unknown_fields=True):
    """Documented misbehaviour of the Orders API.

    `refused_data` are data sets that this region answers with 400, `named` whether it says which. `unruly` is a seed:
    pages come in any order and of any size, with some orders repeated. `late` are orders that no search shows yet,
    though they can be asked for by id; they are shown as soon as they are not late any more.
    """

    refused_data: tuple[str, ...] = ()
    named: bool = False
    unruly: int = 0
    late: frozenset[str] = frozenset()


class Orders:
    def __init__(self, world: World, clock: FastClock, form: Form) -> None:
        self._world = world
        self._clock = clock
        self._form = form
        self._manners = Manners()
        self._shown_from: dict[str, datetime] = {}  # when an order that was late came to light
        self._pages: Pages[str] = Pages(clock)
        self._sorted: dict[str, tuple[int, list[tuple[datetime, str]]]] = {}

    @property
    def manners(self) -> Manners:
        return self._manners

    @manners.setter
    def manners(self, manners: Manners) -> None:
        for order_id in self._manners.late - manners.late:
            self._shown_from[order_id] = self._clock.now()
        self._manners = manners
        self._sorted.clear()

    def search(
        self, parameters: query.Parameters, seller: str, *, repeat_token: Callable[[], bool], empty: bool
    ) -> dict[str, Any]:
        size = query.number(parameters, "maxResultsPerPage", 100, 100)
        included = self._included(parameters)
        question = {name: sorted(values) for name, values in parameters.items() if name not in _FREE}
        token = query.one(parameters, "paginationToken")
        if token is None:
            search, position = self._begin(parameters, question, seller), 0
        else:
            resumed = self._pages.resume(token, seller)
            if resumed is None:
                raise invalid_input("paginationToken is invalid or has expired")
            search, position = resumed
            if search.question != question:
                raise invalid_input("paginationToken must come with the parameters it was issued for")

        if self._manners.unruly:
            size = Random(f"{self._manners.unruly} {position}").randint(1, min(size, 12))
        end = position if empty else position + size
        orders = [self._form.order(self._world.orders[order_id], included) for order_id in search.found[position:end]]
        following = self._pages.token(search, end)
        if token is not None and following is not None and repeat_token():
            following = token
        answered: dict[str, Any] = {"orders": orders}
        if following:
            answered["pagination"] = {"nextToken": following}
        side, _, bound = search.context.partition(" ")
        answered[f"{side}Before"] = bound
        return answered

    def get(self, order_id: str, parameters: query.Parameters) -> dict[str, Any]:
        included = self._included(parameters)
        if not _ORDER_ID.fullmatch(order_id):
            raise invalid_input(f"{order_id!r} is not an Amazon order id")
        order = self._world.orders.get(order_id)
        if order is None or order_id in self._world.hidden:
            raise not_found(f"no order {order_id}")
        return {"order": self._form.order(order, included)}

    def _begin(self, parameters: query.Parameters, question: object, seller: str) -> Search[str]:
        created = query.moment(parameters, "createdAfter")
        updated = query.moment(parameters, "lastUpdatedAfter")
        if (created is None) == (updated is None):
            raise invalid_input("exactly one of createdAfter and lastUpdatedAfter must be given")
        side, other = ("created", "lastUpdated") if updated is None else ("lastUpdated", "created")
        after = created or updated
        assert after is not None
        if query.one(parameters, f"{other}Before") is not None:
            raise invalid_input(f"{other}Before cannot be combined with {side}After")

        latest = self._clock.now() - _SETTLING
        before = query.moment(parameters, f"{side}Before")
        if before is not None and before < after:
            raise invalid_input(f"{side}Before must not be earlier than {side}After")
        if before is not None and before > latest:
            raise invalid_input(f"{side}Before must be at least two minutes before the request")
        if after > self._clock.now():
            raise invalid_input(f"{side}After must not be in the future")
        bound = (before or latest).replace(microsecond=0)

        statuses = query.several(parameters, "fulfillmentStatuses", STATUSES)
        markets = query.several(parameters, "marketplaceIds")
        fulfilled_by = query.several(parameters, "fulfilledBy", ("MERCHANT", "AMAZON"))

        def fits(order: Order) -> bool:
            return (
                (statuses is None or order.status in statuses)
                and (markets is None or order.market.id in markets)
                and (fulfilled_by is None or ("AMAZON" if order.by_amazon else "MERCHANT") in fulfilled_by)
            )

        timeline = self._timeline(side)
        first = bisect_left(timeline, (after, ""))
        last = bisect_right(timeline, (bound, "~"))
        found = [order_id for _, order_id in timeline[first:last] if fits(self._world.orders[order_id])]
        if self._manners.unruly:
            random = Random(self._manners.unruly)
            found += random.sample(found, len(found) // 5)
            random.shuffle(found)
        return Search(seller, question, found, f"{side} {iso(bound)}", 0)

    def _timeline(self, side: str) -> list[tuple[datetime, str]]:
        """Orders by time, oldest first; sorted again after an order was amended."""
        version, timeline = self._sorted.get(side, (-1, []))
        if version != self._world.version:
            timeline = sorted(
                (order.created if side == "created" else self._shown(order), order.id)
                for order in self._world.visible_orders
                if order.id not in self._manners.late and order.id not in self._world.unlisted
            )
            self._sorted[side] = (self._world.version, timeline)
        return timeline

    def _shown(self, order: Order) -> datetime:
        return max(order.updated, self._shown_from.get(order.id, order.updated))

    def _included(self, parameters: query.Parameters) -> frozenset[str]:
        included = frozenset(query.several(parameters, "includedData", DATASETS) or ())
        for dataset in _RESTRICTED:
            if dataset in included:
                raise unauthorized(f"The application lacks the restricted role that includedData {dataset} needs.")
        for dataset in self._manners.refused_data:
            if dataset in included:
                raise invalid_input(f"includedData {dataset} is not available" if self._manners.named else "")
        return included
