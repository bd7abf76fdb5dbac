"""What all transactions have in common: members, versions, dates, numbers, currency, filing and taking back.

A write is decided completely before anything changes: `Kind.draft` only reads, and raises what QuickBooks would
answer. Then the former version's effects are undone, the new one's applied, and the ledger posted.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from adapters.simulated.quickbooks.company import HOME, Company, Record, Txn, currency_reference, head
from adapters.simulated.quickbooks.ledger import Leg
from adapters.simulated.quickbooks.refusals import Refused
from adapters.simulated.quickbooks.vocabulary import DETAILS, MEMBERS
from adapters.simulated.quickbooks.wire import Body, date, number, rounded, well_formed

# Computed by QuickBooks; a client that sends back what it has read may include them, and they are ignored.
READ_ONLY = frozenset(
    """
    Id SyncToken MetaData domain sparse status Balance HomeBalance HomeTotalAmt LinkedTxn UnappliedAmt
    RemainingCredit InvoiceLink RecurDataRef
    """.split()
)
DEPOSIT_TO_TYPES = ("Bank", "Other Current Asset")


class Options(NamedTuple):
    """What `?include=`, or a batch item's optionsData, asks for."""

    allow_duplicate_number: bool = False
    auto_number: bool = False
    void: bool = False

    @classmethod
    def of(cls, include: str | None) -> "Options":
        words = {word.strip().lower() for word in (include or "").split(",")}
        return cls("allowduplicatedocnum" in words, "allowautodocnum" in words, "void" in words)


PLAIN = Options()


class Kind:
    """The rules of one entity. `draft` reads and refuses; `apply` and `undo` change other documents."""

    voidable = True
    has_number = True
    checks_number = True

    def draft(self, company: Company, txn: Txn, former: Txn | None) -> None:
        raise NotImplementedError

    def apply(self, company: Company, txn: Txn) -> None:
        pass

    def undo(self, company: Company, txn: Txn) -> None:
        pass

    def empty(self, company: Company, txn: Txn) -> None:
        """Void: the same document with every amount at zero."""
        raise NotImplementedError

    def gone(self, company: Company, txn: Txn) -> None:
        """Before a void or a delete: let go of whatever is linked from the other side."""

    def show(self, company: Company, txn: Txn) -> Body:
        raise NotImplementedError


def write(company: Company, kind: Kind, entity: str, body: Body, options: Options) -> Txn:
    """Create, or update when the body has an Id."""
    _known_members(entity, body)
    well_formed(body)
    if body.get("Id") is None:
        return _create(company, kind, entity, _writable(body), options)
    former = read(company, entity, body["Id"])
    _is_current(former, body)
    if options.void:
        return void(company, kind, entity, body)
    _may_change(company, former)
    fields = _writable(body)
    if body.get("sparse") is True or str(body.get("sparse")).lower() == "true":
        fields = {name: value for name, value in {**former.fields, **fields}.items() if value is not None}
    return _update(company, kind, former, fields, options)


def read(company: Company, entity: str, identity: object) -> Txn:
    if not str(identity).isdigit():
        raise Refused.invalid_id(str(identity))
    txn = company.transactions[entity].get(str(identity))
    if txn is None:
        raise Refused.not_found()
    return txn


def delete(company: Company, kind: Kind, entity: str, body: Body) -> Body:
    txn = read(company, entity, _required(body, "Id"))
    _is_current(txn, body)
    _may_change(company, txn)
    _is_unmatched(txn)
    kind.gone(company, txn)
    kind.undo(company, txn)
    company.ledger.reverse(txn.document, "delete")
    del company.transactions[entity][txn.id]
    company.release_number(txn)
    company.log("Delete", txn)
    return {"domain": "QBO", "status": "Deleted", "Id": txn.id}


def void(company: Company, kind: Kind, entity: str, body: Body) -> Txn:
    if not kind.voidable:
        raise Refused.unsupported(f"void on {entity}")
    txn = read(company, entity, _required(body, "Id"))
    _is_current(txn, body)
    _may_change(company, txn)
    _is_unmatched(txn)
    kind.gone(company, txn)
    kind.undo(company, txn)
    company.ledger.reverse(txn.document, "void")
    note = txn.fields.get("PrivateNote")
    txn.fields["PrivateNote"] = f"Voided - {note}" if note else "Voided"
    kind.empty(company, txn)
    txn.voided = True
    txn.total = txn.tax = txn.balance = txn.home_balance = txn.unapplied = 0
    txn.legs, txn.applied = [], {}
    company.touch(txn, "Void")
    return txn


def repost(company: Company, txn: Txn, cause: str) -> None:
    company.ledger.post(txn.document, cause, txn.date, txn.money, txn.legs)


def show_head(txn: Txn) -> Body:
    """Identity, number, date and currency, in the order QuickBooks answers them."""
    answer = head(txn)
    if txn.number is not None:
        answer["DocNumber"] = txn.number
    answer["TxnDate"] = txn.date.isoformat()
    answer["CurrencyRef"] = currency_reference(txn.money)
    if txn.money != HOME:
        answer["ExchangeRate"] = txn.rate
    if "PrivateNote" in txn.fields:
        answer["PrivateNote"] = txn.fields["PrivateNote"]
    return answer


def passed_on(txn: Txn, answer: Body, but: Iterable[str] = ()) -> Body:
    """Add what the client wrote and QuickBooks merely keeps: addresses, memos, tracking numbers."""
    skipped = {"Line", "CustomField", "DocNumber", "AutoDocNumber", *but}
    for member, value in txn.fields.items():
        if member not in answer and member not in skipped:
            answer[member] = value
    return answer


# Lines


def lines_of(fields: Body) -> list[Body]:
    lines = fields.get("Line")
    if lines is None:
        return []
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise Refused.malformed("Line is not a list of objects")
    for line in lines:
        for member in line:
            if member not in DETAILS["Line"]:
                raise Refused.unknown_member(member, "Line", DETAILS["Line"])
    return lines


def detail_of(line: Body, kind: str) -> Body:
    detail = line.get(kind)
    if detail is None:
        raise Refused.missing(f"Line.{kind}")
    if not isinstance(detail, dict):
        raise Refused.malformed(f"Line.{kind} is not an object")
    for member in detail:
        if member not in DETAILS[kind]:
            raise Refused.unknown_member(member, kind, DETAILS[kind])
    return detail


class LineIds:
    """A line sent with an Id the document has keeps it; any other line is a new one with the next number."""

    def __init__(self, former: Txn | None) -> None:
        self._known = {str(line["Id"]) for line in former.lines if "Id" in line} if former else set()
        self._last = max((int(identity) for identity in self._known), default=0)

    def of(self, line: Body) -> str:
        identity = str(line.get("Id", ""))
        if identity in self._known:
            self._known.discard(identity)
            return identity
        self._last += 1
        return str(self._last)


# References and money


def currency_of(company: Company, fields: Body, default: str | None) -> str:
    """The document's currency. `default` is None where Intuit calls CurrencyRef required."""
    reference = fields.get("CurrencyRef")
    value = reference.get("value") if isinstance(reference, dict) else None
    if not company.dials.multi_currency:
        if value not in (None, HOME):
            raise Refused.business("Multi-currency is not enabled for this company.", "CurrencyRef")
        return HOME
    if value is None and default is None:
        raise Refused.missing("CurrencyRef")
    return str(value or default)


def rate_of(company: Company, fields: Body, currency: str) -> Decimal:
    """Home units for one unit of `currency`: the document's own, else the company's."""
    if currency == HOME:
        return Decimal(1)
    if fields.get("ExchangeRate") is not None:
        rate = number(fields["ExchangeRate"], "ExchangeRate")
        if rate <= 0:
            raise Refused.business("ExchangeRate must be positive.", "ExchangeRate")
        return rate
    return company.dials.exchange_rates.get(currency, Decimal(1))


def account_for(
    company: Company, reference: object, element: str, currency: str, types: tuple[str, ...] | None = None
) -> Record:
    """An account a document in `currency` may use; `types` limits what kind of account."""
    account = company.find(reference, "Account", element, "Accounts")
    if types is not None and account.fields["AccountType"] not in types:
        raise Refused.business(
            f"Invalid account type used: {account.fields['Name']} is of type {account.fields['AccountType']}.", element
        )
    balance_sheet = account.fields["AccountType"] in (
        "Bank",
        "Other Current Asset",
        "Credit Card",
        "Accounts Receivable",
        "Accounts Payable",
    )
    any_currency = account.fields.get("AccountSubType") == "UndepositedFunds" or not balance_sheet
    if account.currency != currency and not (any_currency and account.currency == HOME):
        raise Refused.business(
            f"The account {account.fields['Name']} is kept in {account.currency}, the transaction in {currency}.",
            element,
        )
    return account


def customer_of(company: Company, fields: Body, required: bool) -> Record | None:
    if fields.get("CustomerRef") is None:
        if required:
            raise Refused.missing("CustomerRef")
        return None
    return company.find(fields["CustomerRef"], "Customer", "CustomerRef", "Customers")


def same_currency(customer: Record | None, currency: str) -> None:
    if customer is not None and customer.currency != currency:
        raise Refused.business(
            f"The customer's currency is {customer.currency}, the transaction's is {currency}.", "CurrencyRef"
        )


def in_home(amount: int, rate: Decimal) -> int:
    return amount if rate == 1 else rounded(amount * rate)


def balancing(account: str, legs: list[Leg], customer: str | None = None, memo: str = "") -> Leg:
    """The one leg that balances the others, so that rounding a rate never leaves a cent over."""
    return Leg(account, -sum(leg.amount for leg in legs), -sum(leg.home for leg in legs), customer, memo)


# The steps of a write


def _create(company: Company, kind: Kind, entity: str, fields: Body, options: Options) -> Txn:
    fields = {name: value for name, value in fields.items() if value is not None}
    now = company.now()
    txn = Txn(entity, "", fields, now, now)
    _header(company, kind, txn, None, options)
    kind.draft(company, txn, None)
    txn.id = company.next_id(entity)
    if txn.number == "":
        txn.number = company.next_number(entity)
    company.transactions[entity][txn.id] = txn
    company.claim_number(txn)
    kind.apply(company, txn)
    repost(company, txn, "create")
    company.log("Create", txn)
    return txn


def _update(company: Company, kind: Kind, former: Txn, fields: Body, options: Options) -> Txn:
    fields = {name: value for name, value in fields.items() if value is not None}
    txn = Txn(former.entity, former.id, fields, former.created, former.updated, former.sync)
    txn.linked_by, txn.matched = former.linked_by, former.matched
    _header(company, kind, txn, former, options)
    kind.draft(company, txn, former)
    if txn.number == "":
        txn.number = company.next_number(txn.entity)
    kind.undo(company, former)
    company.transactions[txn.entity][txn.id] = txn
    company.claim_number(txn, former.number)
    kind.apply(company, txn)
    repost(company, txn, "update")
    company.touch(txn)
    return txn


def _known_members(entity: str, body: Body) -> None:
    known = MEMBERS[entity]
    for member in body:
        if member not in known:
            raise Refused.unknown_member(member, entity, known)


def _writable(body: Body) -> Body:
    return {name: value for name, value in body.items() if name not in READ_ONLY}


def _required(body: Body, member: str) -> object:
    if body.get(member) is None:
        raise Refused.missing(member)
    return body[member]


def _is_current(txn: Txn, body: Body) -> None:
    if str(_required(body, "SyncToken")) != str(txn.sync):
        raise Refused.stale()


def _may_change(company: Company, txn: Txn) -> None:
    if txn.deposited_in is not None:
        raise Refused.deposited()
    _is_open(company, txn.date)


def _is_unmatched(txn: Txn) -> None:
    if txn.matched:
        raise Refused.matched()


def _is_open(company: Company, day: dt.date) -> None:
    closed = company.dials.book_close_date
    if closed is not None and day <= closed:
        raise Refused.period_closed(company.dials.book_close_password)


def _header(company: Company, kind: Kind, txn: Txn, former: Txn | None, options: Options) -> None:
    fields = txn.fields
    for member, limit in (("PrivateNote", 4000), ("PaymentRefNum", 100 if txn.entity == "RefundReceipt" else 21)):
        if len(str(fields.get(member, ""))) > limit:
            raise Refused.too_long(member, limit, len(str(fields[member])))
    if len(str((fields.get("CustomerMemo") or {}).get("value", ""))) > 1000:
        raise Refused.too_long("CustomerMemo", 1000, len(fields["CustomerMemo"]["value"]))
    if fields.get("TxnDate") is not None:
        txn.date = date(fields["TxnDate"], "TxnDate")
    else:
        txn.date = former.date if former else company.today()
    fields["TxnDate"] = txn.date.isoformat()
    _is_open(company, txn.date)
    if kind.has_number:
        _number(company, kind, txn, former, options)
    else:
        fields.pop("DocNumber", None)  # accepted and not kept: the Deposit reference lists no DocNumber


def _number(company: Company, kind: Kind, txn: Txn, former: Txn | None, options: Options) -> None:
    """An empty string means "the next automatic one", drawn only when the write goes through."""
    dials, given = company.dials, txn.fields.get("DocNumber")
    automatic = txn.fields.get("AutoDocNumber") is True or given == "AUTO_GENERATE"
    automatic = automatic or (options.auto_number and not given)
    if (txn.entity not in ("JournalEntry", "Purchase") and not dials.custom_txn_numbers) or automatic:
        txn.number = former.number if former and former.number else ""
        return
    if given is None or given == "":
        txn.number = None
        return
    if not isinstance(given, str):
        raise Refused.malformed("DocNumber is not text")
    if len(given) > 21:
        raise Refused.too_long("DocNumber", 21, len(given))
    txn.number = given
    warned = dials.warn_duplicate_journal_number if txn.entity == "JournalEntry" else dials.warn_duplicate_numbers
    if not kind.checks_number or not warned or options.allow_duplicate_number:
        return
    for other in company.numbered(txn.entity, given):
        if former is None or other != former.id:
            raise Refused.duplicate_number(given, txn.entity, other)
