"""Vendors' own bytes as evidence: compressed, encrypted, addressed by the SHA-256 of the content."""

import hashlib
import zlib
from collections.abc import Iterable

from adapters.database import Database
from adapters.keyring import KeyRing
from domain.errors import BadInput, Tampered

ROTATED_AT_A_TIME = 50  # a transaction: others write in between

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS evidence (flow TEXT NOT NULL, digest TEXT NOT NULL, content BYTES NOT NULL, "
    "PRIMARY KEY (flow, digest))",
)


class DatabaseEvidence:
    """ports.EvidenceStore on one database."""

    def __init__(self, database: Database, keyring: KeyRing) -> None:
        self._database = database
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
