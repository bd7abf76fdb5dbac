"""A hand at the keyboard: raw calls to the stand-in, for its own tests and for people who want to try something.

Deliberately no client: it retries nothing, checks nothing, and shows the status and the JSON as they came.
"""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
from litestar.testing import TestClient

from adapters.simulated.clock import FastClock
from adapters.simulated.quickbooks import stand_in
from adapters.simulated.quickbooks.wire import Body, decode, encode


class Hand:
    def __init__(self, http: httpx.Client, facts: dict[str, str]) -> None:
        self.http, self.facts = http, facts
        self.refresh_token = facts["refresh_token"]
        self.access_token = ""

    def token(self, **form: str) -> httpx.Response:
        """Ask for tokens; by default with the newest refresh token. Keeps what it is given."""
        form = form or {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
        credentials = (self.facts["client_id"], self.facts["client_secret"])
        answer = self.http.post("/oauth2/v1/tokens/bearer", data=form, auth=credentials)
        if answer.status_code == 200:
            body = answer.json()
            self.access_token, self.refresh_token = body["access_token"], body["refresh_token"]
        return answer

    def send(self, method: str, path: str, body: Any = None, **parameters: str) -> httpx.Response:
        """One call under `/v3/company/{realm}/`."""
        return self.http.request(
            method,
            f"/v3/company/{self.facts['realm']}/{path}",
            params={"minorversion": "75", **parameters},
            content=None if body is None else encode(body),
            headers={"Authorization": f"Bearer {self.access_token}", "Content-Type": "application/json"},
        )

    def post(self, entity: str, body: Body, **parameters: str) -> Body:
        """Write one object, and return it (or the Fault)."""
        answer = decode(self.send("POST", entity.lower(), body, **parameters).content)
        result: Body = answer.get(entity) or answer
        return result

    def get(self, entity: str, identity: str) -> Body:
        answer = decode(self.send("GET", f"{entity.lower()}/{identity}").content)
        result: Body = answer.get(entity) or answer
        return result

    def preferences(self) -> Body:
        result: Body = decode(self.send("GET", "preferences").content)["Preferences"]
        return result

    def query(self, text: str) -> Body:
        answer = decode(self.send("GET", "query", query=text).content)
        found: Body = answer.get("QueryResponse", answer)
        return found

    def batch(self, *items: Body, **parameters: str) -> list[Body]:
        answer = decode(self.send("POST", "batch", {"BatchItemRequest": list(items)}, **parameters).content)
        responses: list[Body] = answer["BatchItemResponse"]
        return responses

    def account(self, name: str) -> Body:
        """A reference to an account by its name."""
        found = self.query(f"SELECT * FROM Account WHERE FullyQualifiedName = '{name}'")
        return {"value": found["Account"][0]["Id"]}

    def control(self, name: str, body: Any = None) -> Any:
        path = f"/_simulated/{name}"
        answer = self.http.get(path) if body is None else self.http.post(path, content=encode(body))
        return decode(answer.content) if answer.content.startswith(b"{") else answer.json()


def code_of(answer: Body) -> str:
    """The code of a Fault, or an empty string when it is none."""
    errors = (answer.get("Fault") or {}).get("Error") or [{}]
    return str(errors[0].get("code", ""))


START = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
_NO_QUOTAS = {"requests_per_second": 10**6, "requests_per_minute": 10**6, "batches_per_minute": 10**6}


class HandClock(FastClock):
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        super().__init__(1.0, START)
        self._passed = 0.0

    def seconds(self) -> float:
        return self._passed

    def pass_time(self, seconds: float) -> None:
        self._passed += seconds


@contextlib.contextmanager
def at_hand(clock: FastClock | None = None, **dials: Any) -> Iterator[Hand]:
    """A new company in this process, already connected; quotas are off unless a dial sets them."""
    app, facts = stand_in(clock or HandClock(), "http://testserver", **{**_NO_QUOTAS, **dials})
    with TestClient(app) as http:
        hand = Hand(http, facts)
        hand.token()
        yield hand
