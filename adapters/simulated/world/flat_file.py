"""The settlement report as Amazon writes it: flat file V2, tab separated, 24 columns, one header row per settlement.

Imitated from real reports: detail rows leave the settlement's dates, total and currency blank; only the header row has
them, and nothing else. Dates are `2026-10-23`, or `23.10.2026` where the marketplace writes the day first.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from pathlib import Path
from random import Random

from adapters.simulated.world.orders import make_order
from adapters.simulated.world.seller import CATALOGUE, MARKETS, Market, money_text
from adapters.simulated.world.settlements import Line, Settlement, order_lines, reserve_line

COLUMNS = (
    "settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date", "total-amount", "currency",
    "transaction-type", "order-id", "merchant-order-id", "adjustment-id", "shipment-id", "marketplace-name",
    "amount-type", "amount-description", "amount", "fulfillment-id", "posted-date", "posted-date-time",
    "order-item-code", "merchant-order-item-id", "merchant-adjustment-item-id", "sku", "quantity-purchased",
    "promotion-id",
)  # fmt: skip


def document(settlements: Iterable[Settlement], *, german: bool = False) -> tuple[bytes, str]:
    """One report document and its charset. `german`: decimal commas, day first and cp1252, whatever the marketplace."""
    rows = ["\t".join(COLUMNS)]
    for settlement in settlements:
        comma = german or settlement.market.decimal_comma
        day_first = german or settlement.market.day_first
        rows.append(header_row(settlement, comma, day_first))
        rows += [detail_row(settlement.id, line, comma, day_first) for line in settlement.lines]
    text = "\n".join(rows) + "\n"
    return (text.encode("cp1252"), "Cp1252") if german else (text.encode(), "UTF-8")


def header_row(settlement: Settlement, comma: bool, day_first: bool) -> str:
    moments = (settlement.start, settlement.end, settlement.deposit)
    dates = [_moment_text(moment, day_first) for moment in moments]
    cells = [settlement.id, *dates, money_text(settlement.total, comma), settlement.market.currency]
    return "\t".join(cells) + "\t" * (len(COLUMNS) - len(cells))


def detail_row(settlement_id: str, line: Line, comma: bool, day_first: bool) -> str:
    moment = _moment_text(line.posted, day_first)
    # Amazon repeats its own order id as the merchant's for retail orders, and has none for anything else.
    merchant_order = line.order_id if line.item_code else ""
    return (
        f"{settlement_id}\t\t\t\t\t\t{line.transaction_type}\t{line.order_id}\t{merchant_order}\t{line.adjustment_id}\t"
        f"{line.shipment_id}\t{line.marketplace_name}\t{line.amount_type}\t{line.amount_description}\t"
        f"{money_text(line.amount, comma)}\t{line.fulfillment}\t{moment[:10]}\t{moment}\t"
        f"{line.item_code}\t\t{line.adjustment_item}\t{line.sku}\t{line.quantity or ''}\t{line.promotion_id}"
    )


def settlement_file(
    path: Path, *, lines: int = 1_000_000, seed: int = 1, market: Market = MARKETS["US"], total: int = 1_000_000
) -> Settlement:
    """Stream one valid settlement of `lines` detail rows to `path`, for benchmarks; returns it without its lines.

    The total is fixed beforehand, because it stands in the first row: the last line, the reserve, takes up the rest.
    """
    end = datetime(2026, 11, 6, 14, 28, 39, tzinfo=UTC)
    settlement = Settlement("29999999999", market, end - timedelta(days=14), end, end + timedelta(days=2), total, ())
    comma, day_first = market.decimal_comma, market.day_first
    earned = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join(COLUMNS) + "\n")
        file.write(header_row(settlement, comma, day_first) + "\n")
        source = _endless_sales(seed, market, end)
        for _ in range(lines - 1):
            line = next(source)
            earned += line.amount
            file.write(detail_row(settlement.id, line, comma, day_first) + "\n")
        reserve = reserve_line("Current Reserve Amount", total - earned, end + timedelta(seconds=7))
        file.write(detail_row(settlement.id, reserve, comma, day_first) + "\n")
    return settlement


def _endless_sales(seed: int, market: Market, end: datetime) -> Iterator[Line]:
    random = Random(f"settlement_file {seed}")
    fortnight_minutes = 14 * 24 * 60
    for number in count(1):
        age = random.randint(3 * 24 * 60, fortnight_minutes)
        order = make_order(random, number, market, CATALOGUE, age, end)
        for item in order.items:
            if item.posted:
                yield from order_lines(order, item)


@lru_cache(maxsize=1024)  # the lines of an item share their moment
def _moment_text(moment: datetime, day_first: bool) -> str:
    return f"{moment:%d.%m.%Y %H:%M:%S} UTC" if day_first else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
