"""Amounts and times as Amazon writes them: points and commas in one file, four forms of date.

Nothing is guessed: an amount that can be read in two ways is refused with both readings, and nothing is rounded.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

from domain.errors import BadInput
from domain.money import exponent, to_minor

_SPACES = re.compile(r"[\s\u00a0\u202f'\"]+")
_PLAIN = re.compile(r"-?\d+(\.\d+)?")
_GROUPED_COMMAS = re.compile(r"\d{1,3}(,\d{3}){2,}")
_GROUPED_POINTS = re.compile(r"\d{1,3}(\.\d{3}){2,}")

_DAY_FIRST = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?\s*(.*)")
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?\s*(.*)")
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?")
# Amazon's reports are in UTC; the other names occur in archives.
_ZONES = {"": 0, "UTC": 0, "GMT": 0, "Z": 0, "JST": 9, "PST": -8, "PDT": -7, "CET": 1, "CEST": 2, "BST": 1, "MEZ": 1}


def read_amount(text: str, currency: str) -> int:
    """Minor units of an amount. Raises BadInput for what is none, or can be read in two ways."""
    words = _SPACES.sub("", text)
    negative = words.startswith("-")
    if words.startswith("(") and words.endswith(")"):
        negative, words = True, words[1:-1]
    if words.endswith("-"):
        negative, words = True, words[:-1]
    words = words.lstrip("+-\u2212") if not negative else words.lstrip("-\u2212")
    if text.strip().startswith("\u2212"):
        negative = True
    minor = to_minor(_point_decimal(words, text, currency), currency)
    return -minor if negative else minor


def _point_decimal(words: str, text: str, currency: str) -> str:
    """The amount with a point for its decimal mark and nothing between its digits."""
    point, comma = words.rfind("."), words.rfind(",")
    if point >= 0 and comma >= 0:
        mark, other = (".", ",") if point > comma else (",", ".")
        if words.count(mark) > 1:
            raise BadInput(f"{text!r} is not an amount: it has more than one decimal mark")
        return words.replace(other, "").replace(mark, ".")
    if comma >= 0:
        if _GROUPED_COMMAS.fullmatch(words):
            return words.replace(",", "")
        if words.count(",") > 1:
            raise BadInput(f"{text!r} is not an amount: its commas group no thousands")
        return _single_comma(words, text, currency)
    if words.count(".") > 1:
        if _GROUPED_POINTS.fullmatch(words):
            return words.replace(".", "")
        raise BadInput(f"{text!r} is not an amount: its points group no thousands")
    if not _PLAIN.fullmatch(words):
        raise BadInput(f"{text!r} is not an amount; expected a number like 12.34 or 12,34")
    return words


def _single_comma(words: str, text: str, currency: str) -> str:
    whole, _, rest = words.partition(",")
    if not whole.isdigit() or not rest.isdigit():
        raise BadInput(f"{text!r} is not an amount; expected a number like 12.34 or 12,34")
    if len(rest) != 3:
        return f"{whole}.{rest}"
    decimals = exponent(currency)
    if decimals == 0:
        return whole + rest
    if decimals == 3:
        return f"{whole}.{rest}"
    raise BadInput(f"{text!r} can be read as {whole}{rest} or as {whole}.{rest}; expected no comma before three digits")


def read_time(text: str) -> datetime:
    """An instant in UTC; a day alone is its beginning. Raises BadInput."""
    words = text.strip().strip('"')
    if match := _YEAR_FIRST.fullmatch(words):
        year, month, day, hour, minute, second, zone = match.groups()
    elif match := _DAY_FIRST.fullmatch(words):
        day, month, year, hour, minute, second, zone = match.groups()
    else:
        raise BadInput(f"{text!r} is not a time; expected one like 2025-12-27 23:20:10 UTC or 27.12.2025 23:20:10 UTC")
    try:
        at = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC)
    except ValueError as error:
        raise BadInput(f"{text!r} is not a time: {error}") from None
    return at.replace(tzinfo=_zone(zone.strip(), text)).astimezone(UTC)


def _zone(words: str, text: str) -> timezone:
    if words.upper() in _ZONES:
        return timezone(timedelta(hours=_ZONES[words.upper()]))
    if match := _OFFSET.fullmatch(words):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(offset if sign == "+" else -offset)
    raise BadInput(f"{text!r}: the time zone {words!r} is not known; expected UTC or an offset like +09:00")
