"""`ml-connector bank` as a person uses it: real processes, real stand-ins, words and exit statuses."""

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bank_files import csv, ofx
from programs import CommandLine

from entrypoints.standins import environment_for, running_standins

SPEED = 600.0


def test_a_statement_from_the_bank_to_reconciled_settlements(tmp_path: Path) -> None:
    with running_standins(40, 2, 5, SPEED) as (amazon, quickbooks):
        home = tmp_path / "home"
        home.mkdir()
        run = CommandLine(home, environment_for(amazon, quickbooks, SPEED))
        run.json(
            "flow", "create", "us", "--region", "na", "--realm", quickbooks["realm"],
            "--since", amazon["since"][:10], "--bank", quickbooks["bank_account"], "--currency", "USD",
        )  # fmt: skip
        run.json("connect", "amazon", "us", "--refresh-token-stdin", stdin=amazon["refresh_token"])
        run.json("connect", "quickbooks", "us", "--refresh-token-stdin", stdin=quickbooks["refresh_token"])
        run.json("chart", "propose", "us", "--apply")
        first, second = run.json("sync", "us")["settlements"]

        def day(row: dict[str, str]) -> date:
            return datetime.fromisoformat(row["deposit_date"]).astimezone(ZoneInfo("America/Los_Angeles")).date()

        lines = [
            (day(first), first["total"], "AMAZON PAYMENTS", "1"),
            (day(second), second["total"], "AMAZON PAYMENTS", "2"),
            (day(second) + timedelta(days=1), second["total"], "AMAZON PAYMENTS", "3"),
        ]
        days = [one[0] for one in lines]
        file = tmp_path / "november.qfx"
        file.write_bytes(ofx(lines, min(days) - timedelta(days=1), max(days)))

        imported = run("bank", "import", "us", str(file))
        assert imported.returncode == 0, imported.stderr
        assert "3 lines, 3 new" in imported.stdout
        assert "1 line matched." in imported.stdout
        assert "1 proposal for a person: ml-connector bank proposals us" in imported.stdout
        (proposal,) = run.json("bank", "proposals", "us", status=3)["proposals"]
        assert proposal["settlements"] == [second["settlement_id"]]
        assert run("bank", "reject", "us", proposal["proposal"]).returncode == 2
        run.json("bank", "confirm", "us", proposal["proposal"])
        (spare,) = run.json("bank", "lines", "us", "--status", "open")["lines"]
        run.json("bank", "set-aside", "us", spare["line"], "--why", "the bank booked it twice")
        run.json("bank", "undo", "us", spare["line"], "--why", "it is a bonus after all")
        assert "matched (confirmed)" in run("bank", "lines", "us").stdout

        doubtful = tmp_path / "other.csv"
        doubtful.write_bytes(csv([(date(2026, 5, 6), "1.00", "AMAZON", "")]).replace(b"2026-05-06", b"05/06/2026"))
        refused = run("bank", "import", "us", str(doubtful))
        assert refused.returncode == 2
        assert "--columns dates=mdy" in " ".join(refused.stderr.split())
        assert run("bank", "import", "us", str(doubtful), "--columns", "dates=dmy").returncode == 0
        known = run.json("bank", "account", "us", "--fee", "15.00", "--rate", "CAD=0.7312", "--why", "as agreed")
        assert (known["fees"], known["rates"], known["columns"]["dates"]) == (["15.00"], {"CAD": "0.7312"}, "dmy")
        assert known["ends_in"] == "4321"
