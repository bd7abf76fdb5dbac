"""`ml-connector bank`: statements in, which line is whose money, and a person's word on what is not sure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from application.bank_columns import columns_from
from application.bank_facts import bank_facts, proposal_facts
from application.bank_matches import bank_state
from domain.bank import check_account
from domain.errors import BadInput
from domain.money import to_minor
from entrypoints.bootstrap import read_bank_statement, services
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.commands.sync import views_at
from entrypoints.console import DONE, HELD, err, money, out, print_json, print_table

app = typer.Typer(help="The bank: its statements, and which line is which settlement's money.", no_args_is_help=True)

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="OFX, QFX, CAMT.053 or CSV, as the bank gives it.")
]
Account = Annotated[str, typer.Option(metavar="CUR", help="The account: a currency, or CUR-card for Amazon's card.")]
AsOf = Annotated[str | None, typer.Option(help="A time, ISO 8601: as it stood then.")]
Line = Annotated[str, typer.Argument(help="A line's id, as `bank lines` shows it.")]
Proposed = Annotated[str, typer.Argument(metavar="PROPOSAL", help="A proposal's id, as `bank proposals` shows it.")]
Why = Annotated[str, typer.Option(help="The reason, for the audit trail.")]
_COLUMNS = "Where a CSV has what; kept: date=Date,text=Payee+Memo,amount=Amount (or credit=..,debit=..)."


@app.command("import")
def import_files(
    flow: FlowName,
    files: Files,
    account: Account = "",
    columns: Annotated[str, typer.Option(help=_COLUMNS)] = "",
    new_number: Annotated[bool, typer.Option(help="The bank gave the account another number.")] = False,
    as_json: AsJson = False,
) -> int:
    """Take statements in, each file whole or not at all, and match what is sure. Again is no harm."""
    with services() as service:
        state = service.bookkeeping.flow(flow)
        key = account or next(iter(sorted(state.banks)), "")
        known = service.bank_imports.account(flow, key).columns if key else None
        wanted = columns_from(columns, known) if columns else None
        imported = []
        for file in files:
            try:
                content = file.read_bytes()
            except OSError as error:
                raise BadInput(f"{file}: cannot be read: {error.strerror}; expected a bank's statement") from None
            imported.append(
                service.bank_imports.import_file(
                    state,
                    content,
                    file.name,
                    read_bank_statement,
                    service.evidence,
                    service.person,
                    account,
                    wanted,
                    new_number,
                )
            )
        run = service.bank_book.match(flow, service.person)
    if as_json:
        print_json({"files": imported, "matched": run.matched, "proposals": run.proposals})
        return DONE
    for one in imported:
        for statement in one.statements:
            news = "was here before" if statement.seen and not statement.new else f"{statement.new} new"
            twins = f", {statement.twins} of them may repeat lines of another file" if statement.twins else ""
            out.print(
                f"{one.file}: account {statement.account}, {statement.start} to {statement.end}, "
                f"{statement.entries} lines, {news}{twins}",
                markup=False,
            )
        for tail in one.skipped:
            err.print(f"{one.file}: the account ending in {tail} is another one and was left out", markup=False)
    _tell_matched(flow, run.matched, run.proposals)
    return DONE


@app.command("match")
def match_now(flow: FlowName, as_json: AsJson = False) -> int:
    """Match every line that is surely a settlement's money; each cycle does so too."""
    with services() as service:
        service.bookkeeping.flow(flow)
        run = service.bank_book.match(flow, service.person)
    if as_json:
        print_json({"matched": run.matched, "proposals": run.proposals})
    else:
        _tell_matched(flow, run.matched, run.proposals)
    return DONE


@app.command()
def lines(
    flow: FlowName,
    account: Account = "",
    status: Annotated[str | None, typer.Option(help="open, twin, matched or aside.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also lines that are not Amazon's.")] = False,
    since: Annotated[str | None, typer.Option(help="Booked on this day or later, YYYY-MM-DD.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> int:
    """Lines of the bank and whose money they are."""
    with services() as service:
        service.bookkeeping.flow(flow)
        rows = views_at(service, as_of)[0].query(
            "bank_lines",
            flow,
            account=account or None,
            status=status,
            amazon=None if every else True,
            from_day=since,
            limit=limit,
        )
    if as_json:
        print_json({"lines": [bank_facts(row) for row in rows]})
        return DONE
    print_table(
        f"Bank lines of {flow}",
        ["line", "date", "amount", "cur", "status", "settlement", "text"],
        [
            [
                row["line"],
                row["day"],
                money(row["amount"], row["currency"]),
                row["account"],
                row["status"] if row["status"] != "matched" else f"matched ({row['how']})",
                ", ".join(row["settlements"]),
                row["tells"] or "(not kept: it does not name Amazon)",
            ]
            for row in rows
        ],
        right=["amount"],
        text=["text"],
    )
    return DONE


@app.command()
def proposals(flow: FlowName, as_of: AsOf = None, as_json: AsJson = False) -> int:
    """What may belong together and waits for a person; payouts that are missing, and money nobody explains."""
    with services() as service:
        service.bookkeeping.flow(flow)
        state = bank_state(flow, views_at(service, as_of)[0])
    waits = [one for one in state.proposals if not one.auto]
    if as_json:
        print_json(
            {
                "proposals": [proposal_facts(one) for one in state.proposals],
                "missing": [one.settlement_id for one in state.missing],
                "unexpected": [one.line.line for one in state.unexpected],
            }
        )
        return HELD if waits or state.missing or state.unexpected else DONE
    print_table(
        f"Proposals of {flow}",
        ["key", "date", "amount", "cur", "settlement", "score", "why"],
        [
            [
                one.id,
                one.day.isoformat(),
                money(one.amount, one.currency),
                one.currency,
                ", ".join(one.settlements),
                str(one.score),
                "; ".join(one.why),
            ]
            for one in state.proposals
        ],
        right=["amount", "score"],
        text=["why"],
    )
    for payout in state.missing:
        out.print(
            f"Missing: settlement {payout.settlement_id}, {money(payout.total, payout.currency)} {payout.currency} of "
            f"{payout.day}"
        )
    for line in state.unexpected:
        out.print(
            f"Unexpected: line {line.line.line} of {line.line.day}, {money(line.line.amount, line.currency)} "
            f"{line.currency}: {line.line.tells}",
            markup=False,
        )
    return HELD if waits or state.missing or state.unexpected else DONE


@app.command()
def confirm(flow: FlowName, proposal: Proposed, why: Why = "", as_json: AsJson = False) -> int:
    """A proposal is so."""
    with services() as service:
        service.bookkeeping.flow(flow)
        service.bank_book.confirm(flow, proposal, service.person, why)
    return _done(as_json, {"flow": flow, "proposal": proposal, "confirmed": True}, f"Proposal {proposal} is confirmed.")


@app.command()
def reject(flow: FlowName, proposal: Proposed, why: Why = "", as_json: AsJson = False) -> int:
    """A proposal is not so; it is not made again."""
    with services() as service:
        service.bookkeeping.flow(flow)
        service.bank_book.reject(flow, proposal, service.person, why)
    return _done(as_json, {"flow": flow, "proposal": proposal, "rejected": True}, f"Proposal {proposal} is rejected.")


@app.command()
def assign(
    flow: FlowName,
    line: Line,
    settlements: Annotated[list[str], typer.Argument(metavar="SETTLEMENT...", help="Settlement ids.")],
    why: Why = "",
    as_json: AsJson = False,
) -> int:
    """A line is the money of these settlements, proposed or not; the amounts must agree to the cent."""
    with services() as service:
        service.bookkeeping.flow(flow)
        service.bank_book.assign(flow, line, settlements, service.person, why)
    facts = {"flow": flow, "line": line, "settlements": settlements}
    return _done(as_json, facts, f"Line {line} is the money of {', '.join(settlements)}.")


@app.command()
def undo(flow: FlowName, line: Line, why: Why = "", as_json: AsJson = False) -> int:
    """Take back a line's match, or that it is set aside."""
    with services() as service:
        service.bookkeeping.flow(flow)
        service.bank_book.undo(flow, line, service.person, why)
    return _done(as_json, {"flow": flow, "line": line, "open": True}, f"Line {line} is open again.")


@app.command("set-aside")
def set_aside(flow: FlowName, line: Line, why: Why = "", as_json: AsJson = False) -> int:
    """A line is no payout of a settlement: a loan, a refund of a purchase, a line that another repeats."""
    with services() as service:
        service.bookkeeping.flow(flow)
        service.bank_book.set_aside(flow, line, service.person, why)
    return _done(as_json, {"flow": flow, "line": line, "aside": True}, f"Line {line} is set aside.")


@app.command()
def account(
    flow: FlowName,
    account: Account = "",
    fee: Annotated[list[str] | None, typer.Option(help="What the bank may keep of a payout; may be repeated.")] = None,
    rate: Annotated[list[str] | None, typer.Option(help="A day rate, CAD=0.7312: in the account's currency.")] = None,
    columns: Annotated[str, typer.Option(help=_COLUMNS)] = "",
    why: Why = "",
    as_json: AsJson = False,
) -> int:
    """Show what is known of an account, or change its fees, day rates and CSV columns (each list whole)."""
    with services() as service:
        state = service.bookkeeping.flow(flow)
        key = account or next(iter(sorted(state.banks)), "")
        currency = check_account(key)
        if fee or rate or columns:
            fees = [to_minor(one, currency) for one in fee] if fee else None
            kept = service.bank_imports.account(flow, key).columns
            wanted = columns_from(columns, kept) if columns else None
            service.bank_imports.configure_account(state, key, service.person, why, fees, _rates(rate), wanted)
            service.views.catch_up()
        known = service.bank_imports.account(flow, key)
    facts: dict[str, Any] = {
        "account": key,
        "ends_in": known.tail,
        "fees": [money(one, currency) for one in known.fees],
        "rates": known.rates,
        "columns": msgspec.to_builtins(known.columns) if known.columns is not None else None,
    }
    if as_json:
        print_json(facts)
    else:
        for name, value in facts.items():
            out.print(f"{name.replace('_', ' ')}: {value or '-'}", markup=False)
    return DONE


def _rates(texts: list[str] | None) -> dict[str, str] | None:
    found: dict[str, str] | None = {} if texts else None
    for text in texts or []:
        assert found is not None
        currency, _, rate = text.partition("=")
        found[currency] = rate
    return found


def _tell_matched(flow: str, matched: int, proposals: int) -> None:
    out.print(f"{matched} line{'s' * (matched != 1)} matched.")
    if proposals:
        out.print(f"{proposals} proposal{'s' * (proposals != 1)} for a person: ml-connector bank proposals {flow}")


def _done(as_json: bool, facts: Mapping[str, Any], text: str) -> int:
    if as_json:
        print_json(facts)
    else:
        out.print(text, markup=False)
    return DONE
