"""SIGTERM as a wish to end in order: what is under way is finished first."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def stop_on_signal(*numbers: signal.Signals) -> Iterator[threading.Event]:
    """An event that is set by SIGTERM (or the signals named) while the block runs; outside the main thread never."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def wish(number: int, frame: FrameType | None) -> None:
        stop.set()

    former = {number: signal.signal(number, wish) for number in numbers or (signal.SIGTERM,)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
