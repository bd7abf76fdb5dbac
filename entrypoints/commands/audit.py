"""`ml-connector audit` and `rebuild-views`: the history, its proof, and the tables made from it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from application import close_packet
from application.audit import verify as verify_history
from domain.errors import BadInput
from entrypoints.bootstrap import services
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.console import FAILED, err, out, print_json

app = typer.Typer(
    help="What happened, who did it and why; and the proof that nothing was altered.", no_args_is_help=True
)


@app.command()
def trail(
    flow: FlowName,
    order: Annotated[str | None, typer.Option(help="An Amazon order id.")] = None,
    settlement: Annotated[str | None, typer.Option(help="A settlement id.")] = None,
    posting: Annotated[
        str | None, typer.Option(help="A posting: KIND/KEY, for example invoice/113-1234567-1234567.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="A person or cycle:ID.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most this many, the newest.")] = 200,
    as_json: AsJson = False,
) -> int:
    """The events of a flow, oldest first."""
    filters: dict[str, Any] = {"order_id": order, "settlement_id": settlement, "posting": posting, "by": by}
    with services() as service:
        service.bookkeeping.flow(flow)
        service.views.catch_up()
        rows = service.views.query(
            "audit", flow, limit=limit, **{name: value for name, value in filters.items() if value is not None}
        )
    if as_json:
        print_json({"flow": flow, "events": rows})
        return 0
    for row in rows:
        at = str(row["at"])[:19].replace("T", " ")
        out.print(f"{row['position']:>7}  {at} UTC  {row['by']}", style="dim", markup=False)
        out.print(f"         {row['summary']}  ({row['name']})", markup=False)
    return 0


@app.command()
def verify(as_json: AsJson = False) -> int:
    """Recompute the hash chain over everything stored; names the first event that is not what was written."""
    with services() as service, err.status("Recomputing the chain over all events ..."):
        finding = verify_history(service.ledger, service.store)
    if as_json:
        print_json(finding)
    elif finding.ok:
        out.print(
            f"The history is intact: {finding.events} events in {finding.transactions} transactions, "
            f"head {finding.head}."
        )
    else:
        err.print(f"[bold red]The history was altered:[/] {finding.problem.replace('[', chr(92) + '[')}")
    return 0 if finding.ok else FAILED


@app.command("verify-packet")
def verify_packet(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A close packet, as `close --packet` makes it.")],
    as_json: AsJson = False,
) -> int:
    """Check a close packet by itself: its hashes and its sums. Asks no database and no network."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}; expected a close packet") from None
    finding = close_packet.verify(content)
    if as_json:
        print_json(finding)
    elif finding.ok:
        out.print(
            f"The packet is whole: flow {finding.flow}, month {finding.month}, made {finding.made_at}; "
            f"{finding.documents} documents, {finding.entries} ledger entries, {finding.files} files. "
            f"Seal {finding.seal}",
            markup=False,
        )
    else:
        for problem in finding.problems:
            err.print(f"The packet is not what was sealed: {problem}", markup=False)
    return 0 if finding.ok else FAILED


def rebuild_views(as_json: AsJson = False) -> int:
    """Build all read models anew from the events, beside the standing ones, and swap."""
    with services() as service, err.status("Folding all events beside the standing tables ..."):
        folded = service.views.rebuild()
    if as_json:
        print_json({"events": folded})
    else:
        out.print(f"Read models rebuilt from {folded} events.")
    return 0
