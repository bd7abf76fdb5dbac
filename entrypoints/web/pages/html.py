"""From facts to HTML: the templates, and how money, times and addresses are written for people."""

import hashlib
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response
from markupsafe import Markup, escape

from adapters.sessions import csrf_of
from domain.access import Holder
from domain.errors import BadInput
from domain.money import format_minor
from entrypoints.web.access import cookie_of
from entrypoints.web.pages import words

_WEB = Path(__file__).parent.parent
_ASSETS = ("app.css", "app.js", "logo.svg", "vendor/htmx/htmx.min.js")
# Orders and commands within a text.
_TOLD = re.compile(r"((?<![\d-])\d{3}-\d{7}-\d{7}(?![\d-])|ml-connector [^;]+)")
_MINUS = "\N{MINUS SIGN}"


class _Look(Protocol):
    """A look at a flow (see look.py): its name, and the addresses of its pages as of the same moment."""

    @property
    def name(self) -> str: ...

    def path(self, *parts: str, **query: str | None) -> str: ...


def render(request: Request[Any, Any, Any], template: str, status: int = 200, **facts: Any) -> Response[str]:
    """A page."""
    return Response(to_text(request, template, **facts), status_code=status, media_type=MediaType.HTML)


def to_text(request: Request[Any, Any, Any], template: str, **facts: Any) -> str:
    """The HTML of a template. Every one knows who is there and the proof for its forms."""
    who = request.scope.get("user")
    known = {"who": who if isinstance(who, Holder) else None, "proof": "", **facts}
    if known["who"] is not None and not known["proof"]:
        known["proof"] = csrf_of(cookie_of(request.scope) or "")
    return _templates().get_template(template).render(known)


def money(minor: int | None, currency: str, signed: bool = False) -> Markup:
    """`1,234.56 USD`; nothing stated is a dash. The sign is a real minus, so that it is as wide as a plus."""
    if minor is None or not currency:
        return Markup('<span class="none" title="not stated">–</span>')
    number = _digits(minor, currency)
    sign = "+" if signed and minor > 0 else ""
    return Markup('<span class="money">{}{} <span class="cur">{}</span></span>').format(sign, number, currency)


def plain_money(minor: int, currency: str) -> str:
    return f"{_digits(minor, currency)} {currency}"


def _digits(minor: int, currency: str) -> str:
    try:
        text = format_minor(abs(minor), currency)
    except BadInput:  # what is recorded can always be shown
        return f"{minor} minor units"
    whole, dot, cents = text.partition(".")
    return f"{_MINUS if minor < 0 else ''}{int(whole):,}{dot}{cents}"


def when(text: str | datetime | None, zone: ZoneInfo, seconds: bool = False) -> Markup:
    """An instant in the books' zone; UTC stands in the tooltip."""
    if not text:
        return Markup('<span class="none">–</span>')
    at = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    local, utc = at.astimezone(zone), at.astimezone(ZoneInfo("UTC"))
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        utc.strftime("%Y-%m-%d %H:%M:%S UTC"),
        f"{local.day} {local:%b %Y, %H:%M:%S}" if seconds else f"{local.day} {local:%b %Y, %H:%M}",
    )


def day(text: str | date | None) -> Markup:
    """A day of the books."""
    if not text:
        return Markup('<span class="none">–</span>')
    found = text if isinstance(text, date) else date.fromisoformat(text[:10])
    return Markup('<time datetime="{}">{}</time>').format(found.isoformat(), f"{found.day} {found:%b %Y}")


def local_day(text: str | None, zone: ZoneInfo) -> Markup:
    """The day of an instant, in the books' zone."""
    return day(datetime.fromisoformat(text).astimezone(zone).date() if text else None)


def address(*parts: str, **query: str | None) -> str:
    """`/flows/us/orders/1?as_of=...` from its parts; queries without a value are left out."""
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def number(count: int) -> str:
    return f"{count:,}"


def counted(count: int, one: str, many: str = "") -> str:
    """`1 order`, `2 orders`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def told(text: str, look: _Look) -> Markup:
    """A reason or an event in its own words: orders in it lead to their pages, commands stand out."""
    marked = Markup("")
    for place, part in enumerate(_TOLD.split(capital(text))):
        if not place % 2:
            marked += escape(part)
        elif part.startswith("ml-connector"):
            marked += Markup("<code>{}</code>").format(re.sub(r"\bFLOW\b", look.name, part))
        else:
            marked += Markup('<a class="number" href="{}">{}</a>').format(look.path("orders", part), part)
    return marked


def capital(text: str) -> str:
    """A sentence begins with a capital, unless it begins with a name."""
    first = text.partition(" ")[0].rstrip(",;:")
    return text[:1].upper() + text[1:] if first.isalpha() else text


_environment: list[Environment] = []


def _templates() -> Environment:
    if not _environment:
        made = Environment(
            loader=FileSystemLoader(_WEB / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.filters |= {
            "when": when,
            "day": day,
            "local_day": local_day,
            "number": number,
            "told": told,
            "capital": capital,
        }
        made.globals |= {
            "money": money,
            "plain_money": plain_money,
            "counted": counted,
            "address": address,
            "words": words,
            "assets": _fingerprint(),
        }
        _environment.append(made)
    return _environment[0]


def _fingerprint() -> str:
    """Changes with the files, so that browsers may keep them and never show old ones."""
    digest = hashlib.sha256()
    for name in _ASSETS:
        digest.update((_WEB / "static" / name).read_bytes())
    return digest.hexdigest()[:12]
