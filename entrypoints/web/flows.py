"""Flows: what they are, how they are configured, pause and resume, and a cycle now."""

from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import UNSET, Meta, UnsetType

from application.cycle_request import ask_for_cycle
from domain.access import ADMIN, OPERATOR, READER, Holder
from domain.flow import FlowCreated, FlowSettings, Schedule
from domain.policy import Policies, policies_from
from entrypoints.web import answers
from entrypoints.web.access import change, command, read
from entrypoints.web.answers import Done, FlowFacts, Flows
from entrypoints.web.desk import Desk, asked_by, visible
from entrypoints.web.parameters import PRINTABLE, FlowName, IdempotencyKey, Word

Banks = Annotated[dict[Annotated[str, Meta(pattern="^[A-Z]{3}$")], Word], Meta(max_length=50)]


class _Wanted(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of a command."""


class NewFlow(_Wanted, frozen=True):
    """A flow to set up. `banks` names the QuickBooks account that receives each currency's payouts.

    Without a `realm` the company that is connected first is it.
    """

    flow: Annotated[str, Meta(min_length=1, max_length=40, pattern="^[A-Za-z0-9_-]+$")]
    region: Annotated[str, Meta(pattern="^(na|eu|fe)$")]
    banks: Annotated[dict[Annotated[str, Meta(pattern="^[A-Z]{3}$")], Word], Meta(min_length=1, max_length=50)]
    realm: Annotated[str, Meta(pattern="^[0-9]*$", max_length=30)] = ""
    marketplaces: Annotated[tuple[Word, ...], Meta(max_length=50)] = ()
    since: date | None = None
    orders: Annotated[str, Meta(pattern="^(amazon|none)$")] = "amazon"
    zone: Word = "America/Los_Angeles"


class WantedSchedule(_Wanted, frozen=True):
    """Every so many minutes, or a cron expression in a time zone: one of the two."""

    every_minutes: Annotated[int, Meta(ge=0, le=10_080)] = 0
    cron: Annotated[str, Meta(max_length=100)] = ""
    zone: Word = "UTC"


class WantedSettings(_Wanted, frozen=True):
    """Settings to change; those that are not named stay, and so do sources, currencies and policies that are not.

    `policies` as on the command line: `{"month_split": "off", "tax": "gross"}`.
    """

    schedule: (
        dict[Annotated[str, Meta(pattern="^(orders|settlements|finances|posting)$")], WantedSchedule] | UnsetType
    ) = UNSET
    banks: Banks | UnsetType = UNSET
    zone: Word | UnsetType = UNSET
    since: date | UnsetType | None = UNSET
    marketplaces: Annotated[tuple[Word, ...], Meta(max_length=50)] | UnsetType = UNSET
    policies: Annotated[dict[Word, Word], Meta(max_length=50)] | UnsetType = UNSET
    why: Annotated[str, Meta(max_length=500, pattern=f"{PRINTABLE}|^$")] = ""


class Why(_Wanted, frozen=True):
    """The reason, for the audit trail; may be empty."""

    why: Annotated[str, Meta(max_length=500, pattern=f"{PRINTABLE}|^$")] = ""


class WantedCycle(_Wanted, frozen=True):
    """`retryRefused`: what QuickBooks refused is sent again."""

    retry_refused: bool = False


@read("/flows", READER)
def list_flows(request: Request[Holder, Any, Any], desk: NamedDependency[Desk]) -> Flows:
    """The flows the token may see, as they are configured."""
    rows = visible(request.user, [{"flow": name} for name in desk.services.views.flows()])
    return Flows([answers.flow_facts(desk.services.bookkeeping.flow(row["flow"])) for row in rows])


@command("/flows", ADMIN, installation=True)
def create_flow(
    request: Request[Holder, Any, Any],
    data: JSONBody[NewFlow],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """Set up a flow. It is connected to its vendors next."""
    services = desk.services

    def do(by: str) -> Done:
        created = FlowCreated(
            flow=data.flow,
            at=services.clock(),
            by=by,
            region=data.region,
            realm=data.realm,
            marketplaces=data.marketplaces,
            since=data.since,
            orders=data.orders,
            zone=data.zone,
            banks=data.banks,
        )
        return _done(desk, services.bookkeeping.create_flow(created))

    return desk.once(asked_by(request, idempotency_key, data), do)


@read("/flows/{flow:str}", READER, follows=False)
def show_flow(flow: FlowName, desk: NamedDependency[Desk]) -> FlowFacts:
    """One flow as it is configured."""
    return answers.flow_facts(desk.services.bookkeeping.flow(flow))


@change("/flows/{flow:str}", ADMIN)
def configure_flow(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    data: JSONBody[WantedSettings],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """Change settings of a flow. Bank accounts are checked against QuickBooks' own."""

    def do(by: str) -> Done:
        wanted = _settings(data, desk.services.bookkeeping.flow(flow).policies)
        decided = desk.services.flow_setup.configure(flow, wanted, by, data.why)
        return _done(desk, decided.position, decided.event is not None)

    return desk.once(asked_by(request, idempotency_key, data), do)


@command("/flows/{flow:str}/pause", OPERATOR)
def pause_flow(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    desk: NamedDependency[Desk],
    data: JSONBody[Why | None] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """Stop the flow from being due. A cycle that runs goes on; one may still be started by hand."""

    def do(by: str) -> Done:
        decided = desk.services.flow_setup.pause(flow, by, data.why if data is not None else "")
        return _done(desk, decided.position, decided.event is not None)

    return desk.once(asked_by(request, idempotency_key, data), do)


@command("/flows/{flow:str}/resume", OPERATOR)
def resume_flow(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    desk: NamedDependency[Desk],
    data: JSONBody[Why | None] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """Let the flow be due by its schedule again."""

    def do(by: str) -> Done:
        decided = desk.services.flow_setup.resume(flow, by, data.why if data is not None else "")
        return _done(desk, decided.position, decided.event is not None)

    return desk.once(asked_by(request, idempotency_key, data), do)


@command("/flows/{flow:str}/sync", OPERATOR)
def sync_now(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    desk: NamedDependency[Desk],
    data: JSONBody[WantedCycle | None] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """Ask for a cycle now. A worker, or this service's own timer, takes it up within seconds; see the cycles."""
    services = desk.services

    def do(by: str) -> Done:
        again = services.views if data is not None and data.retry_refused else None
        return _done(desk, ask_for_cycle(flow, services.bookkeeping, services.leases, services.clock, by, again))

    return desk.once(asked_by(request, idempotency_key, data), do)


def _settings(wanted: WantedSettings, standing: Policies) -> FlowSettings:
    return FlowSettings(
        schedule=UNSET
        if wanted.schedule is UNSET
        else {
            source: Schedule(schedule.every_minutes, schedule.cron, schedule.zone)
            for source, schedule in wanted.schedule.items()
        },
        banks=wanted.banks,
        zone=wanted.zone,
        since=wanted.since,
        marketplaces=wanted.marketplaces,
        policies=UNSET if wanted.policies is UNSET else policies_from(wanted.policies, standing),
    )


def _done(desk: Desk, position: int, changed: bool = True) -> Done:
    desk.follower.follow()
    return Done(position, changed)


router = Router(
    "/",
    tags=["flows"],
    route_handlers=[list_flows, create_flow, show_flow, configure_flow, pause_flow, resume_flow, sync_now],
)
