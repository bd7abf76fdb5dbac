"""Several sellers and companies behind one Amazon (with regions) and one QuickBooks, as an installation meets them.

A stand-in is one seller or one company. In front of them stands a desk that knows one application's credentials, hands
each call to the stand-in that its token was given out by, and writes down who called whom: a call that carries one
connection's token to another's account is answered with 403 and kept in `crossings`.
"""

import base64
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import httpx

from adapters.simulated.amazon import stand_in as amazon_stand_in
from adapters.simulated.clock import FastClock
from adapters.simulated.quickbooks import stand_in as quickbooks_stand_in
from adapters.simulated.serving import loopback_socket, serving
from application import connections
from application.chart_setup import apply, propose
from domain.event import Stamp
from domain.flow import FlowCreated
from entrypoints.bootstrap import Services
from entrypoints.settings import PREFIX, load

SPEED = 2_000.0
CLIENT = ("one-application", "one-secret")
Facts = dict[str, str]


class Place(NamedTuple):
    """A flow's two ends: its seller account's region and its world, and the company with it."""

    flow: str
    region: str
    amazon: Facts
    quickbooks: Facts


class Call(NamedTuple):
    """A call that reached a desk: whose token it bore, and whose account it went to."""

    vendor: str
    region: str
    bearer: str
    account: str
    path: str


class Desk:
    """The front of one vendor in one region; `known` maps what was given out to the flow it was given to."""

    def __init__(self, mall: "Mall", vendor: str, region: str = "") -> None:
        self._mall = mall
        self._vendor = vendor
        self._region = region
        self._client = httpx.AsyncClient(timeout=60)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await _lifespan(receive, send)
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        answer = await self._answer(scope["method"], scope["path"], scope["query_string"].decode(), headers, body)
        kept = [
            (name.encode(), value.encode())
            for name, value in answer.headers.items()
            if name.lower() not in ("content-length", "transfer-encoding", "content-encoding", "connection")
        ]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
        await send({"type": "http.response.body", "body": answer.content})
        return None

    async def _answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        mall = self._mall
        if path in ("/auth/o2/token", "/oauth2/v1/tokens/bearer"):
            return await self._token(path, headers, body)
        bearer = headers.get("x-amz-access-token") or headers.get("authorization", "").removeprefix("Bearer ")
        flow = mall.given_to(bearer)
        place = mall.places.get(flow)
        account = self._account(path, place)
        mall.note(Call(self._vendor, self._region, flow, account, path))
        if place is None or account != flow:
            return httpx.Response(403, json={"errors": [{"code": "Unauthorized", "message": "not this account"}]})
        target = place.amazon if self._vendor == "amazon" else place.quickbooks
        url = f"{target['api_url']}{path}" + (f"?{query}" if query else "")
        sent = {name: value for name, value in headers.items() if name not in ("host", "content-length", "connection")}
        return await self._client.request(method, url, headers=sent, content=body)

    def _account(self, path: str, place: Place | None) -> str:
        """The flow whose account is asked for: by the company in the path, or by the region the call came in at."""
        if self._vendor == "quickbooks":
            realm = path.split("/")[3]
            return next((name for name, other in self._mall.places.items() if other.quickbooks["realm"] == realm), "")
        return place.flow if place is not None and place.region == self._region else ""

    async def _token(self, path: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        mall = self._mall
        form = dict(parse_qsl(body.decode()))
        flow = mall.given_to(form["refresh_token"])
        mall.note(Call(self._vendor, "token", flow, flow, path))
        if self._vendor == "amazon":
            assert (form["client_id"], form["client_secret"]) == CLIENT
            facts = mall.places[flow].amazon
            form |= {"client_id": facts["client_id"], "client_secret": facts["client_secret"]}
            own = {"content-type": "application/x-www-form-urlencoded"}
        else:
            assert headers["authorization"] == _basic(*CLIENT)
            facts = mall.places[flow].quickbooks
            own = {**headers, "authorization": _basic(facts["client_id"], facts["client_secret"])}
            own = {name: value for name, value in own.items() if name not in ("host", "content-length", "connection")}
        answer = await self._client.post(facts["token_url"], headers=own, content=urlencode(form).encode())
        for name in ("access_token", "refresh_token"):
            if given := answer.json().get(name):
                mall.give(given, flow)
        return answer


class Mall:
    """All of it, and an installation's view on it."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.home = home
        self.database_url = database_url
        self.places: dict[str, Place] = {}
        self.urls: dict[str, str] = {}
        self._calls: list[Call] = []
        self._given: dict[str, str] = {}
        self._lock = threading.Lock()  # the desks are served in threads of their own

    def give(self, token: str, flow: str) -> None:
        with self._lock:
            assert self._given.get(token, flow) == flow
            self._given[token] = flow

    def given_to(self, token: str) -> str:
        with self._lock:
            return self._given.get(token, "")

    def note(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)

    @property
    def calls(self) -> list[Call]:
        with self._lock:
            return list(self._calls)

    @property
    def crossings(self) -> list[Call]:
        return [call for call in self.calls if call.bearer != call.account or not call.bearer]

    def environment(self) -> dict[str, str]:
        settings = {
            "HOME": str(self.home),
            "DATABASE_URL": self.database_url,
            "AMAZON_TOKEN_URL": self.urls["na"] + "/auth/o2/token",
            **{f"AMAZON_API_URL_{region.upper()}": self.urls[region] for region in ("na", "eu", "fe")},
            "AMAZON_CLIENT_ID": CLIENT[0],
            "AMAZON_CLIENT_SECRET": CLIENT[1],
            "QUICKBOOKS_API_URL": self.urls["quickbooks"],
            "QUICKBOOKS_TOKEN_URL": self.urls["quickbooks"] + "/oauth2/v1/tokens/bearer",
            "QUICKBOOKS_REVOKE_URL": self.urls["quickbooks"] + "/v2/oauth2/tokens/revoke",
            "QUICKBOOKS_CLIENT_ID": CLIENT[0],
            "QUICKBOOKS_CLIENT_SECRET": CLIENT[1],
            "QUOTA_SPEED": f"{SPEED:g}",
        }
        return {PREFIX + name: value for name, value in settings.items()}

    def open(self) -> Services:
        return Services(load(self.environment()), "tests", lambda: datetime.now(UTC))

    def documents(self, flow: str) -> dict[str, int]:
        answer = httpx.get(f"{self.places[flow].quickbooks['api_url']}/_simulated/documents")
        return {kind: number for kind, number in answer.json().items() if number}

    def trial_balance(self, flow: str) -> dict[str, str]:
        answer = httpx.get(f"{self.places[flow].quickbooks['api_url']}/_simulated/trial-balance").json()
        return {row["name"]: row["balance"] for row in answer["accounts"] if str(row["balance"]).strip("-0.")}

    def expected(self, flow: str) -> Any:
        return json.loads(self.places[flow].amazon["expected"])

    def set_up(self, service: Services) -> None:
        """All flows, connected and mapped."""
        for place in self.places.values():
            _set_up(service, place)


@contextlib.contextmanager
def opened(home: Path, database_url: str, flows: dict[str, tuple[str, dict[str, Any]]]) -> Iterator[Mall]:
    """A mall of flows: name -> region and world. Each has a seller account and a company of its own."""
    clock = FastClock(SPEED, patience=60.0)
    mall = Mall(home, database_url)
    with contextlib.ExitStack() as stack:

        def serve(app: Any) -> str:
            listener, url = loopback_socket()
            stack.enter_context(serving(app, listener))
            return url

        def made(make: Callable[..., Any], **options: Any) -> Facts:
            listener, url = loopback_socket()
            app, facts = make(clock, url, **options)
            stack.enter_context(serving(app, listener))
            return dict(facts)

        for number, (flow, (region, world)) in enumerate(flows.items(), start=1):
            place = Place(flow, region, made(amazon_stand_in, **world), made(quickbooks_stand_in, seed=number))
            mall.places[flow] = place
            mall.give(place.amazon["refresh_token"], flow)
            mall.give(place.quickbooks["refresh_token"], flow)
        for region in ("na", "eu", "fe"):
            mall.urls[region] = serve(Desk(mall, "amazon", region))
        mall.urls["quickbooks"] = serve(Desk(mall, "quickbooks"))
        yield mall


def _set_up(service: Services, place: Place) -> None:
    books = service.bookkeeping
    books.create_flow(
        FlowCreated(
            flow=place.flow,
            at=service.clock(),
            by="tests",
            region=place.region,
            realm=place.quickbooks["realm"],
            marketplaces=(place.amazon["marketplace_id"],),
            since=date.fromisoformat(place.amazon["since"][:10]),
            orders="amazon",
            zone="America/Los_Angeles",
            banks={"USD": place.quickbooks["bank_account"]},
        )
    )
    common = service.vault, books
    connections.connect_amazon(
        books.flow(place.flow), place.amazon["refresh_token"], *common, service.amazon, service.clock, "tests"
    )
    connections.connect_quickbooks(
        books.flow(place.flow), place.quickbooks["refresh_token"], *common, service.quickbooks, service.clock, "tests"
    )
    flow, mapping = books.flow(place.flow), books.mapping(place.flow)
    quickbooks = service.quickbooks(flow)
    stamp = Stamp(place.flow, service.clock(), "tests")
    changed = apply(flow, quickbooks, mapping, propose(flow, quickbooks, mapping, {}), stamp)
    assert changed is not None
    books.change_mapping(changed, [])
    service.views.catch_up()


def _basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


async def _lifespan(receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
