"""The merchant's bank: statements as they were imported, their lines, and which line is which settlement's money.

A line's id follows from its account and content, so that overlapping statements and repeated files give the same
lines. Banks reuse FITIDs, so content counts too (accounting.md 6.3). Others' payments stand on a statement as well:
what is kept of their text names nobody.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal
from uuid import UUID

import msgspec

from domain.errors import BadInput
from domain.event import Event, stream_id
from domain.money import exponent, format_minor

CHUNK_LINES = 1_000
CARD = "-card"  # an account key is a currency, or a currency and this
AMAZON = re.compile(r"AMAZON|AMZN", re.IGNORECASE)
# What a text that does not name Amazon may still say: a settlement id (11 digits) or an ACH trace number (15).
_IDS = re.compile(r"(?<![\w-])(?:\d{11}|\d{15})(?![\w-])")
_SPACES = re.compile(r"[\s\x00-\x1f\x7f]+")

Dates = Literal["", "ymd", "mdy", "dmy"]
MatchKind = Literal["exact", "composite", "fee", "fx", "returned"]


class ColumnMap(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a bank's CSV has what: a column's heading, or its number from 1 where there are none.

    Either `amount`, or `credit` and `debit`. `dates` and `decimal` are how the bank writes them; empty: found out.
    """

    date: str = ""
    text: tuple[str, ...] = ()
    amount: str = ""
    credit: str = ""
    debit: str = ""
    reference: str = ""
    balance: str = ""
    currency: str = ""
    dates: Dates = ""
    decimal: Literal["", ".", ","] = ""
    delimiter: str = ""
    headings: bool = True
    negate: bool = False


class ReadEntry(msgspec.Struct, frozen=True):
    """An entry as a file has it: minor units, into the account positive. `place` is its line in the file, from 1."""

    day: date
    amount: int
    text: str
    reference: str = ""
    kind: str = ""
    place: int = 0


class ReadStatement(msgspec.Struct, frozen=True):
    """A statement as a file has it. `number` is the account's; `opening` and `closing` are None where not stated."""

    form: str
    number: str
    currency: str
    card: bool
    start: date | None
    end: date | None
    opening: int | None
    closing: int | None
    entries: tuple[ReadEntry, ...]


class BankLine(msgspec.Struct, frozen=True, array_like=True):
    """A line of a statement, in minor units of its account's currency, into the account positive.

    `tells` is the text, where it names Amazon; of others' payments only settlement and trace numbers are kept. `twin`
    is another line that it may repeat. Stored as an array: a new field goes to the end and has a default.
    """

    line: str
    day: date
    amount: int
    tells: str = ""
    reference: str = ""
    kind: str = ""
    content: str = ""
    form: str = ""
    twin: str = ""


class BankAccountSet(Event, frozen=True, kw_only=True):
    """What is known of an account (`USD`, `USD-card`): which one it is, and how its CSV is read. Each field is whole.

    `number` is a hash of the account's number and `tail` its last digits. `fees` (minor units) are what the bank may
    keep of a payout; `rates` are day rates by currency, in the account's currency, for payouts that Amazon converts.
    """

    account: str
    currency: str
    number: str = ""
    tail: str = ""
    columns: ColumnMap | None = None
    fees: tuple[int, ...] = ()
    rates: dict[str, str] = {}
    why: str = ""


class BankLineImported(Event, frozen=True, kw_only=True):
    """Up to 1,000 lines of one account and month that no earlier statement had."""

    account: str
    currency: str
    statement: str
    lines: tuple[BankLine, ...]


class BankStatementImported(Event, frozen=True, kw_only=True):
    """A statement, whole: `entries` it has, of which `new` no earlier one had; their sum and balances as stated."""

    account: str
    currency: str
    statement: str
    form: str
    file: str
    tail: str
    start: date
    end: date
    entries: int
    new: int
    total: int
    opening: int | None = None
    closing: int | None = None
    evidence: str = ""


class DepositMatched(Event, frozen=True, kw_only=True):
    """This line is the money of these settlements. `fee` is what the bank kept; by `score` (accounting.md 6.3).

    `how` is auto, or confirmed by a person. In another currency the rate is the amount over the settlements' total.
    """

    account: str
    line: str
    day: date
    amount: int
    currency: str
    settlements: tuple[str, ...]
    kind: MatchKind
    how: str
    score: int = 0
    fee: int = 0
    reference: str = ""
    why: str = ""


class SettlementBanked(Event, frozen=True, kw_only=True):
    """A settlement's money reached the bank on `day`; `returned`: it went back there again.

    `amount` is its own part of the line, in the line's currency; with `fee` it is what Amazon sent.
    """

    settlement_id: str
    account: str
    line: str
    day: date
    amount: int
    currency: str
    fee: int = 0
    reference: str = ""
    returned: bool = False


class SettlementUnbanked(Event, frozen=True, kw_only=True):
    """The line is not this settlement's money after all."""

    settlement_id: str
    line: str
    why: str


class MatchUndone(Event, frozen=True, kw_only=True):
    """A person took back what was said of a line: it is open again, and that match is not made again by itself."""

    account: str
    line: str
    settlements: tuple[str, ...]
    why: str


class MatchRejected(Event, frozen=True, kw_only=True):
    """A person says that the line is not these settlements' money; it is not proposed again."""

    account: str
    line: str
    settlements: tuple[str, ...]
    why: str


class BankLineSetAside(Event, frozen=True, kw_only=True):
    """A person says that the line is no payout: a loan, a purchase returned, a line that another repeats."""

    account: str
    line: str
    why: str


class Account(msgspec.Struct):
    """An account folded from its events."""

    number: str = ""
    tail: str = ""
    columns: ColumnMap | None = None
    fees: tuple[int, ...] = ()
    rates: dict[str, str] = {}


def evolve_account(state: Account, event: Event) -> Account:
    if isinstance(event, BankAccountSet):
        return Account(event.number, event.tail, event.columns, event.fees, event.rates)
    return state


class LineState(msgspec.Struct):
    """What was said of a line: `settlements` of its match, those `rejected`, and whether it is set aside."""

    settlements: tuple[str, ...] = ()
    rejected: tuple[tuple[str, ...], ...] = ()
    aside: bool = False
    account: str = ""


def evolve_line(state: LineState, event: Event) -> LineState:
    match event:
        case DepositMatched():
            return LineState(event.settlements, state.rejected, False, event.account)
        case MatchUndone():
            rejected = (*state.rejected, event.settlements) if event.settlements else state.rejected
            return LineState((), rejected, False, event.account)
        case MatchRejected():
            return LineState(state.settlements, (*state.rejected, event.settlements), state.aside, event.account)
        case BankLineSetAside():
            return LineState((), state.rejected, True, event.account)
    return state


class BankedState(msgspec.Struct):
    """The lines that brought a settlement's money, and took it back."""

    arrived: SettlementBanked | None = None
    returned: SettlementBanked | None = None


def evolve_banked(state: BankedState, event: Event) -> BankedState:
    match event:
        case SettlementBanked() if event.returned:
            return BankedState(state.arrived, event)
        case SettlementBanked():
            return BankedState(event, state.returned)
        case SettlementUnbanked():
            keep = [
                one if one is not None and one.line != event.line else None for one in (state.arrived, state.returned)
            ]
            return BankedState(*keep)
    return state


# --- from a file's entries to lines --------------------------------------------------------------------------------


def lines_of(account: str, statement: ReadStatement) -> list[BankLine]:
    """The statement's lines, each with its id.

    The same FITID with the same content is one line. Without a FITID two alike are two, told apart by their number.
    """
    seen: dict[tuple[str, str], int] = {}
    found: dict[str, BankLine] = {}
    for entry in statement.entries:
        text = one_line(entry.text)
        content = _digest(str(entry.day), str(entry.amount), folded(text))
        nth = 0
        if not entry.reference:
            nth = seen[content, ""] = seen.get((content, ""), 0) + 1
        line = _digest(account, entry.reference, content, str(nth))
        found[line] = BankLine(
            line,
            entry.day,
            entry.amount,
            kept_text(text),
            one_line(entry.reference),
            one_line(entry.kind),
            content,
            statement.form,
        )
    return list(found.values())


def new_lines(lines: Sequence[BankLine], known: Iterable[BankLine]) -> list[BankLine]:
    """Those that are not known, each with the known line it may repeat under another FITID or from another format.

    A known line that this statement has itself is no twin of another one here.
    """
    here = {line.line for line in lines}
    there = list(known)
    ids = {line.line for line in there}
    free: dict[tuple[date, int], list[BankLine]] = {}
    for line in there:
        if line.line not in here:
            free.setdefault((line.day, line.amount), []).append(line)
    fresh = []
    for line in lines:
        if line.line in ids:
            continue
        alike = free.get((line.day, line.amount), [])
        twin = next((one for one in alike if one.content == line.content or one.form != line.form), None)
        if twin is not None:
            alike.remove(twin)
            line = msgspec.structs.replace(line, twin=twin.line)
        fresh.append(line)
    return fresh


def check_sum(statement: ReadStatement, name: str) -> None:
    """Opening and entries make the closing balance. Raises BadInput: a part is missing, so nothing is taken."""
    total = sum(entry.amount for entry in statement.entries)
    if statement.opening is None or statement.closing is None or statement.opening + total == statement.closing:
        return
    opening, entries, made, closing = (
        format_minor(amount, statement.currency)
        for amount in (statement.opening, total, statement.opening + total, statement.closing)
    )
    raise BadInput(
        f"{name}: opening balance {opening} and entries of {entries} make {made}, but the closing balance is {closing} "
        f"{statement.currency}: entries are missing, so none is taken. Download the statement again, whole, booked "
        "entries included"
    )


def statement_id(account: str, statement: ReadStatement, lines: Sequence[BankLine]) -> str:
    """The same for the same statement in whatever file it comes."""
    days = (str(statement.start), str(statement.end), str(statement.opening), str(statement.closing))
    return _digest(account, *days, *sorted(line.line for line in lines))


def kept_text(text: str) -> str:
    """A text that names Amazon; of another only numbers that may be Amazon's, since it may name a person."""
    return text[:300] if AMAZON.search(text) else " ".join(_IDS.findall(text))


def one_line(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def folded(text: str) -> str:
    """A text whose case, spaces and punctuation do not count."""
    return re.sub(r"[\W_]+", "", text.casefold())


def number_hash(number: str) -> str:
    """An account's number, so that it is recognised and nobody reads it."""
    return _digest("account", re.sub(r"[^0-9A-Za-z]", "", number).upper()) if number else ""


def tail_of(number: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", number)[-4:]


def check_account(account: str) -> str:
    """The account's currency. Raises BadInput."""
    currency = account.removesuffix(CARD)
    try:
        exponent(currency)
    except BadInput:
        raise BadInput(
            f"account {account!r}: expected a currency like USD, or USD{CARD} for the card that Amazon charges"
        ) from None
    return currency


def check_terms(currency: str, fees: Sequence[int], rates: Mapping[str, str]) -> None:
    """Raises BadInput for a fee that is none, or a rate that cannot be."""
    for fee in fees:
        if fee <= 0:
            raise BadInput(f"fee {format_minor(fee, currency)}: expected what the bank keeps, more than nothing")
    for code, rate in rates.items():
        exponent(code)
        if code == currency or not re.fullmatch(r"\d{1,9}(?:\.\d{1,12})?", rate) or not rate.strip("0."):
            raise BadInput(
                f"rate {code}={rate}: expected what one {code} is in {currency} as a decimal number, like CAD=0.7312"
            )


def _digest(*words: str) -> str:
    return hashlib.blake2b("\n".join(words).encode(), digest_size=8).hexdigest()


# --- streams ---------------------------------------------------------------------------------------------------------


def account_stream(flow: str, account: str) -> UUID:
    return stream_id(flow, "bank_account", account)


def month_of(day: date) -> str:
    return f"{day:%Y-%m}"


def lines_stream(flow: str, account: str, month: str) -> UUID:
    """A month of an account's lines: a statement reads and guards only the months it is of."""
    return stream_id(flow, "bank_lines", f"{account}/{month}")


def statement_stream(flow: str, account: str, statement: str) -> UUID:
    return stream_id(flow, "bank_statement", f"{account}/{statement}")


def line_stream(flow: str, line: str) -> UUID:
    return stream_id(flow, "bank_line", line)


def banked_stream(flow: str, settlement_id: str) -> UUID:
    return stream_id(flow, "bank_settlement", settlement_id)
