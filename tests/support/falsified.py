"""Books that are wrong on purpose, and still balanced: what an engine that judges an export must not let pass."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import msgspec
from beancount import loader

from adapters.exports.beancount import render
from application.books import BookEntry, BookLine, Books

Fault = Callable[[Books, random.Random], Books | None]


def verdict(books: Books) -> list[str]:
    """What beancount has against the books."""
    _, errors, _ = loader.load_string("\n".join(render(books, per_order=True)))
    return [error.message for error in errors]


def cents_moved(books: Books) -> Iterator[tuple[str, Books]]:
    """Every balanced falsification by one cent: from each line of a document to each other on another account."""
    for place, entry in enumerate(books.entries):
        for one, line in enumerate(entry.lines):
            for two, other in enumerate(entry.lines):
                if (line.account, line.order_id) == (other.account, other.order_id) or not (
                    line.amount and other.amount
                ):
                    continue
                lines = list(entry.lines)
                lines[one], lines[two] = _more(line, 1), _more(other, -1)
                yield f"{entry.kind} {entry.key}: {line.account} to {other.account}", _with(books, place, lines)


def _more(line: BookLine, cents: int) -> BookLine:
    # What it is worth at home stays: the transaction balances there as before.
    home = line.home + cents if line.home == line.amount else line.home
    return msgspec.structs.replace(line, amount=line.amount + cents, home=home)


def _with(books: Books, place: int, lines: list[BookLine]) -> Books:
    entries = list(books.entries)
    entries[place] = msgspec.structs.replace(entries[place], lines=tuple(lines))
    return msgspec.structs.replace(books, entries=tuple(entries))


def _books_something(entry: BookEntry) -> bool:
    sums: Counter[tuple[str, str]] = Counter()
    for line in entry.lines:
        sums[line.account, line.order_id] += line.amount
    return any(sums.values())


def _any(books: Books, chance: random.Random, *kinds: str) -> int | None:
    """The place of a document that books something; a credit applied to its own invoice books nothing."""
    places = [
        place
        for place, entry in enumerate(books.entries)
        if _books_something(entry) and (not kinds or entry.kind in kinds)
    ]
    return chance.choice(places) if places else None


def dropped(books: Books, chance: random.Random) -> Books | None:
    place = _any(books, chance)
    if place is None:
        return None
    return msgspec.structs.replace(books, entries=books.entries[:place] + books.entries[place + 1 :])


def posted_twice(books: Books, chance: random.Random) -> Books | None:
    place = _any(books, chance)
    if place is None:
        return None
    again = msgspec.structs.replace(books.entries[place], quickbooks_id="999", key=f"{books.entries[place].key}-2")
    return msgspec.structs.replace(books, entries=(*books.entries, again))


def accounts_swapped(books: Books, chance: random.Random) -> Books | None:
    """Two categories of one document are each booked as the other."""
    places = list(range(len(books.entries)))
    chance.shuffle(places)
    for place in places:
        lines = list(books.entries[place].lines)
        for one in range(len(lines)):
            for two in range(one + 1, len(lines)):
                first, second = lines[one], lines[two]
                if first.account != second.account and first.amount != second.amount:
                    accounts = [(each.account, each.account_type, each.order_id) for each in (second, first)]
                    for number, (account, kind, order_id) in zip((one, two), accounts, strict=True):
                        lines[number] = msgspec.structs.replace(
                            lines[number], account=account, account_type=kind, order_id=order_id
                        )
                    return _with(books, place, lines)
    return None


def wrong_month(books: Books, chance: random.Random) -> Books | None:
    place = _any(books, chance)
    if place is None:
        return None
    entries = list(books.entries)
    entries[place] = msgspec.structs.replace(entries[place], day=entries[place].day - timedelta(days=31))
    return msgspec.structs.replace(books, entries=tuple(entries))


def short_by_a_fee(books: Books, chance: random.Random) -> Books | None:
    """The bank took a fee of the deposit, and somebody wrote it on another account."""
    place = _any(books, chance, "deposit")
    if place is None:
        return None
    entry = books.entries[place]
    fee = BookLine("Bank charges", "Expense", 150, 150)
    bank = _more(entry.lines[0], -150)
    if entry.lines[0].amount == 150:
        return None
    home = fee.home if entry.currency == books.home_currency else 0
    lines = [bank, *entry.lines[1:], msgspec.structs.replace(fee, home=home)]
    return _with(books, place, lines)


def reserve_unmatched(books: Books, chance: random.Random) -> Books | None:
    """A reserve is given back to another account than it was taken from."""
    for place, entry in enumerate(books.entries):
        for number, line in enumerate(entry.lines):
            if "Reserve" in line.account:
                lines = list(entry.lines)
                lines[number] = msgspec.structs.replace(
                    line, account="Other Amazon fees and adjustments", account_type="Expense"
                )
                return _with(books, place, lines)
    return None


FAULTS: dict[str, Fault] = {
    "dropped document": dropped,
    "posted twice": posted_twice,
    "accounts of two categories swapped": accounts_swapped,
    "wrong month": wrong_month,
    "deposit short by a fee": short_by_a_fee,
    "unmatched reserve": reserve_unmatched,
}
