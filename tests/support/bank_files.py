"""Bank statements to import, in the form of a bank's OFX."""

from collections.abc import Iterable, Sequence
from datetime import date

# A line: day, decimal amount, text, FITID (empty: none).
Line = tuple[date, str, str, str]


def ofx(
    lines: Iterable[Line],
    start: date,
    end: date,
    currency: str = "USD",
    number: str = "000111224321",
    card: bool = False,
) -> bytes:
    """A statement in SGML."""
    made = "".join(
        f"<STMTTRN><TRNTYPE>{'DEBIT' if amount.startswith('-') else 'CREDIT'}<DTPOSTED>{day:%Y%m%d}<TRNAMT>{amount}"
        f"<FITID>{fitid}<NAME>{text}</STMTTRN>\n"
        for day, amount, text, fitid in lines
    )
    kind, holder, account = ("CC", "CREDITCARDMSGSRSV1", "CCACCTFROM") if card else ("", "BANKMSGSRSV1", "BANKACCTFROM")
    return (
        "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nCHARSET:1252\n\n"
        f"<OFX><{holder}><{kind}STMTTRNRS><TRNUID>0<{kind}STMTRS><CURDEF>{currency}<{account}><ACCTID>{number}"
        f"</{account}><BANKTRANLIST><DTSTART>{start:%Y%m%d}<DTEND>{end:%Y%m%d}\n{made}</BANKTRANLIST></{kind}STMTRS>"
        f"</{kind}STMTTRNRS></{holder}></OFX>"
    ).encode()


def csv(lines: Sequence[Line]) -> bytes:
    """QuickBooks' three columns."""
    rows = "".join(f"{day:%Y-%m-%d},{text},{amount}\n" for day, amount, text, _ in lines)
    return ("Date,Description,Amount\n" + rows).encode()
