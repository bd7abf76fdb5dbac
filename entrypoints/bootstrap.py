"""The composition root: the only place that constructs adapters. Everything else is handed what it uses."""

import contextlib
import getpass
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

from adapters.amazon.client import AmazonClient
from adapters.amazon.settlement_report import read_report
from adapters.database import Database, open_database
from adapters.event_store import DatabaseEventStore, create_event_store
from adapters.evidence import DatabaseEvidence
from adapters.exports import beancount, journal_csv
from adapters.keyring import KeyRing
from adapters.quickbooks.client import QuickBooksClient
from adapters.quickbooks.journal import answered_objects, journal_lines
from adapters.quota import Quotas
from adapters.vault import DatabaseVault
from adapters.views import DatabaseViews, views_as_of
from application.bookkeeping import Bookkeeping
from application.books import books_of
from application.connections import AMAZON, QUICKBOOKS
from application.ports import Clock, ReportReader
from application.sync import Cycle
from domain.errors import BadInput, ConnectionLost
from domain.flow import Flow
from entrypoints.settings import PREFIX, Settings, load

read_settlement_report: ReportReader = read_report


class Services:
    """Everything the entrypoints use, built once from the settings."""

    def __init__(self, settings: Settings, person: str, clock: Clock) -> None:
        self.settings = settings
        self.person = person
        self.clock = clock
        if settings.database_url.startswith("sqlite:"):
            settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        keyring = KeyRing.from_settings(settings.master_key, settings.master_key_file, settings.home)
        self.database: Database = open_database(settings.database_url)
        self.store: DatabaseEventStore = create_event_store(self.database, clock)
        self.ledger = self.store
        self.views = DatabaseViews(self.database, self.store)
        self.vault = DatabaseVault(self.database, keyring, clock)
        self.evidence = DatabaseEvidence(self.database, keyring)
        self.quotas = Quotas(self.database, settings.quota_speed)
        self.bookkeeping = Bookkeeping(self.store, clock)
        self._open: list[Callable[[], None]] = [self.database.close]

    def amazon(self, flow: Flow) -> AmazonClient:
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
            self.quotas,
            self.clock,
            settings.quota_speed,
        )
        self._open.append(client.close)
        return client

    def quickbooks(self, flow: Flow) -> QuickBooksClient:
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
            self.quotas,
            self.clock,
            settings.quota_speed,
        )
        self._open.append(client.close)
        return client

    def cycle(
        self,
        flow: Flow,
        progress: Callable[[str, int], None] = lambda what, done: None,
        *,
        fetch: bool = True,
        retry_refused: bool = False,
    ) -> Cycle:
        """A cycle of the flow, ready to run; without `fetch` nothing is asked of Amazon."""
        return Cycle(
            flow,
            self.bookkeeping,
            self.views,
            self.evidence,
            self.clock,
            read_settlement_report,
            self.amazon(flow) if fetch and (flow.has_orders or self.vault.get(flow.name, AMAZON)) else None,
            self.quickbooks(flow),
            self.settings.quota_speed,
            progress,
            retry_refused,
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
def services(settings: Settings | None = None, person: str = "", clock: Clock | None = None) -> Iterator[Services]:
    """The services for the length of a command; everything opened is closed."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    built = Services(settings or load(), person or _person(), clock or (lambda: datetime.now(UTC)))
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
