"""Nobody comes in without a token that may: over all routes, by role, flow and rate; and what every answer carries."""

from datetime import timedelta
from typing import Any

import pytest
from api import Api, make_token, served, traded
from litestar import Litestar, get
from litestar.routes import ASGIRoute, HTTPRoute
from litestar.testing import TestClient

from domain.access import ROLES
from entrypoints.web.access import PAGE, PUBLIC, ROLE, Rate

PUBLIC_ROUTES = {"/health", "/ready", "/openapi.json", "/docs", "/docs/openapi.json", "/docs/{path}"}
PUBLIC_ROUTES |= {"/static/{file_path}", "/api/v1/session", "/login"}  # the latter two to sign in
# Opened by a ticket, or by a state and its cookie: test_oauth.py.
PUBLIC_ROUTES |= {f"/oauth/{vendor}/{step}" for vendor in ("amazon", "quickbooks") for step in ("start", "callback")}

# What each role may do, and no lower one: the whole list, so that a new route must be put into it.
NEEDS = {
    "reader": {
        "GET /api/v1/me", "GET /api/v1/session", "POST /api/v1/session/end",
        "GET /api/v1/flows", "GET /api/v1/flows/{flow}", "GET /api/v1/flows/{flow}/status",
        "GET /api/v1/flows/{flow}/settlements", "GET /api/v1/flows/{flow}/settlements/{settlement_id}",
        "GET /api/v1/flows/{flow}/settlements/{settlement_id}/lines",
        "GET /api/v1/flows/{flow}/settlements/{settlement_id}/lines/{ordinal}/lineage",
        "GET /api/v1/flows/{flow}/orders", "GET /api/v1/flows/{flow}/orders/{order_id}",
        "GET /api/v1/flows/{flow}/orders/{order_id}/lineage", "GET /api/v1/flows/{flow}/clearing",
        "GET /api/v1/flows/{flow}/held", "GET /api/v1/flows/{flow}/held/groups", "GET /api/v1/flows/{flow}/mapping",
        "GET /api/v1/flows/{flow}/mapping/diff",
        "GET /api/v1/flows/{flow}/postings", "GET /api/v1/flows/{flow}/postings/{kind}/{key}",
        "GET /api/v1/flows/{flow}/postings/{kind}/{key}/lineage", "GET /api/v1/flows/{flow}/cycles",
        "GET /api/v1/flows/{flow}/cycles/{cycle}", "GET /api/v1/flows/{flow}/cycles/{cycle}/progress", "GET /metrics",
        "GET /api/v1/flows/{flow}/control", "GET /api/v1/flows/{flow}/settlements/{settlement_id}/control",
        "GET /api/v1/flows/{flow}/transactions",
        "GET /api/v1/flows/{flow}/bank/lines", "GET /api/v1/flows/{flow}/bank/statements",
        "GET /api/v1/flows/{flow}/bank/proposals",
        "GET /api/v1/flows/{flow}/ageing", "GET /api/v1/flows/{flow}/trial-balance",
        "GET /api/v1/flows/{flow}/ledger", "GET /api/v1/flows/{flow}/close",
        "GET /api/v1/flows/{flow}/settlements/{settlement_id}/news",
        "GET /api/v1/flows/{flow}/calls",
        "GET /api/v1/flows/{flow}/alerts", "GET /api/v1/flows/{flow}/alerts/channels",
    },
    "auditor": {
        "GET /api/v1/events", "GET /api/v1/flows/{flow}/events", "GET /api/v1/audit/verify",
        "GET /api/v1/flows/{flow}/books",
    },
    "operator": {
        "POST /api/v1/flows/{flow}/pause", "POST /api/v1/flows/{flow}/resume", "POST /api/v1/flows/{flow}/sync",
        "POST /api/v1/flows/{flow}/mapping/changes", "POST /api/v1/flows/{flow}/settlements/{settlement_id}/keep",
        "POST /api/v1/flows/{flow}/bank/statements", "POST /api/v1/flows/{flow}/bank/match",
        "POST /api/v1/flows/{flow}/bank/proposals/{proposal}/confirm",
        "POST /api/v1/flows/{flow}/bank/proposals/{proposal}/reject",
        "POST /api/v1/flows/{flow}/bank/lines/{line}/assign", "POST /api/v1/flows/{flow}/bank/lines/{line}/undo",
        "POST /api/v1/flows/{flow}/bank/lines/{line}/set-aside",
        "POST /api/v1/flows/{flow}/postings/{kind}/{key}/adopt",
        "POST /api/v1/flows/{flow}/postings/{kind}/{key}/release",
        "POST /api/v1/flows/{flow}/postings/{kind}/{key}/amend", "POST /api/v1/flows/{flow}/mapping/reclass",
        "POST /api/v1/flows/{flow}/postings/{kind}/{key}/void",
        "POST /api/v1/flows/{flow}/postings/{kind}/{key}/reclass",
        "POST /api/v1/flows/{flow}/alerts/channels/{channel}/test",
        "GET /api/v1/examination", "GET /api/v1/flows/{flow}/examination",
    },
    "admin": {
        "GET /api/v1/tokens", "POST /api/v1/tokens", "POST /api/v1/tokens/{name}/revoke", "POST /api/v1/flows",
        "PATCH /api/v1/flows/{flow}",
        "POST /api/v1/flows/{flow}/alerts/channels/smtp", "POST /api/v1/flows/{flow}/alerts/channels/webhook",
        "POST /api/v1/flows/{flow}/alerts/channels/{channel}/remove", "POST /api/v1/flows/{flow}/connections/{vendor}",
    },
}  # fmt: skip


def routes(app: Litestar) -> list[tuple[str, str, Any]]:
    """Method, path and the role of every route there is; the pages have a test of their own."""
    found = []
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            found += [
                (method, route.path_format, handler.opt.get(ROLE))
                for handler in route.route_handlers
                for method in handler.http_methods
                if method not in ("HEAD", "OPTIONS") and (not handler.opt.get(PAGE) or handler.opt[ROLE] == PUBLIC)
            ]
        else:
            assert isinstance(route, ASGIRoute)
            found.append(("GET", route.path_format, route.route_handler.opt.get(ROLE)))
    return found


def test_no_route_is_open_but_those_on_the_list(api: Api) -> None:
    """A route without a role, or a public one that nobody listed, fails here."""
    unlisted = []
    needs: dict[str, set[str]] = {role: set() for role in ROLES}
    for method, path, role in routes(api.client.app):
        if role == PUBLIC:
            assert path in PUBLIC_ROUTES, f"{path} is public and not on the list"
        elif role in ROLES:
            needs[role].add(f"{method} {path}")
        elif method != "OPTIONS":
            unlisted.append(f"{method} {path}")
    assert unlisted == []
    assert needs == NEEDS


def test_every_route_asks_for_a_token_and_for_the_role(api: Api) -> None:
    """Over HTTP, whatever the routes say of themselves."""
    for role, wanted in NEEDS.items():
        below = [lower for lower in ROLES if ROLES.index(lower) < ROLES.index(role)]
        for operation in wanted:
            method, path = operation.split()
            address = path.replace("{ordinal}", "1").replace("{", "").replace("}", "")
            answer = api.client.request(method, address)
            assert answer.status_code == 401, operation
            assert answer.headers["www-authenticate"].startswith("Bearer")
            for lower in below:
                refused = api.client.request(method, address, headers=api.as_(lower), json={})
                assert refused.status_code == 403, (operation, lower)
                assert refused.json()["do"] == f"Use a token of role {role} or higher."


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer mlc_wrong"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer"},
        {"X-API-Key": "mlc_wrong"},
        {"Authorization": "Bearer \u00e4"},
    ],
)
def test_what_is_no_token_opens_nothing(api: Api, headers: dict[str, str]) -> None:
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    assert api.client.get("/api/v1/me", headers=encoded).status_code == 401


def test_a_token_in_the_address_is_not_looked_at(api: Api) -> None:
    """Addresses are logged everywhere."""
    assert api.client.get("/api/v1/me", params={"token": api.tokens["admin"]}).status_code == 401


def test_a_route_that_says_nothing_is_closed(api: Api) -> None:
    from entrypoints.web import problems
    from entrypoints.web.access import Gate

    @get("/forgotten", sync_to_thread=False)
    def forgotten() -> str:
        return "secret"

    async def nothing(position: int) -> None: ...

    gate = Gate(api.shop.services.tokens, 1000, nothing, api.shop.services.sessions, Rate(10))
    with TestClient(Litestar([forgotten], middleware=[gate], exception_handlers=problems.HANDLERS)) as client:
        assert client.get("/forgotten", headers=api.as_("admin")).status_code == 403


def test_a_token_of_one_flow_sees_no_other_and_nothing_of_the_whole(api: Api) -> None:
    services = api.shop.services
    limited = {"Authorization": f"Bearer {make_token(services, 'limited', 'admin', ('us',))}"}
    elsewhere = {"Authorization": f"Bearer {make_token(services, 'elsewhere', 'admin', ())}"}
    body = {"flow": "eu-shop", "region": "eu", "realm": "77", "banks": {"EUR": "Bank"}}
    assert api.client.post("/api/v1/flows", json=body, headers=elsewhere).status_code == 200

    def got(path: str) -> int:
        return int(api.client.get(f"/api/v1{path}", headers=limited).status_code)

    assert got("/flows/us/status") == 200
    assert got("/flows/eu-shop/status") == got("/flows/nowhere/status") == 404
    assert got("/tokens") == got("/events") == got("/audit/verify") == 403
    seen = api.client.get("/api/v1/flows", headers=limited).json()["items"]
    assert [flow["flow"] for flow in seen] == ["us"]
    words = [
        api.client.get(f"/api/v1/flows/{name}", headers=limited).json()["detail"] for name in ("eu-shop", "nowhere")
    ]
    assert words[0].replace("eu-shop", "X").split(";")[0] == words[1].replace("nowhere", "X").split(";")[0]


def test_an_expired_token_opens_nothing(api: Api) -> None:
    services = api.shop.services
    token = make_token(services, "brief", "reader", expires=services.clock() + timedelta(seconds=0.5))
    headers = {"Authorization": f"Bearer {token}"}
    assert api.client.get("/api/v1/me", headers=headers).status_code == 200
    services_clock = services.tokens._clock
    try:
        services.tokens._clock = lambda: services_clock() + timedelta(seconds=1)
        assert api.client.get("/api/v1/me", headers=headers).status_code == 401
    finally:
        services.tokens._clock = services_clock


def test_too_many_requests_are_told_how_long_to_wait() -> None:
    with traded(orders=1, settlements=1) as shop, served(shop, requests_per_minute=60) as api:
        answers = [api.client.get("/api/v1/me", headers=api.as_("reader")) for _ in range(12)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 2
        assert answers[-1].json()["title"] == "Too Many Requests"
        assert api.client.get("/api/v1/me", headers=api.as_("auditor")).status_code == 200  # each token its own
        guesses = [api.client.get("/api/v1/me", headers={"X-API-Key": f"mlc_{n}"}) for n in range(8)]
        assert {answer.status_code for answer in guesses[:5]} == {401}
        assert guesses[-1].status_code == 429


def test_a_rate_gives_places_evenly() -> None:
    now = [0.0]
    rate = Rate(60, lambda: now[0])
    assert [rate.take("a") for _ in range(10)] == [0.0] * 10
    assert rate.take("a") == pytest.approx(1.0)
    now[0] += 1.0
    assert rate.take("a") == 0.0
    assert rate.take("a") > 0
    assert rate.take("b") == 0.0
    now[0] += 1_000
    assert [rate.take("a") for _ in range(11)][-2:] == [0.0, pytest.approx(1.0)]


@pytest.mark.parametrize("path", ["/health", "/api/v1/me", "/nowhere", "/docs", "/static/docs.js", "/openapi.json"])
def test_every_answer_has_the_security_headers(api: Api, path: str) -> None:
    headers = api.client.get(path).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "strict-transport-security" not in headers  # PUBLIC_URL is plain http


def test_https_is_for_good() -> None:
    with traded(orders=1, settlements=1) as shop, served(shop, public_url="https://books.example.com") as api:
        assert "max-age=31536000" in api.client.get("/health").headers["strict-transport-security"]


def test_the_documentation_asks_nobody_else(api: Api) -> None:
    page = api.client.get("/docs").text
    assert "http" not in page.replace("https://", "http://").split("</head>")[1]
    for part in ("/static/vendor/swagger-ui/swagger-ui-bundle.js", "/static/vendor/swagger-ui/swagger-ui.css"):
        assert part in page
        assert api.client.get(part).status_code == 200
    assert "validatorUrl: null" in api.client.get("/static/docs.js").text
