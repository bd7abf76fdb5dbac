"""Dates and amounts as banks write them in CSV: one way for the whole file, and asked for where it could be two."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from domain.bank import ColumnMap, Dates
from domain.errors import BadInput
from domain.money import exponent, to_minor

_DATE = re.compile(r"(\d{1,4})[./\- ](\d{1,2})[./\- ](\d{1,4})(?:[T ,].*)?")
_SOLID = re.compile(r"(\d{4})(\d{2})(\d{2})")
_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_WORDED = re.compile(r"(\d{1,2})[ \-]([A-Za-z]{3})[a-z]*[ \-,]+(\d{2,4})|([A-Za-z]{3})[a-z]* (\d{1,2}),? (\d{4})")
# A currency's sign or code before or behind, and spaces anywhere.
_BESIDE = re.compile(r"^[A-Za-z]{2,3}\.?(?=[\s\d+\-(])|(?<=[\s\d)\-])[A-Za-z]{1,3}\.?$|[\s€£$¥₹]")
_DEBITED = re.compile(r"\d\s*(?:DR?|Dr)$")


class Row(msgspec.Struct, frozen=True):
    """Cells and the line of the file they stand on, from 1."""

    line: int
    cells: list[str]

    def cell(self, place: int) -> str:
        return self.cells[place] if 0 <= place < len(self.cells) else ""


def dates_form(texts: Sequence[str], name: str, say: str) -> Dates:
    """How a file writes its dates. Raises BadInput where all of them can be read in two ways."""
    parts = [found for text in texts if (found := _DATE.fullmatch(text)) is not None]
    if not parts or all(len(found[1]) == 4 for found in parts):
        return "ymd"
    first = max(int(found[1]) for found in parts)
    second = max(int(found[2]) for found in parts)
    if first > 12 and second <= 12:
        return "dmy"
    if second > 12 and first <= 12:
        return "mdy"
    if all("." in found[0] for found in parts):
        return "dmy"  # with points nobody puts the month first
    if all(found[1] == found[2] for found in parts):
        return "dmy"
    raise BadInput(
        f"{name}: dates like {texts[0]!r} can be read with the month first or the day first. Say which, once, it is "
        f"kept: {say} or dates=dmy"
    )


def day_of(text: str, form: Dates, where: str, say: str) -> date:
    """Raises BadInput."""
    try:
        if (found := _SOLID.fullmatch(text)) is not None:
            return date(int(found[1]), int(found[2]), int(found[3]))
        if (found := _WORDED.fullmatch(text)) is not None:
            day, month, year = found[1] or found[5], found[2] or found[4], found[3] or found[6]
            return date(_year(year), _MONTHS[month.lower()], int(day))
        found = _DATE.fullmatch(text)
        assert found is not None
        numbers = found[1], found[2], found[3]
        if len(found[1]) == 4:
            year, month, day = numbers
        elif form == "mdy":
            month, day, year = numbers
        else:
            day, month, year = numbers
        return date(_year(year), int(month), int(day))
    except (ValueError, KeyError, AssertionError):
        how = {"ymd": "2026-11-18", "mdy": "11/18/2026", "dmy": "18/11/2026"}[form or "ymd"]
        raise BadInput(f"{where}: date {text[:30]!r}; expected one like {how}. If it is another form: {say}") from None


def _year(text: str) -> int:
    return int(text) + 2000 if len(text) == 2 else int(text)


def decimal_sign(texts: Sequence[str], currency: str, name: str, say: str) -> Literal[".", ","]:
    """The sign before a file's cents. Raises BadInput where it could be both."""
    decimals = exponent(currency)
    doubtful = ""
    found: set[str] = set()
    for text in texts:
        figure = _BESIDE.sub("", text).strip("()+-'\N{MINUS SIGN}")
        signs = re.findall(r"[.,]", figure)
        if not signs:
            continue
        last = signs[-1]
        behind = len(figure.rpartition(last)[2])
        if len(set(signs)) == 2:
            found.add(last)
        elif len(signs) > 1:
            found.add("," if last == "." else ".")  # one sign many times groups thousands
        elif behind != 3:
            found.add(last)
        elif decimals == 3:
            doubtful = text
        else:
            found.add("," if last == "." else ".")  # nothing has three decimals here: it groups thousands
    if len(found) > 1:
        raise BadInput(f"{name}: some amounts have a decimal point and some a decimal comma; say which: {say}")
    if found:
        return "," if found == {","} else "."
    if doubtful:
        raise BadInput(f"{name}: {doubtful!r} can be read in two ways; say which sign is before the decimals: {say}")
    return "."


def amount_at(row: Row, places: Sequence[int], columns: ColumnMap, currency: str, where: str) -> int:
    """A row's amount: of one column with its sign, or credit less debit (which some banks write negative)."""
    amounts = [_figure(row.cell(place), columns, currency, where) for place in places]
    if len(amounts) == 1:
        amount = amounts[0] or 0
    else:
        credit, debit = amounts[0] or 0, amounts[1] or 0
        amount = credit - abs(debit)
    return -amount if columns.negate else amount


def _figure(text: str, columns: ColumnMap, currency: str, where: str) -> int | None:
    plain = _BESIDE.sub("", text.strip().replace("\N{MINUS SIGN}", "-"))
    if not plain:
        return None
    negative = plain.startswith(("-", "(")) or plain.endswith("-") or _DEBITED.search(text.strip()) is not None
    digits = plain.strip("()+-").replace("'", "")
    group = "." if columns.decimal == "," else ","
    digits = digits.replace(group, "").replace(columns.decimal or ".", ".")
    if not re.fullmatch(r"\d*\.?\d+|\d+\.", digits):
        raise BadInput(f"{where}: amount {text[:40]!r}; expected a number like 1{group}234{columns.decimal or '.'}56")
    try:
        minor = to_minor(Decimal(digits.rstrip(".")), currency)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None
    return -minor if negative else minor
