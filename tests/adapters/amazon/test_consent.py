"""Where a seller consents: on the wrong Seller Central there is no such seller account."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.amazon.consent import AmazonConsent
from domain.flow import Flow

BACK = "https://books.example/oauth/amazon/callback"


def consent(authorize_url: str = "", **more: Any) -> AmazonConsent:
    return AmazonConsent(
        authorize_url, "https://token.example", "amzn1.sp.solution.1", "id", "secret", BACK, None, **more
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("region", "marketplaces", "host"),
    [
        ("na", (), "sellercentral.amazon.com"),
        ("na", ("ATVPDKIKX0DER",), "sellercentral.amazon.com"),
        ("na", ("A2EUQ1WTGCTBG2", "ATVPDKIKX0DER"), "sellercentral.amazon.ca"),
        ("eu", (), "sellercentral-europe.amazon.com"),
        ("eu", ("A1PA6795UKMFR9",), "sellercentral-europe.amazon.com"),
        ("eu", ("A1C3SOZRARQ6R3",), "sellercentral.amazon.pl"),
        ("fe", (), "sellercentral.amazon.co.jp"),
        ("fe", ("A39IBJ37TRP1C6",), "sellercentral.amazon.com.au"),
    ],
)
def test_a_seller_consents_at_home(region: str, marketplaces: tuple[str, ...], host: str) -> None:
    address = urlsplit(consent().address(Flow(name="f", region=region, marketplaces=marketplaces), "s/1"))
    assert (address.scheme, address.netloc, address.path) == ("https", host, "/apps/authorize/consent")
    assert parse_qs(address.query) == {
        "application_id": ["amzn1.sp.solution.1"],
        "state": ["s/1"],
        "redirect_uri": [BACK],
    }


def test_a_draft_says_that_it_is_one() -> None:
    address = consent(draft=True).address(Flow(name="f", region="na"), "s")
    assert parse_qs(urlsplit(address).query)["version"] == ["beta"]


def test_an_address_of_ones_own_is_kept_with_its_query() -> None:
    address = consent("https://vendor.example/consent?lang=de").address(Flow(name="f", region="eu"), "s")
    assert address.startswith("https://vendor.example/consent?lang=de&application_id=")
