"""The rows of a settlement flat file, one after the other, in constant memory.

A settlement begins with the row that has a total-amount (never: with a blank transaction type, since real money rows
have that too). Columns are found by name. A row that cannot be read makes its settlement unusable, not the document.
"""

import io
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import BinaryIO

import msgspec

from adapters.amazon.flat_file.cells import read_amount, read_time
from adapters.amazon.flat_file.charset import find_charset
from domain.errors import BadInput, UnreadableReport
from domain.money import exponent
from domain.settlement import SettlementLine, Statement

Piece = Statement | SettlementLine | UnreadableReport

_V2 = ("settlement-id", "amount-type", "amount-description", "amount")
_MANY = 50_000  # distinct cells kept per file before the caches start anew

# V1: amount column, the column that names it, the amount-type it becomes.
_V1_AMOUNTS = {
    "price-amount": ("price-type", "ItemPrice"),
    "item-related-fee-amount": ("item-related-fee-type", "ItemFees"),
    "promotion-amount": ("promotion-type", "Promotion"),
    "shipment-fee-amount": ("shipment-fee-type", "ShipmentFees"),
    "order-fee-amount": ("order-fee-type", "OrderFees"),
    "misc-fee-amount": ("", "MiscFees"),
    "other-fee-amount": ("other-fee-reason-description", "other-transaction"),
    "other-amount": ("", "other-transaction"),
    "direct-payment-amount": ("direct-payment-type", "DirectPayment"),
}


class _Columns(msgspec.Struct):
    """Where each column stands; a column the file lacks stands behind its last one, where cells are blank."""

    places: dict[str, int]
    width: int
    v1_amounts: list[tuple[int, int, str, str]]  # amount place, name place, amount-type, amount column
    quoted: bool

    def place(self, name: str) -> int:
        return self.places.get(name, self.width)


class ReportReading:
    """The pieces of one document; `line` is the line being read, from 1 with the heading."""

    def __init__(self, source: BinaryIO, charset: str = "") -> None:
        self.line = 0
        self._source = source
        self._charset = charset
        self._amounts: dict[str, int] = {}
        self._times: dict[str, datetime] = {}

    def __iter__(self) -> Iterator[Piece]:
        try:
            codec = find_charset(self._source, self._charset)
        except UnreadableReport as problem:
            yield problem
            return
        text = io.TextIOWrapper(self._source, encoding=codec, newline="")
        try:
            rows = iter(text)
            try:
                columns = self._heading(rows)
            except UnreadableReport as problem:
                yield problem
                return
            yield from self._rows(rows, columns)
        except UnicodeDecodeError as error:
            yield UnreadableReport(f"these bytes are not {codec}: {error.reason}", line=self.line + 1, column="-")
        finally:
            text.detach()

    # --- the heading ------------------------------------------------------------------------------------------

    def _heading(self, rows: Iterator[str]) -> _Columns:
        heading = ""
        for heading in rows:
            self.line += 1
            if heading.strip():
                break
        words = heading.strip()
        what = _not_a_report(words)
        if what:
            raise UnreadableReport(
                f"this is {what}; expected a settlement flat file: a heading line with tab separated column names",
                line=self.line,
                column="settlement-id",
            )
        cells = heading.rstrip("\r\n").split("\t")
        quoted = cells[0].startswith('"')
        names = [cell.strip().strip('"').strip().lower().replace("_", "-").replace(" ", "-") for cell in cells]
        places = {name: place for place, name in reversed(list(enumerate(names))) if name}
        if all(name in places for name in _V2):
            return _Columns(places, len(names), [], quoted)
        amounts = [
            (place, places.get(_V1_AMOUNTS[name][0], len(names)), _V1_AMOUNTS[name][1], name)
            for place, name in enumerate(names)
            if name in _V1_AMOUNTS
        ]
        if "settlement-id" in places and "price-amount" in places:
            return _Columns(places, len(names), amounts, quoted)
        missing = next(name for name in _V2 if name not in places)
        raise UnreadableReport(
            f"the heading has no column {missing} (it begins {words[:60]!r}); expected the heading of flat file V2 "
            f"({', '.join(_V2)}, ...) or V1. Download the settlement as a flat file and do not edit it",
            line=self.line,
            column=missing,
        )

    # --- the rows ---------------------------------------------------------------------------------------------

    def _rows(self, rows: Iterator[str], columns: _Columns) -> Iterator[Piece]:
        settlement_place, total_place = columns.place("settlement-id"), columns.place("total-amount")
        currency_place, width = columns.place("currency"), columns.width + 1
        money = self._v1_lines if columns.v1_amounts else self._v2_lines
        take = _taker(columns)
        current, currency, broken = "", "", False
        ordinal = 0
        for row in rows:
            self.line += 1
            cells = row.rstrip("\r\n").split("\t")
            if len(cells) < width:
                if len(cells) == 1 and not cells[0].strip():
                    continue
                cells += [""] * (width - len(cells))
            elif len(cells) > columns.width:
                cells[columns.width] = ""  # where missing columns are looked for
            if columns.quoted:
                cells = [cell.strip('"') for cell in cells]
            settlement_id = cells[settlement_place].strip()
            if cells[total_place].strip() or settlement_id != current:
                current, ordinal, broken = settlement_id, 0, False
                try:
                    statement = self._statement(cells, columns, settlement_id)
                except UnreadableReport as problem:
                    broken = True
                    # The statement first, so that it is known whose rows these are.
                    yield Statement(settlement_id, "", None)
                    yield problem
                    continue
                currency = statement.currency
                self._amounts.clear()  # another currency may have other decimals
                yield statement
                if cells[total_place].strip():
                    continue
            if broken:
                continue
            told = cells[currency_place].strip()
            try:
                if told and told != currency:
                    raise self._problem(
                        "currency", f"{told!r} within a settlement in {currency}; expected one currency"
                    )
                for line in money(cells, columns, take, ordinal, currency):
                    ordinal = line.ordinal
                    yield line
            except UnreadableReport as problem:
                broken = True
                yield problem

    def _statement(self, cells: list[str], columns: _Columns, settlement_id: str) -> Statement:
        """A settlement's header; of a settlement that has none, what its first row tells."""
        if not settlement_id:
            raise self._problem("settlement-id", "is blank; expected the settlement's number")
        currency = cells[columns.place("currency")].strip().upper()
        try:
            exponent(currency)
        except BadInput:
            raise self._problem(
                "currency", f"{currency!r} is no currency; expected an ISO code like USD on the settlement's first row"
            ) from None
        total = cells[columns.place("total-amount")].strip()
        times = []
        for name in ("settlement-start-date", "settlement-end-date", "deposit-date"):
            words = cells[columns.place(name)].strip()
            times.append(self._time(words, name) if words and total else None)
        return Statement(
            settlement_id, currency, self._amount(total, "total-amount", currency) if total else None, *times
        )

    def _v2_lines(
        self, cells: list[str], columns: _Columns, take: "_Take", ordinal: int, currency: str
    ) -> Iterator[SettlementLine]:
        words = cells[columns.places["amount"]]
        try:
            amount = self._amounts[words]
        except KeyError:
            amount = self._amount(words, "amount", currency)
        transaction_type, tail = take(cells, self)
        places = columns.places
        yield SettlementLine(
            ordinal + 1,
            transaction_type,
            cells[places["amount-type"]].strip(),
            cells[places["amount-description"]].strip(),
            amount,
            *tail,
        )

    def _v1_lines(
        self, cells: list[str], columns: _Columns, take: "_Take", ordinal: int, currency: str
    ) -> Iterator[SettlementLine]:
        transaction_type, tail = take(cells, self)
        for amount_place, name_place, amount_type, column in columns.v1_amounts:
            words = cells[amount_place]
            if not words.strip():
                continue
            ordinal += 1
            description = cells[name_place].strip()
            if not description:
                description = "MiscFee" if amount_type == "MiscFees" else transaction_type
            amount = self._amount(words, column, currency)
            yield SettlementLine(ordinal, transaction_type, amount_type, description, amount, *tail)

    # --- the cells --------------------------------------------------------------------------------------------

    def _amount(self, words: str, column: str, currency: str) -> int:
        try:
            amount = read_amount(words, currency)
        except BadInput as error:
            raise self._problem(column, str(error)) from None
        if len(self._amounts) > _MANY:
            self._amounts.clear()
        self._amounts[words] = amount
        return amount

    def _time(self, words: str, column: str) -> datetime:
        try:
            return self._times[words]
        except KeyError:
            pass
        try:
            at = read_time(words)
        except BadInput as error:
            raise self._problem(column, str(error)) from None
        if len(self._times) > _MANY:
            self._times.clear()
        self._times[words] = at
        return at

    def _quantity(self, words: str) -> int | None:
        try:
            return int(words) if words.strip() else None
        except ValueError:
            raise self._problem("quantity-purchased", f"{words!r} is no number of units; expected one like 2") from None

    def _problem(self, column: str, message: str) -> UnreadableReport:
        return UnreadableReport(
            f"{message}. Download the settlement again; if it stays so, open a case with Seller Support",
            line=self.line,
            column=column,
        )


_Tail = tuple[str, str, int | None, datetime | None, str, str, str, str, str, str]
_Take = Callable[[list[str], ReportReading], tuple[str, _Tail]]


def _taker(columns: _Columns) -> _Take:
    """Reads what all amounts of a row share: the transaction type, and the fields of a line behind its amount."""
    place = columns.place
    transaction_type, order_id, sku = place("transaction-type"), place("order-id"), place("sku")
    quantity, marketplace, shipment = place("quantity-purchased"), place("marketplace-name"), place("shipment-id")
    adjustment, item, promotion = place("adjustment-id"), place("order-item-code"), place("promotion-id")
    fulfilment, exact, day = place("fulfillment-id"), place("posted-date-time"), place("posted-date")

    def take(cells: list[str], reading: ReportReading) -> tuple[str, _Tail]:
        posted = cells[exact] or cells[day]
        units = cells[quantity]
        return cells[transaction_type].strip(), (
            cells[order_id].strip(),
            cells[sku],
            1 if units == "1" else reading._quantity(units),
            reading._time(posted, "posted-date") if posted.strip() else None,
            cells[marketplace],
            cells[shipment],
            cells[adjustment],
            cells[item],
            cells[promotion],
            cells[fulfilment],
        )

    return take


def _not_a_report(words: str) -> str:
    """What a first line is that is no heading; empty if it may be one."""
    lowered = words[:200].lower()
    if lowered.startswith(("<!doctype html", "<html")):
        return "a web page, perhaps a sign-in page instead of the file"
    if lowered.startswith("<"):
        return "an XML document (Amazon removed XML settlements on 2026-11-11)"
    if lowered.startswith(("{", "[")):
        return "a JSON document"
    if "\t" not in words:
        return f"a line without tabs, {words[:60]!r}"
    return ""


def read_report(source: BinaryIO, *, charset: str = "") -> ReportReading:
    """ports.ReportReader: the pieces of a document; the source must be seekable."""
    return ReportReading(source, charset)
