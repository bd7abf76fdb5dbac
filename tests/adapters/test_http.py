"""The courtesy layer by itself, against a server that answers from a script.

Without these, a vendor's bad minute could become a doubled invoice, an endless wait, or a token in a log.
"""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from adapters.http import Call, CourteousClient, Hidden, Limit, growing_wait, scrubbed
from adapters.simulated.serving import loopback_socket, serving
from domain.errors import OutcomeUnknown, Stopped, Throttled, VendorError

SPEED = 1_000.0
Answer = tuple[int, dict[str, str], bytes]


class Script:
    """An ASGI application that gives one answer after another, the last one for ever; `seen` is what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[str, str, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": message["type"] + ".complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        self.seen.append((scope["method"], scope["path"], body + message.get("body", b"")))
        status, headers, content = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": content})


class Quotas:
    """Remembers what was asked of it, and makes nobody wait."""

    def __init__(self) -> None:
        self.reserved: list[str] = []
        self.paused: list[tuple[str, float]] = []
        self.announced: list[tuple[str, float]] = []
        self.waited: list[float] = []
        self.counted: list[tuple[str, str, str]] = []

    def reserve(self, key: str, rate: float, burst: float) -> float:
        self.reserved.append(key)
        return 0.0

    def pause(self, key: str, seconds: float) -> None:
        self.paused.append((key, seconds))

    def announce(self, key: str, rate: float) -> None:
        self.announced.append((key, rate))

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        time.sleep(seconds)

    def count(self, flow: str, vendor: str, operation: str, calls: int = 1) -> None:
        self.counted.append((flow, vendor, operation))


def ok(content: bytes = b"{}") -> Answer:
    return 200, {"x-request": "r-1"}, content


def refused(status: int) -> Answer:
    return status, {"x-request": "r-2"}, b"no"


Make = Callable[..., tuple[CourteousClient, Script, Quotas, str]]


@pytest.fixture
def make() -> Iterator[Make]:
    """`make(*answers, **options)`: a client, the script it speaks to, its quotas and the address."""
    import contextlib

    with contextlib.ExitStack() as stack:

        def made(*answers: Answer, **options: Any) -> tuple[CourteousClient, Script, Quotas, str]:
            script, quotas = Script(*answers), Quotas()
            listener, url = loopback_socket()
            stack.enter_context(serving(script, listener))
            client = CourteousClient(
                "vendor",
                "us",
                quotas,
                timeout=httpx.Timeout(5),
                throttle_wait=lambda call, attempt: 10.0,
                request_id_header="x-request",
                user_agent="tests",
                **{"speed": SPEED, **options},
            )
            stack.callback(client.close)
            return client, script, quotas, url

        yield made


@pytest.mark.parametrize("bad", [500, 502, 503, 504, 429])
def test_a_call_that_may_be_repeated_is_repeated(make: Make, bad: int) -> None:
    client, script, quotas, url = make(refused(bad), refused(bad), ok(b"done"))

    answer = client.send(Call("op", "GET", url, [Limit("k", 1, 1)]))

    assert answer.content == b"done"
    assert len(script.seen) == 3
    assert quotas.reserved == ["k"] * 3  # each try waits its turn
    assert quotas.counted == [("us", "vendor", "op")] * 3


def test_a_throttled_vendor_is_left_alone_by_all_workers(make: Make) -> None:
    client, _, quotas, url = make(refused(429), ok())

    client.send(Call("op", "GET", url, [Limit("a", 1, 1), Limit("b", 1, 1)]))

    assert quotas.paused == [("a", 10 / SPEED), ("b", 10 / SPEED)]


@pytest.mark.parametrize("status", [500, 503])
def test_a_write_without_a_clear_answer_is_not_repeated_here(make: Make, status: int) -> None:
    client, script, _, url = make(refused(status))

    with pytest.raises(OutcomeUnknown, match=rf"vendor answered op with {status}.*not known.*request r-2"):
        client.send(Call("op", "POST", url, repeatable=False))

    assert len(script.seen) == 1


def test_a_write_that_was_told_to_wait_was_not_done_and_is_repeated(make: Make) -> None:
    client, script, _, url = make(refused(429), ok())

    client.send(Call("op", "POST", url, repeatable=False, content=b"same"))

    assert [body for _, _, body in script.seen] == [b"same", b"same"]


def test_a_broken_content_encoding_is_no_answer(make: Make) -> None:
    client, _, _, url = make((200, {"content-encoding": "gzip"}, b"no gzip"))

    with pytest.raises(OutcomeUnknown, match="DecodingError"):
        client.send(Call("op", "POST", url, repeatable=False))


def test_nobody_there_is_said_after_bounded_tries(make: Make) -> None:
    client, _, quotas, _ = make(ok(), attempts=3)

    with pytest.raises(VendorError, match="could not be reached for op: ConnectError"):
        client.send(Call("op", "GET", "http://127.0.0.1:9/"))

    assert len(quotas.counted) == 3


def test_tries_end_after_so_many(make: Make) -> None:
    client, script, _, url = make(refused(429), attempts=4)

    with pytest.raises(Throttled) as caught:
        client.send(Call("op", "GET", url))

    assert len(script.seen) == 4
    assert (caught.value.vendor, caught.value.code, caught.value.request) == ("vendor", "429", "r-2")


def test_tries_end_when_patience_ends(make: Make) -> None:
    client, script, _, url = make(refused(429), attempts=100, patience_seconds=35.0)
    started = time.monotonic()

    with pytest.raises(Throttled):
        client.send(Call("op", "GET", url))

    assert len(script.seen) <= 4  # waits of 10 s
    assert time.monotonic() - started < 2


def test_a_gate_stops_a_request_before_it_leaves(make: Make) -> None:
    def gate(request: httpx.Request) -> None:
        raise PermissionError(request.method)

    client, script, _, url = make(ok(), gate=gate)

    with pytest.raises(PermissionError):
        client.send(Call("op", "GET", url))

    assert script.seen == []


def test_no_redirect_is_followed(make: Make) -> None:
    """It would carry our credentials elsewhere."""
    client, script, _, url = make((307, {"location": "http://127.0.0.1:9/"}, b""))

    assert client.send(Call("op", "GET", url)).status_code == 307
    assert len(script.seen) == 1


def test_each_call_leaves_one_line_with_its_facts(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client, _, _, url = make(ok())

    client.send(Call("op", "GET", f"{url}/path?signature=secret", params=[("query", "secret")]))

    (line,) = [record for record in caplog.records if record.name in ("ml_connector.http", "httpx")]
    assert line.getMessage().startswith("us vendor op -> 200 in ")
    assert (line.__dict__["operation"], line.__dict__["status"], line.__dict__["request"]) == ("op", "200", "r-1")
    assert "secret" not in caplog.text


def test_waits_grow_and_end() -> None:
    assert all(0 <= growing_wait(failures) <= min(2**failures, 60) for failures in range(1, 40) for _ in range(20))


@pytest.mark.parametrize(
    "secret",
    [
        "Atza|IwEBIA-x_y.z",
        "Atzr|IwEBIA",
        "amzn1.oa2-cs.v1.abcdef",
        "eyJlbmMiOiJBMTI4Q0JDLUhTMjU2In0..abc",
        "RT1-12-H0-abcdefgh",
        "AB01601390262kxzxOlnHYdhtEVRXISU7piPqQrCmmbDN35Yjd",
        "Bearer abcdef",
        "X-Amz-Signature=0123456789abcdef",
        "client_secret=abc",
    ],
)
def test_a_vendors_words_are_repeated_without_secrets(secret: str) -> None:
    assert secret.split("=")[-1].split()[-1] not in scrubbed(f"Token expired: {secret}; and {secret}, again")


def test_ordinary_words_stay() -> None:
    words = "Duplicate Document Number Error: DocNumber=113-1234567-1234567 is assigned to TxnId=17984"
    assert scrubbed(words) == words


def test_what_is_hidden_stays_hidden() -> None:
    assert (
        "secret" not in f"{Hidden('secret')!r} {Hidden('secret')} {Call('op', 'GET', '', form=Hidden({'a': 'secret'}))}"
    )


def test_the_rate_that_a_vendor_announces_is_kept_for_its_limit(make: Make) -> None:
    told = (200, {"x-request": "r-1", "x-rate": "0.5"}, b"{}")
    client, _, quotas, url = make(told, (200, {"x-rate": "much"}, b""), told, rate_header="x-rate")

    client.send(Call("op", "GET", url, [Limit("k", 1, 1)]))
    client.send(Call("op", "GET", url, [Limit("k", 1, 1)]))  # no number
    client.send(Call("op", "GET", url, [Limit("k", 1, 1), Limit("all", 5, 5)]))  # whose would it be?

    assert quotas.announced == [("k", 0.5)]


@pytest.mark.parametrize("bad", [429, 503])
def test_a_wait_after_a_refusal_ends_when_the_run_is_to_end(make: Make, bad: int) -> None:
    client, script, quotas, url = make(*[refused(bad)] * 3, speed=1.0)
    ended: list[float] = []

    def stopped(seconds: float) -> None:
        ended.append(seconds)
        raise Stopped("asked to stop")

    quotas.wait = stopped  # type: ignore[method-assign]
    with pytest.raises(Stopped):
        client.send(Call("op", "GET", url, [Limit("k", 1, 1)]))

    assert len(script.seen) == len(ended) == 1


def test_waits_after_failures_grow_and_are_drawn_from_the_whole_interval() -> None:
    """Full jitter: workers that failed together must not come back together."""
    for failures, most in ((1, 2), (3, 8), (5, 32), (12, 60)):
        waits = [growing_wait(failures) for _ in range(400)]
        assert 0 <= min(waits) < most / 10
        assert most * 0.9 < max(waits) <= most
