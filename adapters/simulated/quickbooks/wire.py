"""JSON, amounts and times as QuickBooks writes them.

An amount is an integer of minor units inside and a JSON number outside; no float is ever made on the way.
"""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from adapters.simulated.quickbooks.refusals import Refused

Body = dict[str, Any]

PACIFIC = ZoneInfo("America/Los_Angeles")  # the server's own zone, whatever the company's

_LISTS = ("Line", "LinkedTxn", "CustomField")
_OBJECTS = ("CustomerMemo", "CashBack", "Entity")
_TEXTS = ("value", "type", "Type", "TxnId", "TxnType", "DetailType", "PostingType", "PaymentType", "Description", "Id")

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(raw: bytes) -> Body:
    try:
        body = _decoder.decode(raw)
    except (msgspec.DecodeError, InvalidOperation) as error:
        raise Refused.malformed(f"Invalid JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refused.malformed("the request is not a JSON object")
    return body


def encode(body: Any) -> bytes:
    return _encoder.encode(body)


def well_formed(body: Body) -> None:
    """Refuse what QuickBooks' typed parser could not read: a reference that is no object, lines that are no list."""
    for member, value in body.items():
        if value is None:
            continue
        if member in _LISTS:
            if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
                raise Refused.malformed(f"{member} is not a list of objects")
            for row in value:
                well_formed(row)
        elif member.endswith(("Ref", "Detail", "Addr")) or member in _OBJECTS:
            if not isinstance(value, dict):
                raise Refused.malformed(f"{member} is not an object")
            well_formed(value)
        elif member in _TEXTS and isinstance(value, (dict, list)):
            raise Refused.malformed(f"{member} is not text")


def number(value: Any, member: str) -> Decimal:
    """A JSON number, or a number in a string, which QuickBooks' parser takes as well."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
        raise Refused.malformed(f"{member} is not a number")
    try:
        result = Decimal(value)
    except InvalidOperation:
        raise Refused.malformed(f"{member} is not a number: {value}") from None
    if not result.is_finite() or abs(result) >= Decimal(10) ** 10:
        raise Refused.malformed(f"{member} is outside of 10.5 digits: {value}")
    return result


def minor_units(value: Any, member: str) -> int:
    """An amount as an integer of cents. More than two decimals is refused: real rounding there is undocumented."""
    amount = number(value, member) * 100
    if amount != amount.to_integral_value():
        raise Refused.business(f"{member} has more than two decimals: {value}", element=member)
    return int(amount)


def rounded(amount: Decimal) -> int:
    """Cents to the nearest, halves away from zero."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def shown(minor: int) -> Decimal | int:
    """24.99, 20.0, and a bare 0, as recorded."""
    if minor == 0:
        return 0
    return Decimal(minor).scaleb(-2) if minor % 10 else Decimal(minor // 10).scaleb(-1)


def plain(value: Decimal) -> Decimal | int:
    """A quantity or unit price the way it is shown: 75, 4.5."""
    if value == value.to_integral_value():
        return int(value)
    return Decimal(format(value.normalize(), "f"))


def printed(minor: int) -> str:
    """Two decimals as text, for the control surface."""
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def date(value: Any, member: str) -> dt.date:
    try:
        return dt.date.fromisoformat(value[:10])
    except (TypeError, ValueError):
        raise Refused.malformed(f"{member} is not a date: {value}") from None


def seconds_stamp(moment: dt.datetime) -> str:
    """MetaData's form: Pacific time with offset, whole seconds."""
    return moment.astimezone(PACIFIC).isoformat(timespec="seconds")


def millis_stamp(moment: dt.datetime) -> str:
    """The answer's own time: the same with milliseconds."""
    return moment.astimezone(PACIFIC).isoformat(timespec="milliseconds")
