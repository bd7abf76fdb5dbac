"""A real Chromium for tests of the pages, and what is looked for on each of them (the rest stands in chromium.js)."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

REQUIRED = "TEST_CHROMIUM_REQUIRED"  # set in CI: nothing may be left out there
WHERE = "TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
CHECKS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
DESKTOP, PHONE = (1280, 900), (390, 844)


def executable() -> str:
    """Where Chromium is. A machine with Python and pip alone has none: the tests are left out there, and fail in CI."""
    found = os.environ.get(WHERE) or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing = f"the pages are tested in a real browser: apt-get install chromium, or set {WHERE} to one"
        if os.environ.get(REQUIRED):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Window:
    """A window of a browser on one site; remembers what went wrong in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.errors: list[str] = []
        self.strangers: list[str] = []
        page.on("console", lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(url) else self.strangers.append(asked.url))

    def go(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def sign_in(self, token: str, path: str = "/") -> Page:
        self.go(path)
        self.page.get_by_label("API token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_selector(".me")
        return self.page

    def text(self) -> str:
        return " ".join(self.page.inner_text("main").split())

    def check(self) -> None:
        """What must hold on every page, whatever is on it."""
        assert self.errors == []
        assert self.strangers == []
        assert self.faults() == {}, self.page.url

    def faults(self) -> dict[str, list[str]]:
        """What is wrong with the page that is shown, by kind."""
        return {what: names for what, names in self.page.evaluate(CHECKS).items() if names}


@contextlib.contextmanager
def window(
    browser: Browser,
    url: str,
    size: tuple[int, int] = DESKTOP,
    scheme: Literal["light", "dark"] = "light",
    **more: Any,
) -> Iterator[Window]:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, **more)
    yield Window(context.new_page(), url)
    context.close()
