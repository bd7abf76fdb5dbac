"""Credentials, encrypted, per flow; with a lock for tokens that rotate.

Each value has a data key of its own, wrapped by the master key, so that a change of master key re-wraps small keys.
The lock is a lease row with an owner and an expiry, not an open transaction: no call to a vendor is made while the
database is locked, and a dead owner's lease runs out.
"""

import contextlib
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.database import Database
from adapters.keyring import NONCE_BYTES, KeyRing
from adapters.redaction import conceal_named
from application.ports import Clock
from domain.errors import BadInput, Conflict, Tampered

LEASE = timedelta(seconds=60)
POLL_SECONDS = 0.03
PATIENCE_SECONDS = 90.0

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS vault (flow TEXT NOT NULL, name TEXT NOT NULL, wrapped_key BYTES NOT NULL, "
    "value BYTES NOT NULL, version BIGINT NOT NULL, owner TEXT NOT NULL DEFAULT '', "
    "lease_until TEXT NOT NULL DEFAULT '', PRIMARY KEY (flow, name))",
)


class DatabaseVault:
    """ports.Vault on one database."""

    def __init__(self, database: Database, keyring: KeyRing, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        blob = "BLOB" if database.dialect == "sqlite" else "BYTEA"
        database.create_schema([statement.replace("BYTES", blob) for statement in SCHEMA])

    def get(self, flow: str, name: str) -> dict[str, str] | None:
        """See ports.Vault.get."""
        with self._database.reading() as cursor:
            cursor.execute("SELECT wrapped_key, value FROM vault WHERE flow = ? AND name = ?", (flow, name))
            row = cursor.fetchone()
        return None if row is None else self._open(flow, name, bytes(row[0]), bytes(row[1]))

    def put(self, flow: str, name: str, value: dict[str, str]) -> None:
        """See ports.Vault.put. Whoever holds the lock loses it, lest a token of the former consent replace this."""
        wrapped, sealed = self._seal(flow, name, value)
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO vault (flow, name, wrapped_key, value, version) VALUES (?, ?, ?, ?, 1) "
                "ON CONFLICT (flow, name) DO UPDATE SET wrapped_key = excluded.wrapped_key, value = excluded.value, "
                "version = vault.version + 1, owner = '', lease_until = ''",
                (flow, name, wrapped, sealed),
            )

    def delete(self, flow: str, name: str) -> None:
        """See ports.Vault.delete."""
        with self._database.transaction() as cursor:
            cursor.execute("DELETE FROM vault WHERE flow = ? AND name = ?", (flow, name))

    @contextlib.contextmanager
    def locked(self, flow: str, name: str) -> Iterator["Slot"]:
        """See ports.Vault.locked."""
        owner = secrets.token_hex(16)
        self._take(flow, name, owner)
        try:
            yield Slot(self, flow, name, owner)
        finally:
            with self._database.transaction() as cursor:
                cursor.execute(
                    "UPDATE vault SET owner = '', lease_until = '' WHERE flow = ? AND name = ? AND owner = ?",
                    (flow, name, owner),
                )

    def rotate(self) -> int:
        """Wrap every data key with the first master key; how many were wrapped anew."""
        with self._database.transaction() as cursor:
            # Locked until the new keys are in: a credential stored meanwhile must not get its former key back.
            lock = " FOR UPDATE" if cursor.dialect == "postgresql" else ""
            cursor.execute(f"SELECT flow, name, wrapped_key FROM vault ORDER BY flow, name{lock}")
            rows = cursor.fetchall()
            for flow, name, wrapped in rows:
                key = self._keyring.decrypt(bytes(wrapped), _context(flow, name))
                cursor.execute(
                    "UPDATE vault SET wrapped_key = ? WHERE flow = ? AND name = ?",
                    (self._keyring.encrypt(key, _context(flow, name)), flow, name),
                )
        return len(rows)

    def replace(self, flow: str, name: str, owner: str, value: dict[str, str]) -> None:
        """Store a new value for the holder of the lease. Raises Conflict where the lease is another's by now."""
        wrapped, sealed = self._seal(flow, name, value)
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE vault SET wrapped_key = ?, value = ?, version = version + 1 "
                "WHERE flow = ? AND name = ? AND owner = ?",
                (wrapped, sealed, flow, name, owner),
            )
            if cursor.rowcount != 1:
                raise Conflict(f"the lock on credential {name} of flow {flow} was lost; read it again")

    def _take(self, flow: str, name: str, owner: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            now = self._clock()
            with self._database.transaction() as cursor:
                cursor.execute(
                    "UPDATE vault SET owner = ?, lease_until = ? WHERE flow = ? AND name = ? "
                    "AND (owner = '' OR lease_until < ?)",
                    (owner, _timestamp(now + LEASE), flow, name, _timestamp(now)),
                )
                taken = cursor.rowcount == 1
                if not taken:
                    cursor.execute("SELECT 1 FROM vault WHERE flow = ? AND name = ?", (flow, name))
                    if cursor.fetchone() is None:
                        raise BadInput(f"flow {flow} has no credential {name}; connect it first")
            if taken:
                return
            if time.monotonic() > deadline:
                raise Conflict(f"credential {name} of flow {flow} stays locked by another worker; try again later")
            time.sleep(POLL_SECONDS)

    def _seal(self, flow: str, name: str, value: dict[str, str]) -> tuple[bytes, bytes]:
        conceal_named(value)
        context = _context(flow, name)
        key = AESGCM.generate_key(bit_length=256)
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + AESGCM(key).encrypt(nonce, msgspec.json.encode(value), context.encode())
        return self._keyring.encrypt(key, context), sealed

    def _open(self, flow: str, name: str, wrapped: bytes, sealed: bytes) -> dict[str, str]:
        context = _context(flow, name)
        key = AESGCM(self._keyring.decrypt(wrapped, context))
        try:
            plain = key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            raise Tampered(f"credential {name} of flow {flow} was changed or moved") from None
        value = msgspec.json.decode(plain, type=dict[str, str])
        conceal_named(value)
        return value


class Slot:
    """A credential while its lock is held; its repr shows no secret."""

    def __init__(self, vault: DatabaseVault, flow: str, name: str, owner: str) -> None:
        self._vault, self._flow, self._name, self._owner = vault, flow, name, owner

    @property
    def value(self) -> dict[str, str]:
        """The credential, freshly read."""
        value = self._vault.get(self._flow, self._name)
        if value is None:
            raise BadInput(f"flow {self._flow} has no credential {self._name}; connect it first")
        return value

    def replace(self, value: dict[str, str]) -> None:
        """Store a new value durably. Raises Conflict where the lock was lost meanwhile."""
        self._vault.replace(self._flow, self._name, self._owner, value)


def _timestamp(at: datetime) -> str:
    """Always of one length, so that text sorts as time does in every collation of PostgreSQL."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _context(flow: str, name: str) -> str:
    return f"{flow}|{name}"
