"""Transactions: which amounts are believed, and that a deferred sale is one sale in whatever order it is told."""

from datetime import UTC, datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.event import Stamp
from domain.transaction import (
    Breakdown,
    Known,
    Leaf,
    Part,
    Transaction,
    chosen,
    evolve,
    judged,
    leaves_of,
    nameless_id,
    record,
    released_by,
)

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
STAMP = Stamp("us", AT, "tests")


def tree(**amounts: int) -> tuple[Breakdown, ...]:
    return tuple(Breakdown(kind, amount) for kind, amount in amounts.items())


def sale(status: str = "RELEASED", total: int | None = 800, name: str = "t1", **more: object) -> Transaction:
    return Transaction(
        name, more.pop("kind", "Shipment"), status, posted=AT, currency="USD", total=total, **more  # type: ignore[arg-type]
    )  # fmt: skip


CONTAINER = (
    Breakdown("AmazonFees", 0, tree(Commission=-150, FixedClosingFee=-50)),
    Breakdown("OurPricePrincipal", 1000),
)
REPEATING = (Breakdown("AmazonFees", -200, tree(Commission=-150, FixedClosingFee=-50)), *tree(OurPricePrincipal=1000))


@pytest.mark.parametrize(
    ("total", "own", "items", "level", "sums"),
    [
        (800, (), [Part(None, CONTAINER)], "items", True),
        (800, (), [Part(None, REPEATING)], "items", True),  # the container's own figure is no money beside its parts
        (800, CONTAINER, [Part(None, ()), Part(None, ())], "transaction", True),  # models#4237: items' are null
        (800, CONTAINER, [Part(None, tree(Commission=-150))], "transaction", True),  # models#4993
        (800, tree(Commission=-150), [Part(None, CONTAINER)], "items", True),
        (800, CONTAINER, [Part(None, CONTAINER)], "items", True),  # both say it: items are preferred
        (1800, (), [Part(800, CONTAINER), Part(1000, ())], "items", True),  # an item that states its total only
        (801, CONTAINER, [Part(None, CONTAINER)], "", False),
        (800, (), [], "", False),  # an amount that nothing breaks down
        (0, (), [], "transaction", True),
        (None, CONTAINER, [], "", False),
    ],
)
def test_the_level_that_sums_is_chosen(
    total: int | None, own: tuple[Breakdown, ...], items: list[Part], level: str, sums: bool
) -> None:
    found, leaves, believed = chosen(total, own, items)
    assert (found, believed) == (level, sums)
    if sums:
        assert sum(leaf.amount for leaf in leaves) == total


def test_leaves_have_their_path_and_their_item() -> None:
    fees = (Breakdown("AmazonFees", 0, (Breakdown("Commission", -165, tree(Base=-150, Tax=-15)),)),)
    assert leaves_of(fees, 2, "MUG") == [
        Leaf("AmazonFees/Commission/Base", -150, 2, "MUG"),
        Leaf("AmazonFees/Commission/Tax", -15, 2, "MUG"),
    ]
    assert [leaf.kind for leaf in leaves_of(fees)] == ["Commission", "Commission"]


@pytest.mark.parametrize(
    ("transaction", "own", "problem", "unknown"),
    [
        (sale(), CONTAINER, "", ()),
        (sale(total=801), CONTAINER, "it states 8.01, its own amounts make 8.00", ()),
        (sale(total=801), (), "it states 8.01, and nothing breaks that down", ()),
        (sale(total=None), CONTAINER, "it states amounts and no total", ()),
        (sale(total=None), (), "it states no amount", ()),
        (sale("ON_HOLD"), CONTAINER, "its status ON_HOLD is not known: whether its money is free cannot be told",
         ("status:ON_HOLD",)),
        (sale(""), CONTAINER, "its status (none) is not known: whether its money is free cannot be told", ("status:",)),
        (sale("ON_HOLD", 0), (), "", ("status:ON_HOLD",)),  # no money hangs on it
        (sale(kind="MoonFee"), CONTAINER, "", ("type:MoonFee",)),
        (sale(total=7), tree(MoonFee=7), "", ("breakdown:MoonFee",)),
        (sale(total=801, problem="totalAmount is in EUR"), CONTAINER, "totalAmount is in EUR", ()),
    ],
)  # fmt: skip
def test_what_cannot_be_believed_says_why_and_keeps_its_amounts(
    transaction: Transaction, own: tuple[Breakdown, ...], problem: str, unknown: tuple[str, ...]
) -> None:
    found = judged(transaction, own, [])
    assert (found.problem, found.unknown) == (problem, unknown)
    assert found.total == transaction.total
    assert sum(leaf.amount for leaf in found.leaves) == sum(leaf.amount for leaf in leaves_of(own))


DEFERRED = sale("DEFERRED")
FREED = sale("DEFERRED_RELEASED", identifiers=(("RELEASE_TRANSACTION_ID", "r1"),))
RELEASE = sale("RELEASED", name="r1", identifiers=(("DEFERRED_TRANSACTION_ID", "t1"),))


@pytest.mark.parametrize("order", list(permutations((DEFERRED, FREED, RELEASE))))
def test_a_deferred_sale_is_one_sale_in_whatever_order_it_is_told(order: tuple[Transaction, ...]) -> None:
    known = {"t1": Known(), "r1": Known()}
    for seen in (*order, *order):  # and told again
        for event in record(seen, known[seen.transaction_id], STAMP):
            evolve(known[seen.transaction_id], event)
        if seen.deferred_id:
            for event in released_by(seen, seen.deferred_id, known[seen.deferred_id], STAMP):
                evolve(known[seen.deferred_id], event)
    assert known["t1"].look == FREED
    released = known["t1"].released
    assert released is not None
    assert (released.release_id, released.posted, released.total) == ("r1", AT, 800)
    assert (known["r1"].look, known["r1"].released) == (RELEASE, None)


def test_what_is_seen_again_is_no_news() -> None:
    known = Known(look=FREED)
    assert record(DEFERRED, known, STAMP) == []  # an older page that came late
    (released,) = record(FREED, known, STAMP)
    evolve(known, released)
    assert record(FREED, known, STAMP) == []
    assert len(record(sale("DEFERRED_RELEASED", 900), known, STAMP)) == 1  # Amazon changed it


def test_one_that_becomes_released_itself_is_released() -> None:
    """As it was before April 2025."""
    known = Known(look=DEFERRED)
    for event in record(sale("RELEASED"), known, STAMP):
        evolve(known, event)
    assert known.released is not None
    assert (known.released.transaction_id, known.released.release_id) == ("t1", "")


def test_two_nameless_ones_of_the_same_content_are_two() -> None:
    one = sale(name="")
    assert nameless_id(one, 1) != nameless_id(one, 2)
    assert nameless_id(one, 1) == nameless_id(sale("DEFERRED", name="", matures=AT), 1)  # what changes in its life
    assert nameless_id(one, 1) != nameless_id(sale(total=801, name=""), 1)


amounts = st.integers(-(10**9), 10**9)
trees = st.recursive(
    st.builds(Breakdown, st.text(max_size=5), amounts),
    lambda children: st.builds(Breakdown, st.text(max_size=5), amounts, st.lists(children, max_size=3).map(tuple)),
    max_leaves=10,
)


@given(own=st.lists(trees, max_size=4), items=st.lists(st.lists(trees, max_size=3), max_size=3), total=amounts,
       kind=st.text(max_size=8), status=st.text(max_size=8))  # fmt: skip
def test_no_money_is_ever_lost(
    own: list[Breakdown], items: list[list[Breakdown]], total: int, kind: str, status: str
) -> None:
    """Whatever type, status or tree comes: its leaves are the total, or it is held and keeps both."""
    parts = [Part(None, tuple(each)) for each in items]
    found = judged(sale(status, total, kind=kind), own, parts)
    if not found.problem:
        assert sum(leaf.amount for leaf in found.leaves) == total
    assert found.total == total
    if leaves_of(own):
        assert found.leaves
    if found.kind and status not in ("DEFERRED", "DEFERRED_RELEASED", "RELEASED") and total:
        assert found.problem
