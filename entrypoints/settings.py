"""The environment as one frozen value, checked at the start. Every vendor address is a setting.

All names begin with ML_CONNECTOR_; defaults are the vendors' production addresses. Secrets never appear in a repr.
"""

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from adapters.amazon.client_secrets import ClientSecret
from adapters.redaction import conceal
from domain.errors import BadInput
from domain.retention import Retention
from entrypoints.logs import LEVELS

PREFIX = "ML_CONNECTOR_"

AMAZON_HOSTS = {
    "na": "https://sellingpartnerapi-na.amazon.com",
    "eu": "https://sellingpartnerapi-eu.amazon.com",
    "fe": "https://sellingpartnerapi-fe.amazon.com",
}

# The addresses that differ in the vendors' sandboxes; sign-in and tokens are the same.
SANDBOX_AMAZON_HOSTS = {region: host.replace("https://", "https://sandbox.") for region, host in AMAZON_HOSTS.items()}
QUICKBOOKS_HOST, SANDBOX_QUICKBOOKS_HOST = (
    "https://quickbooks.api.intuit.com",
    "https://sandbox-quickbooks.api.intuit.com",
)
VENDORS = ("production", "sandbox")
LOG_FORMATS = ("text", "json")

# Where real merchants' quotas are at stake; the sandboxes keep real quotas too.
_PRODUCTION_DOMAINS = ("amazon.com", "intuit.com")


class Settings(msgspec.Struct, frozen=True):
    """What this installation is told by its environment. `quota_speed` multiplies client-side quotas, for stand-ins."""

    home: Path
    database_url: str
    master_key: str = ""
    master_key_file: str = ""
    public_url: str = "http://127.0.0.1:8000"
    amazon_token_url: str = "https://api.amazon.com/auth/o2/token"
    amazon_api_urls: dict[str, str] = msgspec.field(default_factory=lambda: dict(AMAZON_HOSTS))
    amazon_authorize_url: str = ""  # empty: Seller Central of the flow's marketplace
    amazon_client_id: str = ""
    amazon_client_secret: str = ""
    amazon_client_secret_ends: date | None = None
    amazon_client_secret_next: str = ""
    amazon_client_secret_next_ends: date | None = None
    amazon_application_id: str = ""
    amazon_application_draft: bool = False
    amazon_sqs_queue_url: str = ""
    amazon_sqs_queue_arn: str = ""
    amazon_sqs_endpoint_url: str = ""  # empty: AWS's own of the queue's region
    quickbooks_api_url: str = QUICKBOOKS_HOST
    quickbooks_token_url: str = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"
    quickbooks_revoke_url: str = "https://developer.api.intuit.com/v2/oauth2/tokens/revoke"
    quickbooks_authorize_url: str = "https://appcenter.intuit.com/connect/oauth2"
    quickbooks_client_id: str = ""
    quickbooks_client_secret: str = ""
    quickbooks_webhook_verifier: str = ""
    quota_speed: float = 1.0
    retention: Retention = Retention()
    vendors: str = "production"
    log: str = "text"
    log_level: str = "warning"
    requests_per_minute: int = 600

    @property
    def amazon_secrets(self) -> tuple[ClientSecret, ...]:
        """The client secrets at Amazon with their last days, as they are set."""
        return (
            ClientSecret(self.amazon_client_secret, self.amazon_client_secret_ends),
            ClientSecret(self.amazon_client_secret_next, self.amazon_client_secret_next_ends),
        )

    def __repr__(self) -> str:
        return f"Settings(home={self.home}, database={without_password(self.database_url)})"


NAMES = (
    "HOME", "DATABASE_URL", "MASTER_KEY", "MASTER_KEY_FILE", "PUBLIC_URL", "AMAZON_TOKEN_URL", "AMAZON_API_URL_NA",
    "AMAZON_API_URL_EU", "AMAZON_API_URL_FE", "AMAZON_AUTHORIZE_URL", "AMAZON_CLIENT_ID", "AMAZON_CLIENT_SECRET",
    "AMAZON_CLIENT_SECRET_ENDS", "AMAZON_CLIENT_SECRET_NEXT", "AMAZON_CLIENT_SECRET_NEXT_ENDS",
    "AMAZON_SQS_QUEUE_URL", "AMAZON_SQS_QUEUE_ARN", "AMAZON_SQS_ENDPOINT_URL",
    "AMAZON_APPLICATION_ID", "AMAZON_APPLICATION_DRAFT", "QUICKBOOKS_API_URL", "QUICKBOOKS_TOKEN_URL",
    "QUICKBOOKS_REVOKE_URL",
    "QUICKBOOKS_AUTHORIZE_URL", "QUICKBOOKS_CLIENT_ID", "QUICKBOOKS_CLIENT_SECRET", "QUICKBOOKS_WEBHOOK_VERIFIER",
    "EVIDENCE_PAGE_DAYS", "EVIDENCE_VOUCHER_DAYS", "QUOTA_SPEED", "REQUESTS_PER_MINUTE", "VENDORS", "LOG", "LOG_LEVEL",
)  # fmt: skip


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment. Raises BadInput naming the variable, what was expected and what to do."""
    environment = os.environ if environment is None else environment
    given = {name: environment[PREFIX + name].strip() for name in NAMES if environment.get(PREFIX + name, "").strip()}
    unknown = sorted(
        name for name in environment if name.startswith(PREFIX) and name[len(PREFIX) :] not in (*NAMES, "SHARED")
    )
    if unknown:
        raise BadInput(f"{', '.join(unknown)}: no such setting; see docs/operating.md for the names")
    for name, allowed in (("VENDORS", VENDORS), ("LOG", LOG_FORMATS), ("LOG_LEVEL", LEVELS)):
        if given.setdefault(name, allowed[0] if name != "LOG_LEVEL" else "warning").lower() not in allowed:
            raise BadInput(f"{PREFIX}{name}={given[name]!r}: expected one of {', '.join(allowed)}")
        given[name] = given[name].lower()
    sandbox = given["VENDORS"] == "sandbox"
    given.setdefault("QUICKBOOKS_API_URL", SANDBOX_QUICKBOOKS_HOST if sandbox else QUICKBOOKS_HOST)
    home = Path(given.get("HOME", "~/.ml-connector")).expanduser()
    settings = Settings(
        home=home,
        database_url=_database_url(given.get("DATABASE_URL", f"sqlite:///{home / 'ml-connector.db'}")),
        amazon_api_urls={
            region: _url(f"AMAZON_API_URL_{region.upper()}", given.get(f"AMAZON_API_URL_{region.upper()}", host))
            for region, host in (SANDBOX_AMAZON_HOSTS if sandbox else AMAZON_HOSTS).items()
        },
        amazon_application_draft=_yes_or_no("AMAZON_APPLICATION_DRAFT", given.get("AMAZON_APPLICATION_DRAFT", "no")),
        amazon_client_secret_ends=_day("AMAZON_CLIENT_SECRET_ENDS", given),
        amazon_client_secret_next_ends=_day("AMAZON_CLIENT_SECRET_NEXT_ENDS", given),
        retention=Retention(
            _days("EVIDENCE_PAGE_DAYS", given, Retention().page_days),
            _days("EVIDENCE_VOUCHER_DAYS", given, Retention().voucher_days),
        ),
        quota_speed=_speed(given.get("QUOTA_SPEED", "1")),
        requests_per_minute=_rate(given.get("REQUESTS_PER_MINUTE", "600")),
        **{
            name.lower(): _url(name, value) if name.endswith("_URL") else value
            for name, value in given.items()
            if name not in ("HOME", "DATABASE_URL", "QUOTA_SPEED", "REQUESTS_PER_MINUTE", "AMAZON_APPLICATION_DRAFT")
            and not name.startswith("AMAZON_API_URL_")
            and not name.endswith("_ENDS")
            and not name.startswith("EVIDENCE_")
        },
    )
    conceal(
        *settings.master_key.replace(",", " ").split(),
        settings.amazon_client_secret,
        settings.amazon_client_secret_next,
        settings.quickbooks_client_secret,
        settings.quickbooks_webhook_verifier,
        *_passwords(settings.database_url),
    )
    if settings.quota_speed != 1:
        _refuse_speed_in_production(settings)
    return settings


def _refuse_speed_in_production(settings: Settings) -> None:
    addresses = {
        "AMAZON_TOKEN_URL": settings.amazon_token_url,
        "QUICKBOOKS_API_URL": settings.quickbooks_api_url,
        "QUICKBOOKS_TOKEN_URL": settings.quickbooks_token_url,
        **{f"AMAZON_API_URL_{region.upper()}": url for region, url in settings.amazon_api_urls.items()},
    }
    for name, url in addresses.items():
        host = urlsplit(url).hostname or ""
        if any(host == domain or host.endswith("." + domain) for domain in _PRODUCTION_DOMAINS):
            raise BadInput(
                f"{PREFIX}QUOTA_SPEED={settings.quota_speed:g} is refused while {PREFIX}{name} is a vendor's own host "
                f"({host}): it would break the vendor's quota. Remove QUOTA_SPEED, or set every vendor address to a "
                "stand-in (ml-connector simulate)"
            )


def without_password(url: str) -> str:
    """A database URL that may be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":***@", 1)


def _passwords(url: str) -> tuple[str, ...]:
    """The password in a URL, as it stands there and as it is meant."""
    try:
        password = urlsplit(url).password or ""
    except ValueError:  # whoever opens it says what is wrong with it
        return ()
    return password, unquote(password)


def _url(name: str, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"{PREFIX}{name}={value!r}: expected an address like https://example.com")
    near = "." not in parts.hostname or parts.hostname.startswith("127.")  # this machine, or a neighbour by name
    if parts.scheme == "http" and not near:
        raise BadInput(f"{PREFIX}{name}={value!r}: expected https; plain http is for this machine alone")
    return value.rstrip("/")


def _database_url(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise BadInput(
            f"{PREFIX}DATABASE_URL={without_password(value)!r}: expected sqlite:///PATH or "
            "postgresql://USER:PASSWORD@HOST/NAME"
        )
    return value


def _yes_or_no(name: str, value: str) -> bool:
    if value not in ("yes", "no"):
        raise BadInput(f"{PREFIX}{name}={value!r}: expected yes or no")
    return value == "yes"


def _day(name: str, given: Mapping[str, str]) -> date | None:
    if name not in given:
        return None
    try:
        return date.fromisoformat(given[name])
    except ValueError:
        raise BadInput(f"{PREFIX}{name}={given[name]!r}: expected a day like 2027-05-23") from None


def _days(name: str, given: Mapping[str, str], default: int) -> int:
    value = given.get(name, str(default))
    if not value.isdecimal() or not 1 <= int(value) <= 36_525:
        raise BadInput(f"{PREFIX}{name}={value!r}: expected a number of days from 1 to 36525, for example {default}")
    return int(value)


def _speed(value: str) -> float:
    try:
        speed = float(value)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1_000_000:
        raise BadInput(f"{PREFIX}QUOTA_SPEED={value!r}: expected a number above 0, for example 1000")
    return speed


def _rate(value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= 10_000_000:
        raise BadInput(f"{PREFIX}REQUESTS_PER_MINUTE={value!r}: expected a whole number from 1, for example 600")
    return int(value)
