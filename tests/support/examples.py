"""One realistic example of every event that is ever stored; the golden files are these, as stored."""

from datetime import UTC, date, datetime
from typing import Any

from domain import (
    access,
    alert,
    bank,
    corrections,
    event_group,
    flow,
    ledger,
    mapping,
    order,
    posting,
    retention,
    settlement,
    transaction,
)
from domain.document import (
    AppliedInvoice,
    CreditMemo,
    Deposit,
    DepositLine,
    Invoice,
    InvoiceLine,
    JournalEntry,
    JournalLine,
    Payment,
    Purchase,
    RefundReceipt,
    SalesReceipt,
)
from domain.event import Event
from domain.mapping import QuickBooksRef

AT = datetime(2026, 11, 24, 8, 5, 30, 250_000, tzinfo=UTC)
BY: dict[str, Any] = {"flow": "us", "at": AT, "by": "cycle:0192f5", "cause": "evidence:5e1f"}
ORDER_ID, SETTLEMENT_ID, MARKETPLACE = "113-1234567-7654321", "12345678901", "ATVPDKIKX0DER"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

ORDER = order.AmazonOrder(
    order_id=ORDER_ID,
    status="SHIPPED",
    created=datetime(2026, 11, 20, 17, 3, 9, tzinfo=UTC),
    updated=datetime(2026, 11, 22, 6, 44, 51, tzinfo=UTC),
    currency="USD",
    marketplace="Amazon.com",
    marketplace_id=MARKETPLACE,
    fulfilled_by="AMAZON",
    total=5248,
    items=(
        order.OrderItem(
            "05123456789012",
            sku="MUG-RED-2",
            asin="B07XYZ1234",
            title="Mug “Größe 2”, red",
            quantity=2,
            shipped=2,
            proceeds=5248,
            parts=(order.Part("ITEM", 5498), order.Part("TAX", 453, "ITEM"), order.Part("DISCOUNT", -250, "ITEM")),
            facilitator=True,
        ),
        order.OrderItem("05123456789013", sku="LID-1", quantity=1, cancelled=True),
    ),
    programs=("PRIME",),
    replaces="113-0000000-1111111",
)
INVOICE = Invoice(
    number=ORDER_ID,
    order_id=ORDER_ID,
    customer="Amazon.com USD",
    day=date(2026, 11, 21),
    currency="USD",
    lines=(InvoiceLine("SALES", 5498, "Mug, red", 2, "MUG-RED-2"), InvoiceLine("PROMO", -250)),
    total=5248,
    memo=f"Amazon order {ORDER_ID}",
)
POSTED: dict[str, Any] = {
    "generation": 1,
    "sync_token": "0",
    "currency": "USD",
    "day": date(2026, 11, 21),
    "batch": "b-0192",
    "answer": DIGEST,
    "item": "i07",
    "adopted": True,
    **BY,
}

PAYMENT = Payment(
    number=f"{SETTLEMENT_ID}-1",
    settlement_id=SETTLEMENT_ID,
    customer="Amazon.com USD",
    day=date(2026, 11, 24),
    currency="USD",
    clearing="CLR:USD",
    applied=(AppliedInvoice(f"invoice/{ORDER_ID}", ORDER_ID, 5248),),
    total=5248,
)
DEPOSIT = Deposit(
    settlement_id=SETTLEMENT_ID,
    day=date(2026, 11, 24),
    currency="USD",
    bank="USD",
    clearing="CLR:USD",
    cleared=5248,
    lines=(DepositLine("REFFEE", -787, "Commission"),),
    total=4461,
    payments=(f"{SETTLEMENT_ID}-1",),
)
JOURNAL = JournalEntry(
    number=f"J{SETTLEMENT_ID}-1",
    day=date(2026, 11, 30),
    currency="USD",
    lines=(JournalLine("REFFEE", 787, "Commission", (2,)), JournalLine("CLR:USD", -787, "Amazon Clearing")),
    total=787,
    memo="The part of November",
    settlement_id=SETTLEMENT_ID,
)
CREDIT_MEMO = CreditMemo(
    number=f"{ORDER_ID}C",
    order_id=ORDER_ID,
    customer="Amazon.com USD",
    day=date(2026, 11, 25),
    currency="USD",
    lines=(InvoiceLine("SALES", 200, "Price cut", component="ITEM"),),
    total=200,
    invoice=f"invoice/{ORDER_ID}",
)
REFUND_RECEIPT = RefundReceipt(
    number=f"{ORDER_ID}R",
    order_id=ORDER_ID,
    customer="Amazon.com USD",
    day=date(2026, 11, 25),
    currency="USD",
    clearing="CLR:USD",
    lines=(InvoiceLine("REFUND", 1000, "Refund"),),
    total=1000,
    settlement_id=SETTLEMENT_ID,
    ordinals=(1,),
)
SALES_RECEIPT = SalesReceipt(
    number=ORDER_ID,
    order_id=ORDER_ID,
    customer="Amazon.com USD",
    day=date(2026, 11, 3),
    currency="USD",
    clearing="CLR:USD",
    lines=(InvoiceLine("SALES", 5498, "Mug", component="ITEM"),),
    total=5885,
    tax=387,
    tax_account="STX",
)
PURCHASE = Purchase(
    number=f"P{SETTLEMENT_ID}",
    settlement_id=SETTLEMENT_ID,
    day=date(2026, 11, 26),
    currency="USD",
    paid_from="CC",
    lines=(JournalLine("CLR:USD", 32169, "Amazon charged the card"),),
    total=32169,
)
DOCUMENTS = (INVOICE, PAYMENT, DEPOSIT, JOURNAL, CREDIT_MEMO, REFUND_RECEIPT, SALES_RECEIPT, PURCHASE)
REASON = posting.Reason("unmapped", "no rule for Order | Other | Fee X", 787, "rule:Order | Other | Fee X")
LINES = (
    settlement.SettlementLine(1, "Order", "ItemPrice", "Principal", 5498, ORDER_ID, "MUG-RED-2", 2, AT, "Amazon.com",
                              "D1xyz", "", "05123456789012", "", "AFN"),
    settlement.SettlementLine(2, "Order", "ItemFees", "Commission", -787, ORDER_ID),
)  # fmt: skip

EXAMPLES: dict[str, Event] = {
    "flow.created.v1": flow.FlowCreated(
        region="na", realm="9341453000000001", marketplaces=(MARKETPLACE, "A2EUQ1WTGCTBG2"), since=date(2026, 1, 1),
        orders="amazon", zone="America/Los_Angeles", banks={"USD": "Checking"}, **BY,
    ),
    "flow.amazon-connected.v1": flow.AmazonConnected(marketplaces={MARKETPLACE: ("Amazon.com", "USD")}, **BY),
    "flow.quickbooks-connected.v1": flow.QuickBooksConnected(
        company="Mugs & Lids LLC", home_currency="USD", custom_numbers=False, multicurrency=True, country="US", **BY
    ),
    "flow.books-closed.v1": flow.BooksClosed(until=date(2026, 10, 31), **BY),
    "flow.connection-lost.v1": flow.ConnectionLost(vendor="quickbooks", reason="invalid_grant", **BY),
    "alert-channel.added.v1": alert.AlertChannelAdded(
        channel="office", kind="smtp", address="books@example.com", **BY
    ),
    "alert-channel.removed.v1": alert.AlertChannelRemoved(channel="office", **BY),
    "flow.configured.v1": flow.FlowConfigured(
        old=flow.FlowSettings(
            schedule=dict.fromkeys(("orders", "settlements", "posting"), flow.Schedule(every_minutes=30)),
            banks={"USD": "Checking"},
            zone="UTC", since=None, marketplaces=(),
        ),
        new=flow.FlowSettings(
            schedule={
                "orders": flow.Schedule(every_minutes=15), "settlements": flow.Schedule(every_minutes=30),
                "posting": flow.Schedule(cron="0 6 * * *", zone="America/Los_Angeles"),
            },
            banks={"USD": "Business checking"}, zone="America/Los_Angeles", since=date(2026, 1, 1),
            marketplaces=(MARKETPLACE,),
        ),
        why="a new bank", **BY,
    ),
    "flow.order-data.v1": flow.OrderDataLimited(
        datasets=("PACKAGES",), reason="InvalidInput: includedData PACKAGES", **BY
    ),
    "flow.paused.v1": flow.FlowPaused(why="stock-taking", **BY),
    "flow.resumed.v1": flow.FlowResumed(why="done", **BY),
    "flow.cycle-asked.v1": flow.CycleAsked(**BY),
    "evidence.purged.v1": retention.EvidencePurged(
        pages=96, vouchers=1, pages_before=date(2026, 10, 25), vouchers_before=date(2016, 11, 24), **BY
    ),
    "cycle.started.v1": flow.CycleStarted(cycle="0192f5", **BY),
    "cycle.watermark.v1": flow.WatermarkAdvanced(
        cycle="0192f5", source="orders", cursor="2026-11-24T07:58:00Z", seen=(ORDER_ID,), **BY
    ),
    "cycle.finished.v1": flow.CycleFinished(cycle="0192f5", counts={"orders_new": 12, "posted": 11}, **BY),
    "cycle.failed.v1": flow.CycleFailed(cycle="0192f5", error="Amazon is away", counts={"orders_new": 3}, **BY),
    "cycle.stopped.v1": flow.CycleStopped(cycle="0192f5", why="asked to stop", counts={"orders_new": 3}, **BY),
    "mapping.changed.v1": mapping.MappingChanged(
        version=3, why="storage fees by month",
        rules=(mapping.Rule(5, "ServiceFee", "*", "Storage Fee", "fee", "STORFEE", "-"),),
        removed_rules=(("Order", "Other", "Fee X"),), accounts={"STORFEE": QuickBooksRef("81", "Storage", "Expense")},
        items={"SALES": QuickBooksRef("7", "Amazon sales")},
        banks={"USD": QuickBooksRef("35", "Checking", "Bank", "USD")},
        customers={"Amazon.com USD": QuickBooksRef("4", "Amazon.com sales (USD)", "", "USD")}, **BY,
    ),
    "mapping.books-reclassified.v1": corrections.BooksReclassified(
        why="new category",
        journals=("journal/RC1-202611-USD",),
        shifts=(corrections.Shift("2026-11", "OTHFEE", "USD", 777), corrections.Shift("2026-11", "SUSP", "USD", -777)),
        old_version=2,
        new_version=3,
        posting="deposit/12345678901",
        **BY,
    ),
    "gap.missing.v1": mapping.MappingMissing(
        key="rule:Order | Other | Fee X", first_object=f"settlement {SETTLEMENT_ID}", amount=-787, currency="USD", **BY
    ),
    "gap.found.v1": mapping.MappingFound(key="rule:Order | Other | Fee X", **BY),
    "order.ingested.v1": order.OrderIngested(order=ORDER, evidence=DIGEST, **BY),
    "order.amended.v1": order.OrderAmended(order=ORDER, evidence=DIGEST, **BY),
    "order.cancelled.v1": order.OrderCancelled(order=ORDER, evidence=DIGEST, **BY),
    "order.settled.v1": order.OrderSettled(
        order_id=ORDER_ID, settlement_id=SETTLEMENT_ID, posting=f"payment/{SETTLEMENT_ID}-1",
        amounts={"SALES": 5498, "PROMO": -250}, **BY,
    ),
    "order.dated.v1": order.OrderDated(
        order_id=ORDER_ID, settlement_id=SETTLEMENT_ID, posted=datetime(2026, 11, 3, 21, 4, tzinfo=UTC), **BY
    ),
    "order.recognised.v1": order.OrderRecognisedBySettlement(
        order_id=ORDER_ID, settlement_id=SETTLEMENT_ID, amount=5248, currency="USD", **BY
    ),
    "order.not-found.v1": order.OrderNotFound(order_id=ORDER_ID, **BY),
    "order.parcels.v1": order.ParcelsReported(
        order_id=ORDER_ID, parcels=(order.Package("UPS", "1Z999AA10123456784", AT, {"05123456789012": 2}),),
        evidence=DIGEST, **BY,
    ),
    "settlement.lines.v1": settlement.SettlementLinesIngested(
        settlement_id=SETTLEMENT_ID, content_hash=DIGEST[:32], lines=LINES, **BY
    ),
    "settlement.closed.v1": settlement.SettlementClosed(
        settlement_id=SETTLEMENT_ID, currency="USD", total=4711, lines=2, content_hash=DIGEST[:32], start=AT, end=AT,
        deposit_date=AT, marketplace="Amazon.com", evidence=DIGEST, **BY,
    ),
    "settlement.disputed.v1": settlement.SettlementDisputed(
        settlement_id=SETTLEMENT_ID, currency="USD", reason="the lines do not add up to the stated total",
        content_hash=DIGEST[:32], total=4712, lines_sum=4711, evidence=DIGEST, **BY,
    ),
    "settlement.dispute-lifted.v1": settlement.SettlementDisputeLifted(
        settlement_id=SETTLEMENT_ID, why="Seller Support confirmed the first report", dismissed=DIGEST[:32], **BY
    ),
    "ledger.settlement-booked.v1": ledger.SettlementBooked(
        settlement_id=SETTLEMENT_ID, currency="USD", total=4461, day=date(2026, 11, 18),
        documents=(f"payment/{SETTLEMENT_ID}-1", f"deposit/{SETTLEMENT_ID}"),
        dispositions={"AR": 2499, "DIRECT": 1962, "NETTED": 0}, notes=(REASON,), reserve=-8000, suspended=-777,
        start=date(2026, 11, 2), end=date(2026, 11, 16), **BY,
    ),
    "ledger.settlement-unbooked.v1": ledger.SettlementUnbooked(settlement_id=SETTLEMENT_ID, why="held", **BY),
    "settlement.matched.v1": event_group.SettlementMatched(
        settlement_id=SETTLEMENT_ID, group_id="4MVaHcsAfaYAlwla", account_type="Standard Orders", converted_total=3445,
        converted_currency="USD", transfer_status="Succeeded", transfer_date=AT, trace_id="4B03616",
        account_tail="1234", **BY,
    ),
    "transaction.ingested.v1": transaction.TransactionIngested(
        transaction=transaction.Transaction(
            transaction_id="c1b2a3", kind="Shipment", status="DEFERRED", description="Order Payment", posted=AT,
            currency="USD", total=4711, account_type="Standard Orders", marketplace_id=MARKETPLACE,
            identifiers=(("ORDER_ID", ORDER_ID),), deferral="DD7", matures=AT, level="items",
            leaves=(
                transaction.Leaf("ProductCharges/OurPricePrincipal", 5498, 1, "MUG-RED-2"),
                transaction.Leaf("AmazonFees/Commission", -787, 1, "MUG-RED-2"),
            ),
            unknown=("field:surchargeAmount=-0.01 USD",),
        ),
        evidence=DIGEST, **BY,
    ),
    "transaction.released.v1": transaction.TransactionReleased(
        transaction_id="c1b2a3", release_id="d4e5f6", posted=AT, total=4711, currency="USD", **BY
    ),
    "event-group.seen.v1": event_group.EventGroupSeen(
        group=event_group.EventGroup(
            group_id="4MVaHcsAfaYAlwla", status="Closed", transfer_status="Succeeded", currency="CAD", total=4711,
            converted_currency="USD", converted_total=3445, beginning=100, start=AT, end=AT, transfer_date=AT,
            trace_id="4B03616", account_tail="1234", unknown=("field:Novelty",),
        ),
        evidence=DIGEST, **BY,
    ),
    "payout.seen.v1": event_group.PayoutSeen(
        payout=event_group.Payout(
            payout_id=SETTLEMENT_ID, settlement_id=SETTLEMENT_ID, status="PAID", kind="SCHEDULED", currency="USD",
            amount=4711, account_type="STANDARD_ORDERS", marketplace_id=MARKETPLACE, created=AT, start=AT, end=AT,
            trace_id="4B03616", account_tail="1234",
        ),
        evidence=DIGEST, **BY,
    ),
    "summary.seen.v1": event_group.SummarySeen(
        summary=event_group.Summary(
            settlement_id=SETTLEMENT_ID, currency="USD", net=4711, account_type="Standard Orders",
            marketplace_id=MARKETPLACE,
        ),
        evidence=DIGEST, **BY,
    ),
    "balances.seen.v1": event_group.BalancesSeen(
        day=date(2026, 11, 24),
        balances=(event_group.Balance("DEFERRED", "USD", 900, "Standard Orders", MARKETPLACE),),
        evidence=DIGEST, **BY,
    ),
    "finance-source.availability.v1": event_group.SourceAvailability(
        source="listPayouts", available=False, reason="amazon answered listPayouts with 403 Unauthorized", **BY
    ),
    "posting.held.v1": posting.PostingHeld(
        kind="deposit", key=SETTLEMENT_ID, reasons=(REASON,), amount=4461, currency="USD", **BY
    ),
    "posting.planned.v1": posting.PostingPlanned(
        kind="invoice", key=ORDER_ID, generation=2, document=INVOICE, depends_on=(f"payment/{SETTLEMENT_ID}-1",),
        mapping_version=3, **BY,
    ),
    "posting.withdrawn.v1": posting.PostingWithdrawn(kind="invoice", key=ORDER_ID, why="the order was cancelled", **BY),
    "posting.released.v1": posting.PostingReleased(
        kind="deposit", key=SETTLEMENT_ID, why="that one is another seller's", not_ours=("147",), **BY
    ),
    "posting.submitted.v1": posting.PostingSubmitted(
        kind="invoice", key=ORDER_ID, generation=1, batch="b-0192", **BY
    ),
    "posting.invoice-posted.v1": posting.InvoicePosted(key=ORDER_ID, quickbooks_id="145", total=5248, **POSTED),
    "posting.payment-posted.v1": posting.PaymentPosted(
        key=f"{SETTLEMENT_ID}-1", quickbooks_id="146", total=5248, **POSTED
    ),
    "posting.deposit-posted.v1": posting.DepositPosted(
        key=SETTLEMENT_ID, quickbooks_id="147", total=4461, **POSTED
    ),
    "posting.journal-posted.v1": posting.JournalEntryPosted(
        key=f"{SETTLEMENT_ID}-J1", quickbooks_id="148", total=787, **POSTED
    ),
    "posting.credit-memo-posted.v1": posting.CreditMemoPosted(
        key=f"{ORDER_ID}C", quickbooks_id="149", total=200, **POSTED
    ),
    "posting.refund-receipt-posted.v1": posting.RefundReceiptPosted(
        key=f"{ORDER_ID}R", quickbooks_id="150", total=1000, **POSTED
    ),
    "posting.sales-receipt-posted.v1": posting.SalesReceiptPosted(
        key=ORDER_ID, quickbooks_id="151", total=5885, **POSTED
    ),
    "posting.purchase-posted.v1": posting.PurchasePosted(
        key=SETTLEMENT_ID, quickbooks_id="152", total=32169, **POSTED
    ),
    "posting.amended.v1": posting.PostingAmended(
        kind="invoice", key=ORDER_ID, quickbooks_id="145", total=5248, **POSTED
    ),
    "posting.voided.v1": posting.PostingVoided(
        kind="invoice", key=ORDER_ID, generation=2, sync_token="2", batch="b-0193", answer=DIGEST, **BY
    ),
    "posting.deleted.v1": posting.PostingDeleted(
        kind="deposit", key=SETTLEMENT_ID, generation=2, batch="b-0193", answer=DIGEST, **BY
    ),
    "posting.rejected.v1": posting.PostingRejected(
        kind="invoice", key=ORDER_ID, generation=1, code="6140",
        message="Duplicate Document Number", batch="b-0192", **BY
    ),
    "batch.submitted.v1": posting.BatchSubmitted(
        batch="b-0192", request_id="ml-0192-1", body=DIGEST,
        items=(posting.BatchItem("f9d6b1f2", "invoice", ORDER_ID, 1, "i07", DIGEST[:32]),), **BY,
    ),
    "batch.replayed.v1": posting.BatchReplayed(batch="b-0192", **BY),
    "batch.answered.v1": posting.BatchAnswered(
        batch="b-0192", answer=DIGEST, posted=29, rejected=1, how="replay", **BY
    ),
    "bank.account-set.v1": bank.BankAccountSet(
        account="USD", currency="USD", number=DIGEST[:16], tail="4321",
        columns=bank.ColumnMap(
            date="Date", text=("Description",), credit="Credit", debit="Debit", reference="Id", balance="Balance",
            currency="Ccy", dates="mdy", decimal=".", delimiter=",", headings=False, negate=True,
        ),
        fees=(1500,), rates={"CAD": "0.7312"}, why="the bank keeps 15.00", **BY,
    ),
    "bank.lines.v1": bank.BankLineImported(
        account="USD", currency="USD", statement=DIGEST[:16], lines=(
            bank.BankLine(
                DIGEST[:16], date(2026, 11, 18), 4461, "AMAZON PAYMENTS", "202611180001", "CREDIT", DIGEST[16:32],
                "ofx", DIGEST[32:48],
            ),
        ), **BY,
    ),
    "bank.statement.v1": bank.BankStatementImported(
        account="USD", currency="USD", statement=DIGEST[:16], form="ofx", file="november.qfx", tail="4321",
        start=date(2026, 11, 1), end=date(2026, 11, 20), entries=2, new=1, total=3961, opening=100, closing=4061,
        evidence=DIGEST, **BY,
    ),
    "bank.matched.v1": bank.DepositMatched(
        account="USD", line=DIGEST[:16], day=date(2026, 11, 18), amount=2961, currency="USD",
        settlements=(SETTLEMENT_ID,), kind="fee", how="confirmed", score=80, fee=1500, reference="202611180001",
        why="the bank's advice", **BY,
    ),
    "bank.match-undone.v1": bank.MatchUndone(
        account="USD", line=DIGEST[:16], settlements=(SETTLEMENT_ID,), why="it is the other one", **BY
    ),
    "bank.match-rejected.v1": bank.MatchRejected(
        account="USD", line=DIGEST[:16], settlements=(SETTLEMENT_ID,), why="it is rent", **BY
    ),
    "bank.line-aside.v1": bank.BankLineSetAside(account="USD", line=DIGEST[:16], why="a loan", **BY),
    "settlement.banked.v1": bank.SettlementBanked(
        settlement_id=SETTLEMENT_ID, account="USD", line=DIGEST[:16], day=date(2026, 11, 18), amount=2961,
        currency="USD", fee=1500, reference="202611180001", returned=True, **BY,
    ),
    "settlement.unbanked.v1": bank.SettlementUnbanked(
        settlement_id=SETTLEMENT_ID, line=DIGEST[:16], why="it is the other one", **BY
    ),
    "token.created.v1": access.TokenCreated(
        name="month-end", prefix="mlc_a1B2c3", role="auditor", flows=("us",), expires=AT, **{**BY, "flow": ""}
    ),
    "token.revoked.v1": access.TokenRevoked(name="month-end", **{**BY, "flow": ""}),
}  # fmt: skip
