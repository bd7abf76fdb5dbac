"""The tables of the read side: each is a Struct whose fields are its columns, and what is unique and indexed.

All of them can be thrown away and folded again from the log. They carry a suffix while a rebuild fills them beside
the standing ones. Money is in minor units, times are ISO 8601 UTC text, lists and counts are JSON text. Whoever
changes a column or what is folded into it raises VERSION: views of an older version are rebuilt before they are read.
"""

import types
import typing
from collections.abc import Sequence
from functools import cached_property

import msgspec

from adapters.views.bank_schema import BankAccountRow, BankLineRow, BankReturnRow, BankStatementRow
from adapters.views.finance_schema import FinanceFactRow, SettlementSumRow, ToldAccountRow, TransactionRow

VERSION = 8

CHECKPOINTS = "view_checkpoints"
STANDING, NEXT = "standing", "next"  # the names of the two checkpoints
NEXT_SUFFIX, OLD_SUFFIX = "_next", "_old"

# Every build of the tables has a token; who writes into tables of another build is refused.
CREATE_CHECKPOINTS = (
    f"CREATE TABLE IF NOT EXISTS {CHECKPOINTS} "
    "(name TEXT PRIMARY KEY, position BIGINT NOT NULL, build TEXT NOT NULL, version BIGINT NOT NULL)"
)


OWNER_COLUMNS = ("order_id", "settlement_id", "posting")


class FlowRow(msgspec.Struct, gc=False):
    """A flow. `banks` is JSON by currency; amazon and quickbooks are new, connected or lost.

    `schedule` (JSON by source) is empty until it is configured: the defaults hold.
    `paused` says since when, empty where it is not.
    """

    flow: str
    region: str = ""
    realm: str = ""
    orders: str = "amazon"
    zone: str = "UTC"
    since: str | None = None
    banks: str = "{}"
    amazon: str = "new"
    quickbooks: str = "new"
    company: str = ""
    created: str = ""
    schedule: str = "{}"
    paused: str = ""


class OrderRow(msgspec.Struct, gc=False):
    """An order and how far it is in the books.

    `settled` is the sum of `settlements` (JSON, amounts by settlement id); `invoice_total` is what stands or shall
    stand in QuickBooks; `silent` says why Amazon's order makes no invoice at all. `shipped` is the earliest sign of its
    shipping, of those below it: its parcels, our first sight of it shipped (how it went only if `seen_before`), and a
    settlement that shows its sale. An order may have several invoices (one a shipment) or sales receipts: they are
    counted by state, `billed` is what they and its credit memos come to.
    """

    flow: str
    order_id: str
    status: str = ""
    marketplace: str = ""
    currency: str = ""
    total: int | None = None
    created: str = ""
    updated: str = ""
    shipped: str | None = None
    parcel: str | None = None
    first_shipped: str | None = None
    seen_before: int = 0
    posted: str | None = None
    item_count: int = 0
    invoice_key: str = ""
    invoice_status: str = ""
    invoice_total: int | None = None
    invoices_planned: int = 0
    invoices_done: int = 0
    invoices_held: int = 0
    billed: int = 0
    settled: int = 0
    settlements: str = "{}"
    recognised_by: str = ""
    silent: str = ""
    reconciliation: str = "seen"


class SettlementRow(msgspec.Struct, gc=False):
    """A settlement and how far it is in the books.

    `payments_posted` and `deposit_cleared` are the clearing account's movements from posted documents. The counts
    of payments (and of journals, refund receipts and purchases) by state, `dispute` and `deposit_status` are what
    `status` follows from.
    of payments by state, `dispute` and `deposit_status` are what `status` follows from. `bank_line` is the bank's line
    that brought the money, `bank_returned` the one by which it went back; `bank_status` is empty, bank_matched,
    reconciled or transfer_failed.
    """

    flow: str
    settlement_id: str
    currency: str = ""
    period_start: str | None = None
    period_end: str | None = None
    deposit_date: str | None = None
    total: int | None = None
    lines: int | None = None
    marketplace: str = ""
    status: str = "received"
    dispute: str = ""
    deposit_status: str = ""
    deposit_total: int | None = None
    difference: int | None = None
    quickbooks_id: str = ""
    day: str | None = None
    payments_planned: int = 0
    payments_underway: int = 0
    payments_done: int = 0
    payments_held: int = 0
    payments_posted: int = 0
    deposit_cleared: int = 0
    received_at: str = ""
    bank_status: str = ""
    bank_line: str = ""
    bank_day: str | None = None
    bank_reference: str = ""
    bank_amount: int | None = None
    bank_currency: str = ""
    bank_fee: int = 0
    bank_difference: int | None = None
    bank_returned: str = ""
    content_hash: str = ""


class PostingRow(msgspec.Struct, gc=False):
    """One QuickBooks document. `position` is its last event's.

    `clearing` is what the planned document moves on the clearing account, `booked` what the posted one did;
    `reasons` counts its rows in `held`, which stand since `held_since`. `operation` is what a planned change does to
    one that stands (amend, void, delete); `standing_amount` and `standing_day` are as it stands until then.
    `entries` (JSON: account, amount, whose receivable) are what the plan books, `booked_entries` what the posted one
    did; `due` is when an invoice with terms is to be paid.
    """

    flow: str
    kind: str
    key: str
    stream: str = ""
    generation: int = 0
    status: str = ""
    amount: int = 0
    currency: str = ""
    day: str | None = None
    quickbooks_id: str = ""
    sync_token: str = ""
    order_id: str = ""
    settlement_id: str = ""
    batch: str = ""
    item: str = ""
    answer: str = ""
    planned_at: str | None = None
    posted_at: str | None = None
    position: int = 0
    clearing: int = 0
    booked: int = 0
    reasons: int = 0
    held_since: str | None = None
    operation: str = ""
    standing_amount: int = 0
    standing_day: str | None = None
    entries: str = ""
    booked_entries: str = ""
    due: str | None = None


class DependencyRow(msgspec.Struct, gc=False):
    """A posting needs another to be posted first."""

    flow: str
    kind: str
    key: str
    needs_kind: str
    needs_key: str


class HeldRow(msgspec.Struct, gc=False):
    """One current reason why a posting is held, refused, or (once posted) needs a person."""

    flow: str
    kind: str
    key: str
    number: int
    code: str
    text: str
    amount: int
    currency: str
    waits_for: str
    since: str
    order_id: str
    settlement_id: str


class GapRow(msgspec.Struct, gc=False):
    """A missing mapping key, open or found."""

    flow: str
    missing_key: str
    first_object: str = ""
    amount: int = 0
    currency: str = ""
    status: str = "open"
    since: str = ""
    position: int = 0


class BatchRow(msgspec.Struct, gc=False):
    """A call to QuickBooks: sent or answered; `items` counts its documents."""

    flow: str
    batch: str
    request_id: str = ""
    status: str = "sent"
    items: int = 0
    at: str = ""
    position: int = 0


class CycleRow(msgspec.Struct, gc=False):
    """A cycle: running, finished, failed, or stopped before its end; `error` says why, `counts` is JSON."""

    flow: str
    cycle: str
    started: str = ""
    finished: str | None = None
    status: str = "running"
    error: str = ""
    counts: str = "{}"


class WatermarkRow(msgspec.Struct, gc=False):
    """How far a source is read; `seen` is a JSON list of ids."""

    flow: str
    source: str
    cursor: str = ""
    seen: str = "[]"


class NamedOrderRow(msgspec.Struct, gc=False):
    """A settlement's lines name an order (or what Amazon writes in its place)."""

    flow: str
    order_id: str
    settlement_id: str


class LedgerRow(msgspec.Struct, gc=False):
    """An amount (debit positive) that a posted document has on an account, by account key; `BANK:USD` is a bank."""

    flow: str
    kind: str
    key: str
    number: int
    account: str = ""
    currency: str = ""
    amount: int = 0
    day: str = ""
    settlement_id: str = ""
    order_id: str = ""


class ReceivableRow(msgspec.Struct, gc=False):
    """What is open of accounts receivable: by order, else by the posting (kind/key) that moved it.

    `day` is the first of its documents', `due` when an invoice with terms is to be paid, empty where none has terms.
    """

    flow: str
    owner: str
    currency: str
    amount: int = 0
    day: str = ""
    due: str = ""


class TripleRow(msgspec.Struct, gc=False):
    """Amazon's lines of one kind in a settlement: how many, their sum, and the units of those that state some.

    `content_hash` tells which document's lines they are: a settlement counts with the lines it was closed with.
    """

    flow: str
    settlement_id: str
    content_hash: str
    transaction_type: str
    amount_type: str
    amount_description: str
    lines: int = 0
    amount: int = 0
    units: int = 0


class RefundRow(msgspec.Struct, gc=False):
    """What a settlement gives back to the buyer of an order, without tax and fees; `posted` is its last line's."""

    flow: str
    order_id: str
    settlement_id: str
    content_hash: str
    amount: int = 0
    posted: str = ""


class AuditRow(msgspec.Struct, gc=False):
    """One event in words. `posting` is kind/key; `name` is the event's stored name."""

    flow: str
    position: int
    at: str
    by_whom: str
    name: str
    stream: str
    version: int
    order_id: str
    settlement_id: str
    posting: str
    summary: str
    cause: str


class Table(msgspec.Struct, frozen=True, dict=True):
    """A table: its rows' type, its primary key (the first `key` fields) and its other indexes."""

    name: str
    row: type[msgspec.Struct]
    key: int
    indexes: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return self.row.__struct_fields__

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The columns' types in PostgreSQL's words."""
        hints = typing.get_type_hints(self.row)
        return tuple("int8" if hints[column] in (int, int | None) else "text" for column in self.columns)

    @property
    def key_columns(self) -> tuple[str, ...]:
        return self.columns[: self.key]

    @cached_property
    def on_conflict(self) -> str:
        """The end of an INSERT that replaces the row of the same key."""
        columns = ", ".join(f"{column} = excluded.{column}" for column in self.columns[self.key :])
        return f"ON CONFLICT ({', '.join(self.key_columns)}) DO UPDATE SET {columns}"

    def create(self, suffix: str, text: str) -> str:
        """`text` is the dialect's type for text that sorts by bytes: ids and times must sort alike everywhere."""
        hints = typing.get_type_hints(self.row)
        columns = [f"{column} {_sql_type(hints[column], text)}" for column in self.columns]
        return (
            f"CREATE TABLE IF NOT EXISTS {self.name}{suffix} "
            f"({', '.join(columns)}, PRIMARY KEY ({', '.join(self.key_columns)}))"
        )

    def create_indexes(self, suffix: str, build: str) -> list[str]:
        """The index's name has the build in it: it keeps its name when the table is renamed."""
        return [
            f"CREATE INDEX IF NOT EXISTS {self.name}_{number}_{build} ON {self.name}{suffix} ({', '.join(columns)})"
            f"{_filled(columns)}"
            for number, columns in enumerate(self.indexes, start=1)
        ]


# An index that ends with what a list is ordered by answers a page of it without sorting.
ORDERS = Table(
    "orders",
    OrderRow,
    2,
    (
        ("flow", "reconciliation", "created", "order_id"),
        ("flow", "status", "created", "order_id"),
        ("flow", "created", "order_id"),
    ),
)
SETTLEMENTS = Table("settlements", SettlementRow, 2)
POSTINGS = Table(
    "postings",
    PostingRow,
    3,
    (
        ("flow", "kind", "status", "position"),
        ("flow", "status", "position"),
        ("flow", "position"),
        ("flow", "order_id"),
        ("flow", "settlement_id"),
    ),
)
DEPENDENCIES = Table("posting_dependencies", DependencyRow, 5)
HELD = Table(
    "held", HeldRow, 4, (("flow", "since", "kind", "key", "number"), ("flow", "settlement_id"), ("flow", "order_id"))
)
GAPS = Table("gaps", GapRow, 2)
AUDIT = Table(
    "audit_trail",
    AuditRow,
    2,
    # With the position in them they are taken even by a planner that has no statistics and is asked for the last few.
    (
        ("flow", "order_id", "position"),
        ("flow", "settlement_id", "position"),
        ("flow", "posting", "position"),
        ("flow", "by_whom", "position"),
        ("flow", "at"),
    ),
)
BATCHES = Table("batches", BatchRow, 2)
CYCLES = Table("cycles", CycleRow, 2)
WATERMARKS = Table("watermarks", WatermarkRow, 2)
FLOWS = Table("flows", FlowRow, 1)
NAMED_ORDERS = Table("named_orders", NamedOrderRow, 3)
TRANSACTIONS = Table(
    "transactions",
    TransactionRow,
    2,
    (
        ("flow", "posted", "transaction_id"),
        ("flow", "status", "posted", "transaction_id"),
        ("flow", "held", "posted", "transaction_id"),
        ("flow", "order_id", "posted"),
        ("flow", "settlement_id", "posted"),
    ),
)
FINANCE_FACTS = Table("finance_facts", FinanceFactRow, 3, (("flow", "kind", "sort", "key"),))
SETTLEMENT_SUMS = Table("settlement_sums", SettlementSumRow, 2)
TOLD_ACCOUNTS = Table("told_accounts", ToldAccountRow, 4)
BANK_ACCOUNTS = Table("bank_accounts", BankAccountRow, 2)
BANK_LINES = Table(
    "bank_lines",
    BankLineRow,
    2,
    (("flow", "day", "line"), ("flow", "status", "day", "line"), ("flow", "amazon", "status", "day", "line")),
)
BANK_STATEMENTS = Table("bank_statements", BankStatementRow, 3)
BANK_RETURNS = Table("bank_returns", BankReturnRow, 3)
# Sums by account and day come from its index alone.
LEDGER = Table("ledger_entries", LedgerRow, 4, (("flow", "account", "currency", "day", "amount"),))
# Sums by account come from the first index alone; pages of an account in a currency, or of all, need no sorting.
LEDGER = Table(
    "ledger_entries",
    LedgerRow,
    4,
    (
        ("flow", "account", "currency", "day", "kind", "key", "number", "amount"),
        ("flow", "day", "kind", "key", "number"),
    ),
)
RECEIVABLES = Table("receivables", ReceivableRow, 3)
TRIPLES = Table("settlement_triples", TripleRow, 6)
REFUNDS = Table("refunds", RefundRow, 4)

# Who reads several tables reads them in this order: the swap locks them in it, so the two never wait for each other.
TABLES: Sequence[Table] = (
    GAPS,
    BATCHES,
    CYCLES,
    POSTINGS,
    ORDERS,
    SETTLEMENTS,
    DEPENDENCIES,
    HELD,
    AUDIT,
    WATERMARKS,
    FLOWS,
    NAMED_ORDERS,
    TRANSACTIONS,
    FINANCE_FACTS,
    SETTLEMENT_SUMS,
    TOLD_ACCOUNTS,
    BANK_ACCOUNTS,
    BANK_LINES,
    BANK_STATEMENTS,
    BANK_RETURNS,
    LEDGER,
    RECEIVABLES,
    TRIPLES,
    REFUNDS,
)


def _filled(columns: tuple[str, ...]) -> str:
    """Most events are about one thing only: empty names stay out of the indexes. Queries must say `<> ''` too."""
    return f" WHERE {columns[1]} <> ''" if columns[1] in OWNER_COLUMNS else ""


def _sql_type(hint: object, text: str) -> str:
    kind = "BIGINT" if hint in (int, int | None) else text
    return kind if isinstance(hint, types.UnionType) else f"{kind} NOT NULL"
