"""The seller's trade that stands behind the simulated Amazon: orders, and settlements that add up.

One seed makes one world: the same orders, the same cents, the same ids, dated relative to the day it is asked for.
"""

from adapters.simulated.world.flat_file import document, settlement_file
from adapters.simulated.world.history import TROUBLES, World, make_world
from adapters.simulated.world.orders import Item, Order
from adapters.simulated.world.seller import MARKETS, Market, money_text
from adapters.simulated.world.settlements import Line, Settlement

__all__ = [
    "MARKETS",
    "TROUBLES",
    "Item",
    "Line",
    "Market",
    "Order",
    "Settlement",
    "World",
    "document",
    "make_world",
    "money_text",
    "settlement_file",
]
