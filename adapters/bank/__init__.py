"""Bank statements as banks give them: OFX and QFX, CAMT.053, CSV. A file is read whole or refused whole."""

from adapters.bank.camt import read_camt
from adapters.bank.csv import read_csv
from adapters.bank.ofx import read_ofx
from adapters.bank.text import decoded
from application.ports import BankFile
from domain.bank import ColumnMap
from domain.errors import BadInput

LARGEST = 50_000_000  # bytes; a bank's year of a busy account is a few

__all__ = ["read_bank_file"]


def read_bank_file(content: bytes, name: str, currency: str, columns: ColumnMap | None = None) -> BankFile:
    """Every statement of a file, by its content, never by its name. `currency` is what a CSV that names none is in.

    Raises BadInput naming the file, the line, what was expected and what to do.
    """
    if len(content) > LARGEST:
        raise BadInput(f"{name}: {len(content):,} bytes; expected at most {LARGEST:,}. Export a shorter period")
    start = content[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
    if start.startswith((b"%PDF", b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")):
        raise BadInput(
            f"{name}: this is a PDF, a spreadsheet or an archive; expected OFX, QFX, CAMT.053 or CSV as text. Choose "
            "one of these where the bank offers the download"
        )
    head = content[:4096].replace(b"\x00", b"").upper()
    if b"OFXHEADER" in head or b"<OFX>" in head or b"<?OFX" in head:
        return BankFile(read_ofx(content, name), None)
    if start.startswith(b"<"):
        return BankFile(read_camt(content, name), None)
    return read_csv(decoded(content, name), name, currency, columns)
