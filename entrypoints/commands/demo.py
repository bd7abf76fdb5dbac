"""`ml-connector demo`: the main job from end to end, with no accounts, against the stand-ins over real HTTP."""

import os
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from application import connections
from domain.flow import FlowCreated
from entrypoints.bootstrap import Services, services
from entrypoints.commands.connect import apply_for, propose_for
from entrypoints.commands.sync import compare_with_quickbooks, exit_status, run_now, show_status, status_facts
from entrypoints.console import FAILED, err, out, print_json, progress_bars
from entrypoints.settings import PREFIX, load
from entrypoints.standins import environment_for, running_standins

FLOW = "demo"
# The stand-ins keep the vendors' quotas on a clock of their own; it runs this much faster than real time.
SPEED = 600.0


def demo(
    orders: Annotated[int, typer.Option(min=1, help="Orders in the seller's history.")] = 300,
    settlements: Annotated[int, typer.Option(min=1, max=6, help="Closed settlements.")] = 3,
    seed: Annotated[int, typer.Option(help="Another seed is another seller.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Carry a simulated seller's trade into a simulated QuickBooks company and show that it ties."""
    began = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="ml-connector-demo-"))
    if not as_json:
        out.print("Starting a stand-in Amazon and a stand-in QuickBooks on this machine ...")
    with running_standins(orders, settlements, seed, SPEED) as (amazon, quickbooks):
        environment = {**environment_for(amazon, quickbooks, SPEED), PREFIX + "HOME": str(home)}
        with services(load(environment), person="demo") as service, progress_bars(as_json) as progress:
            _set_up(service, amazon, quickbooks)
            report = run_now(service, FLOW, progress)
            facts = status_facts(FLOW, service.views)
            compare_with_quickbooks(service, FLOW, facts)
            (clearing,) = facts["clearing"] or [{"quickbooks_balance": "0.00", "unexplained": "0.00"}]
            calls = {"amazon": 0, "quickbooks": 0, **service.quotas.calls(FLOW)}
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        wanted = ("settlement_id", "total", "deposit", "difference", "currency", "status")
        print_json(
            {
                "settlements": [{key: row[key] for key in wanted} for row in facts["settlements"]],
                "clearing": {"balance": clearing["quickbooks_balance"], "unexplained": clearing["unexplained"]},
                "orders": facts["orders"],
                "invoices": facts["invoices"],
                "held": facts["held"],
                "calls": {"amazon": calls["amazon"], "quickbooks": calls["quickbooks"]},
                "seconds": seconds,
            }
        )
    else:
        _show(facts, calls, seconds, home)
    if report.error:
        err.print(f"The cycle stopped: {report.error}", markup=False)
        return FAILED
    return exit_status(facts)


def _set_up(service: Services, amazon: dict[str, str], quickbooks: dict[str, str]) -> None:
    """What a merchant does once: a flow, both consents, the chart of accounts."""
    created = FlowCreated(
        flow=FLOW,
        at=service.clock(),
        by=service.person,
        region="na",
        realm=quickbooks["realm"],
        marketplaces=(amazon["marketplace_id"],),
        since=service.day(amazon["since"]),
        orders="amazon",
        zone="America/Los_Angeles",
        banks={"USD": quickbooks["bank_account"]},
    )
    service.bookkeeping.create_flow(created)
    flow = service.bookkeeping.flow(FLOW)
    connections.connect_amazon(
        flow, amazon["refresh_token"], service.vault, service.bookkeeping, service.amazon, service.clock, service.person
    )
    connections.connect_quickbooks(
        flow,
        quickbooks["refresh_token"],
        service.vault,
        service.bookkeeping,
        service.quickbooks,
        service.clock,
        service.person,
    )
    apply_for(service, FLOW, propose_for(service, FLOW, {}, []))


def _show(facts: dict[str, Any], calls: dict[str, int], seconds: float, home: Path) -> None:
    show_status(facts)
    out.print(
        f"{calls['amazon']} calls to Amazon, {calls['quickbooks']} to QuickBooks, {seconds} seconds, start-up included"
    )
    ml = f"{PREFIX}HOME={home} {'uv run ' if 'UV' in os.environ else ''}ml-connector"
    out.print("\nOpen what was made:", style="bold")
    out.print(f"  {ml} status {FLOW}", markup=False)
    out.print(f"  {ml} audit trail {FLOW} --settlement {facts['settlements'][0]['settlement_id']}", markup=False)
    out.print(f"  {ml} audit verify", markup=False)
    out.print(f"  {ml} books export {FLOW} --format beancount", markup=False)
    out.print("\nOpen it as pages: this prints a token and serves them at http://127.0.0.1:8000", style="bold")
    out.print(f"  {ml} token create me ; {ml} serve --no-timer", markup=False, soft_wrap=True)
