"""`ml-connector flow`: set flows up and look at them."""

from datetime import date
from typing import Annotated, Any

import msgspec
import typer
from msgspec import UNSET

from domain.errors import BadInput
from domain.flow import (
    SOURCES,
    Flow,
    FlowConfigured,
    FlowCreated,
    FlowPaused,
    FlowResumed,
    FlowSettings,
    Schedule,
    check_alone,
    schedule_from,
)
from domain.policy import policies_from, policy_words
from entrypoints.bootstrap import services
from entrypoints.console import out, print_json, print_table

app = typer.Typer(
    help="Flows: one Amazon seller account in one region into one QuickBooks company.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FlowName = Annotated[str, typer.Argument(metavar="FLOW", help="The flow's name.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="A short name: letters, digits, - and _.")],
    region: Annotated[str, typer.Option(help="Amazon's region: na, eu or fe.")],
    realm: Annotated[
        str, typer.Option(help="The QuickBooks company id, digits only; the company that is connected first if none.")
    ] = "",
    marketplace: Annotated[
        list[str] | None, typer.Option(help="A marketplace id; all of the seller's if none.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="First day to book, YYYY-MM-DD; what shipped before is not invoiced.")
    ] = None,
    orders: Annotated[
        str, typer.Option(help="amazon: orders become invoices; none: settlement files alone.")
    ] = "amazon",
    zone: Annotated[
        str, typer.Option(help="Time zone of the books; fixed once something is posted.")
    ] = "America/Los_Angeles",
    bank: Annotated[
        list[str] | None, typer.Option(help="QuickBooks bank account that receives payouts; one per --currency.")
    ] = None,
    currency: Annotated[list[str] | None, typer.Option(help="Currency of the --bank before or after it.")] = None,
    another_seller: Annotated[
        bool, typer.Option(help="Another flow has this region and company, and this is another seller's account.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Create a flow."""
    banks = _banks(bank or [], currency or [])
    if not banks:
        raise BadInput("--bank and --currency go in pairs, at least one: --bank 'Checking' --currency USD")
    with services() as service:
        created = FlowCreated(
            flow=name,
            at=service.clock(),
            by=service.person,
            region=region,
            realm=realm,
            marketplaces=tuple(marketplace or ()),
            since=_day(since),
            orders=orders,
            zone=zone,
            banks=banks,
        )
        if not another_seller:
            service.views.catch_up()
            check_alone(created, [service.bookkeeping.flow(other) for other in service.views.flows() if other != name])
        service.bookkeeping.create_flow(created)
        service.views.catch_up()
        if as_json:
            print_json(as_facts(name, service.bookkeeping.flow(name)))
        else:
            out.print(f"Flow {name} is set up. Next: ml-connector connect amazon {name}")
    return 0


@app.command()
def configure(
    name: FlowName,
    schedule: Annotated[
        list[str] | None,
        typer.Option(help="SOURCE=WHEN: orders, settlements, posting or all; 30m, or a cron expression."),
    ] = None,
    schedule_zone: Annotated[str, typer.Option(help="Time zone of the cron expressions given.")] = "UTC",
    bank: Annotated[
        list[str] | None, typer.Option(help="QuickBooks account that receives payouts; one per --currency.")
    ] = None,
    currency: Annotated[list[str] | None, typer.Option(help="Currency of the --bank before or after it.")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of the books; fixed once something is posted.")] = None,
    since: Annotated[
        str | None, typer.Option(help="First day to book, YYYY-MM-DD; fixed once something is read.")
    ] = None,
    marketplace: Annotated[
        list[str] | None, typer.Option(help="The marketplace ids from now on; 'all' for all of the seller's.")
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE: how the flow books, for example tax=gross or month_split=off.")
    ] = None,
    why: Annotated[str, typer.Option(help="For the audit trail.")] = "",
    as_json: AsJson = False,
) -> int:
    """Change settings; what is not named stays. Where alerts go is said by: ml-connector alerts channel add."""
    policies = dict(_pair("--policy", pair, "tax=gross") for pair in policy or [])
    wanted = FlowSettings(
        schedule=_schedules(schedule, schedule_zone) if schedule else UNSET,
        banks=_banks(bank or [], currency or []) or UNSET,
        zone=zone if zone is not None else UNSET,
        since=_day(since) if since is not None else UNSET,
        marketplaces=_marketplaces(marketplace) if marketplace else UNSET,
    )
    if not wanted.named() and not policies:
        raise BadInput("nothing to change was named; see: ml-connector flow configure --help")
    with services() as service:
        if policies:
            standing = service.bookkeeping.flow(name).policies
            wanted = msgspec.structs.replace(wanted, policies=policies_from(policies, standing))
        decided = service.flow_setup.configure(name, wanted, service.person, why)
        service.views.catch_up()
        facts = as_facts(name, service.bookkeeping.flow(name))
    changed = decided.event.new.named() if isinstance(decided.event, FlowConfigured) else {}
    if as_json:
        print_json({**facts, "changed": list(changed)})
    elif not changed:
        out.print(f"Flow {name} is set up like that already.")
    else:
        out.print(f"Flow {name}: {', '.join(changed)} changed.")
        if "marketplaces" in changed:
            out.print(f"The next cycle reads the orders anew. Next: ml-connector chart propose {name}")
    return 0


@app.command()
def pause(name: FlowName, why: Annotated[str, typer.Option(help="For the audit trail.")] = "") -> int:
    """Stop running the flow by its schedule."""
    with services() as service:
        decided = service.flow_setup.pause(name, service.person, why)
    out.print(f"Flow {name} {'is paused' if isinstance(decided.event, FlowPaused) else 'was paused already'}.")
    return 0


@app.command()
def resume(name: FlowName, why: Annotated[str, typer.Option(help="For the audit trail.")] = "") -> int:
    """Run the flow by its schedule again."""
    with services() as service:
        decided = service.flow_setup.resume(name, service.person, why)
    out.print(f"Flow {name} {'is resumed' if isinstance(decided.event, FlowResumed) else 'was not paused'}.")
    return 0


@app.command("list")
def list_flows(as_json: AsJson = False) -> int:
    """List the flows."""
    with services() as service:
        service.views.catch_up()
        flows = {name: service.bookkeeping.flow(name) for name in service.views.flows()}
    if as_json:
        print_json({"flows": [as_facts(name, flow) for name, flow in flows.items()]})
        return 0
    rows = [
        [name, flow.region, flow.realm, flow.orders, ", ".join(flow.banks), _yes(flow.amazon), _yes(flow.quickbooks)]
        for name, flow in flows.items()
    ]
    print_table("Flows", ["flow", "region", "company", "orders", "currencies", "Amazon", "QuickBooks"], rows)
    return 0


@app.command()
def show(name: FlowName, as_json: AsJson = False) -> int:
    """Show one flow."""
    with services() as service:
        flow = service.bookkeeping.flow(name)
    facts = as_facts(name, flow)
    if as_json:
        print_json(facts)
        return 0
    facts |= {"schedule": {source: str(entry) for source, entry in flow.schedule.items()}}
    print_table(f"Flow {name}", ["setting", "value"], [[key, _text(value)] for key, value in facts.items()])
    return 0


def as_facts(name: str, flow: Flow) -> dict[str, Any]:
    """A flow as JSON shows it."""
    return {
        "flow": name,
        "region": flow.region,
        "realm": flow.realm,
        "marketplaces": list(flow.marketplaces),
        "since": flow.since,
        "orders": flow.orders,
        "zone": flow.zone,
        "banks": flow.banks,
        "amazon_connected": flow.amazon,
        "quickbooks_connected": flow.quickbooks,
        "seller": flow.seller,
        "company": flow.company,
        "home_currency": flow.home_currency,
        "schedule": {source: msgspec.to_builtins(entry) for source, entry in flow.schedule.items()},
        "paused": flow.paused,
        "policies": policy_words(flow.policies),
    }


def _banks(banks: list[str], currencies: list[str]) -> dict[str, str]:
    if len(banks) != len(currencies):
        raise BadInput("--bank and --currency go in pairs, at least one: --bank 'Checking' --currency USD")
    if len(set(currencies)) != len(currencies):
        raise BadInput("--currency names one currency twice; each has one bank account")
    return {code.upper(): account for code, account in zip(currencies, banks, strict=True)}


def _schedules(pairs: list[str], zone: str) -> dict[str, Schedule]:
    schedules = {}
    for source, when in (_pair("--schedule", pair, "orders=30m") for pair in pairs):
        for one in SOURCES if source == "all" else (source,):
            schedules[one] = schedule_from(when, zone)
    return schedules


def _marketplaces(ids: list[str]) -> tuple[str, ...]:
    return () if ids == ["all"] else tuple(ids)


def _pair(option: str, text: str, example: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key or not value:
        raise BadInput(f"{option} {text!r}: expected {example}")
    return key, value


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--since {text!r}: expected a day like 2026-10-01") from None


def _yes(value: bool) -> str:
    return "connected" if value else "not connected"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {entry}" for key, entry in value.items())
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)
