"""docs/security.md lists every field that is stored, with the reason: held against the events themselves."""

import dataclasses
import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from adapters.event_store.mapper import EVENTS
from domain.event import Event

TEXT = (Path(__file__).parents[1] / "docs" / "security.md").read_text(encoding="utf-8")
COMMON = set(Event.__struct_fields__)

# Words that a field about a buyer would have in its name. A shop's, a company's or a channel's are none of them.
PERSONAL = re.compile(r"buyer|recipient|ship_?to|street|postal|zip|phone|e_?mail|gift_?message|birth|customer_name")


def structs(kind: Any, found: dict[str, set[str]]) -> None:
    """Every struct within a type, with its fields."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind.__name__ not in found:
            found[kind.__name__] = set(kind.__struct_fields__)
            for field in msgspec.structs.fields(kind):
                structs(field.type, found)
    elif isinstance(kind, type) and dataclasses.is_dataclass(kind):
        found.setdefault(kind.__name__, {field.name for field in dataclasses.fields(kind)})
    elif isinstance(kind, type) and hasattr(kind, "_fields"):
        found.setdefault(kind.__name__, set(kind._fields))
    for part in get_args(kind):
        structs(part, found)


def stored() -> dict[str, set[str]]:
    """What each kind of event and each part of one holds, by stored name and by the part's name."""
    found: dict[str, set[str]] = {}
    for name, kind in EVENTS.items():
        found[name] = set(kind.__struct_fields__) - COMMON
        for field in msgspec.structs.fields(kind):
            structs(field.type, found)
    return found


STORED = stored()


def listed() -> dict[str, tuple[set[str], str]]:
    rows = re.findall(r"^\| `([^`]+)` \| (.*?) \| (.+?) \|$", TEXT, re.MULTILINE)
    return {name: (set(re.findall(r"`([^`]+)`", fields)), why) for name, fields, why in rows}


@pytest.mark.parametrize("name", STORED)
def test_each_field_that_is_stored_is_listed_with_its_reason(name: str) -> None:
    row = f"| `{name}` | {', '.join(f'`{field}`' for field in sorted(STORED[name])) or '-'} | WHY |"
    assert name in listed(), f"docs/security.md lacks a row; add, with the reason: {row}"
    fields, why = listed()[name]
    assert fields == STORED[name], f"docs/security.md lists other fields; the row must be: {row}"
    assert len(why) > 3


def test_nothing_is_listed_that_is_not_stored() -> None:
    assert set(listed()) - set(STORED) == set()


@pytest.mark.parametrize("name", STORED)
def test_no_field_is_for_a_buyers_data(name: str) -> None:
    assert [field for field in STORED[name] if PERSONAL.search(field)] == []
