"""Which hosts are so near that plain text may be spoken to them."""


def is_near(host: str) -> bool:
    """This machine, or a neighbour by its bare name (a container of the same network)."""
    return bool(host) and ("." not in host or host.startswith("127."))
