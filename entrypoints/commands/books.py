"""`ml-connector books`: the books as QuickBooks answered them, for another engine to judge."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from entrypoints.bootstrap import exporter, services
from entrypoints.commands.flow import FlowName
from entrypoints.console import err

app = typer.Typer(help="The books for other engines.", no_args_is_help=True)


class Format(StrEnum):
    """The formats."""

    beancount = "beancount"
    csv = "csv"


@app.callback()
def books() -> None:
    """The books for other engines."""


@app.command()
def export(
    flow: FlowName,
    format: Annotated[Format, typer.Option(help="beancount, with balance assertions, or csv.")] = Format.beancount,
    output: Annotated[Path | None, typer.Option(help="A file; standard output if none.")] = None,
) -> int:
    """Write every posted document as ledger lines, from QuickBooks' own answers."""
    with services() as service:
        lines = exporter(service, flow, format.value)
        if output is None:
            for line in lines:
                sys.stdout.write(line + "\n")
        else:
            with output.open("w", encoding="utf-8") as file:
                file.writelines(line + "\n" for line in lines)
            err.print(f"Written: {output}")
    return 0
