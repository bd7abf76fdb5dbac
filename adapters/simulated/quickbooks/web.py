"""The routes, and what every call passes on its way: quota, ordered fault, bearer token, the work, the lost answer.

One event loop runs all of it, so each write is decided and filed without another in between.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath

from adapters.simulated.clock import FastClock
from adapters.simulated.quickbooks import batch, books, query
from adapters.simulated.quickbooks.company import Company
from adapters.simulated.quickbooks.dials import Dials
from adapters.simulated.quickbooks.documents import Options
from adapters.simulated.quickbooks.mischief import Fault, Mischief
from adapters.simulated.quickbooks.oauth import AuthorizationServer, OAuthRefused
from adapters.simulated.quickbooks.quotas import Quotas
from adapters.simulated.quickbooks.refusals import Refused, gateway, in_french, throttle_xml
from adapters.simulated.quickbooks.replays import Replays, single_key
from adapters.simulated.quickbooks.wire import Body, decode, encode, millis_stamp

JSON = "application/json;charset=utf-8"
_HTML = "<html><head><title>504 Gateway Time-out</title></head><body><h1>504 Gateway Time-out</h1></body></html>"
_LOST = ("commit_then_503", "commit_then_reset", "commit_then_html", "truncated_json")

Answer = Response[bytes]
Http = Request[Any, Any, Any]


class StandIn:
    """One QuickBooks: its authorization server, its one company, its quotas and its ordered faults."""

    def __init__(self, clock: FastClock, seed: int, dials: Dials) -> None:
        self.clock, self.dials = clock, dials
        self.oauth = AuthorizationServer(clock, seed, dials)
        self.company = Company(self.oauth.realm, clock.now, dials)
        self.quotas = Quotas(clock, dials)
        self.replays = Replays(clock, dials)
        self.mischief = Mischief()
        self.calls: Counter[str] = Counter()
        self.items: Counter[str] = Counter()  # what batches held
        self.throttled = 0
        self._tids = itertools.count(1)

    # Answers

    def answer(
        self, content: bytes | str, status: int = 200, media: str = JSON, headers: dict[str, str] | None = None
    ) -> Answer:
        tid = f"1-{int(self.clock.now().timestamp()):08x}-{next(self._tids):024x}"
        raw = content.encode() if isinstance(content, str) else content
        # The documents call it intuit_tid, recordings show Intuit-Tid.
        all_headers = {"intuit_tid": tid, "Intuit-Tid": tid, **(headers or {})}
        return Response(raw, status_code=status, media_type=media, headers=all_headers)

    def refused(self, refusal: Refused) -> bytes:
        return encode({"Fault": refusal.fault(), "time": self.time()})

    def time(self) -> str:
        return millis_stamp(self.clock.now())

    def too_many(self, form: str | None = None) -> Answer:
        self.throttled += 1
        if (form or self.dials.throttle_form) == "xml":
            return self.answer(throttle_xml(self.time()), 429, "application/xml")
        detail = "The request limit was reached.  Try again later"
        return self._gateway("3001", "ThrottleExceeded", 429, "SERVICE", detail)

    def system_failure(self, status: int) -> Answer:
        message = "An application error has occurred while processing your request"
        refusal = Refused("10000", message, "System Failure Error: Exception", None, status, "SystemFault")
        return self.answer(self.refused(refusal), status)

    def _gateway(
        self, code: str, name: str, status: int, kind: str, detail: str, headers: dict[str, str] | None = None
    ) -> Answer:
        millis = int(self.clock.now().timestamp() * 1000)
        body = gateway(code, name, status, kind, detail, millis)
        return self.answer(encode(body), status, "application/json", headers)

    # The way of a call

    async def call(
        self,
        request: Http,
        realm: str,
        on: str,
        operation: str,
        work: Callable[[bytes, Fault | None], tuple[int, bytes]],
    ) -> Answer:
        self.calls[operation] += 1
        raw = await request.body()
        if not self.quotas.admit(is_batch=on == "batch"):
            return self.too_many()
        fault = self.mischief.next(on)
        kind = fault.kind if fault else ""
        if kind in ("429_json", "429_xml"):
            return self.too_many(kind.removeprefix("429_"))
        if kind == "expire_token":
            self.oauth.expire_access()
        stopped = self._bearer(request, realm)
        if stopped is not None:
            return stopped
        if kind == "503_before_commit":
            return self.system_failure(503)
        self.quotas.in_flight += 1
        try:
            if fault is not None and fault.slow_seconds is not None:
                await asyncio.sleep(fault.slow_seconds)
            status, content = work(raw, fault)
        finally:
            self.quotas.in_flight -= 1
        if kind in _LOST:
            return await self._lose(request, kind, content)
        return self.answer(content, status)

    def _bearer(self, request: Http, realm: str) -> Answer | None:
        authorization = request.headers.get("authorization", "")
        token = authorization.removeprefix("Bearer ").strip()
        opened = self.oauth.realm_of(token)
        if opened is None:
            headers = {"Www-Authenticate": 'Bearer realm="Intuit", error="invalid_token"'}
            detail = f"Token expired: {token[:16]}..."
            return self._gateway("3200", "AuthenticationFailed", 401, "AUTHENTICATION", detail, headers)
        if opened != realm:
            detail = "Application authorization failed"
            return self._gateway("3100", "ApplicationAuthorizationFailed", 403, "SERVICE", detail)
        return None

    async def _lose(self, request: Http, kind: str, content: bytes) -> Answer:
        """The work is done and filed; the client does not learn of it."""
        if kind == "commit_then_503":
            return self.system_failure(503)
        if kind == "commit_then_html":
            return self.answer(_HTML, 504, "text/html")
        if kind == "truncated_json":
            return self.answer(content[: len(content) // 2])
        await hang_up(request)
        return self.answer(b"")

    def spoken(self, on: str) -> Callable[[Refused], Refused]:
        def speak(refusal: Refused) -> Refused:
            return in_french(refusal) if refusal.code == "6140" and self.mischief.localises(on) else refusal

        return speak

    # The work of each route

    def write(self, entity: str, operation: str, parameters: Any) -> Callable[[bytes, Fault | None], tuple[int, bytes]]:
        def work(raw: bytes, fault: Fault | None) -> tuple[int, bytes]:
            try:
                key = single_key(parameters.get("requestid"))
                body = decode(raw)
            except Refused as refusal:
                return 400, self.refused(refusal)
            request: Body = {"entity": entity, "operation": operation, "body": body}
            if key is not None:
                known = self.replays.recall(key, request)
                if known is not None:
                    return (400 if known.startswith(b'{"Fault"') else 200), known
            try:
                options = Options.of(parameters.get("include"))
                written = books.write(self.company, entity, operation, body, options)
                status, content = 200, encode({entity: written, "time": self.time()})
            except Refused as refusal:
                status, content = refusal.status, self.refused(self.spoken(entity)(refusal))
            if key is not None and (status == 200 or self.dials.remember_faults):
                self.replays.remember(key, request, content)
            return status, content

        return work

    def read(self, entity: str, identity: str) -> Callable[[bytes, Fault | None], tuple[int, bytes]]:
        def work(raw: bytes, fault: Fault | None) -> tuple[int, bytes]:
            try:
                return 200, encode({entity: books.read(self.company, entity, identity), "time": self.time()})
            except Refused as refusal:
                if refusal.code == "2030":  # recorded without a time
                    return 400, encode({"Fault": refusal.fault()})
                return 400, self.refused(refusal)

        return work

    def query(self, text: str | None) -> Callable[[bytes, Fault | None], tuple[int, bytes]]:
        def work(raw: bytes, fault: Fault | None) -> tuple[int, bytes]:
            try:
                found = query.run(self.company, text if text is not None else raw.decode(errors="replace"))
                return 200, encode({"QueryResponse": found, "time": self.time()})
            except Refused as refusal:
                return 400, self.refused(refusal)

        return work

    def batch(self, requestid: str | None) -> Callable[[bytes, Fault | None], tuple[int, bytes]]:
        def work(raw: bytes, fault: Fault | None) -> tuple[int, bytes]:
            time = self.time()
            try:
                body = decode(raw)
                answers = batch.run(self.company, self.replays, body, requestid, fault, self.spoken("batch"))
            except Refused as refusal:
                return 400, self.refused(refusal)
            for item in body["BatchItemRequest"]:
                names = [name for name in item if name not in ("bId", "operation", "optionsData")]
                self.items[f"{item.get('operation', 'query')} {' '.join(names)}"] += 1
            return 200, encode({"BatchItemResponse": answers, "time": time})

        return work


async def hang_up(request: Http) -> None:
    """Close the connection under the client, as a gateway does: no status, no body."""
    cycle = getattr(request.receive, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise RuntimeError("commit_then_reset needs a real connection: serve the stand-in with uvicorn")
    transport.abort()
    await asyncio.sleep(0.01)


def application(stand_in: StandIn, control: list[Any]) -> Litestar:
    @get("/connect/oauth2")
    async def authorize(request: Http) -> Answer:
        stand_in.calls["authorize"] += 1
        try:
            back = stand_in.oauth.authorize(dict(request.query_params))
        except OAuthRefused as refusal:
            return stand_in.answer(encode(refusal.body), refusal.status)
        return stand_in.answer(b"", 302, MediaType.TEXT, {"Location": back})

    @post("/oauth2/v1/tokens/bearer", status_code=200)
    async def token(request: Http) -> Answer:
        stand_in.calls["token"] += 1
        form = {name: str(value) for name, value in (await request.form()).items()}
        fault = stand_in.mischief.next("token")
        kind = fault.kind if fault else ""
        if kind in ("429_json", "429_xml"):
            return stand_in.too_many(kind.removeprefix("429_"))
        if kind == "503_before_commit":
            return stand_in.system_failure(503)
        if fault is not None and fault.slow_seconds is not None:
            await asyncio.sleep(fault.slow_seconds)
        wants_hard_expiry = request.headers.get("x-include-refresh-token-hard-expires-in", "").lower() == "true"
        try:
            body = stand_in.oauth.token(request.headers.get("authorization"), form, wants_hard_expiry)
        except OAuthRefused as refusal:
            return stand_in.answer(encode(refusal.body), refusal.status)
        if kind in _LOST:
            return await stand_in._lose(request, kind, encode(body))
        return stand_in.answer(encode(body), headers={"Cache-Control": "no-cache, no-store"})

    @post("/v2/oauth2/tokens/revoke", status_code=200)
    async def revoke(request: Http) -> Answer:
        stand_in.calls["revoke"] += 1
        try:
            if "json" in request.headers.get("content-type", ""):
                given = decode(await request.body()).get("token")
            else:
                given = (await request.form()).get("token")
            stand_in.oauth.revoke(request.headers.get("authorization"), str(given))
        except OAuthRefused as refusal:
            return stand_in.answer(encode(refusal.body), refusal.status)
        except Refused:
            return stand_in.answer(encode({"error": "invalid_request"}), 400)
        return stand_in.answer(b"")

    @post("/v3/company/{realm:str}/batch", status_code=200)
    async def batched(request: Http, realm: FromPath[str]) -> Answer:
        work = stand_in.batch(request.query_params.get("requestid"))
        return await stand_in.call(request, realm, "batch", "batch", work)

    @get("/v3/company/{realm:str}/query")
    async def queried(request: Http, realm: FromPath[str]) -> Answer:
        work = stand_in.query(request.query_params.get("query", ""))
        return await stand_in.call(request, realm, "query", "query", work)

    @post("/v3/company/{realm:str}/query", status_code=200)
    async def queried_by_post(request: Http, realm: FromPath[str]) -> Answer:
        return await stand_in.call(request, realm, "query", "query", stand_in.query(None))

    @post("/v3/company/{realm:str}/{name:str}", status_code=200)
    async def written(request: Http, realm: FromPath[str], name: FromPath[str]) -> Answer:
        entity = books.entity_called(name)
        if entity is None:
            return unsupported(request)
        operation = request.query_params.get("operation", "update").lower()
        if operation == "update":
            operation = "write"
        label = f"{operation} {entity}"
        work = stand_in.write(entity, "update" if operation == "write" else operation, request.query_params)
        return await stand_in.call(request, realm, entity, label, work)

    @get("/v3/company/{realm:str}/{name:str}/{identity:str}")
    async def one(request: Http, realm: FromPath[str], name: FromPath[str], identity: FromPath[str]) -> Answer:
        entity = books.entity_called(name)
        if entity is None:
            return unsupported(request)
        return await stand_in.call(request, realm, entity, f"read {entity}", stand_in.read(entity, identity))

    @get("/v3/company/{realm:str}/preferences")
    async def preferences(request: Http, realm: FromPath[str]) -> Answer:
        work = stand_in.read("Preferences", "1")
        return await stand_in.call(request, realm, "Preferences", "read Preferences", work)

    def unsupported(request: Http) -> Answer:
        path = request.url.path
        what = f"Could not find resource for relative : {path} of full path: https://qbo.intuit.com{path}"
        return stand_in.answer(stand_in.refused(Refused.unsupported(what)), 400)

    def not_routed(request: Http, error: Exception) -> Answer:
        if isinstance(error, HTTPException) and error.status_code in (404, 405):
            return unsupported(request)
        raise error

    api = [authorize, token, revoke, batched, queried, queried_by_post, written, one, preferences]
    return Litestar(
        [*api, *control],
        openapi_config=None,
        logging_config=None,  # the process that embeds us decides about logging
        exception_handlers={404: not_routed, 405: not_routed},
        request_max_body_size=None,
    )
