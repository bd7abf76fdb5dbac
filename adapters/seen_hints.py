"""Ids of notifications that were dealt with: SQS delivers at least once, and several processes may listen."""

from collections.abc import Sequence

from adapters.database import Database, in_many, server_time

KEPT_SECONDS = 15 * 86_400  # a queue holds a message for 14 days at most

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS seen_hints (flow TEXT NOT NULL, id TEXT NOT NULL, seen DOUBLE PRECISION NOT NULL, "
    "PRIMARY KEY (flow, id))",
)


class DatabaseSeenHints:
    """application.hints.SeenHints on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create_schema(SCHEMA)

    def unseen(self, flow: str, ids: Sequence[str]) -> set[str]:
        """See SeenHints.unseen."""
        with self._database.reading() as cursor:
            known = {
                name for whose, name in in_many(cursor, "SELECT flow, id FROM seen_hints WHERE id IN ({ids})", ids)
                if whose == flow
            }  # fmt: skip
        return set(ids) - known

    def note(self, flow: str, ids: Sequence[str]) -> None:
        """See SeenHints.note."""
        with self._database.transaction() as cursor:
            now = server_time(cursor)
            cursor.execute("DELETE FROM seen_hints WHERE seen < ?", (now - KEPT_SECONDS,))
            cursor.executemany(
                "INSERT INTO seen_hints (flow, id, seen) VALUES (?, ?, ?) ON CONFLICT (flow, id) DO NOTHING",
                [(flow, name, now) for name in ids],
            )
