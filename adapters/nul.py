"""The character NUL in JSON: PostgreSQL's text does not take it, so it must be in no event."""

import re

NUL = b"\\u0000"  # a quick look; behind a backslash it is these six characters themselves
_EXACTLY = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def has_nul(content: bytes) -> bool:
    """Whether a text in this JSON holds NUL."""
    return _EXACTLY.search(content) is not None


def without_nul(content: bytes) -> bytes:
    """JSON of a vendor's with U+FFFD in the place of each NUL."""
    return _EXACTLY.sub(rb"\1\\ufffd", content) if NUL in content else content
