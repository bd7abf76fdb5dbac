"""A settlement that Amazon converts before it pays (accounting.md R25): one rate for all its documents.

The rate is what Amazon paid divided by the settlement's total, so clearing leaves no exchange difference; that arises
once, on receivables, between the rate of the invoice and this one.
"""

from decimal import Decimal, localcontext

import msgspec

from domain.document import Document, debits_and_credits
from domain.errors import BadInput
from domain.flow import Flow
from domain.mapping import Mapping
from domain.money import exponent
from domain.posting import Reason
from domain.posting_rules.dispositions import money
from domain.posting_rules.held import missing_bank
from domain.settlement import SettlementClosed

RATE_DECIMALS = 12
FX = "FX"


class Converted(msgspec.Struct, frozen=True):
    """What Amazon paid for a settlement in another currency: minor units, and that currency."""

    total: int
    currency: str


class Payout(msgspec.Struct, frozen=True):
    """How a settlement reaches the bank: the currency whose bank account it is, and the rate (empty: its own)."""

    bank: str
    rate: str = ""


def payout_of(closed: SettlementClosed, converted: Converted | None, flow: Flow, mapping: Mapping) -> Payout | Reason:
    """Where the money arrives and at which rate, or why that is not known yet."""
    own = closed.currency
    if converted is None or converted.currency == own:
        if own in mapping.banks or closed.total <= 0:
            return Payout(own)
        if not mapping.banks:
            return missing_bank(own, closed.total)
        text = (
            f"Amazon pays {money(closed.total, own)} and the flow's banks are in {', '.join(sorted(mapping.banks))}: "
            "it waits until Amazon tells what it converted this to; if a bank account takes "
            f"{own}, name it: ml-connector flow configure FLOW --bank NAME --currency {own}"
        )
        return Reason("fx_pending", text, closed.total)
    if converted.currency not in mapping.banks:
        return missing_bank(converted.currency, converted.total)
    if closed.total <= 0:
        return Payout(own)
    home = flow.home_currency or converted.currency
    if converted.currency != home:
        text = (
            f"Amazon pays {money(closed.total, own)} as {money(converted.total, converted.currency)} and the books are "
            f"in {home}: QuickBooks takes one foreign currency a document; let Amazon pay in {home} or {own}"
        )
        return Reason("fx_two_currencies", text, closed.total)
    if not flow.multicurrency:
        text = (
            f"the settlement is in {own} and the QuickBooks company keeps one currency ({home}); turn multicurrency on "
            "in QuickBooks (Account and settings, Advanced), then connect QuickBooks again"
        )
        return Reason("fx_single_currency", text, closed.total)
    return Payout(converted.currency, rate_of(closed.total, own, converted))


def rate_of(total: int, currency: str, converted: Converted) -> str:
    """The home currency's price of one unit, as exact decimal text. Raises BadInput without a positive total."""
    if total <= 0 or converted.total <= 0:
        raise BadInput(f"{money(total, currency)} paid as {money(converted.total, converted.currency)} gives no rate")
    with localcontext() as context:
        context.prec = 40
        paid = Decimal(converted.total).scaleb(-exponent(converted.currency))
        rate = paid / Decimal(total).scaleb(-exponent(currency))
        text = f"{rate.quantize(Decimal(1).scaleb(-RATE_DECIMALS)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def at_home(document: Document, home: str, odd_limit: int | None = None) -> list[tuple[str, int]]:
    """A foreign document's ledger lines in the home currency, each rounded; odd cents stand on FX (E30).

    Raises BadInput where they are more than one cent a line: then the rate is not the document's.
    """
    lines = debits_and_credits(document)
    if not document.rate or document.currency == home:
        return lines
    rate = Decimal(document.rate)
    shift = exponent(home) - exponent(document.currency)
    converted = [
        (account, int((Decimal(amount) * rate).scaleb(shift).to_integral_value("ROUND_HALF_UP")))
        for account, amount in lines
    ]
    odd = -sum(amount for _, amount in converted)
    limit = len(lines) if odd_limit is None else odd_limit
    if abs(odd) > limit:
        raise BadInput(
            f"a {type(document).__name__} leaves {odd} minor units of {home} over at the rate {document.rate}"
        )
    return [*converted, (FX, odd)] if odd else converted
