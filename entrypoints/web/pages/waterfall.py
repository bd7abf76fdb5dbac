"""From what buyers paid to what reached the bank: a settlement's lines by step and account, each line in one step."""

from collections.abc import Sequence

import msgspec

from domain.chart import default_chart
from domain.mapping import Mapping, sign_fits
from domain.posting_rules.settlement import account_key
from domain.settlement import SettlementLine

WIDTH = 1_000  # of the bars' drawing

_SALES = ("SALES", "SHIPINC", "GIFT", "LIQ")
_PROMOTIONS = ("PROMO",)
_REFUNDS = ("REFUND", "CLAIMS", "SHIPCB")
_FEES = ("Cost of Goods Sold", "Expense")
_TAXES = ("MFT", "STX", "VAT", "TAX", "TAXPREPAID")
_LOAN = ("LOAN", "INTRST")

TITLES = {
    "sales": "Gross sales",
    "promotions": "Promotions",
    "refunds": "Refunds and claims",
    "fees": "Amazon's fees",
    "credits": "Reimbursements and credits",
    "tax": "Tax collected and withheld",
    "reserve": "Amazon's reserve",
    "loan": "Amazon's loan",
    "balances": "Earlier balances and other accounts",
    "unplaced": "Not placed yet",
}


class Part(msgspec.Struct, frozen=True):
    """An account's share of a step."""

    account: str
    amount: int
    lines: int


class Step(msgspec.Struct, frozen=True):
    """A step: what it moves, what is left after it, and its bar (where it begins and how long it is)."""

    name: str
    title: str
    amount: int
    left: int
    begin: int
    length: int
    parts: tuple[Part, ...]


class Waterfall(msgspec.Struct, frozen=True):
    """`total` is the sum of all lines; the last bar is its own. `zero` is where nothing is."""

    steps: tuple[Step, ...]
    total: int
    zero: int
    length: int
    lines: int


def waterfall(lines: Sequence[SettlementLine], mapping: Mapping, currency: str) -> Waterfall:
    """The steps by the mapping as it stands."""
    found: dict[str, dict[str, list[int]]] = {name: {} for name in TITLES}
    for line in lines:
        step, account = _place(line, mapping, currency)
        sums = found[step].setdefault(account, [0, 0])
        sums[0] += line.amount
        sums[1] += 1
    steps: list[tuple[str, int, int, tuple[Part, ...]]] = []
    left = 0
    for name, accounts in found.items():
        if not accounts:
            continue
        parts = [Part(account, amount, count) for account, (amount, count) in accounts.items()]
        amount = sum(part.amount for part in parts)
        left += amount
        steps.append((name, amount, left, tuple(sorted(parts, key=lambda part: -abs(part.amount)))))
    low = min([0, *(after for _, _, after, _ in steps)])
    high = max([0, *(after for _, _, after, _ in steps)])
    span = max(high - low, 1)

    def at(amount: int) -> int:
        return round((amount - low) * WIDTH / span)

    return Waterfall(
        steps=tuple(
            Step(
                name,
                TITLES[name],
                amount,
                after,
                min(at(after - amount), at(after)),
                max(abs(at(after) - at(after - amount)), 3 if amount else 0),
                parts,
            )
            for name, amount, after, parts in steps
        ),
        total=left,
        zero=min(at(0), at(left)),
        length=max(abs(at(left) - at(0)), 3),
        lines=len(lines),
    )


def _place(line: SettlementLine, mapping: Mapping, currency: str) -> tuple[str, str]:
    """The step and the account's name, as the posting rules would place the line."""
    rule = mapping.rule_for(line.triple)
    if rule is None or rule.role == "review" or not sign_fits(rule, line.transaction_type, line.amount):
        return "unplaced", " | ".join(word or "(blank)" for word in line.triple)
    if rule.role in ("tax_in", "tax_out") or line.triple[1:] == ("Promotion", "TaxDiscount"):
        return "tax", "Collected from buyers" if line.amount > 0 else "Withheld or given back"
    key = rule.account
    account = default_chart().get(key)
    ref = mapping.accounts.get(account_key(key, currency))
    name = ref.name if ref is not None else account.name if account is not None else key
    if key in _SALES:
        return "sales", name
    if key in _PROMOTIONS:
        return "promotions", name
    if key in _REFUNDS:
        return "refunds", name
    if key in _TAXES:
        return "tax", name
    if key in _LOAN:
        return "loan", name
    if key == "RSV":
        return "reserve", name
    if account is not None and account.account_type in _FEES:
        return "fees", name
    if account is not None and account.account_type == "Other Income":
        return "credits", name
    return "balances", name
