"""What a doctor looks at: this installation, its history, then each flow's vendors as they answer now.

Nothing is written at a vendor. Only QuickBooks' tokens change, by the way every renewal goes, which stores them first.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

import msgspec

from application.alerts import AlertDesk
from application.connections import AMAZON, QUICKBOOKS
from application.deadlines import STAGES, consent_ends
from application.ports import Clock, Ledger, Machine, OpenCompany, OpenSeller, QuickBooks, SellerCentral, Vault, Views
from domain.errors import ConnectionLost, ConnectorError, Throttled, VendorError
from domain.flow import Flow

Status = Literal["ok", "warning", "error"]

SKEW_WARNING_SECONDS = 5.0  # leases and look-ups by time begin to go wrong
SKEW_ERROR_SECONDS = 120.0  # Amazon refuses windows that end in its future
FREE_WARNING_BYTES = 2 * 1024**3
FREE_ERROR_BYTES = 200 * 1024**2
OLDEST_POSTGRESQL = 14
CONSENT_WARNING = timedelta(days=30)
PAID_TO = ("Bank", "Other Current Asset")  # what may receive payouts
SEARCHED = timedelta(minutes=5)  # the window of the orders asked for: nearly none

# What an operation needs of Amazon's roles (amazon.md 2).
_ROLES = {
    "getMarketplaceParticipations": "Finance and Accounting",
    "searchOrders": "Inventory and Order Tracking",
    "getReports": "Finance and Accounting",
}
_ROLE_CURE = (
    "add the role to the developer profile and to the application in Seller Central's Developer Console, then let the "
    "seller authorise again (a role added later is not in an older consent): ml-connector connect amazon {flow}"
)

T = TypeVar("T")


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at: how it is, what was found, and what to do about it."""

    subject: str
    status: Status
    text: str
    what_to_do: str = ""

    @property
    def ok(self) -> bool:
        return self.status == "ok"


def worst(findings: Sequence[Finding]) -> Status:
    """How it is on the whole."""
    found = {finding.status for finding in findings}
    return "error" if "error" in found else "warning" if "warning" in found else "ok"


class Doctor:
    """Examines one installation; a failing check stops none of the others."""

    def __init__(
        self,
        settings: Sequence[Finding],
        machine: Machine,
        ledger: Ledger,
        views: Views,
        vault: Vault,
        amazon: OpenSeller,
        quickbooks: OpenCompany,
        alerts: AlertDesk,
        clock: Clock,
        speed: float = 1.0,
        until: datetime | None = None,
        whole: bool = True,
    ) -> None:
        """`amazon` and `quickbooks` make clients that wait for nothing; `settings` is what was found about those.

        `speed` is how much faster than real time the vendors' clocks run: 1, but for stand-ins. Nothing is begun after
        `until`; without `whole` the history, which takes its time, is not read.
        """
        self._settings = settings
        self._machine = machine
        self._ledger = ledger
        self._views = views
        self._vault = vault
        self._amazon = amazon
        self._quickbooks = quickbooks
        self._alerts = alerts
        self._clock = clock
        self._speed = speed
        self._until = until
        self._whole = whole

    def examine(self, flows: Sequence[Flow]) -> list[Finding]:
        """All findings about the installation and these flows."""
        findings = [*self._settings, *self.installation()]
        if not flows:
            findings.append(Finding("flows", "ok", "none is set up yet"))
        for flow in flows:
            findings += self.flow(flow)
        return findings

    def installation(self) -> Iterator[Finding]:
        """The machine, its stores and the history."""
        yield from self._each("database", self._store, "check DATABASE_URL, the server, free disk space and rights")
        yield from self._each("key ring", self._keys, "check MASTER_KEY_FILE or MASTER_KEY")
        yield from self._each("disk", self._disk, "check the folder of HOME")
        yield from self._each("history", self._history, "restore the database from a backup, keep this one as evidence")

    def flow(self, flow: Flow) -> Iterator[Finding]:
        """A flow's two vendors and its alert channels."""
        yield from self._each(f"{flow.name}: amazon", lambda: self._seller(flow), "try later")
        yield from self._each(f"{flow.name}: quickbooks", lambda: self._company(flow), "try later")
        yield from self._each(f"{flow.name}: alerts", lambda: self._channels(flow), "try later")

    def _each(self, subject: str, check: Callable[[], Iterator[Finding]], what_to_do: str) -> Iterator[Finding]:
        """A check's findings; if it breaks off, that is one, and so is the end of the time."""
        findings = check()
        try:
            while self._until is None or self._clock() < self._until:
                finding = next(findings, None)
                if finding is None:
                    return
                yield finding
        except Exception as error:
            # Of any kind: a doctor who falls ill must not hide what else is wrong.
            known = isinstance(error, ConnectorError | OSError)
            text = str(error) if known and str(error) else f"{type(error).__name__}: {error}"
            yield Finding(subject, "error", text, what_to_do)
            return
        finally:
            if isinstance(findings, Generator):
                findings.close()  # and with it what it opened
        yield Finding(
            subject, "warning", "the time was over before all was looked at", "try again, or: ml-connector doctor"
        )

    # --- this installation

    def _store(self) -> Iterator[Finding]:
        facts = self._machine.store()
        found = f"{facts.kind} {facts.version} at {facts.place}, reached and written to, {_bytes(facts.size)}"
        old = facts.kind == "PostgreSQL" and int(facts.version.partition(".")[0]) < OLDEST_POSTGRESQL
        yield Finding(
            "database",
            "warning" if old else "ok",
            found,
            f"tested from PostgreSQL {OLDEST_POSTGRESQL} on; upgrade the server" if old else "",
        )
        if facts.views == facts.views_wanted:
            yield Finding("schema", "ok", f"read models are of version {facts.views}, as this program's")
        elif facts.views is not None and facts.views > facts.views_wanted:
            yield Finding(
                "schema",
                "error",
                f"read models are of version {facts.views}, this program's of {facts.views_wanted}",
                "a newer program has been here: upgrade this one",
            )
        else:
            yield Finding(
                "schema",
                "warning",
                f"read models are of version {facts.views}, this program's of {facts.views_wanted}",
                "they are built anew at the next cycle, or now: ml-connector rebuild-views",
            )
        if facts.seconds_ahead is not None:
            yield _skew("clock: database", facts.seconds_ahead)

    def _keys(self) -> Iterator[Finding]:
        facts = self._machine.keys()
        unknown = sorted(facts.sealed.keys() - set(facts.known))
        former = {key: facts.sealed[key] for key in facts.known[1:] if facts.sealed.get(key)}
        found = f"{len(facts.known)} from {facts.origin}, {facts.known[0]} is the current one"
        if unknown:
            count = sum(facts.sealed[key] for key in unknown)
            yield Finding(
                "key ring",
                "error",
                f"{count} stored values are sealed with {', '.join(unknown)}, which is not among the keys",
                "add the former key behind the current one",
            )
        elif facts.exposed:
            yield Finding("key ring", "warning", f"others can read it: {facts.exposed}", f"chmod 600 {facts.path}")
        elif former:
            told = ", ".join(f"{count} values with {key}" for key, count in former.items())
            yield Finding(
                "key ring", "warning", f"{found}; still sealed: {told}", "ml-connector keys rotate --rewrap-only"
            )
        else:
            yield Finding("key ring", "ok", found)

    def _disk(self) -> Iterator[Finding]:
        facts = self._machine.disk()
        status: Status = (
            "error" if facts.free < FREE_ERROR_BYTES else "warning" if facts.free < FREE_WARNING_BYTES else "ok"
        )
        yield Finding(
            "disk",
            status,
            f"{_bytes(facts.free)} of {_bytes(facts.total)} free at {facts.folder}",
            "" if status == "ok" else "make room: a full disk stops every cycle",
        )

    def _history(self) -> Iterator[Finding]:
        if not self._whole:
            yield Finding("history", "ok", "not read here", "GET /api/v1/audit/verify recomputes it")
            return
        found = self._ledger.verify()
        if found.ok:
            yield Finding("history", "ok", f"{found.events} events, intact")
        else:
            cure = "restore the database from a backup and keep this one as evidence"
            yield Finding("history", "error", found.problem, cure)

    # --- Amazon

    def _seller(self, flow: Flow) -> Iterator[Finding]:
        subject = f"{flow.name}: amazon"
        if not flow.has_orders and self._vault.get(flow.name, AMAZON) is None:
            yield Finding(subject, "ok", "not used: this flow books settlement files alone")
            return
        if self._vault.get(flow.name, AMAZON) is None:
            yield Finding(subject, "error", "not connected", f"ml-connector connect amazon {flow.name}")
            return
        with self._amazon(flow) as amazon:
            yield from self._asked_of_seller(flow, amazon)

    def _asked_of_seller(self, flow: Flow, amazon: SellerCentral) -> Iterator[Finding]:
        if not (yield from _credentials(flow, AMAZON, amazon.renew_token)):
            return
        if (ends := consent_ends(flow)) is not None:
            left = (ends - self._clock().date()).days
            yield Finding(
                f"{flow.name}: amazon consent",
                "warning" if left <= STAGES[0] else "ok",
                f"Amazon wants it renewed by {ends:%Y-%m-%d}",
                "" if left > STAGES[0] else f"connect again before that: ml-connector connect amazon {flow.name}",
            )
        places = yield from _role(flow, "getMarketplaceParticipations", amazon.marketplaces)
        now = self._clock()
        if flow.has_orders:
            yield from _role(flow, "searchOrders", lambda: next(iter(amazon.orders(now - SEARCHED, flow.marketplaces))))
            if flow.refused_data:
                yield Finding(
                    f"{flow.name}: amazon orders",
                    "warning",
                    f"Amazon's region refuses {', '.join(flow.refused_data)} since {flow.refused_since:%Y-%m-%d}",
                    "nothing: orders are read without, and it is asked again each day; what lacks is read then",
                )
        yield from _role(flow, "getReports", lambda: amazon.settlement_reports(now))
        if places is not None:
            yield _marketplaces(flow, {place.marketplace_id: (place.name, place.currency) for place in places})
        if (ahead := amazon.clock_ahead()) is not None:
            yield _skew(f"{flow.name}: clock: amazon", ahead)

    # --- QuickBooks

    def _company(self, flow: Flow) -> Iterator[Finding]:
        subject = f"{flow.name}: quickbooks"
        if self._vault.get(flow.name, QUICKBOOKS) is None:
            yield Finding(subject, "error", "not connected", f"ml-connector connect quickbooks {flow.name}")
            return
        with self._quickbooks(flow) as quickbooks:
            yield from self._asked_of_company(flow, quickbooks)

    def _asked_of_company(self, flow: Flow, quickbooks: QuickBooks) -> Iterator[Finding]:
        subject = f"{flow.name}: quickbooks"
        if not (yield from _credentials(flow, QUICKBOOKS, quickbooks.renew_token)):
            return
        yield from self._consent(flow)
        try:
            company = quickbooks.company()
        except ConnectionLost as error:
            yield Finding(
                f"{subject} scope",
                "error",
                f"company {flow.realm} is refused: {error}",
                "connect again, choose this company and allow accounting (scope com.intuit.quickbooks.accounting): "
                f"ml-connector connect quickbooks {flow.name}",
            )
            return
        yield Finding(f"{subject} scope", "ok", "com.intuit.quickbooks.accounting is granted")
        told = f"{company.name}, company {flow.realm}, home currency {company.home_currency}, {company.country}"
        if flow.company and company.name != flow.company:
            cure = f"is it the same company? if so: ml-connector connect quickbooks {flow.name}"
            yield Finding(f"{subject} company", "warning", f"{told}; it was {flow.company} when connected", cure)
        elif not company.custom_numbers:
            yield Finding(
                f"{subject} company",
                "warning",
                f"{told}; custom transaction numbers are off, so invoices cannot bear Amazon's order ids",
                "in QuickBooks: Settings, Account and settings, Sales, Custom transaction numbers",
            )
        else:
            closed = f", books closed until {company.closed_until}" if company.closed_until is not None else ""
            yield Finding(f"{subject} company", "ok", told + closed)
        foreign = sorted(currency for currency in flow.banks if currency != company.home_currency)
        if foreign and not company.multicurrency:
            yield Finding(
                f"{subject} currencies",
                "error",
                f"the flow is paid in {', '.join(foreign)}, and the company knows {company.home_currency} alone",
                "in QuickBooks: Settings, Account and settings, Advanced, Currency, Multicurrency",
            )
        yield _banks(flow, quickbooks)
        if (ahead := quickbooks.clock_ahead()) is not None:
            yield _skew(f"{flow.name}: clock: quickbooks", ahead)

    def _consent(self, flow: Flow) -> Iterator[Finding]:
        """QuickBooks tells when its consent ends unless it is given again."""
        stored = self._vault.get(flow.name, QUICKBOOKS) or {}
        if not stored.get("hard_expires_at"):
            return
        end = datetime.fromisoformat(stored["hard_expires_at"]).astimezone(UTC)
        soon = end - self._clock() < CONSENT_WARNING / self._speed
        yield Finding(
            f"{flow.name}: quickbooks consent",
            "warning" if soon else "ok",
            f"it ends on {end:%Y-%m-%d}",
            f"connect again before that: ml-connector connect quickbooks {flow.name}" if soon else "",
        )

    # --- alerts

    def _channels(self, flow: Flow) -> Iterator[Finding]:
        channels = self._alerts.channel_health(flow.name)
        if not channels:
            cure = f"ml-connector alerts channel add smtp {flow.name} NAME …, or webhook"
            yield Finding(f"{flow.name}: alerts", "ok", "no channel: nobody is told when something is held", cure)
        for health in channels:
            yield Finding(
                f"{flow.name}: alerts: {health.channel.name}",
                "ok" if health.ok else "warning",
                health.text,
                "" if health.ok else f"repair it, then: ml-connector alerts test {flow.name}",
            )


def _credentials(flow: Flow, vendor: str, renew: Callable[[], None]) -> Generator[Finding, None, bool]:
    """Whether tokens can be renewed; for `yield from`."""
    subject = f"{flow.name}: {vendor} credentials"
    try:
        renew()
    except ConnectionLost as error:
        yield Finding(subject, "error", str(error), f"ml-connector connect {vendor} {flow.name}")
        return False
    except Throttled as error:
        yield Finding(subject, "warning", f"not checked: {error}", "try later")
        return False
    except VendorError as error:
        cure = "check the vendor's address in the settings, the network and the application's credentials; or try later"
        yield Finding(subject, "error", str(error), cure)
        return False
    yield Finding(subject, "ok", "accepted, and a new access token was given")
    return True


def _role(flow: Flow, operation: str, ask: Callable[[], T]) -> Generator[Finding, None, T | None]:
    """What Amazon answers to a harmless read, or None; for `yield from`. A refusal is a missing role, by its name."""
    subject, role = f"{flow.name}: amazon {operation}", _ROLES[operation]
    try:
        answer = ask()
    except ConnectionLost as error:
        yield Finding(subject, "error", f"the role {role} is missing: {error}", _ROLE_CURE.replace("{flow}", flow.name))
        return None
    except Throttled as error:
        yield Finding(subject, "warning", f"not checked: {error}", "try later; cycles wait for the quota by themselves")
        return None
    except VendorError as error:
        if error.code == "InvalidInput":
            cure = "nothing, if this is Amazon's sandbox, which answers only its own examples; else report it"
            yield Finding(subject, "warning", f"allowed, but not answered: {error}", cure)
        else:
            yield Finding(subject, "error", str(error), "check the network and AMAZON_API_URL; or try later")
        return None
    yield Finding(subject, "ok", f"allowed (role {role})")
    return answer


def _marketplaces(flow: Flow, there: dict[str, tuple[str, str]]) -> Finding:
    subject = f"{flow.name}: amazon marketplaces"
    names = ", ".join(name for name, _ in there.values()) or "none"
    missing = [marketplace for marketplace in flow.marketplaces if marketplace not in there]
    if missing:
        text = f"the seller takes no part in {', '.join(missing)} of this flow; only in {names}"
        return Finding(subject, "error", text, "is it the right seller, and the right region?")
    wanted = {code for key, (_, code) in there.items() if not flow.marketplaces or key in flow.marketplaces}
    unbanked = sorted(wanted - flow.banks.keys())
    if unbanked:
        text = f"{names}; paid in {', '.join(unbanked)} too, for which the flow has no bank account"
        return Finding(subject, "warning", text, "settlements in such a currency are held until it has one")
    return Finding(subject, "ok", names)


def _banks(flow: Flow, quickbooks: QuickBooks) -> Finding:
    subject = f"{flow.name}: quickbooks bank accounts"
    accounts = quickbooks.accounts()
    wrong = []
    for currency, name in flow.banks.items():
        named = [account for account in accounts if name in (account.name, account.id)]
        if not any(account.account_type in PAID_TO and account.currency in ("", currency) for account in named):
            wrong.append(f"{name} is no bank account in {currency}" if named else f"{name} is not there")
    if wrong:
        offered = ", ".join(account.name for account in accounts if account.account_type in PAID_TO) or "none"
        return Finding(subject, "error", "; ".join(wrong), f"create it in QuickBooks; its bank accounts are: {offered}")
    return Finding(subject, "ok", ", ".join(f"{name} ({currency})" for currency, name in flow.banks.items()))


def _skew(subject: str, ahead: float) -> Finding:
    seconds = abs(ahead)
    text = f"{seconds:.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine" if seconds >= 1 else "agrees"
    if seconds < SKEW_WARNING_SECONDS:
        return Finding(subject, "ok", text)
    status: Status = "error" if seconds > SKEW_ERROR_SECONDS else "warning"
    return Finding(subject, status, text, "keep this machine's clock by NTP")


def _bytes(count: int) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1_000:
            return f"{count:.0f} {unit}"
        count = round(count / 1_000)
    return f"{count / 1_000:.1f} TB" if count >= 1_000 else f"{count} GB"
