"""A stand-in of Amazon alone, on loopback, and real clients for it."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx

from adapters.amazon.client import AmazonClient
from adapters.simulated.clock import FastClock
from domain.order import AmazonOrder

SPEED = 5_000.0


class Recorder:
    """An ASGI application that notes every request on its way to another, or answers from `answers` while there are."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.requests: list[tuple[str, str, list[tuple[str, str]], dict[str, str]]] = []
        self.answers: list[tuple[str, int, dict[str, str], bytes]] = []  # for a path that begins so

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_simulated"):
            await self.app(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        path = scope["raw_path"].decode()
        self.requests.append((scope["method"], path, parse_qsl(scope["query_string"].decode()), headers))
        if self.answers and path.startswith(self.answers[0][0]):
            _, status, given_headers, body = self.answers.pop(0)
            raw = [(name.encode(), value.encode()) for name, value in given_headers.items()]
            await send({"type": "http.response.start", "status": status, "headers": raw})
            await send({"type": "http.response.body", "body": body})
            return
        await self.app(scope, receive, send)


class Free:
    """Quotas that make nobody wait."""

    def __init__(self) -> None:
        self.limits: dict[str, tuple[float, float]] = {}

    def reserve(self, key: str, rate: float, burst: float) -> float:
        self.limits[key] = (rate, burst)
        return 0.0

    def pause(self, key: str, seconds: float) -> None: ...

    def announce(self, key: str, rate: float) -> None: ...

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def count(self, flow: str, vendor: str, operation: str, calls: int = 1) -> None: ...


class Place:
    """One stand-in and clients for it."""

    def __init__(self, url: str, facts: dict[str, str], recorder: Recorder, clock: FastClock) -> None:
        self.url, self.facts, self.recorder, self.clock = url, facts, recorder, clock
        self.since = datetime.fromisoformat(facts["since"]).replace(tzinfo=UTC)
        self.quotas = Free()
        self.opened: list[AmazonClient] = []

    def client(self, **changes: Any) -> AmazonClient:
        facts = self.facts | changes
        client = AmazonClient(
            facts.get("flow", "us"), self.url, facts["token_url"], facts["client_id"], facts["client_secret"],
            facts["refresh_token"], changes.get("quotas", self.quotas), self.clock.now, self.clock.speed,
        )  # fmt: skip
        self.opened.append(client)
        return client

    def close(self) -> None:
        for client in self.opened:
            client.close()

    def fault(self, on: str, kind: str, times: int = 1) -> None:
        httpx.post(f"{self.url}/_simulated/faults", json=[{"on": on, "kind": kind, "times": times}]).raise_for_status()

    def calls(self) -> dict[str, dict[str, int]]:
        return dict(httpx.get(f"{self.url}/_simulated/calls").json())

    def expected_settlement(self) -> str:
        return str(json.loads(self.facts["expected"])["settlements"][0]["id"])

    def orders(self, client: AmazonClient | None = None) -> list[AmazonOrder]:
        pages = (client or self.client()).orders(self.since, (self.facts["marketplace_id"],))
        return [order for page in pages for order in page.orders]


Serve = Callable[..., Place]
