"""What is kept under lock: tokens, consents and the vendors' own words."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from domain.flow import Flow


class VaultSlot(Protocol):
    """A credential while its lock is held."""

    @property
    def value(self) -> dict[str, str]:
        """The stored credential, freshly read under the lock."""

    def replace(self, value: dict[str, str]) -> None:
        """Store a new value durably before returning."""


class Vault(Protocol):
    """Encrypted credentials per flow."""

    def get(self, flow: str, name: str) -> dict[str, str] | None:
        """The credential, or None."""

    def put(self, flow: str, name: str, value: dict[str, str]) -> None:
        """Store or replace a credential."""

    def delete(self, flow: str, name: str) -> None:
        """Forget a credential."""

    def locked(self, flow: str, name: str) -> AbstractContextManager[VaultSlot]:
        """Exclusive over threads and processes: for a token that rotates. Raises BadInput if there is none stored."""


class Consent(Protocol):
    """One vendor's consent in the browser: its page, what a code from it buys, and its end."""

    def address(self, flow: Flow, state: str) -> str:
        """The vendor's page, which sends the browser back with a code and the state."""

    def exchange(self, flow: Flow, code: str) -> dict[str, str]:
        """The credential to keep in the vault. A code is good for one try.

        Raises ConnectionLost where the code is refused, OutcomeUnknown where the answer was lost, VendorError.
        """

    def revoke(self, flow: Flow, credential: dict[str, str]) -> bool:
        """End the consent; again is no harm. False where only the person can, at the vendor. Raises VendorError."""


class EvidenceStore(Protocol):
    """Vendors' own bytes, compressed and encrypted, addressed by SHA-256 of the content."""

    def put(self, flow: str, contents: Iterable[bytes]) -> list[str]:
        """Store contents (again is no harm); their hex digests."""

    def get(self, flow: str, digest: str) -> bytes:
        """The content. Raises BadInput where it is not there (retention), Tampered where it does not match."""
