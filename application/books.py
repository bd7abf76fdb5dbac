"""The books as QuickBooks answered them: every posted document as a balanced entry, from the stored answers.

Nothing here comes from our plans, so an independent engine that reads the export judges what stands in QuickBooks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from application.ports import EvidenceStore, Views
from domain.errors import Tampered
from domain.flow import Flow
from domain.mapping import Mapping as FlowMapping
from domain.mapping import QuickBooksRef

# (kind, answered object, income account id by item id) -> lines with account_id, account_name and amount
Expand = Callable[[str, Mapping[str, Any], Mapping[str, str]], Iterable[Any]]
Objects = Callable[[bytes], Iterator[dict[str, Any]]]

RECEIVABLE_TYPE = "Accounts Receivable"


class BookLine(msgspec.Struct, frozen=True):
    """An amount in minor units, debit positive, on an account by name and QuickBooks type."""

    account: str
    account_type: str
    amount: int


class BookEntry(msgspec.Struct, frozen=True):
    """One document in the books. `settlement_id` and `order_id` say where it came from."""

    day: date
    kind: str
    key: str
    quickbooks_id: str
    sync_token: str
    currency: str
    settlement_id: str
    order_id: str
    lines: tuple[BookLine, ...]


class Assertion(msgspec.Struct, frozen=True):
    """What an account's balance must be at the end of a day: from Amazon's totals and our plans, not the answers."""

    day: date
    account: str
    account_type: str
    currency: str
    balance: int


class Books(msgspec.Struct, frozen=True):
    """The entries in order of day, and what the balances must be."""

    flow: str
    entries: tuple[BookEntry, ...]
    assertions: tuple[Assertion, ...]


def books_of(
    flow: Flow,
    mapping: FlowMapping,
    views: Views,
    evidence: EvidenceStore,
    objects: Objects,
    expand: Expand,
) -> Books:
    """The books of a flow. Raises Tampered where a stored answer is not there or is not the one recorded."""
    postings = views.query("postings", flow.name, status="posted")
    answered = _answered_objects(flow.name, postings, evidence, objects)
    names = {ref.id: ref for ref in [*mapping.accounts.values(), *mapping.banks.values()]}
    item_accounts = {ref.id: ref.account_type for ref in mapping.items.values()}
    entries = sorted(
        (_entry(row, answered, names, item_accounts, expand) for row in postings),
        key=lambda entry: (entry.day, _ORDER[entry.kind], entry.key),
    )
    return Books(flow.name, tuple(entries), tuple(_assertions(flow, mapping, views, postings)))


_ORDER = {"invoice": 0, "payment": 1, "deposit": 2}


def _answered_objects(
    flow: str, postings: Iterable[Mapping[str, Any]], evidence: EvidenceStore, objects: Objects
) -> dict[tuple[str, str], dict[str, Any]]:
    """By (digest of the answer, QuickBooks id)."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for digest in dict.fromkeys(row["answer"] for row in postings):
        for answered in objects(evidence.get(flow, digest)):
            found[digest, str(answered["Id"])] = answered
    return found


def _entry(
    row: Mapping[str, Any],
    answered: Mapping[tuple[str, str], dict[str, Any]],
    names: Mapping[str, QuickBooksRef],
    item_accounts: Mapping[str, str],
    expand: Expand,
) -> BookEntry:
    document = answered.get((row["answer"], row["quickbooks_id"]))
    if document is None:
        raise Tampered(
            f"the stored answer for {row['kind']} {row['key']} does not hold QuickBooks id {row['quickbooks_id']}"
        )
    lines = []
    for line in expand(row["kind"], document, item_accounts):
        ref = names.get(line.account_id)
        account_type = ref.account_type if ref is not None else RECEIVABLE_TYPE if not line.account_id else ""
        lines.append(BookLine(ref.name if ref is not None else line.account_name, account_type, line.amount))
    return BookEntry(
        day=date.fromisoformat(str(document["TxnDate"])),
        kind=row["kind"],
        key=row["key"],
        quickbooks_id=row["quickbooks_id"],
        sync_token=row["sync_token"],
        currency=row["currency"],
        settlement_id=row["settlement_id"] or "",
        order_id=row["order_id"] or "",
        lines=tuple(lines),
    )


def _assertions(
    flow: Flow, mapping: FlowMapping, views: Views, postings: Iterable[Mapping[str, Any]]
) -> Iterator[Assertion]:
    """After each day with a deposit: clearing holds what payments brought and deposits have not taken, the bank
    holds Amazon's stated totals."""
    settlements = {row["settlement_id"]: row for row in views.query("settlements", flow.name)}
    movements: dict[str, dict[date, list[int]]] = {}
    for row in postings:
        if row["kind"] not in ("payment", "deposit"):
            continue
        day = date.fromisoformat(row["day"])
        clearing, bank = movements.setdefault(row["currency"], {}).setdefault(day, [0, 0])
        if row["kind"] == "payment":
            clearing += row["amount"]
        else:
            stated = settlements[row["settlement_id"]]
            clearing -= stated["deposit_cleared"]
            bank += stated["total"]
        movements[row["currency"]][day] = [clearing, bank]
    for currency, days in movements.items():
        accounts = [mapping.accounts[f"CLR:{currency}"], mapping.banks[currency]]
        balances = [0, 0]
        for day in sorted(days):
            for place, account in enumerate(accounts):
                balances[place] += days[day][place]
                yield Assertion(day, account.name, account.account_type, currency, balances[place])
