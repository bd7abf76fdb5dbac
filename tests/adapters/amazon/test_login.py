"""Login with Amazon over real HTTP: whose token it is, two client secrets, and whom a refusal concerns."""

import contextlib
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from adapters.amazon import auth
from adapters.amazon.auth import NOTIFICATIONS_SCOPE, LoginWithAmazon, TokenCache
from adapters.amazon.client_secrets import ClientSecret, in_order, last_day
from adapters.http import CourteousClient, growing_wait
from adapters.simulated.amazon import stand_in
from adapters.simulated.amazon.testing import HandClock
from adapters.simulated.serving import loopback_socket, serving
from domain.errors import ConnectionLost, VendorError
from domain.flow import ConnectionLost as ConnectionLostEvent

TODAY = date(2026, 11, 24)


class Free:
    def reserve(self, key: str, rate: float, burst: float) -> float:
        return 0.0

    def pause(self, key: str, seconds: float) -> None: ...

    def announce(self, key: str, rate: float) -> None: ...

    def wait(self, seconds: float) -> None: ...

    def count(self, flow: str, vendor: str, operation: str, calls: int = 1) -> None: ...


class Place:
    def __init__(self, url: str, facts: dict[str, str], http: CourteousClient) -> None:
        self.url, self.facts, self.http = url, facts, http
        self.cache = TokenCache()
        self.judged: list[str] = []

    def login(self, **changes: Any) -> LoginWithAmazon:
        facts = self.facts | changes
        return LoginWithAmazon(
            self.http, "us", facts["token_url"], facts["client_id"], facts["client_secret"], facts["refresh_token"],
            HandClock().now, cache=self.cache, other_secrets=changes.get("other_secrets", ()),
            scope=changes.get("scope", ""), judged=self.judged.append,
        )  # fmt: skip

    def token_calls(self) -> int:
        return int(httpx.get(f"{self.url}/_simulated/calls").json().get("token", {"calls": 0})["calls"])


@pytest.fixture
def place() -> Iterator[Place]:
    listener, url = loopback_socket()
    app, facts = stand_in(HandClock(), url, orders=5, settlements=1, quotas=False)
    with contextlib.ExitStack() as stack:
        stack.enter_context(serving(app, listener))
        http = CourteousClient(
            "amazon", "us", Free(), timeout=httpx.Timeout(5), throttle_wait=lambda call, attempt: growing_wait(attempt),
            request_id_header="x-amzn-RequestId", user_agent="tests",
        )  # fmt: skip
        stack.callback(http.close)
        yield Place(url, facts, http)


def test_a_token_is_one_applications_one_sellers_and_one_scopes(place: Place) -> None:
    sellers = place.login().access_token()
    grantless = place.login(refresh_token="", scope=NOTIFICATIONS_SCOPE).access_token()
    rotation = place.login(refresh_token="", scope="sellingpartnerapi::client_credential:rotation").access_token()

    assert len({sellers.value, grantless.value, rotation.value}) == 3
    assert sellers.value.startswith("Atza|")
    assert grantless.value.startswith("Atc|")
    assert place.login().access_token() == sellers
    assert place.login(refresh_token="", scope=NOTIFICATIONS_SCOPE).access_token() == grantless
    assert place.token_calls() == 3
    with pytest.raises(ConnectionLost):  # another seller's is not this one's
        place.login(refresh_token="Atzr|other").access_token()


def test_a_scope_that_is_none_is_refused_as_the_applications_trouble(place: Place) -> None:
    with pytest.raises(VendorError, match="invalid_scope") as caught:
        place.login(refresh_token="", scope="sellingpartnerapi::everything").access_token()
    assert not isinstance(caught.value, ConnectionLost)


def test_while_a_secret_is_changed_either_is_good(place: Place) -> None:
    good = place.facts["client_secret"]

    place.login(client_secret="not-yet", other_secrets=(good,)).access_token()
    assert place.token_calls() == 2
    place.login(client_secret="not-yet", other_secrets=(good,)).renew()
    assert place.token_calls() == 3  # the one that was accepted last is the first
    assert place.judged == ["", ""]


def test_an_application_that_is_refused_is_no_lost_connection(place: Place) -> None:
    with pytest.raises(VendorError, match="own credentials are refused") as caught:
        place.login(client_secret="old", other_secrets=("older",)).access_token()

    assert not isinstance(caught.value, ConnectionLost)
    assert caught.value.code == "invalid_client"
    assert len(place.judged) == 1
    assert place.judged[0].startswith("invalid_client")
    place.login().access_token()
    assert place.judged[1:] == [""]


def test_a_consent_that_has_ended_is_the_flows_and_not_the_applications(place: Place) -> None:
    httpx.post(f"{place.url}/_simulated/revoke", json={}).raise_for_status()

    with pytest.raises(ConnectionLost, match="connect amazon us"):
        place.login().access_token()
    assert place.judged == [""]


def test_the_secret_that_is_good_longest_is_tried_first() -> None:
    old, new = ClientSecret("old", TODAY + timedelta(days=5)), ClientSecret("new", TODAY + timedelta(days=180))
    ended, unknown = ClientSecret("ended", TODAY - timedelta(days=1)), ClientSecret("unknown")

    assert [secret.value for secret in in_order([old, new], TODAY)] == ["new", "old"]
    assert [secret.value for secret in in_order([ended, old], TODAY)] == ["old", "ended"]
    assert [secret.value for secret in in_order([ended, unknown], TODAY)] == ["unknown", "ended"]
    assert in_order([ClientSecret(""), old], TODAY) == [old]
    assert last_day([old, new, unknown]) == new.ends
    assert last_day([unknown, ClientSecret("", TODAY)]) is None
    assert "old" not in repr(old)


def test_a_refused_application_alarms_the_operator_through_every_flow(open_shop: Any) -> None:
    """A refused secret, a cycle that fails, no flow that is lost, one alarm instead of the cycle's; and over again."""
    with open_shop(orders=5, settlements=1, seed=4) as shop:
        shop.set_up()
        services = shop.services
        good = services.settings
        services.settings = _with_secret(good, "amzn1.oa2-cs.v1.ended")
        _forget_tokens()

        assert "own credentials are refused" in shop.sync().error

        lost = [each.event for each in services.store.read(0, 10_000) if isinstance(each.event, ConnectionLostEvent)]
        assert lost == []
        assert shop.flow().runs
        assert [one.alert.key for one in services.alerts.alerts("us") if one.cleared is None] == ["application/amazon"]

        services.settings = good
        assert not shop.sync().error
        standing = {one.alert.key for one in services.alerts.alerts("us") if one.cleared is None}
        assert "application/amazon" not in standing


def _with_secret(settings: Any, secret: str) -> Any:

    return msgspec.structs.replace(settings, amazon_client_secret=secret)


def _forget_tokens() -> None:
    """As in a process that starts anew."""

    auth._CACHE._kept.clear()
