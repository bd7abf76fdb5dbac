"""Bank statements into a flow: a file is taken whole or not at all, and again is no harm."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from uuid import UUID

import msgspec

from application.ports import Append, BankReader, EvidenceStore
from application.recording import Recorder
from domain import bank
from domain.bank import Account, BankLine, ColumnMap, ReadStatement
from domain.errors import BadInput
from domain.event import Stamp, check_line
from domain.flow import Flow

LARGEST = 10**15  # minor units of one entry
EARLIEST = date(2000, 1, 1)
AHEAD = timedelta(days=31)  # further in the future no line is booked: its date was misread


class ImportedStatement(msgspec.Struct, frozen=True):
    """What became of a statement: `new` lines of its `entries`, `seen` where it was here before, `twins` that may
    repeat lines of another file.
    """

    account: str
    statement: str
    form: str
    start: date
    end: date
    entries: int
    new: int
    twins: int
    seen: bool


class ImportedFile(msgspec.Struct, frozen=True):
    """A file's statements; `skipped` are the last digits of other accounts in it. `position` is the log's."""

    file: str
    statements: tuple[ImportedStatement, ...]
    skipped: tuple[str, ...]
    position: int


class _Made(msgspec.Struct, frozen=True):
    """A statement of an account with its lines, and the stream that says whether it was here."""

    account: str
    statement: ReadStatement
    lines: list[BankLine]
    id: str
    stream: UUID


class _Taken(msgspec.Struct):
    """Appends in the making: statements that are known, what is known of each month, and where its stream stands."""

    seen: set[UUID]
    appends: list[Append] = []
    lines: dict[tuple[str, str], dict[str, BankLine]] = {}
    versions: dict[tuple[str, str], int] = {}


class BankImports(Recorder):
    """The commands by which statements come in, and what is known of their accounts."""

    def account(self, flow: str, account: str) -> Account:
        """What is known of an account."""
        return self._one(bank.account_stream(flow, account), Account(), bank.evolve_account)[0]

    def import_file(
        self,
        flow: Flow,
        content: bytes,
        name: str,
        read: BankReader,
        evidence: EvidenceStore,
        by: str,
        account: str = "",
        columns: ColumnMap | None = None,
        new_number: bool = False,
    ) -> ImportedFile:
        """Take a bank's file in. `columns` (kept for the next time) say where a CSV has what.

        `account` is where several are possible; `new_number`: the account has another number from now on. Raises
        BadInput, and then nothing of the file is taken.
        """
        check_line("file", name)
        guess = self._guess(flow, account)
        kept = columns or self.account(flow.name, guess).columns
        file = read(content, name, bank.check_account(guess), kept)
        statements, skipped = self._chosen(flow, file.statements, name, account, guess, new_number)
        for _, statement in statements:
            bank.check_sum(statement, name)
            self._check_days(statement, name)
        (digest,) = evidence.put(flow.name, [content])
        told: list[ImportedStatement] = []
        made = [_made(flow.name, key, statement) for key, statement in statements]

        def decide() -> list[Append]:
            told.clear()
            stamp = Stamp(flow.name, self._clock(), by, digest)
            taken = _Taken(seen=set(self._store.heads([one.stream for one in made])))
            self._read_months(flow.name, made, taken)
            appends = self._account_appends(flow.name, statements, file.columns, new_number, stamp)
            for one in made:
                told.append(self._take(one, name, digest, stamp, taken))
            return [*appends, *taken.appends]

        position = self._until_saved(decide)
        return ImportedFile(name, tuple(told), tuple(skipped), position)

    def configure_account(
        self,
        flow: Flow,
        account: str,
        by: str,
        why: str,
        fees: Sequence[int] | None = None,
        rates: Mapping[str, str] | None = None,
        columns: ColumnMap | None = None,
    ) -> int:
        """Say which fees a bank keeps, its day rates, and how its CSV is read. What is None stays. Raises BadInput."""
        currency = bank.check_account(account)
        bank.check_terms(currency, fees or (), rates or {})
        if not why.strip():
            raise BadInput("--why is needed: the reason stands in the audit trail, for example --why 'our new bank'")

        def decide() -> list[Append]:
            stream = bank.account_stream(flow.name, account)
            state, version = self._one(stream, Account(), bank.evolve_account)
            event = bank.BankAccountSet(
                account=account,
                currency=currency,
                number=state.number,
                tail=state.tail,
                columns=columns or state.columns,
                fees=tuple(sorted(set(fees))) if fees is not None else state.fees,
                rates=dict(rates) if rates is not None else state.rates,
                why=why,
                **Stamp(flow.name, self._clock(), by).fields(),
            )
            return [Append(stream, version, [event])]

        return self._until_saved(decide)

    def _guess(self, flow: Flow, account: str) -> str:
        """The account where the file does not name its currency."""
        if account:
            return account
        if not flow.banks:
            raise BadInput(
                f"flow {flow.name} pays into no bank account yet; choose one: ml-connector flow configure {flow.name} "
                "--bank NAME --currency CODE"
            )
        return sorted(flow.banks)[0]

    def _chosen(
        self,
        flow: Flow,
        statements: Sequence[ReadStatement],
        name: str,
        account: str,
        guess: str,
        new_number: bool,
    ) -> tuple[list[tuple[str, ReadStatement]], list[str]]:
        """Statements with their accounts, and the tails of those that are another account's. Raises BadInput."""
        chosen: list[tuple[str, ReadStatement]] = []
        skipped: list[str] = []
        for statement in statements:
            if statement.form == "csv" and not account and len(flow.banks) > 1:
                raise BadInput(
                    f"{name}: a CSV does not say which account it is of; say so: --account {' or '.join(flow.banks)}"
                )
            key = account or (guess if statement.form == "csv" else self._key(statement))
            self._check_currency(flow, key, statement, name, account)
            known = self.account(flow.name, key)
            if known.number and statement.number and not new_number and not _same_number(known, statement.number):
                skipped.append(bank.tail_of(statement.number))
                last = known.tail
            else:
                chosen.append((key, statement))
        if not chosen:
            others = ", ".join(f"...{tail}" for tail in skipped)
            raise BadInput(
                f"{name}: it is of the account ending in {others}, and flow {flow.name} knows the one ending in "
                f"{last}. Import that one's statement; if the bank gave the account another number: --new-number"
            )
        for key in {key for key, _ in chosen}:
            tails = {bank.tail_of(one.number) for other, one in chosen if other == key and one.number}
            if len(tails) > 1:
                raise BadInput(
                    f"{name}: it has several {key} accounts, ending in {', '.join(sorted(tails))}; export only the one "
                    "that Amazon pays into"
                )
        return chosen, skipped

    def _key(self, statement: ReadStatement) -> str:
        return statement.currency + (bank.CARD if statement.card else "")

    def _check_currency(self, flow: Flow, key: str, statement: ReadStatement, name: str, account: str) -> None:
        currency = bank.check_account(key)
        if statement.currency != currency:
            raise BadInput(
                f"{name}: it is of an account in {statement.currency}, and --account {key} is in {currency}; import it "
                f"with --account {self._key(statement)}, or choose the {currency} account's statement"
            )
        if statement.card and not key.endswith(bank.CARD):
            raise BadInput(f"{name}: it is a card's statement; import it with --account {currency}{bank.CARD}")
        if not account and currency not in flow.banks:
            raise BadInput(
                f"{name}: it is of an account in {currency}, and flow {flow.name} pays into accounts in "
                f"{', '.join(sorted(flow.banks))}. If Amazon pays into it, say so: --account {key}"
            )

    def _check_days(self, statement: ReadStatement, name: str) -> None:
        amounts = [entry.amount for entry in statement.entries]
        if any(abs(amount) > LARGEST for amount in (*amounts, statement.opening or 0, statement.closing or 0)):
            raise BadInput(f"{name}: it has an amount that no account has; is it the right column? {_COLUMNS}")
        if any(entry.day < EARLIEST for entry in statement.entries):
            raise BadInput(f"{name}: an entry is before {EARLIEST}: its dates are read wrongly. {_COLUMNS}")
        latest = max((entry.day for entry in statement.entries), default=None)
        if latest is not None and latest > self._clock().date() + AHEAD:
            raise BadInput(
                f"{name}: an entry is of {latest}, which is far ahead: its dates are read wrongly. {_COLUMNS}"
            )
        if latest is None and statement.end is None:
            raise BadInput(f"{name}: it has no entries and names no days; there is nothing to take")

    def _account_appends(
        self,
        flow: str,
        statements: Sequence[tuple[str, ReadStatement]],
        columns: ColumnMap | None,
        new_number: bool,
        stamp: Stamp,
    ) -> list[Append]:
        """The number of an account that is seen first, and CSV columns as they were found."""
        appends = []
        for key in dict.fromkeys(key for key, _ in statements):
            number = next((one.number for other, one in statements if other == key and one.number), "")
            stream = bank.account_stream(flow, key)
            state, version = self._one(stream, Account(), bank.evolve_account)
            takes_number = bool(number) and (not state.number or (new_number and not _same_number(state, number)))
            event = bank.BankAccountSet(
                account=key,
                currency=bank.check_account(key),
                number=bank.number_hash(number) if takes_number else state.number,
                tail=bank.tail_of(number) if takes_number else state.tail,
                columns=columns or state.columns,
                fees=state.fees,
                rates=state.rates,
                **stamp.fields(),
            )
            if not version or bank.evolve_account(Account(), event) != state:
                appends.append(Append(stream, version, [event]))
        return appends

    def _read_months(self, flow: str, made: Sequence[_Made], taken: _Taken) -> None:
        months = {(one.account, bank.month_of(line.day)) for one in made for line in one.lines}
        streams = {month: bank.lines_stream(flow, *month) for month in months}
        loaded = self._store.load(list(streams.values())) if streams else {}
        for month, stream in streams.items():
            events = loaded.get(stream, [])
            taken.versions[month] = len(events)
            taken.lines[month] = {
                line.line: line for event in events if isinstance(event, bank.BankLineImported) for line in event.lines
            }

    def _take(self, made: _Made, name: str, evidence: str, stamp: Stamp, taken: _Taken) -> ImportedStatement:
        key, statement, lines, identity = made.account, made.statement, made.lines, made.id
        currency = bank.check_account(key)
        by_month: dict[str, list[BankLine]] = {}
        for line in sorted(lines, key=lambda one: one.day):
            by_month.setdefault(bank.month_of(line.day), []).append(line)
        fresh: list[BankLine] = []
        for month, many in by_month.items():
            known = taken.lines[key, month]
            new = bank.new_lines(many, known.values())
            events = [
                bank.BankLineImported(
                    account=key, currency=currency, statement=identity, lines=tuple(chunk), **stamp.fields()
                )
                for chunk in _chunks(new)
            ]
            if events:
                stream = bank.lines_stream(stamp.flow, key, month)
                taken.appends.append(Append(stream, taken.versions[key, month], events))
                taken.versions[key, month] += len(events)
                known |= {line.line: line for line in new}
            fresh += new
        start, end = _days(statement, lines, self._clock().date())
        seen = made.stream in taken.seen
        if not seen:
            taken.seen.add(made.stream)
            event = bank.BankStatementImported(
                account=key,
                currency=currency,
                statement=identity,
                form=statement.form,
                file=name,
                tail=bank.tail_of(statement.number),
                start=start,
                end=end,
                entries=len(lines),
                new=len(fresh),
                total=sum(line.amount for line in lines),
                opening=statement.opening,
                closing=statement.closing,
                evidence=evidence,
                **stamp.fields(),
            )
            taken.appends.append(Append(made.stream, 0, [event]))
        twins = sum(bool(line.twin) for line in fresh)
        return ImportedStatement(key, identity, statement.form, start, end, len(lines), len(fresh), twins, seen)


_COLUMNS = "Say which columns they are and how they are written: --columns date=2,amount=4,dates=dmy (or mdy, ymd)"


def _made(flow: str, key: str, statement: ReadStatement) -> _Made:
    lines = bank.lines_of(key, statement)
    identity = bank.statement_id(key, statement, lines)
    return _Made(key, statement, lines, identity, bank.statement_stream(flow, key, identity))


def _chunks(lines: Sequence[BankLine]) -> list[list[BankLine]]:
    size = bank.CHUNK_LINES
    return [list(lines[begin : begin + size]) for begin in range(0, len(lines), size)]


def _days(statement: ReadStatement, lines: Sequence[BankLine], today: date) -> tuple[date, date]:
    """The days a statement covers: as it says, but not ahead of today, and all of its entries'."""
    days = [line.day for line in lines]
    end = min(statement.end, today) if statement.end is not None else None
    start = statement.start or min(days, default=end or today)
    return min([start, *days]), max([end or start, *days])


def _same_number(known: Account, number: str) -> bool:
    """Formats write a number differently (IBAN, with the bank's, masked); its last digits stay."""
    return bank.number_hash(number) == known.number or bank.tail_of(number) == known.tail
