"""However Amazon cuts, repeats, shuffles and delays its pages, the books are the same.

Without this, a result could hang on luck: on which page an order came, or whether its settlement came first.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from random import Random
from typing import Any

import pytest
from shop import Shop

OpenShop = Callable[..., AbstractContextManager[Shop]]


def books(shop: Shop) -> dict[str, Any]:
    """Everything that is booked, and what is known of the orders."""
    assert shop.rows("held") == []
    return {
        "orders": {row["order_id"]: (row["status"], row["total"], row["settled"]) for row in shop.rows("orders")},
        "postings": {
            (row["kind"], row["key"]): (row["status"], row["amount"], row["day"]) for row in shop.rows("postings")
        },
        "documents": shop.documents(),
        "trial balance": shop.trial_balance(),
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pages_in_any_order_make_the_same_books(open_shop: OpenShop, seed: int) -> None:
    world = {"orders": 45, "settlements": 2, "seed": 40 + seed}
    with open_shop(folder="calm", **world) as shop:
        shop.set_up()
        assert shop.sync().error == ""
        calm = books(shop)

    random = Random(seed)
    late = random.sample(sorted(calm["orders"]), 15)
    with open_shop(folder="unruly", **world) as shop:
        shop.set_up()
        shop.control("amazon", "orders", {"unruly": seed, "late": late})
        assert shop.sync().error == ""
        asked = shop.control("amazon", "calls")["getOrder"]["calls"]
        for step in range(3):
            still = late[(step + 1) * 5 :]
            shop.control("amazon", "orders", {"unruly": seed * 10 + step, "late": still})
            time.sleep(0.1)  # more than Amazon's guard of two minutes
            assert shop.sync().error == ""
        unruly = books(shop)

    assert asked > 0  # settlements paid orders that no search had shown
    assert unruly == calm
