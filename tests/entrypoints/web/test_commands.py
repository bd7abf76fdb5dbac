"""Commands: each is done once, is an event with who, and its reader can wait for it."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from api import Api, served, traded

from adapters.answered_requests import Answer, AnsweredRequests
from adapters.database import open_database
from adapters.keyring import KeyRing
from domain.flow import FlowPaused, flow_stream

RULE = {"transactionType": "ServiceFee", "amountType": "other-transaction", "amountDescription": "Moon Fee"}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """A shop of its own: these tests change it."""
    with traded() as shop, served(shop) as found:
        yield found


def test_a_command_is_an_event_with_who_and_its_reader_waits_for_it(api: Api) -> None:
    done = api.post("/flows/us/pause", {"why": "stock-taking"})
    assert done["changed"] is True
    (event, *_) = api.get("/flows/us/events", "auditor", after=done["position"], limit=1)["items"]
    assert (event["position"], event["name"], event["by"]) == (done["position"], "flow.paused.v1", "api:the-operator")
    assert api.get("/flows/us")["paused"] is True

    refused = api.post("/flows/us/sync", status=422)
    assert "resume" in refused["detail"]
    assert api.post("/flows/us/pause") == {"position": done["position"], "changed": False}
    assert api.post("/flows/us/resume")["changed"] is True
    asked = api.post("/flows/us/sync")
    (event, *_) = api.get("/flows/us/events", "auditor", after=asked["position"], limit=1)["items"]
    assert event["name"] == "flow.cycle-asked.v1"
    assert api.shop.services.leases.states()["us"].asked is True


def test_a_repeated_key_answers_the_same_and_does_nothing(api: Api) -> None:
    body = {"why": "a new fee", "rules": [{**RULE, "account": "OTHFEE"}]}
    first = api.post("/flows/us/mapping/changes", body, key="k-1")
    version = api.get("/flows/us/mapping")["version"]
    headers = api.as_("operator") | {"Idempotency-Key": "k-1"}
    again = api.client.post("/api/v1/flows/us/mapping/changes", json=body, headers=headers)
    assert again.json() == first
    assert again.headers["idempotency-replayed"] == "true"
    assert api.get("/flows/us/mapping")["version"] == version == first["version"]

    other = api.post("/flows/us/mapping/changes", {**body, "why": "another"}, key="k-1", status=422)
    assert other["field"] == "Idempotency-Key"
    api.post("/flows/us/resume", key="k-1", status=422)
    # The same key of another token is another key.
    mine = api.post("/flows/us/mapping/changes", {**body, "why": "another"}, role="admin", key="k-1")
    assert mine["changed"] is False


def test_a_refused_command_may_be_mended_under_its_key(api: Api) -> None:
    wrong = {"why": "x", "rules": [{**RULE, "account": "NOPE"}]}
    api.post("/flows/us/mapping/changes", wrong, key="k-2", status=422)
    api.post("/flows/us/mapping/changes", {"why": "x", "rules": [{**RULE, "account": "STORAGE"}]}, key="k-2")


def test_a_token_is_told_the_same_again_and_its_secret_is_not_stored_in_clear(api: Api) -> None:
    body = {"name": "month-end", "role": "auditor", "flows": ["us"]}
    made = api.post("/tokens", body, role="admin", key="k-3")
    assert api.post("/tokens", body, role="admin", key="k-3") == made
    secret = made["secret"]
    me = api.client.get("/api/v1/me", headers={"X-API-Key": secret}).json()
    assert me == {"name": "month-end", "role": "auditor", "flows": ["us"]}
    with api.shop.services.database.reading() as cursor:
        cursor.execute("SELECT answer FROM answered_requests WHERE key = 'k-3'")
        assert secret.encode() not in bytes(cursor.fetchall()[0][0])
    assert secret not in api.client.get("/api/v1/tokens", headers=api.as_("admin")).text

    ended = api.post("/tokens/month-end/revoke", role="admin")
    assert api.client.get("/api/v1/me", headers={"X-API-Key": secret}).status_code == 401
    names = [event["name"] for event in api.get("/events", "auditor", after=ended["position"])["items"]]
    assert names[:2] == ["token.revoked.v1", "token.created.v1"]


def test_settings_are_changed_and_what_is_not_named_stays(api: Api) -> None:
    before = api.get("/flows/us")
    headers = api.as_("admin")
    body = {"schedule": {"orders": {"everyMinutes": 5}}, "why": "more often"}
    done = api.client.patch("/api/v1/flows/us", json=body, headers=headers).json()
    after = api.get("/flows/us")
    assert done["changed"] is True
    assert after["schedule"]["orders"]["everyMinutes"] == 5
    assert {**after, "schedule": before["schedule"]} == before
    assert api.client.patch("/api/v1/flows/us", json=body, headers=headers).json()["changed"] is False
    policies = {"policies": {"tax": "gross"}}
    assert api.client.patch("/api/v1/flows/us", json=policies, headers=headers).json()["changed"] is True
    assert api.get("/flows/us")["policies"] == {**before["policies"], "tax": "gross"}
    wrong = api.client.patch("/api/v1/flows/us", json={"policies": {"tax": "both"}}, headers=headers)
    assert (wrong.status_code, "expected net or gross" in wrong.json()["detail"]) == (422, True)
    unknown = api.client.patch("/api/v1/flows/us", json={"banks": {"USD": "No such bank"}}, headers=headers)
    assert unknown.status_code == 422
    assert "No such bank" in unknown.json()["detail"]


def test_a_change_of_the_mapping_frees_what_waited() -> None:
    with traded(orders=60, settlements=3, seed=11, troubles=("unmapped_line",)) as shop, served(shop) as api:
        held = api.get("/flows/us/held")["items"]
        missing = api.get("/flows/us/mapping")["missing"]
        assert held
        assert missing
        groups = api.get("/flows/us/held/groups")["items"]
        assert {group["waitsFor"] for group in groups} >= {gap["key"] for gap in missing}
        status = api.get("/flows/us/status")
        assert status["ties"] is False
        rules = []
        for gap in missing:
            kind, amount_type, description = gap["key"].removeprefix("rule:").split(" | ")
            rules.append(
                {
                    "transactionType": kind,
                    "amountType": amount_type,
                    "amountDescription": description,
                    "account": "OTHFEE",
                }
            )
        freed = api.post("/flows/us/mapping/changes", {"why": "a fee since July", "rules": rules})
        assert freed["planned"] >= 1
        assert freed["heldAfter"] < freed["heldBefore"]
        assert api.get("/flows/us/held", after=freed["position"])["items"] == []
        assert shop.sync().error == ""
        assert api.get("/flows/us/status", after=api.shop.services.store.end())["ties"] is True


def test_two_processes_do_a_command_once(database_url: str) -> None:
    """The row's primary key is where they meet; the later one waits for the earlier one's answer."""
    ring = KeyRing([b"k" * 32])
    databases = [open_database(database_url) for _ in range(4)]
    desks = [AnsweredRequests(database, ring) for database in databases]
    done: list[int] = []
    gate = threading.Barrier(4)

    def ask(number: int) -> Answer:
        gate.wait()
        found = desks[number].claim("ada", "key", b"pause")
        if found is None:
            time.sleep(0.2)
            done.append(number)
            found = Answer(200, b'{"position":7}')
            desks[number].keep("ada", "key", found)
        assert isinstance(found, Answer)
        return found

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert len(done) == 1
    assert {answer.body for answer in answers} == {b'{"position":7}'}
    assert desks[0].claim("ada", "key", b"resume") == "other"
    for database in databases:
        database.close()


def test_a_claim_whose_process_died_is_free_again_in_time(database_url: str, clock: Any) -> None:
    database = open_database(database_url)
    answered = AnsweredRequests(database, KeyRing([b"k" * 32]), lambda: clock.now.timestamp())
    assert answered.claim("ada", "key", b"pause") is None
    clock.advance(601)
    assert answered.claim("ada", "key", b"pause") is None
    answered.keep("ada", "key", Answer(200, b"{}"))
    clock.advance(6 * 24 * 3600)
    assert answered.claim("ada", "key", b"pause") == Answer(200, b"{}")
    clock.advance(2 * 24 * 3600)
    assert answered.claim("ada", "key", b"pause") is None
    database.close()


def test_many_at_once_pause_once(api: Api) -> None:
    before = len(_pauses(api))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post("/flows/us/pause", key="many"), range(8)))
    assert len({answer["position"] for answer in answers}) == 1
    assert len(_pauses(api)) == before + 1
    api.post("/flows/us/resume")


def _pauses(api: Api) -> list[Any]:
    stream = flow_stream("us")
    return [event for event in api.shop.services.store.load([stream])[stream] if isinstance(event, FlowPaused)]
