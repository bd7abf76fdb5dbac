"""Orders as the world holds them: what the buyer owes per item, who ships it, and when.

The Orders API and the settlement report are both written from these amounts, which is why the two agree.
"""

from datetime import datetime, timedelta
from random import Random

import msgspec

from adapters.simulated.world.seller import Market, Product, share

GIFT_WRAP_PRICE = 399
FREE_SHIPPING = "US Core Free Shipping Promotion A2GXQ4TRHQ"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Item(msgspec.Struct, frozen=True, gc=False):
    """One line of an order. Amounts are for the whole line, whatever its quantity; discounts are positive here."""

    id: str
    product: Product
    quantity: int
    principal: int
    tax: int
    shipping: int
    shipping_tax: int
    gift_wrap: int
    gift_wrap_tax: int
    item_discount: int
    shipping_discount: int
    tax_discount: int  # tax on the shipping that was given away
    promotion_ids: tuple[str, ...]
    tax_withheld: bool  # False: Amazon pays the tax out to the seller, who must remit it
    shipment: str
    shipped: datetime | None  # None: still to be sent
    posted: datetime | None  # when it entered the seller's account

    @property
    def discount(self) -> int:
        return self.item_discount + self.shipping_discount

    @property
    def total_tax(self) -> int:
        return self.tax + self.shipping_tax + self.gift_wrap_tax - self.tax_discount

    @property
    def before_tax(self) -> int:
        return self.principal + self.shipping + self.gift_wrap - self.discount

    @property
    def commission(self) -> int:
        """Amazon's share of what the buyer pays before tax; thirty cents at the least."""
        return max(30, share(self.before_tax, self.product.commission))


class Package(msgspec.Struct, frozen=True):
    reference: str
    carrier: str
    service: str
    tracking: str
    shipped: datetime
    item_ids: tuple[str, ...]
    label: int  # what the label cost when it was bought from Amazon; 0 when it was bought elsewhere


class Order(msgspec.Struct, frozen=True):
    id: str
    market: Market
    created: datetime
    updated: datetime
    status: str
    by_amazon: bool
    programs: tuple[str, ...]
    items: tuple[Item, ...]
    packages: tuple[Package, ...] = ()
    cancel_reason: str = ""


CARRIERS = (("USPS", "USPS Ground Advantage"), ("UPS", "UPS Ground"), ("FedEx", "FedEx Home Delivery"))


def make_order(
    random: Random, number: int, market: Market, products: tuple[Product, ...], age_minutes: int, now: datetime
) -> Order:
    """An order placed `age_minutes` before `now`, as it stands at `now`.

    Chance is drawn before time is looked at: the same seed gives the same amounts at any moment, and only the age
    decides how far an order has come.
    """
    order_id = f"{market.order_prefixes[number % len(market.order_prefixes)]}-{_digits(random, 7)}-{number:07d}"
    created = now - age_minutes * MINUTE + timedelta(seconds=random.randint(0, 59))
    by_amazon = random.random() < 0.7
    fate = random.random()
    handling = timedelta(minutes=random.randint(4 * 60, 40 * 60))  # from payment to the carrier
    split = random.random() < 0.1
    rate = random.choice(market.tax_rates)
    wanted = random.choices(products, k=random.choices((1, 2, 3), (70, 22, 8))[0])
    business = random.random() < 0.06
    pending = age_minutes < 90 or (fate > 0.85 and age_minutes < 24 * 60)
    cancelled = not pending and fate < 0.03

    paid = created + 30 * MINUTE
    first = paid + handling
    items = []
    for index, product in enumerate(wanted):
        left = first + (26 * HOUR if split and index else timedelta(0))
        shipped = None if pending or cancelled or left > now - HOUR else left
        items.append(_item(random, number, index, product, by_amazon, rate, shipped))

    sent = [item.shipped for item in items if item.shipped]
    if pending:
        status, updated = "PENDING", created
    elif cancelled:
        status, updated = "CANCELLED", min(created + 3 * HOUR, now - 10 * MINUTE)
    elif not sent:
        status, updated = "UNSHIPPED", paid
    else:
        status = "SHIPPED" if len(sent) == len(items) else "PARTIALLY_SHIPPED"
        updated = max(sent) + 10 * MINUTE
    programs = ("AMAZON_BUSINESS",) if business else ("PRIME",) if by_amazon else ()
    packages = () if by_amazon else _packages(random, market, items)
    return Order(
        order_id, market, created, updated, status, by_amazon, programs, tuple(items), packages,
        "Buyer requested cancellation" if cancelled else "",
    )  # fmt: skip


def _item(
    random: Random, number: int, index: int, product: Product, by_amazon: bool, rate: int, shipped: datetime | None
) -> Item:
    quantity = random.choices((1, 2, 3, 5), (78, 14, 6, 2))[0]
    principal = product.price * quantity
    promoted = random.random() < 0.12
    item_discount = share(principal, random.choice((500, 1000, 1500, 2000))) if promoted else 0
    shipping = random.choice((399, 599, 799)) + 100 * (quantity - 1) if random.random() < 0.35 else 0
    free_shipping = shipping > 0 and random.random() < 0.5
    gift_wrap = GIFT_WRAP_PRICE * quantity if random.random() < 0.05 else 0
    shipping_tax = share(shipping, rate)
    promotions = [f"SPRING-SAVE-{index + 1}"] if promoted else []
    if free_shipping:
        promotions.append(f"{FREE_SHIPPING} {random.randint(1, 9)}")
    settling = timedelta(minutes=random.randint(20, 300))
    shipment = "".join(random.choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz0123456789", k=8))
    return Item(
        id=f"1{number:08d}{random.randint(1000, 9999)}{index + 1}1",
        product=product,
        quantity=quantity,
        principal=principal,
        tax=share(principal - item_discount, rate),
        shipping=shipping,
        shipping_tax=shipping_tax,
        gift_wrap=gift_wrap,
        gift_wrap_tax=share(gift_wrap, rate),
        item_discount=item_discount,
        shipping_discount=shipping if free_shipping else 0,
        tax_discount=shipping_tax if free_shipping else 0,
        promotion_ids=tuple(promotions),
        tax_withheld=True,
        shipment=("Q" if by_amazon else "D") + shipment,
        shipped=shipped,
        posted=shipped + settling if shipped else None,
    )


def _packages(random: Random, market: Market, items: list[Item]) -> tuple[Package, ...]:
    carrier, service = random.choice(CARRIERS)
    label = random.randint(445, 1290) if random.random() < 0.6 else 0
    tracking = _digits(random, 20)
    sent = sorted({item.shipped for item in items if item.shipped})
    return tuple(
        Package(
            reference=str(index + 1),
            carrier=carrier,
            service=service,
            tracking=f"9{tracking}{index}",
            shipped=moment,
            item_ids=tuple(item.id for item in items if item.shipped == moment),
            label=label,
        )
        for index, moment in enumerate(sent)
    )


def _digits(random: Random, count: int) -> str:
    return f"{random.randrange(10**count):0{count}d}"
