"""Finding or creating in QuickBooks what the books need: accounts, invoice items, generic customers, the bank.

A proposal first, changes only when they are applied. What is there already is used; what has the right name and the
wrong type is a conflict for a person. Running it again changes nothing.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from application.ports import QuickBooks
from domain.chart import (
    FOUND_NOT_CREATED,
    PER_CURRENCY,
    ChartAccount,
    chart_of,
    default_chart,
    items_needed,
    keys_needed,
)
from domain.errors import BadInput
from domain.event import Stamp
from domain.flow import Flow
from domain.mapping import Mapping, MappingChanged, QuickBooksRef
from domain.posting_rules.invoice import customer_key

Action = Literal["mapped", "map", "create", "conflict"]
BANK_TYPES = ("Bank", "Other Current Asset")
ItemKind = Literal["bank", "account", "item", "customer"]


class Proposal(msgspec.Struct):
    """One thing the books need: `mapped` already, to `map` to what is there, to `create`, or in `conflict`."""

    kind: ItemKind
    key: str
    name: str
    action: Action
    ref: QuickBooksRef | None = None
    note: str = ""


def propose(
    flow: Flow,
    quickbooks: QuickBooks,
    mapping: Mapping,
    chosen: dict[str, str],
    more_keys: Sequence[str] = (),
) -> list[Proposal]:
    """What the flow needs of QuickBooks; `chosen` maps account keys to existing accounts by name or id."""
    for key in [*chosen, *more_keys]:
        if key.partition(":")[0] not in default_chart():
            raise BadInput(f"account key {key!r} is not in the chart; expected one of {', '.join(default_chart())}")
    accounts = quickbooks.accounts()
    proposals = [
        _bank(currency, wanted, accounts, mapping, flow.home_currency) for currency, wanted in flow.banks.items()
    ]
    proposals += [
        _account(key, name, currency, accounts, mapping, chosen, chart_of(flow.policies)[key.partition(":")[0]])
        for key, name, currency in _needed_accounts(flow, [*keys_needed(flow.policies), *more_keys])
    ]
    by_key = {proposal.key: proposal for proposal in proposals if proposal.kind == "account"}
    if flow.has_orders:
        items = quickbooks.items()
        proposals += [_item(key, by_key[key], items, mapping) for key in items_needed(flow.policies)]
        customers = quickbooks.customers()
        proposals += [
            _customer(marketplace, name, currency, customers, mapping)
            for marketplace, name, currency in sorted(_customers_needed(flow))
        ]
    return proposals


def apply(
    flow: Flow, quickbooks: QuickBooks, mapping: Mapping, proposals: Iterable[Proposal], stamp: Stamp
) -> MappingChanged | None:
    """Create what is to be created and say what is mapped now; None if nothing changes. Raises BadInput on conflicts.

    A crash half-way is harmless: what was created is found by its name the next time.
    """
    proposals = list(proposals)
    conflicts = [f"{proposal.key}: {proposal.note}" for proposal in proposals if proposal.action == "conflict"]
    if conflicts:
        raise BadInput("nothing was changed, since these need a choice: " + "; ".join(conflicts))
    found: dict[ItemKind, dict[str, QuickBooksRef]] = {"bank": {}, "account": {}, "item": {}, "customer": {}}
    for proposal in proposals:
        if proposal.action == "mapped":
            continue
        ref = proposal.ref
        if ref is None:
            account = found["account"].get(proposal.key) or mapping.accounts.get(proposal.key)
            ref = _create(flow, quickbooks, proposal, account)
        found[proposal.kind][proposal.key] = ref
    if not any(found.values()):
        return None
    return MappingChanged(
        version=0,
        why="chart of accounts applied",
        accounts=found["account"],
        items=found["item"],
        customers=found["customer"],
        banks=found["bank"],
        **stamp.fields(),
    )


def _create(flow: Flow, quickbooks: QuickBooks, proposal: Proposal, account: QuickBooksRef | None) -> QuickBooksRef:
    """`account` is the income account where an item is to be created."""
    digest = hashlib.sha256(f"{flow.realm}|{proposal.kind}|{proposal.name}".encode()).hexdigest()
    request_id = f"mlc{digest[:32]}"
    currency = proposal.key.split(":")[1] if ":" in proposal.key else flow.home_currency
    match proposal.kind:
        case "account":
            kind = chart_of(flow.policies)[proposal.key.partition(":")[0]]
            return quickbooks.create_account(
                proposal.name, kind.account_type, kind.account_subtype, currency, request_id
            )
        case "item":
            if account is None:
                raise BadInput(f"item {proposal.key} needs its income account first")
            return quickbooks.create_item(proposal.name, account, request_id)
        case "customer":
            return quickbooks.create_customer(proposal.name, proposal.key.rpartition(" ")[2], request_id)
        case "bank":
            raise BadInput(f"bank account {proposal.name!r} is chosen, never created")


def _needed_accounts(flow: Flow, keys: Iterable[str]) -> Iterable[tuple[str, str, str]]:
    """Key, name and currency of each account: clearing and reserve exist once per flow and currency.

    `CLR:CAD` is of a currency without a bank account, `CLR:USD:invoiced` of a second ledger.
    """
    for key in dict.fromkeys(keys):
        kind, _, which = key.partition(":")
        name = default_chart()[kind].name
        if kind in PER_CURRENCY:
            for words in [which] if which else flow.banks:
                currency, _, ledger = words.partition(":")
                yield f"{kind}:{words}", f"{name} - {flow.name} {' '.join([currency, ledger]).strip()}", currency
        else:
            yield key, name, ""


def _account(
    key: str,
    name: str,
    currency: str,
    accounts: Sequence[QuickBooksRef],
    mapping: Mapping,
    chosen: dict[str, str],
    kind: ChartAccount,
) -> Proposal:
    wanted_type = kind.account_type
    standing = mapping.accounts.get(key)
    wanted = chosen.get(key)
    if standing is not None and wanted is None:
        return Proposal("account", key, standing.name, "mapped", standing)
    there = _named(accounts, wanted or name)
    if there is None and wanted is not None:
        return Proposal("account", key, wanted, "conflict", note=f"QuickBooks has no account {wanted!r}")
    if there is None and kind.key in FOUND_NOT_CREATED:
        of_type = [account for account in accounts if account.account_type == wanted_type]
        there = of_type[0] if len(of_type) == 1 else None
        if there is None:
            note = f"choose the {wanted_type} account with --map {key}=NAME; it is not created"
            return Proposal("account", key, name, "conflict", note=note)
    if there is None:
        return Proposal("account", key, name, "create", note=f"{wanted_type}")
    if there.account_type != wanted_type:
        note = (
            f"account {there.name!r} is of type {there.account_type}, expected {wanted_type}; "
            f"choose another with --map {key}=NAME"
        )
        return Proposal("account", key, there.name, "conflict", note=note)
    if currency and there.currency and there.currency != currency:
        note = f"account {there.name!r} is in {there.currency}, expected {currency}"
        return Proposal("account", key, there.name, "conflict", note=note)
    return Proposal("account", key, there.name, "map", there)


def _bank(
    currency: str, wanted: str, accounts: Sequence[QuickBooksRef], mapping: Mapping, home_currency: str
) -> Proposal:
    standing = mapping.banks.get(currency)
    if standing is not None:
        return Proposal("bank", currency, standing.name, "mapped", standing)
    try:
        bank = choose_bank(currency, wanted, accounts, home_currency, mapping.accounts.values())
        return Proposal("bank", currency, wanted, "map", bank)
    except BadInput as error:
        return Proposal("bank", currency, wanted, "conflict", note=str(error))


def choose_bank(
    currency: str,
    wanted: str,
    accounts: Sequence[QuickBooksRef],
    home_currency: str,
    booked_to: Iterable[QuickBooksRef],
) -> QuickBooksRef:
    """The active account that receives a currency's payouts. Raises BadInput saying which could be chosen.

    Other current assets are allowed: payouts often go to an account in between, such as a card provider's. Those the
    books use otherwise (`booked_to`), such as clearing, are not.
    """
    taken = {account.id for account in booked_to}
    fitting = [
        account
        for account in accounts
        if account.account_type in BANK_TYPES
        and (account.currency or home_currency or currency) == currency
        and account.id not in taken
    ]
    there = _named(accounts, wanted)
    if there is not None and there in fitting:
        return there
    offered = ", ".join(account.name for account in fitting) or "none"
    if there is None:
        wrong = "is not an active account in QuickBooks"
    elif there.account_type not in BANK_TYPES:
        wrong = f"is of type {there.account_type}"
    elif there.id in taken:
        wrong = "is used by the books for something else"
    else:
        wrong = f"is in {there.currency or home_currency}"
    raise BadInput(
        f"bank account {wanted!r} for {currency} {wrong}; expected a {' or '.join(BANK_TYPES)} account in {currency}: "
        f"{offered}"
    )


def _item(key: str, account: Proposal, items: Sequence[QuickBooksRef], mapping: Mapping) -> Proposal:
    standing = mapping.items.get(key)
    if standing is not None:
        return Proposal("item", key, standing.name, "mapped", standing)
    name = default_chart()[key].name
    there = _named(items, name)
    if there is None:
        return Proposal("item", key, name, "create", note=f"books to {account.name}")
    if account.ref is None or there.account_type != account.ref.id:
        note = f"item {name!r} books to another account than {account.name!r}; rename it or change its income account"
        return Proposal("item", key, name, "conflict", note=note)
    return Proposal("item", key, name, "map", there)


def _customer(
    marketplace: str, shop: str, currency: str, customers: Sequence[QuickBooksRef], mapping: Mapping
) -> Proposal:
    key = customer_key(marketplace, currency)
    standing = mapping.customers.get(key)
    if standing is not None:
        return Proposal("customer", key, standing.name, "mapped", standing)
    name = f"{shop} sales ({currency})"
    there = _named(customers, name)
    if there is None:
        return Proposal("customer", key, name, "create")
    if there.currency and there.currency != currency:
        return Proposal("customer", key, name, "conflict", note=f"customer {name!r} is in {there.currency}")
    return Proposal("customer", key, name, "map", there)


def _customers_needed(flow: Flow) -> set[tuple[str, str, str]]:
    """Marketplace id, shop name and currency of each marketplace that is paid out to one of the flow's banks."""
    chosen = flow.marketplaces or tuple(flow.marketplace_names)
    return {
        (marketplace, *flow.marketplace_names[marketplace])
        for marketplace in chosen
        if marketplace in flow.marketplace_names and flow.marketplace_names[marketplace][1] in flow.banks
    }


def _named(things: Sequence[QuickBooksRef], wanted: str) -> QuickBooksRef | None:
    """By id, or by name without regard to case."""
    for thing in things:
        if thing.id == wanted or thing.name.casefold() == wanted.casefold():
            return thing
    return None
