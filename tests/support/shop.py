"""A whole installation against the stand-ins over loopback HTTP: what scenario tests start from."""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from amazon_contract import Contract
from samples import models_folder

from adapters.simulated.amazon import stand_in as amazon_stand_in
from adapters.simulated.clock import FastClock
from adapters.simulated.quickbooks import stand_in as quickbooks_stand_in
from adapters.simulated.serving import loopback_socket, serving
from application import connections
from application.chart_setup import apply, propose
from application.sync import CycleReport
from domain.event import Stamp
from domain.flow import Flow, FlowCreated
from entrypoints.bootstrap import Services
from entrypoints.settings import PREFIX, load
from entrypoints.standins import environment_for

SPEED = 2_000.0


class ShopClock:
    """The shop's clock. Stopped, it moves by hand only: what hangs on it then does not hang on how fast a machine is.

    A second of it is `SPEED` seconds of the vendors' and of every wait.
    """

    def __init__(self) -> None:
        self._stopped: datetime | None = None

    def __call__(self) -> datetime:
        return self._stopped or datetime.now(UTC)

    def wait(self, simulated: timedelta, speed: float) -> None:
        """Stop, if it does not stand still yet, and go on by so much of the vendors' time."""
        self._stopped = self() + simulated / speed


class Shop:
    """One seller and one company, served in this process, and the services that connect them."""

    def __init__(
        self,
        home: Path,
        database_url: str,
        amazon: dict[str, str],
        quickbooks: dict[str, str],
        speed: float = SPEED,
    ) -> None:
        self.home = home
        self.database_url = database_url
        self.amazon = amazon
        self.quickbooks = quickbooks
        self.speed = speed
        self.hands = ShopClock()
        self.services = self.open()

    def environment(self) -> dict[str, str]:
        return {
            **environment_for(self.amazon, self.quickbooks, self.speed),
            PREFIX + "HOME": str(self.home),
            PREFIX + "DATABASE_URL": self.database_url,
        }

    def open(self) -> Services:
        return Services(load(self.environment()), "tests", self.hands)

    def set_up(self, name: str = "us", orders: str = "amazon", since: date | None = None) -> Flow:
        """A connected flow with everything mapped."""
        service = self.services
        created = FlowCreated(
            flow=name,
            at=service.clock(),
            by="tests",
            region="na",
            realm=self.quickbooks["realm"],
            marketplaces=(self.amazon["marketplace_id"],),
            since=since or date.fromisoformat(self.amazon["since"][:10]),
            orders=orders,
            zone="America/Los_Angeles",
            banks={"USD": self.quickbooks["bank_account"]},
        )
        service.bookkeeping.create_flow(created)
        keep = service.vault, service.bookkeeping
        connections.connect_amazon(
            self.flow(name), self.amazon["refresh_token"], *keep, service.amazon, service.clock, "tests"
        )
        connections.connect_quickbooks(
            self.flow(name), self.quickbooks["refresh_token"], *keep, service.quickbooks, service.clock, "tests"
        )
        quickbooks = service.quickbooks(self.flow(name))
        mapping = service.bookkeeping.mapping(name)
        proposals = propose(self.flow(name), quickbooks, mapping, {})
        changed = apply(self.flow(name), quickbooks, mapping, proposals, Stamp(name, service.clock(), "tests"))
        assert changed is not None
        service.views.catch_up()
        service.bookkeeping.change_mapping(changed, service.views.open_gaps(name))
        return self.flow(name)

    def wait(self, simulated: timedelta) -> None:
        """So much of the vendors' time goes by; from here on no more than is waited for."""
        self.hands.wait(simulated, self.speed)

    def flow(self, name: str = "us") -> Flow:
        return self.services.bookkeeping.flow(name)

    def sync(self, name: str = "us", **more: Any) -> CycleReport:
        return self.services.cycle(self.flow(name), **more).run()

    def rows(self, query: str, name: str = "us", **filters: Any) -> list[dict[str, Any]]:
        self.services.views.catch_up()
        return self.services.views.query(query, name, **filters)

    def control(self, vendor: str, path: str, body: Any = None) -> Any:
        """Ask or tell a stand-in directly."""
        base = (self.amazon if vendor == "amazon" else self.quickbooks)["api_url"]
        url = f"{base}/_simulated/{path}"
        answer = httpx.get(url) if body is None else httpx.post(url, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def trial_balance(self) -> dict[str, str]:
        """Balances by account name, of QuickBooks' own ledger, without those that are zero."""
        answer = self.control("quickbooks", "trial-balance")
        assert not str(answer["total"]).strip("-0.")
        return {row["name"]: row["balance"] for row in answer["accounts"] if str(row["balance"]).strip("-0.")}

    def documents(self) -> dict[str, int]:
        return {kind: number for kind, number in self.control("quickbooks", "documents").items() if number}

    def expected(self) -> Any:
        expected = self.amazon["expected"]
        return json.loads(expected) if isinstance(expected, str) else expected


@contextlib.contextmanager
def opened(
    home: Path,
    database_url: str,
    quickbooks_dials: dict[str, Any] | None = None,
    speed: float = SPEED,
    contract: bool = True,
    patience: float = 60.0,
    **world: Any,
) -> Iterator[Shop]:
    """A shop in a world: `orders`, `settlements`, `seed`, `troubles`, ...

    Where Amazon's models are at hand, each request to the stand-in Amazon and each answer of it is held to them;
    without `contract`, for dials that answer otherwise on purpose, they are not. What the vendors give out lasts
    `patience` seconds at least, however fast their clocks run.
    """
    clock = FastClock(speed, patience=patience)
    judge: Contract | None = None
    with contextlib.ExitStack() as stack:
        facts = []
        for stand_in, options in ((amazon_stand_in, world), (quickbooks_stand_in, quickbooks_dials or {})):
            listener, url = loopback_socket()
            app, told = stand_in(clock, url, **options)  # type: ignore[operator]
            if stand_in is amazon_stand_in and contract and (folder := models_folder()) is not None:
                app = judge = Contract(app, folder)
            stack.enter_context(serving(app, listener))
            facts.append(told)
        shop = Shop(home, database_url, *facts, speed=speed)
        stack.callback(lambda: shop.services.close())
        yield shop
        if judge is not None:
            judge.check()
