"""`ml-connector doctor`: is this installation able to work? Each finding says what is wrong and what to do."""

from typing import Annotated, Any

import typer

from application.diagnosis import Finding, Status, worst
from entrypoints.bootstrap import diagnose
from entrypoints.commands.flow import AsJson
from entrypoints.console import DONE, FAILED, HELD, print_json, print_table

_EXIT: dict[Status, int] = {"ok": DONE, "warning": HELD, "error": FAILED}


def doctor(
    flow: Annotated[str | None, typer.Argument(help="One flow; all if none.")] = None,
    as_json: AsJson = False,
) -> int:
    """Check settings, database, keys, clocks, disk and history, then each flow's vendors, writing nothing to them."""
    findings = diagnose(flow)
    if as_json:
        print_json({"status": worst(findings), "findings": [finding_facts(finding) for finding in findings]})
    else:
        rows = [[finding.subject, finding.status, finding.text, finding.what_to_do] for finding in findings]
        print_table("Findings", ["what", "", "found", "what to do"], rows, text=["found", "what to do"])
    return _EXIT[worst(findings)]


def finding_facts(finding: Finding) -> dict[str, Any]:
    """A finding as JSON shows it."""
    return {
        "subject": finding.subject,
        "status": finding.status,
        "ok": finding.ok,
        "text": finding.text,
        "what_to_do": finding.what_to_do or None,
    }
