"""The tables of Amazon's Finances on the read side; see schema.py for what holds of all of them."""

import msgspec


class TransactionRow(msgspec.Struct, gc=False):
    """A transaction. `leaves` (JSON) are arrays of path, amount, item and sku; `unknown` is a JSON list.

    `kind` is empty while only its release is known. `held`: 1 where `problem` says why it cannot be believed.
    `release_id`, `released` and `release_total` are of the transaction that frees a deferred one.
    """

    flow: str
    transaction_id: str
    kind: str = ""
    status: str = ""
    posted: str = ""
    currency: str = ""
    total: int | None = None
    account_type: str = ""
    marketplace_id: str = ""
    order_id: str = ""
    settlement_id: str = ""
    group_id: str = ""
    description: str = ""
    deferral: str = ""
    matures: str | None = None
    level: str = ""
    leaves: str = "[]"
    stated_problem: str = ""
    problem: str = ""
    held: int = 0
    unknown: str = "[]"
    strange: int = 0
    deferred_id: str = ""
    release_id: str = ""
    released: str | None = None
    release_total: int | None = None
    seen: str = ""


class FinanceFactRow(msgspec.Struct, gc=False):
    """Something Amazon says beside its reports, as JSON, known by kind and key.

    kind: group, payout, summary, balances, source (what is offered), match (what is told of a settlement). `sort` is a
    time it is ordered by.
    """

    flow: str
    kind: str
    key: str
    sort: str = ""
    data: str = "{}"


class SettlementSumRow(msgspec.Struct, gc=False):
    """What a settlement's lines make, by the document read last, and its reserve lines with their ordinals (0: none).

    `kept` is the Current Reserve Amount (negative), `freed` the Previous Reserve Amount Balance.
    """

    flow: str
    settlement_id: str
    content_hash: str = ""
    lines: int = 0
    lines_sum: int = 0
    kept: int = 0
    freed: int = 0
    kept_line: int = 0
    freed_line: int = 0


class ToldAccountRow(msgspec.Struct, gc=False):
    """Transactions name an account type for a settlement or an event group (`kind`)."""

    flow: str
    kind: str
    key: str
    account_type: str
