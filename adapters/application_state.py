"""What the vendors say of this application itself, which concerns every flow and the operator, not one seller."""

from datetime import datetime

from adapters.database import Database
from application.deadlines import Refusal

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS application_state (vendor TEXT PRIMARY KEY, refused_since TEXT NOT NULL, "
    "words TEXT NOT NULL)",
)


class ApplicationState:
    """The refusals that stand, one a vendor, for all processes of an installation."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create_schema(SCHEMA)

    def judged(self, vendor: str, words: str, at: datetime) -> None:
        """The vendor refuses the application in these words, or, where there are none, has just accepted it."""
        with self._database.reading() as cursor:
            cursor.execute("SELECT 1 FROM application_state WHERE vendor = ?", (vendor,))
            stands = cursor.fetchone() is not None
        if stands == bool(words):
            return
        with self._database.transaction() as cursor:
            if words:
                cursor.execute(
                    "INSERT INTO application_state (vendor, refused_since, words) VALUES (?, ?, ?) "
                    "ON CONFLICT (vendor) DO NOTHING",
                    (vendor, at.isoformat(), words),
                )
            else:
                cursor.execute("DELETE FROM application_state WHERE vendor = ?", (vendor,))

    def refusals(self) -> list[Refusal]:
        """Those that stand."""
        with self._database.reading() as cursor:
            cursor.execute("SELECT vendor, refused_since, words FROM application_state ORDER BY vendor")
            return [Refusal(vendor, datetime.fromisoformat(since), words) for vendor, since, words in cursor.fetchall()]
