"""`requestid`: a write that is repeated is answered as it was the first time, and writes nothing.

A single call is recognised by its requestid, a batch item by requestid and bId together. What QuickBooks does when the
id comes back with another body is not published; here the first answer is given again, and the case is put on the list
of misuse that tests read, because it always means a client's defect.
"""

import hashlib
from typing import NamedTuple

from adapters.simulated.clock import FastClock
from adapters.simulated.quickbooks.dials import Dials
from adapters.simulated.quickbooks.refusals import Refused
from adapters.simulated.quickbooks.wire import encode

Key = tuple[str, str | None]


class Remembered(NamedTuple):
    digest: str
    answer: bytes
    at: float


class Replays:
    def __init__(self, clock: FastClock, dials: Dials) -> None:
        self._clock, self._dials = clock, dials
        self._answers: dict[Key, Remembered] = {}
        self.misuse: list[dict[str, str | None]] = []
        self.replayed = 0

    def recall(self, key: Key, request: object) -> bytes | None:
        """The first answer, or None when this id is new (or has been forgotten)."""
        known = self._answers.get(key)
        if known is None:
            return None
        hours = self._dials.requestid_hours
        if hours is not None and self._clock.seconds() - known.at > hours * 3600:
            del self._answers[key]
            return None
        digest = _digest(request)
        if digest != known.digest:
            self.misuse.append(
                {
                    "kind": "requestid_reused_with_another_body",
                    "requestid": key[0],
                    "bId": key[1],
                    "first": known.digest,
                    "then": digest,
                }
            )
        self.replayed += 1
        return known.answer

    def remember(self, key: Key, request: object, answer: bytes) -> None:
        self._answers[key] = Remembered(_digest(request), answer, self._clock.seconds())


def single_key(requestid: str | None) -> Key | None:
    if not requestid:
        return None
    if len(requestid) > 50:
        raise Refused.invalid_request_id()
    return (requestid, None)


def batch_key(requestid: str | None, b_id: str) -> Key | None:
    if not requestid:
        return None
    if len(requestid) > 36 or len(b_id) > 10:
        raise Refused.invalid_request_id()
    return (requestid, b_id)


def _digest(request: object) -> str:
    return hashlib.sha256(encode(request)).hexdigest()[:16]
