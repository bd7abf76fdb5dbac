"""A transaction as Finances 2024-06-19 states it: its amounts down to the leaves, and whether they can be believed.

A deferred sale is told twice, as the deferred transaction and as the one that releases it, linked by id; it is counted
once (amazon.md 4.5). Nothing is posted from here: settlements are the truth of money, transactions explain them.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from domain.event import Event, Stamp, stream_id
from domain.money import format_minor

DEFERRED, DEFERRED_RELEASED, RELEASED = "DEFERRED", "DEFERRED_RELEASED", "RELEASED"
_RANK = {DEFERRED: 1, DEFERRED_RELEASED: 2, RELEASED: 3}

# amazon.md 4.2 to 4.4: every type seen so far. Another one is kept and shown as unknown.
KNOWN_TYPES = frozenset(
    """Shipment Refund ServiceFee ProductAdsPayment FBAInventoryReimbursement RemovalShipment Adjustment Retrocharge
    Transfer GuaranteeClaim Chargeback ChargebackRefund PayWithAmazon DebtRecovery LoanServicing SAFETReimbursement
    FBALiquidation CouponPayment SellerDealPayment SellerReviewEnrollmentPayment RentalTransaction ImagingServicesFee
    NetworkComminglingTransaction AffordabilityExpense AffordabilityExpenseReversal RemovalShipmentAdjustment
    TDSReimbursement TaxWithholding ChargeRefund ValueAddedServiceCharge CapacityReservationBilling TrialShipment
    EBTRefundReimbursementOnly AdhocDisbursement FailedAdhocDisbursement""".split()
)
# The leaves of amazon.md 4.4 that are fees: what a month-end accrual of deferred sales takes (accounting.md R26).
FEES = frozenset(
    """Commission FBAPerUnitFulfillmentFee FBAPerOrderFulfillmentFee FBAWeightBasedFee ShippingChargeback
    GiftwrapChargeback RefundCommission VariableClosingFee FixedClosingFee DigitalServicesFee SalesTaxServiceFee
    ShippingHB AmazonFees FBAFees""".split()
)
OTHER_LEAVES = frozenset(
    """OurPricePrincipal OurPriceTax ShippingPrincipal ShippingTax GiftwrapPrincipal GiftwrapTax OurPriceDiscount
    ShippingDiscount OurPriceTaxDiscount ShippingTaxDiscount MarketplaceFacilitatorTax-Principal
    MarketplaceFacilitatorTax-Shipping MarketplaceFacilitatorTax-Other MarketplaceFacilitatorTax
    MarketplaceFacilitatorVAT-Principal MarketplaceFacilitatorVAT-Shipping MarketplaceFacilitatorVAT-Other
    LowValueGoodsTax-Principal LowValueGoodsTax-Shipping LowValueGoodsTax-Other RestockingDeductionPrincipal
    RestockingDeductionTax GoodwillPrincipal FBAStorageFee FBALongTermStorageFee FBAInboundTransportationFee
    FBARemovalFee FBADisposalFee FBAInboundConvenienceFee Subscription CouponParticipationFee CouponPerformanceFee
    PaidServicesFee CustomerReturnHRRUnitFee Tax AdvertisingFee AdvertisingFeeRefund FBAInventoryReimbursement
    FBAReversedReimbursement RecommerceLiquidation TaxOnRevenue ReserveCredit ReserveDebit BaseTax RetrochargeReversal
    FundTransfer Base Promo ProductCharges Sales Expenses""".split()
)


class Breakdown(msgspec.Struct, frozen=True):
    """A node of Amazon's tree of amounts, minor units; where it has parts they are the amounts, not itself."""

    kind: str
    amount: int
    parts: tuple["Breakdown", ...] = ()


class Part(msgspec.Struct, frozen=True):
    """An item of a transaction as Amazon states it; `total` is None where it states none."""

    total: int | None = None
    breakdowns: tuple[Breakdown, ...] = ()
    sku: str = ""


class Leaf(msgspec.Struct, frozen=True, array_like=True):
    """One amount, minor units. `path` is what it stands under: `AmazonFees/Commission`. `item` counts from 1, 0: none.

    Stored as an array: a new field goes to the end and has a default.
    """

    path: str
    amount: int
    item: int = 0
    sku: str = ""

    @property
    def kind(self) -> str:
        """The last word of the path that is no mere part (Base, Tax, Promo) of the one before it."""
        words = self.path.split("/")
        while len(words) > 1 and words[-1] in ("Base", "Tax", "Promo"):
            words.pop()
        return words[-1]


class Transaction(msgspec.Struct, frozen=True, omit_defaults=True):
    """A transaction, amounts in minor units of its currency, signed from the seller's side.

    `leaves` are those of the `level` (items, transaction) whose sum is the total. Where neither is, `level` is empty,
    they are the transaction's own or else the items', and `problem` says why it is held. `identifiers` are all pairs
    Amazon relates it to; `unknown` names what is not known here: `type:…`, `status:…`, `breakdown:…`, `field:…`.
    """

    transaction_id: str
    kind: str = ""
    status: str = ""
    description: str = ""
    posted: datetime | None = None
    currency: str = ""
    total: int | None = None
    account_type: str = ""
    marketplace_id: str = ""
    identifiers: tuple[tuple[str, str], ...] = ()
    deferral: str = ""
    matures: datetime | None = None
    level: str = ""
    leaves: tuple[Leaf, ...] = ()
    problem: str = ""
    unknown: tuple[str, ...] = ()

    def related(self, name: str) -> str:
        """The value of an identifier, empty where there is none."""
        return next((value for known, value in self.identifiers if known == name), "")

    @property
    def deferred_id(self) -> str:
        """The deferred transaction that this one releases."""
        found = self.related("DEFERRED_TRANSACTION_ID")
        return found if found != self.transaction_id else ""

    @property
    def release_id(self) -> str:
        """The transaction by which this one is released."""
        found = self.related("RELEASE_TRANSACTION_ID")
        return found if found != self.transaction_id else ""


class TransactionIngested(Event, frozen=True, kw_only=True):
    """A transaction came, or came with other contents. `evidence` is the page it stood on."""

    transaction: Transaction
    evidence: str = ""


class TransactionReleased(Event, frozen=True, kw_only=True):
    """A deferred transaction's money is free. `release_id` is the transaction that carries it from now on.

    It may be told by the releasing transaction before the deferred one was ever seen. `total` is what the releasing
    one states (minor units of its currency, None if it states none or has not been seen), `posted` when it was.
    """

    transaction_id: str
    release_id: str = ""
    posted: datetime | None = None
    total: int | None = None
    currency: str = ""


class Known(msgspec.Struct):
    """A transaction's stream, folded."""

    look: Transaction | None = None
    released: TransactionReleased | None = None


def evolve(state: Known, event: Event) -> Known:
    match event:
        case TransactionIngested():
            state.look = event.transaction
        case TransactionReleased():
            state.released = event
    return state


def record(seen: Transaction, known: Known, stamp: Stamp, evidence: str = "") -> list[Event]:
    """What a look at a transaction adds: nothing, itself, or that it is released.

    A look that is older than what is known (it still says deferred) changes nothing: pages may come late.
    """
    events: list[Event] = []
    look = known.look
    if look is not None and _RANK.get(seen.status, 9) < _RANK.get(look.status, 0):
        return []
    if seen != look:
        events.append(TransactionIngested(transaction=seen, evidence=evidence, **stamp.fields()))
    freed = seen.status == DEFERRED_RELEASED or (
        # Before April 2025 a deferred transaction became released itself.
        seen.status == RELEASED and look is not None and look.status == DEFERRED
    )
    if freed and known.released is None:
        events.append(
            TransactionReleased(transaction_id=seen.transaction_id, release_id=seen.release_id, **stamp.fields())
        )
    return events


def released_by(release: Transaction, deferred_id: str, known: Known, stamp: Stamp) -> list[Event]:
    """What a releasing transaction adds to the deferred one that it frees, whichever of the two names the other."""
    told = TransactionReleased(
        transaction_id=deferred_id,
        release_id=release.transaction_id,
        posted=release.posted,
        total=release.total,
        currency=release.currency,
        **stamp.fields(),
    )
    was = known.released
    same = was is not None and (was.release_id, was.posted, was.total, was.currency) == (
        told.release_id,
        told.posted,
        told.total,
        told.currency,
    )
    return [] if same else [told]


def transaction_stream(flow: str, transaction_id: str) -> UUID:
    return stream_id(flow, "transaction", transaction_id)


# --- what a transaction's amounts are --------------------------------------------------------------------------------


def leaves_of(breakdowns: Iterable[Breakdown], item: int = 0, sku: str = "", above: str = "") -> list[Leaf]:
    """The leaves of a tree: containers repeat their parts' money and are often 0.00 (amazon.md 4.4)."""
    found: list[Leaf] = []
    for node in breakdowns:
        path = f"{above}/{node.kind}" if above else node.kind
        if node.parts:
            found += leaves_of(node.parts, item, sku, path)
        elif node.amount:
            found.append(Leaf(path, node.amount, item, sku))
    return found


def chosen(total: int | None, own: Sequence[Breakdown], items: Sequence[Part]) -> tuple[str, tuple[Leaf, ...], bool]:
    """The level whose leaves sum to the total, its leaves, and whether they do: items first, else the transaction's.

    An item without breakdowns counts with the total it states. An amount that nothing breaks down is none explained.
    """
    of_items: list[Leaf] = []
    for number, item in enumerate(items, start=1):
        if item.breakdowns:
            of_items += leaves_of(item.breakdowns, number, item.sku)
        elif item.total:
            of_items.append(Leaf("", item.total, number, item.sku))
    of_transaction = leaves_of(own)
    if total is not None:
        if of_items and _sum(of_items) == total:
            return "items", tuple(of_items), True
        if of_transaction and _sum(of_transaction) == total:
            return "transaction", tuple(of_transaction), True
        if not of_items and not of_transaction and total == 0:  # nothing is broken down because there is nothing
            return "transaction", (), True
    return "", tuple(of_transaction or of_items), False


def judged(transaction: Transaction, own: Sequence[Breakdown], items: Sequence[Part]) -> Transaction:
    """The transaction with its leaves, and why it is held where they cannot be believed; what is unknown is named."""
    level, leaves, sums = chosen(transaction.total, own, items)
    total, currency, problem = transaction.total, transaction.currency, transaction.problem
    money = bool(total) or any(leaf.amount for leaf in leaves)
    unknown = list(transaction.unknown)
    if transaction.kind not in KNOWN_TYPES:
        unknown.append(f"type:{transaction.kind}")
    unknown += [f"breakdown:{kind}" for kind in dict.fromkeys(leaf.kind for leaf in leaves) if not is_known(kind)]
    if transaction.status not in _RANK:
        unknown.append(f"status:{transaction.status}")
        if money:
            problem = problem or (
                f"its status {transaction.status or '(none)'} is not known: whether its money is free cannot be told"
            )
    if not sums and not problem:
        if total is None:
            problem = "it states amounts and no total" if leaves else "it states no amount"
        else:
            made = [f"its {name} make {format_minor(_sum(of), currency)}" for name, of in _levels(own, items) if of]
            problem = f"it states {format_minor(total, currency)}, " + (
                " and ".join(made) if made else "and nothing breaks that down"
            )
    return msgspec.structs.replace(
        transaction, level=level, leaves=leaves, problem=problem, unknown=tuple(dict.fromkeys(unknown))
    )


def is_known(kind: str) -> bool:
    """Whether a leaf is of a kind that amazon.md 4.4 lists."""
    return kind == "" or kind in FEES or kind in OTHER_LEAVES


def nameless_id(transaction: Transaction, number: int) -> str:
    """An id for one that Amazon gave none: by its content, and its number among those of exactly that content.

    Its status and when it matures are left out: they change in its life.
    """
    bare = msgspec.structs.replace(transaction, transaction_id="", status="", matures=None, identifiers=tuple(
        pair for pair in transaction.identifiers if pair[0] != "RELEASE_TRANSACTION_ID"), problem="", unknown=(),
    )  # fmt: skip
    return f"~{hashlib.blake2b(msgspec.json.encode(bare), digest_size=12).hexdigest()}-{number}"


def _levels(own: Sequence[Breakdown], items: Sequence[Part]) -> list[tuple[str, list[Leaf]]]:
    of_items = [leaf for item in items for leaf in leaves_of(item.breakdowns) or [Leaf("", item.total or 0)]]
    return [("items", of_items), ("own amounts", leaves_of(own))]


def _sum(leaves: Iterable[Leaf]) -> int:
    return sum(leaf.amount for leaf in leaves)
