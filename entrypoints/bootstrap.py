"""The composition root: the only place that constructs adapters. Everything else is handed what it uses."""

import contextlib
import getpass
import os
import socket
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from weakref import WeakSet

from adapters.alerts import open_channel
from adapters.alerts.book import DatabaseAlertBook
from adapters.amazon.bulk_report import stripped_report
from adapters.amazon.client import AmazonClient
from adapters.amazon.client_secrets import in_order, last_day
from adapters.amazon.consent import AmazonConsent
from adapters.amazon.order_report import read_order_report
from adapters.amazon.settlement_report import read_report
from adapters.amazon.shipment_report import read_shipment_report
from adapters.amazon.sqs import SqsQueue
from adapters.amazon.subscriptions import NotificationSetup
from adapters.answered_requests import AnsweredRequests
from adapters.application_state import ApplicationState
from adapters.authorisations import DatabaseAttempts
from adapters.bank import read_bank_file
from adapters.database import POOL_SIZE, Database, open_database
from adapters.event_store import DatabaseEventStore, create_event_store
from adapters.evidence import DatabaseEvidence
from adapters.exports import beancount, journal_csv
from adapters.keyring import KeyRing
from adapters.lease import DatabaseLease, DatabaseLeases
from adapters.machine import ThisMachine
from adapters.quickbooks.client import QuickBooksClient
from adapters.quickbooks.consent import QuickBooksConsent
from adapters.quickbooks.journal import LedgerReader, answered_objects
from adapters.quota import GuardedQuotas, ImpatientQuotas, Quotas
from adapters.seen_hints import DatabaseSeenHints
from adapters.sessions import DatabaseSessions
from adapters.timetable import CronTimetable
from adapters.tokens import DatabaseTokens
from adapters.vault import DatabaseVault
from adapters.views import DatabaseViews, views_as_of
from application.alerts import AlertDesk
from application.authorisation import Authorisation
from application.bank_book import BankBook
from application.bank_imports import BankImports
from application.bookkeeping import Bookkeeping
from application.books import Books, books_of
from application.books_expected import expected_balances
from application.connections import AMAZON, QUICKBOOKS
from application.corrections import Corrections
from application.cycle_request import ask_for_cycle
from application.deadlines import deadline_alerts
from application.diagnosis import Doctor, Finding
from application.flow_setup import FlowSetup
from application.hints import Heard, listen_once
from application.order_history import Readers
from application.ports import BankReader, Clock, Consent, Lease, ReportReader
from application.purge import Purging
from application.running import run_cycle
from application.sync import Cycle, CycleReport, record_not_begun
from domain.alert import Alert
from domain.errors import BadInput, ConnectionLost, ConnectorError, Stopped, UnknownFlow
from domain.flow import SOURCES, Flow, Source
from entrypoints.logs import configure
from entrypoints.settings import PREFIX, Settings, load
from entrypoints.settings_check import settings_findings

read_settlement_report: ReportReader = read_report
read_bank_statement: BankReader = read_bank_file
order_readers = Readers(read_order_report, read_shipment_report, stripped_report)
IMPATIENCE_SECONDS = 10.0  # what a doctor waits for a quota or a vendor that is away
PERSONS_SECONDS = 30.0  # the same for a person whose command asks a vendor
EXAMINED = timedelta(seconds=45)  # after that a doctor for whom somebody waits begins nothing more


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
        self.keyring = keyring = KeyRing.from_settings(settings.master_key, settings.master_key_file, settings.home)
        self.database: Database = open_database(settings.database_url, connections)
        self.store: DatabaseEventStore = create_event_store(self.database, clock)
        self.ledger = self.store
        self.views = DatabaseViews(self.database, self.store)
        self.vault = DatabaseVault(self.database, keyring, clock)
        self.evidence = DatabaseEvidence(self.database, keyring, clock)
        self.quotas = Quotas(self.database, settings.quota_speed)
        self.tokens = DatabaseTokens(self.database, clock)
        self.sessions = DatabaseSessions(self.database, self.tokens, clock)
        self.answered = AnsweredRequests(self.database, keyring)
        self.bookkeeping = Bookkeeping(self.store, clock)
        self.corrections = Corrections(self.store, clock)
        self.bank_imports = BankImports(self.store, clock)
        self.bank_book = BankBook(self.store, clock, self.views)
        self.purging = Purging(self.store, self.evidence, clock, settings.retention)
        self.application_state = ApplicationState(self.database)
        self.machine = ThisMachine(self.database, keyring, settings.home)
        self.alerts = AlertDesk(
            self.bookkeeping,
            self.views,
            DatabaseAlertBook(self.database),
            self.vault,
            lambda flow, settings: open_channel(flow, settings, self.quotas, clock),
            clock,
            settings.public_url,
            self._deadlines,
        )
        self.leases = DatabaseLeases(self.database)
        self.timetable = CronTimetable()
        self.flow_setup = FlowSetup(
            self.store, self.bookkeeping, self.views, self.leases, self.timetable, self.asked_by_person, clock
        )
        self.authorisation = Authorisation(
            DatabaseAttempts(self.database, clock),
            self.consent,
            self.vault,
            self.bookkeeping,
            self.views,
            self.amazon,
            self.quickbooks,
            self.tokens.still_may,
            clock,
            settings.public_url,
        )
        # Clients are closed by who asked for them, or with the services; one that is forgotten before is no leak.
        self._clients: WeakSet[AmazonClient | QuickBooksClient] = WeakSet()

    def amazon(self, flow: Flow, run: Run | None = None, *, patience_seconds: float | None = None) -> AmazonClient:
        """The flow's seller account, closed with a `with` block (or with the run).

        `patience_seconds`: for a caller who does not wait longer than that.
        Raises ConnectionLost where there is none, BadInput without app credentials.
        """
        credential = self.vault.get(flow.name, AMAZON)
        if credential is None:
            raise ConnectionLost(
                f"flow {flow.name} is not connected to Amazon; run: ml-connector connect amazon {flow.name}",
                vendor=AMAZON,
            )
        settings, secrets = self.settings, self._amazon_secrets()
        client = AmazonClient(
            flow.name,
            settings.amazon_api_urls[flow.region],
            settings.amazon_token_url,
            _needed("AMAZON_CLIENT_ID", settings.amazon_client_id),
            _needed("AMAZON_CLIENT_SECRET", secrets[0] if secrets else ""),
            credential["refresh_token"],
            run.quotas if run is not None else self._quotas(patience_seconds),
            self.clock,
            settings.quota_speed,
            **_patience(patience_seconds),
            other_secrets=secrets[1:],
            judged=lambda words: self.application_state.judged(AMAZON, words, self.clock()),
        )
        self._clients.add(client)
        if run is not None:
            run.open.append(client.close)
        return client

    def quickbooks(
        self, flow: Flow, run: Run | None = None, *, patience_seconds: float | None = None
    ) -> QuickBooksClient:
        """The flow's company; `patience_seconds` and errors as for `amazon`."""
        if self.vault.get(flow.name, QUICKBOOKS) is None or not flow.realm:
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
            run.quotas if run is not None else self._quotas(patience_seconds),
            self.clock,
            settings.quota_speed,
            **_patience(patience_seconds),
        )
        self._clients.add(client)
        if run is not None:
            run.open.append(client.close)
        return client

    def _amazon_secrets(self) -> list[str]:
        """The application's client secrets, the one to try first before the others."""
        return [secret.value for secret in in_order(self.settings.amazon_secrets, self.clock().date())]

    def _deadlines(self, flow: Flow) -> list[Alert]:
        ends = last_day(self.settings.amazon_secrets)
        return deadline_alerts(flow, ends, self.application_state.refusals(), self.clock().date())

    def notification_setup(self, flow: Flow) -> NotificationSetup:
        """Amazon's destinations and the flow's subscriptions; to be closed. Raises what `amazon` does."""
        credential = self.vault.get(flow.name, AMAZON)
        if credential is None:
            raise ConnectionLost(
                f"flow {flow.name} is not connected to Amazon; run: ml-connector connect amazon {flow.name}",
                vendor=AMAZON,
            )
        settings, secrets = self.settings, self._amazon_secrets()
        return NotificationSetup(
            flow.name,
            settings.amazon_api_urls[flow.region],
            settings.amazon_token_url,
            _needed("AMAZON_CLIENT_ID", settings.amazon_client_id),
            _needed("AMAZON_CLIENT_SECRET", secrets[0] if secrets else ""),
            credential["refresh_token"],
            self._quotas(PERSONS_SECONDS),
            self.clock,
            settings.quota_speed,
            other_secrets=secrets[1:],
            judged=lambda words: self.application_state.judged(AMAZON, words, self.clock()),
        )

    def hints(self, flow: str) -> Callable[[], Heard]:
        """A look into the queue of notifications. Raises UnknownFlow, BadInput without a queue or boto3."""
        seller = self.bookkeeping.flow(flow).seller
        url = _needed("AMAZON_SQS_QUEUE_URL", self.settings.amazon_sqs_queue_url)
        arn = _needed("AMAZON_SQS_QUEUE_ARN", self.settings.amazon_sqs_queue_arn)
        parts = arn.split(":")
        if len(parts) != 6:
            raise BadInput(f"{PREFIX}AMAZON_SQS_QUEUE_ARN={arn!r}: expected one like arn:aws:sqs:us-east-1:123:name")
        queue = SqsQueue(url, parts[3], self.settings.amazon_sqs_endpoint_url)
        seen = DatabaseSeenHints(self.database)

        def ask(kinds: str) -> int:
            return ask_for_cycle(flow, self.bookkeeping, self.leases, self.clock, f"notification:{kinds}")

        return lambda: listen_once(flow, seller, queue, seen, ask)

    def doctor(self, *, brief: bool = False) -> Doctor:
        """Who examines this installation and its flows, and waits for nothing. `brief`: while somebody waits for it."""
        return Doctor(
            settings_findings(self.settings, self.clock().date()),
            self.machine,
            self.ledger,
            self.views,
            self.vault,
            lambda flow: self.amazon(flow, patience_seconds=IMPATIENCE_SECONDS),
            lambda flow: self.quickbooks(flow, patience_seconds=IMPATIENCE_SECONDS),
            self.alerts,
            self.clock,
            self.settings.quota_speed,
            self.clock() + EXAMINED if brief else None,
            whole=not brief,
        )

    def asked_by_person(self, flow: Flow) -> QuickBooksClient:
        """The flow's company for somebody who waits for the answer."""
        return self.quickbooks(flow, patience_seconds=PERSONS_SECONDS)

    def _quotas(self, patience_seconds: float | None) -> Quotas | ImpatientQuotas:
        return self.quotas if patience_seconds is None else ImpatientQuotas(self.quotas, patience_seconds)

    def consent(self, vendor: str) -> Consent:
        """The vendor's consent in the browser. Raises BadInput without app credentials."""
        settings = self.settings
        redirect_uri = f"{settings.public_url}/oauth/{vendor}/callback"
        if vendor == AMAZON:
            secrets = self._amazon_secrets()
            return AmazonConsent(
                settings.amazon_authorize_url,
                settings.amazon_token_url,
                _needed("AMAZON_APPLICATION_ID", settings.amazon_application_id),
                _needed("AMAZON_CLIENT_ID", settings.amazon_client_id),
                _needed("AMAZON_CLIENT_SECRET", secrets[0] if secrets else ""),
                redirect_uri,
                self.quotas,
                other_secrets=secrets[1:],
                draft=settings.amazon_application_draft,
                speed=settings.quota_speed,
            )
        return QuickBooksConsent(
            settings.quickbooks_authorize_url,
            settings.quickbooks_token_url,
            settings.quickbooks_revoke_url,
            _needed("QUICKBOOKS_CLIENT_ID", settings.quickbooks_client_id),
            _needed("QUICKBOOKS_CLIENT_SECRET", settings.quickbooks_client_secret),
            redirect_uri,
            self.quotas,
            self.clock,
            settings.quota_speed,
        )

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
                try:
                    cycle = self.cycle(state, note, fetch=fetch, retry_refused=retry_refused, sources=sources, run=run)
                except ConnectorError as error:
                    record_not_begun(state, self._guarded(run), self.views, self.clock, error)
                    self.alerts.attend(flow)
                    raise
                yield cycle
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
            self._guarded(run) if run is not None else self.bookkeeping,
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
            ended=lambda: self.alerts.attend(flow.name),
            match_bank=lambda by: self._bank_book(run).match(flow.name, by).matched,
            readers=order_readers,
        )

    def _bank_book(self, run: Run | None) -> BankBook:
        return self.bank_book if run is None else BankBook(self.store.guarded(run.lease.guard), self.clock, self.views)

    def _guarded(self, run: Run) -> Bookkeeping:
        """What writes only while the run's lease is held."""
        return Bookkeeping(self.store.guarded(run.lease.guard), self.clock)

    def views_as_of(self, position: int) -> DatabaseViews:
        """The read models as they were at a position of the log."""
        return views_as_of(self.store, position)

    def day(self, text: str) -> date:
        """A day from ISO text, which may carry a time."""
        return datetime.fromisoformat(text).date()

    def close(self) -> None:
        for client in list(self._clients):
            client.close()
        self.database.close()


@contextlib.contextmanager
def services(
    settings: Settings | None = None, person: str = "", clock: Clock | None = None, connections: int = POOL_SIZE
) -> Iterator[Services]:
    """The services for the length of a command; everything opened is closed."""
    settings = settings or load()
    configure(settings.log, settings.log_level)
    built = Services(settings, person or _person(), clock or (lambda: datetime.now(UTC)), connections)
    try:
        yield built
    finally:
        built.close()


def diagnose(flow: str | None = None) -> list[Finding]:
    """A doctor's findings about one flow or all; where the services cannot even start, why. Raises UnknownFlow."""
    subject, cure = "settings", "change the setting; docs/operating.md has them all"
    try:
        settings = load()
        subject, cure = "key ring", "without its key nothing that is stored can be read: find it, or restore it"
        KeyRing.from_settings(settings.master_key, settings.master_key_file, settings.home)
        subject, cure = "database", "check DATABASE_URL, and that the server runs and lets this user in"
        with services(settings) as service:
            subject, cure = "flows", "see the log"
            names = [flow] if flow is not None else service.views.flows()
            return service.doctor().examine([service.bookkeeping.flow(name) for name in names])
    except UnknownFlow:
        raise
    except (ConnectorError, OSError) as error:
        return [Finding(subject, "error", str(error), cure)]


def open_books(service: Services, flow: str) -> Books:
    """The flow's books as QuickBooks answered them."""
    service.views.catch_up()
    keep = service.store, service.views, service.evidence
    return books_of(service.bookkeeping.flow(flow), *keep, answered_objects, LedgerReader, expected_balances)


def exporter(service: Services, flow: str, format: str) -> Iterator[str]:
    """The lines of an export of the flow's books."""
    books = open_books(service, flow)
    return beancount.render(books) if format == "beancount" else journal_csv.render(books)


def _patience(seconds: float | None) -> dict[str, Any]:
    """A client's own default where nobody is in a hurry."""
    return {} if seconds is None else {"patience_seconds": seconds}


def _person() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"


def _needed(name: str, value: str) -> str:
    if not value:
        raise BadInput(f"{PREFIX}{name} is not set; it is your application's credential, see docs/operating.md")
    return value
