"""QuickBooks' refusals: every form they come in, and what each code asks for (quickbooks.md 9).

Classified by code, never by message, since messages are localised. A body may be `Fault` (the application), `fault`
(the gateway), XML although JSON was asked for, or a page of HTML; and a batch holds faults inside an HTTP 200.
"""

import re
from html import unescape
from typing import Literal

import httpx
import msgspec

from adapters.http import scrubbed
from adapters.nul import without_nul
from application.ports import Fault

# retry: nothing was done, the same again later. replay: it may have been done, the same again under the same id.
# re_read: look at what is there, then decide. hold: a person must see it. reconnect: a person must connect again.
# stop: a defect of ours or of the subscription; nothing of this company goes on.
Action = Literal["retry", "replay", "re_read", "hold", "reconnect", "stop"]

ACTIONS: dict[str, Action] = {
    "3200": "retry",  # token expired: renewed first
    "3001": "retry",  # throttled
    "130": "reconnect",  # a token of the other environment
    "3100": "reconnect",  # the application is not authorised for this company
    "120": "reconnect",  # who had authorised it was removed
    "5010": "re_read",  # somebody was faster
    "6140": "re_read",  # the number is taken: by our own document?
    "6240": "re_read",  # the name is taken, perhaps by an inactive entry
    "610": "hold",  # not there, or inactive
    "2500": "hold",
    "620": "hold",  # the transaction cannot be linked
    "2010": "hold",  # 2010 to 2170: the payload
    "2020": "hold",
    "2030": "hold",
    "2040": "hold",
    "2050": "hold",
    "2170": "hold",
    "6000": "hold",  # a business rule; the detail says which
    "6070": "hold",  # 6070 to 2300: amounts, tax, journals
    "6100": "hold",
    "6160": "hold",
    "6170": "hold",
    "2280": "hold",
    "2290": "hold",
    "2300": "hold",
    "6190": "stop",  # the subscription has lapsed
    "6200": "hold",  # the books are closed
    "6210": "hold",  # the books are closed, with a password
    "6540": "hold",  # deposited
    "6480": "hold",  # matched with the bank
    "4000": "stop",  # our query
    "4001": "stop",
    "1040": "stop",  # our batch
    "2130": "stop",  # our request id
    "600": "replay",  # the request id is known: what it was used for may have been done
    "10000": "replay",
}

_DUPLICATE = re.compile(r"TxnId=(\d+)")
_XML_CODE = re.compile(r'<Error\b[^>]*\bcode="([^"]*)"')
_XML_WORDS = (
    re.compile(r"<Message>(.*?)</Message>", re.DOTALL),
    re.compile(r"<Detail>(.*?)</Detail>", re.DOTALL),
    re.compile(r'<Fault\b[^>]*\btype="([^"]*)"'),
)
_AUTHENTICATION = "AUTHENTICATION"  # whose details repeat the token


class _Error(msgspec.Struct, rename={"message": "Message", "detail": "Detail"}):
    code: str | int = ""
    message: str | None = None
    detail: str | None = None


class _Fault(msgspec.Struct, rename={"errors": "Error"}):
    errors: list[_Error] | None = None
    type: str | None = None


class _GatewayError(msgspec.Struct):
    code: str | int = ""
    message: str | None = None
    detail: str | None = None


class _GatewayFault(msgspec.Struct, rename={"errors": "error"}):
    errors: list[_GatewayError] | None = None
    type: str | None = None


class _Refusal(msgspec.Struct, rename={"application": "Fault", "gateway": "fault"}):
    application: _Fault | None = None
    gateway: _GatewayFault | None = None


def action_for(code: str) -> Action:
    """What a code asks for; an unknown one is held for a person."""
    return ACTIONS.get(code, "hold")


def fault_of(answer: httpx.Response) -> Fault | None:
    """The refusal in an answer of any form, if there is one."""
    return fault_in(answer.content) or _fault_in_xml(answer.content)


def fault_in(content: bytes) -> Fault | None:
    """The first error of a `Fault` or `fault` member, if `content` is JSON that has one."""
    try:
        refusal = msgspec.json.decode(without_nul(content), type=_Refusal)
    except msgspec.DecodeError:
        return None
    fault = refusal.application or refusal.gateway
    if fault is None:
        return None
    first = fault.errors[0] if fault.errors else _Error()
    return _fault(str(first.code), first.message or "", first.detail or "", fault.type or "")


def is_throttled(answer: httpx.Response) -> bool:
    """QuickBooks asks to wait with 429, and in older recordings with 403 and a code."""
    if answer.status_code == 403:
        fault = fault_of(answer)
        return fault is not None and fault.code == "3001"
    return answer.status_code == 429


def _fault_in_xml(content: bytes) -> Fault | None:
    """Read by pattern, not parsed: a page that was cut, or is no well-formed XML, still tells its code."""
    if not content.lstrip().startswith(b"<"):
        return None
    text = content.decode("utf-8", "replace")
    code = _XML_CODE.search(text)
    if code is None:
        return None
    message, detail, kind = (found.group(1) if (found := each.search(text)) else "" for each in _XML_WORDS)
    return _fault(code.group(1), unescape(message), unescape(detail), kind)


def _fault(code: str, message: str, detail: str, kind: str) -> Fault:
    code = code.lstrip("0") or code  # printed as 3001 and as 003001
    duplicate = _DUPLICATE.search(detail) if code == "6140" else None
    if kind == _AUTHENTICATION:
        detail = ""
    words = message if not detail or detail == message else f"{message}: {detail}"
    return Fault(code, scrubbed(words.strip(": ")), duplicate.group(1) if duplicate else "")
