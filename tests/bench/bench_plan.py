"""How fast a large settlement is planned, against reading its file in the same run.

    python tests/bench/bench_plan.py [--lines 200000] [--repeat 3]

It writes a flat file V2 of one settlement with --lines money lines, reads it, gives each order an invoice as QuickBooks
would have it, and plans the settlement: payments, journals and the deposit. How to read it: `plan/parse` is the time of
`plan_settlement` over the time of reading the same lines, in one process on one machine, so the ratio travels where
seconds do not; at most 20 is what we hold ourselves to. It is given with invoices (every order is paid) and for a flow
of settlement files alone. Peak memory is the resident set of the whole process with the file's lines, all orders and
all invoices in it; below 400 MB is wanted for 200,000 lines.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TypeVar

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "support")]

import trade

from adapters.amazon.settlement_report import read_report
from domain.document import Invoice, InvoiceLine
from domain.order import AmazonOrder, Order
from domain.posting import Posting
from domain.posting_rules import SettlementPlan, plan_settlement
from domain.posting_rules.order_lines import component_of
from domain.settlement import Settlement, SettlementClosed, SettlementLine, Statement

_T = TypeVar("_T")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--lines", type=int, default=200_000)
    arguments.add_argument("--repeat", type=int, default=3)
    given = arguments.parse_args()
    from adapters.simulated.world import settlement_file

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "settlement.txt"
        settlement_file(path, lines=given.lines)
        measure(path, given.repeat)


def measure(path: Path, repeat: int) -> None:
    parse, invoiced, alone = [], [], []
    settlement = _read(path)
    orders, invoices = _invoices(settlement)
    plan: object = None
    for _ in range(repeat):
        parse.append(_timed(lambda: _read(path))[1])
        plan, seconds = _timed(lambda: plan_settlement(settlement, orders, invoices, trade.FLOW, trade.mapping()))
        invoiced.append(seconds)
        alone.append(_timed(lambda: plan_settlement(settlement, {}, {}, trade.NO_ORDERS, trade.mapping()))[1])
    assert isinstance(plan, SettlementPlan)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    parse_time, plan_time, alone_time = median(parse), median(invoiced), median(alone)
    print(f"{len(settlement.lines):,} lines, {len(orders):,} orders, {len(plan.documents):,} documents; of {repeat}")
    print(f"  read_report           {parse_time:7.2f} s")
    print(
        f"  plan, with invoices   {plan_time:7.2f} s   plan/parse {plan_time / parse_time:6.2f} (at most 20 is wanted)"
    )
    print(f"  plan, files alone     {alone_time:7.2f} s   plan/parse {alone_time / parse_time:6.2f}")
    print(f"  peak memory           {peak:7.1f} MB (below 400 MB is wanted for 200,000 lines)")


def _read(path: Path) -> Settlement:
    """The lines as one settlement that adds up, whatever the file's headers say."""
    with path.open("rb") as file:
        pieces = list(read_report(file))
    lines = [piece for piece in pieces if isinstance(piece, SettlementLine)]
    statement = next(piece for piece in pieces if isinstance(piece, Statement))
    lines = [_numbered(line, number) for number, line in enumerate(lines, start=1)]
    closed = SettlementClosed(
        flow="us",
        at=trade.NOW,
        by="bench",
        settlement_id=statement.settlement_id,
        currency=statement.currency,
        total=sum(line.amount for line in lines),
        lines=len(lines),
        content_hash="",
        start=statement.start,
        end=statement.end,
        deposit_date=statement.deposit_date,
    )
    return Settlement(closed=closed, lines=tuple(lines))


def _numbered(line: SettlementLine, number: int) -> SettlementLine:
    return line if line.ordinal == number else SettlementLine(number, *(getattr(line, name) for name in _REST))


_REST = SettlementLine.__struct_fields__[1:]


def _invoices(settlement: Settlement) -> tuple[dict[str, Order], dict[str, list[Posting]]]:
    """Each order as shipped and invoiced for what the settlement pays of it."""
    mapping = trade.mapping()
    made: dict[str, list[InvoiceLine]] = {}
    for line in settlement.lines:
        rule = mapping.rule_for(line.triple)
        if rule is not None and rule.role == "order_charge" and line.amount_description != "TaxDiscount":
            found = InvoiceLine(rule.account, line.amount, component=component_of(line.triple))
            made.setdefault(line.order_id, []).append(found)
    shipped = datetime(2000, 1, 1, tzinfo=UTC)
    orders, invoices = {}, {}
    for order_id, lines in made.items():
        total = sum(line.amount for line in lines)
        invoice = Invoice(order_id, order_id, "Amazon.com USD", shipped.date(), "USD", tuple(lines), total)
        orders[order_id] = Order(known=AmazonOrder(order_id, "SHIPPED", shipped, shipped, "USD"), first_shipped=shipped)
        invoices[order_id] = [Posting(status="posted", kind="invoice", key=order_id, document=invoice)]
    return orders, invoices


def _timed(work: Callable[[], _T]) -> tuple[_T, float]:
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


if __name__ == "__main__":
    main()
