"""Keeps the views near the end of the log while the service runs, and says how near they are."""

import asyncio
import logging
import threading
import time
from typing import Protocol

from entrypoints.web.problems import Refusal

EVERY_SECONDS = 0.5
WAIT_SECONDS = 10.0
POLL_SECONDS = 0.02

log = logging.getLogger(__name__)


class _Views(Protocol):
    def catch_up(self) -> int: ...


class _Log(Protocol):
    def end(self) -> int: ...


class Follower:
    """One thread that folds what is new, twice a second or when it is woken."""

    def __init__(self, views: _Views, log_: _Log, every: float = EVERY_SECONDS) -> None:
        self._views = views
        self._log = log_
        self._every = every
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.position = 0
        self.behind_since: float | None = None  # monotonic; None while it keeps up
        self.error = ""

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="views", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=30)

    def follow(self) -> int:
        """Fold now, in this thread; the position reached."""
        self.position = max(self.position, self._views.catch_up())
        return self.position

    def follow_if_it_can(self) -> None:
        """Fold now, after a command that is done: what keeps the views from following does not undo it."""
        try:
            self.follow()
        except Exception:
            log.exception("the views could not follow a command; they will later")

    @property
    def behind_seconds(self) -> float:
        """For how long folding has failed."""
        return 0.0 if self.behind_since is None else time.monotonic() - self.behind_since

    async def wait_for(self, position: int) -> None:
        """Until the views hold `position`. Refuses a position that the log has not reached, or after 10 s."""
        if position <= self.position:
            return
        end = await asyncio.to_thread(self._log.end)
        if position > end:
            raise Refusal(
                422,
                f"the log ends at {end}; there is no position {position} yet",
                field="after",
                do="Send the position that a command answered with.",
            )
        deadline = time.monotonic() + WAIT_SECONDS
        while self.position < position:
            if time.monotonic() > deadline:
                raise Refusal(
                    503,
                    f"the views are at {self.position} and have not reached {position} within {WAIT_SECONDS:.0f} s",
                    do="Send it again.",
                    headers={"Retry-After": "5"},
                )
            self._wake.set()
            await asyncio.sleep(POLL_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.follow()
                self.behind_since, self.error = None, ""
            except Exception as error:  # the thread must live on: a database comes back
                self.behind_since = self.behind_since or time.monotonic()
                self.error = str(error)
                log.exception("the views cannot be folded")
            self._wake.wait(self._every)
            self._wake.clear()
