"""Sellers v1: where the seller takes part."""

from typing import Any

from adapters.simulated.world import World
from adapters.simulated.world.seller import STORE_NAME


def participations(world: World) -> dict[str, Any]:
    payload = [
        _participation(market.id, market.country, market.country_code, market.currency, market.language, market.domain)
        for market in world.markets
    ]
    # Amazon lists a marketplace that is none, for goods it only ships.
    payload.append(_participation("A2ZV50J4W1RKNI", "Non-Amazon US", "US", "USD", "en_US", "sim1.stores.amazon.com"))
    return {"payload": payload}


def _participation(
    market_id: str, name: str, country: str, currency: str, language: str, domain: str
) -> dict[str, Any]:
    return {
        "marketplace": {
            "id": market_id,
            "name": name,
            "countryCode": country,
            "defaultCurrencyCode": currency,
            "defaultLanguageCode": language,
            "domainName": domain,
        },
        "participation": {"isParticipating": True, "hasSuspendedListings": False},
        "storeName": STORE_NAME,
    }
