"""The one courtesy layer towards both vendors: limits, retries, redaction, a line of log per call.

A call waits its turn in the shared quota rows, is tried again where that is harmless, and ends as an answer or as one
of our errors. Nothing secret gets into a log line, an error or a variable that a traceback would print: secrets travel
in `Hidden`, addresses are never logged, and a vendor's words are scrubbed before they are repeated.
"""

import contextlib
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Generic, Protocol, TypeVar

import httpx
import msgspec
import stamina

from adapters.redaction import CERTAIN, conceal, redacted
from domain.errors import OutcomeUnknown, Throttled, VendorError

log = logging.getLogger("ml_connector.http")

FIRST_WAIT_SECONDS = 1.0  # after a vendor's own failure: doubled each time, drawn from the whole interval
LONGEST_WAIT_SECONDS = 60.0
UNREADABLE = "unreadable"  # the code of an answer that is none
WORDS_LENGTH = 400  # of a vendor's message that we repeat: QuickBooks lists 83 names in some

T = TypeVar("T")


class Hidden(Generic[T]):
    """A secret that no repr and no line of log shows; `value` is named only where it is used."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value
        match value:
            case str():
                conceal(value)
            case dict():
                conceal(*map(str, value.values()), shortest=CERTAIN)
            case tuple():
                conceal(*map(str, value), shortest=CERTAIN)

    def __repr__(self) -> str:
        return "<hidden>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


class QuotaKeeper(Protocol):
    """What a client needs of the quota rows (adapters/quota.py)."""

    def reserve(self, key: str, rate: float, burst: float) -> float: ...

    def pause(self, key: str, seconds: float) -> None: ...

    def announce(self, key: str, rate: float) -> None: ...

    def wait(self, seconds: float) -> None: ...

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
    form: Hidden[dict[str, str]] | None = None
    auth: httpx.Auth | None = None
    timeout_seconds: float | None = None
    patience_seconds: float | None = None

    def __repr__(self) -> str:
        return f"<Call {self.operation}>"


class _TryAgain(Exception):
    """A try that may be repeated."""

    def __init__(self, failure: VendorError) -> None:
        super().__init__(str(failure))
        self.failure = failure


_NO_WAIT: dict[str, Any] = {"wait_initial": 0.0, "wait_max": 0.0, "wait_jitter": 0.0}


class CourteousClient:
    """An httpx client for one vendor connection of one flow.

    `throttled` says whether an answer asks to wait, `throttle_wait` for how long by attempt; `gate` sees every request
    before it leaves and may raise. A call is tried at most `attempts` times and, counted from its first failure, not
    beyond `patience_seconds`. Where the vendor announces rates, `rate_header` has a call's own, per second; it is kept
    for the call's only limit. All seconds are the vendor's: `speed` shortens them for stand-ins whose clocks run fast.
    Only `clock_ahead` is in real seconds: by how many the vendor's clock was ahead of ours at its last answer.
    """

    def __init__(
        self,
        vendor: str,
        flow: str,
        quotas: QuotaKeeper,
        *,
        timeout: httpx.Timeout,
        throttle_wait: Callable[[Call, int], float],
        request_id_header: str,
        user_agent: str,
        throttled: Callable[[httpx.Response], bool] = lambda answer: answer.status_code == 429,
        gate: Callable[[httpx.Request], None] | None = None,
        rate_header: str = "",
        speed: float = 1.0,
        attempts: int = 6,
        patience_seconds: float = 1_800.0,
    ) -> None:
        self._vendor = vendor
        self._flow = flow
        self._quotas = quotas
        self._throttled = throttled
        self._throttle_wait = throttle_wait
        self._request_id_header = request_id_header
        self._rate_header = rate_header
        self._speed = speed
        self._attempts = attempts
        self._patience_seconds = patience_seconds
        self.clock_ahead: float | None = None
        self._http = httpx.Client(
            timeout=timeout,
            limits=httpx.Limits(max_connections=10, max_keepalive_connections=10),
            headers={"User-Agent": user_agent},
            follow_redirects=False,
            event_hooks={"request": [gate]} if gate is not None else {},
        )

    def send(self, call: Call) -> httpx.Response:
        """The answer, whatever its status below 500.

        Where the vendor asks to wait, the call is tried again, and so is a repeatable one that failed. Raises Throttled
        where the vendor still refuses, VendorError where it cannot be reached, and, for a call that must not be
        repeated blindly, OutcomeUnknown at its first failure.
        """
        failures = throttlings = 0
        seconds, until = 0.0, float("inf")
        failure: VendorError
        try:
            # stamina counts the tries; what is waited between them is the vendor's to say, and a stop may end it.
            for attempt in stamina.retry_context(on=_TryAgain, attempts=self._attempts, timeout=None, **_NO_WAIT):
                with attempt:
                    if seconds:
                        self._quotas.wait(seconds / self._speed)
                    answer, problem = self._once(call)
                    if answer is not None and self._throttled(answer):
                        throttlings += 1
                        seconds = self._throttle_wait(call, throttlings)
                        for limit in call.limits:
                            self._quotas.pause(limit.key, seconds / self._speed)
                        failure = self.refusal(call.operation, answer, Throttled)
                    elif answer is not None and answer.status_code < 500:
                        return answer
                    else:
                        failures += 1
                        seconds = growing_wait(failures)
                        kind = VendorError if call.repeatable else OutcomeUnknown
                        failure = (
                            self.refusal(call.operation, answer, kind)
                            if answer is not None
                            else self._unreached(call, problem)
                        )
                    throttled = isinstance(failure, Throttled)
                    now = time.monotonic()
                    until = min(until, now + self._patience(call) / self._speed)
                    if not (throttled or call.repeatable) or now + seconds / self._speed > until:
                        raise failure
                    raise _TryAgain(failure)
        except _TryAgain as last:
            failure = last.failure
        raise failure  # out here, so that no request hangs on it as context

    def refusal(
        self,
        operation: str,
        answer: httpx.Response,
        kind: type[VendorError] = VendorError,
        code: str = "",
        text: str = "",
    ) -> VendorError:
        """An error that names vendor, operation, status, the vendor's code and request id, and nothing secret."""
        request_id = answer.headers.get(self._request_id_header, "")
        words = [f"{self._vendor} answered {operation} with {answer.status_code}"]
        if code and code != str(answer.status_code):
            words.append(code)
        said = " ".join(words) + (f": {scrubbed(text)}" if text else "")
        if kind is OutcomeUnknown:
            said += "; what became of it is not known"
        return kind(
            said + (f" (request {request_id})" if request_id else ""),
            vendor=self._vendor,
            code=code or str(answer.status_code),
            request=request_id,
        )

    def unreadable(self, operation: str, answer: httpx.Response, why: str) -> VendorError:
        """An error for an answer that nobody can understand."""
        return self.refusal(operation, answer, VendorError, UNREADABLE, f"it cannot be read ({why})")

    def rest(self, seconds: float) -> None:
        """Wait some of the vendor's seconds. Raises what `quotas.wait` does."""
        self._quotas.wait(seconds / self._speed)

    def close(self) -> None:
        self._http.close()

    def _once(self, call: Call) -> tuple[httpx.Response | None, str]:
        """One try: the answer, or the name of what prevented one."""
        for limit in call.limits:
            wait = self._quotas.reserve(limit.key, limit.rate, limit.burst)
            if wait > 0:
                self._quotas.wait(wait)
        started, asked = time.monotonic(), time.time()
        status, request_id = "", ""
        try:
            answer = self._http.request(
                call.method,
                call.url,
                params=list(call.params) or None,
                headers=dict(call.headers),
                content=call.content,
                data=call.form.value if call.form is not None else None,
                auth=call.auth,
                timeout=call.timeout_seconds if call.timeout_seconds is not None else httpx.USE_CLIENT_DEFAULT,
            )
            status, request_id = str(answer.status_code), answer.headers.get(self._request_id_header, "")
            self.clock_ahead = _ahead(answer, asked)
            self._note_rate(call, answer)
            return answer, ""
        except (httpx.RequestError, httpx.InvalidURL) as error:
            # Lost connections and time-outs, and an answer whose content encoding is broken.
            status = type(error).__name__
            return None, status
        finally:
            self._quotas.count(self._flow, self._vendor, call.operation)
            milliseconds = round((time.monotonic() - started) * 1_000)
            facts = {"vendor": self._vendor, "flow": self._flow, "operation": call.operation, "status": status}
            log.info(
                "%s %s %s -> %s in %d ms%s", self._flow, self._vendor, call.operation, status or "no answer",
                milliseconds, f" (request {request_id})" if request_id else "",
                extra={**facts, "milliseconds": milliseconds, "request": request_id},
            )  # fmt: skip

    def _unreached(self, call: Call, problem: str) -> VendorError:
        if call.repeatable:
            words = f"{self._vendor} could not be reached for {call.operation}: {problem}"
            return VendorError(words, vendor=self._vendor, code=problem)
        words = f"{self._vendor}'s answer to {call.operation} was lost ({problem}); what became of it is not known"
        return OutcomeUnknown(words, vendor=self._vendor, code=problem)

    def _note_rate(self, call: Call, answer: httpx.Response) -> None:
        """What the vendor says the rate is; a call with several limits could not tell whose it is."""
        told = answer.headers.get(self._rate_header, "") if self._rate_header else ""
        if not told or len(call.limits) != 1:
            return
        with contextlib.suppress(ValueError):  # announced on a best-effort basis: what is no number is not announced
            self._quotas.announce(call.limits[0].key, float(told))

    def _patience(self, call: Call) -> float:
        return call.patience_seconds if call.patience_seconds is not None else self._patience_seconds


def _ahead(answer: httpx.Response, asked: float) -> float | None:
    """Seconds by which the answer's Date is ahead of our clock; it names whole seconds."""
    try:
        told = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return None
    now = time.time()
    return 0.0 if asked - 1 <= told <= now + 1 else told - (asked if told < asked else now)


def growing_wait(failures: int) -> float:
    """Seconds after so many failures in a row, with full jitter: many workers must not come back together."""
    return random.uniform(0, min(FIRST_WAIT_SECONDS * 2**failures, LONGEST_WAIT_SECONDS))


def scrubbed(words: str) -> str:
    """A vendor's words without anything that looks like a secret, and not endless."""
    plain = redacted(words)
    return plain if len(plain) <= WORDS_LENGTH else plain[:WORDS_LENGTH].rstrip() + "..."


class _OwnLinesOnly(logging.Filter):
    """httpx would log every address with its query, which signs it or holds what we ask; our own line tells enough."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


logging.getLogger("httpx").addFilter(_OwnLinesOnly())
