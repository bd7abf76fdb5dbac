"""QuickBooks' refusals: every form they come in, and what each code asks for (quickbooks.md 9).

Classified by code, never by message, since messages are localised. A body may be `Fault`, `fault`, XML although JSON
was asked for, or a gateway's HTML.
"""

import re
from typing import Any, Literal

import httpx
import msgspec

from application.ports import Fault

Action = Literal["retry", "replay", "re_read", "adopt", "hold", "reconnect", "stop", "defect"]

ACTIONS: dict[str, Action] = {
    "3200": "retry",  # token expired: refresh once, then the same call again
    "3001": "retry",  # throttled
    "003001": "retry",
    "130": "reconnect",  # another environment's token
    "3100": "reconnect",
    "120": "reconnect",
    "5010": "re_read",
    "6140": "adopt",
    "6240": "hold",
    "610": "hold",
    "620": "hold",
    "2500": "hold",
    "6000": "hold",
    "6070": "defect",
    "6100": "hold",
    "6160": "hold",
    "6170": "hold",
    "2280": "hold",
    "2290": "defect",
    "2300": "defect",
    "6190": "stop",  # the subscription has lapsed
    "6200": "hold",
    "6210": "hold",
    "6540": "hold",
    "6480": "hold",
    "2010": "defect",
    "2020": "defect",
    "2030": "defect",
    "2040": "defect",
    "2050": "defect",
    "2170": "defect",
    "4000": "defect",
    "4001": "defect",
    "1040": "defect",
    "600": "defect",
    "2130": "defect",
    "10000": "replay",
}

_DUPLICATE = re.compile(r"TxnId=(\d+)")
_XML_CODE = re.compile(r'<Error[^>]*\bcode="([^"]*)"')
_XML_MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)


def action_for(code: str) -> Action:
    """What a code asks for; an unknown one is held for a person."""
    return ACTIONS.get(code, "hold")


def fault_in(value: dict[str, Any]) -> Fault | None:
    """The first error of a `Fault` or `fault` member, if there is one."""
    fault = value.get("Fault") or value.get("fault")
    if not isinstance(fault, dict):
        return None
    errors = fault.get("Error") or fault.get("error") or [{}]
    first = errors[0] if isinstance(errors, list) and errors else {}
    code = str(first.get("code", ""))
    message = str(first.get("Message") or first.get("message") or "")
    detail = str(first.get("Detail") or first.get("detail") or "")
    duplicate = _DUPLICATE.search(detail) if code == "6140" else None
    words = message if not detail or detail == message else f"{message}: {detail}"
    return Fault(code, words.strip(": "), duplicate.group(1) if duplicate else "")


def fault_of(answer: httpx.Response) -> Fault:
    """The refusal in an answer of any form; the status where nothing else is told."""
    content = answer.content.lstrip()
    if content.startswith(b"{"):
        try:
            value = msgspec.json.decode(content)
        except msgspec.DecodeError:
            value = {}
        if isinstance(value, dict) and (fault := fault_in(value)) is not None:
            return fault
    if content.startswith(b"<") and b"<html" not in content[:500].lower():
        text = content.decode("utf-8", "replace")
        code, message = _XML_CODE.search(text), _XML_MESSAGE.search(text)
        return Fault(code.group(1) if code else str(answer.status_code), message.group(1) if message else "")
    return Fault(str(answer.status_code), "")
