"""What a report is: one SELECT over the read models, with its filters and its order."""

from typing import Any, Protocol

import msgspec

Row = dict[str, Any]


class Cursor(Protocol):
    def execute(self, sql: str, params: Any = ..., /) -> Any: ...
    def fetchall(self) -> list[Any]: ...


class Report(msgspec.Struct, frozen=True):
    """A report that is one SELECT: its columns (`name` or `sql AS name`), the conditions of its filters, its order.

    `keys` are what it is ordered by, together unique: a page begins behind the last row's. `last` reads the newest
    rows and turns them round; `json` are the columns to decode.
    """

    columns: tuple[str, ...]
    source: str
    filters: dict[str, str]
    keys: tuple[str, ...]
    descending: bool = False
    json: tuple[str, ...] = ()
    last: bool = False

    @property
    def order(self) -> str:
        return ", ".join(f"{key}{' DESC' * self.descending}" for key in self.keys)

    @property
    def names(self) -> list[str]:
        return [column.rpartition(" ")[2].strip('"') for column in self.columns]
