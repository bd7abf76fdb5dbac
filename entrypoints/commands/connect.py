"""`ml-connector connect` and `chart`: the vendors' consent, and what QuickBooks must have for the books."""

import sys
from typing import Annotated, Any

import typer

from application import connections
from application.authorisation import LIFE
from application.chart_setup import Proposal, apply, propose
from domain.errors import BadInput
from domain.event import Stamp
from entrypoints.bootstrap import Services, services
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.console import HELD, err, out, print_json, print_table

app = typer.Typer(help="Connect a flow to Amazon and QuickBooks.", no_args_is_help=True)
chart_app = typer.Typer(help="Accounts, invoice items and customers in QuickBooks.", no_args_is_help=True)

FromStdin = Annotated[bool, typer.Option("--refresh-token-stdin", help="Read the refresh token from standard input.")]


@app.command()
def amazon(
    flow: FlowName,
    refresh_token_stdin: FromStdin = False,
    other_seller: Annotated[
        bool, typer.Option("--other-seller", help="The flow shall carry another seller's trade from now on.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Print the address where the seller consents; or store a refresh token (encrypted) and try it."""
    if not refresh_token_stdin:
        return _open(flow, connections.AMAZON, other_seller, as_json)
    token = sys.stdin.read()
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
        out.print(f"Next: ml-connector connect quickbooks {flow}")
    return 0


@app.command()
def quickbooks(flow: FlowName, refresh_token_stdin: FromStdin = False, as_json: AsJson = False) -> int:
    """Print the address where the company's admin consents; or store a refresh token (encrypted) and try it."""
    if not refresh_token_stdin:
        return _open(flow, connections.QUICKBOOKS, False, as_json)
    token = sys.stdin.read()
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


@app.command()
def revoke(
    vendor: Annotated[str, typer.Argument(help="amazon or quickbooks.")], flow: FlowName, as_json: AsJson = False
) -> int:
    """End a connection: tell the vendor where it can be told, and forget the credential."""
    if vendor not in connections.VENDORS:
        raise BadInput(f"vendor {vendor!r}: expected one of {', '.join(connections.VENDORS)}")
    with services() as service:
        told = connections.disconnect(
            service.bookkeeping.flow(flow),
            vendor,
            service.vault,
            service.bookkeeping,
            service.consent(vendor),
            service.clock,
            service.person,
        )
        service.views.catch_up()
    if as_json:
        print_json({"flow": flow, "disconnected": vendor, "told_vendor": told})
    else:
        out.print(f"Flow {flow} is disconnected from {vendor}; its credential is forgotten.")
        if not told:
            out.print("Amazon cannot be told by a program. In Seller Central: Apps and Services, Manage Your Apps.")
    return 0


def _open(flow: str, vendor: str, other_seller: bool, as_json: bool) -> int:
    with services() as service:
        begun = service.authorisation.begin(flow, vendor, service.person, other_seller)
    if as_json:
        print_json({"flow": flow, "open": begun.address, "expires": begun.expires})
    else:
        out.print(begun.address, markup=False)
        err.print(
            f"Open it in a browser within {LIFE.seconds // 60} minutes, while ml-connector serve runs there. It works "
            "once, and connects the flow in your name: give it to nobody.",
            markup=False,
        )
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
    with service.quickbooks(state) as quickbooks:
        return propose(state, quickbooks, service.bookkeeping.mapping(flow), chosen, more)


def apply_for(service: Services, flow: str, proposals: list[Proposal]) -> None:
    """Create and map what was proposed, as one event."""
    state = service.bookkeeping.flow(flow)
    stamp = Stamp(flow, service.clock(), service.person)
    with service.quickbooks(state) as quickbooks:
        changed = apply(state, quickbooks, service.bookkeeping.mapping(flow), proposals, stamp)
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


def _pair(text: str) -> tuple[str, str]:
    key, equals, name = text.partition("=")
    if not equals or not key or not name:
        raise BadInput(f"--map {text!r}: expected KEY=NAME, for example SALES='Sales of Product Income'")
    return key, name
