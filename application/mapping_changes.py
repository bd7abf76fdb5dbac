"""A person changes where Amazon's amounts go: the change is recorded, and what waited for it is planned at once."""

from collections.abc import Sequence

import msgspec

from application.bookkeeping import Bookkeeping
from application.ports import Clock, Views
from application.sync import replan_waiting
from domain.chart import default_chart
from domain.errors import BadInput
from domain.mapping import MappingChanged, Rule, default_role

ROLES = ("order_charge", "refund", "claim", "fee", "tax_in", "tax_out", "reimbursement", "balance", "liquidation")


class Freed(msgspec.Struct, frozen=True):
    """What a change came to: its version, the documents it freed, and what is held still. `position` is the log's."""

    version: int
    changed: bool
    planned: int
    held_before: int
    held_after: int
    position: int
    rules: tuple[Rule, ...] = ()


def change_rules(
    flow: str,
    rules: Sequence[Rule],
    removed: Sequence[tuple[str, str, str]],
    why: str,
    bookkeeping: Bookkeeping,
    views: Views,
    clock: Clock,
    by: str,
    replan: bool = True,
) -> Freed:
    """Set and remove rules of the flow's own. Raises UnknownFlow, BadInput naming what cannot be.

    Rules that stand so already are no change. A rule without a role gets the one its account has by default.
    """
    state = bookkeeping.flow(flow)
    if not why.strip():
        raise BadInput("why: a reason is needed: it stands in the audit trail, for example 'new fee since July'")
    if not rules and not removed:
        raise BadInput("rules: expected at least one rule to set or to remove")
    for rule in rules:
        if rule.account not in default_chart():
            raise BadInput(
                f"account {rule.account!r}: it is not in the chart; expected one of {', '.join(default_chart())}"
            )
        if rule.role and rule.role not in ROLES:
            raise BadInput(f"role {rule.role!r}: expected one of {', '.join(ROLES)}")
    mapping = bookkeeping.mapping(flow)
    rules = [
        rule if rule.role else msgspec.structs.replace(rule, role=default_role(mapping, rule.triple, rule.account))
        for rule in rules
    ]
    own = {rule.triple: rule for rule in mapping.own_rules}
    for triple in removed:
        if triple not in own:
            raise BadInput(
                f"removed: the flow has no rule of its own for {' | '.join(triple)}; see: ml-connector mapping show"
            )
    position = views.catch_up()
    held = _held(views, flow)
    changed = bool(removed) or any(own.get(rule.triple) != rule for rule in rules)
    planned = 0
    if changed:
        event = MappingChanged(
            flow=flow, at=clock(), by=by, version=0, why=why, rules=tuple(rules), removed_rules=tuple(removed)
        )
        position = bookkeeping.change_mapping(event, views.open_gaps(flow))
        if replan:
            tally = replan_waiting(state, bookkeeping, views, by)
            planned, position = tally.planned, max(position, tally.position)
        views.catch_up()
    version = bookkeeping.mapping(flow).version
    return Freed(version, changed, planned, held, _held(views, flow), position, tuple(rules))


def _held(views: Views, flow: str) -> int:
    return int(views.query("counts", flow)[0]["held"])
