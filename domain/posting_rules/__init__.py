"""Where Amazon's trade becomes accounting: what a shipped order and a settlement are in the books, or why they wait.

`invoice.py` has what an order's shipments are billed by, `changes.py` and `credit.py` what a change of the order does,
`settlement.py` the settlement's side, `held.py` the shape of a refusal. Everything is pure; what cannot be placed is
held with its reasons and its money, never guessed.
"""

from domain.posting_rules.held import Held, gap_keys
from domain.posting_rules.invoice import NothingToPost, OrderPlan, invoice_for, plan_order, shows_earlier
from domain.posting_rules.settlement import SettlementPlan, plan_settlement, sales_posted

__all__ = [
    "Held",
    "NothingToPost",
    "OrderPlan",
    "SettlementPlan",
    "gap_keys",
    "invoice_for",
    "plan_order",
    "plan_settlement",
    "sales_posted",
    "shows_earlier",
]
