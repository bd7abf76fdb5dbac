"""Load, decide, append: what every command that records facts is built on.

A command decides from freshly loaded streams and saves all that belongs together in one append; if another writer was
faster, it decides again on what is there now.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

import msgspec

from application.ports import Append, Clock, EventStore
from domain.errors import Conflict
from domain.event import Event

ATTEMPTS = 4
_S = TypeVar("_S")


class Tally(msgspec.Struct):
    """What a command did, for the cycle's record."""

    new: int = 0
    changed: int = 0
    planned: int = 0
    held: int = 0
    position: int = 0

    def __iadd__(self, other: "Tally") -> "Tally":
        self.new += other.new
        self.changed += other.changed
        self.planned += other.planned
        self.held += other.held
        self.position = max(self.position, other.position)
        return self


class Recorder:
    """The store and the clock of one installation, and the way commands save."""

    def __init__(self, store: EventStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def _until_saved(self, decide: Callable[[], list[Append]], tally: Tally | None = None) -> int:
        """Append what is decided; on a conflict decide again on what is there now, a bounded number of times."""
        for attempt in range(1, ATTEMPTS + 1):
            if tally is not None:
                tally.new = tally.changed = tally.planned = tally.held = 0
            try:
                return self._store.append(decide())
            except Conflict:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def _one(self, stream: UUID, start: _S, evolve: Callable[[_S, Event], _S]) -> tuple[_S, int]:
        events = self._store.load([stream]).get(stream, [])
        state = start
        for event in events:
            state = evolve(state, event)
        return state, len(events)

    def _many(
        self, streams: Sequence[UUID], start: Callable[[], _S], evolve: Callable[[_S, Event], _S]
    ) -> dict[UUID, tuple[_S, int]]:
        loaded = self._store.load(streams) if streams else {}
        result: dict[UUID, tuple[_S, int]] = {}
        for stream in streams:
            events = loaded.get(stream, [])
            state = start()
            for event in events:
                state = evolve(state, event)
            result[stream] = (state, len(events))
        return result
