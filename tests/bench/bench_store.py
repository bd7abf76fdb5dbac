"""How fast events are appended, read and verified, against a plain executemany of the same bytes in the same run.

    python tests/bench/bench_store.py [--events 50000] [--batch 1000] [--repeat 3] [--url postgresql://...] [--only ...]

It measures SQLite in a temporary file, and PostgreSQL at --url or on the test wheel's server, fsync on for both.
How to read it: `append/plain` is the time of the plain insert over the time of the append, in one process on one
machine, so it travels between machines where events per second do not. 1.00 would mean that encoding, stream heads,
version checks, hashing and the ledger cost nothing; 0.50 is what we hold ourselves to. The plain insert is one
`executemany` a batch of the ready bytes into a table with the same columns and keys, one transaction a batch, with the
same settings of the connection (SQLite: WAL, synchronous=FULL). An event is an OrderIngested with two items. `read` is
the log decoded to events, `verify` the whole audit chain recomputed.
"""

import argparse
import contextlib
import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from uuid import UUID

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "support")]

import postgres

from adapters.database import Database, open_database
from adapters.event_store import DatabaseEventStore, create_event_store
from adapters.event_store.mapper import EventMapper
from application.ports import Append
from domain.event import Stamp
from domain.order import AmazonOrder, OrderIngested, OrderItem, Part, content_hash, order_stream

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
PlainRow = tuple[int, str | UUID, int, str, bytes]
PLAIN = {
    "sqlite": "CREATE TABLE plain (originator_id TEXT NOT NULL, originator_version INTEGER NOT NULL, "
    "topic TEXT NOT NULL, state BLOB NOT NULL, notification_id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "UNIQUE (originator_id, originator_version))",
    "postgresql": "CREATE TABLE plain (originator_id uuid NOT NULL, originator_version bigint NOT NULL, "
    "notification_id bigserial UNIQUE, topic text, state bytea, PRIMARY KEY (originator_id, originator_version))",
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", type=int, default=50_000)
    arguments.add_argument("--batch", type=int, default=1_000)
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--url", default="", help="a superuser's URL of a PostgreSQL server")
    arguments.add_argument("--only", choices=["sqlite", "postgresql"])
    arguments.add_argument("--profile", action="store_true")
    given = arguments.parse_args()
    batches = [orders(begin, given.batch) for begin in range(0, given.events, given.batch)]
    print(f"{given.events:,} events in batches of {given.batch:,}, median of {given.repeat}; target 0.50")
    for name in ("sqlite", "postgresql"):
        if given.only in (None, name):
            with sqlite_files() if name == "sqlite" else postgres_databases(given.url) as urls:
                measure(name, urls, batches, given.repeat, given.profile)


@contextlib.contextmanager
def sqlite_files() -> Iterator[Iterator[str]]:
    with tempfile.TemporaryDirectory() as folder:
        yield (f"sqlite:///{folder}/{number}.db" for number in range(10_000))


@contextlib.contextmanager
def postgres_databases(url: str) -> Iterator[Iterator[str]]:
    with contextlib.ExitStack() as stack:
        server = postgres.Server(url) if url else stack.enter_context(postgres.server(settings=()))
        stack.callback(server.drop_all)
        yield iter(server.create, None)


def orders(begin: int, number: int) -> list[Append]:
    """New orders with two items each, as a page of Amazon's would bring them."""
    appends = []
    for index in range(begin, begin + number):
        order_id = f"113-{index // 10**7:07}-{index % 10**7:07}"
        parts = (Part("ITEM", 2499), Part("TAX", 206, "ITEM"), Part("DISCOUNT", -250, "ITEM"))
        order = AmazonOrder(
            order_id=order_id,
            status="SHIPPED",
            created=AT - timedelta(days=2),
            updated=AT + timedelta(seconds=index),
            currency="USD",
            marketplace="Amazon.com",
            marketplace_id="ATVPDKIKX0DER",
            fulfilled_by="AMAZON",
            total=4910,
            items=tuple(
                OrderItem(f"{index:012}{place}", f"SKU-{index % 97}", "B07XYZ1234", quantity=1, shipped=1,
                          proceeds=2455, parts=parts, facilitator=True)
                for place in (1, 2)
            ),
        )  # fmt: skip
        stamp = Stamp("us", AT, "cycle:3f2a", "page 7")
        event = OrderIngested(order=order, evidence="a" * 64, **stamp.fields())
        appends.append(Append(order_stream("us", order_id), 0, [event], content_hash(order)))
    return appends


def measure(name: str, urls: Iterator[str], batches: list[list[Append]], repeat: int, profile: bool) -> None:
    events = sum(map(len, batches))
    plain, append, read, verify = [], [], [], []
    rows = plain_rows(batches, name)
    for _ in range(repeat):  # in turn, so that a busy moment of the machine does not fall on one of them only
        with contextlib.closing(open_database(next(urls))) as database:
            with database.transaction() as cursor:
                cursor.execute(PLAIN[name])
            plain.append(timed(lambda: insert_plainly(database, rows)))
        with contextlib.closing(open_database(next(urls))) as database:
            store = create_event_store(database, lambda: AT)
            append.append(timed(lambda: append_all(store, batches)))  # noqa: B023
            read.append(timed(lambda: read_all(store, events)))  # noqa: B023
            verify.append(timed(lambda: verify_all(store, events)))  # noqa: B023
    bytes_an_event = sum(len(row[4]) for batch in rows for row in batch) // events
    print(
        f"{name}: append/plain {median(plain) / median(append):.2f} "
        f"(append {events / median(append):,.0f}, plain {events / median(plain):,.0f} events/s, "
        f"{bytes_an_event} bytes each); read {events / median(read):,.0f}, "
        f"verify {events / median(verify):,.0f} events/s"
    )
    if profile:
        with contextlib.closing(open_database(next(urls))) as database:
            store = create_event_store(database, lambda: AT)
            with cProfile.Profile() as watched:
                append_all(store, batches)
            pstats.Stats(watched).sort_stats("tottime").print_stats(22)


def plain_rows(batches: list[list[Append]], name: str) -> list[list[PlainRow]]:
    mapper = EventMapper()
    rows: list[list[PlainRow]] = []
    position = 0
    for batch in batches:
        rows.append([])
        for append in batch:
            position += 1
            topic, state = mapper.encode(append.events[0])
            rows[-1].append((position, append.stream.hex if name == "sqlite" else append.stream, 1, topic, state))
    return rows


def insert_plainly(database: Database, rows: list[list[PlainRow]]) -> None:
    sql = "INSERT INTO plain (notification_id, originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?, ?)"
    for batch in rows:
        with database.transaction() as cursor:
            cursor.executemany(sql, batch)


def append_all(store: DatabaseEventStore, batches: list[list[Append]]) -> None:
    for batch in batches:
        store.append(batch)


def read_all(store: DatabaseEventStore, events: int) -> None:
    position = 0
    while batch := store.read(position, 2_000):
        position = batch[-1].position
    assert position == events


def verify_all(store: DatabaseEventStore, events: int) -> None:
    finding = store.verify()
    assert finding.ok
    assert finding.events == events


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
