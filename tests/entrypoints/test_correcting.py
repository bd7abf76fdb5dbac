"""Corrections on the command line: shown first, done then, refused with what to do instead."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import CommandLine

from entrypoints.standins import environment_for, running_standins

SPEED = 600.0


@pytest.fixture
def run(tmp_path: Path) -> Iterator[CommandLine]:
    with running_standins(30, 1, 4, SPEED) as (amazon, quickbooks):
        run = CommandLine(tmp_path, environment_for(amazon, quickbooks, SPEED))
        run.json(
            "flow", "create", "us", "--region", "na", "--realm", quickbooks["realm"],
            "--since", amazon["since"][:10], "--bank", quickbooks["bank_account"], "--currency", "USD",
        )  # fmt: skip
        run.json("connect", "amazon", "us", "--refresh-token-stdin", stdin=amazon["refresh_token"])
        run.json("connect", "quickbooks", "us", "--refresh-token-stdin", stdin=quickbooks["refresh_token"])
        run.json("chart", "propose", "us", "--apply")
        run.json("sync", "us")
        yield run


def test_a_mapping_change_is_shown_and_moved_only_when_a_person_wants_it(run: CommandLine) -> None:
    assert "stands where mapping version" in run("mapping", "diff", "us").stdout
    run.json("mapping", "set", "us", "Order", "ItemPrice", "Principal", "SHIPINC", "--why", "sold as freight")

    diff = run.json("mapping", "diff", "us")
    assert {row["account"] for row in diff["open"]} == {"SALES", "SHIPINC"}
    assert "mapping reclass us" in run("mapping", "diff", "us").stdout
    assert run("mapping", "reclass", "us", "--scope", "some", "--why", "x").returncode == 2
    assert run("mapping", "reclass", "us", "--scope", "open").returncode == 2

    shown = run.json("mapping", "reclass", "us", "--scope", "open", "--why", "sold as freight", "--preview")
    done = run.json("mapping", "reclass", "us", "--scope", "open", "--why", "sold as freight")
    assert (shown["preview"], done["preview"]) == (True, False)
    assert shown["steps"] == done["steps"]
    assert run.json("mapping", "diff", "us")["open"] == []
    run.json("sync", "us")
    assert run("mapping", "reclass", "us", "--scope", "open", "--why", "again").returncode == 2


def test_a_document_is_corrected_as_far_as_its_state_allows(run: CommandLine) -> None:
    events = run.json("audit", "trail", "us")["events"]
    paid = next(event["order_id"] for event in events if event["name"] == "order.settled.v1")

    refused = run("posting", "void", "us", "invoice", paid, "--why", "a test")
    assert refused.returncode == 2
    assert "paid by a settlement" in refused.stderr
    assert run("posting", "amend", "us", "invoice", paid, "--why", "a test").returncode == 2
    assert "already as" in run("posting", "amend", "us", "invoice", paid, "--why", "a test").stderr
    assert run("posting", "void", "us", "invoice", paid).returncode == 2

    run.json("mapping", "set", "us", "Order", "ItemPrice", "Principal", "SHIPINC", "--why", "sold as freight")
    shown = run("posting", "reclass", "us", "invoice", paid, "--why", "sold as freight", "--preview").stdout
    assert "Would be done" in shown
    done = run.json("posting", "reclass", "us", "invoice", paid, "--why", "sold as freight")
    assert [(step["kind"], step["key"], step["operation"]) for step in done["steps"]] == [
        ("journal", f"{paid}R1", "create")
    ]
