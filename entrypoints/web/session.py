"""Signing in from a browser: an API token once, then a session in a cookie that scripts cannot read.

What changes something carries the session's CSRF token in `X-CSRF-Token`: a foreign page can make a browser send the
cookie, but cannot know that.
"""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from adapters.sessions import LASTS
from domain.access import READER, Holder
from entrypoints.web.access import COOKIE, PUBLIC, cookie_of, read, refuse_guess, signing
from entrypoints.web.desk import Desk
from entrypoints.web.problems import Refusal


class SignIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An API token."""

    token: Annotated[str, Meta(min_length=1, max_length=200, pattern="^[!-~]+$")]


class SessionFacts(msgspec.Struct, frozen=True, rename="camel"):
    """Who is signed in; `csrf` goes into `X-CSRF-Token` of every command. Empty where a token was sent instead."""

    name: str
    role: str
    flows: list[str]
    csrf: str


class SignedOut(msgspec.Struct, frozen=True, rename="camel"):
    """The session has ended."""

    signed_out: bool


@signing("/session", PUBLIC)
def sign_in(
    request: Request[Any, Any, Any], data: JSONBody[SignIn], desk: NamedDependency[Desk]
) -> Response[SessionFacts]:
    """Begin a session with an API token; the answer sets its cookie. It lasts twelve hours, or as long as the token."""
    _refuse_strangers(request)
    if (former := cookie_of(request.scope)) is not None:
        desk.services.sessions.end(former)
    begun = desk.services.sessions.begin(data.token)
    if begun is None:
        refuse_guess(desk.guesses, request.scope)
    cookie, session = begun
    holder = session.holder
    facts = SessionFacts(holder.name, holder.role, list(holder.flows), session.csrf)
    return Response(facts, cookies=[session_cookie(desk, cookie, int(LASTS.total_seconds()))])


def _refuse_strangers(request: Request[Any, Any, Any]) -> None:
    """A form of another site could sign a browser in under a name that is not its person's."""
    site = request.headers.get("sec-fetch-site", "none")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" and site in ("none", "same-origin"):
        return
    raise Refusal(
        422,
        "a session begins from this service's own pages, with a body of application/json",
        field="Content-Type",
        do="Send Content-Type: application/json, from a page of this service or from a program.",
    )


@read("/session", READER, follows=False)
def show_session(request: Request[Holder, Any, Any], desk: NamedDependency[Desk]) -> SessionFacts:
    """Who is signed in."""
    cookie = cookie_of(request.scope)
    session = desk.services.sessions.find(cookie) if cookie is not None else None
    holder = request.user
    return SessionFacts(holder.name, holder.role, list(holder.flows), session.csrf if session is not None else "")


@signing("/session/end", READER)
def sign_out(request: Request[Holder, Any, Any], desk: NamedDependency[Desk]) -> Response[SignedOut]:
    """End the session."""
    cookie = cookie_of(request.scope)
    if cookie is not None:
        desk.services.sessions.end(cookie)
    return Response(SignedOut(True), cookies=[session_cookie(desk, "", 0)])


def session_cookie(desk: Desk, value: str, seconds: int) -> Cookie:
    """The session's cookie, or with no seconds its end."""
    return Cookie(
        key=COOKIE,
        value=value,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite="lax",
        secure=desk.services.settings.public_url.startswith("https://"),
    )


router = Router("/", tags=["browser session"], route_handlers=[sign_in, show_session, sign_out])
