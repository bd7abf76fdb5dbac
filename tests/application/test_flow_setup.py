"""Settings of a flow: what was, what is, who and why; and what QuickBooks says to them before they hold."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from shop import Shop

from adapters.timetable import CronTimetable
from application.schedules import due
from domain.errors import BadInput, ConnectionLost, FlowBusy, UnknownFlow
from domain.flow import (
    DEFAULT_SCHEDULE,
    Flow,
    FlowConfigured,
    FlowCreated,
    FlowSettings,
    Schedule,
    flow_stream,
    schedule_from,
)

OpenShop = Callable[..., AbstractContextManager[Shop]]
AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
DAILY = Schedule(cron="0 6 * * *", zone="America/Los_Angeles")


@pytest.fixture
def shop(open_shop: OpenShop) -> Any:
    with open_shop(orders=10, settlements=1, seed=4) as shop:
        shop.set_up()
        yield shop


def test_each_change_is_recorded_with_the_old_and_the_new_value(shop: Shop) -> None:
    setup = shop.services.flow_setup
    decided = setup.configure("us", FlowSettings(schedule={"posting": DAILY}, zone="UTC"), "ada", "closing is at noon")

    event = decided.event
    assert isinstance(event, FlowConfigured)
    assert (event.by, event.why) == ("ada", "closing is at noon")
    assert event.old.named() == {"schedule": DEFAULT_SCHEDULE, "zone": "America/Los_Angeles"}
    assert event.new.named() == {
        "schedule": {**DEFAULT_SCHEDULE, "posting": DAILY},
        "zone": "UTC",
    }
    flow = shop.flow()
    assert (flow.schedule["posting"], flow.schedule["orders"], flow.zone) == (DAILY, Schedule(15), "UTC")
    assert decided.position == shop.services.store.end()

    again = setup.configure("us", FlowSettings(zone="UTC"), "ada")
    assert (again.event, again.position) == (None, decided.position)


def test_a_flow_is_paused_and_resumed_once(shop: Shop) -> None:
    setup = shop.services.flow_setup
    assert setup.pause("us", "ada", "stock-taking").event is not None
    assert shop.flow().paused
    assert shop.rows("flows")[0]["paused"]
    assert setup.pause("us", "ada").event is None
    assert setup.resume("us", "ada").event is not None
    assert not shop.flow().paused
    assert setup.resume("us", "ada").event is None
    with pytest.raises(UnknownFlow):
        setup.pause("nowhere", "ada")


def test_another_bank_takes_the_later_deposits(shop: Shop) -> None:
    """The flow's setting and the mapping by which deposits are written must not part."""
    quickbooks = shop.services.quickbooks(shop.flow())
    quickbooks.create_account("Card provider", "Other Current Asset", "OtherCurrentAssets", "USD", "r-1")
    decided = shop.services.flow_setup.configure("us", FlowSettings(banks={"USD": "card provider"}), "ada")
    assert isinstance(decided.event, FlowConfigured)
    assert shop.flow().banks == {"USD": "card provider"}
    assert shop.services.bookkeeping.mapping("us").banks["USD"].name == "Card provider"
    assert shop.sync().error == ""
    assert set(shop.trial_balance()) & {"Card provider", shop.amazon.get("bank_account", "")} == {"Card provider"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Nowhere bank", "not an active account in QuickBooks; expected a Bank or Other Current Asset account in USD"),
        ("Sales of Product Income", "is of type Income"),
        ("Amazon Clearing - us USD", "is used by the books for something else"),
    ],
)
def test_a_bank_that_cannot_be_says_which_could(shop: Shop, name: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as raised:
        shop.services.flow_setup.configure("us", FlowSettings(banks={"USD": name}), "ada")
    assert shop.quickbooks["bank_account"] in str(raised.value)
    assert "Amazon Clearing" not in str(raised.value).partition("expected")[2]
    assert shop.flow().banks == {"USD": shop.quickbooks["bank_account"]}


def test_a_bank_needs_the_company(shop: Shop) -> None:
    shop.services.vault.delete("us", "quickbooks")
    with pytest.raises(ConnectionLost):
        shop.services.flow_setup.configure("us", FlowSettings(banks={"USD": "Checking"}), "ada")


def test_the_books_zone_and_the_first_day_are_fixed_by_what_was_done_with_them(shop: Shop) -> None:
    assert shop.sync().error == ""
    with pytest.raises(BadInput, match="the books zone of flow us is fixed: something is posted"):
        shop.services.flow_setup.configure("us", FlowSettings(zone="Europe/Berlin"), "ada")
    with pytest.raises(BadInput, match="since of flow us is fixed: 10 orders"):
        shop.services.flow_setup.configure("us", FlowSettings(since=date(2026, 1, 1)), "ada")
    assert shop.flow().zone == "America/Los_Angeles"


def test_what_a_running_cycle_has_read_is_not_changed_under_it(shop: Shop) -> None:
    """It would work on with the former zone, or record that the new shops' past was read."""
    lease = shop.services.leases.claim("us", "a worker", when_due=False)
    assert lease is not None
    for wanted in (FlowSettings(zone="UTC"), FlowSettings(marketplaces=()), FlowSettings(since=date(2026, 1, 1))):
        with pytest.raises(FlowBusy, match="is being run by a worker; change this when that cycle has ended"):
            shop.services.flow_setup.configure("us", wanted, "ada")
    assert shop.services.flow_setup.configure("us", FlowSettings(schedule={"posting": DAILY}), "ada").event is not None
    lease.finish({"orders": AT}, AT, done=True)
    assert shop.services.flow_setup.configure("us", FlowSettings(zone="UTC"), "ada").event is not None
    state = shop.services.leases.states()["us"]
    assert (state.held, state.ran) == (False, {"orders": AT})


def test_what_is_planned_gets_the_dates_of_the_new_zone(shop: Shop) -> None:
    services = shop.services
    cycle = services.cycle(shop.flow())
    cycle._quickbooks = None  # pulls and plans, posts nothing
    assert cycle.run().error == ""
    before = {row["key"]: row["day"] for row in shop.rows("postings", status="planned")}
    services.flow_setup.configure("us", FlowSettings(zone="Pacific/Kiritimati"), "ada")  # 22 hours ahead
    after = {row["key"]: row["day"] for row in shop.rows("postings", status="planned")}
    assert after.keys() == before.keys()
    assert any(after[key] > before[key] for key in before)
    assert all(after[key] >= before[key] for key in before)


def test_changed_marketplaces_are_read_from_the_start_and_double_nothing(shop: Shop) -> None:
    assert shop.sync().error == ""
    documents = shop.documents()
    shop.services.flow_setup.configure("us", FlowSettings(marketplaces=()), "ada")
    shop.services.views.catch_up()
    assert shop.services.views.watermark("us", "orders") is None
    assert shop.sync().error == ""
    assert shop.services.views.watermark("us", "orders") is not None
    assert shop.documents() == documents
    with pytest.raises(BadInput, match=r"marketplace XYZ: the seller takes part in .*ATVPDKIKX0DER \(Amazon.com\)"):
        shop.services.flow_setup.configure("us", FlowSettings(marketplaces=("XYZ",)), "ada")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"schedule": {"refunds": Schedule(5)}}, "expected one of orders, settlements, finances, posting"),
        ({"schedule": {"orders": Schedule()}}, "either every so many minutes or a cron expression"),
        ({"schedule": {"orders": Schedule(5, "0 6 * * *")}}, "either every so many minutes or a cron expression"),
        ({"schedule": {"orders": Schedule(100_000)}}, "expected 1 to 10080"),
        ({"schedule": {"orders": Schedule(cron="61 6 * * *")}}, "expected minute hour day month weekday"),
        ({"schedule": {"orders": Schedule(cron="0 0 31 2 *")}}, "failed to find next date"),
        ({"schedule": {"orders": Schedule(cron="0 6 * * *", zone="Mars/Base")}}, "expected an IANA time zone"),
        ({"zone": "Mars/Base"}, "expected an IANA time zone"),
        ({"banks": {"XXX": "Checking"}}, "ISO 4217"),
    ],
)
def test_a_setting_that_cannot_be_says_what_is_expected(store: Any, wanted: dict[str, Any], words: str) -> None:
    from adapters.lease import DatabaseLeases
    from adapters.views import DatabaseViews
    from application.bookkeeping import Bookkeeping
    from application.flow_setup import FlowSetup

    bookkeeping = Bookkeeping(store, lambda: AT)
    bookkeeping.create_flow(
        FlowCreated(
            flow="us", at=AT, by="ada", region="na", realm="1", marketplaces=(), since=None, orders="amazon",
            zone="UTC", banks={"USD": "Checking"},
        )
    )  # fmt: skip
    views = DatabaseViews(store._database, store)
    leases = DatabaseLeases(store._database)
    setup = FlowSetup(store, bookkeeping, views, leases, CronTimetable(), lambda flow: pytest.fail("asked"), lambda: AT)
    with pytest.raises(BadInput, match=words):
        setup.configure("us", FlowSettings(**wanted), "ada")
    assert len(store.load([flow_stream("us")])[flow_stream("us")]) == 1


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("30", Schedule(30)),
        ("15m", Schedule(15)),
        ("0  6 * * 1-5", Schedule(cron="0 6 * * 1-5", zone="Europe/Berlin")),
    ],
)
def test_a_schedule_is_read_as_people_write_it(text: str, schedule: Schedule) -> None:
    assert schedule_from(text, "Europe/Berlin") == schedule


def test_when_a_source_is_due() -> None:
    """A new schedule counts from when it was made: nobody wants yesterday's run after asking for a nightly one."""
    timetable = CronTimetable()
    flow = Flow(scheduled_at=AT)
    assert due(timetable, flow, "orders", None) == AT
    assert due(timetable, flow, "orders", AT) == AT + timedelta(minutes=15)
    flow.schedule["posting"] = DAILY
    tomorrow = datetime(2026, 11, 24, 14, tzinfo=UTC)
    assert due(timetable, flow, "posting", None) == tomorrow
    assert due(timetable, flow, "posting", AT - timedelta(days=9)) == tomorrow
    assert due(timetable, flow, "posting", tomorrow) == tomorrow + timedelta(days=1)
