"""What the month-end checklist is worked out from, and one line of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from domain.errors import BadInput
from domain.flow import Flow
from domain.mapping import Mapping as FlowMapping
from domain.money import format_minor

Result = Literal["pass", "fail", "not_applicable", "not_known"]
Row = Mapping[str, Any]


class Line(msgspec.Struct, frozen=True):
    """A line: its value in words, how it stands and why, and the command and the page that show it."""

    number: int
    title: str
    value: str
    result: Result
    why: str
    command: str
    path: str


class Facts(msgspec.Struct, frozen=True):
    """A flow at the end of a month. `first` to `last` are days of the books, `begin` to before `end` instants (UTC).

    `balances` are the ledger's at the end of the month, by account key and currency (debits positive); `triples` are
    Amazon's lines of the month and the six before, by the settlement's end. What was not asked for is None.
    """

    flow: Flow
    mapping: FlowMapping
    first: date
    last: date
    begin: datetime
    end: datetime
    today: date
    settlements: Sequence[Row]
    counts: Row
    gaps: Sequence[Row]
    held: Sequence[Row]
    balances: Mapping[tuple[str, str], int]
    clearing: Sequence[Row]
    receivable: Sequence[Row]
    triples: Sequence[Row]
    shipped: Sequence[Row]
    deposits: Sequence[Row]
    tranches: set[str]
    quickbooks: Mapping[str, int] | None
    answers_differ: Sequence[str] | None
    packet: str

    @property
    def ended(self) -> list[Row]:
        """Settlements whose period ended within the month or before."""
        return [row for row in self.settlements if row["end"] and datetime.fromisoformat(row["end"]) <= self.end]

    @property
    def month_triples(self) -> list[Row]:
        """Amazon's lines of the settlements that ended within the month."""
        return [row for row in self.triples if datetime.fromisoformat(row["end"]) >= self.begin]

    def role(self, row: Row) -> tuple[str, str]:
        """Role and account key of a row of triples; empty where no rule places it."""
        rule = self.mapping.rule_for((row["transaction_type"], row["amount_type"], row["amount_description"]))
        return (rule.role, rule.account) if rule is not None else ("", "")

    def is_tax(self, row: Row) -> bool:
        """Whether it is tax that Amazon collects and remits, or should: it comes in and goes out again."""
        discount = (row["amount_type"], row["amount_description"]) == ("Promotion", "TaxDiscount")
        return discount or self.role(row)[0] in ("tax_in", "tax_out")

    def balance(self, name: str) -> dict[str, int]:
        """The balances of an account key (and of its keys by currency) that are not 0, by currency."""
        found: dict[str, int] = {}
        for (key, currency), amount in self.balances.items():
            if key.partition(":")[0] == name and amount:
                found[currency] = found.get(currency, 0) + amount
        return {currency: amount for currency, amount in found.items() if amount}

    def path(self, page: str = "", query: str = "") -> str:
        return f"/flows/{self.flow.name}" + (f"/{page}" if page else "") + query


def money(amount: int, currency: str) -> str:
    """`1,234.56 USD`; what is recorded can always be shown."""
    try:
        text = format_minor(abs(amount), currency)
    except BadInput:
        return f"{amount} minor units {currency}".rstrip()
    whole, dot, cents = text.partition(".")
    return f"{'-' if amount < 0 else ''}{int(whole):,}{dot}{cents} {currency}"


def moneys(amounts: Mapping[str, int]) -> str:
    """Amounts by currency; `0` where there are none."""
    return " and ".join(money(amount, currency) for currency, amount in sorted(amounts.items())) or "0"


def summed(rows: Sequence[Row], amount: str = "amount") -> dict[str, int]:
    """By currency."""
    found: dict[str, int] = {}
    for row in rows:
        found[row["currency"]] = found.get(row["currency"], 0) + row[amount]
    return found


def gaps_in(settlements: Sequence[Row]) -> Iterator[tuple[str, datetime, datetime]]:
    """Times that no settlement of a currency covers, between its first and its last (invariant I5)."""
    by_currency: dict[str, list[tuple[datetime, datetime]]] = {}
    for row in settlements:
        if row["start"] and row["end"]:
            span = datetime.fromisoformat(row["start"]), datetime.fromisoformat(row["end"])
            by_currency.setdefault(row["currency"], []).append(span)
    for currency, spans in by_currency.items():
        covered: datetime | None = None
        for start, end in sorted(spans):
            if covered is not None and (start - covered).total_seconds() > 3_600:
                yield currency, covered, start
            covered = end if covered is None else max(covered, end)


def count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
