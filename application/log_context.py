"""What every line of log of a piece of work carries: the flow and the cycle it is done for."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_bound: ContextVar[dict[str, str]] = ContextVar("log_context", default={})  # noqa: B039


@contextlib.contextmanager
def bound(**facts: str) -> Iterator[None]:
    """Lines logged within, in this thread or task, carry `facts`."""
    token = _bound.set({**_bound.get(), **facts})
    try:
        yield
    finally:
        _bound.reset(token)


def log_context() -> dict[str, str]:
    """What is bound here."""
    return dict(_bound.get())
