"""How money, moments, texts and the way out are written: rules as tables."""

from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.chart import default_chart
from domain.errors import BadInput
from domain.mapping import Mapping, Rule
from domain.reconciliation import ORDER_STATES, SETTLEMENT_STATES
from domain.settlement import SettlementLine
from entrypoints.web.pages import words
from entrypoints.web.pages.html import address, money, told, when
from entrypoints.web.pages.look import moment
from entrypoints.web.pages.standing import quickbooks_page, way_out
from entrypoints.web.pages.waterfall import waterfall

PACIFIC = ZoneInfo("America/Los_Angeles")


class Us:
    name = "us"

    def path(self, *parts: str, **query: str | None) -> str:
        return address("flows", "us", *parts, **query)


@pytest.mark.parametrize(
    ("minor", "currency", "expected"),
    [
        (123456789, "USD", "1,234,567.89 USD"),
        (-5, "EUR", "−0.05 EUR"),
        (0, "USD", "0.00 USD"),
        (1234, "JPY", "1,234 JPY"),
        (1234, "KWD", "1.234 KWD"),
        (7, "???", "7 minor units ???"),
    ],
)
def test_money_is_written_for_people(minor: int, currency: str, expected: str) -> None:
    assert money(minor, currency).striptags() == expected


def test_money_that_is_not_stated_is_a_dash() -> None:
    assert money(None, "USD").striptags() == money(5, "").striptags() == "–"


def test_a_moment_is_shown_in_the_books_zone_and_in_utc() -> None:
    shown = when("2026-11-24T08:00:05+00:00", PACIFIC)
    assert ">24 Nov 2026, 00:00<" in shown
    assert 'title="2026-11-24 08:00:05 UTC"' in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24", "2026-11-24T23:59:59.999999-08:00"),  # the whole day
        ("2026-11-24T08:00", "2026-11-24T08:00:00-08:00"),
        ("2026-07-01T08:00:00", "2026-07-01T08:00:00-07:00"),
        ("2026-11-24T08:00:00Z", "2026-11-24T08:00:00+00:00"),
        ("2026-11-24T08:00:00 02:00", "2026-11-24T08:00:00+02:00"),  # a plus sign that was not escaped
    ],
)
def test_a_moment_is_read_as_people_write_it(text: str, expected: str) -> None:
    assert moment(text, PACIFIC).isoformat() == expected


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31", "\x00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="expected a day like"):
        moment(text, PACIFIC)


def test_a_text_leads_to_its_orders_and_shows_its_command() -> None:
    shown = told("order 113-1234567-1234567 <b> FLOWERS; add one with: ml-connector mapping set FLOW; and more", Us())
    assert '<a class="number" href="/flows/us/orders/113-1234567-1234567">113-1234567-1234567</a>' in shown
    assert "&lt;b&gt; FLOWERS" in shown
    assert shown.startswith("Order ")
    assert "<code>ml-connector mapping set us</code>; and more" in shown
    assert told("com.intuit.accounting is granted", Us()).startswith("com.")


@pytest.mark.parametrize(
    ("code", "waits_for", "command"),
    [
        ("unmapped", "rule:ServiceFee | other | ", "mapping set us 'ServiceFee' 'other' ''"),
        ("unmapped", "account:CLR:USD", "chart propose us --account CLR --apply"),
        ("unmapped", "customer:X USD", "chart propose us --apply"),
        ("currency_without_bank", "bank:EUR", "flow configure us --bank NAME --currency EUR"),
        ("refused_by_quickbooks", None, "sync us --retry-refused"),
    ],
)
def test_held_work_has_the_command_that_frees_it(code: str, waits_for: str | None, command: str) -> None:
    assert command in way_out("us", {"code": code, "waits_for": waits_for}).command


def test_a_reason_nobody_thought_of_needs_a_person() -> None:
    assert "person" in way_out("us", {"code": "quite_new", "waits_for": None}).words


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://quickbooks.api.intuit.com", "https://app.qbo.intuit.com/app/recvpayment?txnId=7"),
        ("https://sandbox-quickbooks.api.intuit.com", "https://app.sandbox.qbo.intuit.com/app/recvpayment?txnId=7"),
        ("http://127.0.0.1:9000", ""),
    ],
)
def test_a_document_is_linked_where_quickbooks_has_pages(url: str, expected: str) -> None:
    settings: Any = SimpleNamespace(quickbooks_api_url=url, quickbooks_client_id="app")
    assert quickbooks_page(settings, "payment", "7") == expected
    settings.quickbooks_client_id = ""
    assert quickbooks_page(settings, "payment", "7") == ""


def test_the_waterfall_puts_each_line_on_one_step_and_ends_at_the_sum() -> None:
    lines = [
        SettlementLine(1, "Order", "ItemPrice", "Principal", 10_000),
        SettlementLine(2, "Order", "ItemPrice", "Tax", 800),
        SettlementLine(3, "Order", "ItemWithheldTax", "MarketplaceFacilitatorTax-Principal", -800),
        SettlementLine(4, "Order", "ItemFees", "Commission", -1_500),
        SettlementLine(5, "Refund", "ItemPrice", "Principal", -2_000),
        SettlementLine(6, "Mystery", "Nobody", "Knows", -50),
        SettlementLine(7, "Special", "One", "Own", 25),
    ]
    own = Mapping(own_rules=(Rule(0, "Special", "One", "Own", "fee", "OTHFEE"),))
    fall = waterfall(lines, own, "USD")
    assert [(step.name, step.amount, step.left) for step in fall.steps] == [
        ("sales", 10_000, 10_000),
        ("refunds", -2_000, 8_000),
        ("fees", -1_475, 6_525),
        ("tax", 0, 6_525),
        ("unplaced", -50, 6_475),
    ]
    assert fall.total == sum(line.amount for line in lines)
    assert all(step.begin >= 0 and step.begin + step.length <= 1_003 for step in fall.steps)


def test_a_waterfall_may_end_below_zero_or_hold_nothing() -> None:
    fall = waterfall([SettlementLine(1, "Order", "ItemFees", "Commission", -100)], Mapping(), "USD")
    assert (fall.total, fall.zero, fall.length) == (-100, 0, 1_000)
    assert waterfall([], Mapping(), "USD").steps == ()


def test_every_account_of_the_chart_has_one_step_of_the_waterfall() -> None:
    """A line on whichever account ends up on the step a bookkeeper looks for it."""
    steps = {}
    for number, key in enumerate(default_chart(), start=1):
        own = Mapping(own_rules=(Rule(0, "Any", "One", key, "balance", key),))
        (step,) = waterfall([SettlementLine(number, "Any", "One", key, 100)], own, "USD").steps
        steps[key] = step.name
    assert {key for key, name in steps.items() if name == "balances"} == {
        "BANK", "BANK_OTHER", "CLR", "DEF", "XACC", "SUSP", "AR", "CC", "FX", "OPENING", "UNDEP"
    }  # fmt: skip
    assert (steps["RSV"], steps["LOAN"], steps["INTRST"]) == ("reserve", "loan", "loan")
    assert {steps[key] for key in ("MFT", "STX", "VAT")} == {"tax"}
    assert {steps[key] for key in ("REFFEE", "FBAFEE", "STORAGE", "ADS", "OTHFEE")} == {"fees"}
    assert "unplaced" not in steps.values()


@pytest.mark.parametrize(
    ("table", "names"),
    [(words.ORDER_STATES, ORDER_STATES), (words.SETTLEMENT_STATES, SETTLEMENT_STATES)],
)
def test_every_status_has_its_word(table: dict[str, tuple[str, str]], names: dict[str, str]) -> None:
    assert table.keys() == names.keys()
    assert {tone for _, tone in table.values()} <= {"ok", "wait", "bad", "calm"}
