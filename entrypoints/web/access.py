"""The gate in front of every route: who asks, may they, is it too often, and are the views as far as they need.

A route says in its `opt` which role it needs; one that says nothing is closed to everybody.
"""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from litestar import get, patch, post
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from adapters.sessions import DatabaseSessions
from adapters.tokens import DatabaseTokens
from domain.access import Holder
from entrypoints.web.kept import KEPT
from entrypoints.web.problems import Refusal

PUBLIC = "public"
ROLE = "role"
INSTALLATION = "installation"  # a route about the installation as a whole: closed to tokens of named flows
READS_VIEWS = "reads_views"
QUERY = "query"  # the query parameters of a route; documentation.py fills it in

SIGNS_IN = "signs_in"
PAGE = "page"  # a page for people: its refusals are pages, and what its forms carry is checked by pages/signing_in.py
QUIET = "quiet"  # asked by an open page by itself, so it keeps no session alive
COOKIE = "mlc_session"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

GUESSES_PER_MINUTE = 30  # wrong tokens from one address
KEYS = 10_000

Waiter = Callable[[int], Awaitable[None]]


def read(
    path: str, role: str, *, installation: bool = False, follows: bool = True, kept: bool = False, **more: Any
) -> get:
    """A GET whose handler runs in a thread; where it `follows` the views it takes `after`.

    `kept`: its answer is made from the views alone and is the same for everybody who may ask.
    """
    opt = {ROLE: role, READS_VIEWS: follows, INSTALLATION: installation, KEPT: kept}
    return get(path, opt=opt, sync_to_thread=True, **more)


def command(path: str, role: str, *, installation: bool = False, **more: Any) -> post:
    """A POST that changes something, in a thread."""
    return post(path, opt={ROLE: role, INSTALLATION: installation}, sync_to_thread=True, status_code=200, **more)


def change(path: str, role: str, **more: Any) -> patch:
    """A PATCH: what is not named stays as it is."""
    return patch(path, opt={ROLE: role}, sync_to_thread=True, status_code=200, **more)


def signing(path: str, role: str) -> post:
    """A POST that begins or ends a session."""
    return post(path, opt={ROLE: role, SIGNS_IN: True}, sync_to_thread=True, status_code=200)


class Gate(ASGIMiddleware):
    """Lets a request through to its handler, or says why not. `scope["user"]` is then the Holder."""

    scopes = (ScopeType.HTTP,)

    def __init__(
        self,
        tokens: DatabaseTokens,
        per_minute: int,
        wait_for: Waiter,
        sessions: DatabaseSessions,
        guesses: "Rate",
    ) -> None:
        self._tokens = tokens
        self._requests = Rate(per_minute)
        self._guesses = guesses
        self._wait_for = wait_for
        self._sessions = sessions

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        opt: Mapping[str, Any] = scope["route_handler"].opt
        if "\x00" in scope["path"] or b"%00" in scope["query_string"] or b"\x00" in scope["query_string"]:
            raise Refusal(400, "an address holds no NUL character", do="Leave it out.")  # PostgreSQL takes none
        role = opt.get(ROLE)
        if role != PUBLIC:
            if role is None:
                raise Refusal(403, "this address says nothing about who may use it, so nobody may")
            holder = await self._holder(scope)
            self._check(holder, role, opt, scope)
            scope["user"] = holder
        if scope["query_string"] and (known := opt.get(QUERY)) is not None:
            query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            _check_names({name for name, _ in query}, known)
            if opt.get(READS_VIEWS):
                await self._wait_for(_after(query))
        await next_app(scope, receive, send)

    async def _holder(self, scope: Scope) -> Holder:
        secret = _secret(scope)
        if secret is None:
            if (cookie := cookie_of(scope)) is not None and (holder := await self._signed_in(scope, cookie)):
                return holder
            raise Refusal(
                401,
                "this address needs a token",
                do="Send Authorization: Bearer with a token from: ml-connector token create.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if (holder := self._tokens.recalled(secret)) is not None:
            return holder
        known = await asyncio.to_thread(self._tokens.holder, secret)
        if known is None:
            refuse_guess(self._guesses, scope)
        return known

    async def _signed_in(self, scope: Scope, cookie: str) -> Holder | None:
        """The holder of a browser's session. Raises Refusal where it would change something without its CSRF token."""
        opt = scope["route_handler"].opt
        session = await asyncio.to_thread(self._sessions.find, cookie, active=not opt.get(QUIET))
        if session is None:
            return None
        if opt.get(PAGE):
            return session.holder
        if str(scope.get("method")) not in SAFE_METHODS and not session.allows(_header(scope, b"x-csrf-token") or ""):
            raise Refusal(
                403,
                "this came from a page that does not know the session's CSRF token",
                field="X-CSRF-Token",
                do="Send the `csrf` of GET /api/v1/session as X-CSRF-Token.",
            )
        return session.holder

    def _check(self, holder: Holder, role: str, opt: Mapping[str, Any], scope: Scope) -> None:
        if wait := self._requests.take(holder.name):
            raise too_often(wait)
        if not holder.may(role):
            raise Refusal(
                403,
                f"token {holder.name} is a {holder.role}; this needs the role {role}",
                do=f"Use a token of role {role} or higher.",
            )
        flow = scope["path_params"].get("flow")
        if flow is not None and not holder.sees(flow):
            # In the words for a flow that is not there: what others have is nobody's business.
            raise Refusal(
                404, f"there is no flow named {flow!r}", field="flow", do="GET /api/v1/flows names the flows there are."
            )
        if opt.get(INSTALLATION) and holder.flows:
            raise Refusal(
                403,
                f"token {holder.name} is limited to {', '.join(holder.flows)}; this is about the whole installation",
                do="Use a token that is not limited to flows.",
            )


class Rate:
    """So many a minute for each key, evenly, with a burst of a sixth of it; kept in this process."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._interval = 60 / per_minute
        self._burst = max(1.0, per_minute / 6) * self._interval
        self._now = now
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._guard = threading.Lock()

    def take(self, key: str) -> float:
        """Take a place: 0.0, or the seconds to wait for one."""
        now = self._now()
        with self._guard:
            full_at = max(self._full_at.get(key, now), now)
            if full_at - now > self._burst - self._interval:
                return full_at - now - (self._burst - self._interval)
            self._full_at[key] = full_at + self._interval
            self._full_at.move_to_end(key)
            if len(self._full_at) > KEYS:
                self._full_at.popitem(last=False)
        return 0.0


def refuse_guess(guesses: Rate, scope: Scope) -> NoReturn:
    """A token that opens nothing. Only those are counted: who shares an address with a guesser is not locked out."""
    if wait := count_guess(guesses, scope):
        raise too_often(wait)
    raise Refusal(
        401,
        "this token opens nothing: it is unknown, expired or revoked",
        field="token",
        do="Ask for another: ml-connector token create.",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    )


def count_guess(guesses: Rate, scope: Scope) -> float:
    """Note a wrong token: 0.0, or the seconds that its address has to wait."""
    client = scope.get("client")
    return guesses.take(client[0] if client else "")


def too_often(wait: float) -> Refusal:
    seconds = str(int(wait) + 1)
    return Refusal(
        429, "too many requests", do=f"Wait {seconds} seconds and send it again.", headers={"Retry-After": seconds}
    )


def _secret(scope: Scope) -> str | None:
    """The token of the request, from `Authorization: Bearer` or `X-API-Key`; never from its address."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, secret = value.decode("latin-1").partition(" ")
            if kind.lower() == "bearer":
                return secret.strip()
        elif name == b"x-api-key":
            return bytes(value).decode("latin-1").strip()
    return None


def _check_names(given: set[str], known: frozenset[str]) -> None:
    """A filter with a typing error that is ignored answers more than was asked for."""
    for name in sorted(given - known):
        raise Refusal(
            400,
            f"query {name[:40]}: there is no such parameter here",
            field=name[:40],
            do=f"There are: {', '.join(sorted(known))}." if known else "There are none.",
        )


def _header(scope: Scope, wanted: bytes) -> str | None:
    return next((bytes(value).decode("latin-1") for name, value in scope["headers"] if name == wanted), None)


def cookie_of(scope: Scope) -> str | None:
    """The session's cookie, if there is one."""
    for part in (_header(scope, b"cookie") or "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE and value:
            return value
    return None


def _after(query: list[tuple[str, str]]) -> int:
    """The position a reader wants to see, 0 if it names none."""
    for name, value in query:
        if name == "after":
            if not value.isascii() or not value.isdigit() or len(value) > 18:
                raise Refusal(
                    400,
                    f"query after: {value[:40]!r} is no position of the log",
                    field="after",
                    do="Send the position that a command answered with, a whole number from 0.",
                )
            return int(value)
    return 0
