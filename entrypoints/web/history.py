"""What happened: the audit trail, its proof, the cycles with their live progress, and the books for other engines."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from domain.access import AUDITOR, EVERYWHERE, READER, Holder
from entrypoints.bootstrap import exporter
from entrypoints.web import answers
from entrypoints.web.access import ROLE, cookie_of, read
from entrypoints.web.answers import CycleFacts, EventFacts, Page
from entrypoints.web.desk import Desk
from entrypoints.web.paging import PAGE
from entrypoints.web.parameters import AsOf, Cursor, FlowName, Limit, text_filter
from entrypoints.web.problems import Refusal

PROGRESS_EVERY = 0.5  # seconds between two looks at a running cycle
STREAMS = 8  # open at a time by one holder: each reads the database twice a second
STREAM_SECONDS = 900.0  # then the stream ends, and a client that still cares asks again

# What the events of a cycle mean to somebody who watches it.
STEPS = {
    "order.ingested.v1": "ordersNew",
    "order.amended.v1": "ordersChanged",
    "settlement.closed.v1": "settlements",
    "posting.planned.v1": "planned",
    "posting.held.v1": "held",
    "posting.rejected.v1": "refused",
    "posting.invoice-posted.v1": "invoicesPosted",
    "posting.payment-posted.v1": "paymentsPosted",
    "posting.deposit-posted.v1": "depositsPosted",
}


class Finding(msgspec.Struct, frozen=True, rename="camel"):
    """The chain recomputed: `ok`, or the first event that is not what was written."""

    ok: bool
    events: int
    transactions: int
    head: str
    position: int | None
    stream: str | None
    problem: str | None


class Progress(msgspec.Struct, frozen=True, rename="camel"):
    """How far a cycle is: its status, and how many of each step it has recorded so far."""

    cycle: str
    status: str
    steps: dict[str, int]
    error: str | None
    position: int


@read("/flows/{flow:str}/events", AUDITOR, kept=True)
def list_events(
    flow: FlowName,
    desk: NamedDependency[Desk],
    order_id: Annotated[str | None, text_filter("An Amazon order id.")] = None,
    settlement_id: Annotated[str | None, text_filter("A settlement id.")] = None,
    posting: Annotated[str | None, text_filter("A posting: KIND/KEY.")] = None,
    by: Annotated[str | None, text_filter("A person (cli:NAME, api:TOKEN) or cycle:ID.")] = None,
    name: Annotated[str | None, text_filter("An event's name, for example mapping.changed.v1.")] = None,
    since: Annotated[str | None, text_filter("Then or later: a time or a day.")] = None,
    until: Annotated[str | None, text_filter("Then or earlier: a time or a day.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[EventFacts]:
    """The audit trail of a flow, newest first."""
    filters = {
        "order_id": order_id,
        "settlement_id": settlement_id,
        "posting": posting,
        "by": by,
        "name": name,
        "since": since,
        "until": until,
    }
    return Page(*desk.page("audit", flow, filters, limit, cursor, answers.event_facts))


@read("/events", AUDITOR, installation=True)
def list_own_events(
    desk: NamedDependency[Desk],
    by: Annotated[str | None, text_filter("A person (cli:NAME, api:TOKEN).")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[EventFacts]:
    """The audit trail of what belongs to no flow: who was given a token, and who lost one."""
    return Page(*desk.page("audit", EVERYWHERE, {"by": by}, limit, cursor, answers.event_facts))


@read("/audit/verify", AUDITOR, installation=True, follows=False)
def verify(desk: NamedDependency[Desk]) -> Finding:
    """Recompute the hash chain over everything stored. Takes a minute for some millions of events."""
    found = desk.services.ledger.verify()
    return Finding(
        found.ok,
        found.events,
        found.transactions,
        found.head,
        found.position,
        found.stream or None,
        found.problem or None,
    )


@read("/flows/{flow:str}/books", AUDITOR, media_type="text/plain")
def export_books(
    flow: FlowName,
    desk: NamedDependency[Desk],
    format: Annotated[
        Literal["csv", "beancount"], QueryParameter(description="csv, or beancount with balance assertions.")
    ] = "csv",
) -> Response[str]:
    """The books as QuickBooks answered them, for other engines."""
    text = "".join(line + "\n" for line in exporter(desk.services, flow, format))
    return Response(text, media_type="text/plain; charset=utf-8")


@read("/flows/{flow:str}/cycles", READER, kept=True)
def list_cycles(
    flow: FlowName,
    desk: NamedDependency[Desk],
    status: Annotated[str | None, text_filter("running, finished, failed or stopped.")] = None,
    as_of: AsOf = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[CycleFacts]:
    """Cycles, newest first."""
    return Page(*desk.page("cycles", flow, {"status": status}, limit, cursor, answers.cycle_facts, as_of))


@read("/flows/{flow:str}/cycles/{cycle:str}", READER)
def show_cycle(flow: FlowName, cycle: FromPath[str], desk: NamedDependency[Desk]) -> CycleFacts:
    """One cycle."""
    return answers.cycle_facts(desk.one("cycles", flow, f"cycle {cycle}", cycle=cycle))


@get("/flows/{flow:str}/cycles/{cycle:str}/progress", opt={ROLE: READER}, media_type="text/event-stream")
async def follow_cycle(
    request: Request[Holder, Any, Any], flow: FlowName, cycle: FromPath[str], desk: NamedDependency[Desk]
) -> ServerSentEvent:
    """A cycle's progress as server-sent events named `progress`, each a whole state; ends with `finished` or `failed`.

    A stream that the cycle outlives ends after 15 minutes; ask again. It ends with the token or session it was opened
    with, and one holder has at most eight at a time.
    """
    holder = request.user.name
    if desk.streams[holder] >= STREAMS:
        raise Refusal(
            429,
            f"{STREAMS} streams are open already",
            do="Close one, or ask for the cycle from time to time.",
            headers={"Retry-After": "5"},
        )
    first = await asyncio.to_thread(_progress, desk, flow, cycle)

    async def states() -> AsyncIterator[ServerSentEventMessage]:
        state = first
        desk.streams[holder] += 1
        try:
            yield _message(state)
            deadline = asyncio.get_running_loop().time() + STREAM_SECONDS
            while state.status == "running" and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(PROGRESS_EVERY)
                if not await asyncio.to_thread(_still_in, desk, request):
                    return
                following = await asyncio.to_thread(_progress, desk, flow, cycle)
                if (following.steps, following.status) != (state.steps, state.status):
                    yield _message(following)
                state = following
        finally:
            desk.streams[holder] -= 1

    return ServerSentEvent(states())


def _still_in(desk: Desk, request: Request[Holder, Any, Any]) -> bool:
    """Whether what a stream was opened with still opens anything: the token, and the session where there is one."""
    cookie = cookie_of(request.scope) if "authorization" not in request.headers else None
    services = desk.services
    if cookie is not None and services.sessions.find(cookie, active=False) is None:
        return False
    return services.tokens.named(request.user.name) is not None


def _progress(desk: Desk, flow: str, cycle: str) -> Progress:
    row = desk.one("cycles", flow, f"cycle {cycle}", cycle=cycle)
    counted = desk.services.views.events_by(flow, f"cycle:{cycle}")
    return Progress(
        cycle=cycle,
        status=row["status"],
        steps={word: counted[name] for name, word in STEPS.items() if name in counted},
        error=row["error"] or None,
        position=desk.position(None),
    )


def _message(state: Progress) -> ServerSentEventMessage:
    event = "progress" if state.status == "running" else state.status
    return ServerSentEventMessage(data=msgspec.json.encode(state).decode(), event=event, id=str(state.position))


router = Router(
    "/",
    tags=["history"],
    route_handlers=[
        list_events,
        list_own_events,
        verify,
        export_books,
        list_cycles,
        show_cycle,
        follow_cycle,
    ],
)
