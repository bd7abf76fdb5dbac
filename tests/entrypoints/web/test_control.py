"""The control and the transactions over the API, and on the settlement's page."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from api import served
from programs import CommandLine
from shop import Shop

from domain.control import NAMES

OpenShop = Callable[..., AbstractContextManager[Shop]]


def paged(api: Any, path: str, limit: int, **params: Any) -> list[Any]:
    items: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get(path, limit=limit, **params, **cursor)
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = {"cursor": page["next"]}


@pytest.fixture
def shop(open_shop: OpenShop) -> Any:
    troubles = ("foreign_currency", "converted_payout", "deferred_sales")
    with open_shop(orders=60, settlements=2, seed=5, troubles=troubles, quirks=("summary_differs",)) as shop:
        shop.set_up()
        shop.sync()
        yield shop


def test_the_api_says_what_differs_and_where(shop: Shop) -> None:
    with served(shop) as api:
        answer = api.get("/flows/us/control")
        assert answer["agrees"] is False
        assert {row["settlementId"] for row in answer["items"]} == {row["id"] for row in shop.expected()["settlements"]}
        for row in answer["items"]:
            checks = {check["name"]: check for check in row["checks"]}
            assert tuple(checks) == NAMES
            assert (row["state"], row["accountType"]) == ("differs", "Standard Orders")
            assert checks["summary"]["state"] == "differs"
            assert checks["summary"]["expected"] == row["total"] != checks["summary"]["found"]
            assert row["settlementId"] in checks["summary"]["row"]
            assert (checks["event_group"]["state"], checks["payout"]["state"]) == ("agrees", "unavailable")
            assert api.get(f"/flows/us/settlements/{row['settlementId']}/control") == row
        (canadian,) = [row for row in answer["items"] if row["currency"] == "CAD"]
        assert canadian["convertedCurrency"] == "USD"
        assert canadian["convertedTotal"] is not None
        # As of a moment before anything was read there is nothing to control.
        assert api.get("/flows/us/control", as_of="3")["items"] == []
        api.get("/flows/us/settlements/1/control", expect=404)
        api.get("/flows/nowhere/control", expect=404)


def test_transactions_are_paged_filtered_and_told_once(shop: Shop) -> None:
    with served(shop) as api:
        whole = paged(api, "/flows/us/transactions", 500)
        assert paged(api, "/flows/us/transactions", 7) == whole
        assert [row["posted"] for row in whole] == sorted((row["posted"] for row in whole), reverse=True)
        for status in ("DEFERRED", "DEFERRED_RELEASED", "RELEASED"):
            found = paged(api, "/flows/us/transactions", 500, status=status)
            assert found == [row for row in whole if row["status"] == status]
            assert all(row["counted"] is (status != "DEFERRED_RELEASED") for row in found)
        one = next(row for row in whole if row["orderId"])
        assert one in paged(api, "/flows/us/transactions", 500, order_id=one["orderId"])
        assert paged(api, "/flows/us/transactions", 500, held="true") == []
        assert one["leaves"][0].keys() == {"path", "amount", "sku"}


def test_the_command_line_says_the_same(shop: Shop) -> None:
    shop.services.views.catch_up()
    run = CommandLine(shop.home, shop.environment())
    facts = run.json("control", "us", status=3)
    assert {row["state"] for row in facts["settlements"]} == {"differs"}
    told = run("control", "us")
    assert "listSummary" in told.stdout
    assert told.returncode == 3
    rows = run.json("transactions", "us", "--status", "DEFERRED")["transactions"]
    assert rows
    assert {row["status"] for row in rows} == {"DEFERRED"}


def test_the_page_of_a_settlement_shows_its_control(shop: Shop) -> None:
    with served(shop) as api:
        settlement_id = api.get("/flows/us/control")["items"][0]["settlementId"]
        page = api.client.get(f"/flows/us/settlements/{settlement_id}", headers=api.as_("reader"))
        assert page.status_code == 200
        assert "Does Amazon agree with itself?" in page.text
        assert "the report states" in page.text
        assert "Standard Orders" in page.text
        for check in ("Lines against stated total", "Event group", "Reserve carried over", "Period follows the last"):
            assert check in page.text
