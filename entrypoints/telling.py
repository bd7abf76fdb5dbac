"""Alerts that wait for a channel to come back are tried again between cycles, however rare those are."""

import contextlib
import threading
from collections.abc import Iterator

from entrypoints.bootstrap import Services

EVERY_SECONDS = 30.0


@contextlib.contextmanager
def telling(service: Services, every_seconds: float = EVERY_SECONDS) -> Iterator[None]:
    """Deliver what is due, at once and then now and again, in a thread of its own, as long as the block lasts."""
    over = threading.Event()

    def tell() -> None:
        service.alerts.deliver_all()
        while not over.wait(every_seconds):
            service.alerts.deliver_all()

    thread = threading.Thread(target=tell, name="telling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
