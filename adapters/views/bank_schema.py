"""The bank's tables of the read side; see schema.py for what holds of all of them."""

import msgspec


class BankAccountRow(msgspec.Struct, gc=False):
    """What is known of an account. `fees` and `rates` are JSON, `columns` too (empty: none are kept)."""

    flow: str
    account: str
    currency: str = ""
    tail: str = ""
    fees: str = "[]"
    rates: str = "{}"
    columns: str = ""


class BankLineRow(msgspec.Struct, gc=False):
    """A line of a bank's statement. `status` is open, twin (it may repeat another line), matched or aside.

    `settlements` (JSON list), `match_kind`, `how`, `score` and `fee` are its match's; `rejected` is JSON too.
    """

    flow: str
    line: str
    account: str = ""
    currency: str = ""
    day: str = ""
    amount: int = 0
    tells: str = ""
    reference: str = ""
    kind: str = ""
    statement: str = ""
    twin: str = ""
    amazon: int = 0
    status: str = "open"
    settlements: str = "[]"
    match_kind: str = ""
    how: str = ""
    score: int = 0
    fee: int = 0
    why: str = ""
    rejected: str = "[]"


class BankStatementRow(msgspec.Struct, gc=False):
    """A statement as it was imported; `total` is the sum of its entries."""

    flow: str
    account: str
    statement: str
    currency: str = ""
    form: str = ""
    file: str = ""
    tail: str = ""
    first_day: str = ""
    last_day: str = ""
    entries: int = 0
    fresh: int = 0
    total: int = 0
    opening: int | None = None
    closing: int | None = None
    imported_at: str = ""
    imported_by: str = ""
    evidence: str = ""


class BankReturnRow(msgspec.Struct, gc=False):
    """A settlement's line by which Amazon takes back a transfer that failed."""

    flow: str
    settlement_id: str
    ordinal: int
    amount: int = 0
