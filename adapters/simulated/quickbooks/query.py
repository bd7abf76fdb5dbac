"""The query language: a small subset of SQL over one entity, as documented.

`SELECT * | count(*) FROM Entity [WHERE a = 'x' AND b IN ('y','z')] [ORDERBY c DESC] [STARTPOSITION n] [MAXRESULTS n]`.
No OR, no projections; only the documented members can be filtered, and inactive names are hidden unless asked for.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, NamedTuple

from adapters.simulated.quickbooks import settings
from adapters.simulated.quickbooks.books import entity_called, render
from adapters.simulated.quickbooks.company import LISTS, Company, Record, Txn
from adapters.simulated.quickbooks.refusals import Refused
from adapters.simulated.quickbooks.vocabulary import CLASSIFICATION
from adapters.simulated.quickbooks.wire import Body

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<op><=|>=|=|<|>)|(?P<word>[A-Za-z_][\w.]*|\d+|\*)|(?P<mark>[(),]))"
)
_COMMON = {"Id", "MetaData.CreateTime", "MetaData.LastUpdatedTime"}
_SALE = _COMMON | {"DocNumber", "CustomerRef", "TxnDate", "TotalAmt", "Balance"}
FILTERABLE: dict[str, set[str]] = {
    "Account": _COMMON | {"Name", "FullyQualifiedName", "AccountType", "AccountSubType", "Classification", "Active"},
    "Item": _COMMON | {"Name", "FullyQualifiedName", "Sku", "Type", "Active"},
    "Customer": _COMMON | {"DisplayName", "FullyQualifiedName", "CompanyName", "GivenName", "FamilyName", "Active"},
    "Vendor": _COMMON | {"DisplayName", "CompanyName", "Active"},
    "Invoice": _SALE | {"DueDate"},
    "CreditMemo": _SALE,
    "SalesReceipt": _SALE,
    "RefundReceipt": _SALE,
    "Payment": _COMMON | {"TotalAmt", "CustomerRef", "TxnDate", "PaymentMethodRef", "PaymentRefNum"},
    "Deposit": _COMMON | {"TxnDate", "TotalAmt"},
    "JournalEntry": _COMMON | {"DocNumber", "TxnDate"},
    "Purchase": _COMMON | {"DocNumber", "TxnDate", "TotalAmt", "PaymentType"},
}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<": lambda a, b: bool(a < b),
    ">": lambda a, b: bool(a > b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
}


class Condition(NamedTuple):
    member: str
    operator: str
    values: tuple[str, ...]


class Query(NamedTuple):
    entity: str
    counts: bool
    conditions: tuple[Condition, ...]
    order: tuple[tuple[str, bool], ...]
    start: int
    limit: int


def run(company: Company, text: str) -> Body:
    """The QueryResponse object; empty when nothing matched."""
    query = parse(text)
    if query.entity in ("CompanyInfo", "Preferences"):
        show = settings.company_info if query.entity == "CompanyInfo" else settings.preferences
        return {query.entity: [show(company)], "startPosition": 1, "maxResults": 1}
    tests = [_test(condition) for condition in query.conditions]
    names_given = any(condition.member == "Active" for condition in query.conditions)
    found = [
        record
        for record in _candidates(company, query)
        if (names_given or query.entity not in LISTS or record.active) and all(test(record) for test in tests)
    ]
    if query.counts:
        return {"totalCount": len(found)}
    for member, descending in reversed(query.order or (("Id", False),)):
        found.sort(key=partial(_sort_key, member), reverse=descending)
    page = found[query.start - 1 : query.start - 1 + query.limit]
    if not page:
        return {}
    return {
        query.entity: [render(company, record) for record in page],
        "startPosition": query.start,
        "maxResults": len(page),
    }


def parse(text: str) -> Query:
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []
        position = 0
        text = text.rstrip().rstrip(";").rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise Refused.query_syntax(f"Lexical error at line 1, column {position + 1}.")
            kind = str(match.lastgroup)
            self._tokens.append((kind, match.group(kind), match.start(kind) + 1))
            position = match.end()
        self._next = 0

    def query(self) -> Query:
        self._keyword("select")
        count = self._word("*", "count") == "count"
        if count:
            for mark in ("(", "*", ")"):
                self._exactly(mark)
        self._keyword("from")
        name = self._take("word")
        entity = entity_called(name)
        if entity is None:
            raise Refused.query_meaning(f"invalid context declaration: {name}")
        conditions: list[Condition] = []
        if self._accept("where"):
            conditions.append(self._condition(entity))
            while self._accept("and"):
                conditions.append(self._condition(entity))
        order: list[tuple[str, bool]] = []
        if self._accept("orderby") or (self._accept("order") and self._keyword("by")):
            while True:
                member = self._member(entity)
                descending = self._accept("desc") or (self._accept("asc") and False)
                order.append((member, descending))
                if not self._accept(","):
                    break
        start = self._count("startposition", 1)
        limit = self._count("maxresults", 100)
        if start == 1:
            start = self._count("startposition", 1)
        if self._next < len(self._tokens):
            raise self._unexpected()
        if limit > 1000:
            raise Refused.query_meaning(f"maxresults {limit} is more than 1000")
        return Query(entity, count, tuple(conditions), tuple(order), max(start, 1), limit)

    def _condition(self, entity: str) -> Condition:
        member = self._member(entity)
        if self._accept("in"):
            self._exactly("(")
            values = [self._value(member)]
            while self._accept(","):
                values.append(self._value(member))
            self._exactly(")")
            return Condition(member, "in", tuple(values))
        if self._accept("like"):
            if member == "Id":
                raise Refused.query_meaning("operator LIKE is not supported for property Id")
            return Condition(member, "like", (self._value(member),))
        operator = self._take("op")
        if member == "Id" and operator != "=":
            raise Refused.query_meaning(f"operator {operator} is not supported for property Id")
        return Condition(member, operator, (self._value(member),))

    def _member(self, entity: str) -> str:
        name = self._take("word")
        for member in FILTERABLE.get(entity, set()):
            if member.lower() == name.lower():
                return member
        raise Refused.query_meaning(f"Property {name} not found for Entity {entity}, or not queryable")

    def _value(self, member: str) -> str:
        kind, token, _ = self._peek()
        if kind == "text":
            self._next += 1
            return re.sub(r"\\(.)", r"\1", token[1:-1])
        if kind == "word" and member == "Active" and token.lower() in ("true", "false"):
            self._next += 1
            return token.lower()
        if kind == "word":
            raise Refused.query_meaning(f"value {token} must be in single quotes")
        raise self._unexpected()

    def _count(self, word: str, default: int) -> int:
        if not self._accept(word):
            return default
        token = self._take("word")
        if not token.isdigit() or int(token) < 1:
            raise Refused.query_syntax(f'Encountered "{token}" where a positive number is needed')
        return int(token)

    def _peek(self) -> tuple[str, str, int]:
        if self._next >= len(self._tokens):
            raise Refused.query_syntax('Encountered "<EOF>"')
        return self._tokens[self._next]

    def _take(self, kind: str) -> str:
        found, token, _ = self._peek()
        if found != kind:
            raise self._unexpected()
        self._next += 1
        return token

    def _accept(self, word: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next][1].lower() == word:
            self._next += 1
            return True
        return False

    def _keyword(self, word: str) -> bool:
        if not self._accept(word):
            raise self._unexpected()
        return True

    def _word(self, *words: str) -> str:
        for word in words:
            if self._accept(word):
                return word
        raise self._unexpected()

    def _exactly(self, mark: str) -> None:
        self._keyword(mark)

    def _unexpected(self) -> Refused:
        if self._next >= len(self._tokens):
            return Refused.query_syntax('Encountered "<EOF>"')
        _, token, column = self._tokens[self._next]
        return Refused.query_syntax(f'Encountered " {token} " at line 1, column {column}.')


def _candidates(company: Company, query: Query) -> Iterable[Record]:
    """By index where an id or a document number is given, else all."""
    table: dict[str, Any] = (company.records if query.entity in LISTS else company.transactions)[query.entity]
    for condition in query.conditions:
        if condition.operator in ("=", "in"):
            if condition.member == "Id":
                return [table[identity] for identity in dict.fromkeys(condition.values) if identity in table]
            if condition.member == "DocNumber":
                ids = (identity for value in condition.values for identity in company.numbered(query.entity, value))
                return [table[identity] for identity in dict.fromkeys(ids)]
    return list(table.values())


def _test(condition: Condition) -> Callable[[Record], bool]:
    member = condition.member
    if condition.operator == "like":
        pattern = ".*".join(re.escape(part) for part in condition.values[0].split("%"))
        like = re.compile(pattern, re.IGNORECASE | re.DOTALL)
        return lambda record: like.fullmatch(str(_value(record, member) or "")) is not None
    wanted = [_literal(member, value) for value in condition.values]
    if condition.operator == "in":
        return lambda record: _comparable(record, member) in wanted
    compare = _COMPARE[condition.operator]

    def test(record: Record) -> bool:
        actual = _comparable(record, member)
        return actual is not None and compare(actual, wanted[0])

    return test


def _literal(member: str, text: str) -> Any:
    if member.startswith("MetaData."):
        try:
            moment = dt.datetime.fromisoformat(text.replace(" ", "+"))  # an offset's `+` that was not URL-encoded
        except ValueError:
            raise Refused.query_meaning(f"value {text} is not a date and time") from None
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    if member in ("TxnDate", "DueDate"):
        try:
            return dt.date.fromisoformat(text[:10]).isoformat()
        except ValueError:
            raise Refused.query_meaning(f"value {text} is not a date") from None
    if member in ("TotalAmt", "Balance"):
        try:
            return Decimal(text) * 100
        except InvalidOperation:
            raise Refused.query_meaning(f"value {text} is not a number") from None
    if member == "Active":
        return text == "true"
    return text.casefold()


def _comparable(record: Record, member: str) -> Any:
    value = _value(record, member)
    return value.casefold() if isinstance(value, str) and member not in ("TxnDate", "DueDate") else value


def _value(record: Record, member: str) -> Any:
    """The member as it compares: moments, dates as text, amounts in cents, ids of references."""
    if member == "Id":
        return record.id
    if member == "MetaData.CreateTime":
        return record.created.replace(microsecond=0)  # the answer shows whole seconds, so it compares by them
    if member == "MetaData.LastUpdatedTime":
        return record.updated.replace(microsecond=0)
    if member == "Active":
        return record.active
    if member == "Classification":
        return CLASSIFICATION[record.fields["AccountType"]]
    if isinstance(record, Txn):
        if member == "DocNumber":
            return record.number
        if member == "TxnDate":
            return record.date.isoformat()
        if member == "TotalAmt":
            return record.total
        if member == "Balance":
            return record.balance
    value = record.fields.get(member)
    return str(value["value"]) if isinstance(value, dict) else value


def _sort_key(member: str, record: Record) -> tuple[bool, Any]:
    value = int(record.id) if member == "Id" else _comparable(record, member)
    return (value is not None, value if value is not None else 0)
