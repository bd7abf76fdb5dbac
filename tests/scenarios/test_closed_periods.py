"""Closed books in QuickBooks (accounting.md 7.1), against the stand-in: nothing is sent there, and nothing is lost."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date

from shop import Shop

OpenShop = Callable[..., AbstractContextManager[Shop]]


def test_what_is_of_a_closed_month_is_held_and_goes_out_when_the_books_are_open_again(open_shop: OpenShop) -> None:
    with open_shop(orders=40, settlements=1, seed=4) as shop:
        shop.set_up()
        planning = shop.services.cycle(shop.flow())
        planning._quickbooks = None
        assert planning.run().error == ""
        days = sorted(row["day"] for row in shop.rows("postings", kind="invoice", status="planned"))
        closed = days[len(days) // 2]

        shop.control("quickbooks", "dials", {"book_close_date": closed})
        assert shop.sync().error == ""

        held = [row for row in shop.rows("held", kind="invoice") if row["code"] == "closed_period"]
        assert shop.flow().book_close_date == date.fromisoformat(closed)
        assert len(held) == len([day for day in days if day <= closed])
        posted = shop.rows("postings", kind="invoice", status="posted")
        assert posted
        assert min(row["day"] for row in posted) > closed
        assert shop.documents()["Invoice"] == len(posted)

        shop.control("quickbooks", "dials", {"book_close_date": None})
        assert shop.sync().error == ""

        assert shop.flow().book_close_date is None
        assert [row for row in shop.rows("held") if row["code"] == "closed_period"] == []
        assert shop.documents()["Invoice"] == len(days)
        assert {row["status"] for row in shop.rows("settlements")} == {"posted"}
