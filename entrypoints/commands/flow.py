"""`ml-connector flow`: set flows up and look at them."""

from datetime import date
from typing import Annotated, Any

import typer

from domain.errors import BadInput
from domain.flow import Flow, FlowCreated, check_alone
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
    realm: Annotated[str, typer.Option(help="The QuickBooks company id, digits only.")],
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
    banks, currencies = bank or [], currency or []
    if len(banks) != len(currencies) or not banks:
        raise BadInput("--bank and --currency go in pairs, at least one: --bank 'Checking' --currency USD")
    if len(set(currencies)) != len(currencies):
        raise BadInput("--currency names one currency twice; each has one bank account")
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
            banks={code.upper(): account for code, account in zip(currencies, banks, strict=True)},
        )
        if not another_seller:
            service.views.catch_up()
            check_alone(created, [service.bookkeeping.flow(other) for other in service.views.flows() if other != name])
        service.bookkeeping.create_flow(created)
        service.views.catch_up()
        if as_json:
            print_json(as_facts(name, service.bookkeeping.flow(name)))
        else:
            out.print(f"Flow {name} is set up. Next: ml-connector connect amazon {name} --refresh-token-stdin")
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
        "company": flow.company,
        "home_currency": flow.home_currency,
    }


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
