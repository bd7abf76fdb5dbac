"""Alerts as signed JSON to any address.

The signature covers the time and the body, so that nobody can forge a notice or send an old one again:
`ML-Connector-Signature: t=<seconds since 1970>,v1=<hex of HMAC-SHA256(secret, t + "." + body)>`.
A repetition has the same `Idempotency-Key` and body, and a signature of its own.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

import httpx
import msgspec

from adapters.alerts import text
from adapters.alerts.addresses import is_near
from adapters.http import Call, CourteousClient, Hidden, QuotaKeeper
from adapters.redaction import CERTAIN, conceal
from application.ports import Clock, Notice
from domain.errors import BadInput, ChannelFailed, VendorError

STEP_SECONDS = 5.0  # connecting, and each read
TOLERANCE_SECONDS = 300.0
SECRET_LENGTH = 16
SIGNATURE_HEADER = "ML-Connector-Signature"
USER_AGENT = "ml-connector/0.1"


class Webhook:
    """ports.Alerts over HTTP. Settings: url, secret."""

    def __init__(self, flow: str, settings: Mapping[str, str], quotas: QuotaKeeper, clock: Clock) -> None:
        self._flow = flow
        self._url = settings.get("url", "")
        self._secret = Hidden(settings.get("secret", ""))
        self._quotas = quotas
        self._clock = clock
        parts = urlsplit(self._url)
        conceal(parts.path, parts.query, shortest=CERTAIN)  # may be the receiver's secret
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise BadInput("the webhook's address must be like https://example.com/hook, without user and password")
        if parts.scheme == "http" and not is_near(parts.hostname):
            raise BadInput("the webhook's address must begin with https; plain http is for this machine alone")
        if len(self._secret.value) < SECRET_LENGTH:
            raise BadInput(f"the signing secret must have at least {SECRET_LENGTH} characters")

    def send(self, notice: Notice) -> None:
        """See ports.Alerts.send. Anything but a 2xx is a failure; redirects are not followed."""
        content = msgspec.json.encode(text.facts(notice))
        call = Call(
            "alert",
            "POST",
            self._url,
            headers={
                "Content-Type": "application/json",
                "Idempotency-Key": notice.id,
                SIGNATURE_HEADER: signature(self._secret.value, content, self._clock()),
            },
            content=content,
        )
        http = CourteousClient(
            "webhook",
            self._flow,
            self._quotas,
            timeout=httpx.Timeout(STEP_SECONDS),
            throttle_wait=lambda call, attempt: 0.0,
            request_id_header="x-request-id",
            user_agent=USER_AGENT,
            attempts=1,  # the next cycle tries again: this one must not wait
        )
        try:
            answer = http.send(call)
            problem = "" if answer.is_success else f"it answered with {answer.status_code}"
        except VendorError as error:
            problem = str(error)
        finally:
            http.close()
        if problem:
            raise ChannelFailed(f"webhook at {urlsplit(self._url).hostname}: {problem}")


def signature(secret: str, content: bytes, at: datetime) -> str:
    """The signature header's value."""
    seconds = int(at.timestamp())
    return f"t={seconds},v1={_digest(secret, seconds, content)}"


def verified(secret: str, content: bytes, header: str, now: datetime) -> bool:
    """What a receiver does: is this body ours, and sent within the last five minutes?"""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    seconds = parts.get("t", "")
    if not seconds.isdigit() or abs(now.timestamp() - int(seconds)) > TOLERANCE_SECONDS:
        return False
    return hmac.compare_digest(_digest(secret, int(seconds), content), parts.get("v1", ""))


def _digest(secret: str, seconds: int, content: bytes) -> str:
    return hmac.new(secret.encode(), f"{seconds}.".encode() + content, hashlib.sha256).hexdigest()
