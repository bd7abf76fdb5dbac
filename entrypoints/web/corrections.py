"""Corrections of what is posted: amend, void, move to other accounts; each with its reason, or as a preview."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from application.corrections import Correction
from domain.access import OPERATOR, READER, Holder
from domain.corrections import Shift
from domain.flow import Flow
from entrypoints.web.access import command, read
from entrypoints.web.desk import Desk, asked_by
from entrypoints.web.parameters import FlowName, IdempotencyKey, Key, Kind, Text


class Correcting(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Why; with `preview` nothing is done and the answer tells what would be."""

    why: Text
    preview: bool = False


class MovingAll(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Which months, and why. `open`: a journal for each open month; `all`: what is closed in one journal too."""

    why: Text
    scope: Annotated[Literal["open", "all"], Meta(description="open or all")]
    preview: bool = False


class ShiftFacts(msgspec.Struct, frozen=True, rename="camel"):
    """What an account of a month gets: minor units, debits positive."""

    month: str
    account: str
    currency: str
    amount: int


class StepFacts(msgspec.Struct, frozen=True, rename="camel"):
    """What happens to one document."""

    kind: str
    key: str
    operation: str
    day: date | None
    total: int
    currency: str


class CorrectionFacts(msgspec.Struct, frozen=True, rename="camel"):
    """What was decided: `state` of the document, the `remedy` for it, what is planned. A preview's position is 0."""

    position: int
    state: str
    remedy: str
    steps: list[StepFacts]
    shifts: list[ShiftFacts]


class MappingDiffFacts(msgspec.Struct, frozen=True, rename="camel"):
    """What is booked otherwise than mapping `version` says, in open and in closed months."""

    version: int
    documents: int
    open: list[ShiftFacts]
    closed: list[ShiftFacts]


@command("/flows/{flow:str}/postings/{kind:str}/{key:str}/amend", OPERATOR)
def amend_posting(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    kind: Kind,
    key: Key,
    data: JSONBody[Correcting],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[CorrectionFacts]:
    """Make a document what today's mapping and Amazon's word say, as far as its state allows."""
    corrections = desk.services.corrections
    return _done(
        desk,
        request,
        idempotency_key,
        data,
        lambda by: corrections.amend(_flow(desk, flow), kind, key, data.why, by, data.preview),
    )


@command("/flows/{flow:str}/postings/{kind:str}/{key:str}/void", OPERATOR)
def void_posting(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    kind: Kind,
    key: Key,
    data: JSONBody[Correcting],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[CorrectionFacts]:
    """Take a document out of the books; what left of an order is billed anew under its next number."""
    corrections = desk.services.corrections
    return _done(
        desk,
        request,
        idempotency_key,
        data,
        lambda by: corrections.void(_flow(desk, flow), kind, key, data.why, by, data.preview),
    )


@command("/flows/{flow:str}/postings/{kind:str}/{key:str}/reclass", OPERATOR)
def reclass_posting(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    kind: Kind,
    key: Key,
    data: JSONBody[Correcting],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[CorrectionFacts]:
    """Move a document's amounts to today's accounts by a journal; the document stays as it is."""
    corrections = desk.services.corrections
    return _done(
        desk,
        request,
        idempotency_key,
        data,
        lambda by: corrections.reclass(_flow(desk, flow), kind, key, data.why, by, data.preview),
    )


@read("/flows/{flow:str}/mapping/diff", READER)
def mapping_diff(flow: FlowName, desk: NamedDependency[Desk]) -> MappingDiffFacts:
    """What is booked otherwise than today's mapping says; nothing of it moves by itself."""
    found = desk.services.corrections.mapping_diff(_flow(desk, flow), desk.services.views)
    return MappingDiffFacts(found.version, found.documents, _shifts(found.open), _shifts(found.closed))


@command("/flows/{flow:str}/mapping/reclass", OPERATOR)
def reclass_mapping(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    data: JSONBody[MovingAll],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[CorrectionFacts]:
    """Move what is booked to today's accounts by journals; the documents stay as they are."""
    services = desk.services
    return _done(
        desk,
        request,
        idempotency_key,
        data,
        lambda by: services.corrections.reclass_mapping(
            _flow(desk, flow), services.views, data.scope, data.why, by, data.preview
        ),
    )


def _flow(desk: Desk, flow: str) -> Flow:
    return desk.services.bookkeeping.flow(flow)


def _done(
    desk: Desk,
    request: Request[Holder, Any, Any],
    idempotency_key: str | None,
    data: Correcting | MovingAll,
    correct: Callable[[str], Correction],
) -> Response[CorrectionFacts]:
    def do(by: str) -> CorrectionFacts:
        done = correct(by)
        desk.follower.follow()
        steps = [
            StepFacts(step.kind, step.key, step.operation, step.day, step.total, step.currency) for step in done.steps
        ]
        return CorrectionFacts(done.position, done.state, done.remedy, steps, _shifts(done.shifts))

    return desk.once(asked_by(request, idempotency_key, data), do)


def _shifts(shifts: tuple[Shift, ...]) -> list[ShiftFacts]:
    return [ShiftFacts(shift.month, shift.account, shift.currency, shift.amount) for shift in shifts]


router = Router(
    "/",
    tags=["corrections"],
    route_handlers=[amend_posting, void_posting, reclass_posting, mapping_diff, reclass_mapping],
)
