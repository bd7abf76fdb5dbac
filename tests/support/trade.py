"""Orders and settlements to write tests with, in the words of the examples in accounting.md."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from domain.chart import ITEM_KEYS, PER_CURRENCY, default_chart
from domain.document import Document, debits_and_credits
from domain.event import Event, Stamp
from domain.flow import Flow
from domain.mapping import Mapping, QuickBooksRef
from domain.money import format_minor, to_minor
from domain.order import AmazonOrder, Order, OrderItem, Part
from domain.order import evolve as evolve_order
from domain.order import record as record_order
from domain.posting import Posting
from domain.posting import evolve as evolve_posting
from domain.posting_rules import SettlementPlan, invoice_for, plan_order, plan_settlement
from domain.posting_rules.changes import OrderCase, by_number, order_events
from domain.settlement import Settlement, SettlementLine, Statement, evolve, record

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
STAMP = Stamp(flow="us", at=NOW, by="tests")

FLOW = Flow(name="us", region="na", realm="1", zone="America/Los_Angeles", banks={"USD": "Checking"})
NO_ORDERS = Flow(
    name="us", region="na", realm="1", zone="America/Los_Angeles", banks={"USD": "Checking"}, orders="none"
)


def usd(amount: str | int) -> int:
    return to_minor(str(amount), "USD")


def mapping() -> Mapping:
    """A mapping in which everything of the chart exists in QuickBooks, under its own key."""
    keys = [f"{key}:USD" if key in PER_CURRENCY else key for key in default_chart()]
    return Mapping(
        accounts={key: QuickBooksRef(f"a-{key}", key) for key in keys},
        items={key: QuickBooksRef(f"i-{key}", key) for key in (*ITEM_KEYS, "MFT", "STX", "REFUND", "CLAIMS")},
        customers={"Amazon.com USD": QuickBooksRef("c-1", "Amazon.com sales (USD)")},
        banks={"USD": QuickBooksRef("b-1", "Checking", "Bank", "USD")},
    )


def item(number: int = 1, tax: str = "0", quantity: int = 1, facilitator: bool = True, **parts: str) -> OrderItem:
    """An item whose proceeds are the sum of `parts` (ITEM, SHIPPING, GIFT_WRAP, DISCOUNT_ITEM, ...) and its tax."""
    made = tuple(
        Part("DISCOUNT", usd(amount), kind.removeprefix("DISCOUNT_"))
        if kind.startswith("DISCOUNT_")
        else Part(kind, usd(amount))
        for kind, amount in parts.items()
    )
    taxed = (*made, Part("TAX", usd(tax), "ITEM")) if usd(tax) else made
    return OrderItem(
        order_item_id=str(number),
        sku=f"SKU-{number}",
        title="Blue mug",
        quantity=quantity,
        shipped=quantity,
        proceeds=sum(part.amount for part in taxed),
        parts=taxed,
        facilitator=facilitator,
    )


def order(
    order_id: str = "111-0000001-0000001",
    *items: OrderItem,
    status: str = "SHIPPED",
    shipped: datetime = datetime(2026, 11, 3, 20, tzinfo=UTC),
    currency: str = "USD",
    **more: object,
) -> AmazonOrder:
    items = items or (item(ITEM="24.99", tax="2.06"),)
    return AmazonOrder(
        order_id=order_id,
        status=status,
        created=shipped,
        updated=shipped,
        currency=currency,
        marketplace="Amazon.com",
        total=sum(one.proceeds or 0 for one in items),
        items=items,
        fulfilled_by="AMAZON",
        **more,  # type: ignore[arg-type]
    )


def lines(*rows: Sequence[str]) -> list[SettlementLine]:
    """Lines from (transaction type, amount type, description, amount[, order id])."""
    return [
        SettlementLine(
            ordinal=number,
            transaction_type=row[0],
            amount_type=row[1],
            amount_description=row[2],
            amount=usd(row[3]),
            order_id=row[4] if len(row) > 4 else "",
            marketplace="Amazon.com",
            posted=datetime(2026, 11, 10, tzinfo=UTC),
        )
        for number, row in enumerate(rows, start=1)
    ]


def settlement(
    rows: Iterable[SettlementLine], settlement_id: str = "28471003921", currency: str = "USD", total: int | None = None
) -> Settlement:
    """A settlement of these lines, folded from the events of its own recording."""
    made = list(rows)
    statement = Statement(
        settlement_id,
        currency,
        sum(line.amount for line in made) if total is None else total,
        datetime(2026, 11, 2, 14, tzinfo=UTC),
        datetime(2026, 11, 16, 14, tzinfo=UTC),
        datetime(2026, 11, 18, 14, tzinfo=UTC),
    )
    state = Settlement()
    for event in record(statement, made, Settlement(), STAMP):
        state = evolve(state, event)
    return state


def invoiced(orders: Iterable[AmazonOrder], flow: Flow = FLOW) -> tuple[dict[str, Order], dict[str, Posting]]:
    """The orders as known, and their invoices as planned."""
    states = {one.order_id: Order(known=one, first_shipped=one.updated) for one in orders}
    postings = {}
    for order_id, state in states.items():
        document = invoice_for(state, flow, mapping())
        postings[order_id] = Posting(status="planned", kind="invoice", key=order_id, generation=1, document=document)  # type: ignore[arg-type]
    return states, postings


def seen(*versions: AmazonOrder) -> Order:
    """An order folded from what Amazon said of it, one after the other, as it is recorded."""
    state = Order()
    for version in versions:
        for event in record_order(version, state, STAMP):
            state = evolve_order(state, event)
    return state


def decide(
    state: Order,
    documents: dict[tuple[str, str], Posting],
    flow: Flow = FLOW,
    stamp: Stamp = STAMP,
    retry: bool = False,
) -> dict[tuple[str, str], list[Event]]:
    """What happens to an order's documents now, by kind and key; they are left as they were."""
    assert state.known is not None
    outcome = plan_order(state, by_number(documents), flow, mapping())
    return order_events(OrderCase(state.known.order_id, state, documents, flow, 1, stamp, retry), outcome)


def book(
    state: Order, documents: dict[tuple[str, str], Posting], flow: Flow = FLOW, post: bool = True
) -> dict[tuple[str, str], Posting]:
    """The documents of an order after deciding, and with `post` after QuickBooks took what was planned."""
    after = {name: msgspec.structs.replace(posting) for name, posting in documents.items()}
    for name, events in decide(state, documents, flow).items():
        for event in events:
            after[name] = evolve_posting(after.get(name, Posting()), event)
    for posting in after.values() if post else ():
        if posting.status == "planned":
            posting.status = {"void": "voided", "delete": "deleted"}.get(posting.operation, "posted")
            posting.operation, posting.standing = "create", None
    return after


def standing(documents: dict[tuple[str, str], Posting]) -> list[Document]:
    """What an order's documents book, in the order of their days: what is voided, held or withdrawn books nothing."""
    kinds = ["invoice", "sales_receipt", "credit_memo", "refund_receipt", "payment"]
    books = [
        (posting.document.day, kinds.index(kind), key, posting.document)
        for (kind, key), posting in documents.items()
        if posting.status in ("planned", "submitted", "posted") and posting.document is not None
    ]
    return [document for *_, document in sorted(books, key=lambda entry: entry[:3])]


def plan(rows: Iterable[SettlementLine], *orders: AmazonOrder, flow: Flow = FLOW) -> object:
    states, postings = invoiced(orders, flow)
    return plan_settlement(settlement(rows), states, by_order(postings), flow, mapping())


def by_order(postings: dict[str, Posting]) -> dict[str, list[Posting]]:
    """Postings of one document an order, as a settlement is given them."""
    return {order_id: [posting] for order_id, posting in postings.items()}


def ledger_text(*documents: Document) -> str:
    """Documents as an accountant writes them: `11-03 Invoice: Dr AR 24.99 / Cr SALES 24.99`, and the balances."""
    texts = []
    balances: dict[str, int] = {}
    for document in documents:
        entries: dict[str, int] = {}
        for account, amount in debits_and_credits(document):
            entries[account] = entries.get(account, 0) + amount
            balances[account] = balances.get(account, 0) + amount
        sides = [
            ", ".join(
                f"{account} {format_minor(abs(amount), 'USD')}" for account, amount in entries.items() if test(amount)
            )
            for test in (lambda amount: amount > 0, lambda amount: amount < 0)
        ]
        texts.append(f"{document.day:%m-%d} {type(document).__name__}: Dr {sides[0]} / Cr {sides[1]}")
    ending = ", ".join(f"{account} {format_minor(amount, 'USD')}" for account, amount in balances.items() if amount)
    return "\n".join([*texts, f"end: {ending}"])


def documents_of(planned: SettlementPlan, invoices: Iterable[Posting]) -> list[Document]:
    return [
        *(posting.document for posting in invoices if posting.document is not None),
        *(one.document for one in planned.documents),
    ]
