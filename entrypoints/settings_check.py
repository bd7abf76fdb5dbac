"""What a doctor says about the settings: whose hosts are used, and what is missing."""

from collections.abc import Iterator
from datetime import date
from urllib.parse import urlsplit

from adapters.amazon.client_secrets import last_day
from application.deadlines import STAGES
from application.diagnosis import Finding
from entrypoints.settings import PREFIX, Settings

_OWN = {
    "amazon": ("amazon_client_id", "amazon_client_secret"),
    "quickbooks": ("quickbooks_client_id", "quickbooks_client_secret"),
}


def settings_findings(settings: Settings, today: date) -> list[Finding]:
    """Findings about settings that could be read; reading them has refused what cannot be."""
    return list(_findings(settings, today))


def _secret(settings: Settings, today: date) -> Iterator[Finding]:
    ends = last_day(settings.amazon_secrets)
    if ends is None:
        return
    left = (ends - today).days
    yield Finding(
        "settings: amazon client secret",
        "error" if left < 0 else "warning" if left <= STAGES[0] else "ok",
        f"good until {ends:%Y-%m-%d}" if left >= 0 else f"ended on {ends:%Y-%m-%d}",
        "" if left > STAGES[0] else f"make a new one and set {PREFIX}AMAZON_CLIENT_SECRET_NEXT; see docs/operating.md",
    )


def _findings(settings: Settings, today: date) -> Iterator[Finding]:
    addresses = {
        "amazon": [*settings.amazon_api_urls.values(), settings.amazon_token_url],
        "quickbooks": [settings.quickbooks_api_url, settings.quickbooks_token_url],
    }
    for vendor, names in _OWN.items():
        missing = [PREFIX + name.upper() for name in names if not getattr(settings, name)]
        where = _where(addresses[vendor])
        yield Finding(
            f"settings: {vendor}",
            "error" if missing else "ok",
            f"{where}; not set: {', '.join(missing)}" if missing else where,
            "take them from your application at the vendor's developer site; see docs/operating.md" if missing else "",
        )
    yield from _secret(settings, today)
    public = urlsplit(settings.public_url)
    local = public.scheme == "http"
    yield Finding(
        "settings: public address",
        "ok",
        settings.public_url + (": links and sign-in work on this machine alone" if local else ""),
        f"set {PREFIX}PUBLIC_URL to the https address people use, if others shall" if local else "",
    )


def _where(urls: list[str]) -> str:
    hosts = {urlsplit(url).hostname or "" for url in urls}
    if any("sandbox" in host for host in hosts):
        return "the vendor's sandbox"
    if all(host.endswith((".amazon.com", ".intuit.com")) for host in hosts):
        return "the vendor itself"
    return f"a stand-in ({', '.join(sorted(hosts))})"
