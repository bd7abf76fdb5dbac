"""The command line. Exit status: 0 done, 1 failed, 2 bad input, 3 done but something is held or does not tie."""

import sys

import typer

from domain.errors import BadInput, ConnectorError
from entrypoints.commands import (
    alerts,
    audit,
    bank,
    books,
    close,
    connect,
    control,
    demo,
    doctor,
    flow,
    keys,
    mapping,
    notifications,
    orders,
    posting,
    purge,
    reports,
    serve,
    settlement,
    simulate,
    sync,
    token,
    worker,
)
from entrypoints.console import BAD_INPUT, FAILED, err


def _finish(status: int | None) -> None:
    raise typer.Exit(status or 0)


app = typer.Typer(
    result_callback=_finish,
    help="Carries Amazon Seller Central trade into QuickBooks Online and can prove every cent of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate)
app.command("doctor")(doctor.doctor)
app.command("serve")(serve.serve)
app.add_typer(flow.app, name="flow")
app.add_typer(connect.app, name="connect")
app.add_typer(connect.chart_app, name="chart")
app.command("sync")(sync.sync)
app.command("worker")(worker.worker)
app.command("status")(sync.status)
app.command("held")(sync.held)
app.command("control")(control.control)
app.command("transactions")(control.transactions)
app.command("orders")(reports.orders)
app.command("settlements")(reports.settlements)
app.command("ageing")(reports.ageing)
app.command("trial-balance")(reports.trial_balance)
app.command("close")(close.close)
app.add_typer(mapping.app, name="mapping")
app.add_typer(settlement.app, name="settlement")
app.add_typer(bank.app, name="bank")
app.add_typer(orders.app, name="order")
app.add_typer(alerts.app, name="alerts")
app.add_typer(notifications.app, name="notifications")
app.add_typer(posting.app, name="posting")
app.add_typer(audit.app, name="audit")
app.add_typer(keys.app, name="keys")
app.command("purge")(purge.purge)
app.command("rebuild-views")(audit.rebuild_views)
app.add_typer(books.app, name="books")
app.add_typer(token.app, name="token")


def main() -> None:
    """The console script: runs the command, turns refusals into a sentence and an exit status."""
    try:
        app()
    except BadInput as error:
        err.print(f"[bold red]Not done:[/] {_plain(error)}")
        sys.exit(BAD_INPUT)
    except ConnectorError as error:
        err.print(f"[bold red]Failed:[/] {_plain(error)}")
        sys.exit(FAILED)


def _plain(error: Exception) -> str:
    return str(error).replace("[", "\\[")


if __name__ == "__main__":
    main()
