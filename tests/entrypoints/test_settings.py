"""The environment is read once and checked: a wrong setting is named, with what was expected."""

from pathlib import Path

import pytest

from domain.errors import BadInput
from entrypoints.settings import NAMES, load, without_password

STANDINS = {
    "ML_CONNECTOR_AMAZON_TOKEN_URL": "http://127.0.0.1:1/auth/o2/token",
    "ML_CONNECTOR_AMAZON_API_URL_NA": "http://127.0.0.1:1",
    "ML_CONNECTOR_AMAZON_API_URL_EU": "http://127.0.0.1:1",
    "ML_CONNECTOR_AMAZON_API_URL_FE": "http://127.0.0.1:1",
    "ML_CONNECTOR_QUICKBOOKS_API_URL": "http://127.0.0.1:2",
    "ML_CONNECTOR_QUICKBOOKS_TOKEN_URL": "http://127.0.0.1:2/token",
}


def test_defaults_are_the_vendors_production_addresses() -> None:
    settings = load({})

    assert settings.amazon_api_urls["eu"] == "https://sellingpartnerapi-eu.amazon.com"
    assert settings.quickbooks_api_url == "https://quickbooks.api.intuit.com"
    assert settings.quota_speed == 1


@pytest.mark.parametrize("missing", STANDINS)
def test_fast_quotas_are_refused_while_any_production_host_is_configured(missing: str) -> None:
    environment = {**STANDINS, "ML_CONNECTOR_QUOTA_SPEED": "1000"}
    assert load(environment).quota_speed == 1000

    del environment[missing]
    with pytest.raises(BadInput, match=missing):
        load(environment)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("QUOTA_SPEED", "fast", "a number above 0"),
        ("QUOTA_SPEED", "-1", "a number above 0"),
        ("DATABASE_URL", "mysql://x", "postgresql://"),
        ("QUICKBOOKS_API_URL", "quickbooks", "https://example.com"),
        ("QUICKBOOKS_API_URL", "http://example.com", "expected https"),
        ("AMAZON_APPLICATION_DRAFT", "maybe", "expected yes or no"),
        ("DATABSE_URL", "sqlite:///x", "no such setting"),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_what_is_expected(name: str, value: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as raised:
        load({f"ML_CONNECTOR_{name}": value})
    assert name in str(raised.value)


def test_no_secret_is_shown() -> None:
    settings = load(
        {
            "ML_CONNECTOR_AMAZON_CLIENT_SECRET": "s3cret",
            "ML_CONNECTOR_MASTER_KEY": "k3y",
            "ML_CONNECTOR_DATABASE_URL": "postgresql://ml:pa55@db/ml",
        }
    )
    assert not any(secret in repr(settings) for secret in ("s3cret", "k3y", "pa55"))
    assert without_password("postgresql://ml:pa55@db/ml") == "postgresql://ml:***@db/ml"


def test_every_setting_is_documented() -> None:
    operating = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in operating] == []


def test_two_client_secrets_with_their_last_days() -> None:
    settings = load(
        {
            "ML_CONNECTOR_AMAZON_CLIENT_SECRET": "former-secret",
            "ML_CONNECTOR_AMAZON_CLIENT_SECRET_ENDS": "2026-12-01",
            "ML_CONNECTOR_AMAZON_CLIENT_SECRET_NEXT": "newer-secret",
            "ML_CONNECTOR_AMAZON_CLIENT_SECRET_NEXT_ENDS": "2027-05-23",
        }
    )
    assert [(secret.value, str(secret.ends)) for secret in settings.amazon_secrets] == [
        ("former-secret", "2026-12-01"),
        ("newer-secret", "2027-05-23"),
    ]
    with pytest.raises(BadInput, match="expected a day like"):
        load({"ML_CONNECTOR_AMAZON_CLIENT_SECRET_ENDS": "soon"})
