"""What no rule places (accounting.md R32): held with its money, or in suspense up to a cap, and out of it again."""

from collections.abc import Iterable, Sequence
from datetime import date

from domain.chart import default_chart
from domain.document import Deposit, Document, JournalEntry, JournalLine
from domain.flow import Flow
from domain.mapping import Mapping, sign_fits
from domain.posting import Reason
from domain.posting_rules.dispositions import DirectKey, Sorted, account_key, money, total_of
from domain.posting_rules.held import missing_rule, rule_key
from domain.posting_rules.taxes import SELLER_TAX
from domain.posting_rules.tranches import Days
from domain.settlement import SettlementClosed, SettlementLine

SUSPENSE = "SUSP"
_NO_ACCOUNT = {"TAX": SELLER_TAX, "MFT": SELLER_TAX}


def place_unmapped(result: Sorted, flow: Flow, closed: SettlementClosed, days: Days) -> int:
    """Suspend or refuse what has no rule; the amount that goes to suspense."""
    if not result.unmapped:
        return 0
    lines = [line for same in result.unmapped.values() for line in same]
    refusal = _refusal(lines, flow, closed)
    if refusal is not None:
        for triple, same in result.unmapped.items():
            result.reasons.append(missing_rule(triple, total_of(same), closed.currency, len(same)))
        if refusal:
            result.reasons.append(Reason("suspense_cap", refusal, total_of(lines)))
        return 0
    for triple, same in result.unmapped.items():
        named = " | ".join(word or "(blank)" for word in triple)
        for line in same:
            result.book(DirectKey(days.of(line), SUSPENSE, named), line.amount, (line.ordinal,))
        text = (
            f"no rule says where {named} goes ({len(same)} line{'s' * (len(same) != 1)}, "
            f"{money(total_of(same), closed.currency)}); it lies in suspense until one is added with: "
            "ml-connector mapping set FLOW"
        )
        result.notes.append(Reason("in_suspense", text, total_of(same), rule_key(triple)))
    return total_of(lines)


def _refusal(lines: Sequence[SettlementLine], flow: Flow, closed: SettlementClosed) -> str | None:
    """Why the lines are held and not suspended; empty where that is the policy, None where they may be suspended."""
    policies = flow.policies
    if policies.unmapped == "hold":
        return ""
    at_stake = sum(abs(line.amount) for line in lines)
    stake = money(at_stake, closed.currency)
    if not policies.suspense_cap and not policies.suspense_cap_percent:
        return f"{stake} could go to suspense, but no cap is set; set suspense_cap or suspense_cap_percent of the flow"
    if policies.suspense_cap and at_stake > policies.suspense_cap:
        return (
            f"{stake} without a rule is more than the suspense_cap of {money(policies.suspense_cap, closed.currency)}"
        )
    if policies.suspense_cap_percent and at_stake * 100 > policies.suspense_cap_percent * abs(closed.total):
        return f"{stake} without a rule is more than {policies.suspense_cap_percent} % of the settlement's total"
    return None


def out_of_suspense(
    closed: SettlementClosed,
    lines: Sequence[SettlementLine],
    documents: Iterable[Document],
    mapping: Mapping,
    day: date,
    key: str,
    account_type: str = "",
) -> JournalEntry | Reason | None:
    """The journal that moves what has a rule now from suspense to its account (E27); None if nothing does.

    `documents` are those of the settlement and the earlier journals of this kind. What a rule would give to clearing is
    refused: an amount that moves an earlier balance is not P&L, and a person must look.
    """
    suspended = _still_suspended(documents)
    sums: dict[str, list[int]] = {}
    ordinals: dict[str, list[int]] = {}
    for line in lines:
        if line.ordinal not in suspended:
            continue
        rule = mapping.rule_for(line.triple)
        if rule is None or rule.role == "review" or not sign_fits(rule, line.transaction_type, line.amount):
            continue
        account = _NO_ACCOUNT.get(rule.account, rule.account)
        if account not in default_chart() or account == "CLR":
            text = (
                f"{' | '.join(line.triple)} lies in suspense; a rule leads it to {rule.account}, which needs a person"
            )
            return Reason("suspense_to_balance", text, line.amount, rule_key(line.triple))
        sums.setdefault(account, []).append(line.amount)
        ordinals.setdefault(account, []).append(line.ordinal)
    moved = [
        JournalLine(
            account_key(account, closed.currency, account_type),
            -sum(amounts),
            "Out of suspense",
            tuple(ordinals[account]),
        )
        for account, amounts in sorted(sums.items())
        if sum(amounts)
    ]
    if not moved:
        return None
    whole = -sum(line.amount for line in moved)
    if whole:
        moved.append(JournalLine(SUSPENSE, whole, "Placed by a rule"))
    return JournalEntry(
        number=key[-21:],
        day=day,
        currency=closed.currency,
        lines=tuple(moved),
        total=sum(line.amount for line in moved if line.amount > 0),
        memo=f"AMZ-SETTLEMENT {closed.settlement_id}; out of suspense",
        settlement_id=closed.settlement_id,
        corrects=f"deposit/{closed.settlement_id}" if closed.total > 0 else f"journal/{closed.settlement_id}",
    )


def _still_suspended(documents: Iterable[Document]) -> set[int]:
    suspended: set[int] = set()
    placed: set[int] = set()
    for document in documents:
        if not isinstance(document, Deposit | JournalEntry):
            continue
        out = isinstance(document, JournalEntry) and bool(document.corrects)
        for line in document.lines:
            if out:
                placed |= set(line.ordinals)
            elif line.account == SUSPENSE:
                suspended |= set(line.ordinals)
    return suspended - placed
