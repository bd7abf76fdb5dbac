"""The forms all answers share: amounts as decimal strings in the `currency` beside them, times ISO 8601 UTC."""

from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from domain.money import format_minor

Row = dict[str, Any]


T = TypeVar("T")


class Answer(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Names as JSON has them."""


class Page(msgspec.Struct, Generic[T], frozen=True, rename="camel"):
    """Some of a list; `next` is the `cursor` of the following page, null on the last. `position` is the views'."""

    items: list[T]
    next: str | None
    position: int


class Done(Answer, frozen=True):
    """A command is recorded; readers who send `after=position` see it. `changed` false: all was so already."""

    position: int
    changed: bool


class Money(Answer, frozen=True):
    """An amount in a currency."""

    amount: str
    currency: str


def amount(minor: int | None, currency: str) -> str | None:
    """An amount, null where none is stated or its currency is not known."""
    return None if minor is None or not currency else format_minor(minor, currency)


def money(minor: int, currency: str) -> str:
    return format_minor(minor, currency)


def instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
