"""Where the master keys come from: a file, the environment, or a key generated for this home folder.

Several keys may be given, separated by commas or lines: the first encrypts, all decrypt, so a key can be changed
without losing anything. A key's id is a hash of it, stored beside what it encrypted.
"""

import base64
import binascii
import contextlib
import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.redaction import conceal
from domain.errors import BadInput, Tampered

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_LENGTH = 8
KEY_FILE = "master.key"


class KeyRing:
    """Encrypts with the first key, decrypts with any. Its repr shows no key.

    A ring that lives in a file is read again when the file changes, so that all processes take up a new key at once.
    """

    def __init__(self, keys: list[bytes], origin: str = "memory", path: Path | None = None) -> None:
        self.origin = origin
        self.path = path
        self._stamp = _stamp(path)
        self._take(keys)

    @classmethod
    def from_settings(cls, master_key: str, master_key_file: str, home: Path) -> "KeyRing":
        """MASTER_KEY_FILE, else MASTER_KEY, else a file in `home`, made with mode 0600 if there is none."""
        if master_key_file:
            path = Path(master_key_file)
            return cls(_parsed(_read(path), "MASTER_KEY_FILE"), f"MASTER_KEY_FILE {path}", path)
        if master_key:
            return cls(_parsed(master_key, "MASTER_KEY"), "MASTER_KEY")
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
        return cls(_parsed(_read(path), str(path)), str(path), path)

    @property
    def current(self) -> str:
        """The id of the key that encrypts."""
        self._read_again()
        return self._current

    @property
    def known(self) -> tuple[str, ...]:
        """The ids of all keys; the first is the current one."""
        self._read_again()
        return tuple(self._keys)

    def add(self) -> str:
        """Put a new key before the others, in the ring's file; its id. Raises BadInput where that cannot be written."""
        fresh = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        self._rewrite(lambda keys: [fresh, *keys])
        return self.current

    def remove(self, key_id: str) -> None:
        """Take a key that encrypts no more out of the ring's file. What it has sealed can then be read by nobody.

        Raises BadInput for the current key, for one that is not there, or where the file cannot be written.
        """
        if key_id not in self.known:
            raise BadInput(f"no master key {key_id} is in {self.origin}; it has: {', '.join(self.known)}")
        if key_id == self.current:
            raise BadInput(f"master key {key_id} is the current one; make another first: ml-connector keys rotate")
        self._rewrite(lambda keys: [key for key in keys if _key_id(base64.b64decode(key)) != key_id])

    def encrypt(self, plain: bytes, context: str) -> bytes:
        """key id | nonce | ciphertext; it opens only for the same `context`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        current = self.current
        return current.encode() + nonce + self._keys[current].encrypt(nonce, plain, context.encode())

    def decrypt(self, sealed: bytes, context: str) -> bytes:
        """Raises BadInput where the key is not in the ring, Tampered where the bytes or their place were changed."""
        key_id = sealed[:KEY_ID_LENGTH].decode("ascii", "replace")
        if key_id not in self._keys:
            self._read_again()
        key = self._keys.get(key_id)
        if key is None:
            raise BadInput(
                f"this was encrypted with master key {key_id}, which is not among those given; "
                "add the former key behind the new one, separated by a comma"
            )
        body = sealed[KEY_ID_LENGTH:]
        try:
            return key.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            raise Tampered(f"an encrypted value of {context!r} was changed or moved") from None

    def _take(self, keys: list[bytes]) -> None:
        conceal(*(base64.b64encode(key).decode() for key in keys))
        self._keys = {_key_id(key): AESGCM(key) for key in keys}
        self._current = _key_id(keys[0])

    def _read_again(self) -> None:
        stamp = _stamp(self.path)
        if self.path is not None and stamp and stamp != self._stamp:
            self._take(_parsed(_read(self.path), self.origin))
            self._stamp = stamp

    def _rewrite(self, change: Callable[[list[str]], list[str]]) -> None:
        """Replace the file in one step, one writer at a time."""
        if self.path is None:
            raise BadInput(
                f"the master keys come from {self.origin}, which only you can change: put a new key before the "
                "others, separated by a comma, start all processes anew, then: ml-connector keys rotate --rewrap-only"
            )
        try:
            with _locked(self.path):
                keys = change(re.split(r"[,\s]+", _read(self.path).strip()))
                _write(self.path, "".join(key + "\n" for key in keys))
        except OSError as error:
            raise BadInput(
                f"{self.path} cannot be written: {error.strerror}; put a new key before the others by hand, one a "
                "line, start all processes anew, then: ml-connector keys rotate --rewrap-only"
            ) from None
        self._read_again()

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
    made = _written(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
    try:
        os.link(made, path)
    except FileExistsError:
        pass
    finally:
        made.unlink()


def _write(path: Path, text: str) -> None:
    made = _written(path, text)
    try:
        made.replace(path)
    except OSError:
        made.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # what is sealed next must not outlive the only key to it
    finally:
        os.close(folder)


def _written(path: Path, text: str) -> Path:
    """A file beside `path`, with mode 0600 and on disk."""
    made = path.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return made


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _stamp(path: Path | None) -> tuple[int, ...]:
    """Another one whenever the file was replaced; empty where there is none to be seen."""
    if path is None:
        return ()
    try:
        seen = path.stat()
    except OSError:
        return ()
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"ml-connector key id" + key).hexdigest()[:KEY_ID_LENGTH]
