"""Consent in the browser: who may begin it, that nobody else can end it, and that no secret of it stays anywhere."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from api import Api, make_token, served
from shop import Shop

from adapters.simulated.serving import loopback_socket, serving
from application.access import revoke_token
from application.chart_setup import apply, propose
from application.connections import disconnect
from domain.errors import BadInput, VendorError
from domain.event import Stamp
from domain.flow import AmazonConnected, ConnectionLost, Flow, FlowCreated, QuickBooksConnected, flow_stream
from entrypoints.bootstrap import Services
from entrypoints.settings import PREFIX, load
from entrypoints.web.app import create_app

OpenShop = Callable[..., AbstractContextManager[Shop]]
WORLD: dict[str, Any] = {"orders": 12, "settlements": 1, "seed": 4}
PATIENT = 20.0  # the stand-ins' codes live five of their minutes: fifteen seconds at this speed
VENDORS = ("amazon", "quickbooks")


class Clock:
    """Now, and then as much later as a test says."""

    def __init__(self) -> None:
        self.later = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.later


class Door:
    """A served shop whose flow `us` is not connected, and one browser before it."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self.api, self.client, self.shop, self.clock = api, api.client, api.shop, clock
        self.services = api.shop.services
        self.seen: list[str] = []  # every secret there was

    def begin(self, vendor: str, flow: str = "us", **more: Any) -> str:
        """The address to open, without its host."""
        begun = self.services.authorisation.begin(flow, vendor, "cli:ada", **more)
        return self._secret(begun.address)

    def start(self, vendor: str, flow: str = "us", **more: Any) -> str:
        """The vendor's page that the browser is sent to."""
        answer = self.client.get(self.begin(vendor, flow, **more), follow_redirects=False)
        assert answer.status_code == 302, answer.text
        self.seen += self.client.cookies.values()
        self._secret(answer.headers["location"])
        return str(answer.headers["location"])

    def consent(self, page: str) -> str:
        """Say yes at the vendor; the address that it sends the browser back to, without its host."""
        answer = httpx.get(page)
        assert answer.status_code == 302, answer.text
        back = answer.headers["location"]
        assert back.startswith(f"{self.services.settings.public_url}/oauth/")
        return self._secret(back)

    def connect(self, vendor: str, flow: str = "us", **more: Any) -> httpx.Response:
        return self.back(self.consent(self.start(vendor, flow, **more)))

    def back(self, address: str, status: int = 200) -> httpx.Response:
        answer = self.client.get(address, follow_redirects=False)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"].startswith("text/html")
        return answer

    def flow(self, name: str = "us") -> Flow:
        return self.shop.flow(name)

    def events(self, name: str = "us") -> list[Any]:
        return self.services.store.load([flow_stream(name)])[flow_stream(name)]

    def token_calls(self, vendor: str) -> int:
        calls = self.shop.control(vendor, "calls")
        return calls.get("token", {}).get("calls", 0) if vendor == "amazon" else calls["calls"].get("token", 0)

    def _secret(self, address: str) -> str:
        parts = urlsplit(address)
        names = ("ticket", "state", "code", "spapi_oauth_code")
        self.seen += [value for name, values in parse_qs(parts.query).items() if name in names for value in values]
        return f"{parts.path}?{parts.query}"


def create(shop: Shop, name: str = "us", realm: str | None = "", **more: Any) -> None:
    shop.services.bookkeeping.create_flow(
        FlowCreated(
            flow=name,
            at=shop.services.clock(),
            by="tests",
            region=more.get("region", "na"),
            realm=shop.quickbooks["realm"] if realm is None else realm,
            marketplaces=(shop.amazon["marketplace_id"],),
            since=date.fromisoformat(shop.amazon["since"][:10]),
            orders="amazon",
            zone="America/Los_Angeles",
            banks={"USD": shop.quickbooks["bank_account"]},
        )
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(open_shop: OpenShop, clock: Clock) -> Iterator[Door]:
    with open_shop(speed=PATIENT, **WORLD) as shop:
        shop.services.close()
        shop.services = Services(load(shop.environment()), "tests", clock)
        create(shop)
        with served(shop) as api:
            yield Door(api, clock)


# --- the whole path -------------------------------------------------------------------------------------------------


def test_a_flow_is_connected_by_redirects_alone_and_then_synchronised(
    open_shop: OpenShop, caplog: pytest.LogCaptureFixture
) -> None:
    """Over real HTTP, on both databases, with an application that is a draft and one registered address."""
    caplog.set_level(logging.DEBUG)
    listener, url = loopback_socket()
    registered = (f"{url}/oauth/amazon/callback",)
    with open_shop(speed=PATIENT, draft=True, redirect_uris=registered, **WORLD) as shop:
        shop.services.close()
        settings = {PREFIX + "PUBLIC_URL": url, PREFIX + "AMAZON_APPLICATION_DRAFT": "yes"}
        shop.services = service = Services(load({**shop.environment(), **settings}), "tests", lambda: datetime.now(UTC))
        create(shop)
        token = make_token(service, "ada", "admin")
        seen: list[str] = []

        def note(answer: httpx.Response) -> None:
            for values in parse_qs(urlsplit(answer.headers.get("location", "")).query).values():
                seen.extend(value for value in values if len(value) >= 16 and "://" not in value)

        with (
            serving(create_app(service), listener),
            httpx.Client(follow_redirects=True, event_hooks={"response": [note]}, timeout=30) as browser,
        ):
            for vendor in VENDORS:
                begun = httpx.post(
                    f"{url}/api/v1/flows/us/connections/{vendor}", headers={"Authorization": f"Bearer {token}"}
                ).json()
                seen.append(parse_qs(urlsplit(begun["address"]).query)["ticket"][0])
                page = browser.get(begun["address"])
                assert page.status_code == 200, page.text
                assert "is connected</h1>" in page.text
                assert [answer.status_code for answer in page.history] == [302, 302]
            facts = httpx.get(f"{url}/api/v1/flows/us", headers={"Authorization": f"Bearer {token}"}).json()
        assert facts["amazonConnected"] is facts["quickbooksConnected"] is True
        assert (facts["seller"], facts["realm"]) == (shop.amazon["selling_partner_id"], shop.quickbooks["realm"])
        assert shop.rows("flows")[0]["realm"] == shop.quickbooks["realm"]

        _, amazon, quickbooks = service.store.load([flow_stream("us")])[flow_stream("us")]
        assert isinstance(amazon, AmazonConnected)
        assert isinstance(quickbooks, QuickBooksConnected)
        assert (amazon.by, amazon.seller) == ("api:ada", shop.amazon["selling_partner_id"])
        assert (quickbooks.by, quickbooks.realm) == ("api:ada", shop.quickbooks["realm"])

        client, mapping = service.quickbooks(shop.flow()), service.bookkeeping.mapping("us")
        proposals = propose(shop.flow(), client, mapping, {})
        changed = apply(shop.flow(), client, mapping, proposals, Stamp("us", service.clock(), "tests"))
        assert changed is not None
        service.bookkeeping.change_mapping(changed, service.views.open_gaps("us"))
        report = shop.sync()
        assert (report.error, report.counts["deposits_posted"]) == ("", 1)

        # Nothing secret is in a log, an event or the database.
        known = {shop.quickbooks["client_id"], shop.quickbooks["realm"], shop.amazon["application_id"]}
        secrets = [value for value in seen if value not in known and not value.startswith("com.intuit")]
        for vendor in VENDORS:
            kept = service.vault.get("us", vendor)
            assert kept is not None
            secrets += [kept["refresh_token"], kept.get("access_token", kept["refresh_token"])]
        assert len(secrets) >= 10
        stored = " ".join(repr(recorded.event) for recorded in service.store.read(0, 10_000))
        stored += _tables(service)
        # httpcore's lines are those of this test's own browser, which must see it all.
        stored += " ".join(line.getMessage() for line in caplog.records if not line.name.startswith("httpcore"))
        assert [secret for secret in secrets if secret in stored] == []


def _tables(service: Services) -> str:
    with service.database.reading() as cursor:
        cursor.execute("SELECT * FROM authorisations")
        rows = cursor.fetchall()
    assert len(rows) == 4
    return repr(rows)


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_browser_is_sent_to_the_vendor_with_what_the_vendor_documents(door: Door, vendor: str) -> None:
    page = urlsplit(door.start(vendor))
    asked = {name: values[0] for name, values in parse_qs(page.query).items()}
    assert len(asked.pop("state")) >= 43
    back = f"http://127.0.0.1:8000/oauth/{vendor}/callback"
    if vendor == "amazon":
        assert asked == {"application_id": door.shop.amazon["application_id"], "redirect_uri": back}
    else:
        assert asked == {
            "client_id": door.shop.quickbooks["client_id"],
            "response_type": "code",
            "scope": "com.intuit.quickbooks.accounting",
            "redirect_uri": back,
        }


def test_the_cookie_and_the_headers_keep_the_secrets_where_they_are(door: Door) -> None:
    started = door.client.get(door.begin("amazon"), follow_redirects=False)
    cookie = started.headers["set-cookie"].lower()
    assert {"httponly", "samesite=lax", "path=/oauth", "max-age=600"} <= {part.strip() for part in cookie.split(";")}
    assert "secure" not in cookie  # PUBLIC_URL is plain http here
    landed = door.back(door.consent(started.headers["location"]))
    for answer in (started, landed):
        assert answer.headers.get_list("referrer-policy") == ["no-referrer"]
        assert answer.headers["cache-control"] == "no-store"
        assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "<script" not in landed.text
    assert "style=" not in landed.text
    assert "max-age=0" in landed.headers["set-cookie"].lower()
    assert door.client.get("/static/oauth.css").status_code == 200


def test_over_https_the_cookie_is_for_https_alone(open_shop: OpenShop) -> None:
    with open_shop(**WORLD) as shop:
        create(shop)
        with served(shop, public_url="https://books.example/connector") as api:
            ticket = shop.services.authorisation.begin("us", "amazon", "cli:ada").address.partition("?")[2]
            started = api.client.get(f"/oauth/amazon/start?{ticket}", follow_redirects=False)
    assert "secure" in started.headers["set-cookie"].lower()
    assert "path=/connector/oauth" in started.headers["set-cookie"].lower()
    back = parse_qs(urlsplit(started.headers["location"]).query)["redirect_uri"]
    assert back == ["https://books.example/connector/oauth/amazon/callback"]


def test_a_page_says_what_comes_next(door: Door) -> None:
    assert "ml-connector connect quickbooks us" in door.connect("amazon").text
    assert "ml-connector chart propose us" in door.connect("quickbooks").text


# --- misuse and races -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_ticket_opens_once_and_for_its_vendor_alone(door: Door, vendor: str) -> None:
    other = "quickbooks" if vendor == "amazon" else "amazon"
    address = door.begin(vendor)
    elsewhere = door.client.get(address.replace(vendor, other), follow_redirects=False)
    assert (elsewhere.status_code, "location" in elsewhere.headers) == (400, False)
    assert door.client.get(address, follow_redirects=False).status_code == 302
    again = door.client.get(address, follow_redirects=False)
    assert again.status_code == 400
    assert "used before" in again.text
    for nothing in ("", "?ticket=", "?ticket=made-up", f"?{address.partition('?')[2]}&ticket=x"):
        assert door.client.get(f"/oauth/{vendor}/start{nothing}", follow_redirects=False).status_code == 400


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_callback_is_answered_once(door: Door, vendor: str) -> None:
    """A reload, or a replay by somebody who read the address over a shoulder, changes nothing."""
    back = door.consent(door.start(vendor))
    door.back(back)
    kept, calls = door.services.vault.get("us", vendor), door.token_calls(vendor)
    assert "used before" in door.back(back, 400).text
    door.client.cookies.clear()
    door.back(back, 400)
    assert door.services.vault.get("us", vendor) == kept
    assert door.token_calls(vendor) == calls
    assert len(door.events()) == 2


def test_a_state_taken_by_many_at_once_is_taken_by_one(door: Door) -> None:
    back = door.consent(door.start("quickbooks"))
    statuses: list[int] = []

    def go() -> None:
        statuses.append(door.client.get(back, follow_redirects=False).status_code)

    threads = [threading.Thread(target=go) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 400, 400, 400, 400, 400]
    assert door.services.quickbooks(door.flow()).company().name, "a code used twice would have killed its tokens"


@pytest.mark.parametrize("vendor", VENDORS)
def test_another_browser_cannot_end_what_this_one_began(door: Door, vendor: str) -> None:
    """Somebody lures an admin to an address with their own code in it: their company would get our postings."""
    back = door.consent(door.start(vendor))
    kept = dict(door.client.cookies)
    door.client.cookies.clear()
    assert "another browser" in door.back(back, 400).text
    name = next(iter(kept))
    door.client.cookies.set(name, "x" * 43)
    door.back(back, 400)
    door.client.cookies.set(name, kept[name])
    door.back(back, 400)  # seen in two browsers, it is used up for both
    assert door.token_calls(vendor) == 0
    assert door.services.vault.get("us", vendor) is None
    assert len(door.events()) == 1


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_step_has_ten_minutes(door: Door, vendor: str) -> None:
    address = door.begin(vendor)
    door.clock.later += timedelta(minutes=10)
    assert "has expired" in door.back(address, 400).text
    back = door.consent(door.start(vendor))
    door.clock.later += timedelta(minutes=10)
    assert "has expired" in door.back(back, 400).text
    assert door.token_calls(vendor) == 0


def test_states_of_other_flows_and_vendors_do_not_fit(door: Door) -> None:
    create(door.shop, "eu", region="eu")
    ours, theirs = door.consent(door.start("quickbooks")), door.consent(door.start("quickbooks", "eu"))
    crossed = ours.replace(_state(ours), _state(theirs))
    door.back(crossed)  # the state says which flow it is, not the address
    assert (door.flow("eu").quickbooks, door.flow("us").quickbooks) == (True, False)
    amazon = door.consent(door.start("amazon"))
    assert "begun here" in door.back(f"/oauth/quickbooks/callback?code=x&realmId=1&state={_state(amazon)}", 400).text
    door.back(amazon)  # which has harmed nothing


def _state(address: str) -> str:
    return parse_qs(urlsplit(address).query)["state"][0]


def test_two_tabs_of_one_browser_do_not_disturb_each_other(door: Door) -> None:
    first, second = door.start("amazon"), door.start("quickbooks")
    door.back(door.consent(first))
    door.back(door.consent(second))
    one, other = door.start("quickbooks"), door.start("quickbooks")
    back = door.consent(one)
    door.back(door.consent(other))
    door.back(back)
    assert door.services.quickbooks(door.flow()).company().name
    assert (door.flow().amazon, door.flow().quickbooks) == (True, True)


def test_who_lost_the_right_meanwhile_connects_nothing(door: Door) -> None:
    make_token(door.services, "bob", "admin")
    make_token(door.services, "carl", "operator")
    make_token(door.services, "dora", "admin", expires=door.services.clock() + timedelta(minutes=5))
    ticket = door.services.authorisation.begin("us", "amazon", "api:bob").address.partition("?")[2]
    back = door.consent(door.client.get(f"/oauth/amazon/start?{ticket}", follow_redirects=False).headers["location"])
    revoke_token("bob", door.services.tokens, door.services.store, door.services.clock, "tests")
    assert "may not connect flow us any more" in door.back(back, 400).text
    door.clock.later += timedelta(minutes=6)
    for by in ("api:carl", "api:dora", "api:nobody"):
        ticket = door.services.authorisation.begin("us", "amazon", by).address.partition("?")[2]
        door.back(f"/oauth/amazon/start?{ticket}", 400)


# --- what vendors say ----------------------------------------------------------------------------------------------


def test_a_user_who_declines_at_intuit_changes_nothing(door: Door) -> None:
    door.shop.control("quickbooks", "dials", {"decline_consent": True})
    back = door.consent(door.start("quickbooks"))
    assert "error=access_denied" in back
    assert "consent was not given at QuickBooks" in door.back(back, 400).text.replace("Consent", "consent")
    door.back(back, 400)
    assert door.token_calls("quickbooks") == 0


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("access_denied", "onsent was not given"),
        ("invalid_scope", "scopes and roles"),
        ("server_error", "failure of its own"),
        ("MD5101", "refused: MD5101"),
        ("<script>alert(1)</script>", "an unknown error"),
    ],
)
def test_errors_that_a_vendor_sends_back_are_explained(door: Door, vendor: str, error: str, said: str) -> None:
    state = parse_qs(urlsplit(door.start(vendor)).query)["state"][0]
    query = httpx.QueryParams({"state": state, "error": error, "error_description": "<b>call 555-0100</b>"})
    page = door.back(f"/oauth/{vendor}/callback?{query}", 400)
    assert said in page.text
    assert "<script>" not in page.text
    assert "555" not in page.text
    assert f"ml-connector connect {vendor}" in page.text


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_answer_without_code_or_account_is_refused(door: Door, vendor: str) -> None:
    account = "selling_partner_id=A1" if vendor == "amazon" else "realmId=1"
    code = "spapi_oauth_code=c" if vendor == "amazon" else "code=c"
    for query in (account, code, f"{code}&{account}%3Cx", ""):
        state = parse_qs(urlsplit(door.start(vendor)).query)["state"][0]
        door.back(f"/oauth/{vendor}/callback?state={state}&{query}", 400)
    door.back(f"/oauth/{vendor}/callback", 400)
    assert door.token_calls(vendor) == 0


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_code_that_has_expired_is_told_and_nothing_is_kept(open_shop: OpenShop, vendor: str) -> None:
    with open_shop(patience=0.0, **WORLD) as shop:
        create(shop)
        with served(shop) as api:
            door = Door(api, Clock())
            back = door.consent(door.start(vendor))
            time.sleep(0.3)  # ten of the stand-ins' minutes
            page = door.back(back, 502)
        assert "invalid_grant" in page.text
        assert "start again" in page.text
        assert [secret for secret in door.seen if secret in page.text] == []
        assert shop.services.vault.get("us", vendor) is None
        assert len(door.events()) == 1


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_lost_answer_to_the_exchange_is_not_asked_for_twice(door: Door, vendor: str) -> None:
    kind = "500" if vendor == "amazon" else "commit_then_503"
    door.shop.control(vendor, "faults", [{"on": "token", "kind": kind}])
    page = door.back(door.consent(door.start(vendor)), 502)
    assert "Nothing was kept" in page.text
    assert door.token_calls(vendor) == 1
    assert door.services.vault.get("us", vendor) is None
    door.connect(vendor)


def test_an_application_that_is_refused_is_the_operators_trouble(open_shop: OpenShop) -> None:
    with open_shop(speed=PATIENT, **WORLD) as shop:
        create(shop)
        with served(shop, amazon_client_secret="wrong", quickbooks_client_secret="wrong") as api:
            door = Door(api, Clock())
            for vendor, name in (("amazon", "AMAZON_CLIENT_SECRET"), ("quickbooks", "QUICKBOOKS_CLIENT_SECRET")):
                page = door.back(door.consent(door.start(vendor)), 502)
                assert name in page.text


# --- the flow's own seller and company ------------------------------------------------------------------------------


def test_a_flow_never_changes_its_company(door: Door) -> None:
    create(door.shop, "other", realm="1234567")
    page = door.back(door.consent(door.start("quickbooks", "other")), 400)
    assert "posts into the QuickBooks company 1234567" in page.text
    assert f"given for company {door.shop.quickbooks['realm']}" in page.text
    assert door.token_calls("quickbooks") == 0, "no grant is made that nobody wants"
    assert door.services.vault.get("other", "quickbooks") is None


def test_a_company_that_the_browser_made_up_is_found_out(door: Door) -> None:
    """realmId comes through the browser; QuickBooks itself says whether the tokens open that company."""
    back = door.consent(door.start("quickbooks")).replace(door.shop.quickbooks["realm"], "999")
    assert "3100" in door.back(back, 502).text
    assert (door.flow().realm, door.flow().quickbooks) == ("", False)
    assert door.services.vault.get("us", "quickbooks") is None


def test_another_seller_is_refused_unless_it_is_meant(door: Door) -> None:
    stamp: dict[str, Any] = {"flow": "us", "at": door.services.clock(), "by": "tests"}
    door.services.bookkeeping.record_on_flow(AmazonConnected(seller="A1FORMER", **stamp))
    door.services.vault.put("us", "amazon", {"refresh_token": "former"})
    page = door.back(door.consent(door.start("amazon")), 400)
    assert "seller A1FORMER" in page.text
    assert "connect amazon us --other-seller" in page.text
    assert door.services.vault.get("us", "amazon") == {"refresh_token": "former"}
    assert door.token_calls("amazon") == 0
    door.connect("amazon", other_seller=True)
    assert door.flow().seller == door.shop.amazon["selling_partner_id"]


def test_two_flows_of_one_seller_into_one_company_are_refused(door: Door) -> None:
    """They would book every settlement twice."""
    realm = door.shop.quickbooks["realm"]
    door.connect("amazon")
    door.connect("quickbooks")
    create(door.shop, "twin", realm=realm)
    create(door.shop, "late")
    assert "everything twice. Use flow us" in door.back(door.consent(door.start("amazon", "twin")), 400).text
    door.connect("amazon", "late")  # which company it is for is not known yet
    assert "everything twice. Use flow us" in door.back(door.consent(door.start("quickbooks", "late")), 400).text
    assert (door.flow("twin").amazon, door.flow("late").quickbooks, door.flow("late").realm) == (False, False, "")
    door.connect("amazon")  # the same again is a renewal


def test_where_the_sellers_are_not_known_a_company_is_not_shared(door: Door) -> None:
    """A flow that names no company is not asked about it when it is set up, so it is now."""
    create(door.shop, "first", realm=door.shop.quickbooks["realm"])
    page = door.back(door.consent(door.start("quickbooks")), 400)
    assert "whether it is the same seller is not known" in page.text
    assert "--another-seller" in page.text
    door.connect("amazon", "first")
    stamp: dict[str, Any] = {"flow": "us", "at": door.services.clock(), "by": "tests"}
    door.services.bookkeeping.record_on_flow(AmazonConnected(seller="A1OTHER", **stamp))
    door.connect("quickbooks")


def test_who_must_connect_again_is_told(door: Door) -> None:
    create(door.shop, "eu", region="eu")
    door.connect("quickbooks", "eu")
    assert "connect eu again too" in door.connect("quickbooks").text


def test_of_two_flows_connected_at_the_same_moment_one_is_refused(door: Door) -> None:
    realm = door.shop.quickbooks["realm"]
    names = [f"twin-{number}" for number in range(4)]
    for name in names:
        create(door.shop, name, realm=realm)
    backs = [door.consent(door.start("amazon", name)) for name in names]
    statuses: list[int] = []

    def go(back: str) -> None:
        statuses.append(door.client.get(back, follow_redirects=False).status_code)

    threads = [threading.Thread(target=go, args=(back,)) for back in backs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 400, 400, 400]
    assert sum(door.services.vault.get(name, "amazon") is not None for name in names) == 1


# --- beginning over the API ------------------------------------------------------------------------------------------


def test_an_admin_begins_over_the_api(door: Door) -> None:
    begun = door.api.post("/flows/us/connections/amazon", {"otherSeller": True}, role="admin", key="k1")
    assert begun == door.api.post("/flows/us/connections/amazon", {"otherSeller": True}, role="admin", key="k1")
    assert begun["address"].startswith("http://127.0.0.1:8000/oauth/amazon/start?ticket=")
    assert door.api.tokens["admin"] not in begun["address"]
    assert datetime.fromisoformat(begun["expires"]) > door.services.clock() + timedelta(minutes=9)
    door.back(door.consent(_location(door, begun["address"])))
    assert door.events()[-1].by == "api:the-admin"
    door.api.post("/flows/us/connections/amazon", role="operator", status=403)
    door.api.post("/flows/nowhere/connections/amazon", role="admin", status=404)
    door.api.post("/flows/us/connections/ebay", role="admin", status=400)


def _location(door: Door, address: str) -> str:
    path = address.removeprefix("http://127.0.0.1:8000")
    return str(door.client.get(path, follow_redirects=False).headers["location"])


def test_without_the_applications_own_credentials_nothing_is_begun(open_shop: OpenShop) -> None:
    with open_shop(**WORLD) as shop:
        create(shop)
        with served(shop, amazon_application_id="") as api:
            answer = api.post("/flows/us/connections/amazon", role="admin", status=422)
    assert "ML_CONNECTOR_AMAZON_APPLICATION_ID" in answer["detail"]


def test_strangers_are_slowed_down(open_shop: OpenShop) -> None:
    with open_shop(**WORLD) as shop, served(shop, requests_per_minute=600) as api:
        answers = [api.client.get("/oauth/amazon/callback?state=x") for _ in range(12)]
    assert [answer.status_code for answer in answers] == [400] * 10 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) >= 1


# --- the end of a connection ----------------------------------------------------------------------------------------


def test_a_disconnected_company_is_told_to_intuit_and_forgotten(door: Door) -> None:
    door.connect("quickbooks")
    door.connect("amazon")
    service = door.services
    access = (service.vault.get("us", "quickbooks") or {})["access_token"]

    def end(vendor: str) -> bool:
        consent = service.consent(vendor)
        return disconnect(door.flow(), vendor, service.vault, service.bookkeeping, consent, service.clock, "cli:ada")

    assert end("quickbooks") is True
    assert service.vault.get("us", "quickbooks") is None
    lost = door.events()[-1]
    assert isinstance(lost, ConnectionLost)
    assert (lost.vendor, lost.reason, lost.by) == ("quickbooks", "disconnected by cli:ada", "cli:ada")
    assert not door.flow().quickbooks
    base = f"{door.shop.quickbooks['api_url']}/v3/company/{door.shop.quickbooks['realm']}"
    refused = httpx.get(f"{base}/preferences", headers={"Authorization": f"Bearer {access}"})
    assert refused.status_code == 401
    assert end("amazon") is False
    assert service.vault.get("us", "amazon") is None
    with pytest.raises(BadInput, match="is not connected"):
        end("amazon")
    assert [row["summary"] for row in door.shop.rows("audit")][-2:] == [
        "quickbooks was disconnected by cli:ada",
        "amazon was disconnected by cli:ada",
    ]
    door.connect("quickbooks")  # and back again
    assert door.flow().quickbooks


def test_what_intuit_could_not_be_told_stays_connected(door: Door) -> None:
    door.connect("quickbooks")
    service = door.services
    consent = service.consent("quickbooks")
    consent._revoke_url = "http://127.0.0.1:9/revoke"  # type: ignore[attr-defined]
    with pytest.raises(VendorError):
        disconnect(door.flow(), "quickbooks", service.vault, service.bookkeeping, consent, service.clock, "cli:ada")
    assert service.vault.get("us", "quickbooks") is not None
    assert door.flow().quickbooks
