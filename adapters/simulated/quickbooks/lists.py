"""The name lists: Account, Item, Customer, Vendor.

They are never deleted, only made inactive, and an inactive name stays taken.
"""

from collections.abc import Callable

from adapters.simulated.quickbooks.company import HOME, Company, Record, currency_reference, head
from adapters.simulated.quickbooks.refusals import Refused
from adapters.simulated.quickbooks.vocabulary import ACCOUNT_SUBTYPES, CLASSIFICATION, MEMBERS, TYPE_OF_SUBTYPE
from adapters.simulated.quickbooks.wire import Body, number, plain, shown, well_formed

_READ_ONLY = frozenset(
    """
    Id SyncToken MetaData domain sparse status FullyQualifiedName Classification CurrentBalance Level
    CurrentBalanceWithSubAccounts Balance BalanceWithJobs
    """.split()
)
_ITEM_TYPES = ("Service", "NonInventory")


def write(company: Company, entity: str, body: Body) -> Record:
    """Create, or update when the body has an Id."""
    known = MEMBERS[entity]
    for member in body:
        if member not in known:
            raise Refused.unknown_member(member, entity, known)
    well_formed(body)
    former = read(company, entity, body["Id"]) if body.get("Id") is not None else None
    fields = {name: value for name, value in body.items() if name not in _READ_ONLY and value is not None}
    if former is not None:
        if str(body.get("SyncToken", "")) != str(former.sync):
            raise Refused.missing("SyncToken") if body.get("SyncToken") is None else Refused.stale()
        if body.get("sparse") is True or str(body.get("sparse")).lower() == "true":
            fields = {**former.fields, **fields}
        _keep_currency(former, fields)
    name = _RULES[entity](company, fields, former)
    _name_is_free(company, entity, name, former)
    if former is None:
        return _file(company, entity, fields, name)
    old_name = _unique_name(former)
    former.fields = fields
    company.claim_name(former, name, old_name)
    company.touch(former)
    return former


def read(company: Company, entity: str, identity: object) -> Record:
    if not str(identity).isdigit():
        raise Refused.invalid_id(str(identity))
    record = company.records[entity].get(str(identity))
    if record is None:
        raise Refused.not_found()
    return record


def render(company: Company, record: Record) -> Body:
    return _SHAPES[record.entity](company, record)


def _file(company: Company, entity: str, fields: Body, name: str) -> Record:
    now = company.now()
    record = Record(entity, company.next_id(entity), fields, now, now)
    company.records[entity][record.id] = record
    company.claim_name(record, name)
    company.log("Create", record)
    return record


def _name_is_free(company: Company, entity: str, name: str, former: Record | None) -> None:
    owner = company.name_owner(entity, name)
    if owner is not None and (former is None or owner != (former.entity, former.id)):
        raise Refused.duplicate_name(another_list=owner[0] != entity)


def _unique_name(record: Record) -> str:
    return str(record.fields.get("DisplayName") or record.fields["FullyQualifiedName"])


def _full_name(record: Record) -> str:
    return str(record.fields.get("FullyQualifiedName") or record.fields.get("DisplayName"))


def _keep_currency(former: Record, fields: Body) -> None:
    """A currency is chosen once, when an account or a name is made."""
    if former.entity == "Item":
        return
    given = (fields.get("CurrencyRef") or {}).get("value", former.currency)
    if given != former.currency:
        raise Refused.business("The currency cannot be changed once it is set.", "CurrencyRef")
    if "CurrencyRef" in former.fields:
        fields["CurrencyRef"] = former.fields["CurrencyRef"]


def _text(fields: Body, member: str, limit: int, forbidden: str = "") -> str | None:
    value = fields.get(member)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refused.malformed(f"{member} is not text")
    if len(value) > limit:
        raise Refused.too_long(member, limit, len(value))
    for character in forbidden:
        if character in value:
            raise Refused.invalid_text(member, f"may not contain {character!r}")
    return value.strip() or None


def _currency(company: Company, fields: Body) -> str:
    value = str((fields.get("CurrencyRef") or {}).get("value", HOME))
    if value != HOME and not company.dials.multi_currency:
        raise Refused.business("Multi-currency is not enabled for this company.", "CurrencyRef")
    fields["CurrencyRef"] = {"value": value}
    return value


def _under_parent(company: Company, entity: str, name: str, fields: Body, former: Record | None) -> str:
    """`Parent:Child`, the name that must be unique."""
    reference = fields.get("ParentRef")
    full = name
    if reference:
        parent = company.find(reference, entity, "ParentRef")
        if former is not None and former.id == parent.id:
            raise Refused.business("A record cannot be its own parent.", "ParentRef")
        full = f"{_full_name(parent)}:{name}"
        if full.count(":") > 4:
            raise Refused.business("Sub-levels are limited to five.", "ParentRef")
        if entity == "Account" and parent.fields["AccountType"] != fields["AccountType"]:
            raise Refused.business("A sub-account must have the type of its parent.", "ParentRef")
    fields["FullyQualifiedName"] = full
    return full


def _account(company: Company, fields: Body, former: Record | None) -> str:
    name = _text(fields, "Name", 100, '":')
    if name is None:
        raise Refused.missing("Name")
    _text(fields, "AcctNum", 7)
    kind, subtype = _text(fields, "AccountType", 100), _text(fields, "AccountSubType", 100)
    if kind is None and former is not None:
        kind = former.fields["AccountType"]
    if kind is None and subtype is None:
        raise Refused.account_type_missing()
    if subtype is not None and subtype not in ACCOUNT_SUBTYPES:
        raise Refused.invalid_choice("AccountSubType", subtype)
    if kind is None:
        kind = TYPE_OF_SUBTYPE.get(str(subtype))
        if kind is None:
            raise Refused.account_type_missing()
    if kind not in CLASSIFICATION:
        raise Refused.invalid_choice("AccountType", kind)
    if subtype is not None and TYPE_OF_SUBTYPE.get(subtype, kind) != kind:
        raise Refused.business(f"AccountSubType {subtype} does not belong to AccountType {kind}.", "AccountSubType")
    if subtype is None:
        subtype = next(sub for sub, owner in [*TYPE_OF_SUBTYPE.items(), ("OtherFixedAssets", kind)] if owner == kind)
    fields["AccountType"], fields["AccountSubType"] = kind, subtype
    currency = _currency(company, fields)
    if currency != HOME and CLASSIFICATION[kind] in ("Revenue", "Expense", "Equity"):
        raise Refused.business("Income, expense and equity accounts are kept in the home currency.", "CurrencyRef")
    accounts = company.records["Account"]
    if former is None and len(accounts) >= company.dials.account_limit:
        raise Refused.business(f"The limit of {company.dials.account_limit} accounts has been reached.")
    fields["Name"] = name
    return _under_parent(company, "Account", name, fields, former)


def _item(company: Company, fields: Body, former: Record | None) -> str:
    name = _text(fields, "Name", 100, ":\t\n")
    if name is None:
        raise Refused.missing("Name")
    _text(fields, "Sku", 100)
    _text(fields, "Description", 4000)
    kind = _text(fields, "Type", 100) or "Service"
    fields["Type"] = kind
    if kind not in _ITEM_TYPES:
        raise Refused.invalid_choice("Type", kind)  # inventory is real in QuickBooks; this stand-in keeps no stock
    if fields.get("IncomeAccountRef") is None:
        raise Refused.missing("IncomeAccountRef")
    account = company.find(fields["IncomeAccountRef"], "Account", "IncomeAccountRef")
    # A liability is allowed: Intuit tells users to point a "retainer" service item at one.
    if account.fields["AccountType"] in ("Bank", "Accounts Receivable", "Accounts Payable", "Credit Card"):
        raise Refused.business("Invalid account type used for the item's income account.", "IncomeAccountRef")
    if fields.get("ExpenseAccountRef") is not None:
        company.find(fields["ExpenseAccountRef"], "Account", "ExpenseAccountRef")
    for member in ("UnitPrice", "PurchaseCost"):
        if fields.get(member) is not None:
            fields[member] = number(fields[member], member)
    fields["Name"] = name
    return _under_parent(company, "Item", name, fields, former)


def _person(company: Company, fields: Body, former: Record | None) -> str:
    name = _text(fields, "DisplayName", 500, ":\t\n")
    parts = [_text(fields, part, 100, ":\t\n") for part in ("GivenName", "MiddleName", "FamilyName", "Suffix")]
    company_name = _text(fields, "CompanyName", 100, "\t\n")
    if name is None:
        name = " ".join(part for part in parts if part) or company_name
    if name is None:
        raise Refused.missing("DisplayName")
    _currency(company, fields)
    fields["DisplayName"] = name
    if fields.get("ParentRef") is not None:
        _under_parent(company, "Customer", name, fields, former)
    return name


_RULES: dict[str, Callable[[Company, Body, Record | None], str]] = {
    "Account": _account,
    "Item": _item,
    "Customer": _person,
    "Vendor": _person,
}


def _show_account(company: Company, record: Record) -> Body:
    fields = record.fields
    classification = CLASSIFICATION[fields["AccountType"]]
    if classification in ("Revenue", "Expense"):
        balance = 0  # QuickBooks answers no balance for the profit and loss
    elif record.currency == HOME:
        balance = company.ledger.home(record.id)
    else:
        balance = company.ledger.balances[record.id][record.currency].amount
    if fields["AccountType"] == "Credit Card":
        balance = -balance  # what is owed on a card is shown positive
    return {
        **_passed_on(fields),
        "SubAccount": "ParentRef" in fields,
        "FullyQualifiedName": fields["FullyQualifiedName"],
        "Active": record.active,
        "Classification": classification,
        "CurrentBalance": shown(balance),
        "CurrentBalanceWithSubAccounts": shown(balance),
        "CurrencyRef": currency_reference(record.currency),
        **head(record),
    }


def _show_item(company: Company, record: Record) -> Body:
    fields = record.fields
    answer: Body = {
        **_passed_on(fields),
        "Active": record.active,
        "FullyQualifiedName": fields["FullyQualifiedName"],
        "Taxable": bool(fields.get("Taxable", False)),
        "UnitPrice": plain(number(fields.get("UnitPrice", 0), "UnitPrice")),
        "IncomeAccountRef": company.reference("Account", str(fields["IncomeAccountRef"]["value"])),
        "PurchaseCost": plain(number(fields.get("PurchaseCost", 0), "PurchaseCost")),
        "TrackQtyOnHand": False,
        **head(record),
    }
    if "ExpenseAccountRef" in fields:
        answer["ExpenseAccountRef"] = company.reference("Account", str(fields["ExpenseAccountRef"]["value"]))
    return answer


def _show_customer(company: Company, record: Record) -> Body:
    fields = record.fields
    owed = shown(company.ledger.owed[record.id])
    return {
        **_passed_on(fields),
        "Taxable": bool(fields.get("Taxable", True)),
        "Job": bool(fields.get("Job", False)),
        "BillWithParent": bool(fields.get("BillWithParent", False)),
        "Balance": owed,
        "BalanceWithJobs": owed,
        "CurrencyRef": currency_reference(record.currency),
        "PreferredDeliveryMethod": fields.get("PreferredDeliveryMethod", "Print"),
        **head(record),
        "FullyQualifiedName": fields.get("FullyQualifiedName", fields["DisplayName"]),
        "PrintOnCheckName": fields.get("PrintOnCheckName", fields["DisplayName"]),
        "Active": record.active,
        "DefaultTaxCodeRef": fields.get("DefaultTaxCodeRef", {"value": "2"}),
    }


def _show_vendor(company: Company, record: Record) -> Body:
    fields = record.fields
    return {
        **_passed_on(fields),
        "Balance": 0,
        "Vendor1099": bool(fields.get("Vendor1099", False)),
        "CurrencyRef": currency_reference(record.currency),
        **head(record),
        "PrintOnCheckName": fields.get("PrintOnCheckName", fields["DisplayName"]),
        "Active": record.active,
    }


def _passed_on(fields: Body) -> Body:
    return {name: value for name, value in fields.items() if name not in _READ_ONLY}


_SHAPES: dict[str, Callable[[Company, Record], Body]] = {
    "Account": _show_account,
    "Item": _show_item,
    "Customer": _show_customer,
    "Vendor": _show_vendor,
}
