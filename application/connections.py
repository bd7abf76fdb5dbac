"""Connecting a flow to its two vendors: credentials to the vault, facts to the log.

A credential is tried before it is called connected, and stays only if the vendor accepted it.
"""

from collections.abc import Callable

from application.bookkeeping import Bookkeeping
from application.ports import Clock, QuickBooks, SellerCentral, Vault
from domain.errors import BadInput, ConnectionLost
from domain.flow import AmazonConnected, Flow, QuickBooksConnected

AMAZON = "amazon"
QUICKBOOKS = "quickbooks"


def connect_amazon(
    flow: Flow,
    refresh_token: str,
    vault: Vault,
    bookkeeping: Bookkeeping,
    client: Callable[[Flow], SellerCentral],
    clock: Clock,
    by: str,
) -> AmazonConnected:
    """Store the seller's refresh token and read which marketplaces it opens. Raises ConnectionLost if refused."""
    with _kept_if_accepted(vault, flow, AMAZON, {"refresh_token": _checked(refresh_token)}):
        participations = client(flow).marketplaces()
    connected = AmazonConnected(
        marketplaces={place.marketplace_id: (place.name, place.currency) for place in participations},
        flow=flow.name,
        at=clock(),
        by=by,
    )
    bookkeeping.record_on_flow(connected)
    return connected


def connect_quickbooks(
    flow: Flow,
    refresh_token: str,
    vault: Vault,
    bookkeeping: Bookkeeping,
    client: Callable[[Flow], QuickBooks],
    clock: Clock,
    by: str,
) -> QuickBooksConnected:
    """Store the company's refresh token and read what the company allows. Raises ConnectionLost if refused."""
    with _kept_if_accepted(vault, flow, QUICKBOOKS, {"refresh_token": _checked(refresh_token)}):
        company = client(flow).company()
    connected = QuickBooksConnected(
        company=company.name,
        home_currency=company.home_currency,
        custom_numbers=company.custom_numbers,
        multicurrency=company.multicurrency,
        country=company.country,
        flow=flow.name,
        at=clock(),
        by=by,
    )
    bookkeeping.record_on_flow(connected)
    return connected


class _kept_if_accepted:
    """Put a credential in the vault for the block; if the vendor refuses it, the former one comes back."""

    def __init__(self, vault: Vault, flow: Flow, name: str, value: dict[str, str]) -> None:
        self._vault, self._flow, self._name, self._value = vault, flow.name, name, value
        self._former: dict[str, str] | None = None

    def __enter__(self) -> None:
        self._former = self._vault.get(self._flow, self._name)
        self._vault.put(self._flow, self._name, self._value)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConnectionLost):
            if self._former is None:
                self._vault.delete(self._flow, self._name)
            else:
                self._vault.put(self._flow, self._name, self._former)


def _checked(token: str) -> str:
    token = token.strip()
    if not token or any(character.isspace() for character in token):
        raise BadInput("expected one refresh token on standard input and nothing else, for example: ... < token.txt")
    return token
