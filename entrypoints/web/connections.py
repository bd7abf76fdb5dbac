"""Connecting a flow to its vendors, begun over the API: the address that a person then opens in a browser."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from domain.access import ADMIN, Holder
from entrypoints.web.access import command
from entrypoints.web.answers import ConsentAddress
from entrypoints.web.desk import Desk, asked_by
from entrypoints.web.parameters import FlowName, IdempotencyKey

Vendor = Annotated[str, PathParameter(pattern="^(amazon|quickbooks)$", description="amazon or quickbooks.")]


class WantedConnection(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`otherSeller`: the flow shall carry another Amazon seller's trade from now on."""

    other_seller: bool = False


@command("/flows/{flow:str}/connections/{vendor:str}", ADMIN)
def begin_connection(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    vendor: Vendor,
    desk: NamedDependency[Desk],
    data: JSONBody[WantedConnection | None] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response[ConsentAddress]:
    """An address where the vendor's consent is given in a browser. It works once, for ten minutes, in your name."""

    def do(by: str) -> ConsentAddress:
        other_seller = data is not None and data.other_seller
        begun = desk.services.authorisation.begin(flow, vendor, by, other_seller)
        return ConsentAddress(begun.address, begun.expires)

    return desk.once(asked_by(request, idempotency_key, data), do)


router = Router("/", tags=["flows"], route_handlers=[begin_connection])
