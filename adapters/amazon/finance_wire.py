"""The shapes of Finances and Transfers, and what they say in the domain's words.

Amounts are JSON numbers here, decoded as exact decimals. Everything may be missing (the models require nothing). A
field that the models do not have is named, never read: where it is an amount, that is named with it, so that money
cannot vanish in it. Nothing here names a buyer.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from domain.errors import BadInput
from domain.event_group import Balance, EventGroup, Payout, Summary
from domain.money import to_minor
from domain.transaction import Breakdown, Part, Transaction, judged

Raw = dict[str, Any]

# What the models have, by the path under which it stands; a list's members share its path.
_TRANSACTION = frozenset(
    """sellingPartnerMetadata relatedIdentifiers transactionType transactionId transactionStatus description postedDate
    totalAmount marketplaceDetails items contexts breakdowns""".split()
)
_ITEM = frozenset("description relatedIdentifiers totalAmount breakdowns contexts".split())
_BREAKDOWN = frozenset("breakdownType breakdownAmount breakdowns".split())
_GROUP = frozenset(
    """FinancialEventGroupId ProcessingStatus FundTransferStatus OriginalTotal ConvertedTotal FundTransferDate TraceId
    AccountTail BeginningBalance FinancialEventGroupStart FinancialEventGroupEnd""".split()
)
_PAYOUT = frozenset(
    """id partnerMetadata currentStatus statusHistory type amount accountTail paymentMethod creationDate paymentRail
    traceId period relatedIdentifiers""".split()
)
_SUMMARY = frozenset("partnerMetadata netProceeds relatedIdentifiers breakdowns periodStart periodEnd".split())
_DEEPEST = 32  # a tree of amounts that is deeper than this is no breakdown

decode = msgspec.json.Decoder(float_hook=Decimal).decode


class Unusable(BadInput):
    """A part of an answer that is not what the model says."""


def to_transaction(raw: Raw) -> Transaction:
    """A transaction, judged. One whose amounts nobody can read is held and says why; nothing makes it vanish."""
    unknown = unknown_fields(raw, _TRANSACTION, "")
    problem = ""
    currency, total = "", None
    own: list[Breakdown] = []
    parts: list[Part] = []
    try:
        amount = raw.get("totalAmount")
        currency = currency_of(amount) or _any_currency(raw)
        total = minor(amount, currency, "totalAmount", "currencyAmount", "currencyCode")
        own = _breakdowns(raw.get("breakdowns"), currency, "breakdowns", unknown)
        for number, item in enumerate(_list(raw.get("items"), "items")):
            path = f"items[{number}]"
            each = _object(item, path)
            unknown += unknown_fields(each, _ITEM, "items.")
            parts.append(
                Part(
                    minor(each.get("totalAmount"), currency, f"{path}.totalAmount", "currencyAmount", "currencyCode"),
                    tuple(_breakdowns(each.get("breakdowns"), currency, f"{path}.breakdowns", unknown)),
                    _text(_context(each, "sku")),
                )
            )
    except BadInput as error:
        problem = str(error)
    deferral = _context(raw, "deferralReason")
    seller = _dict(raw.get("sellingPartnerMetadata"))
    marketplace = _dict(raw.get("marketplaceDetails"))
    posted, matures = _time(raw.get("postedDate")), _time(_context(raw, "maturityDate"))
    if raw.get("postedDate") and posted is None:
        unknown.append(f"field:postedDate={_text(raw['postedDate'])[:40]}")
    return judged(
        Transaction(
            transaction_id=_text(raw.get("transactionId")),
            kind=_text(raw.get("transactionType")),
            status=_text(raw.get("transactionStatus")),
            description=_text(raw.get("description")),
            posted=posted,
            currency=currency,
            total=total,
            account_type=_text(seller.get("accountType")),
            marketplace_id=_text(seller.get("marketplaceId") or marketplace.get("marketplaceId")),
            identifiers=_identifiers(raw.get("relatedIdentifiers")),
            deferral=_text(deferral),
            matures=matures,
            problem=problem,
            unknown=tuple(dict.fromkeys(unknown)),
        ),
        own,
        parts,
    )


def to_group(raw: Raw) -> EventGroup:
    """An event group (v0 writes everything with a capital)."""
    unknown, problems = unknown_fields(raw, _GROUP, ""), []
    amounts: dict[str, tuple[str, int | None]] = {}
    for name in ("OriginalTotal", "ConvertedTotal", "BeginningBalance"):
        money = raw.get(name)
        code = currency_of(money, "CurrencyCode")
        try:
            amounts[name] = code, minor(money, code, name, "CurrencyAmount", "CurrencyCode")
        except BadInput as error:
            amounts[name] = code, None
            problems.append(str(error))
    return EventGroup(
        group_id=_text(raw.get("FinancialEventGroupId")),
        status=_text(raw.get("ProcessingStatus")),
        transfer_status=_text(raw.get("FundTransferStatus")),
        currency=amounts["OriginalTotal"][0] or amounts["BeginningBalance"][0],
        total=amounts["OriginalTotal"][1],
        converted_currency=amounts["ConvertedTotal"][0],
        converted_total=amounts["ConvertedTotal"][1],
        beginning=amounts["BeginningBalance"][1],
        start=_time(raw.get("FinancialEventGroupStart")),
        end=_time(raw.get("FinancialEventGroupEnd")),
        transfer_date=_time(raw.get("FundTransferDate")),
        trace_id=_text(raw.get("TraceId")),
        account_tail=_text(raw.get("AccountTail")),
        problem="; ".join(problems),
        unknown=tuple(unknown),
    )


def to_payout(raw: Raw) -> Payout:
    unknown = unknown_fields(raw, _PAYOUT, "")
    currency, amount, problem = _money(raw.get("amount"), "amount")
    partner, period = _dict(raw.get("partnerMetadata")), _dict(raw.get("period"))
    settlement = dict(_identifiers(raw.get("relatedIdentifiers"))).get("SETTLEMENT_ID", "")
    return Payout(
        payout_id=_text(raw.get("id")),
        settlement_id=settlement,
        status=_text(raw.get("currentStatus")),
        kind=_text(raw.get("type")),
        currency=currency,
        amount=amount,
        account_type=_text(partner.get("accountType")),
        marketplace_id=_text(partner.get("marketplaceId")),
        created=_time(raw.get("creationDate")),
        start=_time(period.get("startDate")),
        end=_time(period.get("endDate")),
        trace_id=_text(raw.get("traceId")),
        account_tail=_text(raw.get("accountTail")),
        problem=problem,
        unknown=tuple(unknown),
    )


def to_summary(settlement_id: str, raws: list[Raw]) -> Summary | None:
    """A settlement's summary: the sum of what the answer holds of it; None where it holds nothing of it.

    One that names other settlements only is not of this one; one that names none is, since it was asked for.
    """
    currency, total, problems, unknown = "", 0, [], []
    accounts: set[str] = set()
    marketplaces: set[str] = set()
    mine = [raw for raw in raws if _of_settlement(raw, settlement_id)]
    for raw in mine:
        unknown += unknown_fields(raw, _SUMMARY, "")
        code, net, problem = _money(raw.get("netProceeds"), "netProceeds")
        if problem or net is None:
            problems.append(problem or "netProceeds is missing")
        elif currency not in ("", code):
            problems.append(f"netProceeds are in {currency} and in {code}")
        else:
            currency, total = code, total + net
        partner = _dict(raw.get("partnerMetadata"))
        accounts.add(_text(partner.get("accountType")))
        marketplaces.add(_text(partner.get("marketplaceId")))
    if not mine:
        return None
    return Summary(
        settlement_id=settlement_id,
        currency=currency,
        net=None if problems else total,
        account_type=accounts.pop() if len(accounts) == 1 else "",
        marketplace_id=marketplaces.pop() if len(marketplaces) == 1 else "",
        problem="; ".join(problems),
        unknown=tuple(dict.fromkeys(unknown)),
    )


def to_balances(raws: Iterable[Any]) -> tuple[tuple[Balance, ...], str]:
    """Every node of the trees of balances, and what of them could not be read."""
    found: list[Balance] = []
    problems: list[str] = []

    def walk(raw: Raw, account: str, marketplace: str, depth: int) -> None:
        partner = _dict(raw.get("partnerMetadata"))
        account = _text(partner.get("accountType")) or account
        marketplace = _text(partner.get("marketplaceId")) or marketplace
        kind = _text(raw.get("balanceType"))
        currency, amount, problem = _money(raw.get("amount"), f"balance {kind}")
        if problem:
            problems.append(problem)
        elif amount is not None:
            found.append(Balance(kind, currency, amount, account, marketplace))
        for child in many(raw.get("balances")) if depth < _DEEPEST else ():
            walk(_dict(child), account, marketplace, depth + 1)

    for raw in raws:
        walk(_dict(raw), "", "", 0)
    return tuple(sorted(found, key=lambda each: (each.account_type, each.marketplace_id, each.currency, each.kind))), (
        "; ".join(problems)
    )


# --- pieces ----------------------------------------------------------------------------------------------------------


def unknown_fields(raw: Mapping[str, Any], known: frozenset[str], path: str) -> list[str]:
    """`field:` and the name of each that is not known; where it is an amount other than 0, `=12.30 USD` with it."""
    found = []
    for name in sorted(raw.keys() - known):
        money = ", ".join(f"{amount} {code}".strip() for amount, code in _amounts_in(raw[name]))
        found.append(f"field:{path}{name}" + (f"={money}" if money else ""))
    return found


def minor(money: Any, currency: str, path: str, amount: str, code: str) -> int | None:
    """An amount in minor units; None where there is none. Raises BadInput, naming the path."""
    if money is None:
        return None
    each = _object(money, path)
    value = each.get(amount)
    if value is None:
        return None
    if each.get(code) != currency:
        raise Unusable(f"{path} is in {_text(each.get(code)) or 'no currency'}, expected {currency or 'one'}")
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise Unusable(f"{path} is no amount: {_text(value)[:40]!r}")
    try:
        return to_minor(value, currency)
    except BadInput as error:
        raise Unusable(f"{path}: {error}") from None


def currency_of(money: Any, name: str = "currencyCode") -> str:
    return _text(_dict(money).get(name))


def _money(money: Any, path: str) -> tuple[str, int | None, str]:
    currency = currency_of(money)
    try:
        return currency, minor(money, currency, path, "currencyAmount", "currencyCode"), ""
    except BadInput as error:
        return currency, None, str(error)


def _breakdowns(raw: Any, currency: str, path: str, unknown: list[str], depth: int = 0) -> list[Breakdown]:
    if depth > _DEEPEST:
        raise Unusable(f"{path} goes deeper than {_DEEPEST} levels")
    made = []
    for number, each in enumerate(_list(raw, path)):
        here = f"{path}[{number}]"
        node = _object(each, here)
        unknown += unknown_fields(node, _BREAKDOWN, "breakdowns.")
        amount = minor(node.get("breakdownAmount"), currency, here, "currencyAmount", "currencyCode")
        parts = _breakdowns(node.get("breakdowns"), currency, f"{here}.breakdowns", unknown, depth + 1)
        made.append(Breakdown(_text(node.get("breakdownType")), amount or 0, tuple(parts)))
    return made


def _identifiers(raw: Any) -> tuple[tuple[str, str], ...]:
    pairs = (_dict(each) for each in many(raw))
    found = {(_text(p.get("relatedIdentifierName")), _text(p.get("relatedIdentifierValue"))) for p in pairs}
    return tuple(sorted(found))


def _of_settlement(raw: Raw, settlement_id: str) -> bool:
    named = {value for name, value in _identifiers(raw.get("relatedIdentifiers")) if name == "SETTLEMENT_ID"}
    return not named or settlement_id in named


def _context(raw: Raw, name: str) -> Any:
    """A field of one of the contexts; they name their kind by `contextType`, and only one kind has the field."""
    return next((c[name] for c in map(_dict, many(raw.get("contexts"))) if c.get(name) is not None), None)


def _any_currency(raw: Any) -> str:
    """The currency of the first amount there is, for a transaction that states no total."""
    found: list[str] = []
    _walk(raw, lambda each: found.append(_text(each.get("currencyCode"))) if "currencyAmount" in each else None)
    return next((code for code in found if code), "")


def _amounts_in(raw: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    def look(each: Raw) -> None:
        for amount, code in (("currencyAmount", "currencyCode"), ("CurrencyAmount", "CurrencyCode")):
            if each.get(amount) not in (None, 0):
                found.append((_text(each[amount])[:40], _text(each.get(code))[:3]))

    _walk(raw, look)
    if isinstance(raw, int | Decimal) and not isinstance(raw, bool) and raw:
        found.append((str(raw)[:40], ""))
    return found[:5]


def _walk(raw: Any, look: Callable[[Raw], object], depth: int = 0) -> None:
    if depth > _DEEPEST:
        return
    if isinstance(raw, dict):
        look(raw)
        for value in raw.values():
            _walk(value, look, depth + 1)
    elif isinstance(raw, list):
        for value in raw:
            _walk(value, look, depth + 1)


def _time(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _dict(value: Any) -> Raw:
    return value if isinstance(value, dict) else {}


def many(value: Any) -> list[Any]:
    """A list, or none where it is something else."""
    return value if isinstance(value, list) else []


def _object(value: Any, path: str) -> Raw:
    if not isinstance(value, dict):
        raise Unusable(f"{path} is no object: {_text(value)[:40]!r}")
    return value


def _list(value: Any, path: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unusable(f"{path} is no list: {_text(value)[:40]!r}")
    return value
