"""Bank statements as files."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from domain.bank import ColumnMap, ReadStatement


class BankFile(msgspec.Struct, frozen=True):
    """The statements of a bank's file, and of a CSV its columns as they were found."""

    statements: Sequence[ReadStatement]
    columns: ColumnMap | None


class BankReader(Protocol):
    """Reads a bank's file: OFX, QFX, CAMT.053 or CSV, by its content."""

    def __call__(self, content: bytes, name: str, currency: str, columns: ColumnMap | None = None) -> BankFile:
        """`currency` is what a CSV without one is in. Raises BadInput naming file, line, what was expected."""
