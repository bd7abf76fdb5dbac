"""What waits and what frees it: held work by reason and singly, and the mapping that most of it waits for."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from application.mapping_changes import change_rules
from domain.access import OPERATOR, READER, Holder
from domain.mapping import Rule
from entrypoints.web import answers
from entrypoints.web.access import command, read
from entrypoints.web.answers import HeldFacts, HeldGroups, MappingFacts, Page
from entrypoints.web.desk import Desk, asked_by
from entrypoints.web.paging import PAGE
from entrypoints.web.parameters import AsOf, Cursor, FlowName, IdempotencyKey, Limit, Text, Word, text_filter


class _Wanted(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of a command."""


class Triple(_Wanted, frozen=True):
    """Patterns for Amazon's transaction type, amount type and amount description; * for any."""

    transaction_type: Word
    amount_type: Word
    amount_description: Word


class WantedRule(Triple, frozen=True, kw_only=True):
    """Where a triple goes: an account key of the chart, and what kind of amount it is (by its account if empty)."""

    account: Word
    role: Annotated[str, Meta(max_length=40)] = ""


class MappingChange(_Wanted, frozen=True):
    """Rules to set and rules to take back, and why; the reason stands in the audit trail."""

    why: Text
    rules: Annotated[tuple[WantedRule, ...], Meta(max_length=200)] = ()
    removed: Annotated[tuple[Triple, ...], Meta(max_length=200)] = ()


class FreedFacts(msgspec.Struct, frozen=True, rename="camel"):
    """What a change of the mapping came to: the version, documents planned by it, and what was and is held."""

    version: int
    changed: bool
    planned: int
    held_before: int
    held_after: int
    position: int


@read("/flows/{flow:str}/held", READER, kept=True)
def list_held(
    flow: FlowName,
    desk: NamedDependency[Desk],
    code: Annotated[str | None, text_filter("A reason's code, for example unmapped.")] = None,
    waits_for: Annotated[str | None, text_filter("What it waits for, for example a mapping key.")] = None,
    kind: Annotated[str | None, text_filter("The posting's kind.")] = None,
    order_id: Annotated[str | None, text_filter("An Amazon order id.")] = None,
    settlement_id: Annotated[str | None, text_filter("A settlement id.")] = None,
    as_of: AsOf = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[HeldFacts]:
    """What is held, reason by reason, the oldest first, with the money at stake and what frees it."""
    filters = {
        "code": code,
        "waits_for": waits_for,
        "kind": kind,
        "order_id": order_id,
        "settlement_id": settlement_id,
    }
    return Page(*desk.page("held", flow, filters, limit, cursor, answers.held_facts, as_of))


@read("/flows/{flow:str}/held/groups", READER, kept=True)
def group_held(flow: FlowName, desk: NamedDependency[Desk], as_of: AsOf = None) -> HeldGroups:
    """Held work by reason, and by the mapping key that is missing: how many documents, how much money."""
    rows = desk.views(as_of).query("held_groups", flow)
    if not rows:
        desk.know(flow)
    return HeldGroups(desk.position(as_of), [answers.held_group(row) for row in rows])


@read("/flows/{flow:str}/mapping", READER)
def show_mapping(flow: FlowName, desk: NamedDependency[Desk]) -> MappingFacts:
    """Where Amazon's amounts go, what they are in QuickBooks, and which keys are missing."""
    desk.know(flow)
    gaps = desk.services.views.query("gaps", flow, status="open")
    return answers.mapping_facts(flow, desk.services.bookkeeping.mapping(flow), gaps)


@command("/flows/{flow:str}/mapping/changes", OPERATOR)
def change_mapping(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    data: JSONBody[MappingChange],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[FreedFacts]:
    """Say where triples go. What waited for it is planned at once; the next cycle posts it."""
    services = desk.services

    def do(by: str) -> FreedFacts:
        rules = [
            Rule(0, rule.transaction_type, rule.amount_type, rule.amount_description, rule.role, rule.account)
            for rule in data.rules
        ]
        removed = [(rule.transaction_type, rule.amount_type, rule.amount_description) for rule in data.removed]
        freed = change_rules(flow, rules, removed, data.why, services.bookkeeping, services.views, services.clock, by)
        desk.follower.follow()
        return FreedFacts(
            freed.version, freed.changed, freed.planned, freed.held_before, freed.held_after, freed.position
        )

    return desk.once(asked_by(request, idempotency_key, data), do)


router = Router(
    "/", tags=["held work and mapping"], route_handlers=[list_held, group_held, show_mapping, change_mapping]
)
