"""Settlement documents into a flow, whether fetched or handed in: settlement by settlement, the good ones always.

A settlement whose rows cannot be read is recorded as disputed and waits for a person; it is never dropped.
"""

import io
from collections.abc import Callable, Iterator, Sequence

import msgspec

from application.bookkeeping import Bookkeeping
from application.ports import ReportReader
from application.recording import Tally
from domain.errors import UnreadableReport
from domain.flow import Flow
from domain.posting_rules.settlement import orders_named
from domain.settlement import SettlementLine, Statement


class IngestedDocument(msgspec.Struct):
    """What became of a document: the settlements it held, and what could not be read."""

    tally: Tally
    settlements: list[str]
    problems: list[UnreadableReport]


class _Block(msgspec.Struct):
    statement: Statement | None
    lines: list[SettlementLine]
    problem: UnreadableReport | None = None


def ingest_document(
    content: bytes,
    charset: str,
    name: str,
    flow: Flow,
    bookkeeping: Bookkeeping,
    read_report: ReportReader,
    by: str,
    evidence: str,
    see: Callable[[Sequence[str]], None] = lambda order_ids: None,
) -> IngestedDocument:
    """Record every settlement of a document; `name` says in words which document it is.

    `see` is given the orders a settlement names, before anything is decided about it.
    """
    result = IngestedDocument(Tally(), [], [])
    for block in _blocks(read_report, content, charset):
        if block.problem is not None:
            problem = block.problem
            where = f"line {problem.line}, column {problem.column}" if problem.line is not None else "the document"
            settlement_id = block.statement.settlement_id if block.statement is not None else name
            reason = f"{name}, {where}: {problem.message}"
            result.tally += bookkeeping.dispute_document(flow, settlement_id, reason, by, evidence)
            result.problems.append(problem)
        elif block.statement is not None:
            see(orders_named(block.lines))
            result.tally += bookkeeping.ingest_settlement(flow, block.statement, block.lines, by, evidence)
            result.settlements.append(block.statement.settlement_id)
    return result


def _blocks(read_report: ReportReader, content: bytes, charset: str) -> Iterator[_Block]:
    """The document settlement by settlement, each whole in memory."""
    block = _Block(None, [])
    for piece in read_report(io.BytesIO(content), charset=charset):
        match piece:
            case Statement():
                if block.statement is not None or block.problem is not None:
                    yield block
                block = _Block(piece, [])
            case SettlementLine():
                block.lines.append(piece)
            case UnreadableReport():
                block.problem = block.problem or piece
    if block.statement is not None or block.problem is not None:
        yield block
