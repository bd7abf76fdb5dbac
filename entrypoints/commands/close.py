"""`ml-connector close`: the month-end checklist, and the close packet that seals what it was made from."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from application import close_packet
from application import trial_balance as balances
from application.audit import verify
from application.month_end import Checklist, checklist, last_month, month_of
from application.ports import Views
from domain.errors import BadInput
from domain.flow import Flow
from domain.mapping import Mapping
from entrypoints.bootstrap import Services, open_books, services
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.commands.reports import AsOf, day_looked_at
from entrypoints.commands.sync import views_at
from entrypoints.console import DONE, HELD, err, out, print_json, print_table

WORDS = {"pass": "ok", "fail": "FAILS", "not_applicable": "not applicable", "not_known": "not known"}


def close(
    flow: FlowName,
    month: Annotated[str, typer.Option(help="The month, like 2026-10; the last one if none.")] = "",
    packet: Annotated[Path | None, typer.Option(help="Write the close packet to this file (.zip).")] = None,
    ask: Annotated[bool, typer.Option("--ask/--no-ask", help="Ask QuickBooks for its own clearing balance.")] = True,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> int:
    """The month-end checklist. Exit status 3 while a line fails or is not known."""
    with services() as service:
        state = service.bookkeeping.flow(flow)
        mapping = service.bookkeeping.mapping(flow)
        views, position = views_at(service, as_of)
        today = day_looked_at(service, state, as_of)
        month = month or last_month(today)
        _, last = month_of(month)
        if packet is not None and last >= today:
            raise BadInput(f"month {month} ends on {last}: a close packet is of a month that is over")
        told = clearing_balances(service, state, mapping, views) if ask and as_of is None and state.quickbooks else None
        differ = _answers_differ(service, state, mapping, last) if packet is not None and as_of is None else None
        made = checklist(state, mapping, views, month, today, told, differ)
        seal = ""
        if packet is not None:
            content, seal = _packet(service, mapping, views, made, position)
            made = checklist(state, mapping, views, month, today, told, differ, seal)
            packet.write_bytes(content)
    if as_json:
        print_json({**checklist_facts(made), "position": position, "packet": str(packet or ""), "seal": seal})
    else:
        show(made)
        if packet is not None:
            err.print(f"Written: {packet}, seal {seal}", markup=False)
    return DONE if made.ready else HELD


def checklist_facts(made: Checklist) -> dict[str, Any]:
    """The checklist as JSON shows it."""
    return {"flow": made.flow, "month": made.month, "ready": made.ready, "counts": made.counts, "lines": made.lines}


def clearing_balances(service: Services, flow: Flow, mapping: Mapping, views: Views) -> dict[str, int]:
    """QuickBooks' own balances of the clearing accounts that we moved, by currency."""
    with service.asked_by_person(flow) as quickbooks:
        return {
            row["currency"]: quickbooks.balance(mapping.accounts[f"CLR:{row['currency']}"])
            for row in views.query("clearing", flow.name)
            if f"CLR:{row['currency']}" in mapping.accounts
        }


def _answers_differ(service: Services, flow: Flow, mapping: Mapping, last: date) -> list[str]:
    books = open_books(service, flow.name)
    rows = service.views.query("trial_balance", flow.name, at=last.isoformat())
    return balances.differences(books, rows, mapping, last)


def _packet(service: Services, mapping: Mapping, views: Views, made: Checklist, position: int) -> tuple[bytes, str]:
    with err.status("Recomputing the audit chain ..."):
        finding = verify(service.ledger, service.store)
    chain = close_packet.Chain(position, finding.head, finding.events, finding.transactions, finding.ok)
    return close_packet.build(
        made,
        views.query("ledger", made.flow, to_day=made.last.isoformat()),
        views.query("postings", made.flow),
        lambda key: balances.account_of(key, mapping),
        chain,
        service.clock(),
        service.person,
    )


def show(made: Checklist) -> None:
    """The checklist as a bookkeeper reads it."""
    rows = [[str(line.number), line.title, line.value, WORDS[line.result], line.why] for line in made.lines]
    columns = ["", "what", "value", "stands", "why"]
    print_table(f"Month-end of {made.flow}, {made.month}", columns, rows, text=["what", "value", "why"])
    for line in made.lines:
        if line.result in ("fail", "not_known"):
            out.print(f"{line.number:>2}  {line.command}", markup=False)
    counts = made.counts
    out.print(
        f"{counts['pass']} ok, {counts['fail']} fail, {counts['not_known']} not known, "
        f"{counts['not_applicable']} not applicable: {'ready to close' if made.ready else 'not ready to close'}"
    )
