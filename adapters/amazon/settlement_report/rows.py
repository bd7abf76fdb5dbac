"""One row's cells into a statement, or into its lines: one in flat file V2, one for each amount in V1.

A report has millions of rows but few different words, dates and amounts, so what was read once is remembered; that is
most of the speed.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import itemgetter
from typing import TypeVar

from adapters.amazon.settlement_report.columns import V1_MONEY, V2_MONEY, Columns
from adapters.amazon.settlement_report.dates import parse_moment
from adapters.amazon.settlement_report.numbers import parse_amount, parse_quantity
from domain.errors import BadInput, UnreadableReport
from domain.money import exponent
from domain.settlement import SettlementLine, Statement

Value = TypeVar("Value")

_MOST_REMEMBERED = 50_000  # what does not repeat must not fill the memory
_DATES = ("settlement-start-date", "settlement-end-date", "deposit-date")
_DETAIL = (
    "transaction-type", "order-id", "sku", "quantity-purchased", "posted-date-time", "posted-date", "marketplace-name",
    "shipment-id", "adjustment-id", "order-item-code", "promotion-id", "fulfillment-id", "currency",
)  # fmt: skip


class _Remembered(dict[str, Value]):
    """Cells already read, by their text. Asking for a new one reads it, and may raise BadInput."""

    def __init__(self, read: Callable[[str], Value]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> Value:
        value = self._read(text)
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        self[text] = value
        return value


class Rows:
    """Reads the rows below one heading. `begin` says which currency the following lines are in."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.id_place = columns.place("settlement-id")
        self.total_place = columns.place("total-amount")
        self.lines: Callable[[list[str], int], Iterable[SettlementLine]] = (
            self._line_of_v2 if columns.v2 else self._lines_of_v1
        )
        self._cells = itemgetter(*(columns.place(name) for name in (*_DETAIL, *V2_MONEY)))
        self._money = (
            [("amount", columns.place("amount"), columns.width, "")]
            if columns.v2
            else [
                (name, columns.places[name], columns.place(described_by), amount_type)
                for name, (described_by, amount_type) in sorted(
                    V1_MONEY.items(), key=lambda item: columns.place(item[0])
                )
                if name in columns.places
            ]
        )
        self._currency = ""
        self._ordinal = 0
        self._words: _Remembered[str] = _Remembered(str.strip)
        self._moments: _Remembered[datetime | None] = _Remembered(parse_moment)
        self._quantities: _Remembered[int | None] = _Remembered(parse_quantity)
        self._amounts: _Remembered[int] = _Remembered(self._amount)

    def begin(self, currency: str) -> None:
        if currency != self._currency:
            self._amounts.clear()
        self._currency = currency
        self._ordinal = 0

    def states_settlement(self, cells: list[str]) -> bool:
        """Whether the row is a settlement's own: it states a total, or at least a period and no money."""
        if cells[self.total_place].strip():
            return True
        return any(cells[self.columns.place(name)].strip() for name in _DATES) and not self.has_money(cells)

    def has_money(self, cells: list[str]) -> bool:
        return any(cells[place].strip(" 0.,\"'()+-") for _, place, _, _ in self._money)

    def currency(self, cells: list[str]) -> str:
        """The currency a row names, empty where it names none. Raises BadInput."""
        code = cells[self.columns.place("currency")].strip(" \"'").upper()
        if code:
            exponent(code)
        return code

    def statement(self, cells: list[str], number: int, settlement_id: str) -> Statement:
        """A settlement's own row. Raises UnreadableReport."""
        column = "currency"
        try:
            currency = self.currency(cells)
            if not currency:
                raise BadInput(
                    "the settlement names no currency; expected an ISO 4217 code like USD; download the report again"
                )
            column = "total-amount"
            total_text = cells[self.total_place]
            total = parse_amount(total_text, currency) if total_text.strip() else None
            if self.has_money(cells):
                raise two_amounts(number)
            moments: list[datetime | None] = []
            for column in _DATES:
                moments.append(self._moments[cells[self.columns.place(column)]])
            return Statement(settlement_id, currency, total, *moments)
        except UnreadableReport:
            raise
        except BadInput as error:
            raise UnreadableReport(str(error), line=number, column=column) from None

    def _line_of_v2(self, cells: list[str], number: int) -> tuple[SettlementLine]:
        (
            transaction_type, order_id, sku, quantity, moment, day, marketplace, shipment, adjustment, item, promotion,
            fulfilment, currency, amount_type, description, amount,
        ) = self._cells(cells)  # fmt: skip
        if currency and currency != self._currency:
            self._check_currency(cells, number)
        words = self._words
        column = "amount"
        try:
            minor = self._amounts[amount]
            column = "quantity-purchased"
            units = self._quantities[quantity]
            column = "posted-date-time"
            posted = self._moments[moment]
            if posted is None:
                column = "posted-date"
                posted = self._moments[day]
        except BadInput as error:
            raise UnreadableReport(str(error), line=number, column=column) from None
        self._ordinal += 1
        # By position: with names it takes half as long again, and this is the innermost loop.
        line = SettlementLine(
            self._ordinal, words[transaction_type], words[amount_type], words[description], minor,
            order_id.strip(), words[sku], units, posted, words[marketplace], shipment.strip(), adjustment.strip(),
            item.strip(), promotion.strip(), words[fulfilment],
        )  # fmt: skip
        return (line,)

    def _lines_of_v1(self, cells: list[str], number: int) -> list[SettlementLine]:
        (
            transaction_type, order_id, sku, quantity, moment, day, marketplace, shipment, adjustment, item, promotion,
            fulfilment, currency, *_,
        ) = self._cells(cells)  # fmt: skip
        if currency and currency != self._currency:
            self._check_currency(cells, number)
        words = self._words
        lines: list[SettlementLine] = []
        column = "quantity-purchased"
        try:
            units = self._quantities[quantity]
            column = "posted-date-time"
            posted = self._moments[moment]
            if posted is None:
                column = "posted-date"
                posted = self._moments[day]
            for column, place, described_by, amount_type in self._money:
                amount = cells[place]
                if not amount or amount.isspace():
                    continue
                description = cells[described_by].strip() or _undescribed(column, cells, self.columns, transaction_type)
                line = SettlementLine(
                    self._ordinal + 1, words[transaction_type], amount_type, words[description], self._amounts[amount],
                    order_id.strip(), words[sku], units, posted, words[marketplace], shipment.strip(),
                    adjustment.strip(), item.strip(), promotion.strip() if amount_type == "Promotion" else "",
                    words[fulfilment],
                )  # fmt: skip
                self._ordinal += 1
                lines.append(line)
        except BadInput as error:
            raise UnreadableReport(str(error), line=number, column=column) from None
        return lines

    def _check_currency(self, cells: list[str], number: int) -> None:
        try:
            currency = self.currency(cells)
            if currency and currency != self._currency:
                raise BadInput(
                    f"this row is in {currency}, its settlement in {self._currency}; expected one currency in a "
                    "settlement; download the report again"
                )
        except BadInput as error:
            raise UnreadableReport(str(error), line=number, column="currency") from None

    def _amount(self, text: str) -> int:
        if not text.strip():
            raise BadInput(
                "the amount is blank; expected a number like 1234.56 or 1234,56; the file may be cut off: "
                "download the report again"
            )
        return parse_amount(text, self._currency)


def two_amounts(number: int) -> UnreadableReport:
    return UnreadableReport(
        "the row states a total and an amount as well; expected the total in a row of its own, as Amazon writes it; "
        "download the report again",
        line=number,
        column="total-amount",
    )


def _undescribed(column: str, cells: list[str], columns: Columns, transaction_type: str) -> str:
    """V1 has no word for some amounts; V2 repeats the transaction type there, as in 'Current Reserve Amount'."""
    if column == "misc-fee-amount":
        return "MiscFee"
    if column == "other-fee-amount":
        return transaction_type
    if column == "other-amount":
        # The reason belongs to the other fee where the row has one as well.
        reason = cells[columns.place("other-fee-reason-description")].strip()
        return reason if reason and not cells[columns.place("other-fee-amount")].strip() else transaction_type
    return ""
