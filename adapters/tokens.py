"""API tokens at rest: SHA-256 of 32 random bytes. No one guesses those back; salt and stretching would add nothing."""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from datetime import datetime

import msgspec

from adapters.database import Cursor, Database
from application.access import TokenFacts
from application.ports import Clock
from domain.access import ADMIN, BY, Holder

MARK = "mlc_"
SHOWN = len(MARK) + 6
USED_EVERY = 60.0  # seconds between two notes that a token was used
REMEMBERED = 2.0  # seconds for which a look-up is believed: so long a revoked token may live on in another process
REMEMBERED_TOKENS = 1_000

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS api_tokens (name TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, prefix TEXT NOT NULL, "
    "role TEXT NOT NULL, flows TEXT NOT NULL, created TEXT NOT NULL, created_by TEXT NOT NULL, expires TEXT, "
    "revoked TEXT, last_used TEXT)",
)
_COLUMNS = "name, prefix, role, flows, created, created_by, expires, revoked, last_used"


class DatabaseTokens:
    """application.access.Tokens in the database."""

    def __init__(self, database: Database, clock: Clock, now: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._now = now
        self._guard = threading.Lock()
        self._remembered: dict[str, tuple[float, TokenFacts | None]] = {}
        self._noted: dict[str, float] = {}
        database.create_schema(SCHEMA)

    def mint(self) -> tuple[str, str]:
        """See application.access.Tokens."""
        secret = MARK + secrets.token_urlsafe(32)
        return secret, secret[:SHOWN]

    def keep(self, secret: str, facts: TokenFacts) -> None:
        """See application.access.Tokens."""
        with self._database.transaction() as cursor:
            cursor.execute(
                f"INSERT INTO api_tokens (hash, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    _hash(secret),
                    facts.name,
                    facts.prefix,
                    facts.role,
                    msgspec.json.encode(facts.flows).decode(),
                    facts.created.isoformat(),
                    facts.created_by,
                    _text(facts.expires),
                    None,
                    None,
                ),
            )
        self._forget()

    def revoke(self, name: str, at: datetime) -> None:
        """See application.access.Tokens."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE api_tokens SET revoked = ? WHERE name = ? AND revoked IS NULL", (at.isoformat(), name)
            )
        self._forget()

    def all(self) -> list[TokenFacts]:
        """See application.access.Tokens."""
        with self._database.reading() as cursor:
            cursor.execute(f"SELECT {_COLUMNS} FROM api_tokens ORDER BY name")
            return [_facts(row) for row in cursor.fetchall()]

    def holder(self, secret: str) -> Holder | None:
        """See application.access.Tokens."""
        digest = _hash(secret)
        facts = self._look_up(digest)
        if facts is None or facts.revoked is not None:
            return None
        if facts.expires is not None and facts.expires <= self._clock():
            return None
        self._note_use(digest)
        return Holder(facts.name, facts.role, facts.flows)

    def named(self, name: str) -> Holder | None:
        """The holder of a token by its name, for a session that it began; None if it opens nothing any more."""
        with self._database.reading() as cursor:
            cursor.execute(f"SELECT {_COLUMNS} FROM api_tokens WHERE name = ? AND revoked IS NULL", (name,))
            row = cursor.fetchone()
        facts = _facts(row) if row is not None else None
        if facts is None or (facts.expires is not None and facts.expires <= self._clock()):
            return None
        return Holder(facts.name, facts.role, facts.flows)

    def still_may(self, by: str, flow: str) -> bool:
        """Whether who began something as `by` may still do it: a token's holder as an admin of the flow."""
        name = by.removeprefix(BY)
        if name == by:
            return True  # not by a token: whoever may use the command line may do all
        holder = self.named(name)
        return holder is not None and holder.may(ADMIN) and holder.sees(flow)

    def recalled(self, secret: str) -> Holder | None:
        """The holder if the secret was looked up just now: answers without the database, None otherwise."""
        digest = _hash(secret)
        known = self._remembered.get(digest)
        now = self._now()
        if known is None or known[0] <= now or (facts := known[1]) is None or facts.revoked is not None:
            return None
        if self._noted.get(digest, 0.0) <= now or (facts.expires is not None and facts.expires <= self._clock()):
            return None
        return Holder(facts.name, facts.role, facts.flows)

    def _look_up(self, digest: str) -> TokenFacts | None:
        now = self._now()
        known = self._remembered.get(digest)
        if known is not None and known[0] > now:
            return known[1]
        with self._database.reading() as cursor:
            cursor.execute(f"SELECT {_COLUMNS} FROM api_tokens WHERE hash = ?", (digest,))
            row = cursor.fetchone()
        facts = None if row is None else _facts(row)
        if facts is not None:  # guesses are not remembered: they would push out those who belong here
            with self._guard:
                if len(self._remembered) >= REMEMBERED_TOKENS:
                    self._remembered.clear()
                self._remembered[digest] = (now + REMEMBERED, facts)
        return facts

    def _note_use(self, digest: str) -> None:
        """Once a minute is often enough, and spares every request a write."""
        now = self._now()
        with self._guard:
            if self._noted.get(digest, 0.0) > now:
                return
            self._noted[digest] = now + USED_EVERY
        with self._database.transaction() as cursor:
            _used(cursor, digest, self._clock())

    def _forget(self) -> None:
        with self._guard:
            self._remembered.clear()


def _used(cursor: Cursor, digest: str, at: datetime) -> None:
    cursor.execute("UPDATE api_tokens SET last_used = ? WHERE hash = ?", (at.isoformat(), digest))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _facts(row: tuple[object, ...]) -> TokenFacts:
    name, prefix, role, flows, created, created_by, expires, revoked, last_used = row
    return TokenFacts(
        str(name),
        str(prefix),
        str(role),
        msgspec.json.decode(str(flows), type=tuple[str, ...]),
        datetime.fromisoformat(str(created)),
        str(created_by),
        _time(expires),
        _time(revoked),
        _time(last_used),
    )


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _time(value: object) -> datetime | None:
    return None if value is None else datetime.fromisoformat(str(value))
