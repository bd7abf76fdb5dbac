"""Flat files that Amazon makes on request, read by the names of their columns, and stripped of what is about people.

Charsets as settlement reports have them. Columns come and go with the account: what is needed is named, the rest is
left alone. Sources: amazon.md 5, 'Other reports'.
"""

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import BinaryIO

from adapters.amazon.private import is_private
from adapters.amazon.settlement_report.text import lines_of, recognise
from application.order_ports import UnreadableRow
from domain.errors import BadInput, UnreadableReport

Row = dict[str, str]
_KEY = "amazon-order-id"


def rows(source: BinaryIO, charset: str, needed: Sequence[str]) -> Iterator[tuple[int, Row] | UnreadableRow]:
    """The rows with the numbers of their lines; one UnreadableRow where the document is no such report."""
    try:
        lines = enumerate(lines_of(source, recognise(source, charset)), 1)
        number, heading = next(lines, (1, ""))
        columns = [name.strip().strip('"').lower() for name in heading.lstrip("\ufeff").split("\t")]
        missing = [name for name in needed if name not in columns]
        if missing:
            yield _no_report(number, heading, missing)
            return
        for number, line in lines:
            if line.strip():
                yield _row(number, columns, line)
    except UnreadableReport as problem:
        yield UnreadableRow(problem.line or 1, "", problem.message)


def stripped_report(content: bytes, charset: str) -> bytes:
    """See order_ports.Stripper."""
    source = io.BytesIO(content)
    try:
        lines = lines_of(source, recognise(source, charset))
        columns = next(lines, "").split("\t")
        if _KEY not in [name.strip().strip('"').lower().lstrip("\ufeff") for name in columns]:
            return b""
        kept = [number for number, name in enumerate(columns) if not is_private(name)]
        text = ["\t".join(columns[number] for number in kept)]
        for line in lines:
            cells = line.split("\t")
            text.append("\t".join(cells[number] for number in kept if number < len(cells)))
        return "\n".join([*text, ""]).encode(errors="replace")
    except UnreadableReport:
        return b""


def moment(text: str) -> datetime:
    """A time as reports write it, UTC. Raises BadInput."""
    try:
        found = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    except ValueError:
        raise BadInput(f"{text!r} is no time; expected one like 2026-11-24T08:00:00+00:00") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _row(number: int, columns: Sequence[str], line: str) -> tuple[int, Row] | UnreadableRow:
    cells = line.split("\t")
    order_id = cells[columns.index(_KEY)] if len(cells) > columns.index(_KEY) else ""
    if len(cells) > len(columns):
        return UnreadableRow(number, order_id, f"{len(cells)} cells under {len(columns)} columns")
    if "\0" in line or any("\udc80" <= sign <= "\udcff" for sign in line):
        return UnreadableRow(number, order_id, "a character that its charset does not have")
    return number, {name: cell.strip() for name, cell in zip(columns, cells, strict=False)}


def _no_report(number: int, heading: str, missing: Sequence[str]) -> UnreadableRow:
    # Amazon puts the words of an error into the document itself (models#2591).
    said = heading.strip()[:200]
    if "\t" not in said:
        return UnreadableRow(number, "", f"Amazon sent no report but these words: {said or '(nothing)'}")
    return UnreadableRow(number, "", f"the columns {', '.join(missing)} are missing")
