"""Amounts in sentences."""

from domain.errors import BadInput
from domain.money import format_minor


def money(amount: int | None, currency: str) -> str:
    """An amount for people. What is recorded must always be readable: an unknown currency is shown as it is."""
    if amount is None:
        return "an unstated amount"
    try:
        return f"{format_minor(amount, currency)} {currency}"
    except BadInput:
        return f"{amount} minor units {currency}".rstrip()
