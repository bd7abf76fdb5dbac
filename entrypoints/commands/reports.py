"""`ml-connector orders`, `settlements`, `ageing` and `trial-balance`: how far, how old, and what they make."""

from datetime import date, datetime
from typing import Annotated, Any

import typer

from application import ageing as ages
from application import trial_balance as balances
from application.newness import newness
from domain.errors import BadInput
from domain.flow import Flow
from domain.reconciliation import ORDER_STATES, SETTLEMENT_STATES
from entrypoints.bootstrap import Services, services
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.commands.sync import settlement_facts, views_at
from entrypoints.console import DONE, HELD, money, out, print_json, print_table

AsOf = Annotated[str | None, typer.Option(help="A time, ISO 8601: as it stood then.")]
Rows = Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the newest.")]


def orders(
    flow: FlowName,
    state: Annotated[str | None, typer.Option(help=f"Only those that are {', '.join(ORDER_STATES)}.")] = None,
    limit: Rows = 50,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> int:
    """Orders and their statuses, the newest first."""
    with services() as service:
        known = service.bookkeeping.flow(flow)
        views, _ = views_at(service, as_of)
        today = day_looked_at(service, known, as_of).isoformat()
        rows = views.query("order_states", flow, today=today, limit=limit, **_given(state=state))
    if as_json:
        print_json({"flow": flow, "orders": [_order_facts(row) for row in rows]})
        return DONE
    columns = ["order", "ordered", "shipped", "invoice", "paid", "refunded", "", "status"]
    table = [
        [
            row["order_id"],
            row["created"][:10],
            (row["shipped"] or "-")[:10],
            *(money(row[name], row["currency"]) for name in ("invoice_total", "settled", "refunded")),
            row["currency"],
            row["state"],
        ]
        for row in rows
    ]
    print_table(f"Orders of {flow}", columns, table, right=["invoice", "paid", "refunded"])
    return DONE


def settlements(
    flow: FlowName,
    state: Annotated[str | None, typer.Option(help=f"Only those that are {', '.join(SETTLEMENT_STATES)}.")] = None,
    limit: Rows = 50,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> int:
    """Settlements and their statuses, the newest first."""
    with services() as service:
        service.bookkeeping.flow(flow)
        views, _ = views_at(service, as_of)
        rows = views.query("settlements", flow, limit=limit, **_given(state=state))
    if as_json:
        print_json({"flow": flow, "settlements": [{**settlement_facts(row), "state": row["state"]} for row in rows]})
        return DONE
    columns = ["settlement", "from", "to", "Amazon paid", "deposited", "difference", "", "status"]
    table = [
        [
            row["settlement_id"],
            (row["start"] or "-")[:10],
            (row["end"] or "-")[:10],
            *(money(row[name], row["currency"]) for name in ("total", "deposit_total", "difference")),
            row["currency"],
            row["state"],
        ]
        for row in rows
    ]
    print_table(f"Settlements of {flow}", columns, table, right=["Amazon paid", "deposited", "difference"])
    return DONE


def ageing(
    flow: FlowName,
    of: Annotated[str, typer.Option(help="receivable, clearing or reserve.")] = "receivable",
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> int:
    """How old open money is. Exit status 3 where orders are overdue."""
    with services() as service:
        known = service.bookkeeping.flow(flow)
        views, _ = views_at(service, as_of)
        today = day_looked_at(service, known, as_of)
        groups = ages.ageing(views, flow, of, today)
    if as_json:
        print_json({"flow": flow, "of": of, "day": today, "groups": [_ageing_facts(group) for group in groups]})
    elif not groups:
        out.print(f"Nothing is open on {of}.")
    else:
        for group in groups:
            _show_ageing(group)
    return HELD if any(isinstance(group, ages.Receivables) and group.overdue for group in groups) else DONE


def trial_balance(
    flow: FlowName,
    at: Annotated[str | None, typer.Option(help="A day of the books; everything posted if none.")] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> int:
    """The balances of this flow's documents in QuickBooks, by account. Each currency sums to zero."""
    with services() as service:
        service.bookkeeping.flow(flow)
        mapping = service.bookkeeping.mapping(flow)
        views, position = views_at(service, as_of)
        lines = balances.trial_balance(views, flow, mapping, _day("at", at))
    sums = balances.totals(lines)
    if as_json:
        facts = {"flow": flow, "at": at, "position": position, "accounts": [balance_facts(line) for line in lines]}
        print_json({**facts, "totals": {code: [money(side, code) for side in both] for code, both in sums.items()}})
        return DONE
    table = [
        [
            line.account.number,
            line.account.name,
            money(line.debit, line.currency) if line.debit else "",
            money(line.credit, line.currency) if line.credit else "",
            line.currency,
        ]
        for line in lines
    ]
    table += [["", "Total", money(debit, code), money(credit, code), code] for code, (debit, credit) in sums.items()]
    title = f"Trial balance of {flow}" + (f", {at}" if at else "")
    print_table(title, ["no.", "account", "debit", "credit", ""], table, right=["debit", "credit"])
    return DONE


def news(
    flow: FlowName,
    settlement_id: Annotated[str, typer.Argument(help="The settlement.")],
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> int:
    """What is new about a settlement: kinds of lines never seen before, and fees that changed by over a quarter."""
    with services() as service:
        service.bookkeeping.flow(flow)
        views, _ = views_at(service, as_of)
        rows = views.query("settlements", flow, settlement_id=settlement_id)
        found = newness(views, flow, settlement_id, service.bookkeeping.mapping(flow))
    if not rows or found is None:
        raise BadInput(f"flow {flow} has no complete settlement {settlement_id}; see: ml-connector settlements {flow}")
    code = rows[0]["currency"]
    seen = [{"line": " | ".join(one.triple), "lines": one.lines, "amount": money(one.amount, code)}
            for one in found.first_seen]  # fmt: skip
    fees = [{"account": one.account, "before": f"{one.before / 100:.2f}", "now": f"{one.now / 100:.2f}",
             "amount": money(one.amount, code)} for one in found.fees]  # fmt: skip
    if as_json:
        print_json({"flow": flow, "settlement_id": settlement_id, "before": found.before or None,
                    "first_seen": seen, "fees": fees})  # fmt: skip
        return DONE
    if not seen and not fees:
        out.print(f"Nothing is new since settlement {found.before}." if found.before else "It is the first.")
    for one in seen:
        out.print(f"Never seen before: {one['line']}, {one['lines']} lines, {one['amount']} {code}", markup=False)
    for fee in fees:
        out.print(f"{fee['account']}: {fee['now']} % of sales, was {fee['before']} %", markup=False)
    return DONE


def balance_facts(line: balances.Balance) -> dict[str, Any]:
    """A line of the trial balance, as JSON shows it."""
    return {
        "account_key": line.account.key,
        "number": line.account.number,
        "account": line.account.name,
        "type": line.account.account_type,
        "currency": line.currency,
        "debit": money(line.debit, line.currency),
        "credit": money(line.credit, line.currency),
        "balance": money(line.balance, line.currency),
        "entries": line.entries,
    }


def day_looked_at(service: Services, flow: Flow, as_of: str | None) -> date:
    """The books' day of the moment that is looked at."""
    if as_of is None:
        return flow.day(service.clock())
    at = datetime.fromisoformat(as_of)
    return at.date() if at.tzinfo is None else flow.day(at)


def _day(name: str, text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--{name} {text!r}: expected a day like 2026-10-31") from None


def _given(**filters: str | None) -> dict[str, str]:
    return {name: value for name, value in filters.items() if value is not None}


def _order_facts(row: dict[str, Any]) -> dict[str, Any]:
    named = ("order_id", "status", "state", "marketplace", "currency", "created", "shipped", "settlements")
    amounts = ("total", "invoice_total", "settled", "refunded")
    facts = {name: row[name] for name in named}
    facts["settlements"] = {key: money(amount, row["currency"]) for key, amount in row["settlements"].items()}
    return facts | {name: money(row[name], row["currency"]) for name in amounts}


def _ageing_facts(group: Any) -> dict[str, Any]:
    """A group of the ageing with amounts as decimal strings."""
    code = group.currency
    match group:
        case ages.Receivables():
            head: dict[str, Any] = {"terms": group.terms, "total": money(group.total, code), "overdue": group.overdue}
            head["overdue_amount"] = money(group.overdue_amount, code)
            items = [
                {
                    "owner": item.owner,
                    "order_id": item.order_id or None,
                    "amount": money(item.amount, code),
                    "since": item.since,
                    "days": item.days,
                    "due": item.due,
                    "overdue": item.overdue,
                }
                for item in group.items
            ]
        case ages.ClearingAge():
            head = {"balance": money(group.balance, code)}
            items = [
                {
                    "settlement_id": item.settlement_id or None,
                    "order_id": item.order_id or None,
                    "amount": money(item.amount, code),
                    "since": item.since,
                    "days": item.days,
                    "reason": item.reason,
                    "text": item.text,
                }
                for item in group.items
            ]
        case _:
            named = ("last_held", "last_released", "days")
            head = {"balance": money(group.balance, code), **{name: getattr(group, name) for name in named}}
            items = [{**move, "amount": money(move["amount"], code)} for move in group.movements]
    if not isinstance(group, ages.Reserve):
        head["buckets"] = [
            {"days": bucket.name, "count": bucket.count, "amount": money(bucket.amount, code)}
            for bucket in group.buckets
        ]
    return {"currency": code, **head, "items": items}


def _show_ageing(group: Any) -> None:
    code = group.currency
    match group:
        case ages.Receivables():
            title = f"Receivables, {group.terms} orders: {money(group.total, code)} {code}"
            if group.overdue:
                title += f"; {group.overdue} overdue: {money(group.overdue_amount, code)}"
            _show_buckets(title, group.buckets, code)
            late = [item for item in group.items if item.overdue]
            if late:
                rows = [[item.owner, item.since, str(item.days), money(item.amount, code)] for item in late[:50]]
                print_table("Amazon has not paid", ["order", "shipped", "days", code], rows, right=["days", code])
        case ages.ClearingAge():
            _show_buckets(f"Clearing: {money(group.balance, code)} {code}", group.buckets, code)
            rows = [
                [item.settlement_id or item.order_id, item.since, str(item.days), money(item.amount, code), item.text]
                for item in group.items
            ]
            if rows:
                columns = ["settlement", "since", "days", code, "why"]
                print_table("Open, by settlement", columns, rows, right=["days", code], text=["why"])
        case _:
            released = group.last_released or "never"
            out.print(f"Reserve: {money(group.balance, code)} {code}; last released {released}", markup=False)
            rows = [[move["settlement_id"], move["day"], money(move["amount"], code)] for move in group.movements[-20:]]
            print_table("Held back and released", ["settlement", "date", code], rows, right=[code])


def _show_buckets(title: str, buckets: list[Any], currency: str) -> None:
    rows = [[bucket.name, f"{bucket.count:,}", money(bucket.amount, currency)] for bucket in buckets]
    print_table(title, ["days", "open", currency], rows, right=["open", currency])
