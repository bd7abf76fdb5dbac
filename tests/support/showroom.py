"""The pages over a shop, behind real HTTP: what tests of the pages start from."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from api import make_token
from chromium import Window
from shop import Shop

from adapters.simulated.serving import loopback_socket, serving
from domain.access import ROLES
from entrypoints.web.app import create_app


class Site:
    """A served shop and a token for each role."""

    def __init__(self, shop: Shop, url: str) -> None:
        self.shop = shop
        self.url = url
        self.tokens = {role: make_token(shop.services, f"the-{role}", role) for role in ROLES}


@contextlib.contextmanager
def open_site(shop: Shop, **settings: Any) -> Iterator[Site]:
    shop.services.settings = msgspec.structs.replace(
        shop.services.settings, **{"requests_per_minute": 1_000_000, **settings}
    )
    listener, url = loopback_socket()
    with serving(create_app(shop.services), listener):
        yield Site(shop, url)


def snap(window: Window, pictures: Path, name: str) -> None:
    window.page.screenshot(path=pictures / f"{name}.png", full_page=True)
