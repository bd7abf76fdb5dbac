"""`ml-connector posting`: say what a document of QuickBooks is that looks like ours, and correct what is posted."""

from typing import Annotated

import typer

from application import word
from entrypoints.bootstrap import services
from entrypoints.commands.correcting import show
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.console import out, print_json

app = typer.Typer(help="Documents in QuickBooks that a person must settle or corrects.", no_args_is_help=True)

Kind = Annotated[str, typer.Argument(help="invoice, payment, deposit, journal, credit_memo, ...")]
Key = Annotated[str, typer.Argument(help="Its key, as `ml-connector held` shows it.")]
Preview = Annotated[bool, typer.Option("--preview", help="Show what would be done and do nothing.")]
Why = Annotated[str, typer.Option(help="The reason, for the audit trail.")]


@app.command()
def adopt(
    flow: FlowName,
    kind: Kind,
    key: Key,
    id: Annotated[str, typer.Option(help="QuickBooks' id of the document that is this one.")],
    why: Why = "",
    as_json: AsJson = False,
) -> int:
    """It is the same: the document of QuickBooks counts as posted; a different total stays on the list."""
    word.check(kind, why)
    with services() as service:
        state = service.bookkeeping.flow(flow)
        service.views.catch_up()
        word.adopt(
            state,
            kind,
            key,
            id,
            service.bookkeeping,
            service.views,
            service.asked_by_person,
            service.evidence,
            service.person,
            why,
        )
        service.views.catch_up()
    if as_json:
        print_json({"flow": flow, "posting": f"{kind}/{key}", "quickbooks_id": id})
    else:
        out.print(
            f"{kind.capitalize()} {key} is QuickBooks' {id}. What waited for it goes on: ml-connector sync {flow}"
        )
    return 0


@app.command()
def release(
    flow: FlowName,
    kind: Kind,
    key: Key,
    not_ours: Annotated[
        list[str] | None, typer.Option("--not", help="QuickBooks' id of a document that is another; may be repeated.")
    ] = None,
    why: Why = "",
    as_json: AsJson = False,
) -> int:
    """It is another, or gone: ours is planned and sent anew, and documents named by --not are never taken for it."""
    word.check(kind, why)
    with services() as service:
        state = service.bookkeeping.flow(flow)
        word.release(state, kind, key, not_ours or [], service.bookkeeping, service.person, why)
        service.views.catch_up()
    if as_json:
        print_json({"flow": flow, "posting": f"{kind}/{key}", "not_ours": not_ours or []})
    else:
        out.print(f"{kind.capitalize()} {key} is sent anew by: ml-connector sync {flow}")
    return 0


@app.command()
def amend(
    flow: FlowName, kind: Kind, key: Key, why: Why = "", preview: Preview = False, as_json: AsJson = False
) -> int:
    """Make a document what today's mapping and Amazon's word say, as far as its state allows (docs/accounting.md)."""
    with services() as service:
        state = service.bookkeeping.flow(flow)
        done = service.corrections.amend(state, kind, key, why, service.person, preview)
        service.views.catch_up()
    return show(flow, done, preview, as_json)


@app.command()
def void(flow: FlowName, kind: Kind, key: Key, why: Why = "", preview: Preview = False, as_json: AsJson = False) -> int:
    """Take a document out of the books; what left of an order is billed anew under its next number."""
    with services() as service:
        state = service.bookkeeping.flow(flow)
        done = service.corrections.void(state, kind, key, why, service.person, preview)
        service.views.catch_up()
    return show(flow, done, preview, as_json)


@app.command()
def reclass(
    flow: FlowName, kind: Kind, key: Key, why: Why = "", preview: Preview = False, as_json: AsJson = False
) -> int:
    """Move a document's amounts to today's accounts by a journal; the document stays as it is."""
    with services() as service:
        state = service.bookkeeping.flow(flow)
        done = service.corrections.reclass(state, kind, key, why, service.person, preview)
        service.views.catch_up()
    return show(flow, done, preview, as_json)
