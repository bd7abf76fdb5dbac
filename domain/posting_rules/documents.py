"""The documents of a settlement whose lines are placed: payments, journals, refund documents and at most one deposit.

In this order (accounting.md 2.4): payments by day and customer; a journal per earlier day, for accounts that a deposit
line may not have, and for everything where nothing is paid out; then the deposit. The clearing line is computed twice,
as the total less the direct lines and as the sum of what was booked against clearing: it is never a plug.
"""

from collections.abc import Sequence
from datetime import date

import msgspec

from domain.chart import account_of
from domain.document import (
    AppliedInvoice,
    Deposit,
    DepositLine,
    Invoice,
    JournalEntry,
    JournalLine,
    Payment,
    cleared_by,
)
from domain.errors import Unbalanced
from domain.posting_rules.balances import Balances
from domain.posting_rules.dispositions import Direct, DirectKey, Sorted
from domain.posting_rules.order_payments import Applied, OrderBill
from domain.posting_rules.planned import NUMBER_LENGTH, Booking, PlannedDocument
from domain.posting_rules.refund_documents import RefundDocuments
from domain.settlement import SettlementClosed

INVOICES_PER_PAYMENT = 100
LINES_PER_DOCUMENT = 200  # no published limit; accounting.md 2.7, T3
UNDEPOSITED = "UNDEP"


class Payments(msgspec.Struct):
    """The payments by key, who pays which order, and what sales receipts brought to clearing before."""

    documents: dict[str, PlannedDocument] = {}
    paid_by: dict[str, str] = {}
    received: int = 0


def payments_of(bills: dict[str, OrderBill], booking: Booking) -> Payments:
    """Payments of one customer, one day, and a bounded number of invoices each."""
    result = Payments()
    groups: dict[tuple[date, str, str], list[AppliedInvoice]] = {}
    per_order = booking.flow.policies.payment_batch == "per_order"
    for order_id in sorted(bills):
        for one in bills[order_id].applied() if bills[order_id].taken else ():
            if not isinstance(one.document, Invoice):
                result.received += one.amount
                continue
            group = (_payable(one), one.document.customer, order_id if per_order else "")
            groups.setdefault(group, []).append(AppliedInvoice(one.posting, order_id, one.amount))
    numbers: dict[date, int] = {}
    for (day, customer, _), applied in sorted(groups.items(), key=lambda entry: entry[0]):
        for begin in range(0, len(applied), INVOICES_PER_PAYMENT):
            chunk = tuple(applied[begin : begin + INVOICES_PER_PAYMENT])
            numbers[day] = numbers.get(day, 0) + 1
            key = booking.key(str(numbers[day]), day)
            payment = Payment(
                number=key[-NUMBER_LENGTH:],
                settlement_id=booking.closed.settlement_id,
                customer=customer,
                day=day,
                currency=booking.closed.currency,
                clearing=UNDEPOSITED if booking.links_payments else booking.clearing,
                applied=chunk,
                total=sum(invoice.amount for invoice in chunk),
                rate=booking.payout.rate,
            )
            needs = tuple(dict.fromkeys(invoice.posting for invoice in chunk))
            result.documents[key] = PlannedDocument(key, payment, needs)
            result.paid_by |= {invoice.order_id: key for invoice in chunk}
    return result


def _payable(one: Applied) -> date:
    """A payment before its invoice would count as unapplied (I12): it waits for an invoice dated later."""
    return max(one.day, one.document.day)


def journals_of(result: Sorted, booking: Booking, taken: frozenset[str] = frozenset()) -> dict[str, PlannedDocument]:
    """The journals of a settlement by key; what they book is taken out of `result.direct`.

    `taken` are keys in use. A line that nothing of the deposit needs stays for the deposit.
    """
    by_day: dict[date, list[tuple[DirectKey, Direct]]] = {}
    for key in sorted(result.direct, key=_order):
        entry = result.direct[key]
        if entry.amount and (booking.closed.total <= 0 or key.day != booking.day or not _on_deposit(key.account)):
            by_day.setdefault(key.day, []).append((key, entry))
    if booking.closed.total > 0 and len(_on_the_day(result, booking)) > LINES_PER_DOCUMENT - 1:
        by_day.setdefault(booking.day, []).extend(_on_the_day(result, booking))
    journals: dict[str, PlannedDocument] = {}
    for day, entries in sorted(by_day.items()):
        for number, begin in enumerate(range(0, len(entries), LINES_PER_DOCUMENT - 1)):
            chunk = entries[begin : begin + LINES_PER_DOCUMENT - 1]
            key_ = _journal_key(booking, day, number)
            journals[key_] = PlannedDocument(key_, _journal(key_, day, chunk, booking))
            for key, _ in chunk:
                del result.direct[key]
    return journals


def _on_the_day(result: Sorted, booking: Booking) -> list[tuple[DirectKey, Direct]]:
    return [
        (key, result.direct[key])
        for key in sorted(result.direct, key=_order)
        if result.direct[key].amount and key.day == booking.day and _on_deposit(key.account)
    ]


def _journal_key(booking: Booking, day: date, number: int) -> str:
    more = str(number + 1) if number else ""
    if day != booking.day:
        return booking.key(f"J{more}" if more else "", day)
    return booking.key(f"J{more}" if booking.closed.total > 0 or more else "")


def _journal(key: str, day: date, entries: Sequence[tuple[DirectKey, Direct]], booking: Booking) -> JournalEntry:
    lines = [
        JournalLine(booking.account(name.account), -entry.amount, describe(name, entry), tuple(entry.ordinals))
        for name, entry in entries
    ]
    net = sum(entry.amount for _, entry in entries)
    if net:
        lines.append(JournalLine(booking.clearing, net, f"AMZ-SETTLEMENT {booking.closed.settlement_id}"))
    return JournalEntry(
        number=key[-NUMBER_LENGTH:],
        day=day,
        currency=booking.closed.currency,
        lines=tuple(lines),
        total=sum(line.amount for line in lines if line.amount > 0),
        memo=f"AMZ-SETTLEMENT {booking.closed.settlement_id}",
        settlement_id=booking.closed.settlement_id,
        rate=booking.payout.rate,
    )


def deposit_of(
    result: Sorted,
    booking: Booking,
    payments: Payments,
    journals: dict[str, PlannedDocument],
    refunds: RefundDocuments,
    balances: Balances,
) -> list[PlannedDocument]:
    """All documents in the order in which they are made; the last one bears the lines that no other names."""
    cancelled = [ordinal for entry in result.direct.values() if not entry.amount for ordinal in entry.ordinals]
    netted = tuple(sorted([*result.netted, *cancelled]))
    cleared = tuple(sorted([*result.paid, *(line.ordinal for line in result.balance)]))
    documents = [*payments.documents.values(), *journals.values(), *refunds.documents]
    booked = sum(cleared_by(one.document) for one in documents) + payments.received + balances.balance
    if booking.closed.total <= 0:
        if booked != booking.closed.total:
            raise _differs(booking, booking.closed.total, booked)
        return _borne_by_journal(documents, netted, cleared)
    lines = [
        DepositLine(booking.account(key.account), entry.amount, describe(key, entry), tuple(entry.ordinals))
        for key, entry in sorted(result.direct.items(), key=lambda item: _order(item[0]))
        if entry.amount
    ]
    if booking.links_payments:
        linked = [one.document for one in payments.documents.values()]
        lines += [
            DepositLine(UNDEPOSITED, one.total, f"payment {key}")
            for key, one in zip(payments.documents, linked, strict=True)
        ]
        booked -= sum(one.total for one in linked)
    clearing_line = booking.closed.total - sum(line.amount for line in lines)
    if clearing_line != booked:
        raise _differs(booking, clearing_line, booked)
    deposit = Deposit(
        settlement_id=booking.closed.settlement_id,
        day=booking.day,
        currency=booking.closed.currency,
        bank=booking.payout.bank,
        clearing=booking.clearing,
        cleared=clearing_line,
        lines=tuple(lines),
        total=booking.closed.total,
        netted_ordinals=netted,
        cleared_ordinals=cleared,
        payments=tuple(payments.documents),
        rate=booking.payout.rate,
    )
    needs = tuple(one.name for one in documents)
    return [*documents, PlannedDocument(booking.closed.settlement_id, deposit, needs)]


def _borne_by_journal(
    documents: list[PlannedDocument], netted: tuple[int, ...], cleared: tuple[int, ...]
) -> list[PlannedDocument]:
    """Where nothing is paid out the last journal tells of the lines that no document names."""
    for number in range(len(documents) - 1, -1, -1):
        journal = documents[number].document
        if isinstance(journal, JournalEntry) and (netted or cleared):
            borne = msgspec.structs.replace(journal, netted_ordinals=netted, cleared_ordinals=cleared)
            documents[number] = msgspec.structs.replace(documents[number], document=borne)
            break
    return documents


def describe(key: DirectKey, entry: Direct) -> str:
    """What a line holds: `Amazon referral fees: 12 lines of the settlement`."""
    name = account_of(key.account).name
    why = f" ({key.why})" if key.why else ""
    return f"{name}{why}: {entry.lines} line{'s' * (entry.lines != 1)} of the settlement"


def each_line_once(documents: Sequence[PlannedDocument], closed: SettlementClosed, unborne: Sequence[int]) -> None:
    """Every line of the settlement has exactly one place (invariants I2, I9); `unborne` have no document at all."""
    placed = list(unborne)
    for one in documents:
        document = one.document
        if isinstance(document, Deposit | JournalEntry):
            placed += [*document.netted_ordinals, *document.cleared_ordinals]
            placed += [ordinal for line in document.lines for ordinal in line.ordinals]
        placed += getattr(document, "ordinals", ())
    if len(placed) != closed.lines or sorted(placed) != list(range(1, closed.lines + 1)):
        raise Unbalanced(
            f"settlement {closed.settlement_id}: its {closed.lines} lines were not each placed exactly once"
        )


def _on_deposit(account: str) -> bool:
    return account_of(account).on_deposit_line


def _order(key: DirectKey) -> tuple[date, str, str, str]:
    return key.day, account_of(key.account).number, key.account, key.why


def _differs(booking: Booking, computed: int, booked: int) -> Unbalanced:
    return Unbalanced(
        f"settlement {booking.closed.settlement_id}: its clearing line is {computed} by its total and {booked} by its "
        "documents (minor units); nothing is posted"
    )
