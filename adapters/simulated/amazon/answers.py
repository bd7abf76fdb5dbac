"""The forms of Amazon's answers: JSON bodies, the error list of the Selling Partner API, and refusals.

A refusal is raised where the reason is known and becomes an answer in one place, so every endpoint refuses alike.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from litestar import Response


class Refusal(Exception):
    """An answer that is not a success."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = dict(headers)
        self.media_type = media_type

    def response(self) -> Response[bytes]:
        return Response(self.body, status_code=self.status, headers=self.headers, media_type=self.media_type)


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    body = msgspec.json.encode(content)
    return Response(body, status_code=status, headers=dict(headers or {}), media_type="application/json")


def refusal(
    status: int, code: str, message: str, details: str = "", headers: Mapping[str, str] | None = None
) -> Refusal:
    """The error list every Selling Partner API operation shares."""
    body = msgspec.json.encode({"errors": [{"code": code, "message": message, "details": details}]})
    return Refusal(status, body, headers or {}, "application/json")


def invalid_input(details: str, message: str = "Invalid Input") -> Refusal:
    return refusal(400, "InvalidInput", message, details)


def unauthorized(details: str) -> Refusal:
    return refusal(403, "Unauthorized", "Access to requested resource is denied.", details)


def not_found(details: str) -> Refusal:
    return refusal(404, "NotFound", "Resource not found.", details)


def throttled() -> Refusal:
    """Amazon says neither how long to wait (no Retry-After) nor, on a 429, what the rate is."""
    return refusal(
        429,
        "QuotaExceeded",
        "You exceeded your quota for the requested resource.",
        headers={"x-amzn-ErrorType": "TooManyRequestsException"},
    )


def storage_refusal(status: int, code: str, message: str) -> Refusal:
    """Documents lie in plain object storage, which answers in XML."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Refusal(status, body.encode(), {}, "application/xml")


def iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
