"""`ml-connector order import`: what is older than Amazon gives, from files that a person has."""

from pathlib import Path
from typing import Annotated, Any

import typer

from application.order_history import OrderImport
from domain.errors import BadInput
from entrypoints.bootstrap import order_readers, services
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.commands.sync import exit_status, run_now, show_status, status_facts
from entrypoints.console import BAD_INPUT, FAILED, err, out, print_json, progress_bars

app = typer.Typer(help="Orders from files.", no_args_is_help=True)

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="All-orders reports, or FBA shipment reports, as Amazon gives them."),
]


@app.command("import")
def import_files(flow: FlowName, files: Files, as_json: AsJson = False) -> int:
    """Take order reports (by last update or by order date) and FBA shipment reports into a flow, and post."""
    with services() as service, progress_bars(as_json) as progress:
        state = service.bookkeeping.flow(flow)
        if not state.has_orders:
            raise BadInput(f"flow {flow} books settlement files alone; orders are no part of it")
        taken = OrderImport(state, service.bookkeeping, service.evidence, order_readers, service.person)
        imported = [_import(taken, file) for file in files]
        report = run_now(service, flow, progress, fetch=False)
        facts = status_facts(flow, service.views)
    if as_json:
        print_json({"files": imported, "error": report.error or None, "counts": report.counts, **facts})
    else:
        for entry in imported:
            for problem in entry["problems"]:
                err.print(f"{entry['file']}, line {problem['line']}: {problem['problem']}", markup=False)
            out.print(f"{entry['file']}: {entry['orders']} orders, parcels of {entry['parcels']} orders", markup=False)
            if entry["unclear"]:
                out.print(
                    f"  {entry['unclear']} orders do not say who owes their tax; they are held until Amazon is asked",
                    markup=False,
                )
        show_status(facts)
        if report.error:
            err.print(f"The cycle stopped: {report.error}", markup=False)
    if any(entry["problems"] for entry in imported):
        return BAD_INPUT
    return FAILED if report.error else exit_status(facts)


def _import(taken: OrderImport, file: Path) -> dict[str, Any]:
    try:
        content = file.read_bytes()
    except OSError as error:
        problems = [{"line": 0, "order_id": "", "problem": f"cannot be read: {error.strerror}; expected a report file"}]
        return {"file": str(file), "orders": 0, "parcels": 0, "unclear": 0, "problems": problems}
    result = taken.either(content)
    return {
        "file": str(file),
        "orders": result.orders,
        "parcels": result.parcels,
        "unclear": result.unclear,
        "problems": [
            {"line": problem.line, "order_id": problem.order_id, "problem": problem.problem}
            for problem in result.problems
        ],
    }
