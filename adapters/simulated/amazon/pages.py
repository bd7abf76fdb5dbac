"""Pagination: a token remembers a finished search and how far it was read, for twenty-four hours.

The search is kept as it was when the first page was asked for, so each thing found is shown once, however the world
changes meanwhile. A token may be used again: a client that lost an answer asks once more.
"""

import secrets
from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from adapters.simulated.clock import FastClock

TOKEN_SECONDS = 24 * 3600
T = TypeVar("T")


class Search(msgspec.Struct, Generic[T], frozen=True):
    seller: str
    question: object  # whatever must be the same when the next page is asked for
    found: Sequence[T]
    context: str  # what every page of the search repeats
    page_size: int


class Pages(Generic[T]):
    def __init__(self, clock: FastClock) -> None:
        self._clock = clock
        self._tokens: dict[str, tuple[Search[T], int, float]] = {}

    def token(self, search: Search[T], position: int) -> str | None:
        """A token for the rest of the search; none when nothing is left."""
        if position >= len(search.found):
            return None
        now = self._clock.seconds()
        self._tokens = {token: kept for token, kept in self._tokens.items() if kept[2] > now}
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (search, position, self._clock.until(TOKEN_SECONDS))
        return token

    def resume(self, token: str, seller: str) -> tuple[Search[T], int] | None:
        search, position, until = self._tokens.get(token, (None, 0, 0.0))
        if search is None or search.seller != seller or self._clock.seconds() >= until:
            return None
        return search, position
