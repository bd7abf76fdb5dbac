"""Bytes to text, whatever the file says of its charset: banks declare one and write another."""

import re
from decimal import Decimal

from domain.errors import BadInput
from domain.money import to_minor

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def decoded(content: bytes, name: str, declared: str = "") -> str:
    """UTF-8 where it is valid (nothing else looks like it by chance), else as declared, else Windows' Western one."""
    for bom, charset in _BOMS:
        if content.startswith(bom):
            declared, tries = charset, (charset,)
            break
    else:
        tries = ("utf-8", *((declared,) if declared else ()), "cp1252", "latin-1")
    for charset in tries:
        try:
            text = content.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
        if "\x00" in text:
            break
        return text
    raise BadInput(f"{name}: this is no text file; expected OFX, QFX, CAMT.053 or CSV as the bank's site gives them")


_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


def amount_of(text: str, currency: str, where: str, what: str = "amount") -> int:
    """A plain decimal amount in minor units; `,` may be its decimal sign. Raises BadInput saying where."""
    plain = text.strip().replace(",", ".") if "." not in text else text.strip()
    if not _NUMBER.fullmatch(plain):
        raise BadInput(f"{where}: {what} {text.strip()[:40]!r}; expected a decimal number like 1234.56")
    try:
        return to_minor(Decimal(plain), currency)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None
