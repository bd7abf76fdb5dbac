"""OFX and QFX (Web Connect): SGML 1.x and XML 2.x, bank and card statements.

Read with ofxtools' parser for both syntaxes; it expands no entities and reads no DTD. Its typed models are not used:
they refuse what banks really write (unknown tags, wrong lengths, a missing sign-on).
"""

import html
import re
from datetime import date
from xml.etree.ElementTree import Element

from ofxtools.Parser import ParseError, TreeBuilder

from adapters.bank.text import amount_of, decoded
from domain.bank import ReadEntry, ReadStatement
from domain.errors import BadInput
from domain.money import exponent

_CHARSET = re.compile(rb"CHARSET:\s*([\w-]+)", re.IGNORECASE)
_XML_CHARSET = re.compile(rb"""encoding=["']([\w-]+)["']""", re.IGNORECASE)
_SELF_CLOSED = re.compile(r"<[A-Z0-9._]+\s*/>")
_VALUELESS = re.compile(r"<([A-Z0-9._]+)>\s*(?=<(?!/\1>))")
_TAG = re.compile(r"</?[A-Za-z0-9./_]+>")
# These hold others, and always end: one that does not is cut off.
_HOLDERS = frozenset(
    """OFX SIGNONMSGSRSV1 SONRS STATUS FI BANKMSGSRSV1 STMTTRNRS STMTRS BANKACCTFROM BANKTRANLIST STMTTRN LEDGERBAL
    AVAILBAL CREDITCARDMSGSRSV1 CCSTMTTRNRS CCSTMTRS CCACCTFROM PAYEE CURRENCY ORIGCURRENCY""".split()
)
_DO = "Download the statement again as OFX or QFX (Web Connect), or as CSV"


def read_ofx(content: bytes, name: str) -> list[ReadStatement]:
    """The statements of an OFX file. Raises BadInput."""
    declared = _CHARSET.search(content[:1000]) or _XML_CHARSET.search(content[:1000])
    charset = declared[1].decode() if declared else ""
    text = decoded(content, name, f"cp{charset}" if charset.isdigit() else charset)
    begin = re.search("<OFX>", text, re.IGNORECASE)
    if begin is None:
        raise BadInput(f"{name}: there is an OFX heading and no <OFX> behind it: the file is cut off. {_DO}")
    if re.search(r"<!(?:DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise BadInput(f"{name}: it declares entities, which no bank's OFX does; it is not read. {_DO}")
    body = _TAG.sub(lambda tag: tag[0].upper(), text[begin.start() :])
    root = _parsed(_without_empty(body), name)
    places = [text.count("\n", 0, found.start()) + 1 for found in re.finditer("<STMTTRN>", text, re.IGNORECASE)]
    reader = _Reader(name, places)
    statements = [reader.statement(one) for kind in ("STMTRS", "CCSTMTRS") for one in root.iter(kind)]
    if not statements:
        said = root.findtext(".//STATUS/MESSAGE") or root.findtext(".//STATUS/CODE")
        more = f" (the bank says: {said})" if said and said != "0" else ""
        raise BadInput(f"{name}: it has no bank or card statement{more}. {_DO}")
    if sum(len(one.entries) for one in statements) != len(places):
        raise BadInput(f"{name}: some of its {len(places)} transactions stand outside of a statement. {_DO}")
    return statements


def _without_empty(body: str) -> str:
    """An element without a value and without an end, as SGML allows it, would seem to hold all that follows."""
    ended = set(re.findall(r"</([A-Z0-9._]+)>", body))
    body = _SELF_CLOSED.sub("", body)
    body = _VALUELESS.sub(lambda found: "" if found[1] not in ended | _HOLDERS else found[0], body)
    return re.sub(r"<(MEMO|NAME|CHECKNUM|REFNUM)>\s*(?=<(?!/\1>))", "", body)


class _Strict(TreeBuilder):
    """Ends what it began, in order: a file that is cut off is not read in part."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        self.begun.append(tag)
        return super().start(tag, attrs)

    def end(self, tag: str) -> Element:
        if not self.begun or self.begun.pop() != tag:
            raise ParseError(f"</{tag}> ends what did not begin")
        return super().end(tag)


def _parsed(body: str, name: str) -> Element:
    builder = _Strict()
    try:
        builder.feed(body)
        if builder.begun:
            raise ParseError(f"<{builder.begun[-1]}> does not end")
        return builder.close()
    except (SyntaxError, AssertionError, IndexError) as error:
        said = str(error).partition(" - position")[0][:80]
        raise BadInput(f"{name}: {said}: the file is cut off or no OFX. {_DO}") from None


class _Reader:
    """Reads statements of one file; `places` are the lines on which its transactions begin."""

    def __init__(self, name: str, places: list[int]) -> None:
        self._name = name
        self._places = places
        self._seen = 0

    def statement(self, found: Element) -> ReadStatement:
        currency = _text(found, "CURDEF").upper()
        try:
            exponent(currency)
        except BadInput as error:
            raise BadInput(f"{self._name}: CURDEF: {error}. {_DO}") from None
        entries = tuple(
            self._entry(one, currency) for many in found.iter("BANKTRANLIST") for one in many.iter("STMTTRN")
        )
        start, end = _text(found, "BANKTRANLIST/DTSTART"), _text(found, "BANKTRANLIST/DTEND")
        last = self._day(end, "DTEND") if end else None
        closing, as_of = _text(found, "LEDGERBAL/BALAMT"), _text(found, "LEDGERBAL/DTASOF")
        newest = max((entry.day for entry in entries), default=last)
        # A balance of another day than the last one listed would not be theirs.
        states = closing and as_of and newest is not None and self._day(as_of, "DTASOF") >= newest
        return ReadStatement(
            form="ofx",
            number=_text(found, "BANKACCTFROM/BANKID") + _text(found, ".//ACCTID"),
            currency=currency,
            card=found.tag == "CCSTMTRS",
            start=self._day(start, "DTSTART") if start else None,
            end=last,
            opening=None,
            closing=amount_of(closing, currency, f"{self._name}: LEDGERBAL") if states else None,
            entries=entries,
        )

    def _entry(self, found: Element, currency: str) -> ReadEntry:
        self._seen += 1
        place = self._places[self._seen - 1] if self._seen <= len(self._places) else 0
        where = f"{self._name}, line {place}, transaction {_text(found, 'FITID') or self._seen}"
        other = _text(found, "CURRENCY/CURSYM").upper()
        if other and other != currency:
            raise BadInput(
                f"{where}: its amount is in {other}, the statement in {currency}; expected the account's own "
                "currency. Export it as CSV with the booked amounts"
            )
        # A payee's address is nobody's business here; the name alone tells who paid.
        payee = _text(found, "NAME") or _text(found, "PAYEE/NAME")
        words = [payee, _text(found, "MEMO"), _text(found, "CHECKNUM"), _text(found, "REFNUM")]
        return ReadEntry(
            day=self._day(_text(found, "DTPOSTED"), "DTPOSTED", where),
            amount=amount_of(_text(found, "TRNAMT"), currency, where, "TRNAMT"),
            text=" ".join(dict.fromkeys(word for word in words if word)),
            reference=_text(found, "FITID"),
            kind=_text(found, "TRNTYPE").upper(),
            place=place,
        )

    def _day(self, text: str, what: str, where: str = "") -> date:
        """The bank's own day: what stands there, whatever zone is behind it."""
        try:
            return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
        except ValueError:
            raise BadInput(
                f"{where or self._name}: {what} {text[:30]!r}; expected a date like 20261118. {_DO}"
            ) from None


def _text(found: Element, path: str) -> str:
    return html.unescape((found.findtext(path) or "").strip())
