"""The pages in a real Chromium: what a bookkeeper sees, in both themes and on a phone, and what happens on a click."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from api import traded
from chromium import DESKTOP, PHONE, window
from playwright.sync_api import Browser, expect
from showroom import Site, open_site, snap

from entrypoints.runner import Timer

LOOKS = [
    pytest.param(size, scheme, id=f"{name}-{scheme}")
    for name, size in (("desktop", DESKTOP), ("phone", PHONE))
    for scheme in ("light", "dark")
]


def paths(site: Site) -> dict[str, str]:
    """A page of every kind, by name."""
    settlements = {row["status"]: row["settlement_id"] for row in site.shop.rows("settlements")}
    order = site.shop.rows("orders", reconciliation="settled")[0]["order_id"]
    unseen = next(row for row in site.shop.rows("held") if row["code"] == "order_not_seen")["waits_for"]
    return {
        "flow": "/flows/us",
        "then": "/flows/us?as_of=2020-01-01",
        "settlements": "/flows/us/settlements",
        "orders": "/flows/us/orders",
        "held": "/flows/us/held",
        "receivable": "/flows/us/ageing",
        "clearing": "/flows/us/ageing?of=clearing",
        "reserve": "/flows/us/ageing?of=reserve",
        "trial-balance": "/flows/us/trial-balance",
        "ledger": "/flows/us/ledger?account=CLR%3AUSD",
        "close": "/flows/us/close",
        "bank": "/flows/us/bank",
        "settlement": f"/flows/us/settlements/{settlements['posted']}",
        "held-settlement": f"/flows/us/settlements/{settlements['held']}",
        "order": f"/flows/us/orders/{order}",
        "doctor": "/flows/us/doctor",
        "unseen-order": f"/flows/us/orders/{unseen.removeprefix('order:')}",
    }


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_every_page_is_readable(
    browser: Browser, site: Site, pictures: Path, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    """No errors, nobody else asked, nothing sideways, no number wrapped, contrast AA, every field named."""
    name = f"{size[0]}-{scheme}"
    with window(browser, site.url, size, scheme) as seen:
        seen.go("/login")
        seen.check()
        snap(seen, pictures, f"login-{name}")
        seen.sign_in(site.tokens["operator"])
        for kind, path in paths(site).items():
            if kind != "then":  # the flow was not there in 2020: a refusal, whose status Chromium reports as an error
                seen.go(path)
                seen.check()
                snap(seen, pictures, f"{kind}-{name}")
        seen.go("/flows/us").get_by_text("Say where it goes").click()
        seen.check()
        snap(seen, pictures, f"mapping-{name}")


def test_the_checks_find_what_is_wrong(browser: Browser, site: Site) -> None:
    """A check that finds nothing proves nothing: each is shown one fault."""
    broken = "style.cssText = 'display: inline; white-space: normal; word-break: break-all; font-size: 90px'"
    faults = {
        "contrast": "document.querySelector('.hero p').style.color = '#aaa'",
        "sideways": "document.querySelector('h1').style.width = '2000px'",
        "wrap": f"document.querySelector('th .number').{broken}",
        "without a name": "document.querySelector('main').append(document.createElement('input'))",
    }
    with window(browser, site.url, PHONE) as seen:
        seen.sign_in(site.tokens["reader"])
        seen.check()
        for what, fault in faults.items():
            seen.go("/flows/us").evaluate(fault)
            assert any(what in name for name in seen.faults()), what


def test_the_page_says_in_a_second_whether_it_ties(browser: Browser, site: Site) -> None:
    with window(browser, site.url) as seen:
        page = seen.sign_in(site.tokens["reader"])
        assert page.inner_text("h1").replace("\n", " ") == "2 of 3 settlements tie. Clearing is 0.00 USD."
        said = seen.text()
        held = next(row for row in site.shop.rows("settlements") if row["status"] == "held")
        stake = f"{held['total'] // 100}.{held['total'] % 100:02d}"
        assert f"1 held: {stake} USD not in the books yet" in said
        assert "Amazon Connected QuickBooks Connected" in said
        assert "America/Los Angeles" in said


def test_what_is_held_is_shown_with_its_money_and_what_frees_it(browser: Browser, site: Site) -> None:
    with window(browser, site.url) as seen:
        page = seen.sign_in(site.tokens["operator"])
        group = page.locator("article", has_text="QuantumDispatchSurcharge")
        assert "−0.42 USD" in group.inner_text()
        command = "ml-connector mapping set us 'ServiceFee' 'Dispatch Surcharges' 'QuantumDispatchSurcharge' ACCOUNT"
        assert command in group.inner_text()
        unseen = page.locator("article", has_text="A paid order was never seen at Amazon")
        assert unseen.get_by_role("button", name="Sync now").is_visible()
        unseen.get_by_role("link", name="1 document").click()
        assert "is paid (24.98 USD) and was never seen" in seen.text()
        page.goto(site.url + paths(site)["unseen-order"])
        assert "A paid order was never seen at Amazon 24.98 USD" in seen.text()


def test_a_settlement_goes_from_gross_to_deposit_and_tells_its_story(browser: Browser, site: Site) -> None:
    with window(browser, site.url) as seen:
        seen.sign_in(site.tokens["reader"], paths(site)["settlement"])
        said = seen.text()
        for step in ("Gross sales", "Promotions", "Refunds and claims", "Amazon's fees", "Deposit"):
            assert step in said
        row = next(
            row for row in site.shop.rows("settlements") if row["settlement_id"] == paths(site)["settlement"][-11:]
        )
        total = f"{row['total'] // 100}.{row['total'] % 100:02d}"
        assert f"{total} USD reached the bank, and ties" in said
        last = seen.page.locator(".fall .sum").last.inner_text()
        assert total in last
        story = seen.page.locator(".story li").all_inner_texts()
        assert "were recorded" in story[0]
        assert "stands in QuickBooks as" in story[-1]
        assert "Cycle" in story[-1]
        title = seen.page.locator(".story time").first.get_attribute("title")
        assert title is not None
        assert title.endswith("UTC")


def test_an_order_tells_its_story_and_where_its_money_went(browser: Browser, site: Site) -> None:
    with window(browser, site.url) as seen:
        seen.sign_in(site.tokens["reader"], paths(site)["order"])
        assert "Still open 0.00 USD" in seen.text()
        assert "Where its money went" in seen.text()
        story = " ".join(seen.page.locator(".story li").all_inner_texts())
        for words in ("was first seen", "was planned", "stands in QuickBooks as", "Settlement"):
            assert words in story
        seen.page.locator("table a", has_text="2").first.click()
        assert "/settlements/" in seen.page.url


def test_anything_is_found_by_its_number(browser: Browser, site: Site) -> None:
    deposit = next(row for row in site.shop.rows("postings", kind="deposit") if row["quickbooks_id"])
    order = site.shop.rows("orders")[0]["order_id"]
    with window(browser, site.url) as seen:
        page = seen.sign_in(site.tokens["reader"])
        for number, ending in (
            (order, f"/orders/{order}"),
            (deposit["settlement_id"], f"/settlements/{deposit['settlement_id']}"),
            (deposit["quickbooks_id"], f"/settlements/{deposit['settlement_id']}"),
        ):
            page.get_by_role("searchbox").fill(f" {number} ")
            page.keyboard.press("Enter")
            page.wait_for_url(f"**{ending}")
        page.get_by_role("searchbox").fill("999-9999999-9999999")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_contain_text("Nothing has the number 999-9999999-9999999")


def test_a_reader_sees_no_button_and_an_operator_frees_what_waits(browser: Browser) -> None:
    """From the held fee over the form to a flow that ties; and the page as it was before, by the time machine."""
    with traded(orders=40, settlements=2, seed=11, troubles=("unmapped_line",)) as shop, open_site(shop) as site:
        with window(browser, site.url) as reader:
            page = reader.sign_in(site.tokens["reader"])
            assert page.locator("main button").all_inner_texts() == ["Show"]
        time.sleep(1.1)  # the field tells seconds: a whole one on either side of the moment asked for
        then = datetime.now(UTC)
        time.sleep(1.1)
        with window(browser, site.url) as seen:
            page = seen.sign_in(site.tokens["operator"])
            page.get_by_text("Say where it goes").click()
            page.get_by_label("Account").select_option("OTHFEE")
            page.get_by_label("Why").fill("new surcharge since July")
            page.get_by_role("button", name="Save and free what waits").click()
            expect(page.get_by_role("status")).to_contain_text("The mapping is changed and")
            shop.sync()
            page.goto(f"{site.url}/flows/us")
            expect(page.locator("h1")).to_have_text("2 of 2 settlements tie. Clearing is 0.00 USD.")
            seen.check()
            local = then.astimezone(ZoneInfo("America/Los_Angeles"))
            page.get_by_label("As of").fill(local.strftime("%Y-%m-%dT%H:%M:%S"))
            page.get_by_role("button", name="Show").click()
            expect(page.locator("h1")).to_have_text("1 of 2 settlements tie. Clearing is 0.00 USD.")
            assert "QuantumDispatchSurcharge" in seen.text()
            assert page.locator("main button").all_inner_texts() == ["Show"]
            page.locator("tbody a").first.click()
            assert "as_of=" in page.url
            assert page.locator(".hero .pill").inner_text() == "Held: mapping"
            seen.check()
        assert any("new surcharge since July" in row["summary"] for row in shop.rows("audit", by="api:the-operator"))


def test_the_page_follows_a_cycle_by_itself(browser: Browser) -> None:
    with traded(orders=40, settlements=1, seed=5) as shop, open_site(shop) as site, window(browser, site.url) as seen:
        page = seen.sign_in(site.tokens["operator"])
        page.get_by_role("button", name="Pause").click()
        expect(page.locator("#live")).to_contain_text("Paused")
        page.get_by_role("button", name="Resume").click()
        page.evaluate("window.here = true")
        page.get_by_role("button", name="Sync now").click()
        expect(page.locator(".working")).to_contain_text("A cycle is asked for")
        page.evaluate("window.here = true")
        cycles = len(shop.rows("cycles"))
        timer = Timer(shop.services, tick_seconds=0.1)
        timer.start()
        try:
            expect(page.locator(".working")).to_have_count(0, timeout=30_000)
        finally:
            timer.stop()
            timer.join()
        assert len(shop.rows("cycles")) > cycles
        assert page.evaluate("window.here") is True  # nobody loaded the page again
        assert seen.errors == []


def test_the_doctors_findings_are_asked_for_from_the_page(browser: Browser, site: Site) -> None:
    with window(browser, site.url) as seen:
        page = seen.sign_in(site.tokens["operator"])
        page.get_by_role("link", name="Examine both sides now").click()
        findings = page.locator("tbody tr").all_inner_texts()
        assert any("Amazon credentials" in finding for finding in findings)
        assert any("Database" in finding for finding in findings)


def test_a_page_without_scripts_still_works(browser: Browser, site: Site) -> None:
    with window(browser, site.url, java_script_enabled=False) as seen:
        page = seen.sign_in(site.tokens["operator"])
        assert "2 of 3 settlements tie" in page.inner_text("h1")
        page.get_by_role("button", name="Sign out").click()
        assert page.url.endswith("/login")


def test_a_page_on_paper_is_the_proof_alone(browser: Browser, site: Site, pictures: Path) -> None:
    with window(browser, site.url) as seen:
        page = seen.sign_in(site.tokens["operator"])
        page.emulate_media(media="print")
        assert page.locator(".top").is_hidden()
        assert page.locator(".actions").is_hidden()
        assert page.locator(".proof").is_visible()
        snap(seen, pictures, "paper")


def test_a_session_that_ends_leads_back_to_the_page(browser: Browser, site: Site) -> None:
    with window(browser, site.url) as seen:
        seen.sign_in(site.tokens["auditor"], "/flows/us/held")
        assert seen.page.url.endswith("/flows/us/held")
        seen.page.context.clear_cookies()
        seen.go("/flows/us/orders?state=settled")
        assert "/login?next=%2Fflows%2Fus%2Forders%3Fstate%3Dsettled" in seen.page.url
