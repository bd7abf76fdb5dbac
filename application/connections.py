"""Connecting a flow to its two vendors: credentials to the vault, facts to the log.

A credential is tried before it is called connected, and stays only if the vendor accepted it.
"""

import contextlib
from contextlib import AbstractContextManager

from application.bookkeeping import Bookkeeping
from application.ports import Clock, Consent, OpenCompany, OpenSeller, Vault
from domain.errors import BadInput, ConnectionLost
from domain.flow import DISCONNECTED, AmazonConnected, Flow, QuickBooksConnected
from domain.flow import ConnectionLost as ConnectionLostEvent

AMAZON = "amazon"
QUICKBOOKS = "quickbooks"
VENDORS = (AMAZON, QUICKBOOKS)

Credential = dict[str, str]
_FREE: AbstractContextManager[None] = contextlib.nullcontext()


def connect_amazon(
    flow: Flow,
    refresh_token: str,
    vault: Vault,
    bookkeeping: Bookkeeping,
    client: OpenSeller,
    clock: Clock,
    by: str,
) -> AmazonConnected:
    """Store the seller's refresh token and read which marketplaces it opens. Raises ConnectionLost if refused."""
    return keep_amazon(flow, {"refresh_token": _checked(refresh_token)}, vault, bookkeeping, client, clock, by)


def keep_amazon(
    flow: Flow,
    credential: Credential,
    vault: Vault,
    bookkeeping: Bookkeeping,
    client: OpenSeller,
    clock: Clock,
    by: str,
    seller: str = "",
    deciding: AbstractContextManager[None] = _FREE,
) -> AmazonConnected:
    """Store a credential that Amazon accepts. `deciding` is held while it is recorded, and may still refuse."""
    with _kept_if_accepted(vault, flow, AMAZON, credential):
        with client(flow) as amazon:
            participations = amazon.marketplaces()
        connected = AmazonConnected(
            marketplaces={place.marketplace_id: (place.name, place.currency) for place in participations},
            seller=seller,
            flow=flow.name,
            at=clock(),
            by=by,
        )
        with deciding:
            bookkeeping.record_on_flow(connected)
    return connected


def connect_quickbooks(
    flow: Flow,
    refresh_token: str,
    vault: Vault,
    bookkeeping: Bookkeeping,
    client: OpenCompany,
    clock: Clock,
    by: str,
) -> QuickBooksConnected:
    """Store the company's refresh token and read what the company allows. Raises ConnectionLost if refused."""
    if not flow.realm:
        raise BadInput(
            f"flow {flow.name} has no QuickBooks company yet, and a token does not tell which it is for; connect in "
            f"the browser: ml-connector connect quickbooks {flow.name}"
        )
    return keep_quickbooks(flow, {"refresh_token": _checked(refresh_token)}, vault, bookkeeping, client, clock, by)


def keep_quickbooks(
    flow: Flow,
    credential: Credential,
    vault: Vault,
    bookkeeping: Bookkeeping,
    client: OpenCompany,
    clock: Clock,
    by: str,
    realm: str = "",
    deciding: AbstractContextManager[None] = _FREE,
) -> QuickBooksConnected:
    """Store a credential that QuickBooks accepts. `deciding` is held while it is recorded, and may still refuse."""
    with _kept_if_accepted(vault, flow, QUICKBOOKS, credential):
        with client(flow) as quickbooks:
            company = quickbooks.company()
        connected = QuickBooksConnected(
            company=company.name,
            home_currency=company.home_currency,
            custom_numbers=company.custom_numbers,
            multicurrency=company.multicurrency,
            country=company.country,
            realm=realm,
            flow=flow.name,
            at=clock(),
            by=by,
        )
        with deciding:
            bookkeeping.record_on_flow(connected)
    return connected


def disconnect(
    flow: Flow, vendor: str, vault: Vault, bookkeeping: Bookkeeping, consent: Consent, clock: Clock, by: str
) -> bool:
    """End a connection: at the vendor, in the vault, in the log. False: at the vendor only the person can end it.

    Raises BadInput where there is none, VendorError where the vendor could not be told; then all stays as it was.
    """
    if vault.get(flow.name, vendor) is None:
        raise BadInput(f"flow {flow.name} is not connected to {vendor}")
    with vault.locked(flow.name, vendor) as slot:  # a token that is renewed meanwhile would live on
        ended = consent.revoke(flow, slot.value)
        vault.delete(flow.name, vendor)
    reason = DISCONNECTED + by
    bookkeeping.record_on_flow(ConnectionLostEvent(vendor=vendor, reason=reason, flow=flow.name, at=clock(), by=by))
    return ended


class _kept_if_accepted:
    """Put a credential in the vault for the block; if it is refused, by the vendor or by us, the former comes back."""

    def __init__(self, vault: Vault, flow: Flow, name: str, value: Credential) -> None:
        self._vault, self._flow, self._name, self._value = vault, flow.name, name, value
        self._former: Credential | None = None

    def __enter__(self) -> None:
        self._former = self._vault.get(self._flow, self._name)
        self._vault.put(self._flow, self._name, self._value)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConnectionLost | BadInput):
            if self._former is None:
                self._vault.delete(self._flow, self._name)
            else:
                self._vault.put(self._flow, self._name, self._former)


def _checked(token: str) -> str:
    token = token.strip()
    if not token or any(character.isspace() for character in token):
        raise BadInput("expected one refresh token on standard input and nothing else, for example: ... < token.txt")
    return token
