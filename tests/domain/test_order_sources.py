"""One order from several sources: Amazon's own word goes over a report, and what is known is never emptied.

Without these, an order could be billed a second time under other item ids, or lose its money in an outage.
"""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from domain.event import Stamp
from domain.order import (
    REPORT,
    AmazonOrder,
    Order,
    OrderItem,
    OrderNotFound,
    Package,
    ParcelsReported,
    Part,
    evolve,
    record,
)

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)
STAMP = Stamp("us", AT, "tests")


def item(name: str, sku: str = "MUG", quantity: int = 1, cents: int = 1000) -> OrderItem:
    return OrderItem(name, sku, quantity=quantity, shipped=quantity, proceeds=cents, parts=(Part("ITEM", cents),))


def order(*items: OrderItem, source: str = "", hours: int = 0, **more: object) -> AmazonOrder:
    made = AmazonOrder(
        "113-1", "SHIPPED", AT, AT + timedelta(hours=hours), "USD", fulfilled_by="AMAZON", items=items, source=source
    )
    return replace(made, **more)


def seen(*reports: AmazonOrder) -> Order:
    state = Order()
    for report in reports:
        for event in record(report, state, STAMP):
            state = evolve(state, event)
    return state


def test_amazons_word_goes_over_a_report_and_keeps_the_ids_that_are_billed() -> None:
    by_report = order(item("row-1", "A"), item("row-2", "B", 2), item("row-3", "B"), source=REPORT)
    by_amazon = order(item("91", "B"), item("92", "A"), item("93", "B", 2), item("94", "C"), hours=1)
    parcels = (Package("UPS", "1Z", AT, {"91": 1, "94": 1}),)

    first = seen(by_report, replace(by_amazon, packages=parcels))
    again = seen(by_report, by_amazon, replace(by_amazon, items=(item("91", "B", 3), *by_amazon.items[1:])))

    for state in (first, again):
        assert state.known is not None
        ids = {one.amazon_id or one.order_item_id: one.order_item_id for one in state.known.items}
        assert ids == {"91": "row-3", "92": "row-1", "93": "row-2", "94": "94"}
    assert first.known is not None
    assert first.known.packages[0].quantities == {"row-3": 1, "94": 1}


def test_a_report_never_goes_over_amazons_word() -> None:
    by_amazon = order(item("91"))
    state = seen(by_amazon)

    assert record(order(item("row-1", cents=900), source=REPORT, hours=5), state, STAMP) == []


def test_the_same_word_again_is_no_news_after_a_report() -> None:
    by_amazon = order(item("91"), hours=1)
    state = seen(order(item("row-1"), source=REPORT), by_amazon)

    assert record(replace(by_amazon, updated=AT + timedelta(hours=9)), state, STAMP) == []


def test_refused_data_is_filled_from_what_is_known_and_said_where_it_is_not() -> None:
    whole = order(item("91"), item("92", "B"))
    bare = tuple(replace(one, proceeds=None, parts=()) for one in whole.items)
    without = order(*bare, hours=1, currency="", missing=("PROCEEDS",), problem="Amazon refuses PROCEEDS")
    state = seen(whole, without)
    fresh = seen(without)
    grown = seen(whole, replace(without, items=(*bare, replace(item("93", "C"), proceeds=None, parts=()))))

    assert state.known is not None
    assert [one.proceeds for one in state.known.items] == [1000, 1000]
    assert (state.known.currency, state.known.problem) == ("USD", "")
    for unsure in (fresh, grown):
        assert unsure.known is not None
        assert unsure.known.problem


def test_parcels_stay_when_amazon_reports_the_order_anew_and_move_no_day() -> None:
    parcels = (Package("AMZN_US", "TBA1", AT, {"91": 1}),)
    event = ParcelsReported(order_id="113-1", parcels=parcels, **STAMP.fields())
    state = evolve(seen(order(item("91"))), event)
    for again in record(order(item("91", quantity=2), hours=2), state, STAMP):
        state = evolve(state, again)

    assert state.known is not None
    assert state.known.packages == (Package("AMZN_US", "TBA1"),)
    before = evolve(Order(), event)
    for first in record(order(item("91")), before, STAMP):
        before = evolve(before, first)
    assert before.known is not None
    assert before.known.packages == (Package("AMZN_US", "TBA1"),)


def test_an_order_is_gone_only_until_it_is_seen() -> None:
    state = evolve(Order(), OrderNotFound(order_id="113-1", **STAMP.fields()))
    assert state.gone
    for event in record(order(item("91")), state, STAMP):
        state = evolve(state, event)
    assert not state.gone
