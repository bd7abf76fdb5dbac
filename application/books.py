"""The books as QuickBooks answered them: every document that stands there as a balanced entry, from the stored answers.

Nothing in the entries comes from our plans, so an independent engine that reads the export judges what stands in
QuickBooks; what the balances must be (books_expected) comes from our plans and Amazon's totals alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Mapping as MappingOf
from copy import copy
from datetime import date
from typing import Any, Protocol

import msgspec

from application.ports import EventStore, EvidenceStore, Views
from domain.document import Document
from domain.errors import Tampered
from domain.flow import Flow
from domain.mapping import Mapping, mapping_stream
from domain.mapping import evolve as evolve_mapping
from domain.posting import Posting, posting_stream
from domain.posting import evolve as evolve_posting

Objects = Callable[[bytes], Iterator[dict[str, Any]]]
Row = MappingOf[str, Any]

POSTINGS_AT_ONCE = 1_000
# Forms before the payments that relieve them, and within a day in the order in which things come about.
_ORDER = ("invoice", "sales_receipt", "credit_memo", "payment", "refund_receipt", "purchase", "journal", "deposit")


class Ledger(Protocol):
    """Turns answers into ledger lines, forms before their payments."""

    def lines(self, kind: str, answered: MappingOf[str, Any]) -> Iterable[Any]:
        """Lines with account_id, account_name, account_type, amount, home and form; VendorError if they do not sum."""


# (home currency, income account id by item id) -> a reader for one set of books
OpenLedger = Callable[[str, MappingOf[str, str]], Ledger]


class BookLine(msgspec.Struct, frozen=True):
    """An amount in minor units, debit positive, on an account by name and QuickBooks type.

    `home` is it in the home currency; `order_id` is whose receivable it is.
    """

    account: str
    account_type: str
    amount: int
    home: int = 0
    order_id: str = ""


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
    """What an account's balance must be at the end of a day: from Amazon's totals and our plans, not the answers.

    With `order_id`: what the order's part of receivables must be.
    """

    day: date
    account: str
    account_type: str
    currency: str
    balance: int
    order_id: str = ""


class Books(msgspec.Struct, frozen=True):
    """The entries in order of day, and what the balances must be."""

    flow: str
    entries: tuple[BookEntry, ...]
    assertions: tuple[Assertion, ...]
    home_currency: str = ""


class Standing(msgspec.Struct, frozen=True):
    """A document that stands in QuickBooks: its row, as it was planned, and the mapping it was planned by."""

    row: Row
    document: Document
    mapping: Mapping
    adopted: bool = False


Expected = Callable[[Sequence[Standing], MappingOf[str, int]], Iterable[Assertion]]


def books_of(
    flow: Flow,
    store: EventStore,
    views: Views,
    evidence: EvidenceStore,
    objects: Objects,
    ledger: OpenLedger,
    expected: Expected,
) -> Books:
    """The books of a flow. Raises Tampered where a stored answer is not there or is not the one recorded."""
    standing = _standing(flow.name, store, views)
    answered = _answered_objects(flow.name, [each.row for each in standing], evidence, objects)
    stated = {row["settlement_id"]: row["total"] for row in views.query("settlements", flow.name)}
    entries = entries_of(standing, answered, flow.home_currency, ledger)
    return Books(flow.name, tuple(entries), tuple(expected(standing, stated)), flow.home_currency)


def entries_of(
    standing: Sequence[Standing],
    answered: MappingOf[tuple[str, str], MappingOf[str, Any]],
    home_currency: str,
    ledger: OpenLedger,
) -> list[BookEntry]:
    """The entries, in order of day. `answered` is by (digest of the answer, QuickBooks id)."""
    mappings = {id(each.mapping): each.mapping for each in standing}.values()
    names = {
        ref.id: (ref.name, ref.account_type)
        for mapping in mappings
        for ref in [*mapping.accounts.values(), *mapping.banks.values()]
    }
    reader = ledger(home_currency, {ref.id: ref.account_type for each in mappings for ref in each.items.values()})
    orders = {(each.row["kind"], each.row["quickbooks_id"]): each.row["order_id"] or "" for each in standing}
    entries = []
    for each in sorted(standing, key=lambda each: (_ORDER.index(each.row["kind"]), each.row["day"], each.row["key"])):
        document = answered.get((each.row["answer"], each.row["quickbooks_id"]))
        if document is None:
            raise Tampered(
                f"the stored answer for {each.row['kind']} {each.row['key']} does not hold QuickBooks id "
                f"{each.row['quickbooks_id']}"
            )
        entries.append(_entry(each.row, document, names, orders, reader))
    return sorted(entries, key=lambda entry: (entry.day, _ORDER.index(entry.kind), entry.key))


def _entry(
    row: Row,
    document: MappingOf[str, Any],
    names: MappingOf[str, tuple[str, str]],
    orders: MappingOf[tuple[str, str], str],
    reader: Ledger,
) -> BookEntry:
    own = row["order_id"] or ""
    lines = []
    for line in reader.lines(row["kind"], document):
        name, account_type = names.get(line.account_id, (line.account_name, line.account_type))
        kind = {"Invoice": "invoice", "CreditMemo": "credit_memo"}.get(line.form[0], "")
        order_id = (
            orders.get((kind, line.form[1]), "") if kind else own if account_type == "Accounts Receivable" else ""
        )
        lines.append(BookLine(name, account_type, line.amount, line.home, order_id))
    return BookEntry(
        day=date.fromisoformat(str(document["TxnDate"])),
        kind=row["kind"],
        key=row["key"],
        quickbooks_id=row["quickbooks_id"],
        sync_token=str(document.get("SyncToken", row["sync_token"])),
        currency=row["currency"],
        settlement_id=row["settlement_id"] or "",
        order_id=own,
        lines=tuple(lines),
    )


def _standing(flow: str, store: EventStore, views: Views) -> list[Standing]:
    """Everything that stands: what is posted, and what a change is under way of as it was before."""
    rows = [row for row in views.query("postings", flow) if row["quickbooks_id"]]
    versions = _mappings(flow, store)
    latest = versions[max(versions)]
    standing = []
    for begin in range(0, len(rows), POSTINGS_AT_ONCE):
        some = rows[begin : begin + POSTINGS_AT_ONCE]
        streams = {posting_stream(flow, row["kind"], row["key"]): row for row in some}
        for stream, events in store.load(list(streams)).items():
            posting = Posting()
            for event in events:
                posting = evolve_posting(posting, event)
            document = posting.standing or (posting.document if posting.status == "posted" else None)
            if document is not None:
                mapping = versions.get(posting.mapping_version, latest)
                standing.append(Standing(streams[stream], document, mapping, posting.adopted))
    return standing


def _mappings(flow: str, store: EventStore) -> dict[int, Mapping]:
    """The mapping as it was in each of its versions: what was booked by an older one stays on its accounts."""
    stream = mapping_stream(flow)
    state = Mapping()
    versions = {0: state}
    for event in store.load([stream]).get(stream, []):
        state = evolve_mapping(copy(state), event)
        versions[state.version] = state
    versions[0] = state  # events of before versions were noted
    return versions


def _answered_objects(
    flow: str, rows: Iterable[Row], evidence: EvidenceStore, objects: Objects
) -> dict[tuple[str, str], dict[str, Any]]:
    """By (digest of the answer, QuickBooks id)."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for digest in dict.fromkeys(row["answer"] for row in rows):
        for answered in objects(evidence.get(flow, digest)):
            found[digest, str(answered["Id"])] = answered
    return found
