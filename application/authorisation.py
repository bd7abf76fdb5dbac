"""Connecting in the browser: an address to open, the vendor's page, and back with a code that buys the tokens.

Three secrets, each good for one use and ten minutes, each stored as a hash: the ticket, in the address a person opens;
the state, which the vendor carries there and back; and the cookie's, which only the browser that opened the address
has. All are bound to one flow, one vendor and one person.
"""

import contextlib
import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec

from application.bookkeeping import Bookkeeping
from application.connections import AMAZON, QUICKBOOKS, VENDORS, keep_amazon, keep_quickbooks
from application.ports import Clock, Consent, OpenCompany, OpenSeller, Vault, Views
from domain.errors import BadInput
from domain.flow import AmazonConnected, Flow, QuickBooksConnected, check_company, check_seller

Kind = Literal["ticket", "state"]
LIFE = timedelta(minutes=10)
SECRET_BYTES = 32
NAMES = {AMAZON: "Amazon", QUICKBOOKS: "QuickBooks"}


class Attempt(msgspec.Struct, frozen=True):
    """A person connecting a flow to a vendor. `browser` is the cookie's secret, hashed; a ticket has none yet."""

    flow: str
    vendor: str
    by: str
    expires: datetime
    other_seller: bool = False
    browser: str = ""


class Attempts(Protocol):
    """Attempts under way, by the hash of their secret."""

    def keep(self, secret: str, kind: Kind, attempt: Attempt) -> None:
        """Let the secret stand for the attempt, once."""

    def take(self, secret: str, kind: Kind, vendor: str) -> tuple[Attempt, bool] | None:
        """The attempt, and whether this is the first to take it: exactly one is, over all processes."""


class Begun(msgspec.Struct, frozen=True):
    """The address to open in a browser, and until when it works."""

    address: str
    expires: datetime


class Started(msgspec.Struct, frozen=True):
    """The vendor's page to go to, and the cookie that the browser must bring back."""

    address: str
    cookie: str
    secret: str


class VendorAnswer(msgspec.Struct, frozen=True):
    """What the browser brought back from the vendor; `account` is the seller's id, or the company's."""

    state: str
    code: str = ""
    account: str = ""
    error: str = ""

    def __repr__(self) -> str:
        return "<answer of a vendor>"


class Connected(msgspec.Struct, frozen=True):
    """What is connected now. `again` are other flows into the same company, whose own consent Intuit has ended."""

    flow: Flow
    event: AmazonConnected | QuickBooksConnected
    again: tuple[str, ...] = ()


class Authorisation:
    """The use cases of one installation; `may` says whether a person still has the right to connect a flow."""

    def __init__(
        self,
        attempts: Attempts,
        consent: Callable[[str], Consent],
        vault: Vault,
        bookkeeping: Bookkeeping,
        views: Views,
        amazon: OpenSeller,
        quickbooks: OpenCompany,
        may: Callable[[str, str], bool],
        clock: Clock,
        public_url: str,
    ) -> None:
        self._attempts = attempts
        self._consent = consent
        self._vault = vault
        self._bookkeeping = bookkeeping
        self._views = views
        self._amazon = amazon
        self._quickbooks = quickbooks
        self._may = may
        self._clock = clock
        self._public_url = public_url
        self._guard = threading.Lock()
        self._turns: dict[tuple[str, str], threading.Lock] = {}

    def begin(self, flow: str, vendor: str, by: str, other_seller: bool = False) -> Begun:
        """An address for the person to open. Raises UnknownFlow, BadInput where a setting is missing."""
        if vendor not in VENDORS:
            raise BadInput(f"vendor {vendor!r}: expected one of {', '.join(VENDORS)}")
        self._bookkeeping.flow(flow)
        self._consent(vendor)
        ticket = secrets.token_urlsafe(SECRET_BYTES)
        attempt = Attempt(flow, vendor, by, self._clock() + LIFE, other_seller)
        self._attempts.keep(ticket, "ticket", attempt)
        return Begun(f"{self._public_url}/oauth/{vendor}/start?ticket={ticket}", attempt.expires)

    def start(self, vendor: str, ticket: str) -> Started:
        """Use up the ticket. Raises BadInput where it opens nothing (any more)."""
        attempt = self._taken(ticket, "ticket", vendor, "this address")
        state, secret = secrets.token_urlsafe(SECRET_BYTES), secrets.token_urlsafe(SECRET_BYTES)
        address = self._consent(vendor).address(self._bookkeeping.flow(attempt.flow), state)
        bound = msgspec.structs.replace(attempt, expires=self._clock() + LIFE, browser=_hash(secret))
        self._attempts.keep(state, "state", bound)
        return Started(address, cookie_name(state), secret)

    def finish(self, vendor: str, answer: VendorAnswer, secret: str) -> Connected:
        """Use up the state; `secret` is what the browser's cookie holds. Exchanges the code and keeps the tokens.

        Raises BadInput where the answer is not this person's or the account not the flow's; nothing is exchanged then.
        Raises VendorError where the vendor refuses.
        """
        attempt = self._taken(answer.state, "state", vendor, "this answer", secret)
        if answer.error:
            raise BadInput(_told(vendor, answer.error))
        if not answer.code:
            raise BadInput(f"{NAMES[vendor]} sent no code back")
        _check_account(vendor, answer.account)
        with self._turn(attempt):
            event = self._connect(attempt, answer)
        others = self._others(attempt.flow) if vendor == QUICKBOOKS else []
        again = tuple(other.name for other in others if other.realm == answer.account and other.quickbooks)
        return Connected(self._bookkeeping.flow(attempt.flow), event, again)

    def _connect(self, attempt: Attempt, answer: VendorAnswer) -> AmazonConnected | QuickBooksConnected:
        def check(flow: Flow) -> None:
            if attempt.vendor == AMAZON:
                check_seller(flow, answer.account, self._others(flow.name), attempt.other_seller)
            else:
                check_company(flow, answer.account, self._others(flow.name))

        flow = self._bookkeeping.flow(attempt.flow)
        check(flow)
        credential = self._consent(attempt.vendor).exchange(flow, answer.code)
        keep, by, deciding = (self._vault, self._bookkeeping), attempt.by, self._deciding(attempt.flow, check)
        if attempt.vendor == AMAZON:
            seller = answer.account
            return keep_amazon(flow, credential, *keep, self._amazon, self._clock, by, seller, deciding)
        realm = answer.account
        flow = msgspec.structs.replace(flow, realm=realm)
        return keep_quickbooks(flow, credential, *keep, self._quickbooks, self._clock, by, realm, deciding)

    def _taken(self, secret: str, kind: Kind, vendor: str, what: str, browser: str = "") -> Attempt:
        found = self._attempts.take(secret, kind, vendor) if secret else None
        if found is None:
            raise BadInput(f"{what} belongs to no connection that was begun here")
        attempt, first = found
        if not first:
            raise BadInput(f"{what} was used before; if a page said then that all is connected, it is")
        if attempt.browser and not hmac.compare_digest(attempt.browser, _hash(browser)):
            # Seen in two browsers, it may have been stolen: it is used up for both.
            raise BadInput(f"{what} belongs to another browser, or this one keeps no cookies")
        if attempt.expires <= self._clock():
            raise BadInput(f"{what} has expired; there are {LIFE.seconds // 60} minutes for each step")
        if not self._may(attempt.by, attempt.flow):
            raise BadInput(f"{attempt.by}, who began this, may not connect flow {attempt.flow} any more")
        return attempt

    @contextlib.contextmanager
    def _turn(self, attempt: Attempt) -> Iterator[None]:
        """Two tabs that connect the same come one after the other: the first one's tokens are not mixed up."""
        with self._guard:
            turn = self._turns.setdefault((attempt.flow, attempt.vendor), threading.Lock())
        with turn:
            yield

    @contextlib.contextmanager
    def _deciding(self, flow: str, check: Callable[[Flow], None]) -> Iterator[None]:
        """Look again just before it is recorded: another flow may have been connected to the same meanwhile."""
        with self._guard:
            check(self._bookkeeping.flow(flow))
            yield

    def _others(self, name: str) -> list[Flow]:
        self._views.catch_up()
        flows = self._bookkeeping.many_flows([other for other in self._views.flows() if other != name])
        return list(flows.values())


def cookie_name(state: str) -> str:
    """One for each attempt, so that two tabs do not take each other's."""
    return f"mlc_oauth_{_hash(state)[:12]}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


_ACCOUNTS = {AMAZON: ("selling_partner_id", "[A-Za-z0-9]{1,40}"), QUICKBOOKS: ("realmId", "[0-9]{1,30}")}


def _check_account(vendor: str, account: str) -> None:
    name, pattern = _ACCOUNTS[vendor]
    if not re.fullmatch(pattern, account):
        raise BadInput(f"{NAMES[vendor]} did not say for which account consent was given ({name})")


def _told(vendor: str, error: str) -> str:
    """The vendor's error code in words; its own text may be anything and is not repeated."""
    match error:
        case "access_denied":
            return f"consent was not given at {NAMES[vendor]}; nothing was changed"
        case "invalid_scope":
            return f"{NAMES[vendor]} does not let this application ask for what it needs; look at its scopes and roles"
        case "server_error" | "temporarily_unavailable":
            return f"{NAMES[vendor]} had a failure of its own ({error}); try again later"
    code = error if re.fullmatch("[A-Za-z0-9_]{1,40}", error) else "an unknown error"
    return f"{NAMES[vendor]} refused: {code}"
