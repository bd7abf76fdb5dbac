"""What the use cases need from the outside, as Protocols; each method names the errors it may raise.

Adapters implement these, `entrypoints/bootstrap.py` alone constructs them. Money is in minor units, time is UTC.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol
from uuid import UUID

import msgspec

from application.finance_ports import SellerFinances
from application.order_ports import FoundOrder, RequestedReports
from domain.alert import Alert
from domain.bank import ColumnMap, ReadStatement
from domain.document import Document
from domain.errors import UnreadableReport
from domain.event import Event
from domain.flow import Flow, Schedule
from domain.mapping import QuickBooksRef
from domain.order import AmazonOrder
from domain.posting import Operation
from domain.settlement import SettlementLine, Statement


class Clock(Protocol):
    """The time now, UTC; injected, so that tests and replays decide what time it is."""

    def __call__(self) -> datetime: ...


class Timetable(Protocol):
    """The calendar of schedules."""

    def next(self, schedule: Schedule, after: datetime) -> datetime:
        """When a schedule is next due behind a time, UTC. Raises BadInput where its cron expression is none."""


# --- the event store -------------------------------------------------------------------------------------------


class Append(msgspec.Struct, frozen=True):
    """New events for one stream. `expected` is the stream's version before (0: new; versions count from 1).

    `content_hash` becomes the stream head's: it answers 'seen, same or changed?'. None keeps the former one.
    """

    stream: UUID
    expected: int
    events: Sequence[Event]
    content_hash: str | None = None


class Head(msgspec.Struct, frozen=True):
    """A stream's last version and the hash of the content it was last given."""

    version: int
    content_hash: str


class Recorded(msgspec.Struct, frozen=True):
    """An event as stored: position in the log (from 1), the stream's id as 32 hex digits, version, stored name."""

    position: int
    stream: str
    version: int
    name: str
    event: Event


class EventStore(Protocol):
    """Append-only streams of events in one log, with heads and the audit ledger written in the same transaction."""

    def append(self, appends: Sequence[Append]) -> int:
        """Save all or nothing; the position of the last event (the current end where there is nothing to save).

        Raises Conflict if any stream is not at its expected version.
        """

    def load(self, streams: Sequence[UUID]) -> dict[UUID, list[Event]]:
        """The events of many streams in order; streams that do not exist are absent. One query per 500 streams."""

    def heads(self, streams: Sequence[UUID]) -> dict[UUID, Head]:
        """The heads of those of the streams that exist. One query per 1,000 streams."""

    def read(self, after: int, limit: int, upto: int | None = None) -> list[Recorded]:
        """The log in order from behind position `after`, at most `limit` events, none behind `upto`."""

    def end(self) -> int:
        """The position of the last event, 0 if there is none."""

    def position_at(self, at: datetime) -> int:
        """The last position recorded at or before `at`, by the ledger's times; 0 if nothing was."""


class AuditFinding(msgspec.Struct, frozen=True):
    """What `verify` found: `ok`, how many events and ledger rows were read, and if not ok what is wrong where."""

    ok: bool
    events: int
    transactions: int
    head: str
    position: int | None = None
    stream: str = ""
    problem: str = ""


class Ledger(Protocol):
    """The tamper-evident chain over the stored bytes: one row per transaction."""

    def verify(self) -> AuditFinding:
        """Recompute the chain over all stored events; names the first that was changed, removed or inserted."""


# --- who runs a flow -------------------------------------------------------------------------------------------


class Lease(Protocol):
    """The right to run one flow, until it is finished or its owner has been silent for too long."""

    @property
    def ran(self) -> dict[str, datetime]:
        """When each source was last run to its end, as the lease was claimed."""

    @property
    def asked(self) -> bool:
        """Whether a person asked for a run of everything."""

    @property
    def claimed_at(self) -> datetime:
        """When the lease was claimed, by the database's clock."""

    def kept(self) -> AbstractContextManager[None]:
        """Keep the lease alive from a thread of its own while the block runs."""

    def note(self, what: str, done: int) -> None:
        """Progress for people who look on; shown with the next sign of life."""

    def check(self) -> None:
        """Raises LeaseLost where the lease is another's."""

    def finish(self, ran: Mapping[str, datetime], due_at: datetime, *, done: bool) -> None:
        """Give the lease back. `done`: what a person asked for is done. Raises LeaseLost."""


class LeaseState(msgspec.Struct, frozen=True):
    """A flow's lease as it stands; `ran` is when each source last ran, `progress` the running cycle's."""

    flow: str
    due_at: datetime
    owner: str
    fence: int
    lease_until: datetime
    held: bool
    asked: bool
    ran: dict[str, datetime]
    progress: dict[str, int]


class WorkerState(msgspec.Struct, frozen=True):
    """A process that runs due flows, and when it last showed life."""

    worker: str
    kind: str
    started: datetime
    seen: datetime
    alive: bool


class Leases(Protocol):
    """One fenced lease per flow, and the workers that are there. Times are the database's."""

    def now(self) -> datetime:
        """The time by the database's clock."""

    def states(self) -> dict[str, LeaseState]:
        """The leases of all flows that ever were due, by flow."""

    def schedule(self, flow: str, fence: int, due_at: datetime) -> None:
        """Say when the flow is next due; nothing happens where the fence is another by now."""

    def ask(self, flow: str) -> None:
        """A person wants all of the flow run at once."""

    def claim(self, flow: str, owner: str, *, when_due: bool) -> Lease | None:
        """The flow's lease, or None where it is held (or, `when_due`, not due)."""

    def show_life(self, worker: str, kind: str) -> None:
        """Note that a worker is there."""

    def leave(self, worker: str) -> None:
        """Note that a worker ended in order."""

    def workers(self) -> list[WorkerState]:
        """Workers that did not leave, the longest there first."""


# --- the vendors -----------------------------------------------------------------------------------------------


class OrderPage(msgspec.Struct, frozen=True):
    """A page of orders. `upper_bound` is the server's own bound of the window, the next cursor.

    `content` is stripped of what is private; `token` is the next page's, good for 24 hours; `refused` are data sets
    that Amazon does not give.
    """

    orders: Sequence[AmazonOrder]
    upper_bound: datetime | None
    content: bytes
    token: str = ""
    refused: tuple[str, ...] = ()


class ReportRef(msgspec.Struct, frozen=True):
    """A settlement report that Amazon offers for download."""

    report_id: str
    document_id: str
    created: datetime


class ReportDocument(msgspec.Struct, frozen=True):
    """A downloaded document: decompressed bytes and the charset its Content-Type named (empty if none)."""

    content: bytes
    charset: str


class Participation(msgspec.Struct, frozen=True):
    """A marketplace the seller takes part in."""

    marketplace_id: str
    name: str
    currency: str
    country: str


class SellerCentral(Protocol):
    """One seller account in one region, read only. All methods raise ConnectionLost, Throttled or VendorError."""

    def marketplaces(self) -> list[Participation]:
        """The marketplaces the seller takes part in (Sellers v1)."""

    def orders(
        self,
        updated_after: datetime,
        marketplace_ids: Sequence[str],
        token: str = "",
        without: Sequence[str] = (),
        updated_before: datetime | None = None,
    ) -> Iterator[OrderPage]:
        """Orders changed since, page by page (Orders 2026-01-01); no buyer or recipient data is asked for.

        `token` goes on with a search begun with the same arguments; `without` are data sets not to ask for. VendorError
        with the code InvalidInput where the token is not good any more, `repeated_page` where pages go in a circle.
        """

    def order(self, order_id: str, without: Sequence[str] = ()) -> FoundOrder | None:
        """One order by its id; None where Amazon has it no more."""

    @property
    def requested_reports(self) -> RequestedReports:
        """Reports in bulk, made on request."""

    def settlement_reports(self, created_since: datetime) -> list[ReportRef]:
        """Settlement reports of the region, oldest first (Reports 2021-06-30); Amazon keeps them for 90 days."""

    def document(self, document_id: str) -> ReportDocument:
        """Fetch a report's document into memory; it never touches the disk unencrypted."""

    @property
    def finances(self) -> SellerFinances:
        """What Amazon says of the account's money beside the reports."""

    def renew_token(self) -> None:
        """Get a new access token by the stored consent, as calls do when the former one ends."""

    def clock_ahead(self) -> float | None:
        """Seconds by which the vendor's clock was ahead of ours at its last answer; None before one."""


class ReportReader(Protocol):
    """Reads a settlement flat file (V1 or V2): each Statement is followed by its lines.

    An UnreadableReport in the stream is a row that cannot be read: the settlement it stands in is unusable, the
    others of the document are not. Streams in constant memory; never raises for content.
    """

    def __call__(
        self, source: BinaryIO, *, charset: str = ""
    ) -> Iterable[Statement | SettlementLine | UnreadableReport]: ...


class BankFile(msgspec.Struct, frozen=True):
    """The statements of a bank's file, and of a CSV its columns as they were found."""

    statements: Sequence[ReadStatement]
    columns: ColumnMap | None


class BankReader(Protocol):
    """Reads a bank's file: OFX, QFX, CAMT.053 or CSV, by its content."""

    def __call__(self, content: bytes, name: str, currency: str, columns: ColumnMap | None = None) -> BankFile:
        """`currency` is what a CSV without one is in. Raises BadInput naming file, line, what was expected."""


class Company(msgspec.Struct, frozen=True):
    """What a QuickBooks company is and allows (CompanyInfo and Preferences)."""

    name: str
    country: str
    home_currency: str
    multicurrency: bool
    custom_numbers: bool
    closed_until: date | None = None


class References(msgspec.Struct, frozen=True):
    """QuickBooks' ids for what documents name by our keys: account keys, item keys, customers, postings (by key)."""

    accounts: Mapping[str, QuickBooksRef]
    items: Mapping[str, QuickBooksRef]
    customers: Mapping[str, QuickBooksRef]
    banks: Mapping[str, QuickBooksRef]
    postings: Mapping[str, str]
    custom_numbers: bool = True
    multicurrency: bool = False
    country: str = ""

    @property
    def is_abroad(self) -> bool:
        """Outside of the US, whose companies alone have the tax codes TAX and NON."""
        return self.country not in ("", "US")


class Found(msgspec.Struct, frozen=True):
    """A document as QuickBooks has it; `content` is the whole object as it was sent to us (JSON)."""

    quickbooks_id: str
    sync_token: str
    total: int
    currency: str
    day: date
    content: bytes


class Removed(msgspec.Struct, frozen=True):
    """QuickBooks deleted a document; `content` are its words."""

    quickbooks_id: str
    content: bytes = b""


class Write(msgspec.Struct, frozen=True):
    """One document of a batch under its item id: created, or amended, voided or deleted as the version just read."""

    item: str
    document: Document
    operation: Operation = "create"
    quickbooks_id: str = ""
    sync_token: str = ""


class Sighting(msgspec.Struct, frozen=True):
    """A document of QuickBooks that bears a mark of ours; `differs` are the facts in which it is another's or changed.

    Without differences it is ours: number, note, date, total, currency, customer, account and lines are as we sent
    them. `cleared` is what it really moves into (a payment) or out of (a deposit) the clearing account, minor units.
    """

    found: Found
    differs: tuple[str, ...] = ()
    cleared: int = 0


class Otherwise(msgspec.Struct, frozen=True):
    """What became of a document that QuickBooks has with our marks and other contents: a person must look."""

    sightings: Sequence[Sighting]


class Fault(msgspec.Struct, frozen=True):
    """QuickBooks' refusal of one document: its code, its words, and on a duplicate number the id of the other one."""

    code: str
    message: str
    duplicate_of: str = ""


class QuickBooks(Protocol):
    """One QuickBooks company. Reading methods raise ConnectionLost, Throttled or VendorError."""

    def renew_token(self) -> None:
        """Get and store new tokens by the stored consent, as calls do when the access token ends."""

    def clock_ahead(self) -> float | None:
        """Seconds by which the vendor's clock was ahead of ours at its last answer; None before one."""

    def company(self) -> Company:
        """Company facts and preferences; two metered reads."""

    def accounts(self) -> list[QuickBooksRef]:
        """All active accounts, with type and currency."""

    def balance(self, account: QuickBooksRef) -> int:
        """The account's balance as QuickBooks computes it, minor units of its currency, debits positive."""

    def items(self) -> list[QuickBooksRef]:
        """All active items; `account_type` holds the id of the item's income account."""

    def customers(self) -> list[QuickBooksRef]:
        """All active customers, with currency."""

    def create_account(
        self, name: str, account_type: str, subtype: str, currency: str, request_id: str
    ) -> QuickBooksRef:
        """Create an account. Raises VendorError with QuickBooks' code where the name is taken or not allowed."""

    def create_item(self, name: str, income_account: QuickBooksRef, request_id: str) -> QuickBooksRef:
        """Create a service item that books to `income_account`."""

    def create_customer(self, name: str, currency: str, request_id: str) -> QuickBooksRef:
        """Create a customer in a currency."""

    def batch_body(self, writes: Sequence[Write], references: References) -> bytes:
        """The exact bytes of a batch; pure. Item ids have at most 10 characters."""

    def send_batch(self, request_id: str, body: bytes) -> tuple[dict[str, Found | Removed | Fault], bytes]:
        """Send a batch (or replay it, with the same id and bytes): an outcome per item id, and the answer's bytes.

        Raises OutcomeUnknown where it may or may not have been done; ConnectionLost and Throttled where it was not;
        Refused where QuickBooks refuses the batch as a whole.
        """

    def find(
        self, documents: Sequence[Document], references: References, everywhere: bool = False
    ) -> list[list[Sighting]]:
        """For each document (all of one kind) those of QuickBooks that bear any of its marks: ours entirely first.

        By number; what has none by its note among those around its date. `everywhere` looks for the notes of numbered
        documents too, as far as one may have been moved: slower, and sure. Never by name.
        """

    def see(self, document: Document, quickbooks_id: str, references: References) -> Sighting | None:
        """One document by id beside what was wanted; None where QuickBooks has none."""

    def see_all(self, wanted: Sequence[tuple[Document, str]], references: References) -> list[Sighting | None]:
        """Documents of one kind by id beside what was wanted of each, in few calls; None where QuickBooks has none."""

    def read(self, kind: str, quickbooks_id: str) -> Found | None:
        """Read one document by id; None where QuickBooks has none."""


# A vendor as a flow reaches it; its connections are closed with the block. Raises ConnectionLost, BadInput.
OpenSeller = Callable[[Flow], AbstractContextManager[SellerCentral]]
OpenCompany = Callable[[Flow], AbstractContextManager[QuickBooks]]


# --- stores beside the log ---------------------------------------------------------------------------------------


class VaultSlot(Protocol):
    """A credential while its lock is held."""

    @property
    def value(self) -> dict[str, str]:
        """The stored credential, freshly read under the lock."""

    def replace(self, value: dict[str, str]) -> None:
        """Store a new value durably before returning."""


class Vault(Protocol):
    """Encrypted credentials per flow."""

    def get(self, flow: str, name: str) -> dict[str, str] | None:
        """The credential, or None."""

    def put(self, flow: str, name: str, value: dict[str, str]) -> None:
        """Store or replace a credential."""

    def delete(self, flow: str, name: str) -> None:
        """Forget a credential."""

    def locked(self, flow: str, name: str) -> AbstractContextManager[VaultSlot]:
        """Exclusive over threads and processes: for a token that rotates. Raises BadInput if there is none stored."""


class Consent(Protocol):
    """One vendor's consent in the browser: its page, what a code from it buys, and its end."""

    def address(self, flow: Flow, state: str) -> str:
        """The vendor's page, which sends the browser back with a code and the state."""

    def exchange(self, flow: Flow, code: str) -> dict[str, str]:
        """The credential to keep in the vault. A code is good for one try.

        Raises ConnectionLost where the code is refused, OutcomeUnknown where the answer was lost, VendorError.
        """

    def revoke(self, flow: Flow, credential: dict[str, str]) -> bool:
        """End the consent; again is no harm. False where only the person can, at the vendor. Raises VendorError."""


class EvidenceStore(Protocol):
    """Vendors' own bytes, compressed and encrypted, addressed by SHA-256 of the content."""

    def put(self, flow: str, contents: Iterable[bytes]) -> list[str]:
        """Store contents (again is no harm); their hex digests."""

    def get(self, flow: str, digest: str) -> bytes:
        """The content. Raises BadInput where it is not there (retention), Tampered where it does not match."""


# --- alerts --------------------------------------------------------------------------------------------------------


class StandingAlert(msgspec.Struct, frozen=True):
    """An alert that was raised; `id` is another one each time the same trouble comes back. `cleared`: when it ended."""

    id: str
    raised: datetime
    alert: Alert
    cleared: datetime | None = None


class Notice(msgspec.Struct, frozen=True):
    """What goes through a channel. Sent again it is the same, `id` included: receivers tell a repetition by it."""

    id: str
    flow: str
    kind: Literal["raised", "cleared", "test"]
    at: datetime
    link: str
    about: StandingAlert


class AlertChanges(msgspec.Struct, frozen=True):
    """What becomes of a flow's alerts: those that begin, those that go on (perhaps in other words), those that end.

    `notices` are by channel; one that was recorded before is not recorded again.
    """

    raised: Sequence[StandingAlert] = ()
    changed: Sequence[StandingAlert] = ()
    cleared: Sequence[StandingAlert] = ()
    notices: Sequence[tuple[str, Notice]] = ()


class ChannelState(msgspec.Struct, frozen=True):
    """How a channel does. `failures` count since the last delivery; `error` is why the last one failed."""

    delivered: datetime | None = None
    failing_since: datetime | None = None
    failures: int = 0
    error: str = ""
    next_try: datetime | None = None
    waiting: int = 0


class ChannelTotals(msgspec.Struct, frozen=True):
    """Of a flow: channels whose last sending failed, and notices that wait."""

    failing: int = 0
    waiting: int = 0


class AlertBook(Protocol):
    """Which alerts stand and which notices are still to be delivered: durable, and one writer per flow at a time."""

    def update(
        self, flow: str, position: int, decide: Callable[[Sequence[StandingAlert], Callable[[str], int]], AlertChanges]
    ) -> bool:
        """Save in one transaction what `decide` makes of the standing alerts and of how often a key was raised.

        False, and nothing is saved, where the alerts were decided from a later `position` of the log already.
        """

    def alerts(self, flow: str, limit: int = 200) -> list[StandingAlert]:
        """The standing ones and the latest that ended, newest first."""

    def claim(self, flow: str, channel: str, now: datetime, until: datetime) -> str:
        """Be the only one to deliver through a channel; a token, empty where another does or it is not yet time."""

    def release(self, flow: str, channel: str, token: str) -> None:
        """Let others deliver."""

    def undelivered(self, flow: str, channel: str, limit: int) -> list[Notice]:
        """Notices in the order of time."""

    def attempt(self, flow: str, channel: str, notice: str) -> None:
        """Record that it may have been sent, before it is."""

    def delivered(self, flow: str, channel: str, notice: str, at: datetime) -> None:
        """Record that the channel took it; the channel is well."""

    def failed(self, flow: str, channel: str, error: str, at: datetime, next_try: datetime) -> None:
        """Record a failure; the channel rests until `next_try`."""

    def channel(self, flow: str, channel: str) -> ChannelState:
        """How a channel does."""

    def totals(self) -> dict[str, ChannelTotals]:
        """By flow, where any is not zero."""

    def forget(self, flow: str, channel: str) -> None:
        """Drop a removed channel's state and its undelivered notices."""


class Alerts(Protocol):
    """A channel, open for use."""

    def send(self, notice: Notice) -> None:
        """Deliver, in bounded time. Raises ChannelFailed, also where it may have been delivered: it is sent again."""


# --- what a doctor looks at ----------------------------------------------------------------------------------------


class StoreFacts(msgspec.Struct, frozen=True):
    """A database that was reached and could be written to. `size` in bytes; `views` is their version, None if none.

    `seconds_ahead`: by how much its clock is ahead of ours, None where it has ours.
    """

    kind: str
    version: str
    place: str
    size: int
    views: int | None
    views_wanted: int
    seconds_ahead: float | None


class KeyFacts(msgspec.Struct, frozen=True):
    """Master keys by id, the current one first. `exposed`: why others can read them; `sealed`: values by key."""

    origin: str
    known: tuple[str, ...]
    exposed: str
    sealed: dict[str, int]
    path: Path | None = None


class DiskFacts(msgspec.Struct, frozen=True):
    """Bytes on the disk that holds `folder`."""

    folder: Path
    free: int
    total: int


class Machine(Protocol):
    """Where this runs. What is written to find out is undone."""

    def store(self) -> StoreFacts:
        """Reach the database and try to write. Raises what the database raises."""

    def keys(self) -> KeyFacts:
        """Which keys there are and what they have sealed."""

    def disk(self) -> DiskFacts:
        """The disk of the database, or of the home folder where that is elsewhere."""


class Views(Protocol):
    """The read models: disposable tables folded from the log. Queries answer as of the last `catch_up`."""

    def catch_up(self) -> int:
        """Fold what is new; the position reached."""

    def rebuild(self) -> int:
        """Build all tables anew beside the standing ones and swap; the number of events folded."""

    def flows(self) -> list[str]:
        """The names of all flows."""

    def watermark(self, flow: str, source: str) -> tuple[str, tuple[str, ...]] | None:
        """The cursor of a source and the ids seen in its overlap."""

    def ready_postings(self, flow: str, kind: str, limit: int) -> list[str]:
        """Keys of planned postings of a kind all of whose dependencies are posted, oldest first."""

    def open_batches(self, flow: str) -> list[str]:
        """Ids of batches sent and not answered, oldest first."""

    def held_keys(self, flow: str, kind: str) -> list[str]:
        """Keys of held or rejected postings of a kind, oldest first."""

    def blocked_settlements(self, flow: str) -> list[str]:
        """Settlements planned on postings that are held, refused or withdrawn since, oldest first."""

    def open_gaps(self, flow: str) -> list[str]:
        """Missing mapping keys."""

    def query(self, name: str, flow: str, **filters: Any) -> list[dict[str, Any]]:
        """Rows of a named report for people: see adapters/views/queries.py for names, filters and columns."""
