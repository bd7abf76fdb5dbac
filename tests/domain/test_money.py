"""Money is exact or refused: no float, no rounding, the right number of decimals for each currency."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.money import Money, exponent, format_minor, to_minor

CURRENCIES = ["USD", "JPY", "KWD", "CLF"]


@given(st.integers(-(10**20), 10**20), st.sampled_from(CURRENCIES))
def test_what_is_written_reads_back_the_same(minor: int, currency: str) -> None:
    text = format_minor(minor, currency)

    assert to_minor(text, currency) == minor
    assert Decimal(text) * 10 ** exponent(currency) == minor


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(-5, "USD", "-0.05"), (0, "USD", "0.00"), (1_234, "JPY", "1234"), (-1_234, "KWD", "-1.234"), (7, "CLF", "0.0007")],
)
def test_each_currency_has_its_own_decimals(minor: int, currency: str, text: str) -> None:
    assert format_minor(minor, currency) == text
    assert str(Money(minor, currency)) == f"{text} {currency}"


@pytest.mark.parametrize("amount", ["12.345", "0.001", "12.3400000000000000000000000000000001"])
def test_more_decimals_than_the_currency_has_are_refused_not_rounded(amount: str) -> None:
    with pytest.raises(BadInput, match="never rounded"):
        to_minor(amount, "USD")


def test_zeros_behind_the_last_decimal_are_no_decimals() -> None:
    assert to_minor("12.3400", "USD") == 1_234
    assert to_minor("1E+2", "USD") == 10_000


@pytest.mark.parametrize("amount", ["", "abc", "NaN", "Infinity", "1e999999", "1,5"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(BadInput, match="is not an amount"):
        to_minor(amount, "USD")


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(BadInput, match="ISO 4217"):
        exponent("XXX")
