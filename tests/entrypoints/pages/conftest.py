"""A shop with troubles behind real HTTP, and a real browser; both shared by the tests that only look."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from api import traded
from chromium import launched
from playwright.sync_api import Browser
from showroom import Site, open_site


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Three settlements, the last of them held: a fee that nothing maps, an order never seen, tax the seller owes."""
    troubles = ("unmapped_line", "unseen_order", "tax_not_withheld")
    away = [{"on": "order", "kind": "503", "times": 100_000}]  # nobody can be asked for the order that was never seen
    with traded(orders=60, settlements=3, seed=11, troubles=troubles, faults=away) as shop, open_site(shop) as found:
        yield found


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pages' pictures are kept, for people to look at."""
    return tmp_path_factory.mktemp("pictures")
