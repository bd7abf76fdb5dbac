"""A flow: one Amazon seller account in one region, carried into one QuickBooks company; and its cycles.

`zone` (the books zone) is fixed before the first posting: every date on a document is computed in it. Tokens and
secrets are never here; they live in the vault.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from domain.errors import BadInput
from domain.event import Event, stream_id
from domain.money import exponent

Region = Literal["na", "eu", "fe"]
REGIONS = ("na", "eu", "fe")
OrderSource = Literal["amazon", "none"]


class FlowCreated(Event, frozen=True, kw_only=True):
    """The flow as it was set up. `banks` names the QuickBooks account that receives each currency's payouts.

    `orders` is `none` where settlement files alone are booked. `since`: nothing older is asked of Amazon.
    """

    region: str
    realm: str
    marketplaces: tuple[str, ...]
    since: date | None
    orders: str
    zone: str
    banks: dict[str, str]


class AmazonConnected(Event, frozen=True, kw_only=True):
    """Amazon accepted the flow's credentials; the marketplaces the seller takes part in, by id -> name and currency."""

    marketplaces: dict[str, tuple[str, str]] = {}


class QuickBooksConnected(Event, frozen=True, kw_only=True):
    """QuickBooks accepted the flow's credentials; what the company allows."""

    company: str = ""
    home_currency: str = ""
    custom_numbers: bool = True
    multicurrency: bool = False
    country: str = ""


class ConnectionLost(Event, frozen=True, kw_only=True):
    """A vendor refuses the flow's credentials: a person must connect again."""

    vendor: str
    reason: str


class CycleStarted(Event, frozen=True, kw_only=True):
    """A cycle began; `cycle` is its id."""

    cycle: str


class WatermarkAdvanced(Event, frozen=True, kw_only=True):
    """Everything of `source` up to `cursor` (in the source's own words) is stored; `seen` are ids in its overlap."""

    cycle: str
    source: str
    cursor: str
    seen: tuple[str, ...] = ()


class CycleFinished(Event, frozen=True, kw_only=True):
    """A cycle ended in order, with what it did (see docs/operating.md for the names)."""

    cycle: str
    counts: dict[str, int] = {}


class CycleFailed(Event, frozen=True, kw_only=True):
    """A cycle stopped; what was stored before stays and the next cycle goes on from there."""

    cycle: str
    error: str
    counts: dict[str, int] = {}


class Flow(msgspec.Struct):
    """A flow folded from its events."""

    name: str = ""
    region: str = ""
    realm: str = ""
    marketplaces: tuple[str, ...] = ()
    since: date | None = None
    orders: str = "amazon"
    zone: str = "UTC"
    banks: dict[str, str] = {}
    amazon: bool = False
    quickbooks: bool = False
    marketplace_names: dict[str, tuple[str, str]] = {}
    company: str = ""
    home_currency: str = ""
    custom_numbers: bool = True
    multicurrency: bool = False

    @property
    def has_orders(self) -> bool:
        return self.orders == "amazon"

    def day(self, at: datetime) -> date:
        """The books' date of an instant."""
        return at.astimezone(ZoneInfo(self.zone)).date()


def evolve(state: Flow, event: Event) -> Flow:
    match event:
        case FlowCreated():
            state.name, state.region, state.realm = event.flow, event.region, event.realm
            state.marketplaces, state.since, state.orders = event.marketplaces, event.since, event.orders
            state.zone, state.banks = event.zone, event.banks
        case AmazonConnected():
            state.amazon, state.marketplace_names = True, event.marketplaces
        case QuickBooksConnected():
            state.quickbooks, state.company, state.home_currency = True, event.company, event.home_currency
            state.custom_numbers, state.multicurrency = event.custom_numbers, event.multicurrency
        case ConnectionLost():
            if event.vendor == "amazon":
                state.amazon = False
            else:
                state.quickbooks = False
    return state


def check_settings(name: str, region: str, realm: str, orders: str, zone: str, banks: dict[str, str]) -> None:
    """Raises BadInput naming the first setting that cannot be and what is expected."""
    if not name or not name.replace("-", "").replace("_", "").isalnum() or len(name) > 40:
        raise BadInput(f"flow name {name!r}: expected letters, digits, - and _, at most 40, for example us-shop")
    if region not in REGIONS:
        raise BadInput(f"--region {region!r}: expected one of {', '.join(REGIONS)} (Amazon's regions)")
    if not realm.isdigit():
        raise BadInput(
            f"--realm {realm!r}: expected the QuickBooks company id, digits only (QuickBooks shows it as Company ID)"
        )
    if orders not in ("amazon", "none"):
        raise BadInput(f"--orders {orders!r}: expected amazon (invoices from orders) or none (settlement files alone)")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise BadInput(f"--zone {zone!r}: expected an IANA time zone like America/Los_Angeles") from None
    for currency in banks:
        exponent(currency)


def check_alone(created: FlowCreated, others: Iterable[Flow]) -> None:
    """Raises BadInput if another flow carries the same region into the same company: one seller would be booked twice.

    Whether it is the same seller is not known before Amazon is connected, so a person must say that it is another.
    """
    for other in others:
        if (other.region, other.realm) == (created.region, created.realm):
            raise BadInput(
                f"flow {other.name} carries Amazon's region {other.region} into QuickBooks company {other.realm} "
                "already; a second flow of the same seller would book everything twice. If this is another seller "
                "account, say so: --another-seller"
            )


def flow_stream(flow: str) -> UUID:
    return stream_id(flow, "flow")


def cycle_stream(flow: str, cycle: str) -> UUID:
    return stream_id(flow, "cycle", cycle)


def as_utc(at: datetime) -> datetime:
    """UTC, for instants that arrive with another offset. Raises BadInput for a time without any."""
    if at.tzinfo is None:
        raise BadInput(f"{at} has no time zone; expected one, for example 2026-11-24T08:00:00Z")
    return at.astimezone(UTC)
