"""Banks' own dialects of OFX, CAMT.053 and CSV, each after a real one's form; and files that must be refused whole."""

from datetime import date
from typing import Any

import pytest

from adapters.bank import read_bank_file
from domain.bank import ColumnMap, ReadStatement
from domain.errors import BadInput

OFX1 = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20261120<LANGUAGE>ENG
<INTU.BID>3000</SONRS></SIGNONMSGSRSV1>
<BANKMSGSRSV1><STMTTRNRS><TRNUID>0<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>USD
<BANKACCTFROM><BANKID>121000248<ACCTID>0009876504321<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20261101120000[-8:PST]<DTEND>20261120120000[-8:PST]
<STMTTRN>
<TRNTYPE>CREDIT
<DTPOSTED>20261118233000[-8:PST]
<TRNAMT>17.38
<FITID>202611180001
<NAME>AMAZON.COM SVCS LLC
<MEMO>PAYMENTS ID:28471003921 &amp; more
</STMTTRN>
<STMTTRN>
<TRNTYPE>CHECK
<DTPOSTED>20261119
<TRNAMT>-1,200.00
<FITID>202611190001
<CHECKNUM>101
<NAME>
<MEMO>
</STMTTRN>
</BANKTRANLIST>
<LEDGERBAL><BALAMT>5000.00<DTASOF>20261120</LEDGERBAL>
</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
""".replace("-1,200.00", "-1200.00")

OFX2 = """<?xml version="1.0" encoding="UTF-8"?>
<?OFX OFXHEADER="200" VERSION="220" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>
<OFX><CREDITCARDMSGSRSV1><CCSTMTTRNRS><TRNUID>1</TRNUID><CCSTMTRS><CURDEF>USD</CURDEF>
<CCACCTFROM><ACCTID>XXXXXXXXXXXX4321</ACCTID></CCACCTFROM>
<BANKTRANLIST><DTSTART>20261101</DTSTART><DTEND>20261130</DTEND>
<STMTTRN><TRNTYPE>DEBIT</TRNTYPE><DTPOSTED>20261117</DTPOSTED><TRNAMT>-321.69</TRNAMT><FITID>c1</FITID>
<PAYEE><NAME>AMZN SELLER FEES</NAME><ADDR1>1 Main Street</ADDR1></PAYEE><MEMO></MEMO></STMTTRN>
</BANKTRANLIST></CCSTMTRS></CCSTMTTRNRS></CREDITCARDMSGSRSV1></OFX>
"""


def camt(version: str = "02", entries: str = "", opening: str = "100.00", closing: str = "117.38") -> str:
    def balance(code: str, amount: str, day: str) -> str:
        return (
            f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amount}</Amt>'
            f"<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
        )

    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}">'
        "<BkToCstmrStmt><GrpHdr><MsgId>1</MsgId></GrpHdr><Stmt><Id>1</Id>"
        "<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>"
        f"{balance('OPBD', opening, '2026-11-17')}{balance('CLBD', closing, '2026-11-18')}{entries}"
        "</Stmt></BkToCstmrStmt></Document>"
    )


def entry(
    amount: str = "17.38",
    sign: str = "CRDT",
    status: str = "<Sts>BOOK</Sts>",
    details: str = "",
    more: str = "",
    reference: str = "A1",
) -> str:
    own = f"<AcctSvcrRef>{reference}</AcctSvcrRef>" if reference else ""
    return (
        f'<Ntry><NtryRef>1</NtryRef><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{more}{status}'
        f"<BookgDt><Dt>2026-11-18</Dt></BookgDt><ValDt><Dt>2026-11-18</Dt></ValDt>{own}{details}</Ntry>"
    )


def detail(amount: str = "", name: str = "<Dbtr><Nm>AMAZON PAYMENTS EUROPE</Nm></Dbtr>", text: str = "payout 1") -> str:
    part = f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>' if amount else ""
    return f"<TxDtls>{part}<RltdPties>{name}</RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"


def read(content: str | bytes, currency: str = "USD", **columns: Any) -> ReadStatement:
    raw = content if isinstance(content, bytes) else content.encode()
    (statement,) = read_bank_file(raw, "a file", currency, ColumnMap(**columns) if columns else None).statements
    return statement


def rows(statement: ReadStatement) -> list[tuple[str, int, str, str]]:
    return [(str(one.day), one.amount, one.text, one.reference) for one in statement.entries]


# --- OFX -------------------------------------------------------------------------------------------------------------


def test_ofx_in_sgml_with_elements_that_do_not_end() -> None:
    found = read(OFX1)
    assert rows(found) == [
        ("2026-11-18", 1738, "AMAZON.COM SVCS LLC PAYMENTS ID:28471003921 & more", "202611180001"),
        ("2026-11-19", -120000, "101", "202611190001"),
    ]
    assert (found.currency, found.card, found.closing, found.start) == ("USD", False, 500000, date(2026, 11, 1))
    assert found.entries[0].place == 16


def test_ofx_in_xml_of_a_card_keeps_no_address() -> None:
    found = read(OFX2)
    assert rows(found) == [("2026-11-17", -32169, "AMZN SELLER FEES", "c1")]
    assert found.card


@pytest.mark.parametrize("charset", ["utf-8", "cp1252", "utf-16", "utf-8-sig"])
def test_ofx_that_says_one_charset_and_is_written_in_another(charset: str) -> None:
    found = read(OFX1.replace("AMAZON.COM SVCS LLC", "AMAZON SERVICIOS ESPAÑA").encode(charset))
    assert found.entries[0].text.startswith("AMAZON SERVICIOS ESPAÑA")


def test_ofx_with_a_decimal_comma_and_small_letters() -> None:
    assert read(OFX1.replace("17.38", "+17,38").replace("<STMTTRN>", "<stmttrn>")).entries[0].amount == 1738


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (OFX1[: OFX1.index("<TRNAMT>-")], "cut off"),
        (OFX1.replace("</BANKTRANLIST>", ""), "cut off or no OFX"),
        (OFX1.replace("<TRNAMT>17.38", "<TRNAMT>17.381"), "line 16, transaction 202611180001: 17.381 has more"),
        (OFX1.replace("<TRNAMT>17.38", "<TRNAMT>abc"), "transaction 202611180001: TRNAMT 'abc'; expected a decimal"),
        (OFX1.replace("20261119\n", "someday\n"), "DTPOSTED 'someday'; expected a date like 20261118"),
        (OFX1.replace("CURDEF>USD", "CURDEF>US$"), "CURDEF"),
        (OFX1.replace("<MEMO>PAYMENTS", "<CURRENCY><CURRATE>1.1<CURSYM>CAD</CURRENCY><MEMO>P"), "its amount is in CAD"),
        (OFX1[: OFX1.index("<OFX>")], "no <OFX> behind it"),
        ("OFXHEADER:100\n\n<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>15500<MESSAGE>Signon invalid</STATUS></SONRS>"
         "</SIGNONMSGSRSV1></OFX>", "no bank or card statement (the bank says: Signon invalid)"),
        ('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><?OFX OFXHEADER="200"?><OFX></OFX>', "declares entities"),
    ],
)  # fmt: skip
def test_ofx_that_is_refused_whole(content: str, said: str) -> None:
    with pytest.raises(BadInput, match="a file") as refused:
        read(content)
    assert said in str(refused.value)


# --- CAMT.053 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["02", "03", "04", "06", "08", "13"])
def test_camt_of_many_versions(version: str) -> None:
    new = version >= "08"
    status = "<Sts><Cd>BOOK</Cd></Sts>" if new else "<Sts>BOOK</Sts>"
    name = "<Dbtr><Pty><Nm>AMAZON</Nm></Pty></Dbtr>" if new else "<Dbtr><Nm>AMAZON</Nm></Dbtr>"
    found = read(camt(version, entry(status=status, details=f"<NtryDtls>{detail(name=name)}</NtryDtls>")), "EUR")
    assert rows(found) == [("2026-11-18", 1738, "AMAZON payout 1", "A1")]
    assert (found.opening, found.closing, found.currency) == (10000, 11738, "EUR")


def test_camt_leaves_out_what_is_not_booked_yet() -> None:
    pending = entry("999.00", status="<Sts>PDNG</Sts>") + entry("5.00", status="<Sts><Cd>INFO</Cd></Sts>")
    assert len(read(camt("08", entry(status="<Sts><Cd>BOOK</Cd></Sts>") + pending), "EUR").entries) == 1


def test_camt_a_reversal_keeps_the_sign_of_its_indicator() -> None:
    found = read(camt(entries=entry(sign="DBIT", more="<RvslInd>true</RvslInd>")), "EUR")
    assert [(one.amount, one.kind) for one in found.entries] == [(-1738, "REVERSAL")]


def test_camt_batches_of_none_one_and_many() -> None:
    none = entry(details="<AddtlNtryInf>AMAZON COLLECTIVE</AddtlNtryInf>")
    assert rows(read(camt(entries=none), "EUR")) == [("2026-11-18", 1738, "AMAZON COLLECTIVE", "A1")]
    many = f"<NtryDtls>{detail('10.00', text='first')}{detail('7.38', text='second')}</NtryDtls>"
    assert rows(read(camt(entries=entry(details=many)), "EUR")) == [
        ("2026-11-18", 1000, "AMAZON PAYMENTS EUROPE first", "A1/1"),
        ("2026-11-18", 738, "AMAZON PAYMENTS EUROPE second", "A1/2"),
    ]
    without = f"<NtryDtls>{detail(text='first')}{detail(text='second')}</NtryDtls>"
    assert rows(read(camt(entries=entry(details=without)), "EUR")) == [
        ("2026-11-18", 1738, "AMAZON PAYMENTS EUROPE first second", "A1")
    ]
    not_the_whole = f"<NtryDtls>{detail('10.00')}{detail('7.00')}</NtryDtls>"
    assert [one.amount for one in read(camt(entries=entry(details=not_the_whole)), "EUR").entries] == [1738]


BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>&b;</BkToCstmrStmt></Document>'
)
ELSEWHERE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Document>&a;</Document>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BILLION_LAUGHS, "declares a DTD, entities"),
        (ELSEWHERE, "declares a DTD, entities"),
        ('<!DOCTYPE x SYSTEM "http://example.com/x.dtd"><Document/>', "declares a DTD"),
        (camt(entries=entry())[:-40], "line 1: this is no whole XML document"),
        (camt(entries=entry()).replace("camt.053", "camt.052"), "an intraday report"),
        (camt(entries=entry()).replace("camt.053", "camt.054"), "a notification"),
        ("<html><body>Please sign in</body></html>", "another kind of XML"),
        (camt(entries=entry().replace('Ccy="EUR"', 'Ccy="CHF"')), "entry 1: its amount is in CHF"),
        (camt(entries=entry(sign="PLUS")), "CdtDbtInd 'PLUS'; expected CRDT or DBIT"),
        (camt(entries=entry().replace("<BookgDt><Dt>2026-11-18</Dt></BookgDt>", "")), "no booking date"),
        (camt(entries=entry("1.234")), "more decimals"),
    ],
)
def test_camt_that_is_refused_whole(content: str, said: str) -> None:
    with pytest.raises(BadInput, match="a file") as refused:
        read(content, "EUR")
    assert said in str(refused.value)


# --- CSV -------------------------------------------------------------------------------------------------------------

QUICKBOOKS_3 = "Date,Description,Amount\n11/18/2026,AMAZON PAYMENTS,17.38\n11/05/2026,Rent,-1200.00\n"
QUICKBOOKS_4 = 'Date,Description,Credit,Debit\n18/11/2026,"AMAZON, PAYMENTS",17.38,\n05/11/2026,Rent,,"1,200.00"\n'
CHASE = (
    "Details,Posting Date,Description,Amount,Type,Balance,Check or Slip #\n"
    'CREDIT,11/18/2026,"ORIG CO NAME:AMAZON",17.38,ACH_CREDIT,917.38,,\n'
    'DEBIT,11/13/2026,"RENT",-100.00,ACH_DEBIT,900.00,,\n'
)
GERMAN = (
    "Umsatzanzeige;Kontonummer 1234\n\n"
    "Buchungstag;Wertstellung;Buchungstext;Auftraggeber / Begünstigter;Verwendungszweck;Betrag (EUR);Währung;Saldo\n"
    "18.11.2026;18.11.2026;Gutschrift;AMAZON PAYMENTS;Auszahlung;1.017,38;EUR;2.017,38\n"
    "13.11.2026;13.11.2026;Lastschrift;Vermieter;Miete;-1.200,00;EUR;1.000,00\n"
    "Summe;;;;;;;\n"
)
BRITISH = "Date\tDetails\tPaid in\tPaid out\n18 Nov 2026\tAMZN\t£17.38\t\n17 Nov 2026\tFee\t\t-£3.00\n"


@pytest.mark.parametrize(
    ("content", "currency", "found"),
    [
        (QUICKBOOKS_3, "USD", [("2026-11-18", 1738, "AMAZON PAYMENTS"), ("2026-11-05", -120000, "Rent")]),
        (QUICKBOOKS_4, "USD", [("2026-11-18", 1738, "AMAZON, PAYMENTS"), ("2026-11-05", -120000, "Rent")]),
        (CHASE, "USD", [("2026-11-18", 1738, "ORIG CO NAME:AMAZON CREDIT"), ("2026-11-13", -10000, "RENT DEBIT")]),
        (BRITISH, "GBP", [("2026-11-18", 1738, "AMZN"), ("2026-11-17", -300, "Fee")]),
        ("Date,Description,Amount\n2026-11-18,AMZN,(17.38)\n", "USD", [("2026-11-18", -1738, "AMZN")]),
        ("Date,Description,Amount\n20261118,AMZN,17.38-\n", "USD", [("2026-11-18", -1738, "AMZN")]),
        ("Date,Description,Amount\n2026-11-18,AMZN,\u22121'200\n", "CHF", [("2026-11-18", -120000, "AMZN")]),
        ("Date;Description;Amount\n2026-11-18;AMZN;1,234\n", "USD", [("2026-11-18", 123400, "AMZN")]),
        (
            "Date,Amount,Description\n2026-11-18,17.38 DR,AMZN\n2026-11-18,USD 5.00,AMZN\n",
            "USD",
            [("2026-11-18", -1738, "AMZN"), ("2026-11-18", 500, "AMZN")],
        ),
        ("Date;Description;Amount\n2026-11-18;AMZN;1234\n", "JPY", [("2026-11-18", 1234, "AMZN")]),
        ('Date,Description,Amount\n2026-11-18,"AMZN\npayout",1.00\n', "USD", [("2026-11-18", 100, "AMZN\npayout")]),
    ],
)
def test_csv_of_many_banks(content: str, currency: str, found: Any) -> None:
    assert [one[:3] for one in rows(read(content, currency))] == found


def test_csv_with_headings_further_down_a_decimal_comma_and_a_sum_below() -> None:
    found = read(GERMAN, "EUR")
    assert [(str(one.day), one.amount) for one in found.entries] == [("2026-11-18", 101738), ("2026-11-13", -120000)]
    assert found.entries[0].text == "Auszahlung Gutschrift AMAZON PAYMENTS"
    assert (found.opening, found.closing) == (220000, 201738)


def test_csv_running_balances_are_the_opening_and_closing_one() -> None:
    newest_first = read(CHASE)
    assert (newest_first.opening, newest_first.closing) == (100000, 91738)
    lines = CHASE.splitlines()
    oldest_first = read("\n".join([lines[0], lines[2], lines[1]]))
    assert (oldest_first.opening, oldest_first.closing) == (100000, 91738)


def test_csv_columns_that_were_found_are_given_back_and_read_the_next_file() -> None:
    columns = read_bank_file(QUICKBOOKS_4.encode(), "a file", "USD").columns
    assert columns is not None
    assert (columns.date, columns.credit, columns.debit, columns.dates) == ("Date", "Credit", "Debit", "dmy")
    doubtful = "Date,Description,Credit,Debit\n05/06/2026,AMZN,1.00,\n"
    (statement,) = read_bank_file(doubtful.encode(), "a file", "USD", columns).statements
    assert statement.entries[0].day == date(2026, 6, 5)


def test_csv_without_headings_by_numbers() -> None:
    found = read("2026-11-18|x|17.38|AMAZON\n", date="1", text=("4",), amount="3", headings=False)
    assert rows(found) == [("2026-11-18", 1738, "AMAZON", "")]


def test_csv_of_a_card_that_writes_charges_positive_can_be_turned_round() -> None:
    assert read(QUICKBOOKS_3, negate=True).entries[0].amount == -1738


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Date,Description,Amount\n05/06/2026,A,1.00\n", "month first or the day first. Say which"),
        ("Date,Description,Amount\n2026-11-18,A,1.00\n2026-11-19,B,\n", "line 3: there is a date and no amount"),
        (
            "Date,Description,Amount\n2026-11-18,A,1.00\n,B,5.00\n2026-11-19,C,1.00\n",
            "line 3: there is an amount and",
        ),
        ("Date,Description,Amount\n2026-11-18,A,12x4..5\n", "line 2: amount '12x4..5'; expected a number"),
        ("Date,Description,Amount\n2026-13-18,A,1.00\n", "line 2: date '2026-13-18'; expected one like 2026-11-18"),
        ("Date,Description,Amount\n2026-11-18,A,1.0001\n2026-11-18,A,1.5\n", "line 2: 1.0001 has more"),
        ('Date,Description,Amount\n2026-11-18,A,1.50\n2026-11-18,B,"1,50"\n', "some amounts have a decimal point"),
        ("When,What\n2026-11-18,A\n", "no row has headings for a date and an amount"),
        ("Date,Amount,Currency\n2026-11-18,1.00,USD\n2026-11-19,1.00,EUR\n", "its entries are in EUR, USD"),
        ('Date,Amount\n2026-11-18,"1.00\n', "expected CSV whose quotes are closed"),
        ("", "it is empty"),
    ],
)
def test_csv_that_is_refused_whole(content: str, said: str) -> None:
    with pytest.raises(BadInput, match="a file") as refused:
        read(content)
    assert said in str(refused.value)


def test_an_amount_that_could_be_read_in_two_ways_is_asked_for() -> None:
    content = "Date;Amount\n2026-11-18;1,234\n"
    with pytest.raises(BadInput, match="can be read in two ways"):
        read(content, "KWD")
    assert read(content, "KWD", decimal=",").entries[0].amount == 1234


# --- what is no statement -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"%PDF-1.7 ...", b"PK\x03\x04....", b"\x1f\x8b\x08", b"\xd0\xcf\x11\xe0"])
def test_pdfs_and_spreadsheets_are_named(content: bytes) -> None:
    with pytest.raises(BadInput, match="PDF, a spreadsheet or an archive"):
        read(content)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(BadInput, match="no text file"):
        read(b"\x00\x01\x02\x00\x03")


def test_a_huge_file_is_read_in_time_and_a_larger_one_refused() -> None:
    many = "".join(f"2026-11-18,AMAZON {number},{number}.01\n" for number in range(100_000))
    assert len(read("Date,Description,Amount\n" + many).entries) == 100_000
    with pytest.raises(BadInput, match="Export a shorter period"):
        read(b"x" * 50_000_001)
