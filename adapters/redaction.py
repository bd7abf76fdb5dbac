"""The secrets this process knows, so that no line of log can hold one.

Whoever comes to know a secret names it here: `Hidden` (adapters/http.py), the vault, the key ring and the settings do.
Beside these, whatever looks like a vendor's secret is struck out. Held in memory only, as secrets are anyway.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from urllib.parse import quote

SHORTEST = 6  # a shorter one would strike out half of every line
CERTAIN = 20  # of a value that may be a secret or not
REMEMBERED = 4_096
STRUCK_OUT = "..."

_SECRET_NAMES = {"password": SHORTEST, "secret": SHORTEST, "token": CERTAIN, "key": CERTAIN}  # and the shortest one

# What secrets look like: Amazon's and Intuit's tokens, codes and secrets, signed addresses, headers, passwords in URLs.
_PATTERNS = re.compile(
    r"""(?xi)
    \b(?:Atza|Atzr|Atc)\|[^\s"',&]+             # Login with Amazon
    | amzn1\.oa2-cs\.[^\s"',&]+
    | \beyJ[\w.+/=-]{8,}                         # JSON web tokens
    | \bRT1-[\w-]+
    | \bAB0[\w-]{6,}[.]*                         # Intuit's refresh tokens and codes
    | \b(?:Bearer|Basic)\s+[\w.+/=-]+
    | \b(?:X-Amz-[\w-]+|access_token|refresh_token|client_secret|code)=[^\s"'&]+
    | (?<=Token\ expired:)[^;\n]*
    | (?<=://)[^\s/:@"']*:[^\s@"']+(?=@)
    """
)

_known: OrderedDict[str, None] = OrderedDict()
_guard = threading.Lock()


def conceal(*values: str, shortest: int = SHORTEST) -> None:
    """These are secrets; so are they as they stand in an address or in JSON."""
    with _guard:
        for value in values:
            for form in {value, quote(value, safe=""), value.replace("\\", "\\\\").replace('"', '\\"')}:
                if len(form) >= shortest:
                    _known[form] = None
                    _known.move_to_end(form)
        while len(_known) > REMEMBERED:
            _known.popitem(last=False)


def conceal_named(values: Mapping[str, str]) -> None:
    """The secrets among settings or a credential, by their names."""
    for name, value in values.items():
        for word, shortest in _SECRET_NAMES.items():
            if word in name.lower():
                conceal(value, shortest=shortest)


def redacted(words: str) -> str:
    """`words` without any secret."""
    words = _PATTERNS.sub(STRUCK_OUT, words)  # first: a known secret may be part of the words a pattern goes by
    with _guard:
        found = [secret for secret in _known if secret in words]
    for secret in sorted(found, key=len, reverse=True):  # one may be part of another
        words = words.replace(secret, STRUCK_OUT)
    return words
