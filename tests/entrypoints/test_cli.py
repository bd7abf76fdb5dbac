"""The command line as a person or a program uses it: real processes, real stand-ins, words and exit statuses."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import CommandLine

from entrypoints.standins import environment_for, running_standins

SPEED = 600.0


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CommandLine, dict[str, str], dict[str, str]]]:
    with running_standins(40, 2, 5, SPEED) as (amazon, quickbooks):
        home = tmp_path_factory.mktemp("home")
        yield CommandLine(home, environment_for(amazon, quickbooks, SPEED)), amazon, quickbooks


def test_a_flow_from_nothing_to_tied_books(shop: tuple[CommandLine, dict[str, str], dict[str, str]]) -> None:
    run, amazon, quickbooks = shop
    created = run.json(
        "flow", "create", "us", "--region", "na", "--realm", quickbooks["realm"],
        "--since", amazon["since"][:10], "--bank", quickbooks["bank_account"], "--currency", "USD",
    )  # fmt: skip
    assert created["banks"] == {"USD": quickbooks["bank_account"]}
    assert (
        run("flow", "create", "us", "--region", "na", "--realm", "1", "--bank", "x", "--currency", "USD").returncode
        == 2
    )

    unconnected = run("sync", "us")
    assert unconnected.returncode == 1
    assert "connect amazon us" in unconnected.stderr

    refused = run("connect", "amazon", "us", "--refresh-token-stdin", stdin="Atzr|wrong")
    assert refused.returncode == 1
    assert "Atzr|wrong" not in refused.stderr + refused.stdout
    assert run.json("connect", "amazon", "us", "--refresh-token-stdin", stdin=amazon["refresh_token"])["marketplaces"]
    run.json("connect", "quickbooks", "us", "--refresh-token-stdin", stdin=quickbooks["refresh_token"])

    assert {row["action"] for row in run.json("chart", "propose", "us")["proposals"]} == {"create", "map"}
    run.json("chart", "propose", "us", "--apply")
    assert {row["action"] for row in run.json("chart", "propose", "us")["proposals"]} == {"mapped"}

    configured = run.json(
        "flow", "configure", "us", "--schedule", "all=15m", "--schedule", "posting=0 6 * * *",
        "--schedule-zone", "America/Los_Angeles", "--why", "a close a day",
    )  # fmt: skip
    assert configured["changed"] == ["schedule"]
    assert configured["schedule"] == {
        "orders": {"every_minutes": 15},
        "settlements": {"every_minutes": 15},
        "finances": {"every_minutes": 15},
        "posting": {"cron": "0 6 * * *", "zone": "America/Los_Angeles"},
    }
    assert run.json("flow", "configure", "us", "--schedule", "orders=15m")["changed"] == []
    booked = run.json("flow", "configure", "us", "--policy", "month_split=off", "--policy", "fee_section=cogs")
    assert booked["changed"] == ["policies"]
    assert (booked["policies"]["month_split"], booked["policies"]["tax"]) == ("off", "net")
    assert "orders: every 15 minutes" in run("flow", "show", "us").stdout
    assert "paused" in run("flow", "pause", "us", "--why", "stock-taking").stdout
    assert run.json("flow", "show", "us")["paused"] is True
    assert "resumed" in run("flow", "resume", "us").stdout

    synced = run.json("sync", "us")
    assert [row["difference"] for row in synced["settlements"]] == ["0.00", "0.00"]
    assert synced["clearing"] == [
        {"currency": "USD", "balance": "0.00", "explained": [], "unexplained": "0.00", "quickbooks_balance": "0.00"}
    ]

    status = run.json("status", "us")
    assert status["settlements"] == synced["settlements"]
    assert run.json("status", "us", "--as-of", "2026-01-01")["settlements"] == []
    assert run.json("held", "us") == {"flow": "us", "held": [], "missing": []}

    settlement_id = status["settlements"][0]["settlement_id"]
    trail = run.json("audit", "trail", "us", "--settlement", settlement_id)["events"]
    assert {"settlement.closed.v1", "posting.planned.v1", "posting.deposit-posted.v1"} <= {row["name"] for row in trail}
    assert run.json("audit", "verify")["ok"] is True
    assert run.json("rebuild-views")["events"] > 100
    assert run.json("status", "us")["settlements"] == status["settlements"]

    findings = run.json("doctor")["findings"]
    assert [row["ok"] for row in findings] == [True] * len(findings)

    exported = run("books", "export", "us", "--format", "csv")
    assert exported.returncode == 0
    assert len(exported.stdout.splitlines()) > 100


def test_the_demo_ties(tmp_path: Path) -> None:
    shown = CommandLine(tmp_path, {}).json("demo", "--orders", "60", "--settlements", "2", "--seed", "3")

    assert set(shown) == {"settlements", "clearing", "orders", "invoices", "held", "calls", "seconds"}
    assert [row["difference"] for row in shown["settlements"]] == ["0.00", "0.00"]
    assert {tuple(row) for row in shown["settlements"]} == {
        ("settlement_id", "total", "deposit", "difference", "currency", "status")
    }
    assert shown["clearing"] == {"balance": "0.00", "unexplained": "0.00"}
    assert shown["orders"] == 60
    assert shown["held"] == 0
    assert shown["calls"]["amazon"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status", "nowhere"], "no flow named 'nowhere'"),
        (["flow", "create", "x", "--region", "mars", "--realm", "1", "--bank", "B", "--currency", "USD"], "na, eu, fe"),
        (["flow", "create", "x", "--region", "na", "--realm", "a", "--bank", "B", "--currency", "USD"], "digits only"),
        (["flow", "create", "x", "--region", "na", "--realm", "1"], "go in pairs"),
        (["flow", "create", "x", "--region", "na", "--realm", "1", "--bank", "B", "--currency", "XXX"], "ISO 4217"),
        (["mapping", "set", "x", "a", "b", "c", "NOPE", "--why", "y"], "not in the chart"),
        (["mapping", "set", "x", "a", "b", "c", "OTHFEE"], "--why is needed"),
        (["posting", "adopt", "x", "bill", "1", "--id", "2", "--why", "y"], "invoice, payment, deposit"),
        (["posting", "release", "x", "deposit", "1"], "--why is needed"),
        (["settlement", "keep", "x", "1"], "--why is needed"),
        (["alerts", "channel", "add", "webhook", "x", "hook", "--url", "https://example.com/a\x1bb"], "U+001B"),
        (["connect", "amazon", "x"], "no flow named 'x'"),
        (["connect", "revoke", "ebay", "x"], "amazon, quickbooks"),
        (["flow", "configure", "x"], "nothing to change"),
        (["flow", "configure", "x", "--schedule", "orders"], "orders=30m"),
        (["flow", "configure", "x", "--policy", "tax"], "tax=gross"),
        (["flow", "configure", "x", "--schedule", "orders=often"], "minutes like 30m"),
        (["nonsense"], "No such command"),
    ],
)
def test_bad_input_ends_with_2_and_says_what_is_expected(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = CommandLine(tmp_path, {})(*arguments)

    assert done.returncode == 2, done.stderr
    assert words in done.stderr


def test_a_second_flow_into_the_same_company_must_be_meant(tmp_path: Path) -> None:
    run = CommandLine(tmp_path, {})
    common = ("--region", "na", "--realm", "123", "--bank", "B", "--currency", "USD")
    run.json("flow", "create", "one", *common)

    refused = run("flow", "create", "two", *common)
    assert refused.returncode == 2
    assert "--another-seller" in refused.stderr
    run.json("flow", "create", "two", *common, "--another-seller")
    run.json("flow", "create", "three", *common[2:], "--region", "eu")


def test_a_sale_that_moves_to_another_account_stays_a_sale(tmp_path: Path) -> None:
    """As a fee, which it was by default, it would be booked beside its invoice."""
    run = CommandLine(tmp_path, {})
    run.json("flow", "create", "us", "--region", "na", "--realm", "123", "--bank", "B", "--currency", "USD")

    def role(*rule: str) -> str:
        told = run.json("mapping", "set", "us", *rule, "--why", "tests")
        return str(told["role"])

    assert role("Order", "ItemPrice", "Shipping", "SALES") == "order_charge"
    assert role("Order", "ItemPrice", "Never seen", "SALES") == "order_charge"
    assert role("Refund", "ItemPrice", "Never seen", "REFUND") == "refund"
    assert role("ServiceFee", "other-transaction", "Moon Fee", "OTHFEE") == "fee"
    assert role("other-transaction", "FBA Inventory Reimbursement", "Moon", "REIMB") == "reimbursement"
    assert role("Order", "ItemPrice", "Shipping", "SALES", "--role", "fee") == "fee"  # who says so means it


def test_inspect_speaks_json_and_exit_statuses(tmp_path: Path) -> None:
    columns = (
        "settlement-id settlement-start-date settlement-end-date deposit-date total-amount currency transaction-type "
        "order-id amount-type amount-description amount"
    )
    heading = columns.replace(" ", "\t") + "\n"
    good = tmp_path / "good.txt"
    good.write_text(
        heading + "1\t2026-11-01 00:00:00 UTC\t2026-11-15 00:00:00 UTC\t2026-11-17 00:00:00 UTC\t-5.00\tUSD\n"
        "1\t\t\t\t\t\tServiceFee\t\tother-transaction\tStorage Fee\t-5.00\n"
    )
    short = tmp_path / "short.txt"
    short.write_text(good.read_text().replace("\t-5.00\tUSD", "\t-5.01\tUSD"))
    unreadable = tmp_path / "page.txt"
    unreadable.write_text("<html>sign in</html>")
    run = CommandLine(tmp_path, {})

    (file,) = run.json("settlement", "inspect", str(good))["files"]
    assert file["error"] is None
    assert file["settlements"][0]["by_account"] == {"STORAGE": "-5.00"}
    (file,) = run.json("settlement", "inspect", str(short), status=3)["files"]
    assert (file["error"]["line"], file["error"]["column"]) == (2, "total-amount")
    files = run.json("settlement", "inspect", str(good), str(unreadable), status=2)["files"]
    assert files[0]["settlements"]
    assert "web page" in files[1]["error"]["message"]
