"""Attempts to connect in the browser, under way: of each secret only a hash, each taken once over all processes."""

import hashlib
from datetime import UTC, datetime

from adapters.database import Database
from application.authorisation import Attempt, Kind
from application.ports import Clock

KEPT_SECONDS = 24 * 3600.0  # after its end; so long "used before" can be told from "never begun"

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS authorisations (hash TEXT PRIMARY KEY, kind TEXT NOT NULL, vendor TEXT NOT NULL, "
    "flow TEXT NOT NULL, person TEXT NOT NULL, other_seller INTEGER NOT NULL, browser TEXT NOT NULL, "
    "expires DOUBLE PRECISION NOT NULL, used DOUBLE PRECISION)",
)


class DatabaseAttempts:
    """application.authorisation.Attempts in the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        database.create_schema(SCHEMA)

    def keep(self, secret: str, kind: Kind, attempt: Attempt) -> None:
        """See application.authorisation.Attempts."""
        with self._database.transaction() as cursor:
            cursor.execute("DELETE FROM authorisations WHERE expires < ?", (self._clock().timestamp() - KEPT_SECONDS,))
            cursor.execute(
                "INSERT INTO authorisations (hash, kind, vendor, flow, person, other_seller, browser, expires) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    _hash(secret),
                    kind,
                    attempt.vendor,
                    attempt.flow,
                    attempt.by,
                    int(attempt.other_seller),
                    attempt.browser,
                    attempt.expires.timestamp(),
                ),
            )

    def take(self, secret: str, kind: Kind, vendor: str) -> tuple[Attempt, bool] | None:
        """See application.authorisation.Attempts."""
        key = (_hash(secret), kind, vendor)
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE authorisations SET used = ? WHERE hash = ? AND kind = ? AND vendor = ? AND used IS NULL",
                (self._clock().timestamp(), *key),
            )
            first = cursor.rowcount == 1
            cursor.execute(
                "SELECT flow, person, expires, other_seller, browser FROM authorisations "
                "WHERE hash = ? AND kind = ? AND vendor = ?",
                key,
            )
            row = cursor.fetchone()
        if row is None:
            return None
        flow, person, expires, other_seller, browser = row
        return Attempt(flow, vendor, person, datetime.fromtimestamp(expires, UTC), bool(other_seller), browser), first


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
