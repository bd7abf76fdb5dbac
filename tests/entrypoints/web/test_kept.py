"""Answers are kept while the views stand still: the same bytes, never those of before, never to those who may not."""

from typing import Any

from api import Api

from adapters.views import DatabaseViews


def test_a_kept_answer_is_the_same_and_asks_the_database_nothing(api: Api, monkeypatch: Any) -> None:
    path, headers = "/api/v1/flows/us/orders?limit=3", api.as_("reader")
    first = api.client.get(path, headers=headers)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(DatabaseViews, "page", refuse)
    again = api.client.get(path, headers=headers)
    assert again.content == first.content
    assert dict(again.headers) == dict(first.headers)
    assert api.client.get(path).status_code == 401
    assert api.client.get(path, headers={"X-API-Key": "mlc_wrong"}).status_code == 401


def test_what_is_recorded_is_seen_at_the_next_question(api: Api) -> None:
    path = "/flows/us/events"
    before = api.get(path, "auditor", limit=1)
    assert api.get(path, "auditor", limit=1) == before
    done = api.post("/flows/us/pause")
    after = api.get(path, "auditor", limit=1)
    assert after["items"][0]["position"] == done["position"]
    api.post("/flows/us/resume")


def test_an_error_is_not_kept(api: Api) -> None:
    assert api.get("/flows/us/orders/999", expect=404) == api.get("/flows/us/orders/999", expect=404)
    assert api.get("/flows/us/orders", limit=3)["items"]
