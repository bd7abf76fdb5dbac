"""Opaque cursors: where a page ended, and of which list with which filters. Not a secret, but nobody's to build on."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from domain.errors import BadInput

LARGEST_PAGE = 500
PAGE = 50


class _Mark(msgspec.Struct, array_like=True):
    list: str
    keys: tuple[str | int, ...]


def closed(name: str, filters: Mapping[str, Any], keys: tuple[Any, ...]) -> str:
    """The cursor of the page behind `keys`."""
    return base64.urlsafe_b64encode(msgspec.json.encode(_Mark(_name(name, filters), keys))).decode().rstrip("=")


def opened(cursor: str, name: str, filters: Mapping[str, Any]) -> tuple[str | int, ...]:
    """The keys of a cursor. Raises BadInput where it is none, or of another list."""
    try:
        mark = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=_Mark)
    except (ValueError, binascii.Error):
        raise BadInput("cursor: expected the `next` of an answer, unchanged") from None
    if mark.list != _name(name, filters):
        raise BadInput("cursor: it is of another list or of other filters; begin again without it")
    if any(
        (isinstance(key, str) and "\x00" in key) or (isinstance(key, int) and abs(key) >= 2**63) for key in mark.keys
    ):
        raise BadInput("cursor: expected the `next` of an answer, unchanged")
    return mark.keys


def _name(name: str, filters: Mapping[str, Any]) -> str:
    words = msgspec.json.encode([name, sorted((key, str(value)) for key, value in filters.items())])
    return hashlib.blake2b(words, digest_size=6).hexdigest()
