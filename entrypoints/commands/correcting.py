"""How the command line shows a correction: what is done to which document, and which amounts move."""

from collections.abc import Sequence
from typing import Any

from application.corrections import Correction, Step
from domain.corrections import Shift
from domain.money import format_minor
from entrypoints.console import out, print_json, print_table


def show(flow: str, done: Correction, preview: bool, as_json: bool) -> int:
    """Print a correction, or what it would be."""
    if as_json:
        print_json(facts(flow, done, preview))
        return 0
    rows = [
        [step.kind, step.key, step.operation, str(step.day or ""), money(step.total, step.currency)]
        for step in done.steps
    ]
    print_table("Would be done" if preview else "Planned", ["kind", "key", "what", "day", "total"], rows)
    show_shifts("Amounts that move (debits positive)", done.shifts)
    if not preview:
        out.print(f"It is sent by: ml-connector sync {flow}")
    return 0


def show_shifts(title: str, shifts: Sequence[Shift]) -> None:
    if shifts:
        rows = [[shift.month, shift.account, money(shift.amount, shift.currency)] for shift in shifts]
        print_table(title, ["month", "account", "amount"], rows)


def facts(flow: str, done: Correction, preview: bool) -> dict[str, Any]:
    return {
        "flow": flow,
        "preview": preview,
        "state": done.state,
        "remedy": done.remedy,
        "steps": [step_facts(step) for step in done.steps],
        "shifts": [shift_facts(shift) for shift in done.shifts],
    }


def step_facts(step: Step) -> dict[str, Any]:
    return {
        "kind": step.kind,
        "key": step.key,
        "operation": step.operation,
        "day": step.day.isoformat() if step.day is not None else None,
        "total": step.total,
        "currency": step.currency,
    }


def shift_facts(shift: Shift) -> dict[str, Any]:
    return {"month": shift.month, "account": shift.account, "currency": shift.currency, "amount": shift.amount}


def money(amount: int, currency: str) -> str:
    return f"{format_minor(amount, currency)} {currency}" if currency else ""
