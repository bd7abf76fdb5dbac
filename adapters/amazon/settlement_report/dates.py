"""Moments as settlement reports write them: year or day first, with a zone's name, an offset, or neither.

Amazon states UTC in these reports, so a moment without a zone is UTC and a date alone is its first instant. A date
with slashes and the day or month first could be either, and is refused.
"""

import re
from datetime import UTC, datetime, timedelta

from adapters.amazon.settlement_report.numbers import shown
from domain.errors import BadInput

# Only names that mean one offset everywhere: BST, CST, EST and IST are not among them.
_ZONE_HOURS = {"": 0, "Z": 0, "UTC": 0, "GMT": 0, "JST": 9, "CET": 1, "CEST": 2, "PST": -8, "PDT": -7}
_FORM = re.compile(
    r"""(?: (?P<year>[0-9]{4}) (?P<mark>[-/.]) (?P<month>[0-9]{1,2}) (?P=mark) (?P<day>[0-9]{1,2})
        | (?P<day_first>[0-9]{1,2}) \. (?P<month_after>[0-9]{1,2}) \. (?P<year_last>[0-9]{4}) )
    (?: [T ]\ * (?P<hour>[0-9]{1,2}) : (?P<minute>[0-9]{2}) (?: : (?P<second>[0-9]{2}) (?: [.,][0-9]{1,9} )? )? )?
    \ * (?: (?P<zone>[A-Z]+) | (?:UTC|GMT)? (?P<sign>[+-]) (?P<ahead>[0-9]{2}) :? (?P<minutes_ahead>[0-9]{2}) )?""",
    re.VERBOSE,
)


def parse_moment(text: str) -> datetime | None:
    """The instant in UTC, or None where the cell is blank. Raises BadInput."""
    bare = text.strip().strip("\"'").strip()
    if not bare:
        return None
    found = _FORM.fullmatch(bare)
    if found is None:
        raise _refused(text)
    part = found.groupdict(default="")
    if part["zone"] not in _ZONE_HOURS:
        raise BadInput(
            f"{shown(text)} names the time zone {part['zone']}, which is not known here; expected UTC, as Amazon "
            "writes; download the report again"
        )
    ahead = timedelta(hours=_ZONE_HOURS[part["zone"]])
    if part["sign"]:
        ahead = timedelta(hours=int(part["ahead"]), minutes=int(part["minutes_ahead"]))
        ahead = -ahead if part["sign"] == "-" else ahead
    try:
        moment = datetime(
            int(part["year"] or part["year_last"]),
            int(part["month"] or part["month_after"]),
            int(part["day"] or part["day_first"]),
            int(part["hour"] or 0),
            int(part["minute"] or 0),
            int(part["second"] or 0),
            tzinfo=UTC,
        )
        return moment - ahead
    except (ValueError, OverflowError):
        raise _refused(text) from None


def _refused(text: str) -> BadInput:
    return BadInput(
        f"{shown(text)} is not a date; expected one like 2026-01-31 10:00:00 UTC, 31.01.2026 10:00:00 UTC or "
        "2026-01-31T10:00:00+00:00; download the report again, and do not save it from a spreadsheet"
    )
