"""A bank's CSV, whatever its columns are called: found by their headings, or as a person said, and then kept.

QuickBooks' own layouts (Date, Description, Amount; Date, Description, Credit, Debit) are among them. Dates and decimal
signs that could be read in two ways are asked for, never guessed. What is found out is given back, to be kept.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date

import msgspec

from adapters.bank.csv_values import Row, amount_at, dates_form, day_of, decimal_sign
from application.ports import BankFile
from domain.bank import ColumnMap, ReadEntry, ReadStatement
from domain.errors import BadInput

HEADINGS_WITHIN = 30  # lines before the headings, which some banks fill with the account's name
SURE_LETTERS = 6  # a heading that begins with so many is meant
_DELIMITERS = (",", ";", "\t", "|")

# What columns are called, folded to letters: exactly so, else beginning so.
_CALLED: dict[str, tuple[str, ...]] = {
    "date": (
        *("bookingdate", "postingdate", "posteddate", "postdate", "dateposted", "transactiondate", "date"),
        *("buchungstag", "buchungsdatum", "buchung", "datum", "datecomptable", "datedoperation", "dateoperation"),
        *("fecha", "fechaoperacion", "dataoperazione", "datacontabile", "data", "boekingsdatum", "bokforingsdag"),
    ),
    "amount": (
        *("amount", "transactionamount", "betrag", "betrageur", "umsatz", "montant", "importe", "importo", "bedrag"),
        *("belopp", "valor", "amountusd", "amounteur", "amountgbp", "kwota"),
    ),
    "credit": (
        *("credit", "credits", "creditamount", "moneyin", "paidin", "deposit", "deposits", "haben", "gutschrift"),
        *("credito", "abono", "abonos", "accrediti", "avere", "inflow", "in"),
    ),
    "debit": (
        *("debit", "debits", "debitamount", "moneyout", "paidout", "withdrawal", "withdrawals", "soll", "lastschrift"),
        *("debito", "cargo", "cargos", "addebiti", "dare", "outflow", "out"),
    ),
    "text": (
        *("description", "payee", "memo", "details", "narrative", "particulars", "name", "payer", "beguenstigter"),
        *("verwendungszweck", "buchungstext", "auftraggeber", "auftraggeberempfanger", "libelle", "concepto"),
        *("descripcion", "causale", "descrizione", "omschrijving", "naam", "transactiondescription", "partnername"),
        *("paymentreference", "beguenstigterzahlungspflichtiger", "zahlungsempfanger", "opis"),
    ),
    "reference": (
        *("reference", "transactionid", "fitid", "banktransactionid", "referencenumber", "bankreference"),
        *("transaktionsid", "referenz", "uniqueid"),
    ),
    "balance": ("balance", "runningbalance", "saldo", "kontostand", "solde", "runningbal", "saldonachbuchung"),
    "currency": ("currency", "wahrung", "waehrung", "devise", "divisa", "valuta", "currencycode", "ccy"),
}
_ACCENTS = str.maketrans("äáàâãåéèêëíìîïöóòôõúùûüçñ", "aaaaaaeeeeiiiiooooouuuucn")


def read_csv(text: str, name: str, currency: str, columns: ColumnMap | None = None) -> BankFile:
    """The one statement of a CSV file, and its columns as they were found. Raises BadInput."""
    columns = columns or ColumnMap()
    delimiter = columns.delimiter or _delimiter(text)
    rows = _rows(text, name, delimiter)
    if not rows:
        raise BadInput(f"{name}: it is empty; expected a statement with at least its headings")
    begin = 0
    if columns.headings:
        begin, columns = _found(rows, columns, name)
    elif not columns.date:
        raise BadInput(f"{name}: without headings the columns must be said by number: {_SAY}")
    places = _Places(columns, rows[begin].cells if columns.headings else [], name)
    body = rows[begin + 1 :] if columns.headings else rows
    body = places.entries(body)
    columns = msgspec.structs.replace(
        columns,
        delimiter=delimiter,
        dates=columns.dates or dates_form([row.cells[places.date] for row in body], name, _say("dates=mdy")),
        decimal=columns.decimal or decimal_sign(places.figures(body), currency, name, _say("decimal=,")),
    )
    entries = tuple(places.entry(row, columns, currency) for row in body)
    opening, closing = _balances(body, places, columns, entries, currency, name)
    days = [entry.day for entry in entries]
    statement = ReadStatement(
        form="csv",
        number="",
        currency=places.currency_of(body, currency),
        card=False,
        start=min(days, default=None),
        end=max(days, default=None),
        opening=opening,
        closing=closing,
        entries=entries,
    )
    return BankFile([statement], columns)


_SAY = "--columns date=1,text=2,amount=3 (or credit=3,debit=4), by number or by heading"


def _say(part: str) -> str:
    return f"--columns {part}"


def _delimiter(text: str) -> str:
    """The one that cuts most of the first lines into the same number of parts."""
    lines = [line for line in text.splitlines()[:HEADINGS_WITHIN] if line.strip()]

    def cuts(delimiter: str) -> tuple[int, int]:
        parts = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        return max((parts.count(number), number) for number in set(parts) if number > 1) if max(parts) > 1 else (0, 0)

    return max(_DELIMITERS, key=cuts) if lines else ","


def _rows(text: str, name: str, delimiter: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(Row(reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise BadInput(
            f"{name}, line {reader.line_num}: {error}; expected CSV whose quotes are closed. Download it again"
        ) from None
    return rows


def _found(rows: Sequence[Row], wanted: ColumnMap, name: str) -> tuple[int, ColumnMap]:
    """The row of the headings, and the columns by their headings; what a person said goes first."""
    best: tuple[int, ColumnMap] | None = None
    for number, row in enumerate(rows[:HEADINGS_WITHIN]):
        columns = _by_headings(row.cells, wanted)
        if columns.date and (columns.amount or (columns.credit and columns.debit)):
            best = number, columns
            break
    if best is None:
        heads = " | ".join(rows[0].cells)[:200]
        raise BadInput(
            f"{name}, line {rows[0].line}: no row has headings for a date and an amount (or credit and debit); the "
            f"first one is: {heads}. Say which columns they are, once, they are kept: {_SAY}; without headings add "
            "headings=no"
        )
    return best


def _by_headings(cells: Sequence[str], wanted: ColumnMap) -> ColumnMap:
    names = {_fold(cell): cell for cell in reversed(cells) if cell}

    def find(what: str) -> str:
        said = str(getattr(wanted, what))
        if said:
            return said if said.isdecimal() or _fold(said) in names else ""
        return next(iter(_named(names, what)), "")

    texts = wanted.text or tuple(_named(names, "text"))
    amount, credit, debit = find("amount"), find("credit"), find("debit")
    if credit and debit and not wanted.amount:
        amount = ""
    return msgspec.structs.replace(
        wanted,
        date=find("date"),
        text=tuple(dict.fromkeys(texts)),
        amount=amount,
        credit="" if amount else credit,
        debit="" if amount else debit,
        reference=find("reference"),
        balance=find("balance"),
        currency=find("currency"),
    )


def _named(names: Mapping[str, str], what: str) -> list[str]:
    """Headings for it by their folded names, the likeliest first."""
    exact = [names[called] for called in _CALLED[what] if called in names]
    begins = [
        heading
        for called in _CALLED[what]
        for folded, heading in names.items()
        if len(called) >= SURE_LETTERS and folded.startswith(called) and heading not in exact
    ]
    return exact + begins if what == "text" else exact or begins


def _fold(heading: str) -> str:
    return re.sub(r"[^a-z]", "", heading.lower().replace("ß", "ss").translate(_ACCENTS))


class _Places:
    """The columns by number, from 0."""

    def __init__(self, columns: ColumnMap, headings: Sequence[str], name: str) -> None:
        self._name = name
        folded = [_fold(heading) for heading in headings]

        def at(column: str) -> int:
            if column.isdecimal() and int(column) > 0:
                return int(column) - 1
            if _fold(column) in folded and _fold(column):
                return folded.index(_fold(column))
            raise BadInput(f"{name}: it has no column {column!r}; its columns are {' | '.join(headings)}. {_SAY}")

        def maybe(column: str) -> int:
            return at(column) if column else -1

        self.date = at(columns.date)
        self.text = [at(column) for column in columns.text]
        self.amount, self.credit, self.debit = maybe(columns.amount), maybe(columns.credit), maybe(columns.debit)
        self.reference, self.balance = maybe(columns.reference), maybe(columns.balance)
        self.currency = maybe(columns.currency)
        if self.amount < 0 and (self.credit < 0 or self.debit < 0):
            raise BadInput(f"{name}: neither an amount column nor credit and debit are said: {_SAY}")

    def entries(self, rows: Sequence[Row]) -> list[Row]:
        """Rows with a date; sums and remarks under them have none. Raises BadInput for a row with half of it."""
        dated = [number for number, row in enumerate(rows) if any(sign.isdigit() for sign in row.cell(self.date))]
        found = []
        known = set(dated)
        for number, row in enumerate(rows[: dated[-1] + 1] if dated else []):
            has_amount = any(row.cell(place) for place in self.money)
            if number in known and has_amount:
                found.append(row)
            elif number in known or has_amount:
                lacks = "a date and no amount" if number in known else "an amount and no date"
                raise BadInput(
                    f"{self._name}, line {row.line}: there is {lacks}; expected both. Download it again, whole"
                )
        return found

    @property
    def money(self) -> list[int]:
        return [place for place in (self.amount, self.credit, self.debit) if place >= 0]

    def figures(self, rows: Sequence[Row]) -> list[str]:
        return [row.cell(place) for row in rows for place in (*self.money, self.balance) if place >= 0]

    def currency_of(self, rows: Sequence[Row], expected: str) -> str:
        """The one currency of all entries. Raises BadInput."""
        found = {row.cell(self.currency).upper() for row in rows if self.currency >= 0} - {""}
        if len(found) > 1:
            raise BadInput(
                f"{self._name}: its entries are in {', '.join(sorted(found))}; expected one account's, in {expected}"
            )
        return next(iter(found), expected)

    def entry(self, row: Row, columns: ColumnMap, currency: str) -> ReadEntry:
        where = f"{self._name}, line {row.line}"
        amount = amount_at(row, self.money, columns, currency, where)
        text = " ".join(dict.fromkeys(row.cell(place) for place in self.text if row.cell(place)))
        day = day_of(row.cell(self.date), columns.dates, where, _say("dates=dmy"))
        return ReadEntry(day, amount, text, row.cell(self.reference), "", row.line)


def _balances(
    rows: Sequence[Row],
    places: _Places,
    columns: ColumnMap,
    entries: Sequence[ReadEntry],
    currency: str,
    name: str,
) -> tuple[int | None, int | None]:
    """Opening and closing by the running balances, oldest or newest first; None where not every row has one."""
    if places.balance < 0 or not rows or any(row.cell(places.balance) == "" for row in rows):
        return None, None
    stated = [
        amount_at(row, [places.balance], msgspec.structs.replace(columns, negate=False), currency, name) for row in rows
    ]
    total = sum(entry.amount for entry in entries)
    if _oldest_first([entry.day for entry in entries]):
        tries = [(stated[0] - entries[0].amount, stated[-1]), (stated[-1] - entries[-1].amount, stated[0])]
    else:
        tries = [(stated[-1] - entries[-1].amount, stated[0]), (stated[0] - entries[0].amount, stated[-1])]
    for opening, closing in tries:
        if opening + total == closing:
            return opening, closing
    return tries[0]  # it does not add up, which whoever takes it says


def _oldest_first(days: Sequence[date]) -> bool:
    return days[0] <= days[-1]
