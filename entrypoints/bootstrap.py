"""The composition root: the only place that constructs adapters. Everything else is handed what it uses."""

import contextlib
import getpass
import logging
import os
import socket
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime

from adapters.amazon.client import AmazonClient
from adapters.amazon.settlement_report import read_report
from adapters.answered_requests import AnsweredRequests
from adapters.database import POOL_SIZE, Database, open_database
from adapters.event_store import DatabaseEventStore, create_event_store
from adapters.evidence import DatabaseEvidence
from adapters.exports import beancount, journal_csv
from adapters.keyring import KeyRing
from adapters.lease import DatabaseLease, DatabaseLeases
from adapters.quickbooks.client import QuickBooksClient
from adapters.quickbooks.journal import answered_objects, journal_lines
from adapters.quota import GuardedQuotas, Quotas
from adapters.sessions import DatabaseSessions
from adapters.timetable import CronTimetable
from adapters.tokens import DatabaseTokens
from adapters.vault import DatabaseVault
from adapters.views import DatabaseViews, views_as_of
from application.bookkeeping import Bookkeeping
from application.books import books_of
from application.connections import AMAZON, QUICKBOOKS
from application.flow_setup import FlowSetup
from application.ports import Clock, Lease, ReportReader
from application.running import run_cycle
from application.sync import Cycle, CycleReport
from domain.errors import BadInput, ConnectionLost, Stopped
from domain.flow import SOURCES, Flow, Source
from entrypoints.settings import PREFIX, Settings, load

read_settlement_report: ReportReader = read_report


class Run:
    """One cycle under a lease: what guards its writes and calls, and what it opened."""

    def __init__(self, lease: DatabaseLease, quotas: Quotas, stop: Callable[[], bool]) -> None:
        self.lease = lease
        self.quotas = GuardedQuotas(quotas, self._check_call)
        self.open: list[Callable[[], None]] = []
        self._stop = stop

    def check(self) -> None:
        """Between calls. Raises Stopped or LeaseLost."""
        if self._stop():
            raise Stopped("this process was asked to stop")
        self.lease.check()

    def _check_call(self, waiting: bool) -> None:
        """Before a call leaves: one that is decided on is made even if a stop is asked for, unless it must wait."""
        if waiting:
            self.check()
        else:
            self.lease.check()

    def close(self) -> None:
        for close in reversed(self.open):
            close()


class Services:
    """Everything the entrypoints use, built once from the settings."""

    def __init__(self, settings: Settings, person: str, clock: Clock, connections: int = POOL_SIZE) -> None:
        self.settings = settings
        self.person = person
        self.process = f"{person} on {socket.gethostname()}, process {os.getpid()}"
        self.clock = clock
        if settings.database_url.startswith("sqlite:"):
            settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        keyring = KeyRing.from_settings(settings.master_key, settings.master_key_file, settings.home)
        self.database: Database = open_database(settings.database_url, connections)
        self.store: DatabaseEventStore = create_event_store(self.database, clock)
        self.ledger = self.store
        self.views = DatabaseViews(self.database, self.store)
        self.vault = DatabaseVault(self.database, keyring, clock)
        self.evidence = DatabaseEvidence(self.database, keyring)
        self.quotas = Quotas(self.database, settings.quota_speed)
        self.tokens = DatabaseTokens(self.database, clock)
        self.sessions = DatabaseSessions(self.database, self.tokens, clock)
        self.answered = AnsweredRequests(self.database, keyring)
        self.bookkeeping = Bookkeeping(self.store, clock)
        self.leases = DatabaseLeases(self.database)
        self.timetable = CronTimetable()
        self.flow_setup = FlowSetup(
            self.store, self.bookkeeping, self.views, self.leases, self.timetable, self.quickbooks, clock
        )
        self._open: list[Callable[[], None]] = [self.database.close]

    def amazon(self, flow: Flow, run: Run | None = None) -> AmazonClient:
        """The flow's seller account. Raises ConnectionLost where there is none, BadInput without app credentials."""
        credential = self.vault.get(flow.name, AMAZON)
        if credential is None:
            raise ConnectionLost(
                f"flow {flow.name} is not connected to Amazon; run: ml-connector connect amazon {flow.name}",
                vendor=AMAZON,
            )
        settings = self.settings
        client = AmazonClient(
            flow.name,
            settings.amazon_api_urls[flow.region],
            settings.amazon_token_url,
            _needed("AMAZON_CLIENT_ID", settings.amazon_client_id),
            _needed("AMAZON_CLIENT_SECRET", settings.amazon_client_secret),
            credential["refresh_token"],
            run.quotas if run is not None else self.quotas,
            self.clock,
            settings.quota_speed,
        )
        (run.open if run is not None else self._open).append(client.close)
        return client

    def quickbooks(self, flow: Flow, run: Run | None = None) -> QuickBooksClient:
        """The flow's company. Raises ConnectionLost where none is connected, BadInput without app credentials."""
        if self.vault.get(flow.name, QUICKBOOKS) is None:
            raise ConnectionLost(
                f"flow {flow.name} is not connected to QuickBooks; run: ml-connector connect quickbooks {flow.name}",
                vendor=QUICKBOOKS,
            )
        settings = self.settings
        client = QuickBooksClient(
            flow.name,
            flow.realm,
            settings.quickbooks_api_url,
            settings.quickbooks_token_url,
            _needed("QUICKBOOKS_CLIENT_ID", settings.quickbooks_client_id),
            _needed("QUICKBOOKS_CLIENT_SECRET", settings.quickbooks_client_secret),
            self.vault,
            run.quotas if run is not None else self.quotas,
            self.clock,
            settings.quota_speed,
        )
        (run.open if run is not None else self._open).append(client.close)
        return client

    def run_cycle(
        self,
        flow: str,
        progress: Callable[[str, int], None] = lambda what, done: None,
        *,
        when_due: bool = False,
        fetch: bool = True,
        retry_refused: bool = False,
        stop: Callable[[], bool] = lambda: False,
    ) -> CycleReport | None:
        """See application.running.run_cycle. `stop` is asked between calls whether to end early."""

        @contextlib.contextmanager
        def open_cycle(state: Flow, lease: Lease, sources: Collection[Source]) -> Iterator[Cycle]:
            assert isinstance(lease, DatabaseLease)
            run = Run(lease, self.quotas, stop)

            def note(what: str, done: int) -> None:
                lease.note(what, done)
                progress(what, done)

            try:
                yield self.cycle(state, note, fetch=fetch, retry_refused=retry_refused, sources=sources, run=run)
            finally:
                run.close()

        return run_cycle(
            flow, self.process, self.leases, self.bookkeeping, self.timetable, open_cycle, when_due=when_due
        )

    def cycle(
        self,
        flow: Flow,
        progress: Callable[[str, int], None] = lambda what, done: None,
        *,
        fetch: bool = True,
        retry_refused: bool = False,
        sources: Collection[Source] = SOURCES,
        run: Run | None = None,
    ) -> Cycle:
        """A cycle of the flow, ready to run; without `fetch` nothing is asked of Amazon. `run` guards what it does."""
        amazon = fetch and (flow.has_orders or self.vault.get(flow.name, AMAZON) is not None)
        opened = (run,) if run is not None else ()
        return Cycle(
            flow,
            Bookkeeping(self.store.guarded(run.lease.guard), self.clock) if run is not None else self.bookkeeping,
            self.views,
            self.evidence,
            self.clock,
            read_settlement_report,
            self.amazon(flow, *opened) if amazon else None,
            self.quickbooks(flow, *opened),
            self.settings.quota_speed,
            progress,
            retry_refused,
            sources,
            run.check if run is not None else lambda: None,
            exclusive=run is not None,
        )

    def views_as_of(self, position: int) -> DatabaseViews:
        """The read models as they were at a position of the log."""
        return views_as_of(self.store, position)

    def day(self, text: str) -> date:
        """A day from ISO text, which may carry a time."""
        return datetime.fromisoformat(text).date()

    def close(self) -> None:
        for close in reversed(self._open):
            close()


@contextlib.contextmanager
def services(
    settings: Settings | None = None, person: str = "", clock: Clock | None = None, connections: int = POOL_SIZE
) -> Iterator[Services]:
    """The services for the length of a command; everything opened is closed."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    built = Services(settings or load(), person or _person(), clock or (lambda: datetime.now(UTC)), connections)
    try:
        yield built
    finally:
        built.close()


def exporter(service: Services, flow: str, format: str) -> Iterator[str]:
    """The lines of an export of the flow's books."""
    service.views.catch_up()
    state = service.bookkeeping.flow(flow)
    mapping = service.bookkeeping.mapping(flow)
    books = books_of(state, mapping, service.views, service.evidence, answered_objects, journal_lines)
    return beancount.render(books) if format == "beancount" else journal_csv.render(books)


def _person() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"


def _needed(name: str, value: str) -> str:
    if not value:
        raise BadInput(f"{PREFIX}{name} is not set; it is your application's credential, see docs/operating.md")
    return value
