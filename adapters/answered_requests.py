"""What each Idempotency-Key was answered, so that a repeated command answers the same and is not done twice.

A row is claimed before the command runs and keeps its answer afterwards, encrypted, since an answer may hold a token.
Two processes that are sent the same key at the same moment meet at the row's primary key.
"""

import hashlib
import time
from collections.abc import Callable

import msgspec

from adapters.database import Database
from adapters.keyring import KeyRing

KEPT_SECONDS = 7 * 24 * 3600.0
CLAIM_SECONDS = 600.0  # after that a claim without an answer is a process that died, and another may try
WAIT_SECONDS = 1.0  # a handler's thread waits: not for long, or one client could hold up all
POLL_SECONDS = 0.05

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS answered_requests (holder TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, "
    "claimed DOUBLE PRECISION NOT NULL, status INTEGER NOT NULL, answer BYTEA, PRIMARY KEY (holder, key))",
)


class Answer(msgspec.Struct, frozen=True):
    """What was answered, word for word."""

    status: int
    body: bytes


class AnsweredRequests:
    """The answers of one installation, by token and key."""

    def __init__(self, database: Database, keyring: KeyRing, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._keyring = keyring
        self._now = now
        database.create_schema(SCHEMA)

    def claim(self, holder: str, key: str, request: bytes) -> Answer | str | None:
        """None: the key is yours, do it. An Answer: it was done. A text: why neither, for a person.

        Waits a bounded time for another who is at it. Two texts: `other` (the key was used for another request) and
        `busy` (the other is still at it).
        """
        digest = hashlib.sha256(request).hexdigest()
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            now = self._now()
            with self._database.transaction() as cursor:
                cursor.execute("DELETE FROM answered_requests WHERE claimed < ?", (now - KEPT_SECONDS,))
                cursor.execute(
                    "DELETE FROM answered_requests WHERE holder = ? AND key = ? AND answer IS NULL AND claimed < ?",
                    (holder, key, now - CLAIM_SECONDS),
                )
                cursor.execute(
                    "INSERT INTO answered_requests (holder, key, request, claimed, status) VALUES (?, ?, ?, ?, 0) "
                    "ON CONFLICT (holder, key) DO NOTHING",
                    (holder, key, digest, now),
                )
                if cursor.rowcount == 1:
                    return None
                cursor.execute(
                    "SELECT request, status, answer FROM answered_requests WHERE holder = ? AND key = ?", (holder, key)
                )
                row = cursor.fetchone()
            if row is not None:
                request_hash, status, answer = row
                if request_hash != digest:
                    return "other"
                if answer is not None:
                    return Answer(status, self._keyring.decrypt(bytes(answer), _context(holder, key)))
            if time.monotonic() > deadline:
                return "busy"
            time.sleep(POLL_SECONDS)

    def keep(self, holder: str, key: str, answer: Answer) -> None:
        """The claimed command is done."""
        sealed = self._keyring.encrypt(answer.body, _context(holder, key))
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE answered_requests SET status = ?, answer = ? WHERE holder = ? AND key = ?",
                (answer.status, sealed, holder, key),
            )

    def release(self, holder: str, key: str) -> None:
        """The claimed command was refused and nothing was done: the key may be used again."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "DELETE FROM answered_requests WHERE holder = ? AND key = ? AND answer IS NULL", (holder, key)
            )


def _context(holder: str, key: str) -> str:
    return f"answer/{holder}/{key}"
