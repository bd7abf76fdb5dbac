"""`ml-connector control` and `ml-connector transactions`: what Amazon says of the same money in several places."""

from typing import Annotated, Any

import typer

from application.control import controls
from domain.control import NAMES, Check, Control
from entrypoints.bootstrap import services
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.commands.sync import views_at
from entrypoints.console import DONE, HELD, money, out, print_json, print_table

AsOf = Annotated[str | None, typer.Option(help="As it stood at a time, ISO 8601.")]
SHOWN = 200

_TITLES = dict(zip(NAMES, ("lines", "summary", "payout", "event group", "reserve", "period"), strict=True))


def control(flow: FlowName, as_of: AsOf = None, as_json: AsJson = False) -> int:
    """Every settlement: lines = total = what Amazon says elsewhere; reserve and periods without a break."""
    with services() as service:
        service.bookkeeping.flow(flow)
        views, position = views_at(service, as_of)
        found = controls(views, flow)
    differs = any(each.state == "differs" for each in found)
    if as_json:
        print_json({"flow": flow, "position": position, "as_of": as_of, "settlements": [facts(each) for each in found]})
    else:
        _show(flow, found)
    return HELD if differs else DONE


def facts(found: Control) -> dict[str, Any]:
    """One settlement's control as JSON shows it; see docs/cli.md."""
    group = found.group
    return {
        "settlement_id": found.settlement_id,
        "state": found.state,
        "account_type": found.account_type or None,
        "currency": found.currency,
        "total": _decimal(found.total, found.currency),
        "start": found.start.isoformat() if found.start else None,
        "end": found.end.isoformat() if found.end else None,
        "event_group": group.group_id if group is not None else None,
        "converted_total": _decimal(group.converted_total, group.converted_currency) if group is not None else None,
        "converted_currency": (group.converted_currency or None) if group is not None else None,
        "checks": [_check(check, found.currency) for check in found.checks],
    }


def transactions(
    flow: FlowName,
    held: Annotated[bool, typer.Option("--held", help="Only those whose amounts cannot be believed.")] = False,
    unknown: Annotated[bool, typer.Option("--unknown", help="Only those with something not known here.")] = False,
    status: Annotated[str | None, typer.Option(help="DEFERRED, DEFERRED_RELEASED or RELEASED.")] = None,
    order: Annotated[str | None, typer.Option(help="Only those of an Amazon order.")] = None,
    as_of: AsOf = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")] = SHOWN,
    as_json: AsJson = False,
) -> int:
    """What Amazon's Finances report, the newest first: type, status, amounts, and what of it is held or not known."""
    filters: dict[str, Any] = {"status": status, "order_id": order, "limit": limit}
    filters |= {"held": True} if held else {}
    filters |= {"unknown": True} if unknown else {}
    with services() as service:
        service.bookkeeping.flow(flow)
        views, position = views_at(service, as_of)
        rows = views.query("transactions", flow, **filters)
    waits = any(row["problem"] for row in rows)
    if as_json:
        print_json({"flow": flow, "position": position, "transactions": [transaction_facts(row) for row in rows]})
        return HELD if waits else DONE
    table = [
        [
            row["posted"][:10] or "-",
            row["kind"],
            row["status"],
            money(row["total"], row["currency"]),
            row["currency"],
            row["order_id"],
            "; ".join(part for part in (row["problem"], ", ".join(row["unknown"])) if part),
        ]
        for row in rows
    ]
    columns = ["date", "type", "state", "amount", "", "order", "held or not known"]
    print_table(f"Amazon's transactions in {flow}", columns, table, right=["amount"], text=["held or not known"])
    return HELD if waits else DONE


def transaction_facts(row: dict[str, Any]) -> dict[str, Any]:
    """A transaction as JSON shows it: its leaves by path, amounts as decimal strings."""
    currency = row["currency"]
    plain = (
        *("transaction_id", "kind", "status", "currency", "account_type", "marketplace_id", "order_id"),
        *("settlement_id", "group_id", "description", "deferral", "matures", "deferred_id", "release_id", "released"),
        *("unknown", "problem"),
    )
    return {
        **{name: row[name] for name in plain},
        "posted": row["posted"] or None,
        "total": _decimal(row["total"], currency),
        "counted": bool(row["counted"]),
        "leaves": [
            {"path": path, "amount": _decimal(amount, currency), **({"sku": rest[1]} if len(rest) > 1 else {})}
            for path, amount, *rest in row["leaves"]
        ],
    }


def _show(flow: str, found: list[Control]) -> None:
    if not found:
        out.print("There is no settlement yet.")
        return
    rows = [
        [
            each.settlement_id,
            each.end.date().isoformat() if each.end else "-",
            each.account_type.removesuffix(" Orders") or "not known",
            money(each.total, each.currency),
            each.currency,
            *(check.state for check in each.checks),
        ]
        for each in found
    ]
    columns = ["settlement", "date", "account", "total", "", *_TITLES.values()]
    print_table(f"Control of {flow}", columns, rows, right=["total"])
    for each in found:
        for check in each.checks:
            if check.state in ("differs", "unsure"):
                what = f"{each.settlement_id} {_TITLES[check.name]} {check.state}"
                out.print(f"{what}: {check.source}, {check.row}: {check.text}", markup=False)


def _check(check: Check, currency: str) -> dict[str, Any]:
    return {
        "name": check.name,
        "state": check.state,
        "source": check.source,
        "row": check.row or None,
        "expected": _decimal(check.expected, currency),
        "found": _decimal(check.found, currency),
        "text": check.text or None,
    }


def _decimal(minor: int | None, currency: str) -> str | None:
    return None if minor is None or not currency else money(minor, currency)
