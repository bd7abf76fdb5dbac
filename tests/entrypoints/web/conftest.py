"""One traded shop behind the application, for tests that only read or whose changes harm no other."""

from collections.abc import Iterator

import pytest
from api import Api, served, traded


@pytest.fixture(scope="package")
def api() -> Iterator[Api]:
    with traded() as shop, served(shop) as found:
        yield found
