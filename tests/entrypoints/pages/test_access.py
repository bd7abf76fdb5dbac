"""Who sees which page and may do what: sessions, roles, forms that are not ours, and addresses that lead elsewhere."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from api import Api, make_token, served, traded

from adapters.sessions import IDLE, LASTS
from application.access import revoke_token
from domain.access import ROLES
from entrypoints.web.access import PAGE, PUBLIC, ROLE
from entrypoints.web.pages.signing_in import local

# What each role may see or do on the pages, and no lower one.
PAGES = {
    "reader": {
        "GET /", "GET /search", "GET /flows/{flow}", "GET /flows/{flow}/live", "GET /flows/{flow}/settlements",
        "GET /flows/{flow}/settlements/{settlement_id}", "GET /flows/{flow}/orders",
        "GET /flows/{flow}/orders/{order_id}", "GET /flows/{flow}/held", "GET /flows/{flow}/bank",
        "POST /logout",
        "GET /flows/{flow}/ageing", "GET /flows/{flow}/trial-balance", "GET /flows/{flow}/close",
        "GET /flows/{flow}/ledger",
        "GET /flows/{flow}/calls",
    },
    "operator": {
        "GET /flows/{flow}/doctor", "POST /flows/{flow}/sync", "POST /flows/{flow}/pause", "POST /flows/{flow}/resume",
        "POST /flows/{flow}/mapping", "POST /flows/{flow}/bank/statements", "POST /flows/{flow}/bank/confirm",
        "POST /flows/{flow}/bank/reject", "POST /flows/{flow}/bank/undo", "POST /flows/{flow}/bank/set-aside",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with traded() as shop, served(shop) as found:
        found.client.follow_redirects = False
        yield found


@pytest.fixture(autouse=True)
def nobody(api: Api) -> None:
    """Each test begins without cookies."""
    api.client.cookies.clear()


def signed_in(api: Api, token: str, **more: Any) -> httpx.Response:
    page = api.client.get("/login", params=more)
    fields = {"token": token, "csrf": proof(page), "next": re.search('name="next" value="([^"]*)"', page.text)[1]}  # type: ignore[index]
    return api.client.post("/login", data=fields)


def proof(page: httpx.Response) -> str:
    found = re.search('name="csrf" value="([0-9a-f]{64})"', page.text)
    assert found is not None, page.text
    return found[1]


def sent(api: Api, path: str, **fields: str) -> httpx.Response:
    """A form as a page of the session would send it."""
    return api.client.post(path, data={"csrf": proof(api.client.get("/flows/us")), **fields})


def test_every_page_has_its_role(api: Api) -> None:
    found: dict[str, set[str]] = {}
    for route in api.client.app.routes:
        for handler in getattr(route, "route_handlers", []):
            if handler.opt.get(PAGE) and handler.opt[ROLE] != PUBLIC:
                methods = handler.http_methods - {"HEAD", "OPTIONS"}
                found.setdefault(handler.opt[ROLE], set()).update(f"{name} {route.path_format}" for name in methods)
    assert found == PAGES


def test_every_page_leads_who_is_not_signed_in_to_the_login(api: Api) -> None:
    for operation in sorted({*PAGES["reader"], *PAGES["operator"]}):
        method, path = operation.split()
        answer = api.client.request(method, path.replace("{", "").replace("}", ""))
        assert answer.status_code == 303, operation
        assert answer.headers["location"].startswith("/login"), operation


def test_every_page_refuses_a_lower_role(api: Api) -> None:
    for role, wanted in PAGES.items():
        for lower in ROLES[: ROLES.index(role)]:
            api.client.cookies.clear()
            signed_in(api, api.tokens[lower])
            for operation in wanted:
                method, path = operation.split()
                answer = api.client.request(method, path.replace("{", "").replace("}", ""))
                assert answer.status_code == 403, (operation, lower)
                assert "this needs the role" in answer.text
                assert answer.headers["content-type"].startswith("text/html")


def test_no_form_is_taken_that_is_not_of_this_session(api: Api) -> None:
    """For every POST there is: without a proof, with another session's, and with the right one from elsewhere."""
    signed_in(api, api.tokens["admin"])
    others = proof(api.client.get("/flows/us"))
    api.client.cookies.clear()
    signed_in(api, api.tokens["admin"])
    own = proof(api.client.get("/flows/us"))
    before = api.shop.services.store.end()
    posts = [path for wanted in PAGES.values() for method, path in map(str.split, wanted) if method == "POST"]
    for path in (*posts, "/login"):
        address = path.replace("{flow}", "us")
        elsewhere = {"Sec-Fetch-Site": "cross-site"}
        for data, headers in (({}, {}), ({"csrf": others}, {}), ({"csrf": "é"}, {}), ({"csrf": own}, elsewhere)):
            answer = api.client.post(address, data=data, headers=headers)
            assert answer.status_code == 403, (path, data)
            assert "does not come from a page of this session" in answer.text
        assert api.client.post(address, json={"csrf": own}).status_code == 403
    assert api.shop.services.store.end() == before
    api.client.cookies.clear()
    bearer = api.client.post("/flows/us/pause", data={"csrf": own}, headers=api.as_("admin"))
    assert bearer.status_code == 403  # a token in a header is for the API


def test_the_api_takes_no_command_of_a_session_without_its_proof(api: Api) -> None:
    signed_in(api, api.tokens["operator"])
    assert api.client.post("/api/v1/flows/us/pause", json={}).status_code == 403


def test_the_cookie_is_for_the_server_alone(api: Api) -> None:
    cookie = signed_in(api, api.tokens["reader"]).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie  # PUBLIC_URL is plain http
    with api.shop.services.database.reading() as cursor:
        cursor.execute("SELECT * FROM browser_sessions")
        kept = str(cursor.fetchall())
    assert api.client.cookies["mlc_session"] not in kept
    assert api.tokens["reader"] not in kept


def test_over_https_the_cookie_is_secure() -> None:
    with traded(orders=1, settlements=1) as shop, served(shop, public_url="https://books.example.com") as api:
        api.client.follow_redirects = False
        api.client.base_url = httpx.URL("https://books.example.com")
        assert "secure" in signed_in(api, api.tokens["reader"]).headers["set-cookie"].lower()


def test_a_wrong_token_opens_nothing_and_is_not_shown_again(api: Api) -> None:
    answer = signed_in(api, "mlc_wrong<script>")
    assert answer.status_code == 401
    assert "opens nothing" in answer.text
    assert "mlc_wrong" not in answer.text
    assert "mlc_session" not in api.client.cookies


def test_guesses_are_slowed_down() -> None:
    with traded(orders=1, settlements=1) as shop, served(shop) as api:
        answers = [signed_in(api, f"mlc_{number}") for number in range(8)]
        assert [answer.status_code for answer in answers][:5] == [401] * 5
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) >= 1


def test_signing_out_and_revoking_end_a_session(api: Api) -> None:
    services = api.shop.services
    signed_in(api, make_token(services, "leaves", "reader"))
    cookie = api.client.cookies["mlc_session"]
    assert sent(api, "/logout").headers["location"] == "/login"
    api.client.cookies.set("mlc_session", cookie)
    assert api.client.get("/flows/us").status_code == 303
    api.client.cookies.clear()
    signed_in(api, make_token(services, "revoked", "reader"))
    assert api.client.get("/flows/us").status_code == 200
    revoke_token("revoked", services.tokens, services.store, services.clock, "tests")
    assert api.client.get("/flows/us").status_code == 303


def test_a_session_ends_when_idle_and_after_half_a_day(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = api.shop.services.sessions
    begun = api.shop.services.clock()
    now = [begun]
    monkeypatch.setattr(sessions, "_clock", lambda: now[0])

    def there(after: timedelta, path: str = "/flows/us") -> bool:
        now[0] = begun + after
        return int(api.client.get(path).status_code) in (200, 204)

    signed_in(api, api.tokens["reader"])
    assert there(IDLE - timedelta(minutes=2))
    assert there(2 * IDLE - timedelta(minutes=5))  # it was used in between
    assert there(2 * IDLE + timedelta(minutes=30), "/flows/us/live")
    assert not there(3 * IDLE, "/flows/us/live")  # an open page by itself keeps nothing open
    begun = now[0]
    signed_in(api, api.tokens["reader"])
    for hour in range(1, int(LASTS.total_seconds() // 3600)):
        assert there(timedelta(hours=hour))
    assert not there(LASTS)


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "evil", "", "/a b", "/\n/x",
     "/login?next=/", "/logout"],
)  # fmt: skip
def test_the_login_leads_nowhere_else(api: Api, path: str) -> None:
    assert local(path) == "/"
    assert signed_in(api, api.tokens["reader"], next=path).headers["location"] == "/"


def test_the_login_leads_back(api: Api) -> None:
    there = "/flows/us/orders?state=settled&as_of=2026-11-24T08%3A00%3A00"
    answer = api.client.get(there)
    page = httpx.URL(answer.headers["location"])
    assert page.params["next"] == there
    found = signed_in(api, api.tokens["reader"], next=there).headers["location"]
    assert found.replace("&amp;", "&") == there


def test_an_open_page_is_told_by_htmx_that_its_session_has_ended(api: Api) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver.local/flows/us?done=asked"}
    answer = api.client.get("/flows/us/live", headers=headers)
    assert answer.headers["hx-redirect"] == "/login?next=%2Fflows%2Fus%3Fdone%3Dasked"


def test_a_token_of_one_flow_sees_no_other(api: Api) -> None:
    signed_in(api, make_token(api.shop.services, "narrow", "admin", ("us",)))
    assert api.client.get("/").headers["location"] == "/flows/us"
    api.client.cookies.clear()
    body = {"flow": "eu", "region": "eu", "realm": "77", "banks": {"EUR": "Bank"}}
    assert api.client.post("/api/v1/flows", json=body, headers=api.as_("admin")).status_code == 200
    signed_in(api, make_token(api.shop.services, "narrow-too", "admin", ("us",)))
    assert api.client.get("/").headers["location"] == "/flows/us"
    assert api.client.get("/flows/eu").status_code == 404
    api.client.cookies.clear()
    signed_in(api, api.tokens["reader"])
    overview = api.client.get("/")
    assert overview.status_code == 200
    assert "/flows/eu" in overview.text
    new = api.client.get("/flows/eu").text
    assert "Nothing has been read from Amazon yet" in new
    assert "ml-connector connect quickbooks eu" in new


def test_what_is_not_there_is_said_on_a_page(api: Api) -> None:
    signed_in(api, api.tokens["reader"])
    for path in (
        "/flows/us/orders/nothing",
        "/flows/us/settlements/<b>",
        "/flows/nowhere",
        "/flows/us?as_of=1990-01-01",
    ):
        answer = api.client.get(path)
        assert answer.status_code == 404, path
        assert "Look it up by its number above" in answer.text
        assert "<b>" not in answer.text.replace("<b>the-reader</b>", "")
    lost = api.client.get("/nowhere", headers={"Accept": "text/html"})
    assert lost.headers["content-type"].startswith("text/html")
    assert api.client.get("/nowhere").json()["status"] == 404
    wrong = api.client.get("/flows/us?as_of=yesterday")
    assert wrong.status_code == 422
    assert "expected a day like" in wrong.text


def test_a_form_that_cannot_be_is_refused_in_words(api: Api) -> None:
    signed_in(api, api.tokens["operator"])
    rule = {"transaction_type": "a", "amount_type": "b", "amount_description": "c", "role": "fee"}
    assert "a reason is needed" in sent(api, "/flows/us/mapping", **rule, account="OTHFEE").text
    assert "not in the chart" in sent(api, "/flows/us/mapping", **rule, account="NONE", why="x").text
    assert sent(api, "/flows/us/mapping", **{**rule, "role": "review"}, account="OTHFEE", why="x").status_code == 422
    assert sent(api, "/flows/us/pause", why="x" * 501).status_code == 400


def test_each_command_is_recorded_with_who_gave_it(api: Api) -> None:
    signed_in(api, api.tokens["operator"])
    for command in ("pause", "resume", "sync"):
        assert sent(api, f"/flows/us/{command}").headers["location"].startswith("/flows/us?done=")
    rows = api.shop.rows("audit", by="api:the-operator")
    assert [row["name"] for row in rows][-3:] == ["flow.paused.v1", "flow.resumed.v1", "flow.cycle-asked.v1"]


def test_pages_carry_the_security_headers_and_no_script_or_style_of_their_own(api: Api) -> None:
    signed_in(api, api.tokens["operator"])
    settlement = api.shop.rows("settlements")[0]["settlement_id"]
    for path in ("/login", "/flows/us", "/flows/us/orders", f"/flows/us/settlements/{settlement}"):
        answer = api.client.get(path)
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert "<style" not in answer.text
        assert " style=" not in answer.text
        assert re.findall(r"<script(?![^>]* src=\"/static/)", answer.text) == []
        assert re.findall(r"(?:src|href)=\"(?:https?:)?//", answer.text) == []
