"""Alerts, their channels and the doctor over the API: secrets go in and never come out, links lead to pages."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from api import Api, make_token, served, traded
from litestar.routes import HTTPRoute
from receivers import hook, mail_server

from application.alerts import wanted_alerts
from domain.flow import ConnectionLost
from entrypoints.web.access import PAGE

SECRET = "a-signing-secret-that-nobody-may-see"
PASSWORD = "pass-word-of-the-office"
CHANNELS = "/flows/us/alerts/channels"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """A shop of its own, of which one settlement is held."""
    with traded(orders=60, settlements=3, seed=11, troubles=("unmapped_line",)) as shop, served(shop) as found:
        yield found


def everything_stored(api: Api) -> bytes:
    """All tables, as bytes."""
    found = []
    with api.shop.services.database.reading() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT * FROM {table}")
            found += [repr(row).encode() for row in cursor.fetchall()]
    return b"\n".join(found)


def test_a_webhook_is_added_tried_and_removed_and_its_secret_stays_in_the_vault(api: Api) -> None:
    with hook() as receiver:
        body = {"name": "chat", "url": receiver.url, "secret": SECRET}
        headers = api.as_("admin") | {"Idempotency-Key": "chat-1"}
        answers = [
            api.client.post(f"/api/v1{CHANNELS}/webhook", json=body, headers=headers),
            api.client.post(f"/api/v1{CHANNELS}/webhook", json=body, headers=headers),
            api.client.get(f"/api/v1{CHANNELS}", headers=api.as_("reader")),
        ]
        added = answers[0].json()
        assert (added["name"], added["kind"], added["secret"]) == ("chat", "webhook", None)
        assert answers[1].json() == added
        assert answers[1].headers["idempotency-replayed"] == "true"
        other = api.post(f"{CHANNELS}/webhook", {**body, "secret": SECRET * 2}, "admin", status=422, key="chat-1")
        assert other["field"] == "Idempotency-Key"

        tried = api.post(f"{CHANNELS}/chat/test")
        assert tried == {"name": "chat", "ok": True, "error": None}
        assert json.loads(receiver.posts[-1][1])["event"] == "test"
        (channel,) = api.get(CHANNELS)["items"]
        assert (channel["ok"], channel["failures"], channel["error"]) == (True, 0, None)
        assert channel["delivered"] is not None

    said = b"".join(answer.content for answer in answers)
    for hidden in (SECRET.encode(), b"path-of-the-receiver"):
        assert hidden not in said
        assert hidden not in everything_stored(api)
    assert (api.shop.services.vault.get("us", "alerts/chat") or {})["secret"] == SECRET
    (event, *_) = api.get("/flows/us/events", "auditor", after=added["position"], name="alert-channel.added.v1")[
        "items"
    ]
    assert (event["position"], event["by"]) == (added["position"], "api:the-admin")

    gone = api.post(f"{CHANNELS}/chat/test")
    assert gone["ok"] is False
    assert "path-of-the-receiver" not in gone["error"]
    (channel,) = api.get(CHANNELS)["items"]
    assert (channel["ok"], channel["failures"], channel["error"]) == (False, 1, gone["error"])
    assert api.client.get("/ready").json()["alerts"] == "1 channels fail"
    metrics = api.client.get("/metrics", headers=api.as_("reader")).text
    assert 'ml_connector_alert_channels_failing{flow="us"} 1.0' in metrics
    assert 'ml_connector_alert_notices_waiting{flow="us"} 0.0' in metrics

    removed = api.post(f"{CHANNELS}/chat/remove", role="admin")
    assert removed["position"] > added["position"]
    assert api.get(CHANNELS)["items"] == []
    assert api.shop.services.vault.get("us", "alerts/chat") is None
    assert api.client.get("/ready").json()["alerts"] == "ok"
    api.post(f"{CHANNELS}/chat/remove", role="admin", status=422)
    api.post(f"{CHANNELS}/chat/test", status=422)


def test_a_secret_made_here_is_told_this_once_and_again_to_the_same_key(api: Api) -> None:
    body = {"name": "made", "url": "https://example.com/hook"}
    added = api.post(f"{CHANNELS}/webhook", body, "admin", key="made-1")
    assert len(added["secret"]) > 30
    assert api.post(f"{CHANNELS}/webhook", body, "admin", key="made-1") == added
    assert added["secret"] not in api.client.get(f"/api/v1{CHANNELS}", headers=api.as_("admin")).text
    assert added["secret"].encode() not in everything_stored(api)
    api.post(f"{CHANNELS}/made/remove", role="admin")


def test_mail_goes_to_the_office_by_a_password_that_nobody_sees(api: Api) -> None:
    with mail_server(user="ml", password=PASSWORD) as mail:
        body = {"name": "office", "host": "127.0.0.1", "port": mail.port, "security": "none", "user": "ml",
                "password": PASSWORD, "sender": "ml@example.com", "to": ["books@example.com"]}  # fmt: skip
        added = api.post(f"{CHANNELS}/smtp", body, "admin", key="office-1")
        assert (added["address"], added["secret"]) == ("books@example.com", None)
        assert api.post(f"{CHANNELS}/office/test")["ok"] is True
        assert len(mail.mails) == 1
    assert PASSWORD.encode() not in everything_stored(api)
    api.post(f"{CHANNELS}/office/remove", role="admin")


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("webhook", {"url": "http://example.com/", "secret": SECRET}, "https"),
        ("webhook", {"url": f"https://ml:{PASSWORD}@example.com/", "secret": SECRET}, "without user and password"),
        ("webhook", {"url": "https://[/", "secret": SECRET}, "must be like"),
        ("webhook", {"url": "https://example.com/", "secret": "short"}, "at least 16 characters"),
        ("smtp", {"host": "a b", "sender": "a@example.com", "to": ["b@example.com"]}, "host"),
        ("smtp", {"host": "h", "sender": "a@example.com", "to": ["b@example.com"], "user": "x"}, "go together"),
    ],
)
def test_a_channel_that_cannot_be_is_refused_and_nothing_of_it_kept(
    api: Api, kind: str, body: dict[str, Any], words: str
) -> None:
    refused = api.post(f"{CHANNELS}/{kind}", {"name": "wrong", **body}, "admin", status=422)
    assert words in refused["detail"]
    assert PASSWORD not in json.dumps(refused)
    assert api.shop.services.vault.get("us", "alerts/wrong") is None
    assert api.get(CHANNELS)["items"] == []


def test_what_stands_is_told_with_its_money_and_a_page_that_is_there(api: Api) -> None:
    api.shop.services.alerts.review("us")
    items = api.get("/flows/us/alerts")["items"]
    assert items
    for item in items:
        assert item["cleared"] is None
        assert item["money"][0]["currency"] == "USD"
        page = api.client.get(item["path"], headers=api.as_("reader"))
        assert (page.status_code, page.headers["content-type"].split(";")[0]) == (200, "text/html"), item["path"]
    assert api.get("/flows/us/alerts", limit=1)["items"] == items[:1]
    assert api.get("/flows/nowhere/alerts", expect=404)["field"] == "flow"


def test_every_path_that_an_alert_can_have_is_a_page(api: Api) -> None:
    class Reports:
        """Of each trouble one."""

        def query(self, name: str, flow: str, **_: Any) -> list[dict[str, Any]]:
            common = {"amount": 1, "currency": "USD", "waits_for": "", "since": "", "status": "held", "text": "t"}
            orders = {"one": "refused by / us?", "many": "unmapped"}
            rows = [
                {**common, "kind": "invoice", "key": f"{n}", "code": code, "order_id": f"1/?{n}", "settlement_id": ""}
                for code, n in ((orders["one"], 1), (orders["many"], 2), (orders["many"], 3))
            ]
            settlement = {"settlement_id": "a/b?c", "total": 1, "currency": "USD", "reasons": [], "difference": None}
            return {
                "held": rows,
                "settlements": [{**settlement, "status": "disputed"}],
                "cycles": [{"started": "2026-01-01T00:00:00+00:00", "finished": "2", "status": "failed",
                            "error": "e", "counts": {}}],
            }.get(name, [])  # fmt: skip

    at = datetime(2027, 1, 1, tzinfo=UTC)
    lost = {"amazon": ConnectionLost(flow="us", at=at, by="cycle:1", vendor="amazon", reason="r")}
    reports: Any = Reports()
    found = [*wanted_alerts("us", reports, lost, at), *wanted_alerts("us", reports, {}, at)]
    assert {alert.key.partition("/")[0] for alert in found} == {"connection", "cycle", "settlement", "orders"}
    pages = [
        re.sub(r"\{\w+\}", "[^/]+", route.path_format)
        for route in api.client.app.routes
        if isinstance(route, HTTPRoute) and any(handler.opt.get(PAGE) for handler in route.route_handlers)
    ]
    for alert in found:
        path, _, query = alert.path.partition("?")
        assert any(re.fullmatch(page, path) for page in pages), alert.path
        assert re.fullmatch(r"(code=[^&?/ ]+)?", query), alert.path


# --- the doctor ----------------------------------------------------------------------------------------------------


def test_the_doctors_findings_of_a_flow_and_of_the_whole(api: Api) -> None:
    found = api.get("/flows/us/examination", "operator")
    subjects = {finding["subject"]: finding for finding in found["findings"]}
    assert found["status"] == "ok", found
    assert subjects["us: amazon getReports"]["status"] == "ok"
    assert "database" not in subjects

    whole = api.get("/examination", "operator")
    subjects = {finding["subject"]: finding for finding in whole["findings"]}
    assert {"database", "key ring", "disk", "us: quickbooks scope"} <= set(subjects)
    assert "audit/verify" in subjects["history"]["whatToDo"]
    stored = (api.shop.services.vault.get("us", name) or {} for name in ("amazon", "quickbooks"))
    secrets = [value for credential in stored for name, value in credential.items() if "token" in name]
    assert secrets
    assert not [secret for secret in secrets if secret in json.dumps([found, whole])]


def test_who_is_limited_to_flows_is_told_of_those_alone(api: Api) -> None:
    limited = {"Authorization": f"Bearer {make_token(api.shop.services, 'us-only', 'operator', ('us',))}"}
    assert api.client.get("/api/v1/flows/us/examination", headers=limited).status_code == 200
    assert api.client.get("/api/v1/examination", headers=limited).status_code == 403


def test_examinations_take_turns(api: Api) -> None:
    from entrypoints.web.desk import Desk

    desk = api.client.app.dependencies["desk"].dependency()
    assert isinstance(desk, Desk)
    with desk._examining:
        busy = api.client.get("/api/v1/flows/us/examination", headers=api.as_("operator"))
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "10")
    assert api.get("/flows/us/examination", "operator")["findings"]
