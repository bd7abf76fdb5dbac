"""`ml-connector purge`: vendors' bytes that are old enough are looked at, and removed where that is said."""

from typing import Annotated

import typer

from entrypoints.bootstrap import services
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.console import DONE, out, print_json


def purge(
    flow: FlowName,
    remove: Annotated[bool, typer.Option("--remove", help="Remove it; without this nothing is changed.")] = False,
    as_json: AsJson = False,
) -> int:
    """Show (or remove) evidence that is older than its retention; events are never removed."""
    with services() as service:
        service.bookkeeping.flow(flow)
        found = service.purging.purge(flow, service.person) if remove else service.purging.preview(flow)
        service.views.catch_up()
        retention = service.settings.retention
    facts = {"flow": flow, "pages": len(found.pages), "vouchers": len(found.vouchers), "removed": remove}
    days = {"page_days": retention.page_days, "voucher_days": retention.voucher_days}
    if as_json:
        print_json({**facts, **days})
        return DONE
    what = f"{facts['pages']} pages older than {retention.page_days} days, {facts['vouchers']} vouchers older than "
    out.print(f"{what}{retention.voucher_days} days: {'removed; their events stay' if remove else 'may go'}.")
    if not remove and not found.empty:
        out.print(f"Nothing is changed yet: ml-connector purge {flow} --remove")
    return DONE
