"""`ml-connector doctor`: is this installation able to work? Each finding says what is wrong and what to do."""

from typing import Annotated, Any

import typer

from application.diagnosis import Finding, examine
from entrypoints.bootstrap import services
from entrypoints.commands.flow import AsJson
from entrypoints.console import FAILED, print_json, print_table


def doctor(
    flow: Annotated[str | None, typer.Argument(help="One flow; all if none.")] = None,
    as_json: AsJson = False,
) -> int:
    """Check settings, database, keys and history, then each flow's vendors, without writing anything to them."""
    with services() as service:
        service.views.catch_up()
        names = [flow] if flow is not None else service.views.flows()
        findings = examine(
            service.database.check, service.ledger, [service.bookkeeping.flow(name) for name in names],
            service.vault, service.amazon, service.quickbooks,
        )  # fmt: skip
    if as_json:
        print_json({"findings": [_facts(finding) for finding in findings]})
    else:
        rows = [
            [finding.subject, "well" if finding.ok else "ill", finding.text, finding.what_to_do] for finding in findings
        ]
        print_table("Findings", ["what", "", "found", "what to do"], rows, text=["found", "what to do"])
    return 0 if all(finding.ok for finding in findings) else FAILED


def _facts(finding: Finding) -> dict[str, Any]:
    return {
        "subject": finding.subject,
        "ok": finding.ok,
        "text": finding.text,
        "what_to_do": finding.what_to_do or None,
    }
