"""How a flow books: the choices of accounting.md 2.3, the default first. They may change at any settlement's boundary.

All are projections of the same events: the accounts at a year's end are equal whichever is chosen (invariant I19).
"""

from datetime import date
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from domain.errors import BadInput

OrderDocument = Literal["invoice", "sales_receipt", "none"]
Grain = Literal["per_shipment", "per_order", "per_day", "per_settlement", "per_settlement_and_month"]
PaymentBatch = Literal["per_settlement", "per_day", "per_order"]
SettlementLink = Literal["clearing", "undeposited_linked"]
RefundDocument = Literal["deposit_line", "refund_receipt", "credit_memo"]
FeeSection = Literal["cogs", "expense"]
Tax = Literal["net", "gross"]
Unmapped = Literal["hold", "suspense"]
DepositDate = Literal["amazon_deposit_date", "bank", "settlement_end"]
LateEvent = Literal["hold", "next_open_day"]
OldOrders = Literal["income", "receivables"]
AuditMode = Literal["amend", "strict"]


class Policies(msgspec.Struct, frozen=True, omit_defaults=True):
    """The policies of a flow. `suspense_cap` is in minor units of the settlement's currency, `suspense_cap_percent` of
    its total: more than either is held. `lock_date`: nothing is dated on or before it, whatever QuickBooks says.
    """

    order_document: OrderDocument = "invoice"
    grain: Grain = "per_shipment"
    payment_batch: PaymentBatch = "per_settlement"
    settlement_link: SettlementLink = "clearing"
    refund_document: RefundDocument = "deposit_line"
    month_split: bool = True
    deferred_accrual: bool = True
    fee_section: FeeSection = "cogs"
    tax: Tax = "net"
    unmapped: Unmapped = "hold"
    suspense_cap: int = 0
    suspense_cap_percent: int = 0
    deposit_date: DepositDate = "amazon_deposit_date"
    late_event: LateEvent = "hold"
    old_orders: OldOrders = "income"
    audit_mode: AuditMode = "amend"
    lock_date: date | None = None


def policies_from(changes: dict[str, str], standing: Policies) -> Policies:
    """The policies after changes handed in as text, `{"month_split": "off"}`. Raises BadInput, naming the wrong one."""
    hints = get_type_hints(Policies)
    values: dict[str, Any] = {}
    for name, text in changes.items():
        if name not in hints:
            raise BadInput(f"policy {name!r}: expected one of {', '.join(sorted(hints))}")
        values[name] = _value(name, text.strip(), hints[name])
    return msgspec.structs.replace(standing, **values)


def policy_words(policies: Policies) -> dict[str, str]:
    """Policies as `policies_from` takes them: `{"month_split": "on", ...}`."""
    words = {True: "on", False: "off", None: "none"}
    values = msgspec.structs.asdict(policies)
    return {
        name: words[value] if value is None or isinstance(value, bool) else str(value) for name, value in values.items()
    }


def _value(name: str, text: str, hint: Any) -> Any:
    if get_origin(hint) is Literal:
        if text not in get_args(hint):
            raise BadInput(f"policy {name} {text!r}: expected {' or '.join(get_args(hint))}")
        return text
    if hint is bool:
        if text not in ("on", "off"):
            raise BadInput(f"policy {name} {text!r}: expected on or off")
        return text == "on"
    if hint is int:
        if not text.isdecimal():
            raise BadInput(f"policy {name} {text!r}: expected a whole number, not negative")
        return int(text)
    if text == "none":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"policy {name} {text!r}: expected a day like 2026-09-30, or none") from None
