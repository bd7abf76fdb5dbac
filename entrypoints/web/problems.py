"""One shape for every error: application/problem+json (RFC 9457), with the field at fault and what to do about it.

What a person can mend is told; what is our own fault is logged and says nothing of our insides.
"""

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from domain.errors import (
    BadInput,
    Conflict,
    ConnectionLost,
    ConnectorError,
    FlowBusy,
    LeaseLost,
    Stopped,
    Tampered,
    Throttled,
    UnknownFlow,
    VendorError,
)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 30  # where a vendor asks to wait and does not say how long

log = logging.getLogger(__name__)


class Problem(msgspec.Struct, frozen=True):
    """What went wrong. `field` is the part of the request at fault, `do` what mends it."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    do: str | None = None


class Refusal(Exception):
    """An answer of the web layer itself that is not what was asked for."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        field: str | None = None,
        do: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.do = do
        self.headers = dict(headers or {})


def refusal(_: Request[Any, Any, Any], error: Refusal) -> Response[Problem]:
    return _problem(error.status, error.detail, error.field, error.do, error.headers)


def connector_error(request: Request[Any, Any, Any], error: ConnectorError) -> Response[Problem]:
    """An error of the domain or of a vendor, in its own words, which are written for people."""
    match error:
        case UnknownFlow():
            return _problem(404, _plain(error), "flow", "GET /api/v1/flows names the flows there are.")
        case BadInput():
            return _problem(422, _plain(error), _named_setting(error), "Mend what is named and send it again.")
        case Conflict():
            return _problem(409, _plain(error), None, "Somebody was faster. Read it again, then send it again.")
        case FlowBusy():
            return _problem(409, _plain(error), None, "Wait for that cycle's end, then send it again.")
        case Stopped() | LeaseLost():
            return _problem(503, _plain(error), None, "Send it again.", {"Retry-After": "5"})
        case Throttled():
            wait = {"Retry-After": str(RETRY_SECONDS)}
            return _problem(503, _plain(error), None, f"Wait {RETRY_SECONDS} seconds and send it again.", wait)
        case ConnectionLost():
            do = f"Connect {error.vendor or 'the vendor'} again: ml-connector connect."
            return _problem(502, _plain(error), None, do)
        case VendorError():
            return _problem(502, _plain(error), None, "Nothing is lost. Send it again later.")
        case Tampered():
            log.error("%s", error)
            return _problem(500, _plain(error), None, "Run: ml-connector audit verify.")
    return unexpected(request, error)


def http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """What the framework refuses: no such path, wrong method, a body that is not what is expected."""
    headers = dict(error.headers or {})
    if isinstance(error, ValidationException):
        field, detail = _validation(error)
        return _problem(400, detail, field, "Send what /openapi.json says.", headers)
    match error.status_code:
        case 404:
            return _problem(404, "there is nothing at this address", None, "See /docs for what there is.", headers)
        case 405:
            allowed = headers.get("Allow") or headers.get("allow") or ""
            do = f"Use {allowed}." if allowed else "See /docs for the methods there are."
            return _problem(405, "this address does not take this method", None, do, headers)
    if error.status_code >= 500:
        log.error("%s", error)
        return _problem(error.status_code, "something went wrong here", None, _OURS, headers)
    return _problem(error.status_code, error.detail, None, "Send what /openapi.json says.", headers)


def not_utf8(_: Request[Any, Any, Any], error: UnicodeDecodeError) -> Response[Problem]:
    """Only a body can be: whatever else comes in is read without fail."""
    return _problem(400, "the body is not UTF-8", None, "Send JSON in UTF-8.")


def unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """A fault of ours: the log has it, the answer does not."""
    log.error("%s %s failed", request.method, request.scope.get("path_template") or "?", exc_info=error)
    return _problem(500, "something went wrong here", None, _OURS)


_OURS = "It is not your fault. Send it again; if it stays so, look into the service's log."

# Litestar takes the handler of the nearest class.
HANDLERS: dict[Any, Any] = {
    Refusal: refusal,
    ConnectorError: connector_error,
    HTTPException: http_error,
    UnicodeDecodeError: not_utf8,
    Exception: unexpected,
}


def _problem(
    status: int, detail: str, field: str | None, do: str | None, headers: Mapping[str, str] | None = None
) -> Response[Problem]:
    title = HTTPStatus(status).phrase
    name = title.lower().replace(" ", "-")
    problem = Problem(f"urn:ml-connector:problem:{name}", title, status, detail, field, do)
    return Response(problem, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def _plain(error: Exception) -> str:
    return str(error) or type(error).__name__


def _named_setting(error: BadInput) -> str | None:
    """The domain names what is at fault first: `--region 'mars': expected ...`, `limit 0: expected ...`."""
    named = re.match(r"(?:--)?([a-z][a-z_-]*)(?: '[^']*'| [^ ]+)?: ", str(error))
    return named.group(1).replace("-", "_") if named else None


def _validation(error: ValidationException) -> tuple[str | None, str]:
    extra = error.extra
    if isinstance(extra, list) and extra and isinstance(extra[0], dict):
        first = extra[0]
        key = first.get("key")
        message = str(first.get("message") or error.detail)
        absent = re.search(r"(?:required|unknown) field `([^`]+)`", message)
        if absent is not None:
            return absent.group(1), f"the body: {message}"
        where = f"{first['source']} {key}" if first.get("source") and key else key or "the body"
        return (str(key) if key else None), f"{where}: {message}"
    return None, error.detail
