"""What a test or a demo may turn on the stand-in: the company's settings, quotas and undocumented behaviour."""

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass
class Dials:
    """Defaults are an ordinary US company with custom transaction numbers, and Intuit's published quotas."""

    country: str = "US"  # of the company: outside of the US there are no codes TAX and NON
    custom_txn_numbers: bool = True
    warn_duplicate_numbers: bool = True
    warn_duplicate_journal_number: bool = False  # the sandbox's recorded default
    multi_currency: bool = False
    book_close_date: dt.date | None = None
    book_close_password: bool = False  # closed with a password: 6210 where it would be 6200
    subscription_ended: bool = False
    allow_discount: bool = True
    ast_rate: Decimal | None = None  # automated sales tax, e.g. Decimal("0.0825"); None is off
    exchange_rates: dict[str, Decimal] = field(
        default_factory=lambda: {
            "CAD": Decimal("0.73"),
            "EUR": Decimal("1.10"),
            "GBP": Decimal("1.27"),
            "MXN": Decimal("0.05"),
        }
    )
    account_limit: int = 250

    requests_per_second: int = 10
    requests_per_minute: int = 500
    batches_per_minute: int = 40
    concurrent_requests: int = 10
    throttle_form: str = "json"  # or "xml"

    decline_consent: bool = False  # the user says no at the consent page
    rotate_every_refresh: bool = False
    rotate_after_hours: float = 24
    requestid_hours: float | None = None  # how long a requestid is remembered; undocumented, None is for ever
    remember_faults: bool = False  # replay a refusal too; undocumented

    def turn(self, name: str, value: object) -> None:
        """Set one dial from JSON. Dates and rates arrive as text."""
        if name not in type(self).__dataclass_fields__:
            raise KeyError(name)
        if name == "book_close_date" and isinstance(value, str):
            value = dt.date.fromisoformat(value)
        if name == "ast_rate" and value is not None:
            value = Decimal(str(value))
        if name == "exchange_rates" and isinstance(value, dict):
            value = {currency: Decimal(str(rate)) for currency, rate in value.items()}
        setattr(self, name, value)
