"""Each trouble does what it says, and nothing else to the rest of the world."""

from datetime import UTC, datetime

import pytest

from adapters.simulated.world import TROUBLES, World, document, make_world
from adapters.simulated.world.settlements import total_of

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def world(*troubles: str, seed: int = 1, settlements: int = 3) -> World:
    return make_world(seed, 120, settlements, now=NOW, troubles=troubles)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("trouble", sorted(TROUBLES.keys() - {"wrong_total"}))
def test_with_any_other_trouble_settlements_still_add_up(trouble: str, seed: int) -> None:
    for settlement in world(trouble, seed=seed).settlements:
        assert settlement.total == total_of(settlement.lines)


def test_all_troubles_can_come_together() -> None:
    made = world(*TROUBLES)
    assert len(made.settlements) == 6  # the invoiced account has settlements of its own
    assert len(made.hidden) == 1


def test_an_unknown_trouble_is_refused() -> None:
    with pytest.raises(ValueError, match="no such trouble: bad_weather"):
        world("bad_weather")


def test_unmapped_line_adds_one_line_of_a_new_kind() -> None:
    plain, troubled = world().settlements, world("unmapped_line").settlements
    new = [[line.amount_description for line in each.lines].count("QuantumDispatchSurcharge") for each in troubled]
    assert new == [0, 0, 1]
    assert len(troubled[-1].lines) == len(plain[-1].lines) + 1


def test_tax_not_withheld_leaves_a_remainder_in_one_order() -> None:
    remainders: dict[str, int] = {}
    for settlement in world("tax_not_withheld").settlements:
        for line in settlement.lines:
            if line.transaction_type == "Order" and ("Tax" in line.amount_description):
                remainders[line.order_id] = remainders.get(line.order_id, 0) + line.amount
    left = {order_id: tax for order_id, tax in remainders.items() if tax}
    assert len(left) == 1
    assert min(left.values()) > 0


@pytest.mark.parametrize("settlements", [1, 2, 3, 4])
def test_negative_settlement_is_charged_to_the_card_in_the_next(settlements: int) -> None:
    made = world("negative_settlement", settlements=settlements).settlements
    below = [index for index, settlement in enumerate(made) if settlement.total < 0]
    assert below == [(settlements - 1) // 2]
    if settlements > 2:
        following = made[below[0] + 1]
        pair = {line.amount_description: line.amount for line in following.lines}
        assert pair["Successful charge"] == -pair["Payable to Amazon"] == -made[below[0]].total
        assert "Previous Reserve Amount Balance" not in pair


def test_unseen_order_is_paid_but_not_visible() -> None:
    made = world("unseen_order")
    (hidden,) = made.hidden
    assert any(line.order_id == hidden for settlement in made.settlements for line in settlement.lines)
    assert hidden not in {order.id for order in made.visible_orders}


def test_wrong_total_is_one_cent_off_in_the_last_settlement() -> None:
    off = [settlement.total - total_of(settlement.lines) for settlement in world("wrong_total").settlements]
    assert off == [0, 0, 1]


@pytest.mark.parametrize("settlements", [1, 3])
def test_repeated_settlement_brings_the_first_one_a_second_time_unchanged(settlements: int) -> None:
    made = world("repeated_settlement", settlements=settlements)
    first = made.settlements[0]
    carriers = [report for report in made.reports if first in report.settlements]
    assert len(carriers) == 2
    once, _ = document([first])
    block = once.split(b"\n", 1)[1]
    assert all(block in document(report.settlements)[0] for report in carriers)
    assert len({report.id for report in made.reports}) == len(made.reports)
    assert len({report.document_id for report in made.reports}) == len(made.reports)


def test_amended_order_no_longer_agrees_with_its_settlement() -> None:
    plain, troubled = world(), world("amended_order")
    changed = [order for order in troubled.orders.values() if order != plain.orders[order.id]]
    assert len(changed) == 1
    settled = sum(
        line.amount
        for settlement in troubled.settlements
        for line in settlement.lines
        if (line.transaction_type, line.order_id, line.amount_description) == ("Order", changed[0].id, "Principal")
        and line.amount_type == "ItemPrice"
    )
    assert settled > sum(item.principal for item in changed[0].items)


def test_foreign_currency_adds_a_canadian_settlement() -> None:
    made = world("foreign_currency")
    assert [settlement.market.currency for settlement in made.settlements] == ["USD", "USD", "USD", "CAD"]
    assert {order.market.code for order in made.orders.values()} == {"US", "CA"}


def test_comma_decimals_need_the_western_code_page() -> None:
    made = world("comma_decimals")
    body, charset = document(made.settlements, german=True)
    assert charset == "Cp1252"
    assert "BECHER-GRÜN" in body.decode("cp1252")
    with pytest.raises(UnicodeDecodeError):
        body.decode("utf-8")
    header = body.decode("cp1252").splitlines()[1].split("\t")
    assert header[1].endswith("UTC")
    assert header[1][2] == "."
    assert "," in header[4]
