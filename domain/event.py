"""What every event carries, and how a stream gets its id.

A stream's id is a uuid5 of flow, kind and natural key: 'seen before' is an id look-up, and planning the same
posting twice is a conflict in the store. The flow is part of every id, so nothing can cross flows.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from domain.errors import BadInput

_NAMESPACE = uuid5(NAMESPACE_URL, "ml-connector")


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fact that happened. `at` is UTC; `by` is a person, `cycle:<id>` or a webhook; `cause` is what led to it."""

    flow: str
    at: datetime
    by: str
    cause: str = ""


class Stamp(msgspec.Struct, frozen=True):
    """Who records facts, when and because of what: what a use case passes to the functions that decide."""

    flow: str
    at: datetime
    by: str
    cause: str = ""

    def fields(self) -> dict[str, Any]:
        return {"flow": self.flow, "at": self.at, "by": self.by, "cause": self.cause}


_CONTROL = re.compile("[\x00-\x1f\x7f]")
_PERSONS = ("why", "cause")  # what people write into events


def check_line(name: str, text: str) -> None:
    """Raises BadInput, naming it, where a text that a person wrote is not one line of printable characters."""
    if found := _CONTROL.search(text):
        raise BadInput(
            f"{name}: it holds the control character U+{ord(found[0]):04X}; expected one line of text without any"
        )


def check_texts(event: Event) -> None:
    """Raises BadInput where what a person wrote into an event is not one line."""
    for name in _PERSONS:
        check_line(name, getattr(event, name, ""))


@lru_cache(maxsize=64)
def _flow_namespace(flow: str) -> UUID:
    return uuid5(_NAMESPACE, flow)


def stream_id(flow: str, kind: str, key: str = "") -> UUID:
    """The id of the stream of one thing: `stream_id('us', 'order', '113-1234567-1234567')`."""
    return uuid5(_flow_namespace(flow), f"{kind}/{key}")
