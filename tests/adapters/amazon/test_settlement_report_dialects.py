"""Any settlement, written in any of Amazon's dialects, is read back as it was: found by trial, not by our examples."""

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.amazon.settlement_report import read_report
from domain.money import exponent, format_minor
from domain.settlement import SettlementLine, Statement

CURRENCIES = {"USD": "", "EUR": "äöüß", "JPY": "マグ青①", "KWD": "", "GBP": "£é"}
COLUMNS = (
    "settlement-id settlement-start-date settlement-end-date deposit-date total-amount currency transaction-type "
    "order-id adjustment-id shipment-id marketplace-name amount-type amount-description amount fulfillment-id "
    "posted-date posted-date-time order-item-code sku quantity-purchased promotion-id"
).split()
V1_PAIRS = {
    "ItemPrice": ("price-type", "price-amount"),
    "ItemFees": ("item-related-fee-type", "item-related-fee-amount"),
    "Promotion": ("promotion-type", "promotion-amount"),
    "ShipmentFees": ("shipment-fee-type", "shipment-fee-amount"),
    "OrderFees": ("order-fee-type", "order-fee-amount"),
    "DirectPayment": ("direct-payment-type", "direct-payment-amount"),
    "other-transaction": ("other-fee-reason-description", "other-fee-amount"),
}
MOMENTS = st.integers(0, 12 * 365 * 86_400).map(
    lambda seconds: datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
Draw = Callable[[st.SearchStrategy[Any]], Any]
DATE_FORMS = (
    lambda at: f"{at:%Y-%m-%d %H:%M:%S} UTC",
    lambda at: f"{at:%d.%m.%Y %H:%M:%S} UTC",
    lambda at: f"{at:%Y/%m/%d %H:%M:%S} UTC",
    lambda at: f"{at + timedelta(hours=9):%Y/%m/%d %H:%M:%S} JST",
    lambda at: f"{at:%Y-%m-%dT%H:%M:%S}+00:00",
    lambda at: f"{at - timedelta(hours=7):%Y-%m-%dT%H:%M:%S}-07:00",
)


def words(extra: str) -> st.SearchStrategy[str]:
    letters = "ABCxyz019-_.#\"'" + extra
    return st.text(letters, min_size=1, max_size=8) | st.tuples(
        st.text(letters, min_size=1, max_size=4), st.text(letters, min_size=1, max_size=4)
    ).map(" ".join)


@st.composite
def lines(draw: st.DrawFn, currency: str, types: Sequence[str]) -> list[dict[str, Any]]:
    text = words(CURRENCIES[currency])
    line = st.fixed_dictionaries(
        {
            "transaction_type": text | st.just("Order"),
            "amount_type": st.sampled_from(types),
            "amount_description": text,
            "amount": st.integers(-(10**9), 10**9),
            "order_id": st.just("") | text,
            "sku": text,
            "quantity": st.none() | st.integers(0, 999),
            "posted": st.none() | MOMENTS,
            "marketplace": st.sampled_from(["", "Amazon.co.jp" if currency == "JPY" else "Amazon.com"]),
        }
    )
    return draw(st.lists(line, max_size=6))


@st.composite
def settlements(
    draw: st.DrawFn, types: Sequence[str] = ("ItemPrice", "ItemFees", "other-transaction", "")
) -> tuple[Statement, list[SettlementLine]]:
    currency = draw(st.sampled_from(list(CURRENCIES)))
    found = draw(lines(currency, types))
    start, end, deposit = draw(MOMENTS), draw(MOMENTS), draw(MOMENTS)
    number = draw(st.integers(10**9, 10**11))
    statement = Statement(str(number), currency, sum(line["amount"] for line in found), start, end, deposit)
    return statement, [SettlementLine(ordinal, **line) for ordinal, line in enumerate(found, 1)]


def amount_text(draw: Draw, minor: int, currency: str) -> str:
    """An amount in one of the ways Amazon writes it; the way may change from cell to cell."""
    text = format_minor(abs(minor), currency)
    whole, _, fraction = text.partition(".")
    comma, grouped = draw(st.booleans()), draw(st.booleans())
    if grouped and (fraction or len(whole) > 6 or not comma):
        # Thousands before a single mark are written only where they can be read one way.
        mark = draw(st.sampled_from([".", " ", "\u00a0"])) if comma else ","
        whole = f"{int(whole):,}".replace(",", mark)
        if mark == "." and exponent(currency) == 0 and len(whole) < 9:
            whole = whole.replace(".", "")
    text = f"{whole}{',' if comma else '.'}{fraction}" if fraction else whole
    sign = draw(st.sampled_from(["-{}", "({})", "{}-", "- {}"])) if minor < 0 else "{}"
    return sign.format(text)


def render(draw: Draw, statement: Statement, found: Sequence[SettlementLine]) -> list[dict[str, str]]:
    date_form = draw(st.sampled_from(DATE_FORMS))

    def date_text(at: datetime | None) -> str:
        return "" if at is None else date_form(at)

    repeat_currency = draw(st.booleans())
    assert statement.total is not None
    rows = [
        {
            "settlement-id": statement.settlement_id,
            "settlement-start-date": date_text(statement.start),
            "settlement-end-date": date_text(statement.end),
            "deposit-date": date_text(statement.deposit_date),
            "total-amount": amount_text(draw, statement.total, statement.currency),
            "currency": statement.currency,
        }
    ]
    for line in found:
        rows.append(
            {
                "settlement-id": statement.settlement_id,
                "currency": statement.currency if repeat_currency else "",
                "transaction-type": line.transaction_type,
                "order-id": line.order_id,
                "marketplace-name": line.marketplace,
                "amount-type": line.amount_type,
                "amount-description": line.amount_description,
                "amount": amount_text(draw, line.amount, statement.currency),
                "posted-date-time": date_text(line.posted),
                "posted-date": date_text(line.posted)[:10],
                "sku": line.sku,
                "quantity-purchased": "" if line.quantity is None else str(line.quantity),
            }
        )
    return rows


def written(draw: Draw, rows: Sequence[dict[str, str]], columns: Sequence[str], currency: str) -> bytes:
    columns = draw(st.permutations([*columns, *draw(st.sampled_from([[], ["brand-new"], ["x", "y"]]))]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    short = draw(st.booleans())
    text: str = "\t".join(columns) + end
    for row in rows:
        line = "\t".join(row.get(name, "") for name in columns)
        text += (line.rstrip("\t") if short else line) + end
    fitting = ["utf-8", "utf-8-sig", "utf-16"]
    fitting += ["cp932"] if currency == "JPY" else []
    fitting += ["cp1252"] if currency in ("EUR", "GBP", "USD") else []
    codec = draw(st.sampled_from(fitting))
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        return text.encode()


@settings(max_examples=300, deadline=None)
@given(st.data(), settlements())
def test_a_settlement_written_in_any_dialect_is_read_back(
    data: st.DataObject, settlement: tuple[Statement, list[SettlementLine]]
) -> None:
    statement, found = settlement
    content = written(data.draw, render(data.draw, statement, found), COLUMNS, statement.currency)
    assert list(read_report(io.BytesIO(content))) == [statement, *found]


@settings(max_examples=150, deadline=None)
@given(st.data(), settlements(types=tuple(V1_PAIRS)))
def test_the_same_money_in_v1_and_v2_comes_to_the_same(
    data: st.DataObject, settlement: tuple[Statement, list[SettlementLine]]
) -> None:
    statement, found = settlement
    own, *rows = render(data.draw, statement, found)
    v1 = []
    for row in rows:
        described_by, amount = V1_PAIRS[row["amount-type"]]
        v1.append({**row, described_by: row["amount-description"], amount: row["amount"]})
    columns = [name for name in COLUMNS if not name.startswith("amount")]
    columns += [name for pair in V1_PAIRS.values() for name in pair]
    content = written(data.draw, [own, *v1], columns, statement.currency)
    assert list(read_report(io.BytesIO(content))) == [statement, *found]


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200) | st.text('settlemn-id\t\n\r12.,ab\0"é').map(str.encode),
    st.sampled_from(["", "cp932", "x"]),
)
def test_no_document_makes_the_reader_raise(content: bytes, charset: str) -> None:
    """A document is somebody else's; whatever it holds is told, never thrown."""
    list(read_report(io.BytesIO(content), charset=charset))
    heading = "\t".join(COLUMNS).encode() + b"\n"
    list(read_report(io.BytesIO(heading + content), charset=charset))
    own = b"1\t\t\t\t5\tUSD\n1\t"
    list(read_report(io.BytesIO(heading + own + content), charset=charset))
