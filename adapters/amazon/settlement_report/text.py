"""Bytes into lines: which charset a report is in, decided before anything is read from it, and never by half.

Amazon names the charset when a report is fetched, and sometimes wrongly; a file from a disk has none. The decision
costs one pass over the bytes in chunks, so memory stays constant.
"""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from domain.errors import UnreadableReport

FIRST_COLUMN = "settlement-id"
_CHUNK_BYTES = 1 << 18
_LONGEST_LINE = 1_000_000
_ANYTHING = "cp1252"  # what Amazon writes in Europe and America where it is not UTF-8
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_PACKED = (
    (b"\x1f\x8b", "a gzip file", "decompress it first"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet (.xlsx)", "unpack it, or download the original text file"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet (.xls)", "download the original text file"),
    (b"%PDF", "a PDF", "download the flat file instead"),
)
_JAPANESE = re.compile(
    "[\u2460-\u24ff\u3001-\u30ff\u3220-\u33ff\u4e00-\u9fff\uff01-\uff60]"
)  # no half width kana: é is one
_JAPANESE_TRADE = re.compile(r"\bJPY\b|\.co\.jp\b", re.IGNORECASE)
DAMAGE = re.compile("[\x00\udc80-\udcff]")  # NUL, or a byte that the charset does not have


class Encoding(msgspec.Struct, frozen=True):
    """How to decode the report; `damaged` if some of its characters are none, so that each line must be checked."""

    codec: str
    damaged: bool


class _Trial(msgspec.Struct):
    decodes: bool = True
    damaged: bool = False
    japanese: bool = False
    japanese_trade: bool = False


def recognise(source: BinaryIO, charset: str) -> Encoding:
    """How the report is encoded; the source is back at its beginning. Raises UnreadableReport for what is packed."""
    start = source.tell()
    head = source.read(8)
    source.seek(start)
    for magic, what, remedy in _PACKED:
        if head.startswith(magic):
            raise UnreadableReport(
                f"this is {what}; expected a tab separated settlement report; {remedy}", line=1, column=FIRST_COLUMN
            )
    for codec in _candidates(head, charset):
        trial = _try(source, start, codec)
        if trial.decodes:
            return Encoding(codec, trial.damaged)
    trial = _try(source, start, "cp932")
    if trial.decodes and trial.japanese and trial.japanese_trade:
        return Encoding("cp932", trial.damaged)
    # Bytes that even cp1252 does not have become surrogates: the rows they stand in are refused, the others are not.
    return Encoding(_ANYTHING, _try(source, start, _ANYTHING, "surrogateescape").damaged)


def lines_of(source: BinaryIO, encoding: Encoding) -> Iterator[str]:
    """The lines without their ends. Raises UnreadableReport for a line without end."""
    decode = codecs.getincrementaldecoder(encoding.codec)("surrogateescape").decode
    rest, number = "", 0
    while chunk := source.read(_CHUNK_BYTES):
        rest += decode(chunk)
        if len(rest) > _LONGEST_LINE and "\n" not in rest and "\r" not in rest:
            raise UnreadableReport(
                f"a line of more than {_LONGEST_LINE:,} characters; expected rows with line ends; "
                "download the report again",
                line=number + 1,
                column=FIRST_COLUMN,
            )
        held_back = "\r" if rest.endswith("\r") else ""  # it may be half of a line end
        text = rest[:-1] if held_back else rest
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        *lines, rest = text.split("\n")
        rest += held_back
        number += len(lines)
        yield from lines
    rest += decode(b"", True)
    if rest:
        yield rest.removesuffix("\r")


def _candidates(head: bytes, charset: str) -> Iterator[str]:
    # A byte order mark is in the file itself and cannot be wrong, so it is asked before the charset that came along.
    for mark, codec in _MARKS:
        if head.startswith(mark):
            yield codec
    if head[1:4:2] == b"\0\0":
        yield "utf-16-le"
    if head[0:3:2] == b"\0\0":
        yield "utf-16-be"
    # Amazon says Shift_JIS as Windows does, whose table has more characters.
    given = "cp932" if charset.lower().replace("-", "_") == "shift_jis" else charset
    if given and _is_charset(given):
        yield given
    yield "utf-8"


def _is_charset(name: str) -> bool:
    """Whether Python knows the name, for a charset that a report can be in without showing it by its first bytes."""
    try:
        return FIRST_COLUMN.encode(name) == FIRST_COLUMN.encode()
    except (LookupError, ValueError):
        return False


def _try(source: BinaryIO, start: int, codec: str, errors: str = "strict") -> _Trial:
    trial = _Trial()
    source.seek(start)
    tail = ""
    try:
        decoder = codecs.getincrementaldecoder(codec)(errors)
        while chunk := source.read(_CHUNK_BYTES):
            text = decoder.decode(chunk)
            # The pattern is slow, and only what replaces errors can leave more than a NUL.
            trial.damaged = trial.damaged or "\0" in text or (errors != "strict" and DAMAGE.search(text) is not None)
            if codec == "cp932":
                trial.japanese = trial.japanese or _JAPANESE.search(text) is not None
                trial.japanese_trade = trial.japanese_trade or _JAPANESE_TRADE.search(tail + text) is not None
                tail = text[-8:]
        decoder.decode(b"", True)
    except UnicodeError:
        trial.decodes = False
    finally:
        source.seek(start)
    return trial
