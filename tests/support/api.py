"""The application over a shop, and a client for each role: what tests of the API start from."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar
from litestar.testing import TestClient
from shop import Shop, opened

from application.access import create_token
from domain.access import ROLES
from entrypoints.bootstrap import Services
from entrypoints.web.app import create_app


class Api:
    """A served shop. `as_(role)` are headers of a token of that role; `client` is an httpx client."""

    def __init__(self, shop: Shop, client: TestClient[Litestar]) -> None:
        self.shop = shop
        self.client = client
        self.tokens = {role: make_token(shop.services, f"the-{role}", role) for role in ROLES}

    def as_(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    def get(self, path: str, role: str = "reader", expect: int = 200, **params: Any) -> Any:
        """What a GET of /api/v1 answers."""
        answer = self.client.get(f"/api/v1{path}", params=params, headers=self.as_(role))
        assert answer.status_code == expect, answer.text
        return answer.json()

    def post(
        self, path: str, body: Any = None, role: str = "operator", status: int = 200, key: str | None = None
    ) -> Any:
        """What a POST to /api/v1 answers."""
        headers = self.as_(role) | ({"Idempotency-Key": key} if key is not None else {})
        answer = self.client.post(f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()


def make_token(services: Services, name: str, role: str, flows: tuple[str, ...] = (), **more: Any) -> str:
    """A new token's secret."""
    made = create_token(
        name,
        role,
        flows,
        more.get("expires"),
        services.tokens,
        services.store,
        services.views.flows(),
        services.clock,
        "tests",
    )
    return made.secret


@contextlib.contextmanager
def served(shop: Shop, **settings: Any) -> Iterator[Api]:
    """The application over a shop, in this process."""
    shop.services.views.catch_up()
    shop.services.settings = msgspec.structs.replace(
        shop.services.settings, **{"requests_per_minute": 1_000_000, **settings}
    )
    with TestClient(create_app(shop.services)) as client:
        yield Api(shop, client)


@contextlib.contextmanager
def traded(database_url: str = "", faults: Sequence[dict[str, Any]] = (), **world: Any) -> Iterator[Shop]:
    """A shop whose settlements are posted, but for one fee that nothing maps."""
    with tempfile.TemporaryDirectory(prefix="mlc") as folder:
        home = Path(folder)
        url = database_url or f"sqlite:///{home / 'books.db'}"
        with opened(home, url, **{"orders": 40, "settlements": 2, "seed": 5, **world}) as shop:
            shop.set_up()
            shop.control("amazon", "faults", list(faults))
            shop.sync()
            yield shop
