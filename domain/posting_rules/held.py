"""A refusal to post, as a value: the reasons in a bookkeeper's words and the money that waits for them."""

from collections.abc import Iterable

import msgspec

from domain.chart import FOUND_NOT_CREATED
from domain.money import format_minor
from domain.posting import Reason

GAP_PREFIXES = ("rule:", "account:", "item:", "customer:", "bank:")

# A settlement may wait for thousands of orders: the first ones are named singly, the rest as one sum.
NAMED_ORDERS = 50


class Held(msgspec.Struct, frozen=True):
    """Why something is not posted; `amount` is all the money that waits, in minor units of `currency`."""

    reasons: tuple[Reason, ...]
    amount: int
    currency: str


def gap_keys(reasons: Iterable[Reason]) -> dict[str, int]:
    """The missing mapping keys among reasons, with the money at stake."""
    keys: dict[str, int] = {}
    for reason in reasons:
        if reason.waits_for.startswith(GAP_PREFIXES):
            keys[reason.waits_for] = keys.get(reason.waits_for, 0) + reason.amount
    return keys


def rule_key(triple: tuple[str, str, str]) -> str:
    return "rule:" + " | ".join(triple)


def missing_rule(triple: tuple[str, str, str], amount: int, currency: str, lines: int = 1) -> Reason:
    named = " | ".join(word or "(blank)" for word in triple)
    return Reason(
        "unmapped",
        f"no rule says where {named} goes "
        f"({lines} line{'s' * (lines != 1)}, {format_minor(amount, currency)} {currency}); "
        "add one with: ml-connector mapping set FLOW",
        amount,
        rule_key(triple),
    )


def missing_account(key: str, amount: int) -> Reason:
    kind = key.partition(":")[0]
    choose = f" --map {kind}=NAME" if kind in FOUND_NOT_CREATED else ""
    return Reason(
        "unmapped",
        f"account key {key} has no QuickBooks account yet; "
        f"run: ml-connector chart propose FLOW --account {key}{choose} --apply",
        amount,
        f"account:{key}",
    )


def missing_item(key: str, amount: int) -> Reason:
    return Reason(
        "unmapped",
        f"account key {key} has no QuickBooks item for invoices yet; run: ml-connector chart propose FLOW --apply",
        amount,
        f"item:{key}",
    )


def missing_customer(key: str, amount: int) -> Reason:
    return Reason(
        "unmapped",
        f"{key} has no QuickBooks customer yet; run: ml-connector chart propose FLOW --apply",
        amount,
        f"customer:{key}",
    )


def missing_bank(currency: str, amount: int) -> Reason:
    return Reason(
        "currency_without_bank",
        f"the flow has no bank account in {currency}; name the account that receives {currency} payouts",
        amount,
        f"bank:{currency}",
    )


def capped(reasons: list[Reason], currency: str) -> list[Reason]:
    """At most NAMED_ORDERS reasons of a kind, then one for all others; a gap of the map is always named."""
    by_code: dict[str, list[Reason]] = {}
    for reason in reasons:
        by_code.setdefault(reason.code, []).append(reason)
    kept: list[Reason] = []
    for code, same in by_code.items():
        gaps = [reason for reason in same if reason.waits_for.startswith(GAP_PREFIXES)]
        others = [reason for reason in same if not reason.waits_for.startswith(GAP_PREFIXES)]
        kept += [*gaps, *others[:NAMED_ORDERS]]
        rest = others[NAMED_ORDERS:]
        if rest:
            amount = sum(reason.amount for reason in rest)
            kept.append(
                Reason(code, f"and {len(rest)} more like these, {format_minor(amount, currency)} {currency}", amount)
            )
    return kept
