"""The columns of a report, by name: which of the two flat files it is, and where each cell stands in its rows."""

import csv
import re
from collections.abc import Sequence

import msgspec

from adapters.amazon.settlement_report.text import DAMAGE, FIRST_COLUMN
from domain.errors import UnreadableReport

V2_MONEY = ("amount-type", "amount-description", "amount")

# V1 has several amounts in a row: column of the amount, column of its description, amount-type as V2 would have it.
V1_MONEY = {
    "shipment-fee-amount": ("shipment-fee-type", "ShipmentFees"),
    "order-fee-amount": ("order-fee-type", "OrderFees"),
    "price-amount": ("price-type", "ItemPrice"),
    "item-related-fee-amount": ("item-related-fee-type", "ItemFees"),
    "misc-fee-amount": ("", "MiscFees"),
    "other-fee-amount": ("other-fee-reason-description", "other-transaction"),
    "promotion-amount": ("promotion-type", "Promotion"),
    "direct-payment-amount": ("direct-payment-type", "DirectPayment"),
    "other-amount": ("", "other-transaction"),
}

_READ = frozenset(
    """settlement-id settlement-start-date settlement-end-date deposit-date total-amount currency transaction-type
    order-id adjustment-id shipment-id marketplace-name fulfillment-id posted-date posted-date-time order-item-code
    sku quantity-purchased promotion-id""".split()
)


class Columns(msgspec.Struct, frozen=True):
    """Where the cells of a row stand. `quoted`: the file was saved with a quote around every cell."""

    places: dict[str, int]
    width: int
    quoted: bool
    v2: bool

    def place(self, name: str) -> int:
        """The index of a column's cell in a row from `cells`; a column that is not there has the blank cell behind."""
        return self.places.get(name, self.width)

    def cells(self, line: str, number: int) -> list[str]:
        """A row's cells, filled up to the width, and one blank cell behind. Raises UnreadableReport."""
        cells = _unquoted(line, number) if self.quoted else line.split("\t")
        missing = self.width - len(cells)
        if missing < 0:
            if any(cell.strip() for cell in cells[self.width :]):
                raise UnreadableReport(
                    f"this row has {len(cells)} cells; expected at most {self.width}, one for each column of line 1; "
                    "one cell holds a tab: download the report again",
                    line=number,
                    column=max(self.places, key=self.places.__getitem__),
                )
            del cells[self.width :]
        cells += [""] * (max(missing, 0) + 1)
        return cells

    def first_cells(self, line: str) -> list[str]:
        """The cells of a row that does not fit, to see at least whose it is."""
        return [*line.split("\t")[: self.width], *[""] * (self.width + 1)]


def is_heading(cell: str) -> bool:
    return _name(cell) == FIRST_COLUMN


def read_columns(line: str, number: int) -> Columns:
    """The columns that a heading names. Raises UnreadableReport for what is no heading of a settlement flat file."""
    cells = line.strip("\ufeff ").split("\t")
    quoted = len(cells) > 1 and all(cell[:1] == cell[-1:] == '"' for cell in cells)
    names = [_name(cell) for cell in cells]
    places = {name: place for place, name in reversed(list(enumerate(names))) if name}
    v1_money = [name for name in V1_MONEY if name in places]
    if FIRST_COLUMN not in places:
        raise _refused(_what_it_is(line, names), number, FIRST_COLUMN)
    missing = [name for name in V2_MONEY if name not in places]
    if missing and not v1_money:
        raise _refused(f"the heading has no column {' and no column '.join(missing)}", number, missing[0])
    for name in names:
        if names.count(name) > 1 and (name in _READ or name in V2_MONEY or name in V1_MONEY):
            raise _refused(f"the heading names the column {name} twice", number, name)
    return Columns(places=places, width=len(names), quoted=quoted, v2=not missing)


def _name(cell: str) -> str:
    return re.sub(r"[\s_]+", "-", DAMAGE.sub("", cell).strip("\ufeff \"'\u00a0").lower())


def _what_it_is(line: str, names: Sequence[str]) -> str:
    start = line.strip("\ufeff ").lower()
    if start.startswith(("<!doctype html", "<html")):
        return "this is a web page (HTML), perhaps of an expired download link"
    if start.startswith("<"):
        return "this is an XML document, perhaps the XML settlement report"
    if start.startswith(("{", "[")):
        return "this is a JSON document, perhaps an error that the download answered"
    if "date/time" in start or start.startswith('"includes amazon marketplace'):
        return "this is a transaction view (date range report), not a settlement report"
    for mark, word in ((",", "commas"), (";", "semicolons")):
        if FIRST_COLUMN in (_name(cell) for cell in line.split(mark)) and len(names) < 2:
            return f"the columns are separated by {word}, as a spreadsheet saves them"
    return f"the first row begins with {line[:60]!r}"


def _refused(found: str, number: int, column: str) -> UnreadableReport:
    return UnreadableReport(
        f"{found}; expected a tab separated heading with settlement-id and either {', '.join(V2_MONEY)} "
        "(flat file V2) or price-amount, other-amount and their like (flat file V1); "
        "download the settlement report as 'Flat File V2'",
        line=number,
        column=column,
    )


def _unquoted(line: str, number: int) -> list[str]:
    try:
        return next(csv.reader([line], delimiter="\t", strict=True), [""])
    except csv.Error as error:
        raise UnreadableReport(
            f"the quotes of this row do not match ({error}); expected a quote at both ends of each cell; "
            "download the report again, and do not save it from a spreadsheet",
            line=number,
            column=FIRST_COLUMN,
        ) from None
