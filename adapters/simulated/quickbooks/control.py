"""`/_simulated/…`: what a test, a person or the demo may look at and order, without a token and outside all quotas."""

from collections import Counter
from typing import Any

from litestar import MediaType, Response, get, post

from adapters.simulated.quickbooks.company import HOME, TRANSACTIONS
from adapters.simulated.quickbooks.vocabulary import CLASSIFICATION
from adapters.simulated.quickbooks.web import Http, StandIn
from adapters.simulated.quickbooks.wire import Body, printed

_SECTIONS = ("Asset", "Liability", "Equity", "Revenue", "Expense")


def routes(stand_in: StandIn) -> list[Any]:
    company = stand_in.company

    @get("/_simulated/trial-balance")
    async def trial_balance(request: Http) -> Response[Any]:
        balance = trial(stand_in)
        if request.query_params.get("format") == "text":
            return Response(_table(balance), media_type=MediaType.TEXT)
        return Response(balance)

    @get("/_simulated/ledger")
    async def ledger(request: Http) -> Response[Any]:
        account = request.query_params.get("account", "")
        owner = company.name_owner("Account", account)
        if owner is None:
            return Response({"error": f"no account named {account!r}"}, status_code=404)
        lines = [
            {
                "entry": entry.number,
                "date": entry.date.isoformat(),
                "document": entry.document.kind,
                "id": entry.document.id,
                "cause": entry.cause,
                "amount": printed(leg.amount),
                "currency": entry.currency,
                "home": printed(leg.home),
                "memo": leg.memo,
            }
            for entry, leg in company.ledger.lines(owner[1])
        ]
        return Response({"account": account, "lines": lines, "balance": printed(company.ledger.home(owner[1]))})

    @get("/_simulated/documents")
    async def documents() -> Body:
        counts = {entity: len(company.transactions[entity]) for entity in TRANSACTIONS}
        counts |= {entity: len(records) for entity, records in company.records.items()}
        return counts

    @get("/_simulated/calls")
    async def calls() -> Body:
        return {
            "calls": dict(stand_in.calls),
            "batch_items": dict(stand_in.items),
            "throttled": stand_in.throttled,
            "replayed": stand_in.replays.replayed,
        }

    @get("/_simulated/misuse")
    async def misuse() -> list[dict[str, str | None]]:
        return stand_in.replays.misuse

    @get("/_simulated/faults")
    async def pending() -> list[dict[str, Any]]:
        return stand_in.mischief.pending()

    @post("/_simulated/faults", status_code=200)
    async def faults(request: Http) -> Response[Any]:
        ordered = await request.json()
        try:
            if not isinstance(ordered, list):
                raise ValueError("a list of faults is needed")
            if not ordered:
                stand_in.mischief.clear()
            stand_in.mischief.order(ordered)
        except ValueError as error:
            return Response({"error": str(error)}, status_code=400)
        return Response(stand_in.mischief.pending())

    @post("/_simulated/dials", status_code=200)
    async def dials(request: Http) -> Response[Any]:
        try:
            for name, value in (await request.json()).items():
                stand_in.dials.turn(name, value)
        except KeyError as error:
            return Response({"error": f"no dial named {error}"}, status_code=400)
        names = type(stand_in.dials).__dataclass_fields__
        return Response({name: str(getattr(stand_in.dials, name)) for name in names})

    @post("/_simulated/match", status_code=200)
    async def match(request: Http) -> Response[Any]:
        """A person matches documents with lines of the bank's feed: `[{"entity": "Deposit", "id": "7"}]`."""
        for one in await request.json():
            found = company.transactions.get(one["entity"], {}).get(str(one["id"]))
            if found is None:
                return Response({"error": f"no {one['entity']} {one['id']}"}, status_code=404)
            found.matched = True
        return Response({})

    return [trial_balance, ledger, documents, calls, misuse, pending, faults, dials, match]


def trial(stand_in: StandIn) -> Body:
    """Every account that was ever used, its balance in home currency (debits positive), and totals that must be 0."""
    company, accounts = stand_in.company, []
    by_currency: Counter[str] = Counter()
    total = 0
    for identity, record in company.records["Account"].items():
        balances = company.ledger.balances.get(identity, {})
        home = sum(balance.home for balance in balances.values())
        total += home
        for currency, balance in balances.items():
            by_currency[currency] += balance.amount
        kind = record.fields["AccountType"]
        accounts.append(
            {
                "id": identity,
                "name": record.fields["FullyQualifiedName"],
                "type": kind,
                "classification": CLASSIFICATION[kind],
                "balance": printed(home),
                "by_currency": {currency: printed(balance.amount) for currency, balance in balances.items()},
            }
        )
    return {
        "currency": HOME,
        "accounts": accounts,
        "total": printed(total),
        "total_by_currency": {currency: printed(amount) for currency, amount in by_currency.items()},
        "entries": len(company.ledger.entries),
    }


def _table(balance: Body) -> str:
    """For a person: debit and credit columns by section, accounts at zero left out."""
    rows = [f"{'Trial balance, ' + balance['currency']:<46}{'Debit':>16}{'Credit':>16}"]
    for section in _SECTIONS:
        shown = [row for row in balance["accounts"] if row["classification"] == section and row["balance"] != "0.00"]
        if shown:
            rows.append(section)
        for row in shown:
            amount = row["balance"]
            credit = amount.startswith("-")
            debit_text, credit_text = ("", amount[1:]) if credit else (amount, "")
            rows.append(f"  {row['name'][:43]:<44}{debit_text:>16}{credit_text:>16}")
    rows.append(f"{'Total (must be 0.00)':<46}{balance['total']:>16}")
    return "\n".join(rows) + "\n"
