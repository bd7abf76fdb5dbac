"""Browser sessions on the server's side: a random cookie, of which only the hash is stored, for a token's holder.

A session is worth what its token is worth at each request: a token that is revoked ends its sessions too. It ends by
itself when nobody does anything for two hours, and after twelve in any case.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

import msgspec

from adapters.database import Database
from adapters.tokens import DatabaseTokens
from application.ports import Clock
from domain.access import Holder

LASTS = timedelta(hours=12)
IDLE = timedelta(hours=2)  # without a person doing something; what a page asks by itself does not count
NOTED_EVERY = timedelta(minutes=1)  # spares every request a write

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS browser_sessions (hash TEXT PRIMARY KEY, token TEXT NOT NULL, expires TEXT NOT NULL, "
    "seen TEXT NOT NULL)",
)


class Session(msgspec.Struct, frozen=True):
    """Who is signed in, and what a page must send back with everything that changes something."""

    holder: Holder
    csrf: str

    def allows(self, csrf: str) -> bool:
        return hmac.compare_digest(self.csrf.encode(), csrf.encode())


class DatabaseSessions:
    """The sessions of one installation."""

    def __init__(self, database: Database, tokens: DatabaseTokens, clock: Clock) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock
        database.create_schema(SCHEMA)

    def begin(self, token: str) -> tuple[str, Session] | None:
        """The cookie of a new session and the session; None if the token opens nothing."""
        holder = self._tokens.holder(token)
        if holder is None:
            return None
        cookie = secrets.token_urlsafe(32)
        now = self._clock()
        with self._database.transaction() as cursor:
            cursor.execute(
                "DELETE FROM browser_sessions WHERE expires < ? OR seen < ?",
                (now.isoformat(), (now - IDLE).isoformat()),
            )
            cursor.execute(
                "INSERT INTO browser_sessions (hash, token, expires, seen) VALUES (?, ?, ?, ?)",
                (_hash(cookie), holder.name, (now + LASTS).isoformat(), now.isoformat()),
            )
        return cookie, Session(holder, csrf_of(cookie))

    def find(self, cookie: str, *, active: bool = True) -> Session | None:
        """The session of a cookie; None if it has ended, or its token has. `active`: a person did something."""
        now = self._clock()
        with self._database.reading() as cursor:
            cursor.execute(
                "SELECT token, seen FROM browser_sessions WHERE hash = ? AND expires > ? AND seen > ?",
                (_hash(cookie), now.isoformat(), (now - IDLE).isoformat()),
            )
            row = cursor.fetchone()
        holder = self._tokens.named(row[0]) if row is not None else None
        if row is None or holder is None:
            return None
        if active and now - datetime.fromisoformat(row[1]) >= NOTED_EVERY:
            with self._database.transaction() as cursor:
                cursor.execute("UPDATE browser_sessions SET seen = ? WHERE hash = ?", (now.isoformat(), _hash(cookie)))
        return Session(holder, csrf_of(cookie))

    def end(self, cookie: str) -> None:
        with self._database.transaction() as cursor:
            cursor.execute("DELETE FROM browser_sessions WHERE hash = ?", (_hash(cookie),))


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "replace")).hexdigest()


def csrf_of(cookie: str) -> str:
    """Told to the page, never sent by the browser by itself; it leads back to no cookie."""
    return hashlib.sha256(b"csrf:" + cookie.encode("utf-8", "replace")).hexdigest()
