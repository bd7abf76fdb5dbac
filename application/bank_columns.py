"""The columns of a bank's CSV, as people say them: `date=Datum,text=Name+Zweck,amount=Betrag,dates=dmy`."""

from typing import Any

import msgspec

from domain.bank import ColumnMap
from domain.errors import BadInput

_NAMES = tuple(ColumnMap.__struct_fields__)
_YES = {"yes": True, "no": False}


def columns_from(text: str, known: ColumnMap | None = None) -> ColumnMap:
    """The columns said, in place of those known. Raises BadInput naming the part that cannot be."""
    values: dict[str, Any] = {}
    parts = [part for part in text.split(",") if part]
    for number, part in enumerate(parts):
        name, equals, value = part.partition("=")
        name = name.strip()
        if name not in _NAMES or not equals:
            raise BadInput(f"columns: {part!r}: expected NAME=COLUMN, NAME one of {', '.join(_NAMES)}")
        if name == "decimal" and not value and number == len(parts) - 1 and text.endswith(","):
            value = ","  # decimal=, at the end
        values[name] = _value(name, value.strip())
    if "amount" in values:
        values |= {"credit": "", "debit": ""}
    elif "credit" in values or "debit" in values:
        values["amount"] = ""
    return msgspec.structs.replace(known or ColumnMap(), **values)


def _value(name: str, value: str) -> Any:
    match name:
        case "text":
            return tuple(one.strip() for one in value.split("+") if one.strip())
        case "headings" | "negate":
            if value not in _YES:
                raise BadInput(f"columns: {name}={value}: expected yes or no")
            return _YES[value]
        case "dates" if value not in ("ymd", "mdy", "dmy"):
            raise BadInput(f"columns: dates={value}: expected ymd, mdy or dmy")
        case "decimal":
            value = {"comma": ",", "point": "."}.get(value, value)
            if value not in (",", "."):
                raise BadInput(f"columns: decimal={value}: expected point or comma")
        case "delimiter":
            return {"comma": ",", "semicolon": ";", "tab": "\t"}.get(value, value)
    return value
