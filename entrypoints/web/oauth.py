"""The vendors' consent in a browser: /oauth/amazon/start and callback, /oauth/quickbooks/start and callback.

Nobody is signed in here: a ticket opens `start`, a state with its cookie opens `callback`. Every answer is a page for a
person. Codes, states and tickets stand in addresses, so no address is logged and none is told as a referrer.
"""

import logging
from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from litestar import Request, Response, Router, get
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler

from application.authorisation import LIFE, NAMES, Connected, VendorAnswer, cookie_name
from application.connections import AMAZON, QUICKBOOKS
from domain.errors import BadInput, ConnectorError, OutcomeUnknown, VendorError
from domain.flow import AmazonConnected
from entrypoints.web.access import PUBLIC, ROLE, Rate
from entrypoints.web.desk import Desk

SHARE = 10  # strangers may ask a tenth as often as those with a token, from one address

# How each vendor names what it sends back: code, account.
_PARAMETERS = {AMAZON: ("spapi_oauth_code", "selling_partner_id"), QUICKBOOKS: ("code", "realmId")}
_LONGEST = 4_096

log = logging.getLogger(__name__)

_Http = Request[Any, Any, Any]


def strangers(per_minute: int) -> Rate:
    """How often an address may ask without a token."""
    return Rate(max(6, per_minute // SHARE))


def _failed(vendor: str, request: _Http, error: Exception) -> Response[bytes]:
    again = f"Begin again with: ml-connector connect {vendor} FLOW"
    match error:
        case OutcomeUnknown():
            return _page(502, f"{NAMES[vendor]} did not answer", [str(error), f"Nothing was kept. {again}"])
        case VendorError():
            return _page(502, f"{NAMES[vendor]} refused", [str(error), again])
        case BadInput():
            return _page(400, "Not connected", [f"{_sentence(str(error))}", again])
        case ConnectorError():
            return _page(503, "Not connected", [f"{_sentence(str(error))}", again])
    log.error("%s %s failed", request.method, request.scope.get("path_template") or "?", exc_info=error)
    return _page(500, "Something went wrong here", ["It is not your fault; the service's log says more.", again])


def _routes(vendor: str) -> list[HTTPRouteHandler]:
    """The two addresses of a vendor; as a browser's answers they stand in no API document."""

    def failed(request: _Http, error: Exception) -> Response[bytes]:
        return _failed(vendor, request, error)

    def page(path: str) -> Callable[[Any], HTTPRouteHandler]:
        return get(
            f"/{vendor}/{path}",
            opt={ROLE: PUBLIC},
            include_in_schema=False,
            sync_to_thread=True,
            exception_handlers=dict.fromkeys((ConnectorError, Exception), failed),  # the nearest class wins
        )

    @page("start")
    def start(request: _Http, desk: NamedDependency[Desk], strangers: NamedDependency[Rate]) -> Response[bytes]:
        """Use up the ticket and go to the vendor's consent page."""
        if (busy := _too_often(request, strangers)) is not None:
            return busy
        started = desk.services.authorisation.start(vendor, _query(request).get("ticket", ""))
        cookie = _cookie(started.cookie, started.secret, desk.services.settings.public_url, LIFE.seconds)
        return Response(b"", status_code=302, headers={"Location": started.address}, cookies=[cookie])

    @page("callback")
    def callback(request: _Http, desk: NamedDependency[Desk], strangers: NamedDependency[Rate]) -> Response[bytes]:
        """Come back from the vendor: exchange the code, keep the tokens, say what is connected and what comes next."""
        if (busy := _too_often(request, strangers)) is not None:
            return busy
        sent = _query(request)
        code, account = _PARAMETERS[vendor]
        answer = VendorAnswer(sent.get("state", ""), sent.get(code, ""), sent.get(account, ""), sent.get("error", ""))
        name = cookie_name(answer.state)
        connected = desk.services.authorisation.finish(vendor, answer, request.cookies.get(name, ""))
        desk.follower.follow()
        shown = _page(200, *_told(connected))
        shown.cookies.append(_cookie(name, "", desk.services.settings.public_url, 0))
        return shown

    return [start, callback]


def _told(connected: Connected) -> tuple[str, list[str]]:
    flow, event = connected.flow, connected.event
    if isinstance(event, AmazonConnected):
        shops = ", ".join(sorted(name for name, _ in event.marketplaces.values())) or "none"
        title = "Amazon is connected"
        said = [f"Flow {flow.name}: seller {event.seller}; marketplaces: {shops}."]
        following = f"connect quickbooks {flow.name}" if not flow.quickbooks else f"sync {flow.name}"
    else:
        title = "QuickBooks is connected"
        said = [f"Flow {flow.name}: {event.company}, company {event.realm}, home currency {event.home_currency}."]
        if not event.custom_numbers:
            said.append(
                "Custom transaction numbers are off, so invoices cannot bear Amazon's order ids. Turn them on in "
                "QuickBooks: Settings, Account and settings, Sales, Custom transaction numbers."
            )
        if connected.again:
            said.append(
                f"Intuit keeps one consent for each company: connect {', '.join(connected.again)} again too, or "
                "their next cycle stops."
            )
        missing = flow.has_orders and not flow.amazon
        following = f"connect amazon {flow.name}" if missing else f"chart propose {flow.name}"
    return title, [*said, f"You may close this page. Next: ml-connector {following}"]


def _page(status: int, title: str, paragraphs: list[str]) -> Response[bytes]:
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    mood = "good" if status == 200 else "bad"
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)} - ml-connector</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/static/oauth.css"></head>'
        f'<body><main class="{mood}"><h1>{escape(title)}</h1>{text}</main></body></html>'
    )
    return Response(html.encode(), status_code=status, media_type=MediaType.HTML)


def _too_often(request: _Http, strangers: Rate) -> Response[bytes] | None:
    client = request.scope.get("client")
    wait = strangers.take(str(client[0]) if client else "")
    if not wait:
        return None
    seconds = str(int(wait) + 1)
    page = _page(429, "Too many requests", [f"Wait {seconds} seconds and load this page again."])
    page.headers["Retry-After"] = seconds
    return page


def _query(request: _Http) -> dict[str, str]:
    """What came in the address. Raises BadInput where a name comes twice: two readers would read two things."""
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1")[:_LONGEST], keep_blank_values=True)
    sent = dict(pairs)
    if len(sent) != len(pairs):
        raise BadInput("this address says one thing twice; nobody honest sends that")
    return sent


def _cookie(name: str, value: str, public_url: str, seconds: int) -> Cookie:
    parts = urlsplit(public_url)
    return Cookie(
        key=name,
        value=value,
        path=f"{parts.path}/oauth",
        max_age=seconds,
        httponly=True,
        secure=parts.scheme == "https",
        samesite="lax",  # it must come along when the vendor sends the browser back
    )


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


router = Router("/oauth", route_handlers=[*_routes(AMAZON), *_routes(QUICKBOOKS)])
