"""Refusals in every form they were recorded in.

Without these, a throttle in XML or a French refusal would be taken for something else, and something be posted twice.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.quickbooks.faults import ACTIONS, action_for, fault_of, is_throttled
from adapters.quickbooks.wire import outcomes
from application.ports import Fault
from domain.posting import refusal

SHARED = Path(os.environ.get("ML_CONNECTOR_SHARED", Path(__file__).parents[4] / "shared"))
FAULTS = SHARED / "quickbooks-samples" / "faults.json"
NOTES = SHARED / "brief" / "quickbooks.md"
recorded: list[dict[str, Any]] = json.loads(FAULTS.read_text()) if FAULTS.is_file() else []


def answer(recording: dict[str, Any]) -> httpx.Response:
    text = recording.get("body_text") or recording.get("body")
    content = text.encode() if isinstance(text, str) else json.dumps(text).encode()
    return httpx.Response(recording["http"], content=content)


@pytest.mark.skipif(not recorded, reason=f"no recorded faults at {FAULTS}")
@pytest.mark.parametrize("recording", recorded, ids=[fault["name"] for fault in recorded])
def test_every_recorded_fault_is_understood(recording: dict[str, Any]) -> None:
    text = json.dumps(recording.get("body")) + recording.get("body_text", "")
    code = re.search(r'"?code"?\s*[:=]\s*"?(\d+)', text)
    fault = fault_of(answer(recording))

    if code is None:
        assert fault is None or not fault.code
        return
    assert fault is not None
    assert fault.code == code.group(1).lstrip("0")
    assert fault.message
    transaction = re.search(r"TxnId=(\d+)", text)
    assert fault.duplicate_of == (transaction.group(1) if transaction and fault.code == "6140" else "")


@pytest.mark.skipif(not NOTES.is_file(), reason=f"no notes at {NOTES}")
def test_every_code_of_the_notes_has_an_action() -> None:
    section = NOTES.read_text().split("## 9.")[1].split("## 10.")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    codes = {code for row in rows for code in re.findall(r"\b\d{3,6}\b", row.partition("/")[2])} - {"401", "403"}

    assert len(codes) > 30
    assert {code.lstrip("0") for code in codes} <= set(ACTIONS)


# The rows of quickbooks.md 9: HTTP status, codes, what is done. One test each.
ROWS = [
    (401, ["3200"], "retry"),
    (401, ["130"], "reconnect"),
    (403, ["3100", "120"], "reconnect"),
    (429, ["3001", "003001"], "retry"),
    (400, ["5010"], "re_read"),
    (400, ["6140"], "re_read"),
    (400, ["6240"], "re_read"),
    (400, ["610", "2500", "620"], "hold"),
    (400, ["2010", "2020", "2030", "2040", "2050", "2170"], "hold"),
    (400, ["6000"], "hold"),
    (400, ["6070", "6100", "6160", "6170", "2280", "2290", "2300"], "hold"),
    (400, ["6190"], "stop"),
    (400, ["6200", "6210"], "hold"),
    (400, ["6540", "6480"], "hold"),
    (400, ["4000", "4001"], "stop"),
    (400, ["1040", "2130"], "stop"),
    (400, ["600"], "replay"),
    (500, ["10000"], "replay"),
]


@pytest.mark.parametrize(("status", "codes", "action"), ROWS, ids=[" ".join(codes) for _, codes, _ in ROWS])
def test_each_row_of_the_table(status: int, codes: list[str], action: str) -> None:
    """In each form a fault comes in: the application's, the gateway's, XML; and as an item of a batch."""
    for code in codes:
        forms = [
            json.dumps({"Fault": {"Error": [{"code": code, "Message": "m"}]}}).encode(),
            json.dumps({"fault": {"error": [{"code": code, "message": "m"}]}}).encode(),
            f'<IntuitResponse><Fault><Error code="{code}"><Message>m</Message></Error></Fault>'.encode(),
        ]
        for content in forms:
            fault = fault_of(httpx.Response(status, content=content))
            assert fault is not None
            assert action_for(fault.code) == action, code
        batch = json.dumps({"BatchItemResponse": [{"bId": "1", **json.loads(forms[0])}]}).encode()
        told = outcomes(batch, ["1"])["1"]
        assert isinstance(told, Fault)
        assert action_for(told.code) == action


def test_the_table_has_no_code_without_a_row() -> None:
    assert {code.lstrip("0") for _, codes, _ in ROWS for code in codes} == set(ACTIONS)


LOCKS = {
    "6200": "closed_period",
    "6210": "closed_period",
    "6540": "deposited",
    "6480": "bank_matched",
    "6190": "subscription_ended",
    "6000": "refused_by_quickbooks",
}


@pytest.mark.parametrize("code", LOCKS)
def test_a_lock_of_quickbooks_has_a_reason_of_its_own(code: str) -> None:
    assert refusal(code, "words").code == LOCKS[code]
    changing = refusal(code, "words", changing=True).code
    assert changing == (LOCKS[code] if code != "6000" else "change_refused")


def test_an_unknown_code_is_for_a_person() -> None:
    assert action_for("31415") == "hold"


@pytest.mark.parametrize(
    ("status", "body", "throttled"),
    [
        (429, b"", True),
        (403, b'<IntuitResponse xmlns="x"><Fault><Error code="003001"/></Fault></IntuitResponse>', True),
        (403, b'<IntuitResponse><Fault type="SERVICE"><Error code="3001"><Message>cut in the mid', True),
        (403, b'{"fault":{"error":[{"code":"3001"}]}}', True),
        (403, b'{"fault":{"error":[{"code":"3100"}]}}', False),
        (403, b"<html>", False),
        (400, b'{"Fault":{"Error":[{"code":"3001"}]}}', False),
    ],
)
def test_throttles_are_told_from_other_refusals(status: int, body: bytes, throttled: bool) -> None:
    assert is_throttled(httpx.Response(status, content=body)) is throttled


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{}", b'{"Fault":null}', b'{"fault":null}', b"<html><body>504</body></html>", b"<a",
        b'{"Invoice":{"Id":"1"}}', b"\xff\xfe", b"<!DOCTYPE html><p>Error code=504",
    ],
)  # fmt: skip
def test_what_is_no_fault_is_none(body: bytes) -> None:
    assert fault_of(httpx.Response(500, content=body)) is None


def test_a_fault_without_errors_is_still_a_fault() -> None:
    for body in (b'{"Fault":{}}', b'{"Fault":{"Error":[]}}', b'{"fault":{"error":null,"type":"SERVICE"}}'):
        assert fault_of(httpx.Response(200, content=body)) is not None


def test_the_token_in_an_expired_token_fault_is_not_repeated() -> None:
    body = {"fault": {"error": [{"message": "m", "detail": "Token expired: AB0160139", "code": "3200"}]}}
    fault = fault_of(httpx.Response(401, json=body))

    assert fault is not None
    assert "AB0160139" not in fault.message
