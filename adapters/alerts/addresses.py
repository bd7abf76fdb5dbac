"""Which hosts are so near that plain text may be spoken to them."""

import ipaddress
import re

_NAME = re.compile(r"[a-z][a-z0-9_-]*", re.IGNORECASE)  # a bare name; no number in any notation is one


def is_near(host: str) -> bool:
    """This machine, or a neighbour by its bare name (a container of the same network)."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return _NAME.fullmatch(host) is not None
