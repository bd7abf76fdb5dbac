"""CAMT.053, the bank's statement in ISO 20022's XML, versions 02 to 14 (they differ in names of a few elements).

Booked entries only. An entry's sign is its CdtDbtInd: a reversal says so beside it (RvslInd) and turns nothing round.
A DTD, an entity or a reference to elsewhere is refused before it is read.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from adapters.bank.text import amount_of
from domain.bank import ReadEntry, ReadStatement
from domain.errors import BadInput
from domain.money import exponent

_NAMESPACE = re.compile(r"\{urn:(?:iso:std:iso:20022:tech:xsd|swift:xsd):(?:\$)?(camt\.05[234])\.001\.(\d\d)\}")
_DO = "Download the statement again as CAMT.053, or as OFX or CSV"
_NO_REFERENCE = {"", "NOTPROVIDED", "NONREF", "NONE", "N/A", "0"}
_OPENING, _CLOSING, _BETWEEN = ("OPBD", "PRCD"), ("CLBD",), "ITBD"


def read_camt(content: bytes, name: str) -> list[ReadStatement]:
    """The statements of a CAMT.053 document. Raises BadInput."""
    try:
        root = fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise BadInput(
            f"{name}: it declares a DTD, entities or references to elsewhere, which no bank's CAMT.053 does; it is not "
            f"read. {_DO}"
        ) from None
    except (ParseError, ValueError, LookupError) as error:
        line = f", line {error.position[0]}" if isinstance(error, ParseError) else ""
        raise BadInput(f"{name}{line}: this is no whole XML document ({error}). {_DO}") from None
    found = _NAMESPACE.match(root.tag)
    if found is None or found[1] != "camt.053":
        what = {"camt.052": "an intraday report, whose entries may still change", "camt.054": "a notification"}
        said = what.get(found[1] if found else "", "another kind of XML")
        raise BadInput(f"{name}: this is {said}; expected a CAMT.053 statement. {_DO}")
    _strip(root)
    statements = [_statement(one, name) for one in root.iter("Stmt")]
    if not statements:
        raise BadInput(f"{name}: it has no statement (Stmt). {_DO}")
    return statements


def _strip(root: Element) -> None:
    """Every version has a namespace of its own; the names below are alike."""
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]


def _statement(found: Element, name: str) -> ReadStatement:
    number = _text(found, "Acct/Id/IBAN") or _text(found, "Acct/Id/Othr/Id")
    currency = _text(found, "Acct/Ccy").upper() or next(
        (amount.get("Ccy", "").upper() for amount in found.findall("Bal/Amt")), ""
    )
    try:
        exponent(currency)
    except BadInput as error:
        raise BadInput(f"{name}: the account's currency (Acct/Ccy): {error}. {_DO}") from None
    entries = [
        entry
        for ordinal, one in enumerate(found.findall("Ntry"), start=1)
        if (_text(one, "Sts/Cd") or _text(one, "Sts")) in ("BOOK", "")
        for entry in _entries(one, currency, f"{name}, statement of {number[-4:] or 'the account'}, entry {ordinal}")
    ]
    opening, closing, start, end = _balances(found, currency, name)
    stated = (_text(found, "FrToDt/FrDtTm"), _text(found, "FrToDt/ToDtTm"))
    return ReadStatement(
        form="camt",
        number=number,
        currency=currency,
        card=False,
        start=_day(stated[0], name) if stated[0] else start,
        end=_day(stated[1], name) if stated[1] else end,
        opening=opening,
        closing=closing,
        entries=tuple(entries),
    )


def _balances(found: Element, currency: str, name: str) -> tuple[int | None, int | None, date | None, date | None]:
    """Booked balances and their days; of a statement in parts, the interim ones of this part."""
    known: dict[str, list[tuple[int, date | None]]] = {}
    for balance in found.findall("Bal"):
        code = _text(balance, "Tp/CdOrPrtry/Cd")
        day = _text(balance, "Dt/Dt") or _text(balance, "Dt/DtTm")
        amount = _amount(balance, currency, f"{name}: balance {code}")
        known.setdefault(code, []).append((amount, _day(day, name) if day else None))
    between = known.get(_BETWEEN, [])
    opening = next((known[code][0] for code in _OPENING if code in known), between[0] if between else None)
    closing = next((known[code][-1] for code in _CLOSING if code in known), between[-1] if between else None)
    if opening is None or closing is None or (opening is closing and len(between) < 2):
        return None, closing[0] if closing else None, None, closing[1] if closing else None
    # The balance of the evening before opens a statement in some banks' words.
    return opening[0], closing[0], None if "PRCD" in known else opening[1], closing[1]


def _entries(found: Element, currency: str, where: str) -> Iterator[ReadEntry]:
    """One for an entry; of a batch whose parts each state their amount, one for each part."""
    amount = _amount(found, currency, where)
    day = _text(found, "BookgDt/Dt") or _text(found, "BookgDt/DtTm")
    if not day:
        raise BadInput(f"{where}: it has no booking date (BookgDt). {_DO}")
    booked = _day(day, where)
    reference = _reference(_text(found, "AcctSvcrRef"))
    kind = "REVERSAL" if _text(found, "RvslInd") in ("true", "1") else _text(found, "BkTxCd/Domn/Fmly/SubFmlyCd")
    details = found.findall("NtryDtls/TxDtls")
    parts = _parts(details, currency, amount, where) if len(details) > 1 else []
    if not parts:
        words = [word for one in details for word in _words(one, amount > 0)]
        text = _joined([*words, _text(found, "AddtlNtryInf")])
        yield ReadEntry(booked, amount, text, reference or _one_reference(details), kind)
        return
    for ordinal, (detail, part) in enumerate(zip(details, parts, strict=True), start=1):
        own = _reference(_text(detail, "Refs/AcctSvcrRef"))
        text = _joined([*_words(detail, part > 0), _text(found, "AddtlNtryInf")])
        unique = own if own and own != reference else f"{reference}/{ordinal}" if reference else ""
        yield ReadEntry(booked, part, text, unique, kind)


def _parts(details: Sequence[Element], currency: str, amount: int, where: str) -> list[int]:
    """The amounts of a batch's parts, if all are stated in the account's currency and make the whole; else none."""
    parts = []
    for detail in details:
        stated = next((one for path in ("Amt", "AmtDtls/TxAmt/Amt") if (one := detail.find(path)) is not None), None)
        if stated is None or stated.get("Ccy", currency).upper() != currency:
            return []
        size = amount_of(stated.text or "", currency, where)
        sign = _text(detail, "CdtDbtInd")
        parts.append(-size if (sign == "DBIT" if sign else amount < 0) else size)
    return parts if sum(parts) == amount else []


def _words(detail: Element, credit: bool) -> list[str]:
    """Who paid (or was paid) and for what."""
    other = "Dbtr" if credit else "Cdtr"
    names = (f"RltdPties/{other}/Nm", f"RltdPties/{other}/Pty/Nm", f"RltdPties/Ultmt{other}/Nm")
    found = [_text(detail, path) for path in (*names, f"RltdPties/Ultmt{other}/Pty/Nm")]
    found += [one.text or "" for one in detail.findall("RmtInf/Ustrd")]
    found += [one.text or "" for one in detail.findall("RmtInf/Strd/CdtrRefInf/Ref")]
    return [*found, _reference(_text(detail, "Refs/EndToEndId")), _text(detail, "AddtlTxInf")]


def _one_reference(details: Sequence[Element]) -> str:
    return _reference(_text(details[0], "Refs/AcctSvcrRef")) if len(details) == 1 else ""


def _reference(text: str) -> str:
    return "" if text.upper() in _NO_REFERENCE else text


def _joined(words: Sequence[str]) -> str:
    return " ".join(dict.fromkeys(word.strip() for word in words if word.strip()))


def _amount(found: Element, currency: str, where: str) -> int:
    stated = found.find("Amt")
    if stated is None:
        raise BadInput(f"{where}: it has no amount (Amt). {_DO}")
    other = stated.get("Ccy", currency).upper()
    if other != currency:
        raise BadInput(f"{where}: its amount is in {other}, the account's currency is {currency}. {_DO}")
    sign = _text(found, "CdtDbtInd")
    if sign not in ("CRDT", "DBIT"):
        raise BadInput(f"{where}: CdtDbtInd {sign!r}; expected CRDT or DBIT. {_DO}")
    amount = amount_of(stated.text or "", currency, where)
    return -amount if sign == "DBIT" else amount


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise BadInput(f"{where}: date {text[:30]!r}; expected one like 2026-11-18. {_DO}") from None


def _text(found: Element, path: str) -> str:
    return (found.findtext(path) or "").strip()
