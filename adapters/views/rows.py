"""Rows that a batch touches, and values as columns."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec

from adapters.views.schema import (
    Table,
)

Key = tuple[Any, ...]


PostingKey = tuple[str, str, str]  # flow, kind, key


R = TypeVar("R", bound=msgspec.Struct)


_encode = msgspec.json.Encoder().encode


class Rows(Generic[R]):
    """The rows of one table that a batch touches, by primary key; `changed` are those to be written."""

    def __init__(self, table: Table, make: Callable[..., R]) -> None:
        self.table = table
        self.known: dict[Key, R] = {}
        self.changed: dict[Key, R] = {}
        self._stored: frozenset[Key] = frozenset()
        self._make = make

    def stand(self, rows: dict[Key, R]) -> None:
        """The rows as they are stored, all of those that the batch touches."""
        self.known = rows
        self._stored = frozenset(rows)

    def get(self, *key: Any) -> R | None:
        return self.known.get(key)

    def take(self, *key: Any) -> R:
        """The row to change; a new one where there is none."""
        row = self.changed.get(key)
        if row is None:
            row = self.known.get(key)
            if row is None:
                row = self.known[key] = self._make(*key)
            self.changed[key] = row
        return row

    def added(self) -> list[R]:
        """Changed rows that are not stored yet: they go in the fast way."""
        return [row for key, row in self.changed.items() if key not in self._stored]

    def replaced(self) -> list[R]:
        return [row for key, row in self.changed.items() if key in self._stored]


class Subject(msgspec.Struct, frozen=True, gc=False):
    """What an event is about; `currency` and `stands` (QuickBooks has the document) are what its words may need."""

    order_id: str = ""
    settlement_id: str = ""
    posting: str = ""
    currency: str = ""
    stands: bool = False


NOTHING = Subject()


@lru_cache(maxsize=4_096)  # the events of one transaction share their time
def as_text(at: datetime) -> str:
    """An instant as it stands in a column: ISO 8601, UTC, in an order that is the order of time."""
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat()


def maybe_text(at: datetime | None) -> str | None:
    return as_text(at) if at is not None else None


def as_json(value: object) -> str:
    return _encode(value).decode()
