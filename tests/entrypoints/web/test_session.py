"""Signing in from a browser: a cookie no script reads, nothing changed from a foreign page, an end with its token."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from api import Api, make_token, served, traded

from application.access import revoke_token


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with traded(orders=1, settlements=1) as shop, served(shop) as found:
        yield found


def signed_in(api: Api, role: str = "operator") -> str:
    """Sign in; the CSRF token. The client keeps the cookie."""
    api.client.cookies.clear()
    answer = api.client.post("/api/v1/session", json={"token": api.tokens[role]})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["csrf"])


def test_a_session_does_what_its_token_may(api: Api) -> None:
    csrf = signed_in(api)
    (header,) = [value for name, value in api.client.post(
        "/api/v1/session", json={"token": api.tokens["operator"]}
    ).headers.multi_items() if name == "set-cookie"]  # fmt: skip
    assert "HttpOnly" in header
    assert "samesite=lax" in header.lower()
    csrf = signed_in(api)
    assert api.client.get("/api/v1/session").json() == {
        "name": "the-operator", "role": "operator", "flows": [], "csrf": csrf,
    }  # fmt: skip
    assert api.client.get("/api/v1/tokens").status_code == 403
    done = api.client.post("/api/v1/flows/us/pause", headers={"X-CSRF-Token": csrf})
    assert done.status_code == 200
    event = api.get("/flows/us/events", "auditor", after=done.json()["position"], limit=1)["items"][0]
    assert event["by"] == "api:the-operator"


@pytest.mark.parametrize("headers", [{}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "0" * 64}])
def test_a_foreign_page_changes_nothing(api: Api, headers: dict[str, str]) -> None:
    signed_in(api)
    refused = api.client.post("/api/v1/flows/us/resume", headers=headers)
    assert refused.status_code == 403
    assert refused.json()["field"] == "X-CSRF-Token"
    assert api.client.get("/api/v1/me").status_code == 200


def test_a_session_ends_by_itself_with_its_token_and_when_one_signs_out(api: Api) -> None:
    services = api.shop.services
    csrf = signed_in(api)
    cookie = api.client.cookies["mlc_session"]
    assert api.client.post("/api/v1/session/end", headers={"X-CSRF-Token": csrf}).json() == {"signedOut": True}
    api.client.cookies.set("mlc_session", cookie)
    assert api.client.get("/api/v1/me").status_code == 401

    for name in ("brief", "fired"):
        token = make_token(services, name, "reader")
        api.client.cookies.clear()
        assert api.client.post("/api/v1/session", json={"token": token}).status_code == 200
        assert api.client.get("/api/v1/me").json()["name"] == name
        if name == "fired":
            revoke_token(name, services.tokens, services.store, services.clock, "tests")
            assert api.client.get("/api/v1/me").status_code == 401
        else:
            clock, services.sessions._clock = services.sessions._clock, lambda: services.clock() + timedelta(hours=13)
            assert api.client.get("/api/v1/me").status_code == 401
            services.sessions._clock = clock
    api.client.cookies.clear()


def test_neither_cookie_nor_token_is_stored_in_clear_and_wrong_tokens_are_slowed_down(api: Api) -> None:
    signed_in(api)
    cookie = api.client.cookies["mlc_session"]
    with api.shop.services.database.reading() as cursor:
        cursor.execute("SELECT * FROM browser_sessions")
        assert cookie not in repr(cursor.fetchall())
    api.client.cookies.clear()
    answers = [api.client.post("/api/v1/session", json={"token": "mlc_wrong"}).status_code for _ in range(8)]
    assert set(answers) == {401, 429}
    assert answers[-1] == 429


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"},
        {"Content-Type": "application/json", "Sec-Fetch-Site": "same-site"},
    ],
    ids=["what a form can send", "another site", "a neighbour"],
)
def test_another_site_signs_nobody_in(api: Api, headers: dict[str, str]) -> None:
    """Otherwise a person would work, and be recorded, under the name of whoever made that site."""
    api.client.cookies.clear()
    body = b'{"token": "' + api.tokens["operator"].encode() + b'"}'

    refused = api.client.post("/api/v1/session", content=body, headers=headers)

    assert refused.status_code == 422
    assert "set-cookie" not in refused.headers
