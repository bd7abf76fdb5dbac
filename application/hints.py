"""Hints that something changed at Amazon: each asks for a cycle. Polling stays the truth: none has to arrive."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from domain.errors import BadInput

REST_SECONDS = 60.0  # after a cycle was asked for; what comes meanwhile waits in the queue and asks for one more

log = logging.getLogger(__name__)


class Hint(msgspec.Struct, frozen=True):
    """A notification by its id: what kind, and of which of Amazon's sellers (empty where it did not say)."""

    id: str
    kind: str
    seller: str


class Message(msgspec.Struct, frozen=True):
    """A message of the queue: what deletes it, and what it hints at, None where nobody listens for it."""

    receipt: str
    hint: Hint | None


class HintQueue(Protocol):
    """The queue that the notifications arrive in: at least once, in no order."""

    def receive(self) -> list[Message]:
        """Some messages, after waiting a while for the first; none is deleted. Raises VendorError."""

    def delete(self, receipts: Sequence[str]) -> None:
        """They are dealt with."""


class SeenHints(Protocol):
    """Ids of notifications that were dealt with, for all processes."""

    def unseen(self, flow: str, ids: Sequence[str]) -> set[str]:
        """Those of them that are new."""

    def note(self, flow: str, ids: Sequence[str]) -> None:
        """They are dealt with."""


class Heard(msgspec.Struct, frozen=True):
    """What one look into the queue brought: new hints by kind, repeated ones, and messages of others."""

    new: dict[str, int] = {}
    repeated: int = 0
    others: int = 0
    asked: bool = False


def listen_once(flow: str, seller: str, queue: HintQueue, seen: SeenHints, ask: Callable[[str], object]) -> Heard:
    """Look into the queue once. `ask` is told why, once for all new hints, before any message is deleted.

    A message of another seller is left for whoever listens for that one; one that is no notification is deleted.
    """
    messages = queue.receive()
    ours = [each for each in messages if each.hint is None or not seller or each.hint.seller in ("", seller)]
    hints = {each.hint.id: each.hint for each in ours if each.hint is not None}
    unseen = seen.unseen(flow, list(hints))
    new: dict[str, int] = {}
    for name in unseen:
        new[hints[name].kind] = new.get(hints[name].kind, 0) + 1
    if new:
        try:
            ask(", ".join(sorted(new)))
        except BadInput as refused:  # paused, or to be connected again: then it will read everything anyway
            log.info("a notification for flow %s asks for nothing: %s", flow, refused)
            new = {}
        seen.note(flow, sorted(unseen))
    queue.delete([each.receipt for each in ours])
    repeated = sum(each.hint is not None for each in ours) - len(unseen)
    return Heard(new, repeated, len(messages) - len(ours), bool(new))
