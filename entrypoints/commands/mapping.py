"""`ml-connector mapping`: where Amazon's amounts go. A fix frees what waited at once; nothing is fetched."""

from typing import Annotated, Any

import typer

from application.mapping_changes import ROLES, change_rules
from domain.chart import default_chart
from domain.errors import BadInput
from domain.mapping import Rule, default_rules, parse_triple
from entrypoints.bootstrap import services
from entrypoints.commands.correcting import shift_facts, show_shifts
from entrypoints.commands.correcting import show as show_correction
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.console import out, print_json, print_table

app = typer.Typer(help="Where each of Amazon's amounts goes in the books.", no_args_is_help=True)


@app.command()
def show(flow: FlowName, as_json: AsJson = False) -> int:
    """The flow's own rules, what is mapped to QuickBooks, and the default map."""
    with services() as service:
        service.bookkeeping.flow(flow)
        mapping = service.bookkeeping.mapping(flow)
    if as_json:
        print_json(
            {
                "flow": flow,
                "version": mapping.version,
                "rules": [_rule_facts(rule, "flow") for rule in mapping.own_rules]
                + [_rule_facts(rule, "default") for rule in default_rules()],
                "accounts": {key: _ref(ref) for key, ref in mapping.accounts.items()},
                "items": {key: _ref(ref) for key, ref in mapping.items.items()},
                "customers": {key: _ref(ref) for key, ref in mapping.customers.items()},
                "banks": {key: _ref(ref) for key, ref in mapping.banks.items()},
            }
        )
        return 0
    rows = [[*rule.triple, rule.role, rule.account, "own"] for rule in mapping.own_rules]
    rows += [[*rule.triple, rule.role, rule.account, "default"] for rule in default_rules()]
    columns = ["transaction type", "amount type", "amount description", "role", "account", "rule"]
    print_table(f"Mapping of {flow}, version {mapping.version}", columns, rows)
    print_table(
        "In QuickBooks",
        ["what", "key", "name", "id"],
        [
            [what, key, ref.name, ref.id]
            for what, refs in (
                ("account", mapping.accounts),
                ("item", mapping.items),
                ("customer", mapping.customers),
                ("bank", mapping.banks),
            )
            for key, ref in refs.items()
        ],
    )
    return 0


@app.command("set")
def set_rule(
    flow: FlowName,
    transaction_type: Annotated[str, typer.Argument(help="Amazon's transaction type; * for any.")],
    amount_type: Annotated[str, typer.Argument(help="Amazon's amount type; * for any.")],
    amount_description: Annotated[str, typer.Argument(help="Amazon's amount description; * for any.")],
    account: Annotated[str, typer.Argument(help="An account key of the chart, for example OTHFEE.")] = "",
    role: Annotated[
        str, typer.Option(help="What kind of amount it is; that of the rule in force if you do not say.")
    ] = "",
    why: Annotated[str, typer.Option(help="The reason, for the audit trail.")] = "",
    remove: Annotated[bool, typer.Option(help="Remove the flow's own rule for this triple.")] = False,
    as_json: AsJson = False,
) -> int:
    """Say where a triple goes (or take the flow's own rule back)."""
    triple = parse_triple((transaction_type, amount_type, amount_description))
    if not why.strip():
        raise BadInput("--why is needed: the reason stands in the audit trail, for example --why 'new fee since July'")
    if not remove and account not in default_chart():
        raise BadInput(f"account key {account!r} is not in the chart; expected one of {', '.join(default_chart())}")
    if role and role not in ROLES:
        raise BadInput(f"--role {role!r}: expected one of {', '.join(ROLES)}")
    with services() as service:
        freed = change_rules(
            flow,
            () if remove else (Rule(0, *triple, role, account),),
            (triple,) if remove else (),
            why,
            service.bookkeeping,
            service.views,
            service.clock,
            service.person,
        )
    if as_json:
        print_json(
            {
                "flow": flow,
                "version": freed.version,
                "rule": list(triple),
                "account": None if remove else account,
                "role": freed.rules[0].role if freed.rules else None,
                "planned": freed.planned,
                "held": freed.held_after,
            }
        )
    else:
        (rule,) = freed.rules or (None,)
        said = f" {' | '.join(triple)} goes to {account} as {rule.role}." if rule is not None else ""
        out.print(
            f"Mapping version {freed.version}.{said} {freed.planned} documents that waited are planned, "
            f"{freed.held_after} are held still. They are posted by: ml-connector sync {flow}"
        )
    return 0


@app.command()
def diff(flow: FlowName, as_json: AsJson = False) -> int:
    """What is booked otherwise than today's mapping says, by account and month; nothing of it moves by itself."""
    with services() as service:
        state = service.bookkeeping.flow(flow)
        found = service.corrections.mapping_diff(state, service.views)
    if as_json:
        print_json(
            {
                "flow": flow,
                "version": found.version,
                "documents": found.documents,
                "open": [shift_facts(shift) for shift in found.open],
                "closed": [shift_facts(shift) for shift in found.closed],
            }
        )
        return 0
    if not found.open and not found.closed:
        out.print(f"Everything posted stands where mapping version {found.version} puts it.")
        return 0
    show_shifts(f"Open months, mapping version {found.version} (debits positive)", found.open)
    show_shifts("Closed months", found.closed)
    out.print(
        f"{found.documents} documents. It stays so from now on, or is moved by: ml-connector mapping reclass {flow} "
        "--scope open|all --why '...'"
    )
    return 0


@app.command()
def reclass(
    flow: FlowName,
    scope: Annotated[str, typer.Option(help="open: a journal for each open month; all: closed months in one too.")],
    why: Annotated[str, typer.Option(help="The reason, for the audit trail.")] = "",
    preview: Annotated[bool, typer.Option("--preview", help="Show what would be done and do nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Move what is booked to today's accounts by journals; the documents stay as they are."""
    with services() as service:
        state = service.bookkeeping.flow(flow)
        done = service.corrections.reclass_mapping(state, service.views, scope, why, service.person, preview)
        service.views.catch_up()
    return show_correction(flow, done, preview, as_json)


def _rule_facts(rule: Rule, origin: str) -> dict[str, Any]:
    return {
        "transaction_type": rule.transaction_type,
        "amount_type": rule.amount_type,
        "amount_description": rule.amount_description,
        "role": rule.role,
        "account": rule.account,
        "origin": origin,
    }


def _ref(ref: Any) -> dict[str, str]:
    return {"id": ref.id, "name": ref.name}
