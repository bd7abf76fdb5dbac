"""Settlements, orders and the clearing account as the API tells them."""

from entrypoints.web.answers.form import Answer, Row, amount, money
from entrypoints.web.answers.history import CycleFacts


class SettlementFacts(Answer, frozen=True):
    """A settlement: what Amazon says it paid, what was deposited, and the difference (null until posted).

    `status` is disputed, received, held, planned, posting or posted; `state` says it as a bookkeeper does
    (docs/accounting.md). `day` is the deposit's in the books' zone. `bankStatus` is bank_matched, reconciled (Amazon,
    QuickBooks and the bank agree) or transfer_failed.
    """

    settlement_id: str
    status: str
    currency: str
    total: str | None
    deposited: str | None
    difference: str | None
    day: str | None
    start: str | None
    end: str | None
    deposit_date: str | None
    lines: int | None
    marketplace: str
    quickbooks_id: str | None
    payments_posted: str | None
    received_at: str
    reasons: list[str]
    state: str
    bank_status: str | None = None
    bank_day: str | None = None
    bank_reference: str | None = None
    bank_difference: str | None = None


def settlement_facts(row: Row) -> SettlementFacts:
    currency = row["currency"]
    return SettlementFacts(
        settlement_id=row["settlement_id"],
        status=row["status"],
        currency=currency,
        total=amount(row["total"], currency),
        deposited=amount(row["deposit_total"], currency),
        difference=amount(row["difference"], currency),
        day=row["day"],
        start=row["start"],
        end=row["end"],
        deposit_date=row["deposit_date"],
        lines=row["lines"],
        marketplace=row["marketplace"],
        quickbooks_id=row["quickbooks_id"] or None,
        payments_posted=amount(row["payments_posted"], currency),
        received_at=row["received_at"],
        reasons=row["reasons"],
        bank_status=row["bank_status"] or None,
        bank_day=row["bank_day"],
        bank_reference=row["bank_reference"] or None,
        bank_difference=amount(row["bank_difference"], currency),
        state=row["state"],
    )


class OrderFacts(Answer, frozen=True):
    """An order. `status` is Amazon's word, `reconciliation` ours: seen, ready, held, planned, invoiced, part_settled,
    settled, cancelled, no_post or recognised; `state` says it as a bookkeeper does on the day looked at
    (docs/accounting.md). `settled` is what `settlements` paid, by settlement id, `refunded` what they gave back.
    """

    order_id: str
    status: str
    reconciliation: str
    marketplace: str
    currency: str
    total: str | None
    created: str
    updated: str
    shipped: str | None
    item_count: int
    invoice_status: str | None
    invoice_total: str | None
    settled: str | None
    settlements: dict[str, str]
    recognised_by: str | None
    silent: str | None
    state: str
    refunded: str | None


def order_facts(row: Row) -> OrderFacts:
    currency = row["currency"]
    return OrderFacts(
        order_id=row["order_id"],
        status=row["status"],
        reconciliation=row["reconciliation"],
        marketplace=row["marketplace"],
        currency=currency,
        total=amount(row["total"], currency),
        created=row["created"],
        updated=row["updated"],
        shipped=row["shipped"],
        item_count=row["item_count"],
        invoice_status=row["invoice_status"] or None,
        invoice_total=amount(row["invoice_total"], currency),
        settled=amount(row["settled"], currency),
        settlements={key: amount(paid, currency) or "0" for key, paid in row["settlements"].items()},
        recognised_by=row["recognised_by"] or None,
        silent=row["silent"] or None,
        state=row["state"],
        refunded=amount(int(row["refunded"]), currency),
    )


class ClearingPart(Answer, frozen=True):
    """What one settlement (or an order that none has yet) leaves open on the clearing account, and why."""

    settlement_id: str
    status: str
    payments: str
    cleared: str
    amount: str
    order_id: str | None
    reason: str


class ClearingFacts(Answer, frozen=True):
    """The clearing account of a currency by our own documents: the parts explain the balance."""

    currency: str
    payments: str
    cleared: str
    balance: str
    explained: list[ClearingPart]
    unexplained: str


class Clearing(Answer, frozen=True):
    """The proof of every currency's clearing account, as of a position of the log."""

    position: int
    items: list[ClearingFacts]


def clearing_facts(row: Row) -> ClearingFacts:
    currency = row["currency"]
    parts = row["explained"]
    return ClearingFacts(
        currency=currency,
        payments=money(row["payments"], currency),
        cleared=money(row["cleared"], currency),
        balance=money(row["balance"], currency),
        explained=[
            ClearingPart(
                part["settlement_id"],
                part["status"],
                money(part["payments"], currency),
                money(part["cleared"], currency),
                money(part["amount"], currency),
                part["order_id"] or None,
                part["reason"],
            )
            for part in parts
        ],
        unexplained=money(row["balance"] - sum(part["amount"] for part in parts), currency),
    )


class Counts(Answer, frozen=True):
    """How many there are: postings that stand, are planned, are held; and reasons on what stands already."""

    orders: int
    settlements: int
    invoices: int
    payments: int
    deposits: int
    journals: int
    credit_memos: int
    refund_receipts: int
    sales_receipts: int
    purchases: int
    planned: int
    held: int
    attention: int
    gaps: int


class Status(Answer, frozen=True):
    """Does everything tie? `settlements` are the newest 50."""

    flow: str
    position: int
    ties: bool
    counts: Counts
    clearing: list[ClearingFacts]
    settlements: list[SettlementFacts]
    last_cycle: "CycleFacts | None"
