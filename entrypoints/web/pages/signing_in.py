"""The browser's way in: a token is pasted once and becomes a session; every form carries a proof that it is ours."""

import hmac
import re
import secrets
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, Router, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta

from adapters.sessions import LASTS, csrf_of
from domain.access import READER, Holder
from entrypoints.web.access import PAGE, PUBLIC, QUIET, ROLE, cookie_of, count_guess, too_often
from entrypoints.web.desk import Desk
from entrypoints.web.pages.html import render
from entrypoints.web.problems import Refusal
from entrypoints.web.session import session_cookie

FORM_FIELD = "csrf"
FORM_COOKIE = "mlc_form"
_LOCAL = re.compile(r"/(?![/\\])[!-~]*")  # of this host: `//elsewhere` and `/\elsewhere` are not


def page(path: str, role: str, *, quiet: bool = False, **more: Any) -> get:
    """A GET that answers with HTML, in a thread."""
    return get(path, opt={ROLE: role, PAGE: True, QUIET: quiet}, sync_to_thread=True, **_PAGE, **more)


def form(path: str, role: str, **more: Any) -> post:
    """A POST of a form, in a thread; it answers by leading to a page."""
    return post(path, opt={ROLE: role, PAGE: True}, sync_to_thread=True, status_code=303, **_PAGE, **more)


_PAGE: dict[str, Any] = {"include_in_schema": False, "media_type": MediaType.HTML}


async def check_form(request: Request[Any, Any, Any]) -> None:
    """Refuses what another site's page, or a page of another session, sends in this browser's name."""
    if request.method != "POST":
        return
    secret = request.cookies.get(FORM_COOKIE) if request.scope["path"] == LOGIN else cookie_of(request.scope)
    sent = (await request.form()).get(FORM_FIELD)
    site = request.headers.get("sec-fetch-site", "same-origin")
    genuine = secret and isinstance(sent, str) and hmac.compare_digest(sent.encode(), csrf_of(secret).encode())
    if site not in ("same-origin", "none") or not genuine:
        raise Refusal(
            403, "this form does not come from a page of this session", do="Go back, reload the page, send it again."
        )


LOGIN = "/login"


class SignIn(msgspec.Struct, frozen=True):
    """The login form."""

    token: Annotated[str, Meta(max_length=200)] = ""
    next: Annotated[str, Meta(max_length=2000)] = "/"


@get(LOGIN, opt={ROLE: PUBLIC, PAGE: True}, sync_to_thread=False, **_PAGE)
def show_login(
    request: Request[Any, Any, Any],
    desk: NamedDependency[Desk],
    next: Annotated[str, QueryParameter(max_length=2000)] = "/",
) -> Response[str]:
    """The login form."""
    return _login(request, desk, next)


@post(LOGIN, opt={ROLE: PUBLIC, PAGE: True}, sync_to_thread=True, status_code=303, **_PAGE)
def sign_in(
    request: Request[Any, Any, Any], data: URLEncodedBody[SignIn], desk: NamedDependency[Desk]
) -> Response[Any]:
    """A session for a token."""
    begun = desk.services.sessions.begin(data.token.strip())
    if begun is None:
        if wait := count_guess(desk.guesses, request.scope):
            raise too_often(wait)
        return _login(request, desk, data.next, wrong=True)
    if old := cookie_of(request.scope):
        desk.services.sessions.end(old)
    cookie = session_cookie(desk, begun[0], int(LASTS.total_seconds()))
    return Redirect(local(data.next), status_code=303, cookies=[cookie])


@form("/logout", READER)
def sign_out(request: Request[Holder, Any, Any], desk: NamedDependency[Desk]) -> Response[Any]:
    """The session's end."""
    desk.services.sessions.end(cookie_of(request.scope) or "")
    return Redirect(LOGIN, status_code=303, cookies=[session_cookie(desk, "", 0)])


def local(path: str) -> str:
    """The path if it is one of this host, else the start page."""
    return path if _LOCAL.fullmatch(path) and not path.startswith((LOGIN, "/logout")) else "/"


def _login(request: Request[Any, Any, Any], desk: Desk, next: str, wrong: bool = False) -> Response[str]:
    """The form has a proof of its own, since there is no session yet: nobody is signed in as somebody else unawares."""
    secret = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
    answer = render(
        request, "login.html", status=401 if wrong else 200, proof=csrf_of(secret), next=local(next), wrong=wrong
    )
    secure = desk.services.settings.public_url.startswith("https://")
    answer.set_cookie(
        Cookie(key=FORM_COOKIE, value=secret, path=LOGIN, httponly=True, samesite="strict", secure=secure)
    )
    return answer


router = Router("/", route_handlers=[show_login, sign_in, sign_out])
