"""The bank's page in a real Chromium: a file is chosen, a proposal confirmed, a line set aside."""

from datetime import datetime, timedelta
from pathlib import Path

from api import traded
from bank_files import ofx
from chromium import PHONE, window
from playwright.sync_api import Browser, expect
from showroom import open_site, snap

from domain.money import format_minor


def test_a_bookkeeper_imports_a_statement_and_says_what_is_what(
    browser: Browser, pictures: Path, tmp_path: Path
) -> None:
    with traded(orders=40, settlements=3, seed=7) as shop, open_site(shop) as site:
        flow = shop.flow()
        paid = sorted(
            (flow.day(datetime.fromisoformat(row["deposit_date"])), format_minor(row["total"], "USD"))
            for row in shop.rows("settlements")
        )
        lines = [(day + timedelta(days=2), total, "AMAZON PAYMENTS", f"f{total}") for day, total in paid]
        lines.append((lines[0][0] + timedelta(days=1), lines[0][1], "AMAZON PAYMENTS", "again"))
        lines.append((lines[0][0], "777.00", "AMAZON LENDING", "loan"))
        days = [line[0] for line in lines]
        file = tmp_path / "november.qfx"
        file.write_bytes(ofx(lines, min(days) - timedelta(days=3), max(days)))
        with window(browser, site.url) as seen:
            page = seen.sign_in(site.tokens["operator"], "/flows/us")
            page.get_by_role("link", name="Did the money reach the bank?").click()
            seen.check()
            page.locator("input[type=file]").set_input_files(file)
            page.get_by_role("button", name="Import and match").click()
            expect(page.get_by_role("status")).to_contain_text("5 new lines were taken in, 2 matched.")
            seen.check()
            snap(seen, pictures, "bank-proposals")

            page.get_by_role("button", name="They belong together").click()
            expect(page.get_by_role("heading", level=1)).to_contain_text("3 of 3 payouts are on the bank")
            loan = page.locator("section", has_text="Money from Amazon without a settlement").get_by_role(
                "row", name="777.00"
            )
            loan.get_by_text("Set aside").first.click()
            loan.get_by_label("What it is").fill("a loan of Amazon Lending")
            loan.get_by_role("button", name="Set aside").click()
            expect(page.get_by_role("status")).to_contain_text("set aside")
            assert "a loan of Amazon Lending" in seen.text()
            seen.check()
        with window(browser, site.url, PHONE, "dark") as phone:
            phone.sign_in(site.tokens["reader"], "/flows/us/bank")
            phone.check()
            assert phone.page.get_by_role("button", name="Import and match").count() == 0
            snap(phone, pictures, "bank-phone")
