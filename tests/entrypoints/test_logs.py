"""Logs: each line knows its cycle, and none holds a secret, at any level, in any form, from any library."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from shop import Shop

from adapters.http import Hidden
from adapters.redaction import conceal, redacted
from application.log_context import bound
from domain.errors import BadInput
from entrypoints.bootstrap import Services
from entrypoints.logs import configure
from entrypoints.settings import load

OpenShop = Callable[..., AbstractContextManager[Shop]]


@pytest.fixture
def logged() -> Iterator[Callable[[str], io.StringIO]]:
    """`logged("json")` sends all logging, down to debug, into what it returns; undone afterwards."""
    root, names = logging.getLogger(), ("httpcore", "httpx", "asyncio")
    before = root.handlers[:], root.level, [logging.getLogger(name).level for name in names]

    def begin(format: str) -> io.StringIO:
        stream = io.StringIO()
        configure(format, "debug", stream)
        for name in names:  # even what is kept quiet otherwise
            logging.getLogger(name).setLevel(logging.DEBUG)
        return stream

    yield begin
    root.handlers[:], level, levels = before
    root.setLevel(level)
    for name, each in zip(names, levels, strict=True):
        logging.getLogger(name).setLevel(each)


class Overheard:
    """Every secret that crosses the wire: from requests' headers, forms and signed addresses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.access: set[str] = set()
        self.signed: set[str] = set()
        send = httpx.Client.send

        def listening(client: httpx.Client, request: httpx.Request, **more: Any) -> httpx.Response:
            answer = send(client, request, **more)
            sent = answer.request
            for header in ("authorization", "x-amz-access-token"):
                if header in sent.headers:
                    self.access.add(sent.headers[header].rpartition(" ")[2])
            if "signature" in str(sent.url).lower():
                self.signed.add(urlsplit(str(sent.url)).query)
            return answer

        monkeypatch.setattr(httpx.Client, "send", listening)


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_whole_cycle_at_debug_level_logs_no_secret(
    open_shop: OpenShop, logged: Callable[[str], io.StringIO], monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    overheard = Overheard(monkeypatch)
    stream = logged(format)
    with open_shop(orders=30, settlements=2, seed=5) as shop:
        settings = load({**shop.environment(), "ML_CONNECTOR_AMAZON_CLIENT_SECRET": shop.amazon["client_secret"]})
        shop.services = Services(settings, "tests", shop.services.clock)
        shop.set_up()
        shop.control("amazon", "faults", [{"on": "orders", "kind": "500", "times": 1}])
        assert shop.sync().error == ""
        shop.services.doctor().examine([shop.flow()])
        shop.control("amazon", "faults", [{"on": "reports", "kind": "unauthorized", "times": 2}])
        assert shop.sync().error
        shop.control("amazon", "revoke", {})

        stored = [shop.services.vault.get("us", name) or {} for name in ("amazon", "quickbooks")]
        secrets = {
            shop.amazon["client_secret"], shop.amazon["refresh_token"], shop.quickbooks["client_secret"],
            shop.quickbooks["refresh_token"], (shop.home / "master.key").read_text().strip(),
            *(value for each in stored for name, value in each.items() if "token" in name),
            *overheard.access, *overheard.signed,
        }  # fmt: skip
        for secret in sorted(secrets):  # and somebody careless
            logging.getLogger("careless").debug("the secret is %s", secret, extra={"why": [secret]})
            try:
                raise RuntimeError(f"failed with {secret}")
            except RuntimeError:
                logging.getLogger("careless").exception("it failed")

    assert len(overheard.access) >= 4
    assert len(overheard.signed) >= 2
    assert len(secrets) > 10
    text = stream.getvalue()
    assert len(text.splitlines()) > 100
    assert [secret for secret in secrets if secret in text or quote(secret, safe="") in text] == []
    if format == "json":
        lines = [json.loads(line) for line in text.splitlines()]
        calls = [line for line in lines if line.get("operation") == "searchOrders" and "cycle" in line]
        assert {line["flow"] for line in calls} == {"us"}
        assert len({line["cycle"] for line in calls}) == 2
    else:
        assert re.search(r"INFO \[us [0-9a-f]{12}\] us amazon searchOrders -> 200", text)


def test_the_database_password_is_struck_out(logged: Callable[[str], io.StringIO]) -> None:
    stream = logged("text")
    settings = load({"ML_CONNECTOR_DATABASE_URL": "postgresql://ml:s3cr%25t-word@db/ml"})
    logging.getLogger("x").warning("cannot open %s with s3cr%%t-word", settings.database_url)
    assert "s3cr" not in stream.getvalue()
    assert "@db/ml" in stream.getvalue()


def test_json_stays_json_whatever_is_struck_out(logged: Callable[[str], io.StringIO]) -> None:
    stream = logged("json")
    conceal('say "open" \\ sesame')
    with bound(flow="us", cycle="c1"):
        logging.getLogger("x").warning('say "open" \\ sesame Bearer abc', extra={"odd": {1: Path("/x"), "b": b"\xff"}})
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert (line["message"], line["flow"], line["cycle"], line["level"]) == ("... ...", "us", "c1", "warning")


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("token Atza|IwEBIabc-def, ok", "token ..., ok"),
        ("Authorization: Bearer eyJabc.def", "Authorization: ..."),
        ("GET /x?X-Amz-Signature=abc&b=1", "GET /x?...&b=1"),
        ("postgresql://ml:pa55@db/ml", "postgresql://...@db/ml"),
        ("https://example.com/a:b", "https://example.com/a:b"),
    ],
)
def test_what_looks_like_a_secret_is_struck_out(words: str, left: str) -> None:
    assert redacted(words) == left


def test_whoever_hides_a_secret_conceals_it() -> None:
    Hidden("a secret nobody told of before")
    Hidden({"grant_type": "refresh_token", "refresh_token": "another secret of its own"})
    assert (
        redacted("a secret nobody told of before, refresh_token another secret of its own") == "..., refresh_token ..."
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("LOG", "xml", "text, json"), ("LOG_LEVEL", "loud", "debug"), ("VENDORS", "x", "sandbox")],
)
def test_settings_of_logs_and_vendors_are_checked(name: str, value: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        load({f"ML_CONNECTOR_{name}": value})


def test_the_sandboxes_are_one_setting_away() -> None:
    settings = load({"ML_CONNECTOR_VENDORS": "sandbox", "ML_CONNECTOR_AMAZON_API_URL_EU": "http://127.0.0.1:1"})
    assert settings.amazon_api_urls == {
        "na": "https://sandbox.sellingpartnerapi-na.amazon.com",
        "eu": "http://127.0.0.1:1",
        "fe": "https://sandbox.sellingpartnerapi-fe.amazon.com",
    }
    assert settings.quickbooks_api_url == "https://sandbox-quickbooks.api.intuit.com"
