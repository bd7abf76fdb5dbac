"""Where each of Amazon's amounts goes: rules from triples to account keys, and from keys to QuickBooks' own ids.

A line is looked up by (transaction type, amount type, amount description): the same description means different
things under different types. The first rule that fits wins; a flow's own rules stand before the default map. What
no rule fits, or what a rule marks for review, is a gap: it is held, never guessed (accounting.md R32, R35).
"""

import csv
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Literal
from uuid import UUID

import msgspec

from domain.errors import BadInput
from domain.event import Event, stream_id

Role = Literal[
    "order_charge", "refund", "claim", "fee", "tax_in", "tax_out", "tax_asset", "reimbursement", "loan", "balance",
    "liquidation", "review",
]  # fmt: skip

# Roles whose usual sign is a safeguard: the other sign is looked at by a person (accounting.md R35).
_GUARDED_ROLES = frozenset(["order_charge", "refund", "claim", "fee", "liquidation"])
_RETURN_TYPES = ("refund", "a-to-z", "chargeback")


class Rule(msgspec.Struct, frozen=True):
    """One row of the map. Patterns may hold `*`, case does not count; the lowest priority that fits wins."""

    priority: int
    transaction_type: str
    amount_type: str
    amount_description: str
    role: str
    account: str
    usual_sign: str = "+/-"

    @property
    def triple(self) -> tuple[str, str, str]:
        return self.transaction_type, self.amount_type, self.amount_description


class QuickBooksRef(msgspec.Struct, frozen=True):
    """Something of QuickBooks by its id; the name is for people, the rest for checks."""

    id: str
    name: str
    account_type: str = ""
    currency: str = ""


class MappingChanged(Event, frozen=True, kw_only=True):
    """What was added, replaced or removed, and why. Keys of `accounts` are account keys, of `customers` marketplaces.

    `accounts` and `items` use `CLR:USD` for what exists per currency; `banks` is by currency.
    """

    version: int
    why: str
    rules: tuple[Rule, ...] = ()
    removed_rules: tuple[tuple[str, str, str], ...] = ()
    accounts: dict[str, QuickBooksRef] = {}
    items: dict[str, QuickBooksRef] = {}
    customers: dict[str, QuickBooksRef] = {}
    banks: dict[str, QuickBooksRef] = {}


class MappingMissing(Event, frozen=True, kw_only=True):
    """The first time something could not be mapped: the key, the first object that needed it, the money at stake."""

    key: str
    first_object: str
    amount: int
    currency: str


class MappingFound(Event, frozen=True, kw_only=True):
    """A missing key is mapped now; what waited is planned again in the next cycle."""

    key: str


class Mapping(msgspec.Struct):
    """A flow's mapping folded from its events; starts as the default map with nothing known of QuickBooks."""

    version: int = 0
    own_rules: tuple[Rule, ...] = ()
    accounts: dict[str, QuickBooksRef] = {}
    items: dict[str, QuickBooksRef] = {}
    customers: dict[str, QuickBooksRef] = {}
    banks: dict[str, QuickBooksRef] = {}
    looked_up: dict[tuple[str, str, str], Rule | None] = {}

    def rule_for(self, triple: tuple[str, str, str]) -> Rule | None:
        """The rule that fits a triple, or None. A file has millions of lines but few triples, so answers are kept."""
        try:
            return self.looked_up[triple]
        except KeyError:
            rule = self.looked_up[triple] = first_fit((*self.own_rules, *default_rules()), triple)
            return rule


def evolve(state: Mapping, event: Event) -> Mapping:
    if isinstance(event, MappingChanged):
        gone = {*event.removed_rules, *(rule.triple for rule in event.rules)}
        kept = tuple(rule for rule in state.own_rules if rule.triple not in gone)
        state.looked_up = {}
        state.own_rules = tuple(sorted((*kept, *event.rules), key=lambda rule: rule.priority))
        state.accounts = {**state.accounts, **event.accounts}
        state.items = {**state.items, **event.items}
        state.customers = {**state.customers, **event.customers}
        state.banks = {**state.banks, **event.banks}
        state.version = event.version
    return state


def first_fit(rules: tuple[Rule, ...], triple: tuple[str, str, str]) -> Rule | None:
    """The first of `rules` (in order of priority) whose three patterns fit."""
    for rule in rules:
        if all(_pattern(pattern).fullmatch(word) for pattern, word in zip(rule.triple, triple, strict=True)):
            return rule
    return None


def sign_fits(rule: Rule, transaction_type: str, amount: int) -> bool:
    """Whether an amount has the sign the rule expects; the other sign goes to a person (accounting.md R35).

    Fees come back with refunds, claims and chargebacks, so there they may be positive.
    """
    if rule.role not in _GUARDED_ROLES or rule.usual_sign not in ("+", "-") or amount == 0:
        return True
    if rule.role == "fee" and transaction_type.lower().startswith(_RETURN_TYPES):
        return True
    return (amount > 0) == (rule.usual_sign == "+")


@cache
def default_rules() -> tuple[Rule, ...]:
    """The reviewed default map (`data/default_map.csv`, from accounting.md R35)."""
    with (resources.files("domain") / "data" / "default_map.csv").open(encoding="utf-8") as file:
        return tuple(
            sorted(
                (
                    Rule(
                        priority=int(row["priority"]),
                        transaction_type=row["transaction_type"],
                        amount_type=row["amount_type"],
                        amount_description=row["amount_description"],
                        role=row["role"],
                        account=row["account_key"],
                        usual_sign=row["usual_sign"],
                    )
                    for row in csv.DictReader(file)
                ),
                key=lambda rule: rule.priority,
            )
        )


def default_role(mapping: Mapping, triple: tuple[str, str, str], account: str) -> str:
    """The role of a new rule for a triple: that of the rule it replaces, else what its words and account suggest.

    To move a sale to another account must not make a fee of it: its invoice has booked it already.
    """
    in_force = mapping.rule_for(triple)
    if in_force is not None and in_force.role != "review":
        return in_force.role
    transaction_type, amount_type, _ = (word.lower() for word in triple)
    if transaction_type == "order" and amount_type in ("itemprice", "promotion"):
        return "order_charge"
    if transaction_type.startswith("refund") and amount_type in ("itemprice", "promotion"):
        return "refund"
    return {"CLAIMS": "claim", "REIMB": "reimbursement", "SAFET": "reimbursement", "LIQ": "liquidation"}.get(
        account, "fee"
    )


def resolves(mapping: Mapping, key: str) -> bool:
    """Whether a gap's key (`rule:…`, `account:…`, `item:…`, `customer:…`, `bank:…`) is mapped now."""
    kind, _, name = key.partition(":")
    match kind:
        case "rule":
            words = name.split(" | ")
            rule = mapping.rule_for((words[0], words[1], " | ".join(words[2:]))) if len(words) >= 3 else None
            return rule is not None and rule.role != "review"
        case "account":
            return name in mapping.accounts
        case "item":
            return name in mapping.items
        case "customer":
            return name in mapping.customers
        case "bank":
            return name in mapping.banks
        case _:
            return False


def parse_triple(words: Iterable[str]) -> tuple[str, str, str]:
    """Three patterns as handed in by a person. Raises BadInput."""
    triple = tuple(word.strip() for word in words)
    if len(triple) != 3:
        raise BadInput(
            "a rule needs three patterns: transaction type, amount type, amount description, "
            "for example 'ServiceFee' 'other-transaction' 'Storage Fee'; use * for any"
        )
    return triple


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in glob.split("*")), re.IGNORECASE | re.DOTALL)


def mapping_stream(flow: str) -> UUID:
    return stream_id(flow, "mapping")


def gap_stream(flow: str, key: str) -> UUID:
    return stream_id(flow, "gap", key)
