"""Month-end accruals: deferred transactions (R26), and the interest hidden in a loan's repayments (R19).

Amazon holds back the money of delivered orders for some days, and of invoiced ones for weeks. The income is on the
invoice already; fees and refunds are accrued on the last day of the month and taken back on the first of the next, when
the settlement that pays them will book them for good.
"""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta

import msgspec

from domain.chart import default_chart
from domain.document import JournalEntry, JournalLine
from domain.errors import BadInput
from domain.flow import Flow, flow_mark
from domain.mapping import Mapping
from domain.posting import Reason
from domain.posting_rules.dispositions import TAX_ROLES, books_orders
from domain.posting_rules.held import Held, capped, missing_account, missing_rule
from domain.posting_rules.planned import PlannedDocument

DEFERRED = "DEF"
INTEREST, LOAN = "INTRST", "LOAN"


class Deferred(msgspec.Struct, frozen=True):
    """One amount Amazon defers at a month's end, in a settlement's words; minor units, signed from the seller's."""

    transaction_id: str
    triple: tuple[str, str, str]
    amount: int
    order_id: str = ""


def accrual_of(
    deferred: Sequence[Deferred], month: date, currency: str, flow: Flow, mapping: Mapping
) -> list[PlannedDocument] | Held | None:
    """The accrual on a month's last day and its reversal on the next; None where there is nothing to accrue.

    A transaction is taken once. Sales of a flow whose orders are invoiced are left out, and so is tax that cancels out.
    """
    if not flow.policies.deferred_accrual:
        return None
    sums: dict[str, int] = {}
    reasons: list[Reason] = []
    unmapped: dict[tuple[str, str, str], list[int]] = {}
    for one in dict.fromkeys(deferred):
        rule = mapping.rule_for(one.triple)
        if rule is None or rule.role == "review":
            unmapped.setdefault(one.triple, []).append(one.amount)
        elif rule.role not in TAX_ROLES and not (rule.role == "order_charge" and books_orders(flow)):
            if rule.account in default_chart() and rule.account not in ("CLR", "RSV"):
                sums[rule.account] = sums.get(rule.account, 0) + one.amount
    reasons += [missing_rule(triple, sum(same), currency, len(same)) for triple, same in unmapped.items()]
    sums = {account: amount for account, amount in sums.items() if amount}
    if not sums and not reasons:
        return None
    needed = {**sums, DEFERRED: -sum(sums.values())}
    reasons += [missing_account(key, amount) for key, amount in sorted(needed.items()) if key not in mapping.accounts]
    if reasons:
        return Held(tuple(capped(reasons, currency)), sum(sums.values()), currency)
    last = month.replace(day=monthrange(month.year, month.month)[1])
    key = accrual_key(month, currency)
    accrual = _journal(flow, key, "", last, currency, sums, +1, f"deferred at the end of {last:%Y-%m}")
    back = _journal(
        flow,
        key,
        "R",
        last + timedelta(days=1),
        currency,
        sums,
        -1,
        f"reversal of what was deferred in {last:%Y-%m}",
    )
    return [accrual, msgspec.structs.replace(back, depends_on=(accrual.name,))]


def accrual_key(month: date, currency: str) -> str:
    return f"DEF-{currency}-{month:%Y%m}"


def interest_of(loan_statement: str, day: date, amount: int, currency: str) -> JournalEntry:
    """The interest part of a month's repayments, by Amazon's loan statement: Dr interest, Cr loan. Raises BadInput."""
    if amount <= 0:
        raise BadInput(f"interest of {amount} (minor units): expected the positive amount of Amazon's loan statement")
    return JournalEntry(
        number=f"LOAN-{loan_statement}"[-21:],
        day=day,
        currency=currency,
        lines=(JournalLine(INTEREST, amount, "Interest on the Amazon loan"), JournalLine(LOAN, -amount, "Interest")),
        total=amount,
        memo=f"Amazon loan statement {loan_statement}",
    )


def _journal(
    flow: Flow, key: str, end: str, day: date, currency: str, sums: dict[str, int], sign: int, why: str
) -> PlannedDocument:
    lines = [JournalLine(account, -sign * amount, why) for account, amount in sorted(sums.items(), key=_number)]
    if net := sum(sums.values()):
        lines.append(JournalLine(DEFERRED, sign * net, why))
    document = JournalEntry(
        number=f"{key}-{flow_mark(flow.name)}{end}",
        day=day,
        currency=currency,
        lines=tuple(lines),
        total=sum(line.amount for line in lines if line.amount > 0),
        memo=f"AMZ-DEFERRED {why}",
    )
    return PlannedDocument(key + end, document)


def _number(entry: tuple[str, int]) -> str:
    return default_chart()[entry[0]].number
