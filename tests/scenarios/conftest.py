"""A shop for every scenario, on both databases; another `folder` is another installation with a database of its own."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from shop import Shop, opened


@pytest.fixture
def open_shop(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., AbstractContextManager[Shop]]:
    """`open_shop(orders=…, settlements=…, seed=…, troubles=…)`."""

    @contextlib.contextmanager
    def open_one(folder: str = "", **world: Any) -> Iterator[Shop]:
        home = tmp_path / (folder or "home")
        home.mkdir(exist_ok=True)
        with contextlib.ExitStack() as stack:
            url = database_url
            if folder and url.startswith("sqlite"):
                url = f"sqlite:///{home}/books.db"
            elif folder:
                server = request.getfixturevalue("postgres_server")
                url = server.create()
                stack.callback(server.drop, url)
            yield stack.enter_context(opened(home, url, **world))

    return open_one
