"""Debts to Amazon and failed transfers: what one settlement leaves in clearing and a later one takes away (R21, R22).

A settlement that pays nothing leaves a debt in clearing until a card is charged for it or a later settlement collects
it; a transfer that failed comes back with a later one. Both are booked only where the ledger knows the earlier
settlement: an amount nobody booked would stay in clearing for ever.
"""

from datetime import date

import msgspec

from domain.document import JournalEntry, JournalLine, Purchase
from domain.ledger import Ledger, returns_of
from domain.posting import Reason
from domain.posting_rules.dispositions import Sorted, account_key, money, total_of
from domain.posting_rules.tranches import Days
from domain.settlement import SettlementClosed, SettlementLine

CARD = "CC"
_PAYABLE = ("payable to amazon",)
_CHARGED = ("successful charge",)
_RETURNED = ("transfer of funds unsuccessful", "failed disbursement")


class Balances(msgspec.Struct):
    """What a settlement says of earlier ones: documents by key beside its own, and the sums for the ledger."""

    balance: int = 0
    charged: int = 0
    returned: int = 0
    purchases: dict[str, Purchase] = {}
    journals: dict[str, tuple[JournalEntry, str]] = {}  # with the deposit that each takes back


def settle_balances(
    result: Sorted, ledger: Ledger, closed: SettlementClosed, days: Days, account_type: str = ""
) -> Balances:
    """The documents that earlier debts and failed transfers need; what the ledger does not know is a reason."""
    found = Balances()
    if not result.balance:
        return found
    settlement_id = closed.settlement_id
    found.balance = total_of(result.balance)
    result.add("BALANCE", found.balance)
    carried = ledger.carried(settlement_id)
    payable = -sum(line.amount for line in result.balance if _says(line, _PAYABLE))
    for line in result.balance:
        if _says(line, _CHARGED) and line.amount > 0:
            if payable >= line.amount:
                payable -= line.amount
                if carried + found.charged + line.amount > 0:
                    continue  # the debt is older than these books, and so is the charge
            # Without a `Payable to Amazon` beside it the card paid a fee of this very settlement.
            found.charged += line.amount
            key = f"{settlement_id}-C{len(found.purchases) + 1}"
            found.purchases[key] = _card_charge(key, line, closed, days, account_type)
        elif _says(line, _RETURNED) and line.amount > 0:
            _take_back(found, result, line, ledger, closed, days, account_type)
    collected = found.charged + found.returned - found.balance
    if collected < 0 or carried + collected > 0:
        text = (
            f"{money(found.balance, closed.currency)} settles an earlier balance or a failed transfer that this flow "
            "has not booked: import the settlement it comes from; where the old books have it, give the line an "
            "account of its own, for example OPENING, with: ml-connector mapping set FLOW"
        )
        result.reasons.append(Reason("balance_moved", text, found.balance))
    return found


def _card_charge(key: str, line: SettlementLine, closed: SettlementClosed, days: Days, account_type: str) -> Purchase:
    """Dr clearing, Cr the card that Amazon charged for a negative settlement."""
    clearing = account_key("CLR", closed.currency, account_type)
    return Purchase(
        number=key[-21:],
        settlement_id=closed.settlement_id,
        day=days.open(days.posted(line)),
        currency=closed.currency,
        paid_from=CARD,
        lines=(JournalLine(clearing, line.amount, "Amazon charged the card for a negative settlement"),),
        total=line.amount,
        memo=f"AMZ-SETTLEMENT {closed.settlement_id}; card charged for an earlier negative balance",
    )


def _take_back(
    found: Balances,
    result: Sorted,
    line: SettlementLine,
    ledger: Ledger,
    closed: SettlementClosed,
    days: Days,
    account_type: str,
) -> None:
    """Dr clearing, Cr bank: the deposit of the transfer that failed never reached the bank."""
    taken = {name for _, name in found.journals.values()}
    candidates = ledger.paid_out(line.amount, closed.settlement_id)
    entry = next((one for one in candidates if f"deposit/{one.settlement_id}" not in taken), None)
    if entry is None:
        return
    found.returned += line.amount
    key = f"{closed.settlement_id}-F{len(found.journals) + 1}"
    deposit = f"deposit/{entry.settlement_id}"
    found.journals[key] = (
        take_back(
            key,
            entry.settlement_id,
            max(days.open(days.posted(line)), entry.day),
            line.amount,
            closed.currency,
            account_type,
        ),
        deposit,
    )
    text = (
        f"the transfer of {money(line.amount, closed.currency)} of settlement {entry.settlement_id} failed; its "
        "deposit is taken back by a journal and the money comes with this settlement"
    )
    result.notes.append(Reason("transfer_returned", text, line.amount, returns_of(entry.settlement_id)))


def take_back(
    key: str, settlement_id: str, day: date, amount: int, currency: str, account_type: str = ""
) -> JournalEntry:
    """The journal that takes a deposit's money out of the bank account again: its transfer failed (R22)."""
    return JournalEntry(
        number=key[-21:],
        day=day,
        currency=currency,
        lines=(
            JournalLine(account_key("CLR", currency, account_type), amount, "Failed transfer, back at Amazon"),
            JournalLine(f"BANK:{currency}", -amount, f"Transfer of settlement {settlement_id} failed"),
        ),
        total=amount,
        memo=f"AMZ-SETTLEMENT {settlement_id}; its transfer failed",
        corrects=f"deposit/{settlement_id}",
    )


def _says(line: SettlementLine, words: tuple[str, ...]) -> bool:
    return line.amount_description.lower().startswith(words)
