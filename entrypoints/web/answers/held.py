"""Held work and the mapping that frees it, as the API tells them."""

from collections.abc import Sequence

from domain.mapping import Mapping, QuickBooksRef, Rule, default_rules
from entrypoints.web.answers.form import Answer, Row, amount


class HeldFacts(Answer, frozen=True):
    """A reason why something is not posted, or needs a person; `waitsFor` is what frees it."""

    kind: str
    key: str
    status: str
    code: str
    text: str
    amount: str | None
    currency: str
    waits_for: str | None
    since: str
    order_id: str | None
    settlement_id: str | None


def held_facts(row: Row) -> HeldFacts:
    return HeldFacts(
        kind=row["kind"],
        key=row["key"],
        status=row["status"],
        code=row["code"],
        text=row["text"],
        amount=amount(row["amount"], row["currency"]),
        currency=row["currency"],
        waits_for=row["waits_for"] or None,
        since=row["since"],
        order_id=row["order_id"] or None,
        settlement_id=row["settlement_id"] or None,
    )


class HeldGroup(Answer, frozen=True):
    """Held work by reason (and by the mapping key that is missing): how many documents, how much money."""

    code: str
    waits_for: str | None
    documents: int
    amount: str | None
    currency: str
    since: str
    text: str


class HeldGroups(Answer, frozen=True):
    """The groups, the most documents first."""

    position: int
    items: list[HeldGroup]


def held_group(row: Row) -> HeldGroup:
    return HeldGroup(
        code=row["code"],
        waits_for=row["waits_for"] or None,
        documents=row["documents"],
        amount=amount(row["amount"], row["currency"]),
        currency=row["currency"],
        since=row["since"],
        text=row["text"],
    )


class RuleFacts(Answer, frozen=True):
    """Where a triple goes; `origin` is flow or default, and the flow's own rules come first."""

    transaction_type: str
    amount_type: str
    amount_description: str
    role: str
    account: str
    origin: str


class RefFacts(Answer, frozen=True):
    """Something of QuickBooks."""

    id: str
    name: str


class GapFacts(Answer, frozen=True):
    """A mapping key that is missing, what needed it first, and the money at stake then."""

    key: str
    first_object: str
    amount: str | None
    currency: str
    since: str


class MappingFacts(Answer, frozen=True):
    """The flow's mapping: rules from Amazon's triples to account keys, and keys to QuickBooks' own ids."""

    flow: str
    version: int
    rules: list[RuleFacts]
    accounts: dict[str, RefFacts]
    items: dict[str, RefFacts]
    customers: dict[str, RefFacts]
    banks: dict[str, RefFacts]
    missing: list[GapFacts]


def mapping_facts(flow: str, mapping: Mapping, gaps: Sequence[Row]) -> MappingFacts:
    return MappingFacts(
        flow=flow,
        version=mapping.version,
        rules=[_rule(rule, "flow") for rule in mapping.own_rules]
        + [_rule(rule, "default") for rule in default_rules()],
        accounts=_refs(mapping.accounts),
        items=_refs(mapping.items),
        customers=_refs(mapping.customers),
        banks=_refs(mapping.banks),
        missing=[
            GapFacts(
                row["missing_key"],
                row["first_object"],
                amount(row["amount"], row["currency"]),
                row["currency"],
                row["since"],
            )
            for row in gaps
        ],
    )


def _rule(rule: Rule, origin: str) -> RuleFacts:
    return RuleFacts(*rule.triple, rule.role, rule.account, origin)


def _refs(refs: dict[str, QuickBooksRef]) -> dict[str, RefFacts]:
    return {key: RefFacts(ref.id, ref.name) for key, ref in refs.items()}
