"""Which line of the bank is which settlement's money: the scores and rules of accounting.md 6.3, pure.

The exact amount is a must; a fee, a composite or another currency is only ever proposed. Nothing is guessed: where two
settlements or two lines fit alike, a person says.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import combinations

import msgspec

from domain.bank import AMAZON, CARD, BankLine, MatchKind
from domain.money import exponent
from domain.settlement import SettlementLine

BEFORE, AFTER = timedelta(days=1), timedelta(days=10)  # of the line's booking around Amazon's deposit date
EXACT, NAMED, IDENTIFIED, TAIL, NEAR = 50, 20, 30, 10, 10
SURE = 70
LARGEST_GROUP = 4
SUBSETS_OF = 40  # payouts of one day that a composite is looked for in
SUBSETS_SHOWN = 3
RATE_TOLERANCE = Fraction(25, 1000)


class Payout(msgspec.Struct, frozen=True):
    """A settlement whose money is looked for. `day` is Amazon's deposit date in the books' zone.

    `trace`, `tail` and `converted` (currency and minor units) are Amazon's, where it told them. `arrived` is the
    day it came, where a later settlement says that the transfer failed: then it is looked for going back.
    """

    settlement_id: str
    currency: str
    total: int
    day: date
    owner: str = ""
    trace: str = ""
    tail: str = ""
    converted: tuple[str, int] | None = None
    arrived: date | None = None


class OpenLine(msgspec.Struct, frozen=True):
    """A line that is nobody's yet; `tail` are the last digits of its account's number."""

    account: str
    currency: str
    line: BankLine
    tail: str = ""

    @property
    def is_card(self) -> bool:
        return self.account.endswith(CARD)

    @property
    def names_amazon(self) -> bool:
        return AMAZON.search(self.line.tells) is not None


class Terms(msgspec.Struct, frozen=True):
    """What a bank does with payouts: fees it keeps (minor units) and day rates by currency."""

    fees: tuple[int, ...] = ()
    rates: Mapping[str, str] = {}


class Proposal(msgspec.Struct, frozen=True):
    """A line and the settlements it may be the money of. `auto`: nothing else fits, and it is sure enough."""

    id: str
    kind: MatchKind
    account: str
    line: str
    day: date
    amount: int
    currency: str
    settlements: tuple[str, ...]
    score: int
    why: tuple[str, ...]
    fee: int = 0
    auto: bool = False
    reference: str = ""


Refused = set[tuple[str, tuple[str, ...]]]


class Return(msgspec.Struct, frozen=True):
    """By a line of settlement `settlement_id`, of `day`, Amazon takes back a transfer of `amount` that failed."""

    settlement_id: str
    currency: str
    amount: int
    day: date


class _Edge(msgspec.Struct, frozen=True):
    line: OpenLine
    payout: Payout
    score: int
    why: tuple[str, ...]
    identified: bool

    @property
    def pair(self) -> tuple[str, str]:
        return self.line.line.line, self.payout.settlement_id

    @property
    def names(self) -> tuple[str, tuple[str, ...]]:
        return self.line.line.line, (self.payout.settlement_id,)


def match(
    lines: Iterable[OpenLine],
    payouts: Iterable[Payout],
    terms: Mapping[str, Terms] = {},
    rejected: Iterable[tuple[str, tuple[str, ...]]] = (),
) -> list[Proposal]:
    """Every match that can be made or proposed; no line or settlement stands in two that are `auto`.

    `lines` and `payouts` are those without a match; `rejected` are pairs of a line and the settlements a person said it
    is not. The order of what is handed in does not matter.
    """
    refused = {(line, tuple(sorted(settlements))) for line, settlements in rejected}
    open_lines = sorted(lines, key=lambda one: (one.line.day, one.account, one.line.line))
    waiting = sorted(payouts, key=lambda one: (one.day, one.settlement_id))
    back = [one for one in waiting if one.arrived is not None]
    waiting = [one for one in waiting if one.arrived is None]
    taken: set[str] = set()

    def take(proposals: Iterable[Proposal]) -> list[Proposal]:
        kept = list(proposals)
        taken.update(name for one in kept for name in (one.line, *one.settlements))
        return kept

    def left(edges: Iterable[_Edge]) -> list[_Edge]:
        return [edge for edge in edges if not taken & set(edge.pair)]

    edges = [edge for edge in _exact(open_lines, waiting) if edge.names not in refused]
    found = take(_paired([edge for edge in edges if edge.score >= SURE]))
    found += take(_paired(left(edges)))
    found += take(_returned(open_lines, back, taken, refused))

    lines_left = [one for one in open_lines if one.line.line not in taken and one.names_amazon]
    payouts_left = [one for one in waiting if one.settlement_id not in taken]
    found += take(_composites(lines_left, payouts_left, refused))
    found += take(_less_fee(lines_left, payouts_left, terms, taken, refused))
    found += take(_converted(lines_left, payouts_left, terms, taken, refused))
    return sorted(found, key=lambda one: (one.day, one.line, -one.score, one.id))


def gives_back(line: SettlementLine) -> bool:
    """`Transfer of funds unsuccessful: ...`: the bank refused an earlier payout (accounting.md R22)."""
    return line.amount > 0 and line.amount_description.casefold().startswith("transfer of funds unsuccessful")


def failed_transfers(payouts: Iterable[Payout], returns: Iterable[Return]) -> dict[str, str]:
    """Settlements whose transfer failed, and which settlement says so: each the last one before it of that amount."""
    found: dict[str, str] = {}
    known = sorted(payouts, key=lambda one: (one.day, one.settlement_id), reverse=True)
    for back in sorted(returns, key=lambda one: (one.day, one.settlement_id)):
        for payout in known:
            before = payout.day < back.day and payout.settlement_id not in (back.settlement_id, *found)
            if before and (payout.currency, payout.total) == (back.currency, back.amount):
                found[payout.settlement_id] = back.settlement_id
                break
    return found


def proposal_id(line: str, settlements: Iterable[str]) -> str:
    """The same for the same line and settlements, whenever they are proposed."""
    return hashlib.blake2b("\n".join((line, *sorted(settlements))).encode(), digest_size=6).hexdigest()


def in_window(line: BankLine, payout: Payout) -> bool:
    return payout.day - BEFORE <= line.day <= payout.day + AFTER


# --- exact amounts ------------------------------------------------------------------------------------------------


def _exact(lines: Sequence[OpenLine], payouts: Sequence[Payout]) -> Iterator[_Edge]:
    by_amount: dict[tuple[str, int], list[OpenLine]] = {}
    for line in lines:
        by_amount.setdefault((line.currency, line.line.amount), []).append(line)
    for payout in payouts:
        currency, amount = payout.converted or (payout.currency, payout.total)
        if not amount:
            continue  # nothing moves
        found = by_amount.get((currency, amount), [])
        if amount < 0:  # a charge: some banks write what a card owes as a positive amount
            found = found + [line for line in by_amount.get((currency, -amount), []) if line.is_card]
        else:
            found = [line for line in found if not line.is_card]
        for line in found:
            if in_window(line.line, payout):
                yield _edge(line, payout, payout.day)


def _edge(line: OpenLine, payout: Payout, day: date) -> _Edge:
    score, why, identified = _score(line, [payout], day)
    return _Edge(line, payout, score, why, identified)


def _score(line: OpenLine, payouts: Sequence[Payout], day: date) -> tuple[int, tuple[str, ...], bool]:
    why = ["the amount is exact"]
    score = EXACT
    if line.names_amazon:
        score += NAMED
        why.append("the text names Amazon")
    words = f"{line.line.tells} {line.line.reference}"
    identified = any(name and name in words for one in payouts for name in (one.settlement_id, one.trace))
    if identified:
        score += IDENTIFIED
        why.append("the text has the settlement's id or trace number")
    if line.tail and any(one.tail == line.tail for one in payouts):
        score += TAIL
        why.append(f"Amazon paid into the account ending in {line.tail}")
    distance = abs((line.line.day - day).days)
    score += max(NEAR - distance, 0)
    why.append(f"{distance} day{'s' * (distance != 1)} from Amazon's deposit date" if distance else "on the same day")
    return score, tuple(why), identified


def _paired(edges: Sequence[_Edge]) -> Iterator[Proposal]:
    """Each line with one settlement: sure where neither has another choice, else by the order of dates."""
    lines: dict[str, int] = {}
    payouts: dict[str, int] = {}
    for edge in edges:
        line, payout = edge.pair
        lines[line] = lines.get(line, 0) + 1
        payouts[payout] = payouts.get(payout, 0) + 1
    used: set[str] = set()
    # Who is named comes first; then the earliest settlement takes the earliest line it can.
    in_order = sorted(edges, key=lambda edge: (not edge.identified, edge.payout.day, edge.line.line.day, edge.pair))
    for edge in in_order:
        line, payout = edge.pair
        if line in used or payout in used:
            continue
        used |= {line, payout}
        alone = lines[line] == payouts[payout] == 1
        why = edge.why if alone else (*edge.why, "another settlement or line has the same amount: paired by date")
        yield _proposal("exact", edge.line, (edge.payout,), edge.score, why, auto=alone and edge.score >= SURE)


def _returned(
    lines: Sequence[OpenLine], payouts: Sequence[Payout], taken: set[str], refused: Refused
) -> Iterator[Proposal]:
    """Money that arrived and, since the transfer failed, went back."""
    edges = []
    for payout in payouts:
        assert payout.arrived is not None
        day = payout.arrived
        for line in lines:
            gone = (line.currency, line.line.amount) == (payout.currency, -payout.total) and not line.is_card
            if gone and line.line.line not in taken and day <= line.line.day <= day + AFTER:
                edges.append(_edge(line, payout, day))
    for proposal in _paired([edge for edge in edges if edge.names not in refused]):
        yield msgspec.structs.replace(proposal, kind="returned")


# --- what is only proposed ------------------------------------------------------------------------------------------


def _composites(lines: Sequence[OpenLine], payouts: Sequence[Payout], refused: Refused) -> Iterator[Proposal]:
    """One line for two to four settlements of the same owner and date."""
    by_date: dict[tuple[str, str, date], list[Payout]] = {}
    for payout in payouts:
        if payout.total and payout.converted is None:
            by_date.setdefault((payout.owner, payout.currency, payout.day), []).append(payout)
    for line in lines:
        shown = 0
        for (_, currency, day), group in by_date.items():
            if currency != line.currency or not in_window(line.line, group[0]):
                continue
            for subset in _subsets(group[:SUBSETS_OF], line.line.amount):
                names = tuple(sorted(one.settlement_id for one in subset))
                if shown < SUBSETS_SHOWN and (line.line.line, names) not in refused:
                    shown += 1
                    score, why, _ = _score(line, subset, day)
                    why = (f"{len(subset)} settlements of that date make the amount", *why[1:])
                    yield _proposal("composite", line, subset, score, why)


def _subsets(payouts: Sequence[Payout], amount: int) -> Iterator[tuple[Payout, ...]]:
    for size in range(2, LARGEST_GROUP + 1):
        for subset in combinations(payouts, size):
            if sum(one.total for one in subset) == amount:
                yield subset


def _less_fee(
    lines: Sequence[OpenLine], payouts: Sequence[Payout], terms: Mapping[str, Terms], taken: set[str], refused: Refused
) -> Iterator[Proposal]:
    used = set(taken)
    for line in lines:
        fees = terms.get(line.account, Terms()).fees
        fits = [
            (abs((line.line.day - payout.day).days), payout)
            for payout in payouts
            if payout.currency == line.currency
            and payout.total - line.line.amount in fees
            and line.line.amount > 0
            and in_window(line.line, payout)
            and not used & {line.line.line, payout.settlement_id}
            and (line.line.line, (payout.settlement_id,)) not in refused
        ]
        for _, payout in sorted(fits, key=lambda fit: (fit[0], fit[1].day, fit[1].settlement_id))[:1]:
            used |= {line.line.line, payout.settlement_id}
            score, why, _ = _score(line, [payout], payout.day)
            fee = payout.total - line.line.amount
            why = ("the amount is Amazon's less a fee of the bank", *why[1:])
            yield _proposal("fee", line, (payout,), score, why, fee=fee)


def _converted(
    lines: Sequence[OpenLine], payouts: Sequence[Payout], terms: Mapping[str, Terms], taken: set[str], refused: Refused
) -> Iterator[Proposal]:
    """Paid in another currency at a rate that Amazon did not tell: the rate then follows from the bank."""
    used = set(taken)
    for line in lines:
        rates = terms.get(line.account, Terms()).rates
        fits = []
        for payout in payouts:
            if payout.currency == line.currency or payout.converted is not None or payout.currency not in rates:
                continue
            if (line.line.line, (payout.settlement_id,)) in refused:
                continue
            if used & {line.line.line, payout.settlement_id} or not in_window(line.line, payout):
                continue
            expected = expected_amount(payout.total, payout.currency, line.currency, rates[payout.currency])
            away = abs(line.line.amount - expected)
            if expected > 0 and away <= expected * RATE_TOLERANCE:
                fits.append((away, payout))
        for away, payout in sorted(fits, key=lambda fit: (fit[0], fit[1].day, fit[1].settlement_id))[:1]:
            used |= {line.line.line, payout.settlement_id}
            score, why, _ = _score(line, [payout], payout.day)
            expected = expected_amount(payout.total, payout.currency, line.currency, rates[payout.currency])
            tenths = round(away * 1000 / expected)
            why = (f"{tenths // 10}.{tenths % 10} % from the day's rate of {rates[payout.currency]}", *why[1:])
            yield _proposal("fx", line, (payout,), score, why)


def expected_amount(total: int, currency: str, into: str, rate: str) -> Fraction:
    """Minor units of `into` for a total at a rate, unrounded."""
    return Fraction(total) * Fraction(Decimal(rate)) * Fraction(10) ** (exponent(into) - exponent(currency))


def _proposal(
    kind: MatchKind,
    line: OpenLine,
    payouts: Sequence[Payout],
    score: int,
    why: tuple[str, ...],
    fee: int = 0,
    auto: bool = False,
) -> Proposal:
    settlements = tuple(sorted(payout.settlement_id for payout in payouts))
    return Proposal(
        id=proposal_id(line.line.line, settlements),
        kind=kind,
        account=line.account,
        line=line.line.line,
        day=line.line.day,
        amount=line.line.amount,
        currency=line.currency,
        settlements=settlements,
        score=score,
        why=why,
        fee=fee,
        auto=auto,
        reference=line.line.reference,
    )
