"""Rows into statements and lines, settlement by settlement, one row in memory at a time.

The row that states a total begins a settlement; a blank transaction type does not, for real money comes with one.
A row that cannot be read spoils its own settlement only: it is told, and reading goes on with the next settlement.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from adapters.amazon.settlement_report.columns import Columns, is_heading, read_columns
from adapters.amazon.settlement_report.numbers import shown
from adapters.amazon.settlement_report.rows import Rows, two_amounts
from adapters.amazon.settlement_report.text import DAMAGE, FIRST_COLUMN, lines_of, recognise
from domain.errors import BadInput, UnreadableReport
from domain.settlement import SettlementLine, Statement

Piece = Statement | SettlementLine | UnreadableReport

_ID = re.compile("[0-9A-Za-z_-]{1,64}")


def read_report(source: BinaryIO, *, charset: str = "") -> "SettlementReport":
    """See ports.ReportReader. The source must be seekable: its charset is decided before it is read."""
    return SettlementReport(source, charset)


class SettlementReport:
    """What a document holds, in its order; `line` is the line in which the last Statement stands.

    A settlement that cannot be read has a Statement too, with what is known of it, before its problem; only what is
    wrong with the document as a whole stands alone.
    """

    def __init__(self, source: BinaryIO, charset: str = "") -> None:
        self.line = 0
        self._pieces = self._read(source, charset)

    def __iter__(self) -> Iterator[Piece]:
        return self._pieces

    def __next__(self) -> Piece:
        return next(self._pieces)

    def _read(self, source: BinaryIO, charset: str) -> Iterator[Piece]:
        try:
            encoding = recognise(source, charset)
            lines = enumerate(lines_of(source, encoding), 1)
            yield from self._settlements(lines, _heading(lines), encoding.damaged)
        except UnreadableReport as problem:
            yield problem
        except (OSError, EOFError) as error:
            yield _of_document(
                f"the document cannot be read ({error}); expected a whole file that can be read twice; get it again"
            )

    def _settlements(self, lines: Iterator[tuple[int, str]], columns: Columns, damaged: bool) -> Iterator[Piece]:
        rows = Rows(columns)
        current: str | None = None
        spoilt = seen = False
        currencies: dict[str, str] = {}
        for number, line in lines:
            problem: UnreadableReport | None = None
            try:
                cells = columns.cells(line, number)
            except UnreadableReport as error:
                cells, problem = columns.first_cells(line), error
            if damaged:
                problem = _damage(line, columns, number) or problem
            settlement_id = cells[rows.id_place]
            if settlement_id != current or cells[rows.total_place]:
                if not any(cell.strip() for cell in cells):
                    continue
                settlement_id = settlement_id.strip(" \"'")
                if is_heading(settlement_id):
                    try:
                        found = read_columns(line, number)
                    except UnreadableReport:
                        self.line = number
                        yield _unusable("", number)  # what came before is not to blame
                        raise
                    if found != columns:
                        columns, rows, current = found, Rows(found), None
                    continue
                own = rows.states_settlement(cells)
                if settlement_id != current or own:
                    if current is not None and _belongs_above(settlement_id, current, own, rows, cells):
                        problem = problem or _misplaced(settlement_id, number)
                    else:
                        statement, problem = _begin(rows, cells, number, settlement_id, currencies, problem)
                        self.line = number
                        yield statement
                        current, spoilt, seen = settlement_id, False, True
                        if own and problem is None:
                            continue
            if spoilt:
                continue
            if problem is None:
                try:
                    yield from rows.lines(cells, number)
                except UnreadableReport as error:
                    problem = error
            if problem is not None:
                spoilt = True
                yield problem
        if not seen:
            raise _of_document(
                "the document has a heading and no rows; expected at least one settlement; download the report again"
            )


def _heading(lines: Iterator[tuple[int, str]]) -> Columns:
    for number, line in lines:
        if line.strip("\ufeff\0\t "):
            return read_columns(line, number)
    raise _of_document("the document is empty; expected a settlement report; download the report again")


def _begin(
    rows: Rows,
    cells: list[str],
    number: int,
    settlement_id: str,
    currencies: dict[str, str],
    problem: UnreadableReport | None,
) -> tuple[Statement, UnreadableReport | None]:
    """The settlement that begins with this row, and what is wrong with the row."""
    if problem is None:
        try:
            statement = _statement(rows, cells, number, settlement_id, currencies)
        except UnreadableReport as error:
            problem = error
        else:
            currencies[settlement_id] = statement.currency
            rows.begin(statement.currency)
            return statement, None
    return _unusable(settlement_id, number), problem


def _statement(rows: Rows, cells: list[str], number: int, settlement_id: str, currencies: dict[str, str]) -> Statement:
    """The settlement, whether the row states it or is already one of its lines."""
    if not _ID.fullmatch(settlement_id):
        raise _no_id(settlement_id, number)
    if rows.states_settlement(cells):
        return rows.statement(cells, number, settlement_id)
    try:
        currency = rows.currency(cells) or currencies.get(settlement_id, "")
    except BadInput as error:
        raise UnreadableReport(str(error), line=number, column="currency") from None
    if not currency:
        raise UnreadableReport(
            f"settlement {settlement_id} begins without the row that states its total and its currency; expected that "
            "row first; the file is cut or sorted: download the report again",
            line=number,
            column="total-amount",
        )
    return Statement(settlement_id, currency, None)


def _unusable(name: str, number: int) -> Statement:
    """A settlement that cannot be read, under a name that can be stored and shown."""
    return Statement(name.encode("unicode_escape").decode()[:64] or f"line {number}", "", None)


def _belongs_above(settlement_id: str, current: str, own: bool, rows: Rows, cells: list[str]) -> bool:
    """Whether a row that begins no settlement spoils the one above: a line without id, or a total filled down."""
    return (not settlement_id and not own) or (settlement_id == current and rows.has_money(cells))


def _misplaced(settlement_id: str, number: int) -> UnreadableReport:
    return two_amounts(number) if settlement_id else _no_id(settlement_id, number)


def _no_id(settlement_id: str, number: int) -> UnreadableReport:
    found = f"{shown(settlement_id)} is no settlement id" if settlement_id else "this row has no settlement id"
    return UnreadableReport(
        f"{found}; expected digits like 21871512981; download the report again, and do not save it from a spreadsheet",
        line=number,
        column=FIRST_COLUMN,
    )


def _damage(line: str, columns: Columns, number: int) -> UnreadableReport | None:
    found = DAMAGE.search(line)
    if found is None:
        return None
    place = line.count("\t", 0, found.start())
    names = [name for name, at in columns.places.items() if at == place]
    what = "a NUL byte" if found[0] == "\0" else f"the byte 0x{ord(found[0]) - 0xDC00:02X}, which is no character"
    return UnreadableReport(
        f"this row holds {what}; expected text in UTF-8, cp1252 or cp932; the file is damaged: "
        "download the report again",
        line=number,
        column=names[0] if names else FIRST_COLUMN,
    )


def _of_document(message: str) -> UnreadableReport:
    return UnreadableReport(message, line=1, column=FIRST_COLUMN)
