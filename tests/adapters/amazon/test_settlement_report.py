"""What is read from settlement files, and every way in which one can be malformed, with the exact refusal."""

import codecs
import gzip
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.amazon.settlement_report import SettlementReport, read_report
from adapters.amazon.settlement_report.dates import parse_moment
from adapters.amazon.settlement_report.numbers import parse_amount, parse_quantity
from domain.errors import BadInput, UnreadableReport
from domain.settlement import SettlementLine, Statement

FIXTURES = Path(__file__).parent / "fixtures"
HEADING = (
    "settlement-id settlement-start-date settlement-end-date deposit-date total-amount currency transaction-type "
    "order-id amount-type amount-description amount posted-date-time sku quantity-purchased"
).split()
HEADING_ROW = "\t".join(HEADING)
OWN = "1001\t2026-01-01 00:00:00 UTC\t2026-01-15 00:00:00 UTC\t2026-01-17 00:00:00 UTC\t7.00\tUSD"
SALE = "1001\t\t\t\t\t\tOrder\t113-1\tItemPrice\tPrincipal\t10.00\t2026-01-02 10:00:00 UTC\tMUG\t1"
FEE = "1001\t\t\t\t\t\tOrder\t113-1\tItemFees\tCommission\t-3.00\t2026-01-02 10:00:00 UTC\tMUG\t1"
OTHER = [OWN.replace("1001", "1002"), SALE.replace("1001", "1002"), FEE.replace("1001", "1002")]


def document(*rows: str, heading: str = "\t".join(HEADING)) -> bytes:
    return "\n".join([heading, *rows, ""]).encode()


def read(content: bytes, charset: str = "") -> list[Statement | SettlementLine | UnreadableReport]:
    return list(read_report(io.BytesIO(content), charset=charset))


def problems(content: bytes, charset: str = "") -> list[tuple[int | None, str | None, str]]:
    return [
        (piece.line, piece.column, piece.message)
        for piece in read(content, charset)
        if isinstance(piece, UnreadableReport)
    ]


def sums(content: bytes, charset: str = "") -> dict[str, int]:
    """The sum of each settlement that can be read; a later block of the same id replaces the earlier one."""
    result: dict[str, int] = {}
    current = ""
    for piece in read(content, charset):
        if isinstance(piece, Statement):
            current = piece.settlement_id
            result[current] = 0
        elif isinstance(piece, SettlementLine):
            result[current] = result.get(current, 0) + piece.amount
        else:
            result.pop(current, None)
    return result


# --- amounts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1141.18", "USD", 114118),
        ("1141,18", "EUR", 114118),
        ("1.141,18", "EUR", 114118),
        ("1,141.18", "USD", 114118),
        ("1.234.567,89", "EUR", 123456789),
        ("1,23,456.78", "INR", 12345678),
        ("1,234,567", "USD", 123456700),
        ("1.234.567", "EUR", 123456700),
        ("5,5", "EUR", 550),
        ("-5.05", "USD", -505),
        ("5.05-", "USD", -505),
        ("(5,05)", "EUR", -505),
        ("−5,05", "EUR", -505),
        ("- 5,05", "EUR", -505),
        ("+5.05", "USD", 505),
        ('"5.05"', "USD", 505),
        ("\u00a01\u00a0141,18 ", "EUR", 114118),
        ("1\u202f141,18", "EUR", 114118),
        ("1'141.18", "CHF", 114118),
        (".5", "USD", 50),
        ("0.500", "USD", 50),
        ("1234.560", "USD", 123456),
        ("12.3400", "USD", 1234),
        ("0", "USD", 0),
        ("-0,00", "EUR", 0),
        ("1234", "JPY", 1234),
        ("1,234", "JPY", 1234),
        ("1234.00", "JPY", 1234),
        ("1,234", "KWD", 1234),
        ("1.234", "KWD", 1234),
        ("1,234.567", "KWD", 1234567),
        ("12,34", "KWD", 12340),
    ],
)
def test_an_amount_is_read_in_every_way_amazon_writes_it(text: str, currency: str, minor: int) -> None:
    assert parse_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "words"),
    [
        ("1,234", "EUR", "'1,234' can be read as 1234 or as 1.234 EUR"),
        ("1.234", "USD", "'1.234' can be read as 1234 or as 1.234 USD"),
        ("12.340", "USD", "'12.340' can be read as 12340 or as 12.340 USD"),
        ("-1.234", "JPY", "can be read as 1234 or as 1.234 JPY"),
        ("12.345678", "USD", "has more decimals than USD has (2); amounts are never rounded"),
        ("1.234,567", "EUR", "has more decimals than EUR has (2); amounts are never rounded"),
        ("5.05", "JPY", "has more decimals than JPY has (0); amounts are never rounded"),
        ("5,0505", "KWD", "has more decimals than KWD has (3); amounts are never rounded"),
        *[
            (text, "USD", f"{text!r} is not an amount; expected a number like 1234.56 or 1234,56")
            for text in (
                "abc", "", "-", "--5", "(-5.00)", "5.", ".", "1,23.45", "12 34", "1.2.3", "1,234.5,6", "1E+05", "$5.00",
                "５.05", "1,234,56", "NaN", "1_000", "1234567890123456.00", "9" * 5000,
            )
        ],
    ],
)  # fmt: skip
def test_an_amount_that_could_be_another_or_is_too_fine_is_refused(text: str, currency: str, words: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_amount(text, currency)
    assert (words if len(text) < 60 else "…' is not an amount") in str(refused.value)
    assert "download the report again" in str(refused.value)


def test_a_quantity_is_a_whole_number_or_blank() -> None:
    assert [parse_quantity(text) for text in ("", " ", "2", '"2"', "-1", "2.0")] == [None, None, 2, 2, -1, 2]
    for text in ("two", "1.5", "1,000,000", "9" * 20):
        with pytest.raises(BadInput, match="is not a quantity"):
            parse_quantity(text)


# --- dates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-12-27 23:20:10 UTC", "2025-12-27T23:20:10"),
        ("14.03.2023 07:49:55 UTC", "2023-03-14T07:49:55"),
        ("2024/01/31 10:00:00 JST", "2024-01-31T01:00:00"),
        ("2024/01/31 9:00:00", "2024-01-31T09:00:00"),
        ("2024/1/31 10:00:00 UTC", "2024-01-31T10:00:00"),
        ("2025-06-05T22:07:18+00:00", "2025-06-05T22:07:18"),
        ("2025-06-05T22:07:18-0700", "2025-06-06T05:07:18"),
        ("2025-06-05T22:07:18.123Z", "2025-06-05T22:07:18"),
        ("2025-06-05", "2025-06-05T00:00:00"),
        ("05.06.2025", "2025-06-05T00:00:00"),
        ("2025/06/05", "2025-06-05T00:00:00"),
        ('"2025-06-05"', "2025-06-05T00:00:00"),
        ("2025-06-05 10:00:00 PDT", "2025-06-05T17:00:00"),
    ],
)
def test_a_moment_is_read_in_every_form(text: str, moment: str) -> None:
    assert parse_moment(text) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["05/06/2025", "31/12/2025", "2025-02-30", "2025-01-01 25:00:00 UTC", "45678", "Jan 2, 2025", "2025-13-01", "soon",
     "0001-01-01T00:00:00+10:00", "2025-01-01 10:00:00 XYZ", "2025-01-01 10:00:00 BST", "2025-01/01"],
)  # fmt: skip
def test_a_date_that_could_be_another_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="download the report again"):
        parse_moment(text)


# --- documents -------------------------------------------------------------------------------------------------


def test_statements_and_lines_hold_what_the_rows_say() -> None:
    statement, sale, fee = read(document(OWN, SALE, FEE))
    assert statement == Statement(
        "1001",
        "USD",
        700,
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 15, tzinfo=UTC),
        datetime(2026, 1, 17, tzinfo=UTC),
    )
    assert sale == SettlementLine(
        1, "Order", "ItemPrice", "Principal", 1000, "113-1", "MUG", 1, datetime(2026, 1, 2, 10, tzinfo=UTC)
    )
    assert isinstance(fee, SettlementLine)
    assert (fee.ordinal, fee.triple, fee.amount) == (2, ("Order", "ItemFees", "Commission"), -300)


def test_our_own_fixtures_add_up() -> None:
    expected = {
        "v2_germany_cp1252.txt": {"30000000001": 2000},
        "v2_japan_cp932.txt": {"30000000002": 1650},
        "v2_many_settlements.txt": {"30000000003": -3210, "30000000004": 0, "30000000005": 41000},
        "v1_several_amounts_in_a_row.txt": {"30000000006": 2411},
    }
    assert {path.name for path in FIXTURES.iterdir()} == expected.keys()
    for name, found in expected.items():
        content = (FIXTURES / name).read_bytes()
        assert sums(content) == found, name
        assert [piece.total for piece in read(content) if isinstance(piece, Statement)] == list(found.values()), name


def test_words_survive_cp1252_and_cp932() -> None:
    """A charset guessed wrong would change SKUs, and with them the products they are matched to."""
    germany = read((FIXTURES / "v2_germany_cp1252.txt").read_bytes())
    japan = read((FIXTURES / "v2_japan_cp932.txt").read_bytes())
    assert next(piece.sku for piece in germany if isinstance(piece, SettlementLine)) == "TASSE-GRÜN"
    assert next(piece.sku for piece in japan if isinstance(piece, SettlementLine)) == "マグ①-青"


@pytest.mark.parametrize("charset", ["", "utf-8", "UTF-8", "nonsense", "ascii", "utf-16", "zlib", "rot13", "\0"])
def test_utf_8_is_found_whatever_else_is_said(charset: str) -> None:
    content = document(OWN, SALE.replace("MUG", "MUG-日本"), FEE)
    skus = [piece.sku for piece in read(content, charset) if isinstance(piece, SettlementLine)]
    assert skus == ["MUG-日本", "MUG"]


@pytest.mark.parametrize("charset", ["", "cp1252", "utf-8"])
@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (b"", "utf-16-le"),
    ],
)
def test_a_byte_order_mark_counts_more_than_what_is_said(mark: bytes, codec: str, charset: str) -> None:
    content = mark + document(OWN, SALE, FEE).decode().encode(codec)
    assert sums(content, charset) == {"1001": 700}


def test_the_charset_that_came_along_is_used() -> None:
    content = document(OWN, SALE.replace("MUG", "GRÜN"), FEE).decode().encode("cp1252")
    assert [line.sku for line in read(content, "Cp1252") if isinstance(line, SettlementLine)] == ["GRÜN", "MUG"]
    japan = document(OWN.replace("USD", "EUR"), SALE.replace("MUG", "青①"), FEE).decode().encode("cp932")
    assert [line.sku for line in read(japan, "Shift_JIS") if isinstance(line, SettlementLine)] == ["青①", "MUG"]


def test_japanese_bytes_without_japanese_trade_are_not_taken_for_japanese() -> None:
    content = document(OWN, SALE.replace("MUG", "ÅÄÖ-éè"), FEE).decode().encode("cp1252")
    assert next(piece.sku for piece in read(content) if isinstance(piece, SettlementLine)) == "ÅÄÖ-éè"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_do_not_matter_wherever_a_chunk_ends(end: str) -> None:
    rows = [OWN, *[SALE.replace("10.00", "0.01")] * 20_000, SALE.replace("10.00", "-193.00")]
    content = document(*rows, "", "\t\t ", " ").decode().replace("\n", end).encode()
    assert sums(content) == {"1001": 700}
    assert problems(content) == []


def test_columns_are_found_by_name() -> None:
    order = list(reversed(range(len(HEADING))))
    rows = [row.split("\t") + [""] * (len(HEADING) - len(row.split("\t"))) for row in (OWN, SALE, FEE)]
    turned = ["\t".join(["x", *(row[place] for place in order)]) for row in rows]
    heading = "\t".join(["brand-new", *(HEADING[place].upper().replace("-", "_") for place in order)])
    assert read(document(*turned, heading=heading)) == read(document(OWN, SALE, FEE))


def test_missing_columns_and_short_and_long_rows_are_no_errors() -> None:
    assert sums(document(OWN, SALE.rsplit("\t", 3)[0], FEE + "\t\t")) == {"1001": 700}
    bare = "settlement-id\ttotal-amount\tcurrency\tamount-type\tamount-description\tamount"
    rows = ["1001\t5.00\tUSD", "1001\t\t\tItemPrice\tPrincipal\t5.00"]
    assert read(document(*rows, heading=bare)) == [
        Statement("1001", "USD", 500),
        SettlementLine(1, "", "ItemPrice", "Principal", 500),
    ]


def test_posted_is_the_time_and_where_there_is_none_the_day() -> None:
    heading = (
        "settlement-id\ttotal-amount\tcurrency\tamount-type\tamount-description\tamount\tposted-date\tposted-date-time"
    )
    rows = ["1\t0\tUSD", "1\t\t\ta\tb\t1\t02.01.2026\t02.01.2026 10:00:00 UTC", "1\t\t\ta\tb\t-1\t02.01.2026\t"]
    posted = [line.posted for line in read(document(*rows, heading=heading)) if isinstance(line, SettlementLine)]
    assert posted == [datetime(2026, 1, 2, 10, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)]


def test_money_with_a_blank_transaction_type_is_no_header() -> None:
    blank = "1001\t\t\t\t\t\t\t\tother-transaction\tCGST\t-3.00"
    assert sums(document(OWN, SALE, blank)) == {"1001": 700}


def test_blanks_around_cells_are_no_part_of_them() -> None:
    padded = [row.replace("\t", " \t ") for row in (OWN, SALE, FEE)]
    assert read(document(*padded)) == read(document(OWN, SALE, FEE))


def test_both_decimal_marks_in_one_file() -> None:
    assert sums(document(OWN, SALE.replace("10.00", "10,00"), FEE)) == {"1001": 700}


def test_zero_amounts_and_identical_lines_are_lines() -> None:
    lines = [
        piece
        for piece in read(document(OWN, FEE, FEE, SALE.replace("10.00", "0.00")))
        if isinstance(piece, SettlementLine)
    ]
    assert [(line.ordinal, line.amount) for line in lines] == [(1, -300), (2, -300), (3, 0)]


def test_a_settlement_that_comes_twice_is_told_twice() -> None:
    """Rolling documents repeat old settlements; which is new is for the settlement's own history to say."""
    pieces = read(document(OWN, SALE, FEE, *OTHER, OWN, SALE, FEE))
    assert [piece.settlement_id for piece in pieces if isinstance(piece, Statement)] == ["1001", "1002", "1001"]
    assert [piece.ordinal for piece in pieces if isinstance(piece, SettlementLine)] == [1, 2] * 3


def test_documents_that_were_put_together_are_read_on_by_each_heading() -> None:
    """A heading within a document is none of its rows, and need not name the columns in the same order."""
    again = b"\xef\xbb\xbf" + document(*OTHER)
    assert sums(document(OWN, SALE, "\t".join(HEADING), FEE) + again) == {"1001": 700, "1002": 700}
    order = [0, *reversed(range(1, len(HEADING)))]
    rows = [row.split("\t") + [""] * (len(HEADING) - len(row.split("\t"))) for row in (HEADING_ROW, *OTHER)]
    turned = "\n".join("\t".join(row[place] for place in order) for row in rows).encode()
    assert sums(document(OWN, SALE, FEE) + turned) == {"1001": 700, "1002": 700}


def test_a_bad_heading_within_a_document_leaves_what_came_before() -> None:
    content = document(OWN, SALE, FEE, "settlement-id\tcurrency", *OTHER)
    assert sums(content) == {"1001": 700}
    assert problems(content)[0][:2] == (5, "amount-type")


def test_a_row_before_its_header_has_a_currency_of_its_own_or_none() -> None:
    assert read(document(SALE.replace("\t\t\t\t\t\tOrder", "\t\t\t\t\tUSD\tOrder")))[0] == Statement(
        "1001", "USD", None
    )
    assert problems(document(SALE))[0][:2] == (2, "total-amount")
    # Once the document has told the currency of an id, a later part of it can be read.
    assert read(document(OWN, SALE, *OTHER, FEE))[-2] == Statement("1001", "USD", None)


def test_a_period_without_a_total_is_a_settlement_without_a_total() -> None:
    statement, *lines = read(document(OWN.replace("7.00", ""), SALE))
    assert isinstance(statement, Statement)
    assert (statement.total, statement.start) == (None, datetime(2026, 1, 1, tzinfo=UTC))
    assert len(lines) == 1


def test_cells_saved_with_quotes_are_read_without() -> None:
    quoted = [
        "\t".join(f'"{cell}"' for cell in row.split("\t"))
        for row in ("\t".join(HEADING), OWN, SALE.replace("MUG", '5"" MUG'), FEE)
    ]
    pieces = read("\n".join(quoted).encode())
    assert [piece.sku for piece in pieces if isinstance(piece, SettlementLine)] == ['5" MUG', "MUG"]
    assert sums("\n".join(quoted).encode()) == {"1001": 700}


def test_a_quote_in_a_cell_is_only_a_quote() -> None:
    pieces = read(document(OWN, SALE.replace("MUG", '"5in MUG'), FEE))
    assert [piece.sku for piece in pieces if isinstance(piece, SettlementLine)] == ['"5in MUG', "MUG"]


def test_the_line_of_a_statement_is_known() -> None:
    report = SettlementReport(io.BytesIO(document(OWN, SALE, FEE, *OTHER)))
    assert [report.line for piece in report if isinstance(piece, Statement)] == [2, 5]
    again = SettlementReport(io.BytesIO(document(OWN)))
    next(again)
    assert again.line == 2


# --- flat file V1 ----------------------------------------------------------------------------------------------

V1 = (
    "settlement-id total-amount currency transaction-type shipment-fee-type shipment-fee-amount order-fee-type "
    "order-fee-amount price-type price-amount item-related-fee-type item-related-fee-amount misc-fee-amount "
    "other-fee-amount other-fee-reason-description promotion-id promotion-type promotion-amount direct-payment-type "
    "direct-payment-amount other-amount"
).split()


def v1(*rows: dict[str, str]) -> bytes:
    return document(*("\t".join(row.get(name, "") for name in V1) for row in rows), heading="\t".join(V1))


def test_the_amounts_of_a_row_of_v1_become_a_line_each_in_the_order_of_their_columns() -> None:
    row = {
        "settlement-id": "1", "transaction-type": "Order", "shipment-fee-type": "FBA transportation fee",
        "shipment-fee-amount": "-1.00", "order-fee-type": "Handling", "order-fee-amount": "-2.00",
        "price-type": "Principal", "price-amount": "30.00", "item-related-fee-type": "Commission",
        "item-related-fee-amount": "-4,00", "misc-fee-amount": "-5.00", "other-fee-amount": "-6.00",
        "other-fee-reason-description": "TaxAmount", "promotion-id": "PAWS-1", "promotion-type": "Shipping",
        "promotion-amount": "-7.00", "direct-payment-type": "COD", "direct-payment-amount": "-8.00",
        "other-amount": "-9.00",
    }  # fmt: skip
    lines = [
        piece
        for piece in read(v1({"settlement-id": "1", "total-amount": "-12.00", "currency": "CAD"}, row))
        if isinstance(piece, SettlementLine)
    ]
    assert [(line.ordinal, line.amount_type, line.amount_description, line.amount) for line in lines] == [
        (1, "ShipmentFees", "FBA transportation fee", -100),
        (2, "OrderFees", "Handling", -200),
        (3, "ItemPrice", "Principal", 3000),
        (4, "ItemFees", "Commission", -400),
        (5, "MiscFees", "MiscFee", -500),
        (6, "other-transaction", "TaxAmount", -600),
        (7, "Promotion", "Shipping", -700),
        (8, "DirectPayment", "COD", -800),
        (9, "other-transaction", "Order", -900),
    ]
    assert [line.promotion_id for line in lines if line.promotion_id] == ["PAWS-1"]


@pytest.mark.parametrize(
    ("row", "description"),
    [
        ({"transaction-type": "Current Reserve Amount", "other-amount": "-5"}, "Current Reserve Amount"),
        ({"transaction-type": "Transfer", "other-amount": "5", "other-fee-reason-description": "why"}, "why"),
        ({"transaction-type": "ServiceFee", "other-fee-amount": "5"}, "ServiceFee"),
        ({"other-amount": "5"}, ""),
        ({"price-amount": "5"}, ""),
    ],
)
def test_an_amount_of_v1_without_a_reason_is_called_as_v2_would(row: dict[str, str], description: str) -> None:
    own = {"settlement-id": "1", "total-amount": "5", "currency": "CAD"}
    (line,) = [piece for piece in read(v1(own, {"settlement-id": "1", **row})) if isinstance(piece, SettlementLine)]
    assert line.amount_description == description


def test_a_row_of_v1_without_an_amount_yields_nothing_and_a_zero_yields_a_line() -> None:
    own = {"settlement-id": "1", "total-amount": "0", "currency": "CAD"}
    empty = {"settlement-id": "1", "transaction-type": "Order", "price-type": "Principal"}
    pieces = read(v1(own, empty, {**empty, "price-amount": "0.00"}, empty))
    assert [type(piece) for piece in pieces] == [Statement, SettlementLine]


# --- what cannot be read ---------------------------------------------------------------------------------------

AGAIN = "download the report again, and do not save it from a spreadsheet"
FORM = (
    "; expected a tab separated heading with settlement-id and either amount-type, amount-description, amount (flat "
    "file V2) or price-amount, other-amount and their like (flat file V1); download the settlement report as 'Flat "
    "File V2'"
)
DOCUMENTS = {
    "nothing": (
        b"",
        1,
        "settlement-id",
        "the document is empty; expected a settlement report; download the report again",
    ),
    "blank lines": (
        b"\n\r\n \t\n",
        1,
        "settlement-id",
        "the document is empty; expected a settlement report; download the report again",
    ),
    "heading only": (
        document(),
        1,
        "settlement-id",
        "the document has a heading and no rows; expected at least one settlement; download the report again",
    ),
    "gzip": (
        gzip.compress(document(OWN)),
        1,
        "settlement-id",
        "this is a gzip file; expected a tab separated settlement report; decompress it first",
    ),
    "zip": (
        b"PK\x03\x04xx",
        1,
        "settlement-id",
        "this is a zip archive or a spreadsheet (.xlsx); expected a tab separated settlement report; "
        "unpack it, or download the original text file",
    ),
    "html": (
        b"\n<!DOCTYPE html><html>",
        2,
        "settlement-id",
        "this is a web page (HTML), perhaps of an expired download link" + FORM,
    ),
    "json": (
        b'{"errors": []}',
        1,
        "settlement-id",
        "this is a JSON document, perhaps an error that the download answered" + FORM,
    ),
    "xml": (
        b'<?xml version="1.0"?><AmazonEnvelope>',
        1,
        "settlement-id",
        "this is an XML document, perhaps the XML settlement report" + FORM,
    ),
    "commas": (
        document(OWN).replace(b"\t", b","),
        1,
        "settlement-id",
        "the columns are separated by commas, as a spreadsheet saves them" + FORM,
    ),
    "semicolons": (
        document(OWN).replace(b"\t", b";"),
        1,
        "settlement-id",
        "the columns are separated by semicolons, as a spreadsheet saves them" + FORM,
    ),
    "transaction view": (
        b'"date/time","settlement id","type"\n',
        1,
        "settlement-id",
        "this is a transaction view (date range report), not a settlement report" + FORM,
    ),
    "another report": (b"order-id\tsku\n", 1, "settlement-id", "the first row begins with 'order-id\\tsku'" + FORM),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 1, "settlement-id", "the first row begins with '\u2030PNG'" + FORM),
    "no amount": (
        document(heading="settlement-id\tamount-type\tamount-description"),
        1,
        "amount",
        "the heading has no column amount" + FORM,
    ),
    "no money": (
        document(heading="settlement-id\tcurrency"),
        1,
        "amount-type",
        "the heading has no column amount-type and no column amount-description and no column amount" + FORM,
    ),
    "twice": (
        document(heading="\t".join([*HEADING, "amount"])),
        1,
        "amount",
        "the heading names the column amount twice" + FORM,
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_is_no_report_is_told(name: str) -> None:
    content, line, column, message = DOCUMENTS[name]
    assert read(content)[:-1] == []
    assert problems(content) == [(line, column, message)]


ROWS = {
    "amount blank": (
        SALE.replace("10.00", ""),
        "amount",
        "the amount is blank; expected a number like 1234.56 or 1234,56; the file may be cut off: "
        "download the report again",
    ),
    "cut off": (
        SALE[:20],
        "amount",
        "the amount is blank; expected a number like 1234.56 or 1234,56; the file may be cut off: "
        "download the report again",
    ),
    "no amount": (
        SALE.replace("10.00", "ten"),
        "amount",
        f"'ten' is not an amount; expected a number like 1234.56 or 1234,56; {AGAIN}",
    ),
    "two readings": (
        SALE.replace("10.00", "1,234"),
        "amount",
        f"'1,234' can be read as 1234 or as 1.234 USD; expected an amount that can be read one way only; {AGAIN}",
    ),
    "too fine": (
        SALE.replace("10.00", "1.2345"),
        "amount",
        f"'1.2345' has more decimals than USD has (2); amounts are never rounded; {AGAIN}",
    ),
    "no date": (
        SALE.replace("2026-01-02 10:00:00 UTC", "02/01/2026"),
        "posted-date-time",
        "'02/01/2026' is not a date; expected one like 2026-01-31 10:00:00 UTC, 31.01.2026 10:00:00 UTC "
        f"or 2026-01-31T10:00:00+00:00; {AGAIN}",
    ),
    "unknown zone": (
        SALE.replace("UTC", "XYZ"),
        "posted-date-time",
        "'2026-01-02 10:00:00 XYZ' names the time zone XYZ, which is not known here; expected UTC, as "
        "Amazon writes; download the report again",
    ),
    "no quantity": (
        SALE[:-1] + "one",
        "quantity-purchased",
        f"'one' is not a quantity; expected a whole number like 2; {AGAIN}",
    ),
    "other currency": (
        SALE.replace("\tOrder", "EUR\tOrder"),
        "currency",
        "this row is in EUR, its settlement in USD; expected one currency in a settlement; download the report again",
    ),
    "no currency": (
        SALE.replace("\tOrder", "Euro\tOrder"),
        "currency",
        "'EURO' is not an ISO 4217 currency code; expected one like USD, EUR or JPY",
    ),
    "no id": (
        SALE.removeprefix("1001"),
        "settlement-id",
        f"this row has no settlement id; expected digits like 21871512981; {AGAIN}",
    ),
    "total filled down": (
        SALE.replace("\t\t\t\t\t\t", "\t\t\t\t7.00\t\t"),
        "total-amount",
        "the row states a total and an amount as well; expected the total in a row of its own, as Amazon "
        "writes it; download the report again",
    ),
    "NUL": (
        SALE.replace("MUG", "M\0G"),
        "sku",
        "this row holds a NUL byte; expected text in UTF-8, cp1252 or cp932; the file is damaged: "
        "download the report again",
    ),
    "too many cells": (
        SALE + "\tmore",
        "quantity-purchased",
        "this row has 15 cells; expected at most 14, one for each column of line 1; one cell holds a "
        "tab: download the report again",
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_cannot_be_read_spoils_its_own_settlement_only(name: str) -> None:
    row, column, message = ROWS[name]
    content = document(*OTHER, OWN, FEE, row, SALE, row, *(line.replace("1002", "1003") for line in OTHER))
    assert problems(content) == [(7, column, message)]
    assert sums(content) == {"1002": 700, "1003": 700}


HEADERS = {
    "no total": (
        OWN.replace("7.00", "seven"),
        "total-amount",
        f"'seven' is not an amount; expected a number like 1234.56 or 1234,56; {AGAIN}",
    ),
    "two readings": (
        OWN.replace("7.00", "7,000"),
        "total-amount",
        f"'7,000' can be read as 7000 or as 7.000 USD; expected an amount that can be read one way only; {AGAIN}",
    ),
    "no date": (
        OWN.replace("2026-01-15 00:00:00 UTC", "46037.5"),
        "settlement-end-date",
        "'46037.5' is not a date; expected one like 2026-01-31 10:00:00 UTC, 31.01.2026 10:00:00 UTC or "
        f"2026-01-31T10:00:00+00:00; {AGAIN}",
    ),
    "no currency": (
        OWN.replace("USD", ""),
        "currency",
        "the settlement names no currency; expected an ISO 4217 code like USD; download the report again",
    ),
    "unknown currency": (
        OWN.replace("USD", "XXX"),
        "currency",
        "'XXX' is not an ISO 4217 currency code; expected one like USD, EUR or JPY",
    ),
    "spreadsheet's id": (
        OWN.replace("1001", "2.18715E+10"),
        "settlement-id",
        f"'2.18715E+10' is no settlement id; expected digits like 21871512981; {AGAIN}",
    ),
    "no id": (
        OWN.replace("1001", ""),
        "settlement-id",
        f"this row has no settlement id; expected digits like 21871512981; {AGAIN}",
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_cannot_be_read_spoils_its_own_settlement_only(name: str) -> None:
    header, column, message = HEADERS[name]
    settlement_id = header.split("\t")[0]
    content = document(*OTHER, header, settlement_id + SALE[4:], settlement_id + FEE[4:], *OTHER)
    assert problems(content) == [(5, column, message)]
    pieces = read(content)
    spoilt = pieces[3]
    assert isinstance(spoilt, Statement)
    assert (spoilt.settlement_id, spoilt.total) == (settlement_id or "line 5", None)
    assert sums(content) == {"1002": 700}


def test_bytes_that_no_charset_has_spoil_their_own_settlement_only() -> None:
    content = document(*OTHER, OWN, SALE.replace("MUG", "M\x81G")).decode().encode("latin-1") + b""
    message = (
        "this row holds the byte 0x81, which is no character; expected text in UTF-8, cp1252 or cp932; the file is "
        "damaged: download the report again"
    )
    assert problems(content) == [(6, "sku", message)]
    assert sums(content) == {"1002": 700}


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    content = document(*OTHER) + b"x" * 3_000_000
    assert problems(content)[-1][:2] == (5, "settlement-id")
    assert "a line of more than 1,000,000 characters" in problems(content)[-1][2]


def test_a_source_that_breaks_off_is_told() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("the disk is gone")

    (problem,) = list(read_report(Broken()))
    assert isinstance(problem, UnreadableReport)
    assert (problem.line, problem.column) == (1, "settlement-id")
    assert "the disk is gone" in problem.message


def test_problems_of_many_rows_are_told_once_a_settlement() -> None:
    bad = SALE.replace("10.00", "ten")
    assert len(problems(document(OWN, *[bad] * 50))) == 1
