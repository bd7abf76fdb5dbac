"""The operations a request can ask for, by entity: the one place that knows which rules belong to which name."""

from adapters.simulated.quickbooks import documents, lists, settings
from adapters.simulated.quickbooks.company import LISTS, TRANSACTIONS, Company, Record, Txn
from adapters.simulated.quickbooks.deposits import Deposit
from adapters.simulated.quickbooks.documents import PLAIN, Kind, Options
from adapters.simulated.quickbooks.journals import JournalEntry, Purchase
from adapters.simulated.quickbooks.payments import Payment
from adapters.simulated.quickbooks.refusals import Refused
from adapters.simulated.quickbooks.sales import CreditMemo, Invoice, RefundReceipt, SalesReceipt
from adapters.simulated.quickbooks.wire import Body

ENTITIES = (*LISTS, *TRANSACTIONS)
_KINDS: dict[str, Kind] = {
    "Invoice": Invoice(),
    "Payment": Payment(),
    "Deposit": Deposit(),
    "JournalEntry": JournalEntry(),
    "CreditMemo": CreditMemo(),
    "RefundReceipt": RefundReceipt(),
    "Purchase": Purchase(),
    "SalesReceipt": SalesReceipt(),
}
_BY_LOWER_CASE = {name.lower(): name for name in (*ENTITIES, "CompanyInfo", "Preferences")}


def entity_called(name: str) -> str | None:
    """`salesreceipt` in a path, `SalesReceipt` in a batch or a query."""
    return _BY_LOWER_CASE.get(name.lower())


def write(company: Company, entity: str, operation: str, body: Body, options: Options = PLAIN) -> Body:
    """Create, update, delete or void; the answer is the object as it now is."""
    if company.dials.subscription_ended:
        raise Refused.subscription_ended()
    if entity in LISTS:
        if operation not in ("create", "update"):
            raise Refused.unsupported(f"{operation} on {entity}")
        return lists.render(company, lists.write(company, entity, body))
    if entity not in _KINDS:
        raise Refused.unsupported(f"{operation} on {entity}")
    kind = _KINDS[entity]
    if operation == "delete":
        return documents.delete(company, kind, entity, body)
    if operation == "void":
        return kind.show(company, documents.void(company, kind, entity, body))
    if operation in ("create", "update"):
        return kind.show(company, documents.write(company, kind, entity, body, options))
    raise Refused.unsupported(f"{operation} on {entity}")


def read(company: Company, entity: str, identity: str) -> Body:
    if entity == "CompanyInfo":
        return settings.company_info(company)
    if entity == "Preferences":
        return settings.preferences(company)
    if entity in LISTS:
        return lists.render(company, lists.read(company, entity, identity))
    return render(company, documents.read(company, entity, identity))


def render(company: Company, record: Record) -> Body:
    if isinstance(record, Txn):
        return _KINDS[record.entity].show(company, record)
    return lists.render(company, record)
