"""How fast the API answers, against a bare Litestar endpoint that returns the very same bytes in the same run.

    python tests/bench/bench_api.py [--orders 100000] [--seconds 4] [--rounds 3] [--postgresql | --url postgresql://...]

Two servers as `serve` runs them (uvicorn, uvloop, httptools, one process each) are asked in turns by one client over 16
connections that stay open. How to read it: `list/bare` is the requests per second of a page of 50 orders, with its
token, rate, headers and metrics, over those of a handler that returns the page's bytes from memory. It travels between
machines where requests per second do not. 1.00 would mean that all of that costs nothing; 0.35 is what we hold
ourselves to. The server keeps such an answer while the views stand still; `anew/bare` is the same page made from the
database for every request (each asks for it in other words), which is what the first reader after a change sees. The
client and, with --postgresql, the database share the machine's cores. `status` is the time of /flows/us/status with all
the orders stored, made anew each time, one request after another: the median and the slowest, in milliseconds; 150 is
what we hold ourselves to.
"""

import argparse
import asyncio
import contextlib
import itertools
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "support"), str(Path(__file__).parent)]

import httpx
import postgres
import uvicorn
import uvloop
from bench_rebuild import FLOW, trade
from litestar import Litestar, Response, get

from adapters.simulated.serving import loopback_socket
from application.access import create_token
from entrypoints.bootstrap import Services
from entrypoints.settings import PREFIX, load
from entrypoints.web.app import CONNECTIONS as WEB_CONNECTIONS
from entrypoints.web.app import create_app

CONNECTIONS = 16
PAGE = f"/api/v1/flows/{FLOW}/orders?limit=50"
STATUS = f"/api/v1/flows/{FLOW}/status"
OTHER_WORDS = 5_000  # more than the server keeps answers
TARGET, TARGET_MILLISECONDS = 0.35, 150


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--orders", type=int, default=100_000)
    arguments.add_argument("--seconds", type=float, default=4.0)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--url", default="")
    arguments.add_argument("--postgresql", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        url = given.url or f"sqlite:///{folder}/books.db"
        if given.postgresql:
            url = stack.enter_context(postgres.server(())).create()
        environment = {
            PREFIX + "HOME": folder,
            PREFIX + "DATABASE_URL": url,
            PREFIX + "REQUESTS_PER_MINUTE": "10000000",
        }
        token = prepared(environment, given.orders)
        headers = {"Authorization": f"Bearer {token}"}
        ours = stack.enter_context(served(serve_ours, environment))
        page = httpx.get(ours + PAGE, headers=headers)
        page.raise_for_status()
        assert len(page.json()["items"]) == 50
        bare = stack.enter_context(served(serve_bare, page.content))
        assert httpx.get(bare + "/bare").content == page.content
        measure_page(ours, bare, token, len(page.content), given.rounds, given.seconds)
        measure_status(ours, headers, given.orders)


def prepared(environment: dict[str, str], orders: int) -> str:
    """A database with a year's trade, folded; a token for it."""
    services = Services(load(environment), "bench", lambda: datetime.now(UTC))
    began = time.perf_counter()
    for appends in trade(orders):
        services.store.append(appends)
    services.views.catch_up()
    print(f"{orders:,} orders stored and folded in {time.perf_counter() - began:.0f} s")
    made = create_token("bench", "reader", [], None, services.tokens, services.store, [], services.clock, "bench")
    services.close()
    return made.secret


def measure_page(ours: str, bare: str, token: str, size: int, rounds: int, seconds: float) -> None:
    figures: list[tuple[float, ...]] = []
    anew = [f"{PAGE}&after={number}" for number in range(OTHER_WORDS)]
    for number in range(rounds + 1):
        loads = ((bare, ["/bare"]), (ours, [PAGE]), (ours, anew))
        found = tuple(load_of(url, paths, token, seconds) for url, paths in loads)
        if number:  # the first round warms all up
            figures.append(found)
    plain, listed, made = (median(column) for column in zip(*figures, strict=True))
    print(f"a page of 50 orders ({size:,} bytes), requests/s: {listed:,.0f}, made anew {made:,.0f}, bare {plain:,.0f}")
    print(f"list/bare {listed / plain:.2f} (target {TARGET}), anew/bare {made / plain:.2f}")


def measure_status(ours: str, headers: dict[str, str], orders: int) -> None:
    took = []
    with httpx.Client(base_url=ours, headers=headers, timeout=60) as client:
        for number in range(21):
            began = time.perf_counter()
            client.get(f"{STATUS}?after={number}").raise_for_status()
            took.append((time.perf_counter() - began) * 1_000)
    print(
        f"status with {orders:,} orders: median {median(took):.0f} ms, slowest {max(took):.0f} ms "
        f"(target {TARGET_MILLISECONDS})"
    )


# --- the client: one process, connections that stay open, answers told apart by their length -------------------------


def load_of(url: str, paths: list[str], token: str, seconds: float) -> float:
    """Requests per second."""
    return uvloop.run(_ask(url, paths, token, seconds))


async def _ask(url: str, paths: list[str], token: str, seconds: float) -> float:
    host, port = urlsplit(url).hostname, urlsplit(url).port
    words = f"HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
    requests = itertools.cycle([f"GET {path} {words}".encode() for path in paths])
    length = await _length(host, port, next(requests))
    loop = asyncio.get_running_loop()
    askers = [
        (await loop.create_connection(lambda: _Asker(requests, length), host, port))[1] for _ in range(CONNECTIONS)
    ]
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    answered = sum(asker.answered for asker in askers)
    took = time.perf_counter() - began
    for asker in askers:
        asker.close()
    return answered / took


async def _length(host: Any, port: Any, request: bytes) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    body = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    writer.close()
    return len(head) + body


class _Asker(asyncio.Protocol):
    """Asks again as soon as it is answered. All answers of one address have the same length."""

    def __init__(self, requests: Iterator[bytes], length: int) -> None:
        self.answered = 0
        self._requests, self._length, self._got = requests, length, 0
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._got += len(data)
        if self._got >= self._length:
            assert self._got == self._length, "an answer of another length"
            self._got = 0
            self.answered += 1
            self._transport.write(next(self._requests))

    def close(self) -> None:
        self._transport.abort()


# --- the servers ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def served(serve: Any, what: Any) -> Iterator[str]:
    """A server in a process of its own; its address."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(what, theirs), daemon=True)
    process.start()
    url: str = ours.recv()
    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url + "/health")
            break
        time.sleep(0.05)
    try:
        yield url
    finally:
        process.terminate()
        process.join(10)


def serve_ours(environment: dict[str, str], pipe: Any) -> None:
    services = Services(load(environment), "bench", lambda: datetime.now(UTC), connections=WEB_CONNECTIONS)
    _serve(create_app(services), pipe)


def serve_bare(content: bytes, pipe: Any) -> None:
    @get("/bare", sync_to_thread=False)
    def bare() -> Response[bytes]:
        return Response(content, media_type="application/json")

    _serve(Litestar([bare], openapi_config=None, logging_config=None), pipe)


def _serve(app: Any, pipe: Any) -> None:
    listener, url = loopback_socket()
    pipe.send(url)
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", log_level="warning", access_log=False, server_header=False
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
