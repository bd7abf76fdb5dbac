"""QuickBooks Online, as far as a connector can tell: OAuth, one company, a true ledger, quotas and faults.

Built from Intuit's published and recorded answers. `stand_in` makes one; the facts it returns are what a real client
needs to connect, and its dials are listed in `dials.py`.
"""

from typing import Any

from litestar import Litestar

from adapters.simulated.clock import FastClock
from adapters.simulated.quickbooks import control
from adapters.simulated.quickbooks.dials import Dials
from adapters.simulated.quickbooks.settings import BANK_ACCOUNT, furnish
from adapters.simulated.quickbooks.web import StandIn, application


def stand_in(clock: FastClock, url: str, *, seed: int = 1, **dials: Any) -> tuple[Litestar, dict[str, str]]:
    """The application, and the facts a client needs to connect to it at `url`."""
    quickbooks = StandIn(clock, seed, Dials(**dials))
    furnish(quickbooks.company)
    facts = {
        "client_id": quickbooks.oauth.client_id,
        "client_secret": quickbooks.oauth.client_secret,
        "realm": quickbooks.oauth.realm,
        "refresh_token": quickbooks.oauth.refresh_token,
        "api_url": url,
        "token_url": f"{url}/oauth2/v1/tokens/bearer",
        "revoke_url": f"{url}/v2/oauth2/tokens/revoke",
        "authorize_url": f"{url}/connect/oauth2",
        "bank_account": BANK_ACCOUNT,
    }
    return application(quickbooks, control.routes(quickbooks)), facts
