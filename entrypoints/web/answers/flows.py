"""Flows as the API tells them."""

from datetime import date, datetime

from domain.flow import Flow, Schedule
from domain.policy import policy_words
from entrypoints.web.answers.form import Answer


class ScheduleFacts(Answer, frozen=True):
    """When a source is due: every so many minutes (0: not so) or by a cron expression in a time zone."""

    every_minutes: int
    cron: str
    zone: str


class FlowFacts(Answer, frozen=True):
    """A flow as it is configured."""

    flow: str
    region: str
    realm: str
    company: str
    home_currency: str
    marketplaces: list[str]
    since: date | None
    orders: str
    zone: str
    banks: dict[str, str]
    schedule: dict[str, ScheduleFacts]
    paused: bool
    amazon_connected: bool
    quickbooks_connected: bool
    seller: str
    policies: dict[str, str]


class ConsentAddress(Answer, frozen=True):
    """An address to open in a browser, once, before it expires; whoever opens it connects the flow."""

    address: str
    expires: datetime


class Flows(Answer, frozen=True):
    """The flows the token may see."""

    items: list[FlowFacts]


def flow_facts(flow: Flow) -> FlowFacts:
    return FlowFacts(
        flow=flow.name,
        region=flow.region,
        realm=flow.realm,
        company=flow.company,
        home_currency=flow.home_currency,
        marketplaces=list(flow.marketplaces),
        since=flow.since,
        orders=flow.orders,
        zone=flow.zone,
        banks=flow.banks,
        schedule={source: schedule_facts(schedule) for source, schedule in flow.schedule.items()},
        paused=flow.paused,
        amazon_connected=flow.amazon,
        quickbooks_connected=flow.quickbooks,
        seller=flow.seller,
        policies=policy_words(flow.policies),
    )


def schedule_facts(schedule: Schedule) -> ScheduleFacts:
    return ScheduleFacts(schedule.every_minutes, schedule.cron, schedule.zone)
