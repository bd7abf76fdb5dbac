"""Bank lines and proposals as programs read them: amounts as decimal text of their currency."""

from typing import Any

from domain.bank_matching import Proposal
from domain.money import format_minor


def bank_facts(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the bank_lines report."""
    return {
        "line": row["line"],
        "account": row["account"],
        "currency": row["currency"],
        "day": row["day"],
        "amount": format_minor(row["amount"], row["currency"]),
        "text": row["tells"],
        "reference": row["reference"],
        "status": row["status"],
        "settlements": row["settlements"],
        "match": row["match_kind"] or None,
        "how": row["how"] or None,
        "score": row["score"],
        "fee": format_minor(row["fee"], row["currency"]),
        "why": row["why"],
        "repeats": row["twin"] or None,
    }


def proposal_facts(one: Proposal) -> dict[str, Any]:
    """A proposal."""
    return {
        "proposal": one.id,
        "kind": one.kind,
        "account": one.account,
        "line": one.line,
        "day": one.day.isoformat(),
        "amount": format_minor(one.amount, one.currency),
        "currency": one.currency,
        "fee": format_minor(one.fee, one.currency),
        "settlements": one.settlements,
        "score": one.score,
        "why": one.why,
        "sure": one.auto,
    }
