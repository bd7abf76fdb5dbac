"""`ml-connector sync`, `status` and `held`: run a cycle, see whether it ties, see what waits and for what."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from application.ports import Views
from application.sync import CycleReport
from domain.errors import BadInput
from domain.money import format_minor
from entrypoints.bootstrap import Services, services
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.console import DONE, FAILED, HELD, err, money, out, print_json, print_table, progress_bars
from entrypoints.signals import stop_on_signal

DAYS_METERED = 7


def sync(
    flow: FlowName,
    retry_refused: Annotated[bool, typer.Option(help="Send again what QuickBooks refused.")] = False,
    as_json: AsJson = False,
) -> int:
    """Run one cycle: pull from Amazon, plan, post to QuickBooks."""
    with services() as service, progress_bars(as_json) as progress:
        report = run_now(service, flow, progress, retry_refused=retry_refused)
        facts = status_facts(flow, service.views)
        if not report.error and not report.stopped:
            compare_with_quickbooks(service, flow, facts)
    if as_json:
        print_json({"cycle": report.cycle, "error": report.error or None, "counts": report.counts, **facts})
    else:
        show_status(facts)
        if report.error:
            err.print(f"The cycle stopped: {report.error}")
    return FAILED if report.error or report.stopped else exit_status(facts)


def run_now(service: Services, flow: str, progress: Callable[[str, int], None], **options: bool) -> CycleReport:
    """A cycle whether it is due or not; SIGTERM ends it after the call in hand. Raises FlowBusy naming who runs it."""
    with stop_on_signal() as stop:
        report = service.run_cycle(flow, progress, stop=stop.is_set, **options)
    assert report is not None  # it is only when_due that may find nothing to do
    if report.stopped:
        err.print("The cycle was stopped; what is done is stored, the next one goes on from there.")
    return report


def status(
    flow: FlowName,
    as_of: Annotated[str | None, typer.Option(help="A time, ISO 8601: the books as they stood then.")] = None,
    as_json: AsJson = False,
) -> int:
    """Does each settlement tie, and is the clearing account explained?"""
    with services() as service:
        service.bookkeeping.flow(flow)
        views, position = views_at(service, as_of)
        facts = {**status_facts(flow, views), "as_of": as_of, "position": position, "calls": _calls(service, flow)}
    if as_json:
        print_json(facts)
    else:
        show_status(facts)
        _show_calls(facts["calls"])
    return exit_status(facts)


def _show_calls(calls: list[dict[str, Any]]) -> None:
    """The newest day's, by operation."""
    if calls:
        of_day = [row for row in calls if row["day"] == calls[0]["day"]]
        told = ", ".join(f"{row['operation']} {row['calls']}" for row in of_day)
        out.print(f"{sum(row['calls'] for row in of_day)} calls to vendors on {calls[0]['day']} (UTC): {told}")


def held(flow: FlowName, as_json: AsJson = False) -> int:
    """What waits, for what, and how much money hangs on it."""
    with services() as service:
        service.bookkeeping.flow(flow)
        service.views.catch_up()
        rows = service.views.query("held", flow)
        gaps = [row for row in service.views.query("gaps", flow) if row["status"] == "open"]
    if as_json:
        print_json(
            {"flow": flow, "held": [_held_facts(row) for row in rows], "missing": [_gap_facts(row) for row in gaps]}
        )
        return HELD if rows else DONE
    if not rows:
        out.print("Nothing is held.")
        return DONE
    _show_held(flow, rows)
    return HELD


def _show_held(flow: str, rows: list[dict[str, Any]]) -> None:
    """One line a document and reason: a settlement may wait for hundreds of orders, all for the same."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        what = row["waits_for"] if row["code"] == "unmapped" else ""
        groups.setdefault((f"{row['kind']} {row['key']}", row["code"], what), []).append(row)
    table = []
    for (document, code, _), same in groups.items():
        more = f" (and {len(same) - 1} more like this)" if len(same) > 1 else ""
        amount = money(sum(row["amount"] for row in same), same[0]["currency"])
        table.append([document, code, amount, same[0]["currency"], same[0]["text"] + more])
    columns = ["document", "reason", "amount", "", "why, and what to do"]
    print_table(f"Held in {flow}", columns, table, right=["amount"], text=["why, and what to do"])


def status_facts(flow: str, views: Views) -> dict[str, Any]:
    """The status as JSON shows it; see docs/cli.md."""
    settlements = [settlement_facts(row) for row in views.query("settlements", flow)]
    counts = views.query("counts", flow)[0]
    return {
        "flow": flow,
        "settlements": settlements,
        "clearing": [clearing_facts(row) for row in views.query("clearing", flow)],
        "orders": counts["orders"],
        "invoices": counts["invoices"],
        "payments": counts["payments"],
        "deposits": counts["deposits"],
        "journals": counts["journals"],
        "held": counts["held"] + counts["attention"],
    }


def settlement_facts(row: dict[str, Any]) -> dict[str, Any]:
    """One settlement: its total, its deposit and the difference, as decimal strings."""
    currency = row["currency"]
    total, deposit = row["total"], row["deposit_total"]
    difference = None if total is None or deposit is None else deposit - total
    return {
        "settlement_id": row["settlement_id"],
        "total": _decimal(total, currency),
        "deposit": _decimal(deposit, currency),
        "difference": _decimal(difference, currency),
        "currency": currency,
        "status": row["status"],
        "deposit_date": row["day"] or None,
        "lines": row["lines"],
        "quickbooks_id": row["quickbooks_id"] or None,
        "reasons": row["reasons"],
    }


def clearing_facts(row: dict[str, Any]) -> dict[str, Any]:
    """The clearing account of one currency: its balance and the settlements that explain it."""
    currency = row["currency"]
    explained = row["explained"]
    return {
        "currency": currency,
        "balance": _decimal(row["balance"], currency),
        "explained": [
            {"settlement_id": part["settlement_id"], "amount": _decimal(part["amount"], currency)} for part in explained
        ],
        "unexplained": _decimal(row["balance"] - sum(part["amount"] for part in explained), currency),
    }


def compare_with_quickbooks(service: Services, flow: str, facts: dict[str, Any]) -> None:
    """Put QuickBooks' own balance of each clearing account beside ours: `unexplained` is then what differs."""
    state = service.bookkeeping.flow(flow)
    accounts = service.bookkeeping.mapping(flow).accounts
    rows = {row["currency"]: row for row in service.views.query("clearing", flow)}
    with service.quickbooks(state) as quickbooks:
        for clearing in facts["clearing"]:
            currency = clearing["currency"]
            balance = quickbooks.balance(accounts[f"CLR:{currency}"])
            explained = sum(part["amount"] for part in rows[currency]["explained"])
            clearing["quickbooks_balance"] = _decimal(balance, currency)
            clearing["unexplained"] = _decimal(balance - explained, currency)


def show_status(facts: dict[str, Any]) -> None:
    """The status as a bookkeeper reads it."""
    print_table(
        f"Settlements of {facts['flow']}",
        ["settlement", "date", "Amazon paid", "deposited", "difference", "", "status"],
        [
            [
                row["settlement_id"],
                row["deposit_date"] or "-",
                row["total"] or "-",
                row["deposit"] or "-",
                row["difference"] or "-",
                row["currency"],
                row["status"],
            ]
            for row in facts["settlements"]
        ],
        right=["Amazon paid", "deposited", "difference"],
    )
    for clearing in facts["clearing"]:
        parts = ", ".join(f"{part['amount']} of settlement {part['settlement_id']}" for part in clearing["explained"])
        out.print(
            f"Amazon clearing: balance {clearing['balance']} {clearing['currency']}"
            + (f" ({parts})" if parts else "")
            + (f", in QuickBooks {clearing['quickbooks_balance']}" if "quickbooks_balance" in clearing else "")
            + f", unexplained {clearing['unexplained']}"
        )
    out.print(
        f"{facts['orders']} orders, {facts['invoices']} invoices, {facts['payments']} payments, "
        f"{facts['journals']} journals, {facts['deposits']} deposits posted; {facts['held']} held"
    )
    if facts["held"]:
        out.print(f"See what waits: ml-connector held {facts['flow']}")


def exit_status(facts: dict[str, Any]) -> int:
    """0 if everything ties and nothing is held, else 3."""
    ties = all(row["difference"] is not None and not row["difference"].strip("-0.") for row in facts["settlements"])
    explained = all(not row["unexplained"].strip("-0.") for row in facts["clearing"])
    return DONE if ties and explained and not facts["held"] else HELD


def _calls(service: Services, flow: str) -> list[dict[str, Any]]:
    """The meter of the last days, the newest first."""
    since = service.clock().astimezone(UTC).date() - timedelta(days=DAYS_METERED - 1)
    return [row._asdict() for row in service.quotas.calls_by_day(flow, since)]


def views_at(service: Services, as_of: str | None) -> tuple[Views, int]:
    if as_of is None:
        return service.views, service.views.catch_up()
    try:
        at = datetime.fromisoformat(as_of)
    except ValueError:
        raise BadInput(
            f"--as-of {as_of!r}: expected a time like 2026-11-24T08:00:00Z or a day like 2026-11-24"
        ) from None
    position = service.store.position_at(at if at.tzinfo is not None else at.replace(tzinfo=UTC))
    return service.views_as_of(position), position


def _held_facts(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": row["kind"],
        "key": row["key"],
        "code": row["code"],
        "text": row["text"],
        "amount": _decimal(row["amount"], row["currency"]),
        "currency": row["currency"],
        "waits_for": row["waits_for"],
        "since": row["since"],
    }


def _gap_facts(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": row["missing_key"],
        "first_object": row["first_object"],
        "amount": _decimal(row["amount"], row["currency"]),
        "currency": row["currency"],
        "since": row["since"],
    }


def _decimal(minor: int | None, currency: str) -> str | None:
    return None if minor is None or not currency else format_minor(minor, currency)
