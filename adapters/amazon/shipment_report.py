"""Amazon's own shipments: carrier and tracking number of FBA (GET_AMAZON_FULFILLED_SHIPMENTS_DATA_GENERAL).

It comes with the buyer's name, address and phone: those columns are never looked at.
"""

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from adapters.amazon.bulk_report import Row, moment, rows
from adapters.amazon.settlement_report.numbers import parse_quantity
from application.order_ports import Shipped, UnreadableRow
from domain.errors import BadInput
from domain.order import Package

_NEEDED = ("amazon-order-id", "amazon-order-item-id", "shipment-date", "quantity-shipped", "carrier", "tracking-number")


def read_shipment_report(source: BinaryIO, *, charset: str = "") -> Iterator[Shipped | UnreadableRow]:
    """See order_ports.ShipmentReportReader."""
    parcels: dict[str, dict[tuple[str, str, str], Package]] = {}
    for found in rows(source, charset, _NEEDED):
        if isinstance(found, UnreadableRow):
            yield found
            continue
        number, row = found
        try:
            _add(parcels, row)
        except BadInput as error:
            yield UnreadableRow(number, row.get("amazon-order-id", ""), str(error))
    for order_id, of_order in parcels.items():
        yield Shipped(order_id, tuple(of_order[key] for key in sorted(of_order)))


def _add(parcels: dict[str, dict[tuple[str, str, str], Package]], row: Row) -> None:
    order_id, item = row.get("amazon-order-id", ""), row.get("amazon-order-item-id", "")
    if not order_id:
        raise BadInput("no amazon-order-id")
    shipped = moment(row["shipment-date"])
    key = (shipped.isoformat(), row.get("carrier", ""), row.get("tracking-number", ""))
    of_order = parcels.setdefault(order_id, {})
    package = of_order.get(key, Package(key[1], key[2], shipped))
    quantities = dict(package.quantities)
    quantities[item] = quantities.get(item, 0) + (parse_quantity(row["quantity-shipped"]) or 0)
    of_order[key] = msgspec.structs.replace(package, quantities=quantities)
