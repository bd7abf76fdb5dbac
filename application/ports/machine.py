"""The machine and the stores below the service."""

from pathlib import Path
from typing import Protocol

import msgspec


class StoreFacts(msgspec.Struct, frozen=True):
    """A database that was reached and could be written to. `size` in bytes; `views` is their version, None if none.

    `seconds_ahead`: by how much its clock is ahead of ours, None where it has ours.
    """

    kind: str
    version: str
    place: str
    size: int
    views: int | None
    views_wanted: int
    seconds_ahead: float | None


class KeyFacts(msgspec.Struct, frozen=True):
    """Master keys by id, the current one first. `exposed`: why others can read them; `sealed`: values by key."""

    origin: str
    known: tuple[str, ...]
    exposed: str
    sealed: dict[str, int]
    path: Path | None = None


class DiskFacts(msgspec.Struct, frozen=True):
    """Bytes on the disk that holds `folder`."""

    folder: Path
    free: int
    total: int


class Machine(Protocol):
    """Where this runs. What is written to find out is undone."""

    def store(self) -> StoreFacts:
        """Reach the database and try to write. Raises what the database raises."""

    def keys(self) -> KeyFacts:
        """Which keys there are and what they have sealed."""

    def disk(self) -> DiskFacts:
        """The disk of the database, or of the home folder where that is elsewhere."""
