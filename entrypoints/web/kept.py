"""Answers made from the views alone, kept while the views stand still: pages that many ask for are made once.

The key is the address, so nothing in such an answer may depend on who asks; the gate before has seen to who may.
"""

from collections import OrderedDict
from typing import Any, Protocol

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

KEPT = "kept"
ANSWERS = 512
LARGEST = 262_144  # bytes of one answer


class _Folded(Protocol):
    @property
    def position(self) -> int: ...


class Keeper(ASGIMiddleware):
    """For routes that say `KEPT` in their `opt`. Runs on the event loop alone, so it needs no lock."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, folded: _Folded) -> None:
        self._folded = folded
        self._position = -1
        self._answers: OrderedDict[tuple[str, bytes], tuple[Any, Any]] = OrderedDict()

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if not scope["route_handler"].opt.get(KEPT):
            await next_app(scope, receive, send)
            return
        if self._position != self._folded.position:
            self._position = self._folded.position
            self._answers.clear()
        key = scope["path"], scope["query_string"]
        kept = self._answers.get(key)
        if kept is not None:
            start, body = kept
            await send(start.copy())  # its headers are added to on the way out
            await send(body)
            return
        began_at = self._position
        sent: list[Any] = []

        async def note(message: Message) -> None:
            if len(sent) < 3:
                sent.append(message.copy())
            await send(message)

        await next_app(scope, receive, note)
        if self._folded.position == self._position == began_at and _whole(sent):
            self._answers[key] = sent[0], sent[1]
            if len(self._answers) > ANSWERS:
                self._answers.popitem(last=False)


def _whole(sent: list[Any]) -> bool:
    """One good answer in one piece, not too large to keep."""
    return (
        len(sent) == 2
        and sent[0].get("status") == 200
        and not sent[1].get("more_body")
        and len(sent[1].get("body", b"")) <= LARGEST
    )
