"""Finances of the stand-in: as Amazon's models describe them, and the same money as its settlements, to the cent."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from models import MODELS, check, documented

from adapters.simulated.amazon import finances
from adapters.simulated.amazon.testing import Caller

TRANSACTIONS, GROUPS = "/finances/2024-06-19/transactions", "/finances/v0/financialEventGroups"
SUMMARY, BALANCES = "/finances/2024-06-19/summary", "/finances/2024-06-19/balances"
PAYOUTS = "/finances/transfers/2024-06-01/payouts"
MODEL, V0, TRANSFERS = "finances_2024-06-19.json", "financesV0.json", "transfers_2024-06-01.json"
WORLDS = [(), ("deferred_sales",), ("invoiced_account", "deferred_sales"), ("foreign_currency", "converted_payout"),
          ("negative_settlement", "unmapped_line", "tax_not_withheld")]  # fmt: skip
modelled = pytest.mark.skipif(not MODELS.is_dir(), reason=f"Amazon's models are not at {MODELS}")


def cents(money: Any) -> int:
    amount = money.get("currencyAmount", money.get("CurrencyAmount"))
    return round(amount * 100)


def listed(caller: Caller, **asked: Any) -> list[Any]:
    found: list[Any] = []
    token: dict[str, Any] = {}
    while True:
        answer = caller.get(TRANSACTIONS, {"postedAfter": caller.facts["since"], **asked, **token})
        assert answer.status_code == 200, answer.text
        payload = answer.json()["payload"]
        found += payload["transactions"]
        if "nextToken" not in payload:
            return found
        token = {"nextToken": payload["nextToken"]}


def related(transaction: Any, name: str) -> str:
    pairs = transaction["relatedIdentifiers"]
    return next((p["relatedIdentifierValue"] for p in pairs if p["relatedIdentifierName"] == name), "")


def groups(caller: Caller) -> list[Any]:
    answer = caller.get(GROUPS, {"MaxResultsPerPage": 100}).json()
    return list(answer["payload"]["FinancialEventGroupList"])


@modelled
@pytest.mark.parametrize("troubles", WORLDS)
def test_answers_are_valid_by_the_models(troubles: tuple[str, ...]) -> None:
    caller = Caller(orders=60, troubles=troubles, quirks=("payouts",))
    asked = {"postedAfter": caller.facts["since"]}
    check(caller.get(TRANSACTIONS, asked).json(), MODEL, "ListTransactionsResponse")
    check(caller.get(GROUPS, {"MaxResultsPerPage": 2}).json(), V0, "ListFinancialEventGroupsResponse")
    check(caller.get(BALANCES).json(), MODEL, "ListBalancesResponse")
    check(caller.get(PAYOUTS).json(), TRANSFERS, "ListPayoutsResponse")
    settlement = caller.http.get("/_simulated/expected").json()["settlements"][0]["id"]
    of = {"relatedIdentifierName": "SETTLEMENT_ID", "relatedIdentifierValue": settlement}
    check(caller.get(SUMMARY, of).json(), MODEL, "SummaryResponse")
    for refused in (caller.get(TRANSACTIONS), caller.get(SUMMARY), caller.get(PAYOUTS, {"createdAfter": "soon"})):
        assert refused.status_code == 400
        check(refused.json(), MODEL, "ErrorList")


@modelled
def test_parameters_are_those_of_the_models() -> None:
    assert documented(MODEL, TRANSACTIONS) == set(finances.TRANSACTION_PARAMETERS)
    assert documented(MODEL, SUMMARY) == set(finances.SUMMARY_PARAMETERS)
    assert documented(MODEL, BALANCES) == set(finances.BALANCE_PARAMETERS)
    assert documented(V0, GROUPS) == set(finances.GROUP_PARAMETERS)
    assert documented(TRANSFERS, PAYOUTS) == set(finances.PAYOUT_PARAMETERS)


@pytest.mark.parametrize("troubles", WORLDS)
@pytest.mark.parametrize("seed", range(3))
def test_transactions_groups_payouts_and_summaries_are_the_settlements_money(
    seed: int, troubles: tuple[str, ...]
) -> None:
    caller = Caller(seed=seed, orders=80, troubles=troubles, quirks=("payouts",))
    sums: Counter[str] = Counter()
    for transaction in listed(caller):
        if transaction["transactionType"] != "Transfer":
            sums[related(transaction, "SETTLEMENT_ID")] += cents(transaction["totalAmount"])
    closed = [group for group in groups(caller) if group["ProcessingStatus"] == "Closed"]
    payouts = {payout["id"]: payout for payout in caller.get(PAYOUTS).json()["payouts"]}
    settlements = caller.http.get("/_simulated/expected").json()["settlements"]

    assert len(closed) == len(settlements) == len(payouts)
    for settlement in settlements:
        total = round(float(settlement["total"]) * 100)
        assert sums[settlement["id"]] == total
        assert [cents(g["OriginalTotal"]) for g in closed if cents(g["OriginalTotal"]) == total]
        of = {"relatedIdentifierName": "SETTLEMENT_ID", "relatedIdentifierValue": settlement["id"]}
        (summary,) = caller.get(SUMMARY, of).json()["summaries"]
        assert cents(summary["netProceeds"]) == total
        assert ("amount" in payouts[settlement["id"]]) == (total > 0)


def test_a_deferred_sale_is_told_twice_and_linked() -> None:
    caller = Caller(orders=80, troubles=("deferred_sales",))
    found = {transaction["transactionId"]: transaction for transaction in listed(caller)}
    statuses = Counter(transaction["transactionStatus"] for transaction in found.values())
    assert statuses["DEFERRED"] > 0
    assert statuses["DEFERRED_RELEASED"] > 0
    for transaction in found.values():
        if transaction["transactionStatus"] == "DEFERRED_RELEASED":
            release = found[related(transaction, "RELEASE_TRANSACTION_ID")]
            assert related(release, "DEFERRED_TRANSACTION_ID") == transaction["transactionId"]
            assert (release["transactionStatus"], release["totalAmount"]) == ("RELEASED", transaction["totalAmount"])
            assert release["postedDate"] > transaction["postedDate"]
    deferred = sum(cents(t["totalAmount"]) for t in found.values() if t["transactionStatus"] == "DEFERRED")
    total = caller.get(BALANCES).json()["balances"][0]
    assert cents(total["balances"][1]["balances"][0]["amount"]) == deferred


def test_the_bank_amount_of_a_converted_payout_is_told_by_its_group_alone() -> None:
    caller = Caller(orders=80, troubles=("foreign_currency", "converted_payout"))
    (canadian,) = [
        group
        for group in groups(caller)
        if group["OriginalTotal"]["CurrencyCode"] == "CAD" and group["ProcessingStatus"] == "Closed"
    ]
    assert canadian["ConvertedTotal"]["CurrencyCode"] == "USD"
    assert 0 < cents(canadian["ConvertedTotal"]) < cents(canadian["OriginalTotal"])


def test_filters_and_windows_are_amazons() -> None:
    caller = Caller(orders=60)
    everything = listed(caller)
    assert listed(caller, marketplaceId=caller.facts["marketplace_id"]) != everything  # merchants' own are left out
    far = (datetime.fromisoformat(caller.facts["since"]) - timedelta(days=200)).date().isoformat()
    assert listed(caller, postedAfter=far) == []  # more than 180 days apart: empty, not refused
    order_id = next(related(t, "ORDER_ID") for t in everything if related(t, "ORDER_ID"))
    of_order = listed(caller, relatedIdentifierName="ORDER_ID", relatedIdentifierValue=order_id)
    assert of_order
    assert {related(t, "ORDER_ID") for t in of_order} == {order_id}
    soon = caller.clock.now().astimezone(UTC) - timedelta(minutes=1)
    for refused in (
        {"postedAfter": soon.isoformat()},
        {"postedAfter": caller.facts["since"], "postedBefore": soon.isoformat()},
        {"relatedIdentifierName": "SETTLEMENT_ID", "relatedIdentifierValue": "1"},
        {"postedAfter": caller.facts["since"], "transactionStatus": "LOST"},
    ):
        assert caller.get(TRANSACTIONS, refused).status_code == 400


def test_what_is_not_open_is_refused() -> None:
    caller = Caller(orders=10, quirks=("no_summary", "no_balances"))
    assert caller.get(PAYOUTS).status_code == 403  # the US is none of the documented stores
    assert caller.get(BALANCES).status_code == 403
    with pytest.raises(ValueError, match="no such quirk"):
        Caller(quirks=("nonsense",))
