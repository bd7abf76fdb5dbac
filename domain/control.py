"""The three-way control of settlements: lines = stated total = what Amazon says elsewhere, and nothing missing between.

Pure: facts in, findings out. A check `agrees` or `differs`; `missing` is what Amazon has not said (yet), `unavailable`
what it does not offer to this account, `first` has no settlement before it, and `unsure` is a continuity that cannot be
judged because an account type is not known. Sources: amazon.md 10.2 and 10.3, accounting.md I1, I4 and I5.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from domain.event_group import CLOSED, EventGroup, Payout, Summary
from domain.money import format_minor

State = Literal["agrees", "differs", "missing", "unavailable", "first", "unsure"]
Name = Literal["lines", "summary", "payout", "event_group", "reserve", "period"]
NAMES: tuple[Name, ...] = ("lines", "summary", "payout", "event_group", "reserve", "period")

STANDARD, INVOICED = "Standard Orders", "Invoiced Orders"
SAME_PERIOD = timedelta(hours=12)  # a group and its settlement state times some minutes apart; periods last a day
SAME_INSTANT = timedelta(minutes=1)

_REPORT, _SUMMARY, _PAYOUT, _GROUP = "settlement report", "listSummary", "listPayouts", "listFinancialEventGroups"


class SettlementFacts(msgspec.Struct, frozen=True):
    """A settlement as its report states it, minor units. `current`, `previous`: its reserve lines and where they are.

    `total` is None where the document states none; `told` are account types that transactions name for it.
    """

    settlement_id: str
    currency: str
    total: int | None
    lines_sum: int
    lines: int
    start: datetime | None = None
    end: datetime | None = None
    marketplace: str = ""
    current: int = 0
    previous: int = 0
    current_line: int = 0
    previous_line: int = 0
    told: tuple[str, ...] = ()


class Check(msgspec.Struct, frozen=True):
    """One comparison. `expected` and `found` are minor units where it is about amounts; `row` names what differs."""

    name: Name
    state: State
    source: str
    row: str = ""
    expected: int | None = None
    found: int | None = None
    text: str = ""


class Control(msgspec.Struct, frozen=True):
    """The checks of one settlement, and what else Amazon tells of it. `group` and `payout` are the matched ones."""

    settlement_id: str
    currency: str
    account_type: str
    start: datetime | None
    end: datetime | None
    total: int | None
    checks: tuple[Check, ...]
    group: EventGroup | None = None
    payout: Payout | None = None

    @property
    def state(self) -> Literal["differs", "agrees", "alone"]:
        """`alone`: its lines make its total, and nobody else has said anything of that total."""
        if any(check.state == "differs" for check in self.checks):
            return "differs"
        others = ("summary", "payout", "event_group")
        return "agrees" if any(c.state == "agrees" and c.name in others for c in self.checks) else "alone"

    @property
    def differing(self) -> list[Check]:
        return [check for check in self.checks if check.state == "differs"]


class Said(msgspec.Struct, frozen=True):
    """What Amazon says beside the reports. `unavailable`: parts it does not offer, with its reasons.

    `group_accounts` are the account types that transactions name for event groups.
    """

    groups: Sequence[EventGroup] = ()
    payouts: Sequence[Payout] = ()
    summaries: Sequence[Summary] = ()
    unavailable: Mapping[str, str] = {}
    group_accounts: Mapping[str, str] = {}


def control(settlements: Iterable[SettlementFacts], said: Said) -> list[Control]:
    """Every settlement held against everything, the newest first."""
    facts = sorted(settlements, key=lambda one: (one.start or one.end or _NEVER, one.settlement_id))
    groups = matched_groups(facts, said)
    summaries = {summary.settlement_id: summary for summary in said.summaries}
    payouts = {payout.settlement_id: payout for payout in said.payouts if payout.settlement_id}
    shops: dict[tuple[str, str], list[SettlementFacts]] = {}
    for one in facts:
        shops.setdefault((one.currency, one.marketplace), []).append(one)
    accounts = {
        one.settlement_id: account_type(
            one, groups.get(one.settlement_id), summaries.get(one.settlement_id), payouts.get(one.settlement_id), said
        )
        for one in facts
    }
    made = [
        Control(
            one.settlement_id,
            one.currency,
            accounts[one.settlement_id],
            one.start,
            one.end,
            one.total,
            (
                _lines(one),
                _summary(one, summaries.get(one.settlement_id), said),
                _payout(one, payouts.get(one.settlement_id), said),
                _group(one, groups.get(one.settlement_id), said),
                *_continuity(one, shops[one.currency, one.marketplace], accounts),
            ),
            groups.get(one.settlement_id),
            payouts.get(one.settlement_id),
        )
        for one in facts
    ]
    return made[::-1]


# --- lines, summary, payout, group ----------------------------------------------------------------------------------


def _lines(one: SettlementFacts) -> Check:
    row = f"the heading row of settlement {one.settlement_id}"
    if one.total is None:
        return Check("lines", "differs", _REPORT, row, None, one.lines_sum, "the report states no total")
    return _compared("lines", _REPORT, row, one.lines_sum, one.total, one.currency, f"its {one.lines} lines make")


def _summary(one: SettlementFacts, summary: Summary | None, said: Said) -> Check:
    if summary is None:
        return _silent("summary", _SUMMARY, said)
    row = f"the summary of SETTLEMENT_ID {summary.settlement_id}"
    return _stated("summary", _SUMMARY, row, one, summary.net, summary.currency, summary.problem)


def _payout(one: SettlementFacts, payout: Payout | None, said: Said) -> Check:
    if payout is None:
        return _silent("payout", _PAYOUT, said)
    row = f"payout {payout.payout_id}"
    if payout.status in ("FAILED", "CANCELLED"):
        return Check("payout", "differs", _PAYOUT, row, one.total, None, f"Amazon says that it {payout.status.lower()}")
    if payout.status == "NO_PAYOUT" and not payout.amount:
        # Nothing was paid: the settlement is not above zero, and its balance is carried or charged.
        state: State = "agrees" if one.total is not None and one.total <= 0 else "differs"
        return Check("payout", state, _PAYOUT, row, one.total, 0, "Amazon says that nothing is paid out")
    return _stated("payout", _PAYOUT, row, one, payout.amount, payout.currency, payout.problem)


def _group(one: SettlementFacts, group: EventGroup | None, said: Said) -> Check:
    if group is None:
        return _silent("event_group", _GROUP, said, "no closed event group has its period and currency")
    row = f"event group {group.group_id}"
    if group.total is None and not group.problem:
        return Check("event_group", "missing", _GROUP, row, one.total, None, "the closed group states no OriginalTotal")
    return _stated("event_group", _GROUP, row, one, group.total, group.currency, group.problem)


def _stated(
    name: Name, source: str, row: str, one: SettlementFacts, amount: int | None, currency: str, problem: str
) -> Check:
    if problem:
        return Check(name, "differs", source, row, one.total, amount, f"it cannot be read: {problem}")
    if amount is None:
        return Check(name, "missing", source, row, one.total, None, "it states no amount")
    if currency != one.currency:
        return Check(name, "differs", source, row, one.total, amount, f"it is in {currency}, not {one.currency}")
    return _compared(name, source, row, one.total, amount, one.currency, "the report states")


def _compared(name: Name, source: str, row: str, expected: int | None, found: int, currency: str, words: str) -> Check:
    if expected == found:
        return Check(name, "agrees", source, row, expected, found)
    ours = format_minor(expected, currency) if expected is not None else "none"
    text = f"it states {format_minor(found, currency)}, {words} {ours}"
    return Check(name, "differs", source, row, expected, found, text)


def _silent(name: Name, source: str, said: Said, text: str = "Amazon has not stated it yet") -> Check:
    reason = said.unavailable.get(source)
    if reason is not None:
        return Check(name, "unavailable", source, text=f"Amazon does not offer it to this account: {reason}")
    return Check(name, "missing", source, text=text)


# --- which group is which settlement ---------------------------------------------------------------------------------


def matched_groups(settlements: Sequence[SettlementFacts], said: Said) -> dict[str, EventGroup]:
    """The closed event group of each settlement: there is no common id (amazon.md 4.6).

    Those of the same period, currency and total first, the nearest times before others; then, among what is left over,
    those of the same period and currency alone: their totals differ, and the control says so.
    """
    closed = sorted(
        (group for group in said.groups if group.status == CLOSED and group.start is not None),
        key=lambda group: group.start or _NEVER,
    )
    starts = [group.start or _NEVER for group in closed]
    pairs = [
        (group.total != one.total, apart, one.settlement_id, group.group_id, group)
        for one in settlements
        if one.start is not None
        for group in closed[
            bisect_left(starts, one.start - SAME_PERIOD) : bisect_right(starts, one.start + SAME_PERIOD)
        ]
        if (apart := _apart(one, group)) is not None
    ]
    found: dict[str, EventGroup] = {}
    taken: set[str] = set()
    for _, _, settlement_id, group_id, group in sorted(pairs, key=lambda pair: pair[:4]):
        if settlement_id not in found and group_id not in taken:
            found[settlement_id] = group
            taken.add(group_id)
    return found


def _apart(one: SettlementFacts, group: EventGroup) -> timedelta | None:
    """How far the periods are apart; None where they are not the same, or cannot be compared."""
    if group.currency and group.currency != one.currency:
        return None
    if one.start is None or one.end is None or group.start is None or group.end is None:
        return None
    apart = max(abs(one.start - group.start), abs(one.end - group.end))
    # Payouts on demand make short periods: then the times must be nearer than the period is long.
    return apart if apart <= min(SAME_PERIOD, (one.end - one.start) / 4) else None


def account_type(
    one: SettlementFacts, group: EventGroup | None, summary: Summary | None, payout: Payout | None, said: Said
) -> str:
    """The account a settlement belongs to, as Amazon's other words tell; empty where none does or they disagree."""
    told = {account for account in map(account_name, one.told) if account}
    if group is not None:
        told |= {account_name(said.group_accounts.get(group.group_id, ""))} - {""}
    told |= {account_name(each.account_type) for each in (summary, payout) if each is not None} - {""}
    return told.pop() if len(told) == 1 else ""


def account_name(text: str) -> str:
    """`STANDARD_ORDERS` and `Standard Orders` are the same account; a type not known here stays as it is."""
    words = text.replace("_", " ").split()
    return {"standard orders": STANDARD, "invoiced orders": INVOICED}.get(" ".join(words).casefold(), text.strip())


# --- continuity ------------------------------------------------------------------------------------------------------


def _continuity(
    one: SettlementFacts, settlements: Sequence[SettlementFacts], accounts: Mapping[str, str]
) -> tuple[Check, Check]:
    """Reserve (I4) and period (I5) against the settlement before it in its ledger, among those of its marketplace."""
    if one.start is None or one.end is None:
        text = "its report states no period"
        return Check("reserve", "missing", _REPORT, text=text), Check("period", "missing", _REPORT, text=text)
    mine = accounts[one.settlement_id]
    before = [
        other
        for other in settlements
        if other.settlement_id != one.settlement_id
        and other.start is not None
        and other.end is not None
        and (other.start, other.settlement_id) < (one.start, one.settlement_id)
        and (not mine or not accounts[other.settlement_id] or accounts[other.settlement_id] == mine)
    ]
    if not before:
        text = "no earlier settlement of this account is known"
        return (
            Check("reserve", "first", "previous settlement", text=text),
            Check("period", "first", "previous settlement", text=text),
        )
    start = one.start

    def nearness(other: SettlementFacts) -> tuple[bool, bool, timedelta, str]:
        apart = abs((other.end or start) - start)
        return apart > SAME_INSTANT, accounts[other.settlement_id] != mine, apart, other.settlement_id

    last = min(before, key=nearness)
    sure = bool(mine) and accounts[last.settlement_id] == mine
    return _reserve(one, last, sure), _period(one, last, sure)


def _reserve(one: SettlementFacts, last: SettlementFacts, sure: bool) -> Check:
    line = f"line {one.previous_line}" if one.previous_line else "no line"
    row = f"settlement {last.settlement_id}"
    if one.previous == -last.current:
        return Check("reserve", "agrees", row, line, -last.current, one.previous)
    text = (
        f"Previous Reserve Amount Balance is {format_minor(one.previous, one.currency)} ({line}), but {row} "
        f"kept {format_minor(-last.current, one.currency)} back"
        + (f" (line {last.current_line})" if last.current_line else "")
    )
    return _judged("reserve", row, line, -last.current, one.previous, text, sure)


def _period(one: SettlementFacts, last: SettlementFacts, sure: bool) -> Check:
    assert one.start is not None
    assert last.end is not None
    row, line = f"settlement {last.settlement_id}", f"the heading row of settlement {one.settlement_id}"
    apart = one.start - last.end
    if abs(apart) <= SAME_INSTANT:
        return Check("period", "agrees", row, line)
    what = "a gap" if apart > timedelta() else "an overlap"
    text = f"{what} of {_long(abs(apart))}: {row} ends {last.end:%Y-%m-%d %H:%M}, it begins {one.start:%Y-%m-%d %H:%M}"
    return _judged("period", row, line, None, None, text, sure)


def _judged(name: Name, source: str, row: str, expected: int | None, found: int | None, text: str, sure: bool) -> Check:
    if sure:
        return Check(name, "differs", source, row, expected, found, text)
    unsure = f"{text}; which account it belongs to (Standard or Invoiced) is not known, so this may be no error"
    return Check(name, "unsure", source, row, expected, found, unsure)


def _long(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    return (
        f"{hours // 24} days {hours % 24} h" if hours >= 24 else f"{hours} h {int(span.total_seconds() // 60) % 60} min"
    )


_NEVER = datetime.min.replace(tzinfo=UTC)
