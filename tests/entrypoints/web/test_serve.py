"""`ml-connector serve` as a process, over real HTTP, on both databases: a cycle asked for is run and watched."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from api import make_token
from receivers import hook

from adapters.alerts.book import DatabaseAlertBook
from application.access import revoke_token
from application.alerts import webhook_channel
from entrypoints.settings import PREFIX


@contextmanager
def serving(environment: dict[str, str], *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The process and its address."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    process = subprocess.Popen(
        [sys.executable, "-m", "entrypoints.cli", "serve", "--port", "0", *arguments],
        env={**clean, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", said)):
            line = process.stderr.readline()
            assert line, f"it ended: {said}"
            said += line
        yield found.group(), process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=30)


def test_a_cycle_is_asked_for_run_by_the_timer_and_watched(open_shop: Any) -> None:
    with open_shop(orders=30, settlements=1, seed=3) as shop:
        shop.set_up()
        shop.services.flow_setup.pause("us", "tests")  # or the timer would run it at once by its schedule
        operator = {"Authorization": f"Bearer {make_token(shop.services, 'ops', 'operator')}"}
        with serving(shop.environment()) as (url, process), httpx.Client(base_url=f"{url}/api/v1", timeout=30) as http:
            http.headers.update(operator)
            assert httpx.get(f"{url}/health").json()["status"] == "ok"
            resumed = http.post("/flows/us/resume", headers={"Idempotency-Key": "1"}).json()
            asked = http.post("/flows/us/sync", headers={"Idempotency-Key": "2"}).json()
            assert asked["position"] > resumed["position"]
            again = http.post("/flows/us/sync", headers={"Idempotency-Key": "2"})
            assert again.json() == asked
            assert again.headers["idempotency-replayed"] == "true"

            cycle = _first_cycle(http)
            events = []
            with http.stream("GET", f"/flows/us/cycles/{cycle}/progress") as stream:
                assert stream.headers["content-type"].startswith("text/event-stream")
                kind = ""
                for line in stream.iter_lines():
                    name, _, value = line.partition(": ")
                    if name == "event":
                        kind = value
                    elif name == "data":
                        events.append((kind, json.loads(value)))
            assert events[-1][0] == "finished", events
            assert events[-1][1]["steps"]["ordersNew"] == 30
            assert events[-1][1]["steps"]["depositsPosted"] == 1

            status = http.get("/flows/us/status", params={"after": events[-1][1]["position"]}).json()
            assert status["ties"] is True
            assert status["lastCycle"]["cycle"] == cycle
            ready = httpx.get(f"{url}/ready")
            assert ready.status_code == 200, ready.text

            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0


def test_told_to_stop_within_a_cycle_it_ends_the_call_in_hand_and_gives_the_flow_back(open_shop: Any) -> None:
    """Ended within a call, nobody would know what became of it, and the flow would wait for a dead process."""
    with open_shop(orders=400, settlements=2, seed=3) as shop:
        shop.set_up()
        shop.control("quickbooks", "faults", [{"on": "batch", "kind": "slow:0.5", "times": 50}])
        with serving(shop.environment()) as (_, process):
            _until(lambda: shop.rows("batches"))
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0

        shop.services.views.catch_up()
        assert shop.services.views.open_batches("us") == []  # what was sent is answered
        (cycle,) = shop.rows("cycles")
        assert cycle["status"] == "stopped"
        leases = shop.services.leases
        assert not leases.states()["us"].held
        assert leases.workers() == []


def _until(seen: Callable[[], Any], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_what_another_process_recorded_is_waited_for(open_shop: Any) -> None:
    """Two processes on one database: a command in the one, its reader in the other."""
    with open_shop(orders=1, settlements=1) as shop:
        shop.set_up()
        admin = {"Authorization": f"Bearer {make_token(shop.services, 'boss', 'admin')}"}
        environment = shop.environment()
        with serving(environment, "--no-timer") as (one, _), serving(environment, "--no-timer") as (other, _):
            body = {"why": "x", "rules": [{"transactionType": "A", "amountType": "B", "amountDescription": "C",
                                           "account": "OTHFEE"}]}  # fmt: skip
            headers = {**admin, "Idempotency-Key": "same"}
            path = "/api/v1/flows/us/mapping/changes"
            first = httpx.post(one + path, json=body, headers=headers, timeout=30).json()
            repeated = httpx.post(other + path, json=body, headers=headers, timeout=30)
            assert repeated.json() == first
            assert repeated.headers["idempotency-replayed"] == "true"
            seen = httpx.get(
                f"{other}/api/v1/flows/us/events",
                params={"after": first["position"], "name": "mapping.changed.v1", "limit": 1},
                headers=admin,
                timeout=30,
            ).json()["items"]
            assert [(row["position"] <= first["position"], row["by"]) for row in seen] == [(True, "api:boss")]


def test_what_waits_to_be_told_is_delivered_by_the_timers_process_between_cycles(open_shop: Any) -> None:
    with open_shop(orders=60, settlements=3, seed=11, troubles=("unmapped_line",)) as shop, hook() as receiver:
        shop.set_up()
        shop.services.flow_setup.pause("us", "tests")  # no cycle will tell it
        channel = webhook_channel(receiver.url)
        shop.services.alerts.add_channel("us", "chat", channel.settings, channel.address, "tests")
        receiver.dead = True
        shop.sync()
        assert shop.services.alerts.troubled()["us"].waiting == 1
        receiver.dead = False
        now = shop.services.clock()
        DatabaseAlertBook(shop.services.database).failed("us", "chat", "it rested long enough", now, now)
        with serving(shop.environment(), "--no-timer"):
            time.sleep(1)
            assert receiver.posts == []
        with serving(shop.environment()):
            until = time.monotonic() + 30
            while not receiver.posts and time.monotonic() < until:
                time.sleep(0.05)
        assert [json.loads(body)["event"] for _, body in receiver.posts] == ["raised"]
        assert shop.services.alerts.troubled() == {}


def _first_cycle(http: httpx.Client) -> str:
    for _ in range(300):
        items = http.get("/flows/us/cycles").json()["items"]
        if items:
            return str(items[-1]["cycle"])
        time.sleep(0.1)
    raise AssertionError("no cycle began within 30 s")


def test_a_stream_ends_with_the_token_it_was_opened_with(open_shop: Any) -> None:
    with open_shop(orders=400, settlements=2, seed=3) as shop:
        shop.set_up()
        shop.control("quickbooks", "faults", [{"on": "batch", "kind": "slow:1", "times": 50}])
        leaky = {"Authorization": f"Bearer {make_token(shop.services, 'leaky', 'reader')}"}
        with serving(shop.environment()) as (url, process), httpx.Client(base_url=f"{url}/api/v1", timeout=30) as http:
            http.headers.update(leaky)
            cycle = _first_cycle(http)
            with http.stream("GET", f"/flows/us/cycles/{cycle}/progress") as stream:
                lines = stream.iter_lines()
                assert next(lines)
                services = shop.services
                revoke_token("leaky", services.tokens, services.store, services.clock, "tests")
                events = [line for line in lines if line.startswith("event: ")]
            assert set(events) <= {"event: progress"}  # cut off: the cycle's end is not told any more
            _until(lambda: http.get("/me").status_code == 401, 5)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
