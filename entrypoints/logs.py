"""Logs: text for people or one JSON object a line, each with its flow and cycle, and none with a secret.

Struck out is on the way to the stream, in the formatter, so that no logger, library or traceback gets round it.
"""

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import msgspec

from adapters.redaction import redacted
from application.log_context import log_context

LogFormat = Literal["text", "json"]
LEVELS = ("debug", "info", "warning", "error")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Libraries whose own lines repeat what ours say, or tell of every byte.
_QUIET = ("httpcore", "asyncio", "multipart", "python_multipart")


class TextFormatter(logging.Formatter):
    """`2026-11-24T08:05:30Z WARNING [us a1b2c3] words`."""

    def format(self, record: logging.LogRecord) -> str:
        context = " ".join(log_context().values())
        record.context = f"[{context}] " if context else ""
        return redacted(super().format(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%SZ}"


class JsonFormatter(logging.Formatter):
    """One object a line: at, level, logger, message, flow, cycle, what the line itself carries, exception."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **log_context(),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode({name: _plain(value) for name, value in told.items()}, enc_hook=repr).decode()


def configure(format: str, level: str, stream: TextIO | None = None) -> None:
    """Send all logging of this process to standard error (or `stream`) in this form."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        JsonFormatter() if format == "json" else TextFormatter("%(asctime)s %(levelname)s %(context)s%(message)s")
    )
    root = logging.getLogger()
    # A plain handler on the way out would not strike anything out; another kind is somebody's own (pytest's).
    root.handlers[:] = [each for each in root.handlers if type(each) is not logging.StreamHandler] + [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _plain(value: Any) -> Any:
    """A value without secrets, whatever it is made of."""
    match value:
        case str():
            return redacted(value)
        case bool() | int() | float() | datetime() | None:
            return value
        case Mapping():
            return {redacted(str(key)): _plain(entry) for key, entry in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(entry) for entry in value]
    return redacted(repr(value))
