"""A flow: one Amazon seller account in one region, carried into one QuickBooks company; and its cycles.

`zone` (the books zone) is fixed before the first posting: every date on a document is computed in it. Tokens and
secrets are never here; they live in the vault.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import UNSET, UnsetType

from domain.errors import BadInput
from domain.event import Event, stream_id
from domain.money import exponent
from domain.policy import Policies

Region = Literal["na", "eu", "fe"]
REGIONS = ("na", "eu", "fe")
OrderSource = Literal["amazon", "none"]
Source = Literal["orders", "settlements", "finances", "posting"]
SOURCES: tuple[Source, ...] = ("orders", "settlements", "finances", "posting")
LONGEST_MINUTES = 7 * 24 * 60


class Schedule(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a source is due: every so many minutes, or by a cron expression in a time zone. One of the two."""

    every_minutes: int = 0
    cron: str = ""
    zone: str = "UTC"

    def __str__(self) -> str:
        return f"{self.cron} ({self.zone})" if self.cron else f"every {self.every_minutes} minutes"


# The plan of a day: 96 looks for orders, 6 for settlements, which come every few days, and room for what is new of
# either, within some 130 reads (amazon.md 6, measured by tests/scenarios/test_budget_of_a_day.py).
DEFAULT_SCHEDULE: dict[str, Schedule] = {
    "orders": Schedule(every_minutes=15),
    "settlements": Schedule(every_minutes=240),
    "posting": Schedule(every_minutes=30),
    # Finances lag by up to two days and are read back over weeks: once a day is enough.
    "finances": Schedule(every_minutes=24 * 60),
}


class FlowSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """Values of those settings of a flow that are spoken of; the others are UNSET.

    `schedule` is by source, `banks` by currency. `since` None: as far back as Amazon gives.
    """

    schedule: dict[str, Schedule] | UnsetType = UNSET
    banks: dict[str, str] | UnsetType = UNSET
    zone: str | UnsetType = UNSET
    since: date | UnsetType | None = UNSET
    marketplaces: tuple[str, ...] | UnsetType = UNSET
    policies: Policies | UnsetType = UNSET

    def named(self) -> dict[str, Any]:
        """The settings spoken of, by name."""
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: value for name, value in values if value is not UNSET}


class FlowCreated(Event, frozen=True, kw_only=True):
    """The flow as it was set up. `banks` names the QuickBooks account that receives each currency's payouts.

    `realm` is empty where the first consent tells the company. `orders` is `none` where settlement files alone are
    booked. `since`: nothing older is asked of Amazon.
    """

    region: str
    realm: str
    marketplaces: tuple[str, ...]
    since: date | None
    orders: str
    zone: str
    banks: dict[str, str]


class AmazonConnected(Event, frozen=True, kw_only=True):
    """Amazon accepted the flow's credentials; the marketplaces the seller takes part in, by id -> name and currency.

    `seller` is Amazon's id of the seller account, as its consent page told it; empty where a token was handed in.
    """

    marketplaces: dict[str, tuple[str, str]] = {}
    seller: str = ""


class QuickBooksConnected(Event, frozen=True, kw_only=True):
    """QuickBooks accepted the flow's credentials; what the company allows.

    `realm` is the company, as Intuit's consent page told it; empty where a token was handed in.
    """

    company: str = ""
    home_currency: str = ""
    custom_numbers: bool = True
    multicurrency: bool = False
    country: str = ""
    realm: str = ""


DISCONNECTED = "disconnected by "  # how the reason begins where a person wanted it


class BooksClosed(Event, frozen=True, kw_only=True):
    """QuickBooks' books are closed until this day, it included; None: they are open again (BookCloseDate)."""

    until: date | None


class ConnectionLost(Event, frozen=True, kw_only=True):
    """A vendor refuses the flow's credentials, or a person ended the connection: a person must connect again."""

    vendor: str
    reason: str


class OrderDataLimited(Event, frozen=True, kw_only=True):
    """Amazon refuses these data sets of its orders, so they are read without; none: it gives them all again."""

    datasets: tuple[str, ...] = ()
    reason: str = ""


class FlowConfigured(Event, frozen=True, kw_only=True):
    """Settings changed; `old` and `new` hold the changed ones only, each of them whole."""

    old: FlowSettings
    new: FlowSettings
    why: str = ""


class FlowPaused(Event, frozen=True, kw_only=True):
    """The flow is not due any more until it is resumed; a person may still run it by hand."""

    why: str = ""


class FlowResumed(Event, frozen=True, kw_only=True):
    """The flow is due by its schedule again."""

    why: str = ""


class CycleAsked(Event, frozen=True, kw_only=True):
    """A person asked for a cycle now, whatever the schedule says."""


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


class CycleStopped(Event, frozen=True, kw_only=True):
    """A cycle ended before its work was done, on request or because its process went away; nothing is wrong with it."""

    cycle: str
    why: str
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
    amazon_consent: datetime | None = None  # when it was given on Amazon's page; a token that was handed in has no day
    seller: str = ""
    marketplace_names: dict[str, tuple[str, str]] = {}
    company: str = ""
    country: str = ""  # the company's
    home_currency: str = ""
    custom_numbers: bool = True
    multicurrency: bool = False
    book_close_date: date | None = None
    schedule: dict[str, Schedule] = msgspec.field(default_factory=lambda: dict(DEFAULT_SCHEDULE))
    scheduled_at: datetime | None = None  # since when the schedule is as it is
    paused: bool = False
    policies: Policies = Policies()
    had_receipts: bool = False  # orders were, at some time, to be booked as sales receipts
    refused_data: tuple[str, ...] = ()  # data sets of orders that Amazon refuses
    refused_since: datetime | None = None  # since when any is
    refused_at: datetime | None = None  # when that was last found so

    @property
    def has_orders(self) -> bool:
        return self.orders == "amazon"

    @property
    def sources(self) -> tuple[Source, ...]:
        """What is run of it, each by its own schedule."""
        return SOURCES if self.has_orders else SOURCES[1:]

    @property
    def runs(self) -> bool:
        """Whether it may run by its schedule: not paused, and nobody has to connect it first."""
        return not self.paused and self.quickbooks and (self.amazon or not self.has_orders)

    def day(self, at: datetime) -> date:
        """The books' date of an instant."""
        return at.astimezone(ZoneInfo(self.zone)).date()


def evolve(state: Flow, event: Event) -> Flow:
    match event:
        case FlowCreated():
            state.name, state.region, state.realm = event.flow, event.region, event.realm
            state.marketplaces, state.since, state.orders = event.marketplaces, event.since, event.orders
            state.zone, state.banks, state.scheduled_at = event.zone, event.banks, event.at
        case FlowConfigured():
            for name, value in event.new.named().items():
                # A source that came into being later is not in schedules that were recorded before: its own stands.
                setattr(state, name, {**state.schedule, **value} if name == "schedule" else value)
            if event.new.schedule is not UNSET:
                state.scheduled_at = event.at
            state.had_receipts = state.had_receipts or state.policies.order_document == "sales_receipt"
        case FlowPaused() | FlowResumed():
            state.paused = isinstance(event, FlowPaused)
        case OrderDataLimited():
            state.refused_data = event.datasets
            state.refused_since = (state.refused_since or event.at) if event.datasets else None
            state.refused_at = event.at if event.datasets else None
        case AmazonConnected():
            state.amazon, state.marketplace_names = True, event.marketplaces
            state.seller = event.seller or state.seller
            state.amazon_consent = event.at if event.seller else None
        case QuickBooksConnected():
            state.quickbooks, state.company, state.country = True, event.company, event.country
            state.home_currency = event.home_currency
            state.custom_numbers, state.multicurrency = event.custom_numbers, event.multicurrency
            state.realm = state.realm or event.realm
        case BooksClosed():
            state.book_close_date = event.until
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
    if realm and not realm.isdigit():
        raise BadInput(
            f"--realm {realm!r}: expected the QuickBooks company id, digits only (QuickBooks shows it as Company ID), "
            "or nothing: then the company that is connected first is it"
        )
    if orders not in ("amazon", "none"):
        raise BadInput(f"--orders {orders!r}: expected amazon (invoices from orders) or none (settlement files alone)")
    check_zone("--zone", zone)
    for currency in banks:
        exponent(currency)


def check_seller(flow: Flow, seller: str, others: Iterable[Flow], changed_on_purpose: bool) -> None:
    """Raises BadInput where the flow may not carry this seller's trade, saying why."""
    if flow.seller and flow.seller != seller and not changed_on_purpose:
        raise BadInput(
            f"flow {flow.name} carries the trade of seller {flow.seller}, and consent was given for seller {seller}; "
            "sign in at Amazon as the first, or set up a flow of its own for the other. If the flow shall change its "
            f"seller: ml-connector connect amazon {flow.name} --other-seller"
        )
    _check_booked_once(flow, seller, flow.realm, others)


def check_company(flow: Flow, realm: str, others: Iterable[Flow]) -> None:
    """Raises BadInput where the flow may not post into this company, saying why."""
    if flow.realm and flow.realm != realm:
        raise BadInput(
            f"flow {flow.name} posts into the QuickBooks company {flow.realm}, and consent was given for company "
            f"{realm}; a flow never changes its company, since what is posted stays where it is. Choose company "
            f"{flow.realm} at Intuit, or set up another flow for {realm}"
        )
    others = list(others)
    _check_booked_once(flow, flow.seller, realm, others)
    for other in others if not flow.realm else ():
        # What `check_alone` asked of flows that named their company when they were set up.
        if (other.region, other.realm) == (flow.region, realm) and not (flow.seller and other.seller):
            raise BadInput(
                f"flow {other.name} carries Amazon's region {other.region} into QuickBooks company {realm} already; "
                "whether it is the same seller is not known. Connect both flows to Amazon in the browser first, which "
                f"tells the seller, or set up a flow with --realm {realm} --another-seller"
            )


def _check_booked_once(flow: Flow, seller: str, realm: str, others: Iterable[Flow]) -> None:
    if not seller or not realm:
        return
    for other in others:
        if other.name != flow.name and (other.seller, other.region, other.realm) == (seller, flow.region, realm):
            raise BadInput(
                f"flow {other.name} carries seller {seller} in region {flow.region} into company {realm} already; a "
                f"second flow would book everything twice. Use flow {other.name}"
            )


def check_zone(setting: str, zone: str) -> None:
    """Raises BadInput, naming the setting, where the zone is not in IANA's list."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"{setting} {zone!r}: expected an IANA time zone like America/Los_Angeles") from None


def changes(flow: Flow, wanted: FlowSettings) -> tuple[FlowSettings, FlowSettings]:
    """Old and new values of what `wanted` would change; sources and currencies it does not name stay as they are."""
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for name, value in wanted.named().items():
        standing = getattr(flow, name)
        if isinstance(standing, dict):
            value = {**standing, **value}
        if value != standing:
            old[name], new[name] = standing, value
    return FlowSettings(**old), FlowSettings(**new)


def check_changes(flow: Flow, wanted: FlowSettings) -> None:
    """Raises BadInput naming the first setting that cannot be and what is expected; vendors are not asked."""
    if wanted.schedule is not UNSET:
        for source, schedule in wanted.schedule.items():
            check_schedule(source, schedule)
    if wanted.zone is not UNSET:
        check_zone("zone", wanted.zone)
    if wanted.banks is not UNSET:
        for currency in wanted.banks:
            exponent(currency)
    if wanted.marketplaces is not UNSET and flow.marketplace_names:
        _check_marketplaces(wanted.marketplaces, flow.marketplace_names)


def check_schedule(source: str, schedule: Schedule) -> None:
    """The parts of a schedule that need no calendar; raises BadInput."""
    if source not in SOURCES:
        raise BadInput(f"schedule of {source!r}: expected one of {', '.join(SOURCES)}")
    if bool(schedule.cron) == bool(schedule.every_minutes):
        raise BadInput(f"schedule of {source}: expected either every so many minutes or a cron expression")
    if not schedule.cron and not 1 <= schedule.every_minutes <= LONGEST_MINUTES:
        raise BadInput(
            f"schedule of {source}: every {schedule.every_minutes} minutes; expected 1 to {LONGEST_MINUTES} (a week)"
        )
    check_zone(f"schedule of {source}: zone", schedule.zone)


def schedule_from(text: str, zone: str = "UTC") -> Schedule:
    """`30` or `30m` is every 30 minutes, five fields are a cron expression in `zone`. Raises BadInput."""
    minutes = text.strip().removesuffix("m")
    if minutes.isdecimal():
        return Schedule(every_minutes=int(minutes))
    if len(text.split()) == 5:
        return Schedule(cron=" ".join(text.split()), zone=zone)
    raise BadInput(
        f"schedule {text!r}: expected minutes like 30m, or a cron expression of five fields like '0 6 * * *'"
    )


def _check_marketplaces(wanted: tuple[str, ...], known: Mapping[str, tuple[str, str]]) -> None:
    unknown = [marketplace for marketplace in wanted if marketplace not in known]
    if unknown:
        choices = ", ".join(f"{key} ({name})" for key, (name, _) in known.items())
        raise BadInput(f"marketplace {', '.join(unknown)}: the seller takes part in {choices}")


def check_alone(created: FlowCreated, others: Iterable[Flow]) -> None:
    """Raises BadInput if another flow carries the same region into the same company: one seller would be booked twice.

    Whether it is the same seller is not known before Amazon is connected, so a person must say that it is another.
    """
    for other in others:
        if created.realm and (other.region, other.realm) == (created.region, created.realm):
            raise BadInput(
                f"flow {other.name} carries Amazon's region {other.region} into QuickBooks company {other.realm} "
                "already; a second flow of the same seller would book everything twice. If this is another seller "
                "account, say so: --another-seller"
            )


def flow_mark(flow: str) -> str:
    """Five characters that stand for a flow in numbers of documents that nothing of Amazon's numbers.

    Two flows into one company would else give two journals one number, and one would be taken for the other.
    """
    return hashlib.blake2b(flow.encode(), digest_size=3).hexdigest()[:5]


def flow_stream(flow: str) -> UUID:
    return stream_id(flow, "flow")


def cycle_stream(flow: str, cycle: str) -> UUID:
    return stream_id(flow, "cycle", cycle)


def as_utc(at: datetime) -> datetime:
    """UTC, for instants that arrive with another offset. Raises BadInput for a time without any."""
    if at.tzinfo is None:
        raise BadInput(f"{at} has no time zone; expected one, for example 2026-11-24T08:00:00Z")
    return at.astimezone(UTC)
