"""Reading query parameters as Amazon's models describe them: lists, dates, whole numbers, and nothing unknown.

Amazon tolerates unknown parameters in life; a stand-in that refuses them finds a misspelt one the first time.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from litestar import Request
from litestar.datastructures import State

from adapters.simulated.amazon.answers import invalid_input

Parameters = Mapping[str, list[str]]


def read(request: "Request[None, None, State]", known: Collection[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise invalid_input(f"unknown query parameter {name!r}")
        found.setdefault(name, []).append(str(value))
    return found


def one(parameters: Parameters, name: str) -> str | None:
    values = parameters.get(name)
    if values is None:
        return None
    if len(values) != 1 or not values[0]:
        raise invalid_input(f"{name} must be given once and not be empty")
    return values[0]


def several(parameters: Parameters, name: str, allowed: Collection[str] = (), most: int = 50) -> list[str] | None:
    """A list, comma separated or repeated."""
    values = parameters.get(name)
    if values is None:
        return None
    parts = [part.strip() for value in values for part in value.split(",")]
    if not all(parts):
        raise invalid_input(f"{name} has an empty value")
    if len(parts) > most:
        raise invalid_input(f"{name} has {len(parts)} values; at most {most} are allowed")
    for part in parts:
        if allowed and part not in allowed:
            raise invalid_input(f"{part!r} is not a value of {name}")
    return parts


def moment(parameters: Parameters, name: str) -> datetime | None:
    text = one(parameters, name)
    if text is None:
        return None
    try:
        # A plus sign that was not percent-encoded arrives as a space.
        read_moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return read_moment.replace(tzinfo=UTC) if read_moment.tzinfo is None else read_moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid_input(f"{name} is not an ISO 8601 date-time: {text!r}") from None


def number(parameters: Parameters, name: str, default: int, most: int) -> int:
    text = one(parameters, name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= most:
        raise invalid_input(f"{name} must be a whole number from 1 to {most}")
    return int(text)
