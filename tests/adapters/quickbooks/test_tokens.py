"""Refresh tokens that rotate: two workers, a lease that runs out, a reconnection in between.

Without these, two workers refreshing at once, or one dying at the wrong moment, would cut the company off for good.
"""

import base64
import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.database import open_database
from adapters.keyring import KeyRing
from adapters.quickbooks.client import QuickBooksClient
from adapters.simulated.clock import FastClock
from adapters.simulated.quickbooks import stand_in
from adapters.simulated.serving import loopback_socket, serving
from adapters.vault import DatabaseVault
from domain.errors import Conflict, ConnectionLost, VendorError

SPEED = 2_000.0
NO_QUOTAS = {"requests_per_second": 10**6, "requests_per_minute": 10**6, "batches_per_minute": 10**6}


def now() -> datetime:
    return datetime.now(UTC)


class Free:
    def reserve(self, key: str, rate: float, burst: float) -> float:
        return 0.0

    def pause(self, key: str, seconds: float) -> None: ...

    def announce(self, key: str, rate: float) -> None: ...

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def count(self, flow: str, vendor: str, operation: str, calls: int = 1) -> None: ...


class TroubledVault:
    """A vault in which something happens: `before_replace` runs before a value is stored and may raise."""

    def __init__(self, **value: str) -> None:
        self.value = dict(value)
        self.stored: list[dict[str, str]] = []
        self.before_replace: Callable[[], None] = lambda: None
        self.before_read: Callable[[], None] = lambda: None
        self.lock = threading.Lock()

    def get(self, flow: str, name: str) -> dict[str, str] | None:
        return dict(self.value)

    def put(self, flow: str, name: str, value: dict[str, str]) -> None:
        self.value = dict(value)

    def delete(self, flow: str, name: str) -> None:
        self.value = {}

    @contextlib.contextmanager
    def locked(self, flow: str, name: str) -> Iterator["TroubledSlot"]:
        with self.lock:
            yield TroubledSlot(self)


class TroubledSlot:
    def __init__(self, vault: TroubledVault) -> None:
        self._vault = vault

    @property
    def value(self) -> dict[str, str]:
        self._vault.before_read()
        return dict(self._vault.value)

    def replace(self, value: dict[str, str]) -> None:
        self._vault.before_replace()
        self._vault.value = dict(value)
        self._vault.stored.append(dict(value))


class Place:
    def __init__(self, url: str, facts: dict[str, str], speed: float) -> None:
        self.url, self.facts, self.speed = url, facts, speed
        self.vault = TroubledVault(refresh_token=facts["refresh_token"], realm=facts["realm"])

    def client(self, vault: Any = None, **changes: str) -> QuickBooksClient:
        facts = self.facts | changes
        return QuickBooksClient(
            "us", facts["realm"], self.url, facts["token_url"], facts["client_id"], facts["client_secret"],
            vault or self.vault, Free(), now, self.speed,
        )  # fmt: skip

    def control(self, name: str, body: Any = None) -> Any:
        url = f"{self.url}/_simulated/{name}"
        answer = httpx.get(url) if body is None else httpx.post(url, json=body)
        answer.raise_for_status()
        return answer.json()

    def tokens_asked(self) -> int:
        return int(self.control("calls")["calls"].get("token", 0))

    def reconnect(self) -> str:
        """A person connects again: the former tokens are dead."""
        asked = {
            "client_id": self.facts["client_id"], "response_type": "code", "redirect_uri": "https://x.example/",
            "scope": "com.intuit.quickbooks.accounting", "state": "s",
        }  # fmt: skip
        back = httpx.URL(httpx.get(self.facts["authorize_url"], params=asked).headers["location"])
        form = {"grant_type": "authorization_code", "code": back.params["code"], "redirect_uri": "https://x.example/"}
        credentials = (self.facts["client_id"], self.facts["client_secret"])
        return str(httpx.post(self.facts["token_url"], data=form, auth=credentials).json()["refresh_token"])


Serve = Callable[..., Place]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with contextlib.ExitStack() as stack:

        def served(speed: float = SPEED, **dials: Any) -> Place:
            listener, url = loopback_socket()
            app, facts = stand_in(FastClock(speed), url, **{**NO_QUOTAS, "rotate_every_refresh": True, **dials})
            stack.enter_context(serving(app, listener))
            return Place(url, facts, speed)

        yield served


@pytest.fixture
def place(serve: Serve) -> Place:
    return serve(speed=1.0)


def test_a_token_is_used_as_long_as_it_lasts_by_every_client(place: Place) -> None:
    for _ in range(3):
        client = place.client()
        client.accounts()
        client.accounts()

    assert place.tokens_asked() == 1


def test_the_new_refresh_token_is_stored_before_the_access_token_is_used(place: Place) -> None:
    seen: list[int] = []
    place.vault.before_replace = lambda: seen.append(place.control("calls")["calls"].get("query", 0))
    before = dict(place.vault.value)

    place.client().accounts()

    assert seen == [0]
    (stored,) = place.vault.stored
    assert stored["refresh_token"] != before["refresh_token"]
    assert stored["realm"] == place.facts["realm"]
    assert datetime.fromisoformat(stored["expires_at"]) > now()
    assert stored["refresh_expires_at"] < stored["hard_expires_at"]


def test_tokens_that_end_all_the_time_are_renewed_all_the_time(serve: Serve) -> None:
    """An hour passes in 1.8 s; every token is a new one."""
    import time

    place = serve()
    client = place.client()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        client.accounts()

    assert 2 <= place.tokens_asked() <= 6


def test_a_token_that_dies_early_is_renewed_and_the_same_write_goes_again(place: Place) -> None:
    client = place.client()
    client.accounts()
    place.control("faults", [{"on": "Customer", "kind": "expire_token"}])

    client.create_customer("Amazon", "USD", "c1")

    assert place.tokens_asked() == 2
    assert place.control("documents")["Customer"] == 1


def test_threads_that_need_a_token_at_once_ask_for_one(place: Place) -> None:
    problems: list[Exception] = []
    shared = place.client()

    def work(client: QuickBooksClient) -> None:
        try:
            for _ in range(5):
                client.accounts()
        except Exception as error:
            problems.append(error)

    clients = [shared, shared, *(place.client() for _ in range(4))]
    for _ in range(3):
        place.control("faults", [{"on": "query", "kind": "expire_token"}])
        threads = [threading.Thread(target=work, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert problems == []
    assert place.tokens_asked() == 4  # the first one, and one each time all died


PROCESS = """
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from adapters.database import open_database
from adapters.keyring import KeyRing
from adapters.quickbooks.client import QuickBooksClient
from adapters.vault import DatabaseVault

class Free:
    def reserve(self, *_): return 0.0
    def pause(self, *_): pass
    def announce(self, *_): pass
    def wait(self, seconds): time.sleep(seconds)
    def count(self, *_): pass

database_url, key, speed, url, token_url, realm, client_id, client_secret = sys.argv[1:]
now = lambda: datetime.now(UTC)
vault = DatabaseVault(open_database(database_url), KeyRing.from_settings(key, "", Path("never-used")), now)
client = QuickBooksClient("us", realm, url, token_url, client_id, client_secret, vault, Free(), now, float(speed))
for _ in range(60):
    client.accounts()
"""


@pytest.mark.slow
def test_two_processes_share_one_rotating_token(serve: Serve, tmp_path: Path) -> None:
    """An access token lasts 0.36 s and every refresh kills the former refresh token."""
    place = serve(speed=10_000.0)
    key = base64.b64encode(b"k" * 32).decode()
    database_url = f"sqlite:///{tmp_path / 'vault.db'}"
    database = open_database(database_url)
    vault = DatabaseVault(database, KeyRing.from_settings(key, "", Path("never-used")), now)
    vault.put("us", "quickbooks", dict(place.vault.value))
    facts = place.facts
    arguments = [database_url, key, "10000", place.url, facts["token_url"], facts["realm"], facts["client_id"]]

    workers = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, *arguments, facts["client_secret"]],
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        for _ in range(2)
    ]
    ends = [worker.communicate(timeout=60)[1].decode() for worker in workers]

    assert [worker.returncode for worker in workers] == [0, 0], ends
    assert place.client(vault).accounts()
    database.close()


def test_a_lease_lost_before_storing_does_not_lose_the_token(place: Place) -> None:
    """QuickBooks has killed the old token by then: ours is the only one that works."""
    tries: list[int] = []

    def lose_once() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise Conflict("the lease ran out")

    place.vault.before_replace = lose_once

    place.client().accounts()

    assert place.tokens_asked() == 1
    assert place.client().accounts()


def test_a_reconnection_meanwhile_wins_over_what_we_were_about_to_store(place: Place) -> None:
    def reconnect_once() -> None:
        place.vault.before_replace = lambda: None
        place.vault.value = {"refresh_token": place.reconnect(), "realm": place.facts["realm"]}
        raise Conflict("somebody stored another credential")

    place.vault.before_replace = reconnect_once

    assert place.client().accounts()


def test_a_dead_token_is_believed_only_if_it_is_still_the_one_that_is_stored(place: Place) -> None:
    fresh = place.reconnect()
    reads: list[int] = []

    def stored_meanwhile() -> None:
        reads.append(1)
        if len(reads) == 2:
            place.vault.value["refresh_token"] = fresh

    place.vault.before_read = stored_meanwhile

    assert place.client().accounts()


def test_a_dead_token_ends_the_connection_and_says_what_to_do(place: Place) -> None:
    place.reconnect()
    before = dict(place.vault.value)

    with pytest.raises(ConnectionLost, match=r"invalid_grant: .*ml-connector connect quickbooks us") as caught:
        place.client().accounts()

    assert caught.value.vendor == "quickbooks"
    assert place.vault.value == before  # nothing that is no token is ever stored
    assert place.tokens_asked() == 2 + 0  # the reconnection's own, and one try


def test_wrong_application_credentials_are_the_operators(place: Place) -> None:
    with pytest.raises(VendorError, match=r"401 invalid_client: .*QUICKBOOKS_CLIENT_SECRET") as caught:
        place.client(client_secret="wrong").accounts()

    assert not isinstance(caught.value, ConnectionLost)


@pytest.mark.parametrize("kind", ["429_json", "429_xml", "503_before_commit"])
def test_a_bad_moment_of_the_token_service_is_waited_out(serve: Serve, kind: str) -> None:
    place = serve()
    place.control("faults", [{"on": "token", "kind": kind}])
    if kind.startswith("429"):
        # Waiting a minute would outlast the vault's lease; the caller comes again.
        with pytest.raises(VendorError, match="token"):
            place.client().accounts()

    assert place.client().accounts()


@pytest.mark.parametrize("kind", ["commit_then_503", "commit_then_reset", "commit_then_html"])
def test_a_lost_answer_is_survived_where_the_token_did_not_change(serve: Serve, kind: str) -> None:
    """As on all but about one refresh a day. Where it did change, Intuit has no way back: a person must connect."""
    place = serve(rotate_every_refresh=False)
    place.control("faults", [{"on": "token", "kind": kind}])

    assert place.client().accounts()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"access_token":"x"}',
        b'{"error":"x"}',
        b'{"access_token":"","refresh_token":"","expires_in":3600}',
        b'{"access_token":"a","refresh_token":null,"expires_in":3600}',
    ],
)
def test_what_is_no_token_is_never_stored(place: Place, body: bytes) -> None:
    from typing import Any

    async def bad(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": message["type"] + ".complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    listener, url = loopback_socket()
    before = dict(place.vault.value)
    with serving(bad, listener), pytest.raises(VendorError, match="token with 200 unreadable"):
        place.client(token_url=url).accounts()

    assert place.vault.value == before
