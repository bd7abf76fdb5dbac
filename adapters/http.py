"""The one courtesy layer towards both vendors: limits, retries, redaction, a line of log per call.

A call waits its turn in the shared quota rows, is tried again where that is harmless, and ends as an answer or as one
of our errors. Nothing secret gets into a log line or an error: addresses are logged without their query, headers and
bodies not at all.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import msgspec
import stamina

from domain.errors import Throttled, VendorError

log = logging.getLogger("ml_connector.http")


class QuotaKeeper(Protocol):
    """What a client needs of the quota rows (adapters/quota.py)."""

    def reserve(self, key: str, rate: float, burst: float) -> float: ...

    def pause(self, key: str, seconds: float) -> None: ...

    def count(self, flow: str, vendor: str, operation: str, calls: int = 1) -> None: ...


class Limit(msgspec.Struct, frozen=True):
    """A token bucket: its row, its rate per second and its burst."""

    key: str
    rate: float
    burst: float


class Call(msgspec.Struct, frozen=True):
    """One call to make, by the vendor's own name; a `repeatable` one is tried again on any failure."""

    operation: str
    method: str
    url: str
    limits: Sequence[Limit] = ()
    repeatable: bool = True
    params: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = {}
    content: bytes | None = None
    timeout_seconds: float | None = None


class _TryAgain(Exception):
    """A try that may be repeated; `wait` is in the vendor's seconds, None for the usual growing wait."""

    def __init__(self, failure: VendorError, wait: float | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.wait = wait


# How a vendor's 429 is answered: seconds to wait, in the vendor's time, by attempt.
ThrottleWait = Callable[[Call, int], float]


class CourteousClient:
    """An httpx client for one vendor connection of one flow.

    `speed` shortens every wait, for stand-ins whose clocks run fast.
    """

    def __init__(
        self,
        vendor: str,
        flow: str,
        quotas: QuotaKeeper,
        *,
        timeout: httpx.Timeout,
        throttle_wait: ThrottleWait,
        request_id_header: str,
        speed: float = 1.0,
        attempts: int = 5,
        user_agent: str = "ml-connector/0.1 (Language=Python)",
    ) -> None:
        self._vendor = vendor
        self._flow = flow
        self._quotas = quotas
        self._throttle_wait = throttle_wait
        self._request_id_header = request_id_header
        self._speed = speed
        self._attempts = attempts
        limits = httpx.Limits(max_connections=10, max_keepalive_connections=10)
        self._http = httpx.Client(
            timeout=timeout, limits=limits, headers={"User-Agent": user_agent}, follow_redirects=False
        )

    def send(self, call: Call, auth: httpx.Auth | None = None) -> httpx.Response:
        """The answer, whatever its status below 500; 429 and, where repeatable, 5xx and lost connections are retried.

        Raises Throttled where the vendor still refuses after all tries, VendorError where it cannot be reached, and
        httpx.TransportError for a call that must not be repeated blindly.
        """
        throttled = 0
        try:
            for attempt in stamina.retry_context(
                on=self._backoff, attempts=self._attempts, timeout=None, wait_initial=0.5 / self._speed,
                wait_max=60 / self._speed, wait_jitter=0.5 / self._speed,
            ):  # fmt: skip
                with attempt:
                    answer = self._once(call, auth)
                    if answer.status_code == 429:
                        throttled += 1
                        raise _TryAgain(self.refusal(call, answer, Throttled), self._throttle_wait(call, throttled))
                    if answer.status_code >= 500 and call.repeatable:
                        raise _TryAgain(self.refusal(call, answer))
                    return answer
        except _TryAgain as last:
            raise last.failure from None
        raise AssertionError("unreachable")

    def refusal(
        self, call: Call, answer: httpx.Response, kind: type[VendorError] = VendorError, code: str = "", text: str = ""
    ) -> VendorError:
        """An error that names vendor, operation, status, the vendor's code and request id, and nothing secret."""
        request_id = answer.headers.get(self._request_id_header, "")
        words = f": {text}" if text else ""
        return kind(
            f"{self._vendor} answered {call.operation} with {answer.status_code} {code}".rstrip()
            + words
            + (f" (request {request_id})" if request_id else ""),
            vendor=self._vendor,
            code=code or str(answer.status_code),
            request=request_id,
        )

    def close(self) -> None:
        self._http.close()

    def _once(self, call: Call, auth: httpx.Auth | None) -> httpx.Response:
        for limit in call.limits:
            wait = self._quotas.reserve(limit.key, limit.rate, limit.burst)
            if wait > 0:
                time.sleep(wait)
        started = time.monotonic()
        status: Any = "no answer"
        try:
            answer = self._http.request(
                call.method,
                call.url,
                params=list(call.params) or None,
                headers=dict(call.headers),
                content=call.content,
                auth=auth,
                timeout=call.timeout_seconds if call.timeout_seconds is not None else httpx.USE_CLIENT_DEFAULT,
            )
            status = answer.status_code
            return answer
        except httpx.TransportError as error:
            status = type(error).__name__
            if not call.repeatable:
                raise
            message = f"{self._vendor} could not be reached for {call.operation}: {status}"
            raise _TryAgain(VendorError(message, vendor=self._vendor, code=status)) from None
        finally:
            self._quotas.count(self._flow, self._vendor, call.operation)
            log.info(
                "%s %s %s -> %s in %d ms", self._vendor, call.operation, urlsplit(call.url).path, status,
                (time.monotonic() - started) * 1_000,
            )  # fmt: skip

    def _backoff(self, error: Exception) -> bool | float:
        if not isinstance(error, _TryAgain):
            return False
        if error.wait is None:
            return True
        return error.wait / self._speed


def full_jitter(seconds: float) -> float:
    """A wait drawn from the whole interval, so that many workers do not come back together."""
    return random.uniform(seconds / 2, seconds)
