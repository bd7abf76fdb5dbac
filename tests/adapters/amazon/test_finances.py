"""Finances over real HTTP: windows, pages, and what Amazon does wrong with them."""

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from seller import Free

from adapters.amazon import finances as module
from adapters.amazon.client import AmazonClient
from adapters.amazon.finance_wire import decode, to_balances, to_group, to_summary, to_transaction
from adapters.amazon.finances import WINDOW, AmazonFinances
from adapters.simulated.amazon import stand_in
from adapters.simulated.clock import FastClock
from adapters.simulated.serving import loopback_socket, serving
from domain.errors import ConnectionLost, NotOffered, VendorError
from domain.transaction import Transaction

SPEED = 2_000.0


class Place:
    """A stand-in and a client's way to its finances."""

    def __init__(self, url: str, facts: dict[str, str], clock: FastClock) -> None:
        self.url, self.facts, self.clock = url, facts, clock
        self.since = datetime.fromisoformat(facts["since"]).replace(tzinfo=UTC)
        self.client = AmazonClient(
            "us", url, facts["token_url"], facts["client_id"], facts["client_secret"], facts["refresh_token"],
            Free(), clock.now, clock.speed,
        )  # fmt: skip

    @property
    def finances(self) -> AmazonFinances:
        return self.client.finances

    @property
    def settlements(self) -> list[Any]:
        return list(json.loads(self.facts["expected"])["settlements"])

    def fault(self, on: str, kind: str, times: int = 1) -> None:
        httpx.post(f"{self.url}/_simulated/faults", json=[{"on": on, "kind": kind, "times": times}]).raise_for_status()

    def quirks(self, *names: str) -> None:
        httpx.post(f"{self.url}/_simulated/quirks", json=names).raise_for_status()

    def calls(self, operation: str) -> int:
        calls = httpx.get(f"{self.url}/_simulated/calls").json()
        return int(calls.get(operation, {}).get("calls", 0))

    def transactions(self, since: datetime | None = None) -> dict[str, Transaction]:
        pages = self.finances.transactions(since or self.since)
        return {each.transaction_id: each for page in pages for each in page.transactions}


Serve = Callable[..., Place]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with contextlib.ExitStack() as stack:

        def served(**dials: Any) -> Place:
            clock = FastClock(SPEED)
            listener, url = loopback_socket()
            app, facts = stand_in(clock, url, **{"quotas": False, "orders": 150, **dials})
            stack.enter_context(serving(app, listener))
            place = Place(url, facts, clock)
            stack.callback(place.client.close)
            return place

        yield served


def test_every_transaction_is_believed_and_each_settlement_is_their_sum(serve: Serve) -> None:
    place = serve(troubles=("deferred_sales", "invoiced_account"))
    found = place.transactions()

    assert len(found) > 200
    assert not [each.problem for each in found.values() if each.problem]
    assert not [each.unknown for each in found.values() if each.unknown]
    for each in found.values():
        assert sum(leaf.amount for leaf in each.leaves) == each.total
        assert each.posted is not None
    for settlement in place.settlements:
        mine = [t for t in found.values() if t.related("SETTLEMENT_ID") == settlement["id"] and t.kind != "Transfer"]
        assert sum(t.total or 0 for t in mine) == round(Decimal(settlement["total"]) * 100)
    deferred = [each for each in found.values() if each.status == "DEFERRED"]
    assert {each.deferral for each in deferred} <= {"B2B", "DD7"}
    assert all(each.matures is not None and each.matures > place.clock.now() for each in deferred)
    assert all(each.deferred_id in found for each in found.values() if each.deferred_id)
    assert {each.level for each in found.values() if each.kind == "FBAInventoryReimbursement"} == {"transaction"}


def test_windows_are_no_longer_than_amazon_answers_and_leave_no_gap(serve: Serve, monkeypatch: Any) -> None:
    place = serve()
    asked: list[tuple[str, str]] = []
    get = place.client._get

    def recorded(operation: str, kind: Any, params: Any = (), path: str = "") -> Any:
        named = dict(params)
        if "nextToken" not in named:
            asked.append((named["postedAfter"], named["postedBefore"]))
        return get(operation, kind, params, path)

    monkeypatch.setattr(place.client, "_get", recorded)
    begin = place.since - timedelta(days=500)
    pages = list(place.finances.transactions(begin))

    moments = [(datetime.fromisoformat(after), datetime.fromisoformat(before)) for after, before in asked]
    assert len(moments) == 4
    assert moments[0][0] == begin
    assert all(before - after <= WINDOW for after, before in moments)
    assert all(left[1] == right[0] for left, right in zip(moments, moments[1:], strict=False))
    assert place.clock.now() - moments[-1][1] > timedelta(minutes=2)
    assert [page.complete_until for page in pages if page.complete_until] == [before for _, before in moments]
    assert {t.transaction_id for page in pages for t in page.transactions} == set(place.transactions())


@pytest.mark.parametrize("kind", ["500", "503", "429", "reset", "empty_page"])
@pytest.mark.parametrize("on", ["transactions", "groups"])
def test_a_bad_minute_loses_nothing(serve: Serve, on: str, kind: str) -> None:
    place = serve()
    undisturbed = place.transactions(), [g.group_id for page in place.finances.event_groups(place.since)
                                         for g in page.groups]  # fmt: skip
    place.fault(on, kind, 2)

    assert (
        place.transactions(),
        [g.group_id for page in place.finances.event_groups(place.since) for g in page.groups],
    ) == undisturbed


def test_windows_on_which_amazon_fails_are_halved(serve: Serve) -> None:
    place = serve(orders=40)
    whole = place.transactions()
    place.quirks("long_windows_fail")

    assert place.transactions() == whole


def test_pages_that_go_in_circles_end_in_smaller_windows(serve: Serve) -> None:
    place = serve(orders=400)
    whole = place.transactions()
    place.fault("transactions", "repeat_token", 2)

    assert place.transactions() == whole


def test_what_keeps_failing_in_a_window_of_a_day_is_an_error(serve: Serve, monkeypatch: Any) -> None:
    place = serve(orders=10)
    monkeypatch.setattr(module, "SHORTEST", timedelta(days=60))  # each try of a smaller one takes minutes of its time
    place.fault("transactions", "500", 1_000)

    with pytest.raises(VendorError, match="amazon answered listTransactions with 500"):
        place.transactions()


@pytest.mark.parametrize(
    ("quirk", "ask"),
    [
        ("no_finances", lambda finances, since: list(finances.transactions(since))),
        ("no_finances", lambda finances, since: list(finances.event_groups(since))),
        ("no_summary", lambda finances, since: finances.summary("1")),
        ("no_balances", lambda finances, since: finances.balances()),
        ("late", lambda finances, since: list(finances.payouts(since))),  # the US is no store of Transfers
    ],
)
def test_what_an_account_may_not_read_is_told_apart(serve: Serve, quirk: str, ask: Any) -> None:
    place = serve(orders=10, quirks=(quirk,))
    with pytest.raises(NotOffered, match="403"):
        ask(place.finances, place.since)


def test_a_consent_that_has_ended_is_no_missing_part(serve: Serve) -> None:
    place = serve(orders=10)
    httpx.post(f"{place.url}/_simulated/revoke").raise_for_status()
    with pytest.raises(ConnectionLost):
        place.finances.balances()


def by_kind(place: Place, kind: str) -> list[Transaction]:
    return [each for each in place.transactions().values() if each.kind == kind]


def test_amounts_are_taken_from_where_they_sum(serve: Serve) -> None:
    place = serve(orders=60)
    right = {each.transaction_id: each.total for each in by_kind(place, "Shipment")}
    for quirk, level in (("items_null", "transaction"), ("items_disagree", "transaction")):
        place.quirks(quirk)
        found = by_kind(place, "Shipment")
        assert {each.level for each in found} == {level}
        assert {each.transaction_id: sum(leaf.amount for leaf in each.leaves) for each in found} == right
    place.quirks("nothing_sums")
    for each in by_kind(place, "Shipment"):
        assert (each.level, each.total) == ("", right[each.transaction_id])
        assert "it states" in each.problem
        assert each.leaves  # kept all the same


def test_what_is_not_known_is_kept_and_named(serve: Serve) -> None:
    place = serve(orders=120)
    whole = {name: each.total for name, each in place.transactions().items()}
    for quirk, named, held in (
        ("unknown_type", "type:QuantumDispatch", False),
        ("unknown_status", "status:ON_HOLD", True),
        ("unknown_field", "field:surchargeAmount=-0.01 USD", False),
    ):
        place.quirks(quirk)
        found = place.transactions()
        assert {name: each.total for name, each in found.items()} == whole  # not a cent is lost
        strange = [each for each in found.values() if each.unknown]
        assert strange
        assert {name for each in strange for name in each.unknown} == {named}
        assert all(bool(each.problem) is held for each in strange)


def test_without_ids_identical_transactions_stay_two_and_keep_their_names(serve: Serve) -> None:
    place = serve(orders=60)
    whole = place.transactions()
    place.quirks("no_ids")
    first, second = place.transactions(), place.transactions()
    assert first.keys() == second.keys()
    assert len(first) == len(whole)
    assert sum(each.total or 0 for each in first.values()) == sum(each.total or 0 for each in whole.values())


def test_without_ids_and_dates_they_are_held(serve: Serve) -> None:
    place = serve(orders=60, quirks=("no_ids", "no_dates"))
    undated = [each for each in place.transactions().values() if each.posted is None]
    assert undated
    assert {each.problem for each in undated} == {"it has neither id nor date: whether it came before cannot be told"}


def test_groups_summaries_payouts_and_balances_say_what_the_settlements_do(serve: Serve) -> None:
    place = serve(troubles=("foreign_currency", "converted_payout"), quirks=("payouts",))
    totals = {each["id"]: (round(Decimal(each["total"]) * 100), each["currency"]) for each in place.settlements}
    groups = [group for page in place.finances.event_groups(place.since) for group in page.groups]
    closed = [group for group in groups if group.status == "Closed"]
    assert sorted((group.total, group.currency) for group in closed) == sorted(totals.values())
    (converted,) = [group for group in closed if group.currency == "CAD"]
    assert (converted.converted_currency, converted.transfer_status) == ("USD", "Succeeded")
    assert converted.converted_total is not None
    assert {group.status for group in groups} == {"Open", "Closed"}
    payouts = {p.settlement_id: p for page in place.finances.payouts(place.since) for p in page.payouts}
    for settlement_id, (total, currency) in totals.items():
        summary = place.finances.summary(settlement_id).summary
        assert summary is not None
        assert (summary.net, summary.currency, summary.account_type) == (total, currency, "Standard Orders")
        assert (payouts[settlement_id].amount, payouts[settlement_id].currency) == (total, currency)
    assert place.finances.summary("12345").summary is None
    answer = place.finances.balances()
    by_kind = {each.kind: each.amount for each in answer.balances if each.currency == "USD"}
    assert by_kind["TOTAL"] == by_kind["AVAILABLE"] + by_kind["RESERVED"]
    assert by_kind["RESERVED"] == by_kind["DEFERRED"] + by_kind["ACCOUNT_LEVEL_RESERVE"]


# --- what could be in an answer --------------------------------------------------------------------------------------


def money(amount: Any, currency: Any = "USD") -> Any:
    return {"currencyAmount": amount, "currencyCode": currency}


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ({"totalAmount": money(Decimal("1.005"))}, "totalAmount: 1.005 has more decimals than USD has"),
        ({"totalAmount": money(Decimal("1.00")), "breakdowns": [{"breakdownAmount": money(1, "EUR")}]},
         "breakdowns[0] is in EUR, expected USD"),
        ({"totalAmount": money(True)}, "totalAmount is no amount: 'True'"),
        ({"totalAmount": money(1, "XYZ")}, "totalAmount: 'XYZ' is not an ISO 4217 currency code"),
        ({"totalAmount": money(1), "breakdowns": "many"}, "breakdowns is no list: 'many'"),
        ({"totalAmount": money(1), "items": [7]}, "items[0] is no object: '7'"),
        ({"totalAmount": 7}, "totalAmount is no object: '7'"),
        ({"totalAmount": money(1, None)}, "totalAmount is in no currency, expected one"),
    ],
)  # fmt: skip
def test_amounts_that_nobody_can_read_hold_the_transaction(raw: Any, problem: str) -> None:
    found = to_transaction(
        {"transactionId": "t", "transactionType": "Shipment", "transactionStatus": "RELEASED", **raw}
    )
    assert found.problem.startswith(problem)
    assert found.transaction_id == "t"


def test_amounts_are_exact_whatever_a_float_would_make_of_them() -> None:
    raw = decode(b'{"totalAmount": {"currencyAmount": 8079154.07, "currencyCode": "USD"}}')
    assert to_transaction(raw).total == 807915407
    yen = decode(b'{"totalAmount": {"currencyAmount": 1200, "currencyCode": "JPY"}}')
    assert to_transaction(yen).total == 1200


@pytest.mark.parametrize("junk", [None, 7, "x", [], [None], [7], {}, {"a": [1]}, True])
def test_nothing_that_an_answer_may_hold_makes_it_crash(junk: Any) -> None:
    names = (
        *("sellingPartnerMetadata", "relatedIdentifiers", "transactionType", "transactionId", "transactionStatus"),
        *("description", "postedDate", "totalAmount", "marketplaceDetails", "items", "contexts", "breakdowns", "else"),
    )
    for name in names:
        to_transaction({"totalAmount": money(1), name: junk})
        to_transaction({"totalAmount": money(1), "items": [{name: junk}], "breakdowns": [{name: junk}]})
    for name in ("OriginalTotal", "ConvertedTotal", "FinancialEventGroupStart", "ProcessingStatus", "else"):
        to_group({name: junk})
    for name in ("netProceeds", "partnerMetadata", "relatedIdentifiers", "breakdowns"):
        to_summary("1", [{name: junk}])
    for name in ("amount", "balances", "partnerMetadata", "balanceType"):
        to_balances([{name: junk}, junk])


def test_an_unknown_amount_is_named_where_it_stands() -> None:
    found = to_transaction(
        {
            "transactionId": "t", "transactionType": "MoonFee", "transactionStatus": "RELEASED",
            "totalAmount": money(-5), "breakdowns": [{"breakdownType": "MoonDust", "breakdownAmount": money(-5)}],
            "lunar": {"deep": [money(Decimal("-3.50"))]},
        }
    )  # fmt: skip
    assert found.total == -500
    assert not found.problem
    assert set(found.unknown) == {"type:MoonFee", "breakdown:MoonDust", "field:lunar=-3.50 USD"}
    assert [(leaf.path, leaf.amount) for leaf in found.leaves] == [("MoonDust", -500)]
