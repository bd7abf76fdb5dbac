"""Everything that goes wrong has one shape, names the field and says what to do."""

from typing import Any

import pytest
from api import Api

from domain.errors import (
    Conflict,
    ConnectionLost,
    ConnectorError,
    FlowBusy,
    OutcomeUnknown,
    Tampered,
    Throttled,
    UnknownFlow,
)

SHAPE = {"type", "title", "status", "detail", "field", "do"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field", "words"),
    [
        ("GET", "/nowhere", None, 404, None, "nothing at this address"),
        ("DELETE", "/api/v1/flows", None, 405, None, "does not take this method"),
        ("GET", "/api/v1/flows/nowhere", None, 404, "flow", "no flow named 'nowhere'"),
        ("GET", "/api/v1/flows/nowhere/orders", None, 404, "flow", "no flow named"),
        ("GET", "/api/v1/flows/nowhere/status", None, 404, "flow", "no flow named"),
        ("GET", "/api/v1/flows/us/orders/1", None, 404, None, "has no order 1"),
        ("GET", "/api/v1/flows/us/settlements/1", None, 404, None, "has no settlement 1"),
        ("GET", "/api/v1/flows/us/postings/invoice/1", None, 404, None, "no posting invoice/1"),
        ("GET", "/api/v1/flows/us/postings/invoice/1/lineage", None, 404, None, "no posting"),
        ("GET", "/api/v1/flows/us/cycles/1", None, 404, None, "no cycle 1"),
        ("GET", "/api/v1/flows/us/cycles/1/progress", None, 404, None, "no cycle 1"),
        ("GET", "/api/v1/flows/us/orders?limit=0", None, 400, "limit", "limit"),
        ("GET", "/api/v1/flows/us/orders?limit=501", None, 400, "limit", "limit"),
        ("GET", "/api/v1/flows/us/orders?limit=many", None, 400, "limit", "limit"),
        ("GET", "/api/v1/flows/us/orders?colour=blue", None, 400, "colour", "no such parameter"),
        ("GET", "/api/v1/flows/us/orders?cursor=x", None, 422, "cursor", "unchanged"),
        ("GET", "/api/v1/flows/us/orders?cursor=WyJ4IixbIjEiXV0", None, 422, "cursor", "another list"),
        ("GET", "/api/v1/flows/us/orders?since=yesterday", None, 422, "since", "expected a time"),
        ("GET", "/api/v1/flows/us/orders?after=-1", None, 400, "after", "no position"),
        ("GET", "/api/v1/flows/us/orders?after=99999999", None, 422, "after", "the log ends at"),
        ("GET", "/api/v1/flows/us%00/orders", None, 400, None, "NUL"),
        ("GET", "/api/v1/flows/us/orders?status=%00", None, 400, None, "NUL"),
        ("POST", "/api/v1/flows/us/mapping/changes", {"rules": []}, 400, "why", "required field `why`"),
        ("POST", "/api/v1/flows/us/mapping/changes", {"why": "x"}, 422, "rules", "at least one rule"),
        ("POST", "/api/v1/flows/us/mapping/changes", {"why": "x\u0000"}, 400, "why", "matching regex"),
        ("POST", "/api/v1/flows/us/mapping/changes", {"why": "x", "rulez": []}, 400, "rulez", "unknown field"),
        ("POST", "/api/v1/flows/nowhere/pause", {}, 404, "flow", "no flow named"),
        ("POST", "/api/v1/flows", {"flow": "x"}, 400, "region", "required field `region`"),
        ("PATCH", "/api/v1/flows/us", {"zone": "Mars/Base"}, 422, "zone", "IANA"),
        ("PATCH", "/api/v1/flows/us", {"schedule": {"orders": {"cron": "nonsense"}}}, 422, None, "cron"),
        ("POST", "/api/v1/tokens", {"name": "x", "role": "owner"}, 400, "role", "matching regex"),
        ("POST", "/api/v1/tokens", {"name": "x", "role": "reader", "flows": ["no"]}, 422, None, "no flow named"),
        ("POST", "/api/v1/tokens/never/revoke", None, 422, None, "no token named"),
    ],
)
def test_the_shape_of_what_is_refused(
    api: Api, method: str, path: str, body: Any, status: int, field: str | None, words: str
) -> None:
    answer = api.client.request(method, path, json=body, headers=api.as_("admin"))
    problem = answer.json()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(problem) == SHAPE
    assert problem["status"] == status
    assert words in problem["detail"], problem
    assert problem["field"] == field, problem
    assert problem["do"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"why": "\xff"}', "application/json", 400),
        (b'{"why": "\\ud800"}', "application/json", 400),
        (b"x" * 1_000_001, "application/json", 413),
        (b"[1]", "application/json", 400),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(api: Api, content: bytes, kind: str, status: int) -> None:
    answer = api.client.post(
        "/api/v1/flows/us/mapping/changes",
        content=content,
        headers=api.as_("operator") | {"Content-Type": kind},
    )
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == SHAPE


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        (UnknownFlow("there is no flow named 'x'"), 404, "no flow named"),
        (Conflict("the stream moved on"), 409, "moved on"),
        (FlowBusy("flow us is being run by worker"), 409, "being run"),
        (Throttled("QuickBooks asks to wait", vendor="quickbooks"), 503, "asks to wait"),
        (ConnectionLost("refused", vendor="amazon"), 502, "refused"),
        (OutcomeUnknown("no answer", vendor="quickbooks"), 502, "no answer"),
        (Tampered("the log holds an unknown event"), 500, "unknown event"),
        (ConnectorError("a secret detail"), 500, "something went wrong here"),
        (RuntimeError("a secret detail"), 500, "something went wrong here"),
        (ZeroDivisionError(), 500, "something went wrong here"),
    ],
)
def test_errors_of_the_domain_have_their_status_and_ours_say_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, shown: str
) -> None:
    def fail(flow: str) -> Any:
        raise error

    monkeypatch.setattr(api.shop.services.bookkeeping, "flow", fail)
    answer = api.client.get("/api/v1/flows/us", headers=api.as_("reader"))
    assert answer.status_code == status
    assert set(answer.json()) == SHAPE
    assert shown in answer.json()["detail"]
    assert "secret" not in answer.text
    if status == 503:
        assert int(answer.headers["retry-after"]) > 0


def test_every_operation_documents_the_same_problem(api: Api) -> None:
    document = api.client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, item in document["paths"].items():
        for method, operation in item.items():
            errors = {code: answer for code, answer in operation["responses"].items() if code >= "400"}
            assert "500" in errors, (method, path)
            for code, answer in errors.items():
                (kind, content), *more = answer["content"].items()
                assert (kind, more) == ("application/problem+json", []), (method, path, code)
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert operation.get("summary") or operation.get("description"), (method, path)
