"""How a settlement file is encoded: what the download said, its byte order mark, else what decodes.

Amazon sends UTF-8, cp1252 (Europe, America) and cp932 (Japan), and does not always say which.
"""

import codecs
from typing import BinaryIO

from domain.errors import UnreadableReport

CHUNK = 1 << 20
_JAPANESE = (b"JPY", b".co.jp", b"Amazon.co.jp")
_BINARY = {
    b"\x1f\x8b": "a gzip file; unpack it first",
    b"PK": "a zip or Excel file; unpack it, or download the flat file instead",
    b"%PDF": "a PDF; download the flat file (V2) instead",
}


def find_charset(source: BinaryIO, told: str) -> str:
    """The codec of a seekable source, which is left at its beginning. Raises UnreadableReport for binary content."""
    start = source.tell()
    beginning = source.read(CHUNK)
    source.seek(start)
    if not beginning.strip():
        raise UnreadableReport(
            "the file is empty; expected a settlement flat file with a heading line", line=1, column="settlement-id"
        )
    for magic, what in _BINARY.items():
        if beginning.startswith(magic):
            raise UnreadableReport(
                f"this is {what}; expected a tab separated text file", line=1, column="settlement-id"
            )
    for mark, codec in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if beginning.startswith(mark):
            return codec
    if b"\0" in beginning:
        line = beginning[: beginning.index(b"\0")].count(b"\n") + 1
        raise UnreadableReport(
            "there are NUL bytes; expected text. Download the file again", line=line, column="settlement-id"
        )
    candidates = [codec for codec in (_known(told), "utf-8") if codec]
    if any(word in beginning for word in _JAPANESE):
        candidates.append("cp932")
    for codec in dict.fromkeys(candidates):
        if _decodes(source, codec):
            return codec
    return "cp1252" if _decodes(source, "cp1252") else "latin-1"


def _known(told: str) -> str:
    names = {
        "cp1252": "cp1252",
        "windows-1252": "cp1252",
        "ms932": "cp932",
        "windows-31j": "cp932",
        "shift_jis": "cp932",
    }
    name = names.get(told.strip().lower(), told.strip())
    try:
        return codecs.lookup(name).name if name else ""
    except LookupError:
        return ""


def _decodes(source: BinaryIO, codec: str) -> bool:
    start = source.tell()
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        while chunk := source.read(CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    finally:
        source.seek(start)
    return True
