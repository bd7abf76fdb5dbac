"""`ml-connector connect` and `chart`: the vendors' consent, and what QuickBooks must have for the books."""

import sys
from typing import Annotated, Any

import typer

from application import connections
from application.chart_setup import Proposal, apply, propose
from domain.errors import BadInput
from domain.event import Stamp
from entrypoints.bootstrap import Services, services
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.console import HELD, out, print_json, print_table

app = typer.Typer(help="Connect a flow to Amazon and QuickBooks.", no_args_is_help=True)
chart_app = typer.Typer(help="Accounts, invoice items and customers in QuickBooks.", no_args_is_help=True)

FromStdin = Annotated[bool, typer.Option("--refresh-token-stdin", help="Read the refresh token from standard input.")]


@app.command()
def amazon(flow: FlowName, refresh_token_stdin: FromStdin = False, as_json: AsJson = False) -> int:
    """Store the seller's refresh token (encrypted) and try it."""
    token = _token(refresh_token_stdin)
    with services() as service:
        connected = connections.connect_amazon(
            service.bookkeeping.flow(flow),
            token,
            service.vault,
            service.bookkeeping,
            service.amazon,
            service.clock,
            service.person,
        )
        service.views.catch_up()
    places = [{"id": key, "name": name, "currency": code} for key, (name, code) in connected.marketplaces.items()]
    if as_json:
        print_json({"flow": flow, "connected": "amazon", "marketplaces": places})
    else:
        out.print(f"Amazon is connected: {', '.join(place['name'] for place in places) or 'no marketplaces'}.")
        out.print(f"Next: ml-connector connect quickbooks {flow} --refresh-token-stdin")
    return 0


@app.command()
def quickbooks(flow: FlowName, refresh_token_stdin: FromStdin = False, as_json: AsJson = False) -> int:
    """Store the company's refresh token (encrypted) and try it."""
    token = _token(refresh_token_stdin)
    with services() as service:
        connected = connections.connect_quickbooks(
            service.bookkeeping.flow(flow),
            token,
            service.vault,
            service.bookkeeping,
            service.quickbooks,
            service.clock,
            service.person,
        )
        service.views.catch_up()
    facts = {"company": connected.company, "home_currency": connected.home_currency, "country": connected.country}
    if as_json:
        print_json({"flow": flow, "connected": "quickbooks", **facts})
    else:
        out.print(f"QuickBooks is connected: {connected.company} ({connected.home_currency}).")
        if not connected.custom_numbers:
            out.print(
                "Custom transaction numbers are off, so invoices cannot bear Amazon's order ids. Turn them on in "
                "QuickBooks: Settings, Account and settings, Sales, Custom transaction numbers."
            )
        out.print(f"Next: ml-connector chart propose {flow}")
    return 0


@chart_app.command("propose")
def propose_chart(
    flow: FlowName,
    apply_it: Annotated[bool, typer.Option("--apply", help="Create and map what is proposed.")] = False,
    use: Annotated[list[str] | None, typer.Option("--map", help="Use an existing account: KEY=NAME or KEY=ID.")] = None,
    account: Annotated[list[str] | None, typer.Option(help="Propose this account key of the chart too.")] = None,
    as_json: AsJson = False,
) -> int:
    """Show what QuickBooks needs: accounts, items and customers to map or to create."""
    chosen = dict(_pair(pair) for pair in use or ())
    with services() as service:
        proposals = propose_for(service, flow, chosen, account or [])
        if apply_it:
            apply_for(service, flow, proposals)
    conflicts = [proposal for proposal in proposals if proposal.action == "conflict"]
    if as_json:
        print_json({"flow": flow, "applied": apply_it, "proposals": [_facts(proposal) for proposal in proposals]})
    else:
        rows = [[proposal.kind, proposal.key, proposal.name, proposal.action, proposal.note] for proposal in proposals]
        print_table(f"Chart for {flow}", ["what", "key", "name in QuickBooks", "action", "note"], rows, text=["note"])
        if apply_it:
            out.print(f"Applied. Next: ml-connector sync {flow}")
        elif not conflicts:
            out.print("Nothing is changed yet; add --apply to create and map these.")
    return HELD if conflicts else 0


def propose_for(service: Services, flow: str, chosen: dict[str, str], more: list[str]) -> list[Proposal]:
    """The proposals of a flow, asked of its company."""
    state = service.bookkeeping.flow(flow)
    return propose(state, service.quickbooks(state), service.bookkeeping.mapping(flow), chosen, more)


def apply_for(service: Services, flow: str, proposals: list[Proposal]) -> None:
    """Create and map what was proposed, as one event."""
    state = service.bookkeeping.flow(flow)
    stamp = Stamp(flow, service.clock(), service.person)
    changed = apply(state, service.quickbooks(state), service.bookkeeping.mapping(flow), proposals, stamp)
    if changed is not None:
        service.views.catch_up()
        service.bookkeeping.change_mapping(changed, service.views.open_gaps(flow))
        service.views.catch_up()


def _facts(proposal: Proposal) -> dict[str, Any]:
    return {
        "kind": proposal.kind,
        "key": proposal.key,
        "name": proposal.name,
        "action": proposal.action,
        "quickbooks_id": proposal.ref.id if proposal.ref is not None else None,
        "note": proposal.note,
    }


def _token(from_stdin: bool) -> str:
    if not from_stdin:
        raise BadInput("give the refresh token on standard input with --refresh-token-stdin; it is never an argument")
    return sys.stdin.read()


def _pair(text: str) -> tuple[str, str]:
    key, equals, name = text.partition("=")
    if not equals or not key or not name:
        raise BadInput(f"--map {text!r}: expected KEY=NAME, for example SALES='Sales of Product Income'")
    return key, name
