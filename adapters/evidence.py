"""Vendors' own bytes as evidence: compressed, encrypted, addressed by the SHA-256 of the content."""

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from adapters.database import Cursor, Database, server_time
from adapters.keyring import KeyRing
from application.ports import Clock
from domain.errors import BadInput, Tampered

REMOVED_AT_A_TIME = 500
ROTATED_AT_A_TIME = 50  # a transaction: others write in between

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS evidence (flow TEXT NOT NULL, digest TEXT NOT NULL, content BYTES NOT NULL, "
    "PRIMARY KEY (flow, digest))",
    # When it was last stored, in seconds since 1970; what is older than this table is dated when it is first looked at.
    "CREATE TABLE IF NOT EXISTS evidence_stored (flow TEXT NOT NULL, digest TEXT NOT NULL, "
    "stored DOUBLE PRECISION NOT NULL, PRIMARY KEY (flow, digest))",
)


class DatabaseEvidence:
    """ports.EvidenceStore on one database."""

    def __init__(self, database: Database, keyring: KeyRing, clock: Clock | None = None) -> None:
        """Without a `clock` the database's own says when something was stored."""
        self._database = database
        self._clock = clock
        self._keyring = keyring
        blob = "BLOB" if database.dialect == "sqlite" else "BYTEA"
        database.create_schema([statement.replace("BYTES", blob) for statement in SCHEMA])

    def put(self, flow: str, contents: Iterable[bytes]) -> list[str]:
        """See ports.EvidenceStore.put."""
        rows = []
        for content in contents:
            digest = hashlib.sha256(content).hexdigest()
            rows.append((flow, digest, self._keyring.encrypt(zlib.compress(content, 6), f"{flow}|{digest}")))
        with self._database.transaction() as cursor:
            cursor.executemany(
                "INSERT INTO evidence (flow, digest, content) VALUES (?, ?, ?) ON CONFLICT (flow, digest) DO NOTHING",
                rows,
            )
            now = self._time(cursor)
            cursor.executemany(
                "INSERT INTO evidence_stored (flow, digest, stored) VALUES (?, ?, ?) "
                "ON CONFLICT (flow, digest) DO UPDATE SET stored = excluded.stored",
                [(flow, digest, now) for _, digest, _ in rows],
            )
        return [digest for _, digest, _ in rows]

    def rotate(self) -> int:
        """Encrypt with the first master key what is not yet; how many contents that were. May be stopped and resumed.

        Evidence is sealed with the master key itself: before a former key is thrown away, this must have run.
        """
        done, after = 0, ("", "")
        current = self._keyring.current.encode()
        while True:
            with self._database.transaction() as cursor:
                cursor.execute(
                    "SELECT flow, digest, content FROM evidence WHERE substr(content, 1, ?) <> ? "
                    "AND (flow, digest) > (?, ?) ORDER BY flow, digest LIMIT ?",
                    (len(current), current, *after, ROTATED_AT_A_TIME),
                )
                rows = cursor.fetchall()
                for flow, digest, sealed in rows:
                    plain = self._keyring.decrypt(bytes(sealed), f"{flow}|{digest}")
                    cursor.execute(
                        "UPDATE evidence SET content = ? WHERE flow = ? AND digest = ?",
                        (self._keyring.encrypt(plain, f"{flow}|{digest}"), flow, digest),
                    )
            done += len(rows)
            if len(rows) < ROTATED_AT_A_TIME:
                return done
            after = (rows[-1][0], rows[-1][1])

    def stored_before(self, flow: str, limit: datetime) -> list[str]:
        """See application.purge.OldEvidence."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO evidence_stored (flow, digest, stored) "
                "SELECT flow, digest, ? FROM evidence WHERE flow = ? ON CONFLICT (flow, digest) DO NOTHING",
                (self._time(cursor), flow),
            )
            cursor.execute(
                "SELECT digest FROM evidence_stored WHERE flow = ? AND stored < ?", (flow, limit.timestamp())
            )
            return [digest for (digest,) in cursor.fetchall()]

    def remove(self, flow: str, digests: Sequence[str], before: datetime) -> int:
        """See application.purge.OldEvidence."""
        removed = 0
        for begin in range(0, len(digests), REMOVED_AT_A_TIME):
            with self._database.transaction() as cursor:
                for digest in digests[begin : begin + REMOVED_AT_A_TIME]:
                    cursor.execute(
                        "DELETE FROM evidence_stored WHERE flow = ? AND digest = ? AND stored < ?",
                        (flow, digest, before.timestamp()),
                    )
                    if cursor.rowcount:
                        cursor.execute("DELETE FROM evidence WHERE flow = ? AND digest = ?", (flow, digest))
                        removed += 1
        return removed

    def _time(self, cursor: Cursor) -> float:
        return self._clock().timestamp() if self._clock is not None else server_time(cursor)

    def get(self, flow: str, digest: str) -> bytes:
        """See ports.EvidenceStore.get."""
        with self._database.reading() as cursor:
            cursor.execute("SELECT content FROM evidence WHERE flow = ? AND digest = ?", (flow, digest))
            row = cursor.fetchone()
        if row is None:
            raise BadInput(f"the evidence {digest[:12]} of flow {flow} is not kept here (any more)")
        content = zlib.decompress(self._keyring.decrypt(bytes(row[0]), f"{flow}|{digest}"))
        if hashlib.sha256(content).hexdigest() != digest:
            raise Tampered(f"the evidence {digest[:12]} of flow {flow} is not what was stored")
        return content
