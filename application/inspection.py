"""What is in settlement files, without booking anything: do they add up, where do the amounts go, what has no rule?

One pass, in constant memory. A settlement that cannot be read is left out; the good ones of its file are reported.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from application.ports import ReportReader
from domain.errors import UnreadableReport
from domain.mapping import Mapping, sign_fits
from domain.money import format_minor
from domain.settlement import SettlementLine, Statement

PROGRESS_LINES = 50_000


class FileError(msgspec.Struct, frozen=True):
    """The first thing that is wrong with a file: where, what was expected, what to do."""

    line: int | None
    column: str | None
    message: str


class Unmapped(msgspec.Struct, frozen=True):
    """A triple that no rule places, or that a person must look at."""

    transaction_type: str
    amount_type: str
    amount_description: str
    lines: int
    amount: str


class InspectedSettlement(msgspec.Struct, frozen=True):
    """A settlement: decimal strings, ISO 8601 UTC; `total` is None where the file states none."""

    settlement_id: str
    start: str | None
    end: str | None
    deposit_date: str | None
    currency: str
    total: str | None
    sum: str
    lines: int
    balanced: bool
    by_account: dict[str, str]
    unmapped: list[Unmapped]


class InspectedFile(msgspec.Struct, frozen=True):
    """A file: its first error and its readable settlements."""

    file: str
    error: FileError | None
    settlements: list[InspectedSettlement]


class Inspection(msgspec.Struct, frozen=True):
    """The report, as `settlement inspect --json` prints it."""

    files: list[InspectedFile]


class _Open(msgspec.Struct):
    """A settlement while its lines are read."""

    statement: Statement
    line: int | None
    count: int = 0
    sum: int = 0
    triples: dict[tuple[str, str, str, bool], list[int]] = {}
    broken: bool = False


def inspect_files(
    paths: Iterable[Path],
    read_report: ReportReader,
    mapping: Mapping,
    progress: Callable[[str, int], None] = lambda what, done: None,
) -> Inspection:
    """Look into files by the rules of `mapping`; `progress` hears of lines read, now and then."""
    return Inspection([_inspect(path, read_report, mapping, progress) for path in paths])


def exit_status(report: Inspection) -> int:
    """2 if any file cannot be read wholly, else 3 if a settlement does not add up or has unmapped lines, else 0."""
    if any(file.error is not None and _is_unreadable(file) for file in report.files):
        return 2
    settlements = [settlement for file in report.files for settlement in file.settlements]
    return 3 if any(not one.balanced or one.unmapped for one in settlements) else 0


def _is_unreadable(file: InspectedFile) -> bool:
    """An error that is not merely a sum that does not match is about reading."""
    return file.error is not None and not file.error.message.startswith(_DOES_NOT_ADD_UP)


_DOES_NOT_ADD_UP = "does not add up: "


def _inspect(
    path: Path, read_report: ReportReader, mapping: Mapping, progress: Callable[[str, int], None]
) -> InspectedFile:
    settlements: list[InspectedSettlement] = []
    unreadable: FileError | None = None
    unbalanced: FileError | None = None
    try:
        with path.open("rb") as source:
            reading = read_report(source)
            current: _Open | None = None
            for number, piece in enumerate(reading, start=1):
                if number % PROGRESS_LINES == 0:
                    progress("lines", PROGRESS_LINES)
                match piece:
                    case SettlementLine():
                        if current is not None and not current.broken:
                            _add(current, piece)
                    case Statement():
                        mismatch = _close(current, settlements, mapping, path)
                        unbalanced = unbalanced or mismatch  # the first one is told
                        current = _Open(piece, getattr(reading, "line", None))
                    case UnreadableReport():
                        where = f"{path}, line {piece.line}, column {piece.column}: " if piece.line else f"{path}: "
                        unreadable = unreadable or FileError(piece.line, piece.column, where + piece.message)
                        if current is not None:
                            current.broken = True
            mismatch = _close(current, settlements, mapping, path)
            unbalanced = unbalanced or mismatch
            if current is None and unreadable is None:
                message = f"{path}: the file has a heading and no settlement; expected at least one. Download it again"
                unreadable = FileError(1, "settlement-id", message)
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror}); expected a settlement flat file. Check the name"
        unreadable = FileError(None, None, message)
    return InspectedFile(str(path), unreadable or unbalanced, settlements)


def _add(current: _Open, line: SettlementLine) -> None:
    current.count += 1
    current.sum += line.amount
    # The sign belongs to the key, since a rule may take one sign and not the other.
    key = (line.transaction_type, line.amount_type, line.amount_description, line.amount < 0)
    tally = current.triples.get(key)
    if tally is None:
        current.triples[key] = [1, line.amount]
    else:
        tally[0] += 1
        tally[1] += line.amount


def _close(
    current: _Open | None, settlements: list[InspectedSettlement], mapping: Mapping, path: Path
) -> FileError | None:
    """Report a settlement whose lines are all read; the error if it does not add up."""
    if current is None or current.broken:
        return None
    statement = current.statement
    currency = statement.currency
    by_account: dict[str, int] = {}
    unmapped: dict[tuple[str, str, str], list[int]] = {}
    for (transaction_type, amount_type, description, _), (count, amount) in current.triples.items():
        triple = (transaction_type, amount_type, description)
        rule = mapping.rule_for(triple)
        if rule is None or rule.role == "review" or not sign_fits(rule, transaction_type, amount):
            tally = unmapped.setdefault(triple, [0, 0])
            tally[0] += count
            tally[1] += amount
        else:
            by_account[rule.account] = by_account.get(rule.account, 0) + amount
    balanced = statement.total is not None and statement.total == current.sum
    settlements.append(
        InspectedSettlement(
            settlement_id=statement.settlement_id,
            start=_instant(statement.start),
            end=_instant(statement.end),
            deposit_date=_instant(statement.deposit_date),
            currency=currency,
            total=None if statement.total is None else format_minor(statement.total, currency),
            sum=format_minor(current.sum, currency),
            lines=current.count,
            balanced=balanced,
            by_account={key: format_minor(amount, currency) for key, amount in sorted(by_account.items())},
            unmapped=[
                Unmapped(*triple, count, format_minor(amount, currency)) for triple, (count, amount) in unmapped.items()
            ],
        )
    )
    if balanced:
        return None
    stated = "no total" if statement.total is None else f"a total of {format_minor(statement.total, currency)}"
    message = (
        f"{_DOES_NOT_ADD_UP}{path}, line {current.line}, column total-amount: settlement {statement.settlement_id} "
        f"states {stated} {currency}, its {current.count} lines make {format_minor(current.sum, currency)}; expected "
        "the two to be equal. Download the settlement again; if it stays so, open a case with Seller Support"
    )
    return FileError(current.line, "total-amount", message)


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
