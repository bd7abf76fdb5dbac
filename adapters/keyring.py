"""Where the master keys come from: a file, the environment, or a key generated for this home folder.

Several keys may be given, separated by commas or lines: the first encrypts, all decrypt, so a key can be changed
without losing anything. A key's id is a hash of it, stored beside what it encrypted.
"""

import base64
import binascii
import hashlib
import os
import re
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import BadInput, Tampered

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_FILE = "master.key"


class KeyRing:
    """Encrypts with the first key, decrypts with any. Its repr shows no key."""

    def __init__(self, keys: list[bytes]) -> None:
        self._keys = {hashlib.sha256(b"ml-connector key id" + key).hexdigest()[:8]: AESGCM(key) for key in keys}
        self.current = next(iter(self._keys))

    @classmethod
    def from_settings(cls, master_key: str, master_key_file: str, home: Path) -> "KeyRing":
        """MASTER_KEY_FILE, else MASTER_KEY, else a file in `home`, made with mode 0600 if there is none."""
        if master_key_file:
            return cls(_parsed(_read(Path(master_key_file)), "MASTER_KEY_FILE"))
        if master_key:
            return cls(_parsed(master_key, "MASTER_KEY"))
        path = home / KEY_FILE
        if not path.exists():
            try:
                home.mkdir(parents=True, exist_ok=True, mode=0o700)
                _create(path)
            except OSError as error:
                raise BadInput(
                    f"no master key can be made in {home}: {error.strerror}; set HOME to a folder that can be "
                    "written to, or give MASTER_KEY_FILE"
                ) from None
        return cls(_parsed(_read(path), str(path)))

    def encrypt(self, plain: bytes, context: str) -> bytes:
        """key id | nonce | ciphertext; it opens only for the same `context`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return self.current.encode() + nonce + self._keys[self.current].encrypt(nonce, plain, context.encode())

    def decrypt(self, sealed: bytes, context: str) -> bytes:
        """Raises BadInput where the key is not in the ring, Tampered where the bytes or their place were changed."""
        key_id = sealed[:8].decode("ascii", "replace")
        key = self._keys.get(key_id)
        if key is None:
            raise BadInput(
                f"this was encrypted with master key {key_id}, which is not among those given; "
                "add the former key behind the new one, separated by a comma"
            )
        body = sealed[8:]
        try:
            return key.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            raise Tampered(f"an encrypted value of {context!r} was changed or moved") from None

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"


def _parsed(text: str, origin: str) -> list[bytes]:
    keys = []
    for part in filter(None, re.split(r"[,\s]+", text)):
        try:
            key = base64.b64decode(part, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise BadInput(
                f"{origin} must hold base64 of {KEY_BYTES} random bytes; make one with: "
                "python3 -c 'import base64,os;print(base64.b64encode(os.urandom(32)).decode())'"
            )
        keys.append(key)
    if not keys:
        raise BadInput(f"{origin} holds no key")
    return keys


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the master key file {path} cannot be read: {error}") from None


def _create(path: Path) -> None:
    """Two processes may start together: the one that is later uses the other's key."""
    made = path.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(made, path)
    except FileExistsError:
        pass
    finally:
        made.unlink()
