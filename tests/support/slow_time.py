"""A shop whose time is moved by hand: weeks of cycles in seconds, the vendors' clocks and ours as one."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from amazon_contract import Contract
from samples import models_folder
from shop import Shop

from adapters.simulated.amazon import stand_in as amazon_stand_in
from adapters.simulated.amazon.testing import HandClock
from adapters.simulated.quickbooks import stand_in as quickbooks_stand_in
from adapters.simulated.serving import loopback_socket, serving
from adapters.simulated.world import make_world
from entrypoints.bootstrap import Services
from entrypoints.settings import load

HURRY = 1_000_000.0  # our own quotas and waits; the vendors' own move with the clock


class SlowShop(Shop):
    """A shop with `clock`, which stands still until `clock.wait(seconds)`."""

    def __init__(self, clock: HandClock, *rest: Any) -> None:
        self.clock = clock
        super().__init__(*rest, speed=HURRY)

    def open(self) -> Services:
        return Services(load(self.environment()), "tests", self.clock.now)

    def wait(self, simulated: timedelta) -> None:
        self.clock.wait(simulated.total_seconds())

    def amazon_reads(self) -> dict[str, int]:
        """GETs that Amazon counted, by operation."""
        counted = self.control("amazon", "calls")
        return {name: each["calls"] for name, each in counted.items() if name not in ("token", "download")}


@contextlib.contextmanager
def slow_shop(home: Path, ends: datetime, starts: datetime, **world: Any) -> Iterator[SlowShop]:
    """A seller whose trade ends at `ends`, seen from `starts` on."""
    home.mkdir(exist_ok=True)
    clock = HandClock(starts)
    dials = {name: world.pop(name) for name in ("quotas",) if name in world}
    judge: Contract | None = None
    with contextlib.ExitStack() as stack:
        listener, url = loopback_socket()
        app, amazon = amazon_stand_in(clock, url, world=make_world(now=ends, **world), **dials)
        if (folder := models_folder()) is not None:
            app = judge = Contract(app, folder)
        stack.enter_context(serving(app, listener))
        listener, url = loopback_socket()
        # A cycle takes no time here, so windows of time would throttle it.
        app, quickbooks = quickbooks_stand_in(
            clock, url, requests_per_second=10**6, requests_per_minute=10**6, batches_per_minute=10**6
        )
        stack.enter_context(serving(app, listener))
        shop = SlowShop(clock, home, f"sqlite:///{home / 'books.db'}", amazon, quickbooks)
        stack.callback(lambda: shop.services.close())
        yield shop
        if judge is not None:
            judge.check()


NOW = datetime(2026, 11, 24, tzinfo=UTC)
