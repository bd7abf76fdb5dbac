"""`ml-connector settlement`: look into settlement files, and book them like fetched ones."""

from pathlib import Path
from typing import Annotated, Any

import typer

from application import word
from application.inspection import Inspection, exit_status, inspect_files
from application.settlement_files import ingest_document
from domain.mapping import Mapping
from entrypoints.bootstrap import read_settlement_report, services
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.commands.reports import news
from entrypoints.commands.sync import exit_status as status_exit
from entrypoints.commands.sync import run_now, show_status, status_facts
from entrypoints.console import BAD_INPUT, FAILED, err, out, print_json, print_table, progress_bars

app = typer.Typer(help="Settlement files (flat file V2 and V1).", no_args_is_help=True)

app.command("news")(news)

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Settlement files as Amazon gives them.")]


@app.command()
def inspect(files: Files, as_json: AsJson = False) -> int:
    """What is in settlement files: do they add up, where do the amounts go, what has no rule?"""
    with progress_bars(as_json) as progress:
        report = inspect_files(files, read_settlement_report, Mapping(), progress)
    if as_json:
        print_json(report)
    else:
        _show(report)
    return exit_status(report)


@app.command()
def keep(
    flow: FlowName,
    settlement_id: Annotated[str, typer.Argument(help="The disputed settlement.")],
    why: Annotated[str, typer.Option(help="The reason, for the audit trail.")] = "",
    as_json: AsJson = False,
) -> int:
    """Keep a settlement as it was first complete, where Amazon sent its id again with other lines."""
    word.check_reason(why)
    with services() as service:
        state = service.bookkeeping.flow(flow)
        word.keep(state, settlement_id, service.bookkeeping, service.person, why)
        service.views.catch_up()
    if as_json:
        print_json({"flow": flow, "settlement_id": settlement_id, "kept": True})
    else:
        out.print(f"Settlement {settlement_id} stands as it was. It is posted by: ml-connector sync {flow}")
    return 0


@app.command("import")
def import_files(flow: FlowName, files: Files, as_json: AsJson = False) -> int:
    """Take settlement files into a flow and post them like fetched ones."""
    with services() as service, progress_bars(as_json) as progress:
        state = service.bookkeeping.flow(flow)
        imported: list[dict[str, Any]] = []
        for file in files:
            try:
                content = file.read_bytes()
            except OSError as error:
                message = f"cannot be read: {error.strerror}; expected a settlement file"
                imported.append({"file": str(file), "settlements": [], "error": message})
                continue
            (digest,) = service.evidence.put(flow, [content])
            result = ingest_document(
                content,
                "",
                f"file {file.name}",
                state,
                service.bookkeeping,
                read_settlement_report,
                service.person,
                digest,
            )
            problem = result.problems[0] if result.problems else None
            where = f"line {problem.line}, column {problem.column}: " if problem and problem.line is not None else ""
            imported.append(
                {
                    "file": str(file),
                    "settlements": result.settlements,
                    "error": f"{where}{problem.message}" if problem else None,
                }
            )
        report = run_now(service, flow, progress, fetch=False)
        facts = status_facts(flow, service.views)
    if as_json:
        print_json({"files": imported, "error": report.error or None, "counts": report.counts, **facts})
    else:
        for entry in imported:
            if entry["error"]:
                err.print(f"{entry['file']}: {entry['error']}", markup=False)
            out.print(f"{entry['file']}: {len(entry['settlements'])} settlements taken in", markup=False)
        show_status(facts)
        if report.error:
            err.print(f"The cycle stopped: {report.error}", markup=False)
    if any(entry["error"] for entry in imported):
        return BAD_INPUT
    return FAILED if report.error else status_exit(facts)


def _show(report: Inspection) -> None:
    for file in report.files:
        if file.error is not None:
            place = f", line {file.error.line}, column {file.error.column}" if file.error.line is not None else ""
            err.print(f"{file.file}{place}: {file.error.message}", markup=False)
        for settlement in file.settlements:
            tie = "adds up" if settlement.balanced else "does not add up"
            out.print(
                f"{file.file}: settlement {settlement.settlement_id}, {settlement.lines} lines, "
                f"total {settlement.total or '-'}, lines make {settlement.sum} {settlement.currency}: {tie}",
                markup=False,
            )
            rows = [[key, amount] for key, amount in settlement.by_account.items()]
            print_table("", ["account key", settlement.currency], rows, right=[settlement.currency])
            for gap in settlement.unmapped:
                triple = " | ".join((gap.transaction_type, gap.amount_type, gap.amount_description))
                out.print(f"  no rule: {triple}: {gap.lines} lines, {gap.amount}", markup=False)
