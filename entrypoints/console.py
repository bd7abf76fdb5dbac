"""What the command line prints and how it ends: tables for people, JSON for programs, four exit statuses."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from domain.money import format_minor

DONE, FAILED, BAD_INPUT, HELD = 0, 1, 2, 3

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on standard output, nothing else."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    sys.stdout.buffer.flush()


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[str] = (),
    text: Sequence[str] = (),
) -> None:
    """A table; columns named in `right` hold figures. Figures, ids and days never break, those in `text` do first."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=column in right or column in _WHOLE,
            ratio=1 if column in text else None,
        )
    for row in rows:
        table.add_row(*row)
    out.print(table)


def money(minor: int | None, currency: str) -> str:
    """An amount for people, without its currency; a dash where there is none."""
    return "-" if minor is None or not currency else format_minor(minor, currency)


@contextmanager
def progress_bars(quiet: bool) -> Iterator[Callable[[str, int], None]]:
    """Bars on standard error that grow as `(what, how many more)` is reported; nothing where JSON is wanted."""
    if quiet:
        yield lambda what, done: None
        return
    columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=False) as progress:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(_WORDS.get(what, what), total=None)
            progress.advance(tasks[what], done)

        yield report
        for task in tasks.values():
            progress.update(task, total=progress._tasks[task].completed)


_WHOLE = ("settlement", "date", "status", "document", "key")

_WORDS = {
    "orders": "orders read",
    "settlement_reports": "settlements read",
    "lines": "lines read",
    "invoice": "invoices posted",
    "payment": "payments posted",
    "deposit": "deposits posted",
}
