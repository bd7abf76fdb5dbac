"""Amounts and quantities as settlement reports write them: `1,141.18`, `1.141,18`, `(5,05)`, `5.05-`, both in one file.

The right-most of `.` and `,` is the decimal mark where both occur. A single mark before exactly three digits may be
either, so it is refused unless the currency decides. Nothing is ever rounded.
"""

import re

from domain.errors import BadInput
from domain.money import exponent

_LOOKALIKES = str.maketrans({**dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000\t", " "), "−": "-", "’": "'"})
_GROUPED = re.compile(
    r"[0-9]*"
    r"|[0-9]{1,3}(?:([.,' ])[0-9]{3})(?:\1[0-9]{3})*"
    r"|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}"  # India: 1,23,456
)
_MOST_DIGITS = 15  # a settlement of a quadrillion cents is a misread cell
_REPAIR = "download the report again, and do not save it from a spreadsheet"


def parse_amount(text: str, currency: str) -> int:
    """An amount in minor units of `currency`. Raises BadInput for what is no number, could be two, or is too fine."""
    negative, digits = _sign(text)
    decimals = exponent(currency)
    whole, fraction = _split(text, digits, currency, decimals)
    if fraction[decimals:].strip("0"):
        raise BadInput(
            f"{shown(text)} has more decimals than {currency} has ({decimals}); amounts are never rounded; {_REPAIR}"
        )
    minor = int(whole + fraction[:decimals].ljust(decimals, "0") or "0")
    return -minor if negative else minor


def parse_quantity(text: str) -> int | None:
    """A whole number of units, or None where the cell is blank. Raises BadInput."""
    bare = text.translate(_LOOKALIKES).strip(" \"'")
    if not bare:
        return None
    found = re.fullmatch(r"([+-]?[0-9]{1,9})(?:[.,]0{1,2})?", bare)
    if found is None:
        raise BadInput(f"{shown(text)} is not a quantity; expected a whole number like 2; {_REPAIR}")
    return int(found[1])


def shown(text: str) -> str:
    """A cell as a message shows it: quoted, and cut where it is none that Amazon wrote."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


def _sign(text: str) -> tuple[bool, str]:
    bare = text.translate(_LOOKALIKES).strip(" \"'")
    if bare.startswith("(") and bare.endswith(")"):
        return True, bare[1:-1].strip()
    if bare.endswith("-"):
        return True, bare[:-1].strip()
    if bare.startswith(("-", "+")):
        return bare.startswith("-"), bare[1:].strip()
    return False, bare


def _split(text: str, digits: str, currency: str, decimals: int) -> tuple[str, str]:
    """The digits before and after the decimal mark."""
    marks = [mark for mark in digits if mark in ".,"]
    if not marks:
        whole, mark, fraction = digits, "", ""
    elif len(set(marks)) == 1 and len(marks) > 1:
        whole, mark, fraction = digits, "", ""  # 1,234,567
    else:
        whole, mark, fraction = digits.rpartition(marks[-1])
    if mark and len(marks) == 1 and len(fraction) == 3 and re.fullmatch(r"[1-9][0-9]{0,2}", whole):
        if decimals == 0 and mark == ",":
            whole, mark, fraction = whole + fraction, "", ""
        elif decimals != 3:
            raise BadInput(
                f"{shown(text)} can be read as {whole}{fraction} or as {whole}.{fraction} {currency}; "
                f"expected an amount that can be read one way only; {_REPAIR}"
            )
    plain = re.sub(r"[.,' ]", "", whole)
    known = _GROUPED.fullmatch(whole) and mark not in whole if mark else _GROUPED.fullmatch(whole)
    if (
        not known
        or (mark and not re.fullmatch("[0-9]+", fraction))
        or not plain + fraction
        or len(plain + fraction) > _MOST_DIGITS
    ):
        raise BadInput(f"{shown(text)} is not an amount; expected a number like 1234.56 or 1234,56; {_REPAIR}")
    return plain, fraction
