"""The read models."""

from typing import Any, Protocol


class Views(Protocol):
    """The read models: disposable tables folded from the log. Queries answer as of the last `catch_up`."""

    def catch_up(self) -> int:
        """Fold what is new; the position reached."""

    def rebuild(self) -> int:
        """Build all tables anew beside the standing ones and swap; the number of events folded."""

    def flows(self) -> list[str]:
        """The names of all flows."""

    def watermark(self, flow: str, source: str) -> tuple[str, tuple[str, ...]] | None:
        """The cursor of a source and the ids seen in its overlap."""

    def ready_postings(self, flow: str, kind: str, limit: int) -> list[str]:
        """Keys of planned postings of a kind all of whose dependencies are posted, oldest first."""

    def open_batches(self, flow: str) -> list[str]:
        """Ids of batches sent and not answered, oldest first."""

    def held_keys(self, flow: str, kind: str) -> list[str]:
        """Keys of held or rejected postings of a kind, oldest first."""

    def blocked_settlements(self, flow: str) -> list[str]:
        """Settlements planned on postings that are held, refused or withdrawn since, oldest first."""

    def open_gaps(self, flow: str) -> list[str]:
        """Missing mapping keys."""

    def query(self, name: str, flow: str, **filters: Any) -> list[dict[str, Any]]:
        """Rows of a named report for people: see adapters/views/queries.py for names, filters and columns."""
