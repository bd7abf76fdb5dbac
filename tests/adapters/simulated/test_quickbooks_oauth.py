"""The authorization server: if it were kinder than Intuit's, a connection would die on its second day in production."""

import base64
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.simulated.quickbooks.hand import HandClock, at_hand

SCOPE = "com.intuit.quickbooks.accounting"


def test_a_token_answer_has_the_published_members() -> None:
    with at_hand() as hand:
        answer = hand.token()
    assert set(answer.json()) == {
        "token_type",
        "access_token",
        "expires_in",
        "refresh_token",
        "x_refresh_token_expires_in",
    }
    assert (answer.json()["expires_in"], answer.json()["x_refresh_token_expires_in"]) == (3600, 8726400)
    assert answer.headers["intuit_tid"]


def test_the_hard_expiry_is_told_only_to_those_who_ask() -> None:
    with at_hand() as hand:
        answer = hand.http.post(
            "/oauth2/v1/tokens/bearer",
            data={"grant_type": "refresh_token", "refresh_token": hand.refresh_token},
            auth=(hand.facts["client_id"], hand.facts["client_secret"]),
            headers={"x-include-refresh-token-hard-expires-in": "true"},
        )
    assert answer.json()["x_refresh_token_hard_expires_in"] == 157680000


def test_a_refresh_token_changes_after_a_day_and_the_former_value_is_dead_at_once() -> None:
    clock = HandClock()
    with at_hand(clock) as hand:
        first = hand.refresh_token
        clock.pass_time(23 * 3600)
        hand.token()
        assert hand.refresh_token == first
        clock.pass_time(2 * 3600)
        hand.token()
        assert hand.refresh_token != first
        answer = hand.token(grant_type="refresh_token", refresh_token=first)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert hand.token().status_code == 200  # the newest still works


def test_with_the_dial_every_refresh_changes_the_token() -> None:
    with at_hand(rotate_every_refresh=True) as hand:
        values = [hand.refresh_token]
        for _ in range(3):
            hand.token()
            values.append(hand.refresh_token)
        assert len(set(values)) == 4


def test_an_access_token_lives_an_hour() -> None:
    clock = HandClock()
    with at_hand(clock) as hand:
        clock.pass_time(3599)
        assert hand.send("GET", "preferences").status_code == 200
        clock.pass_time(1)
        answer = hand.send("GET", "preferences")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="Intuit", error="invalid_token"'
    assert answer.json()["fault"]["error"][0]["code"] == "3200"


def test_a_refresh_token_unused_for_a_hundred_and_one_days_is_dead() -> None:
    clock = HandClock()
    with at_hand(clock) as hand:
        clock.pass_time(8726400)
        assert hand.token().json()["error"] == "invalid_grant"


def test_a_wrong_secret_is_an_invalid_client() -> None:
    with at_hand() as hand:
        answer = hand.http.post(
            "/oauth2/v1/tokens/bearer",
            data={"grant_type": "refresh_token", "refresh_token": hand.refresh_token},
            auth=(hand.facts["client_id"], "wrong"),
        )
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


def test_a_realm_the_token_was_not_given_for_is_forbidden() -> None:
    with at_hand() as hand:
        hand.facts["realm"] = "1"
        answer = hand.send("GET", "preferences")
    assert (answer.status_code, answer.json()["fault"]["error"][0]["code"]) == (403, "3100")


def consent(hand: object, **changes: str) -> dict[str, list[str]]:
    query = {
        "client_id": hand.facts["client_id"],  # type: ignore[attr-defined]
        "response_type": "code",
        "scope": SCOPE,
        "redirect_uri": "https://app.example/callback",
        "state": "s-1",
        **changes,
    }
    answer = hand.http.get("/connect/oauth2", params=query, follow_redirects=False)  # type: ignore[attr-defined]
    assert answer.status_code == 302
    location = urlsplit(answer.headers["location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == query["redirect_uri"]
    return parse_qs(location.query)


def test_consent_gives_a_code_that_buys_tokens_once() -> None:
    with at_hand() as hand:
        former, former_access = hand.refresh_token, hand.access_token
        back = consent(hand)
        assert (back["state"], back["realmId"]) == (["s-1"], [hand.facts["realm"]])
        form = {
            "grant_type": "authorization_code",
            "code": back["code"][0],
            "redirect_uri": "https://app.example/callback",
        }
        assert hand.token(**form).status_code == 200
        assert hand.send("GET", "preferences").status_code == 200
        assert hand.token(grant_type="refresh_token", refresh_token=former).status_code == 400  # superseded
        headers = {"Authorization": f"Bearer {former_access}"}
        path = f"/v3/company/{hand.facts['realm']}/preferences"
        assert hand.http.get(path, headers=headers).status_code == 401
        assert hand.token(**form).json()["error"] == "invalid_grant"
        assert hand.send("GET", "preferences").status_code == 401  # a code used twice kills its tokens


@pytest.mark.parametrize("change", [{"scope": "openid"}, {"response_type": "token"}])
def test_a_consent_that_cannot_be_given_sends_an_error_back(change: dict[str, str]) -> None:
    with at_hand() as hand:
        back = consent(hand, **change)
    assert {"error", "code"} & set(back) == {"error"}


def test_a_code_is_bound_to_its_redirect_address_and_to_five_minutes() -> None:
    clock = HandClock()
    with at_hand(clock) as hand:
        code = consent(hand)["code"][0]
        wrong = hand.token(grant_type="authorization_code", code=code, redirect_uri="https://other.example/")
        clock.pass_time(301)
        late = hand.token(grant_type="authorization_code", code=code, redirect_uri="https://app.example/callback")
    assert (wrong.status_code, late.status_code) == (400, 400)


def test_revoking_ends_both_tokens() -> None:
    with at_hand() as hand:
        pair = f"{hand.facts['client_id']}:{hand.facts['client_secret']}".encode()
        headers = {"Authorization": "Basic " + base64.b64encode(pair).decode()}
        body = {"token": hand.refresh_token}
        assert hand.http.post("/v2/oauth2/tokens/revoke", json=body, headers=headers).status_code == 200
        assert hand.send("GET", "preferences").status_code == 401
        assert hand.token().json()["error"] == "invalid_grant"
        assert hand.http.post("/v2/oauth2/tokens/revoke", json=body, headers=headers).status_code == 400


def test_the_same_seed_gives_the_same_credentials() -> None:
    with at_hand(seed=7) as one, at_hand(seed=7) as two, at_hand(seed=8) as three:
        assert one.facts == two.facts != three.facts
