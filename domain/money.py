"""Money in exact minor units: integers with an ISO 4217 currency, never a float.

Inside a document or a settlement, which has one currency, amounts are plain integers of that currency's minor
unit (cents for USD, yen for JPY, thousandths for KWD); `Money` is used where a currency must travel along.
"""

from decimal import Decimal, InvalidOperation

import msgspec

from domain.errors import BadInput

# ISO 4217 (2026): every active currency that is not listed here has two decimals.
_EXPONENTS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
_TWO_DECIMALS = frozenset(
    """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC
    CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD
    KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO
    NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
    THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG""".split()
)


def exponent(currency: str) -> int:
    """How many decimals the currency has. Raises BadInput for a code that ISO 4217 does not know."""
    if currency in _TWO_DECIMALS:
        return 2
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise BadInput(f"{currency!r} is not an ISO 4217 currency code; expected one like USD, EUR or JPY") from None


_LARGEST_POWER = 100  # no amount of money has more digits than this


class Money(msgspec.Struct, frozen=True, order=True):
    """An exact amount: `minor` counts the currency's smallest unit."""

    minor: int
    currency: str

    def __str__(self) -> str:
        return f"{format_minor(self.minor, self.currency)} {self.currency}"


def format_minor(minor: int, currency: str) -> str:
    """Minor units as a decimal string with the currency's own number of decimals: -5 USD is '-0.05'."""
    decimals = exponent(currency)
    if decimals == 0:
        return str(minor)
    sign = "-" if minor < 0 else ""
    digits = str(abs(minor)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def to_minor(amount: Decimal | str | int, currency: str) -> int:
    """A decimal amount as minor units; exact or refused.

    Raises BadInput for what is no number or has more decimals than the currency: an amount is never rounded here.
    """
    try:
        sign, digits, power = Decimal(amount).as_tuple()
    except (InvalidOperation, ValueError, TypeError):
        raise BadInput(f"{amount!r} is not an amount; expected a decimal number like 12.34") from None
    if not isinstance(power, int) or abs(power) > _LARGEST_POWER:
        raise BadInput(f"{amount!r} is not an amount; expected a decimal number like 12.34")
    # Whole numbers throughout: Decimal's own arithmetic rounds at 28 digits.
    shift = power + exponent(currency)
    minor: int = int("".join(map(str, digits)))
    if shift >= 0:
        minor *= 10**shift
    else:
        minor, rest = divmod(minor, 10**-shift)
        if rest:
            raise BadInput(
                f"{amount} has more decimals than {currency} has ({exponent(currency)}); amounts are never rounded"
            )
    return -minor if sign else minor
