"""Help for tests of the stand-in itself: a clock moved by hand, and a caller that has logged in.

The caller is deliberately dumb. It is no client: it neither waits, retries nor follows pages.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from litestar import Litestar
from litestar.testing import TestClient

from adapters.simulated.amazon.web import stand_in
from adapters.simulated.clock import FastClock

URL = "http://testserver.local"


class HandClock(FastClock):
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime = datetime(2026, 11, 24, 8, tzinfo=UTC)) -> None:
        super().__init__(0.0, start)
        self._moved = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._moved)

    def seconds(self) -> float:
        return self._moved

    def of_callers(self) -> datetime:
        return self.now()

    def wait(self, seconds: float) -> None:
        self._moved += seconds


class Caller:
    """Sends single requests with a seller's access token, in process."""

    def __init__(self, **dials: Any) -> None:
        self.clock = HandClock()
        app, self.facts = stand_in(self.clock, URL, **dials)
        self.http: TestClient[Litestar] = TestClient(app, base_url=URL)
        self.headers: dict[str, str] = {}
        self.log_in()

    def token(self, **changes: str | None) -> Any:
        """Ask Login with Amazon; `changes` replace parts of a valid request, None removes one."""
        form: dict[str, str | None] = {
            "grant_type": "refresh_token",
            "refresh_token": self.facts["refresh_token"],
            "client_id": self.facts["client_id"],
            "client_secret": self.facts["client_secret"],
        }
        asked = {name: value for name, value in (form | changes).items() if value is not None}
        return self.http.post("/auth/o2/token", data=asked)

    def log_in(self) -> None:
        self.headers = {"x-amz-access-token": self.token().json()["access_token"]}

    def get(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
        return self.http.get(path, params=parameters, headers=self.headers)

    def search(self, **parameters: Any) -> Any:
        return self.get("/orders/2026-01-01/orders", parameters)

    def reports(self, **parameters: Any) -> Any:
        return self.get("/reports/2021-06-30/reports", parameters)

    def fault(self, on: str, kind: str, times: int = 1) -> Any:
        return self.http.post("/_simulated/faults", json=[{"on": on, "kind": kind, "times": times}])
