"""How fast the read side is built anew, against a bare bulk insert of the very same rows in the same run.

    python tests/bench/bench_rebuild.py [--orders 20000] [--repeat 3] [--postgresql | --url postgresql://...]

Without --url it measures SQLite in a temporary file; --postgresql starts a server of its own, fsync on. How to read
it: `rebuild/raw` is the time of the bare insert over the time of the rebuild, in one process on one machine, so it
travels between machines where events per second do not. 1.00 would mean that reading the log, decoding and folding
cost nothing; 0.30 is what we hold ourselves to. Other work on the machine pushes it down: Python suffers more from it
than the database does. The bare insert is one `executemany` a table of the rows a rebuild leaves, in one transaction,
the indexes after it; like the rebuild it drops the tables that stood before. The log is a year's trade: orders seen,
invoiced, posted, and settled 1,000 at a time.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "support")]

import postgres

from adapters.database import Database, open_database
from adapters.event_store import create_event_store
from adapters.views import DatabaseViews
from adapters.views.schema import TABLES
from application.ports import Append
from domain.document import AppliedInvoice, Deposit, DepositLine, Invoice, InvoiceLine, Payment
from domain.event import Event, Stamp
from domain.flow import FlowCreated, flow_stream
from domain.order import AmazonOrder, OrderIngested, OrderItem, OrderSettled, Part, order_stream
from domain.posting import (
    BatchAnswered,
    BatchItem,
    BatchSubmitted,
    DepositPosted,
    InvoicePosted,
    PaymentPosted,
    PostingPlanned,
    PostingSubmitted,
    batch_stream,
    posting_stream,
)
from domain.settlement import SettlementClosed, SettlementLine, SettlementLinesIngested, settlement_stream

FLOW = "us"
BEGIN = datetime(2026, 1, 1, 8, tzinfo=UTC)
PER_SETTLEMENT, PER_PAYMENT, PER_BATCH = 1_000, 100, 30


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--orders", type=int, default=20_000)
    arguments.add_argument("--url", default="")
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--postgresql", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        url = given.url or f"sqlite:///{folder}/bench.db"
        if given.postgresql:
            url = stack.enter_context(postgres.server(settings=())).create()
        database = open_database(url)
        stack.callback(database.close)
        measure(database, given.orders, given.repeat)


def measure(database: Database, orders: int, repeat: int) -> None:
    store = create_event_store(database, lambda: datetime.now(UTC))
    events = 0
    for appends in trade(orders):
        store.append(appends)
        events += sum(len(append.events) for append in appends)
    views = DatabaseViews(database, store)
    caught_up = _timed(views.catch_up)
    rebuilds, raws = [], []
    rows = 0
    for _ in range(repeat):
        rebuilds.append(_timed(views.rebuild))
        tables = _all_rows(database)
        rows = sum(len(found) for found in tables.values())
        raws.append(_timed(lambda tables=tables: _bare_insert(database, tables)))
    rebuild, raw = median(rebuilds), median(raws)
    print(f"{database.dialect}: {events:,} events of {orders:,} orders, {rows:,} rows; medians of {repeat}")
    print(f"  first catch-up, indexes standing  {caught_up:7.2f} s  {events / caught_up:10,.0f} events/s")
    print(f"  rebuild beside, then swap         {rebuild:7.2f} s  {events / rebuild:10,.0f} events/s")
    print(f"  bare insert of the same rows      {raw:7.2f} s  {rows / raw:10,.0f} rows/s")
    print(f"  rebuild/raw                       {raw / rebuild:7.2f}    (at least 0.30 is wanted)")


def trade(orders: int) -> Iterator[list[Append]]:
    """A flow's whole trade as the use cases would write it, some thousand events a transaction."""
    stamp = Stamp(FLOW, BEGIN, "cycle:bench")
    created = FlowCreated(
        region="na",
        realm="123",
        marketplaces=("ATVPDKIKX0DER",),
        since=None,
        orders="amazon",
        zone="America/Los_Angeles",
        banks={"USD": "Checking"},
        **stamp.fields(),
    )
    yield [Append(flow_stream(FLOW), 0, [created])]
    for first in range(0, orders, PER_SETTLEMENT):
        at = BEGIN + timedelta(minutes=first)
        yield from _settled_orders(range(first, min(first + PER_SETTLEMENT, orders)), Stamp(FLOW, at, "cycle:bench"))


def _settled_orders(numbers: range, stamp: Stamp) -> Iterator[list[Append]]:
    ids = [f"113-{number // 10_000_000:07}-{number % 10_000_000:07}" for number in numbers]
    day = stamp.at.date()
    yield [append for order_id in ids for append in _seen(order_id, day, stamp)]
    yield from _sent([("invoice", order_id, 2499) for order_id in ids], day, stamp)

    settlement_id = f"2{numbers.start:09}"
    payments = {
        f"{settlement_id}-{number + 1}": ids[begin : begin + PER_PAYMENT]
        for number, begin in enumerate(range(0, len(ids), PER_PAYMENT))
    }
    yield _planned_settlement(settlement_id, payments, day, stamp)
    yield from _sent([("payment", key, 2499 * len(paid)) for key, paid in payments.items()], day, stamp)
    yield from _sent([("deposit", settlement_id, 2124 * len(ids))], day, stamp)


def _seen(order_id: str, day: date, stamp: Stamp) -> list[Append]:
    order = AmazonOrder(
        order_id=order_id,
        status="SHIPPED",
        created=stamp.at,
        updated=stamp.at,
        currency="USD",
        marketplace="Amazon.com",
        total=2499,
        items=(OrderItem("1", "MUG-BLUE", title="Blue mug", quantity=1, proceeds=2499, parts=(Part("ITEM", 2499),)),),
    )
    invoice = Invoice(
        number=order_id,
        order_id=order_id,
        customer="Amazon.com USD",
        day=day,
        currency="USD",
        lines=(InvoiceLine("SALES", 2499, "MUG-BLUE Blue mug", 1, "MUG-BLUE"),),
        total=2499,
        memo=f"AMZ-ORDER {order_id}",
    )
    planned = PostingPlanned(kind="invoice", key=order_id, generation=1, document=invoice, **stamp.fields())
    return [
        Append(order_stream(FLOW, order_id), 0, [OrderIngested(order=order, **stamp.fields())], "hash"),
        Append(posting_stream(FLOW, "invoice", order_id), 0, [planned]),
    ]


def _sent(names: list[tuple[str, str, int]], day: date, stamp: Stamp) -> Iterator[list[Append]]:
    posted = {"invoice": InvoicePosted, "payment": PaymentPosted, "deposit": DepositPosted}
    appends = []
    for begin in range(0, len(names), PER_BATCH):
        chunk = names[begin : begin + PER_BATCH]
        batch = f"b-{chunk[0][0]}-{chunk[0][1]}"
        items = []
        for number, (kind, key, total) in enumerate(chunk):
            stream = posting_stream(FLOW, kind, key)
            items.append(BatchItem(str(stream), kind, key, 1, f"i{number}", "0" * 32))
            events: list[Event] = [
                PostingSubmitted(kind=kind, key=key, generation=1, batch=batch, **stamp.fields()),
                posted[kind](
                    key=key,
                    generation=1,
                    quickbooks_id=f"{begin + number}",
                    sync_token="0",
                    total=total,
                    currency="USD",
                    day=day,
                    batch=batch,
                    answer="e" * 64,
                    item=f"i{number}",
                    **stamp.fields(),
                ),
            ]
            appends.append(Append(stream, 1, events))
        sent = BatchSubmitted(batch=batch, request_id="r", items=tuple(items), body="e" * 64, **stamp.fields())
        answered = BatchAnswered(batch=batch, answer="e" * 64, posted=len(items), **stamp.fields())
        appends.append(Append(batch_stream(FLOW, batch), 0, [sent, answered]))
    yield appends


def _planned_settlement(settlement_id: str, payments: dict[str, list[str]], day: date, stamp: Stamp) -> list[Append]:
    order_ids = [order_id for paid in payments.values() for order_id in paid]
    lines = [
        SettlementLine(
            2 * number + side, "Order", kind, what, amount, order_id=order_id, sku="MUG-BLUE", posted=stamp.at
        )
        for number, order_id in enumerate(order_ids)
        for side, kind, what, amount in ((1, "ItemPrice", "Principal", 2499), (2, "ItemFees", "Commission", -375))
    ]
    total = sum(line.amount for line in lines)
    chunks: list[Event] = [
        SettlementLinesIngested(
            settlement_id=settlement_id,
            content_hash="hash",
            lines=tuple(lines[begin : begin + 1_000]),
            **stamp.fields(),
        )
        for begin in range(0, len(lines), 1_000)
    ]
    closed = SettlementClosed(
        settlement_id=settlement_id,
        currency="USD",
        total=total,
        lines=len(lines),
        content_hash="hash",
        deposit_date=stamp.at,
        **stamp.fields(),
    )
    appends = [Append(settlement_stream(FLOW, settlement_id), 0, [*chunks, closed])]
    for key, paid in payments.items():
        applied = tuple(AppliedInvoice(f"invoice/{order_id}", order_id, 2499) for order_id in paid)
        common: dict[str, Any] = {"settlement_id": settlement_id, "day": day, "currency": "USD", "clearing": "CLR:USD"}
        payment = Payment(number=key, customer="Amazon.com USD", applied=applied, total=2499 * len(paid), **common)
        needs = tuple(invoice.posting for invoice in applied)
        planned = PostingPlanned(
            kind="payment", key=key, generation=1, document=payment, depends_on=needs, **stamp.fields()
        )
        appends.append(Append(posting_stream(FLOW, "payment", key), 0, [planned]))
        appends += [
            Append(order_stream(FLOW, order_id), 1, [_paid(order_id, settlement_id, key, stamp)]) for order_id in paid
        ]
    fees = DepositLine("REFFEE", total - 2499 * len(order_ids), "Referral fees")
    deposit = Deposit(bank="USD", cleared=2499 * len(order_ids), lines=(fees,), total=total, **common)
    planned = PostingPlanned(
        kind="deposit",
        key=settlement_id,
        generation=1,
        document=deposit,
        depends_on=tuple(f"payment/{key}" for key in payments),
        **stamp.fields(),
    )
    return [*appends, Append(posting_stream(FLOW, "deposit", settlement_id), 0, [planned])]


def _paid(order_id: str, settlement_id: str, key: str, stamp: Stamp) -> OrderSettled:
    return OrderSettled(
        order_id=order_id,
        settlement_id=settlement_id,
        posting=f"payment/{key}",
        amounts={"SALES": 2499},
        **stamp.fields(),
    )


def _all_rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.reading() as cursor:
        found = {}
        for table in TABLES:
            cursor.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}")
            found[table.name] = [tuple(row) for row in cursor.fetchall()]
    return found


def _bare_insert(database: Database, tables: dict[str, list[tuple[Any, ...]]]) -> None:
    text = 'TEXT COLLATE "C"' if database.dialect == "postgresql" else "TEXT"
    with database.transaction() as cursor:
        for table in TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS {table.name}_bare")
            cursor.execute(table.create("_bare", text))
            if rows := tables[table.name]:
                marks = ", ".join("?" * len(table.columns))
                cursor.executemany(f"INSERT INTO {table.name}_bare VALUES ({marks})", rows)
            for sql in table.create_indexes("_bare", "bare"):
                cursor.execute(sql)


def _timed(work: Any) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
