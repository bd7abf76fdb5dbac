"""A person's word where two truths are possible: is that document of QuickBooks ours, and which settlement stands?"""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from application import word
from domain.access import OPERATOR, Holder
from entrypoints.web.access import command
from entrypoints.web.answers import Done
from entrypoints.web.desk import Desk, asked_by
from entrypoints.web.parameters import FlowName, IdempotencyKey, Key, Kind, SettlementId, Text

QuickBooksId = Annotated[str, Meta(pattern="^[0-9]{1,20}$", description="It stands in its page's address, as txnId.")]


class _Wanted(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of a command."""


class Adoption(_Wanted, frozen=True):
    """Which document of QuickBooks is this one, and why; the reason stands in the audit trail."""

    quickbooks_id: QuickBooksId
    why: Text


class Release(_Wanted, frozen=True):
    """Why none is this one; `notOurs` are never taken for it again."""

    why: Text
    not_ours: Annotated[tuple[QuickBooksId, ...], Meta(max_length=100)] = ()


class Keeping(_Wanted, frozen=True):
    """Why the settlement stands as it was."""

    why: Text


@command("/flows/{flow:str}/postings/{kind:str}/{key:str}/adopt", OPERATOR)
def adopt_posting(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    kind: Kind,
    key: Key,
    data: JSONBody[Adoption],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """A document of QuickBooks that looks like this one is this one: it counts as posted."""
    services = desk.services

    def do(by: str) -> Done:
        state = services.bookkeeping.flow(flow)
        desk.follower.follow()
        position = word.adopt(
            state,
            kind,
            key,
            data.quickbooks_id,
            services.bookkeeping,
            services.views,
            services.asked_by_person,
            services.evidence,
            by,
            data.why,
        )
        return _done(desk, position)

    return desk.once(asked_by(request, idempotency_key, data), do)


@command("/flows/{flow:str}/postings/{kind:str}/{key:str}/release", OPERATOR)
def release_posting(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    kind: Kind,
    key: Key,
    data: JSONBody[Release],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """It is another, or gone: ours is planned anew, and the next cycle sends it."""
    services = desk.services

    def do(by: str) -> Done:
        state = services.bookkeeping.flow(flow)
        return _done(desk, word.release(state, kind, key, data.not_ours, services.bookkeeping, by, data.why))

    return desk.once(asked_by(request, idempotency_key, data), do)


@command("/flows/{flow:str}/settlements/{settlement_id:str}/keep", OPERATOR)
def keep_settlement(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    settlement_id: SettlementId,
    data: JSONBody[Keeping],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """Keep a settlement as it was first complete, where Amazon sent its id again with other lines."""
    services = desk.services

    def do(by: str) -> Done:
        state = services.bookkeeping.flow(flow)
        return _done(desk, word.keep(state, settlement_id, services.bookkeeping, by, data.why))

    return desk.once(asked_by(request, idempotency_key, data), do)


def _done(desk: Desk, position: int) -> Done:
    desk.follower.follow()
    return Done(position, True)


router = Router("/", tags=["judgements"], route_handlers=[adopt_posting, release_posting, keep_settlement])
