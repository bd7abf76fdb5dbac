"""Order reports that a person downloaded, for what is older than Amazon gives: by the command, into real books.

Without these, a file could be half taken, taken twice, or keep a buyer's address.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from programs import CommandLine
from shop import Shop

from adapters.simulated.amazon.order_reports import BUYER, ORDERS, SHIPMENTS, OrderReports
from adapters.simulated.amazon.testing import HandClock
from adapters.simulated.world import make_world

OpenShop = Callable[..., AbstractContextManager[Shop]]


def downloaded(folder: Path, kind: str, **world: int) -> Path:
    """A file as Seller Central gives it, of the last 30 days but one of the stand-in's own world."""
    now = datetime.combine(datetime.now(UTC).date(), time(), UTC)
    reports = OrderReports(make_world(now=now, **world), clock := HandClock(now))
    wanted = {
        "reportType": kind,
        "dataStartTime": (now - timedelta(days=30)).isoformat(),
        "dataEndTime": (now - timedelta(days=1)).isoformat(),
    }
    report_id = reports.create(wanted, "done")["reportId"]
    clock.wait(600)
    form = reports.form(report_id)
    assert form is not None
    content = reports.body(form["reportDocumentId"])
    assert content is not None
    file = folder / f"{kind}.txt"
    file.write_bytes(content)
    return file


def test_order_files_become_orders_and_parcels_once(open_shop: OpenShop, tmp_path: Path) -> None:
    world = {"orders": 30, "settlements": 2, "seed": 9}
    with open_shop(**world) as shop:
        shop.set_up()
        run = CommandLine(shop.home, shop.environment())
        files = [str(downloaded(tmp_path, kind, **world)) for kind in (ORDERS, SHIPMENTS)]

        first = run.json("order", "import", "us", *files)
        again = run.json("order", "import", "us", *files)

        assert [entry["problems"] for entry in first["files"]] == [[], []]
        assert first["files"][0]["orders"] > 15
        assert first["files"][1]["parcels"] > 5
        assert again["files"][1]["parcels"] == 0
        seen = [row for row in shop.rows("audit", limit=100_000) if "was first seen" in row["summary"]]
        assert len(seen) == first["files"][0]["orders"] == len(shop.rows("orders", limit=1_000))
        assert shop.rows("held") == []
        shipped = [row for row in shop.rows("orders", limit=1_000) if row["status"] == "SHIPPED"]
        assert shop.documents()["Invoice"] == len(shipped) > 10
        kept = b"".join(
            shop.services.evidence.get("us", row["cause"].removeprefix("evidence:"))
            for row in shop.rows("audit", limit=100_000)
            if "was first seen" in row["summary"]
        )
        assert kept
        for value in BUYER.values():
            assert len(value) == 2 or value.encode() not in kept

        # What Amazon says of the orders itself goes over what the files said, and books nothing twice.
        invoices = shop.documents()["Invoice"]
        assert shop.sync().error == ""
        totals = {row["key"] for row in shop.rows("postings") if row["kind"] == "invoice"}
        assert len(totals) == shop.documents()["Invoice"] >= invoices


def test_a_file_that_is_none_is_told_and_nothing_of_it_is_kept(open_shop: OpenShop, tmp_path: Path) -> None:
    with open_shop(orders=5, settlements=1) as shop:
        shop.set_up()
        run = CommandLine(shop.home, shop.environment())
        file = tmp_path / "orders.txt"
        file.write_text("Date range exceeded\n")

        done = run("order", "import", "us", str(file), str(tmp_path / "none.txt"))

        assert done.returncode == 2
        assert "Date range exceeded" in done.stderr
        assert "cannot be read" in done.stderr
        assert shop.rows("orders") == []
