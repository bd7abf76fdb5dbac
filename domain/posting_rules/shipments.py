"""What of an order left when, and which document bills it: one a shipment (accounting.md R10).

The first document bears the order's number, later ones `-2`, `-3` ... `-9`, `-A` ... `-Z`: 21 characters, all that
QuickBooks takes. What QuickBooks has keeps its number and its units; what left beside them is new. Amounts of an item
that ships in parts are split by running totals, so that parts sum to the whole and an earlier part never moves.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime

import msgspec

from domain.document import Invoice, SalesReceipt
from domain.flow import Flow
from domain.order import AmazonOrder, Order, Package, units_left, units_of
from domain.posting import Posting

MOST_SHIPMENTS = 35
NO_NUMBER = 0  # of what left when every number of the order is used
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORDER_KEY = re.compile(r"(\d{3}-\d{7}-\d{7})(?:-([2-9A-Z]))?")

Units = dict[str, int]
Spans = tuple[tuple[int, int], ...]  # units of an item, counted from 0: ((0, 2), (3, 4)) are the 1st, 2nd and 4th
Ranges = dict[str, Spans]


class Shipment(msgspec.Struct, frozen=True):
    """Units that left on a day of the books.

    `ranges` are the units of each item, by its id. `standing` is the document that
    bills it, as far as QuickBooks has it, or may have it; then `told` is the day on which Amazon now says it left.
    """

    number: int
    day: date
    ranges: Ranges
    packages: tuple[Package, ...] = ()
    standing: Posting | None = None
    told: date | None = None


def key_of(order_id: str, number: int) -> str:
    """The posting key and number of an order's document: the order's id, then `-2` and on."""
    return order_id if number == 1 else f"{order_id}-{_DIGITS[number]}"


def order_of(key: str) -> str:
    """The order of a document's key; a key that is none of ours is its own order."""
    known = _ORDER_KEY.fullmatch(key)
    return known.group(1) if known is not None else key


def number_of(key: str) -> int:
    known = _ORDER_KEY.fullmatch(key)
    return _DIGITS.index(known.group(2)) if known is not None and known.group(2) else 1


def bills(posting: Posting) -> bool:
    """Whether QuickBooks has, or may have, a document that bills units, and it is not being taken out of the books."""
    return posting.is_final and posting.operation not in ("void", "delete")


def number_taken(posting: Posting) -> bool:
    """Whether a document's number is used up: QuickBooks has it, or had it and keeps its trail."""
    return posting.is_final or posting.status in ("voided", "deleted")


def share(amount: int, spans: Spans, units: int) -> int:
    """What some of all `units` cost of an amount; the parts of a whole sum to it, to the cent."""
    return sum(_up_to(amount, end, units) - _up_to(amount, begin, units) for begin, end in spans)


def units_in(spans: Spans) -> int:
    return sum(end - begin for begin, end in spans)


def shipments(order: Order, standing: Mapping[int, Posting], flow: Flow) -> list[Shipment]:
    """Everything that left, each with its document: those QuickBooks has in the order of their numbers, then new ones.

    `standing` are the order's documents by number. With the grain `per_order` all that is new is one, once all left.
    """
    known = order.known
    if known is None:
        return []
    fixed: list[Shipment] = []
    items = {item.order_item_id: units_of(item) for item in known.items}
    free: Ranges = {item: ((0, units),) for item, units in items.items()}
    groups = _by_day(order, known, {item.order_item_id: units_left(item, known) for item in known.items}, flow)
    for number, posting in sorted(standing.items()):
        document = posting.document
        if not bills(posting) or not isinstance(document, Invoice | SalesReceipt) or document.corrects:
            continue
        # Of an old document, or one of an order known by other item ids then, no unit is left to bill.
        told = document.units if document.units and document.units.keys() <= items.keys() else free
        ranges = {item: spans for item, spans in told.items() if spans}
        free = {item: _without(spans, ranges.get(item, ())) for item, spans in free.items()}
        day = document.ship_day or document.day
        fixed.append(Shipment(number, day, ranges, _packages_on(known, day, flow), posting))
    done: Units = {}
    for shipment in fixed:
        _add(done, {item: units_in(spans) for item, spans in shipment.ranges.items()})
    new = _not_billed(groups, done, {shipment.day for shipment in fixed})
    fixed = _told(fixed, groups)
    if flow.policies.grain == "per_order" and new:
        if known.status != "SHIPPED":
            return fixed
        new = [_merged(new)]
    numbers = [number for number in range(1, MOST_SHIPMENTS + 1) if not _taken(standing.get(number))]
    if len(new) > len(numbers):  # more than numbers: the last one bills all the rest
        new = [*new[: max(len(numbers) - 1, 0)], _merged(new[max(len(numbers) - 1, 0) :])]
        numbers = numbers or [NO_NUMBER]
    made = []
    for number, (at, units, packages) in zip(numbers, new, strict=False):
        ranges = {item: _first(free.get(item, ()), wanted) for item, wanted in units.items()}
        free = {item: _without(spans, ranges.get(item, ())) for item, spans in free.items()}
        made.append(Shipment(number, flow.day(at), ranges, packages))
    return [*fixed, *made]


_Group = tuple[datetime, Units, tuple[Package, ...]]


def _not_billed(groups: dict[date, _Group], done: Units, billed_days: set[date]) -> list[_Group]:
    """What left and no standing document bills, by the day it left, the oldest first."""
    to_take = dict(done)
    # A standing document billed its own day first, then the oldest.
    ordered = sorted(groups, key=lambda day: (day not in billed_days, day))
    rest: dict[date, _Group] = {}
    for day in ordered:
        at, units, packages = groups[day]
        open_units: Units = {}
        for item, number in units.items():
            taken = min(number, to_take.get(item, 0))
            to_take[item] = to_take.get(item, 0) - taken
            if number > taken:
                open_units[item] = number - taken
        if open_units:
            rest[day] = (at, open_units, packages)
    return [rest[day] for day in sorted(rest)]


def _told(fixed: list[Shipment], groups: dict[date, _Group]) -> list[Shipment]:
    """The standing shipments with the days on which Amazon now says they left, where it is sure which is which."""
    others = [day for day in sorted(groups) if day not in {shipment.day for shipment in fixed}]
    astray = [shipment for shipment in fixed if shipment.day not in groups]
    moved = {shipment.number: day for shipment, day in zip(astray, others, strict=False)}
    if len(others) != len(astray):
        moved = {}
    return [msgspec.structs.replace(shipment, told=moved.get(shipment.number, shipment.day)) for shipment in fixed]


def _by_day(order: Order, known: AmazonOrder, left: Units, flow: Flow) -> dict[date, _Group]:
    groups: dict[date, _Group] = {}
    unplaced = dict(left)
    for package in sorted(known.packages, key=lambda package: (package.shipped_at is None, package.shipped_at)):
        if package.shipped_at is None or not package.quantities:
            continue
        units = {item: min(count, unplaced.get(item, 0)) for item, count in package.quantities.items()}
        for item, count in units.items():
            unplaced[item] = unplaced.get(item, 0) - count
        _put(groups, package.shipped_at, {item: count for item, count in units.items() if count}, (package,), flow)
    untold = tuple(package for package in known.packages if not package.quantities)
    times = [package.shipped_at for package in untold if package.shipped_at is not None]
    before: Units = {}
    increments = order.left or ((order.first_shipped or known.updated, left),)
    for number, (seen, so_far) in enumerate(increments):
        last = number == len(increments) - 1
        units = {
            item: count if last else min(count, max(0, so_far.get(item, 0) - before.get(item, 0)))
            for item, count in unplaced.items()
        }
        units = {item: count for item, count in units.items() if count > 0}
        for item, count in units.items():
            unplaced[item] -= count
        before = so_far
        if units:
            at = min(times) if times and not groups else seen
            _put(groups, at, units, untold if not groups or last else (), flow)
    if groups and order.first_posted is not None:
        first = min(groups)
        at, units, packages = groups[first]
        if order.first_posted < at:  # Amazon charges at shipment: it had left by then (accounting.md 2.6)
            del groups[first]
            _put(groups, order.first_posted, units, packages, flow)
    return groups


def _put(groups: dict[date, _Group], at: datetime, units: Units, packages: tuple[Package, ...], flow: Flow) -> None:
    day = flow.day(at)
    known = groups.get(day)
    if known is None:
        groups[day] = (at, units, packages)
        return
    sums = dict(known[1])
    _add(sums, units)
    groups[day] = (min(at, known[0]), sums, (*known[2], *packages))


def _merged(groups: list[_Group]) -> _Group:
    """All as one, dated when the last of it left."""
    units: Units = {}
    for _, some, _ in groups:
        _add(units, some)
    return groups[-1][0], units, tuple(package for _, _, packages in groups for package in packages)


def _packages_on(known: AmazonOrder, day: date, flow: Flow) -> tuple[Package, ...]:
    on_day = (one for one in known.packages if one.shipped_at is not None and flow.day(one.shipped_at) == day)
    return tuple(on_day) or known.packages


def _first(spans: Spans, wanted: int) -> Spans:
    """The first so many units of spans."""
    taken: list[tuple[int, int]] = []
    for begin, end in spans:
        some = min(end - begin, wanted)
        if some > 0:
            taken.append((begin, begin + some))
            wanted -= some
    return tuple(taken)


def _without(spans: Spans, gone: Spans) -> Spans:
    """Spans less those of `gone`."""
    for first, last in gone:
        left: list[tuple[int, int]] = []
        for begin, end in spans:
            left += [(begin, min(end, first)), (max(begin, last), end)]
        spans = tuple((begin, end) for begin, end in left if begin < end)
    return spans


def _add(sums: Units, more: Units) -> None:
    for item, count in more.items():
        sums[item] = sums.get(item, 0) + count


def _taken(posting: Posting | None) -> bool:
    return posting is not None and (number_taken(posting) or bool(getattr(posting.document, "corrects", "")))


def _up_to(amount: int, count: int, units: int) -> int:
    """The part of `count` of `units`, to the nearest, halves away from zero."""
    part = (2 * abs(amount) * count + units) // (2 * units)
    return part if amount >= 0 else -part
