"""What becomes an alert, and how many: one trouble is told once, however many orders wait for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from application.alerts import changes, wanted_alerts
from application.ports import StandingAlert
from domain.flow import ConnectionLost

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)


class Reports:
    """The read models as the decision sees them."""

    def __init__(self, **rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def query(self, name: str, flow: str, **filters: Any) -> list[dict[str, Any]]:
        return self._rows.get(name, [])


def alerts(lost: dict[str, ConnectionLost] | None = None, **rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {alert.key: alert for alert in wanted_alerts("us", Reports(**rows), lost or {}, AT)}  # type: ignore[arg-type]


def held(key: str, code: str, amount: int = 100, waits_for: str = "", settlement: str = "", **more: Any) -> Any:
    return {
        "kind": "deposit" if settlement else "invoice", "key": key, "code": code, "text": f"{code} of {key}",
        "amount": amount, "currency": "USD", "waits_for": waits_for, "since": f"2026-11-24T08:00:{len(key):02}",
        "order_id": "" if settlement else key, "settlement_id": settlement, "status": "held", **more,
    }  # fmt: skip


def settlement(status: str = "posted", **more: Any) -> Any:
    return {
        "settlement_id": "S1", "status": status, "total": 1738, "currency": "USD", "difference": None, "reasons": [],
        **more,
    }  # fmt: skip


def cycle(status: str, minutes: int, **more: Any) -> Any:
    at = AT + timedelta(minutes=minutes)
    ended = None if status == "running" else (at + timedelta(seconds=9)).isoformat()
    return {"started": at.isoformat(), "finished": ended, "status": status, "error": "", "counts": {}, **more}


def lost(vendor: str = "amazon") -> dict[str, ConnectionLost]:
    return {vendor: ConnectionLost(flow="us", at=AT, by="cycle:1", vendor=vendor, reason="invalid_grant")}


def test_nothing_is_wrong_with_a_flow_that_ties() -> None:
    assert alerts(cycles=[cycle("finished", 0)], settlements=[settlement(difference=0)]) == {}


def test_a_settlement_that_waits_for_500_orders_is_one_alert() -> None:
    reasons = [held("S1", "order_not_seen", waits_for=f"order:{number}", settlement="S1") for number in range(500)]
    texts = [f"order {number} was never seen" for number in range(500)]

    found = alerts(held=reasons, settlements=[settlement("held", reasons=texts)])

    assert list(found) == ["settlement/S1"]
    alert = found["settlement/S1"]
    assert (alert.object, alert.problem, alert.money) == ("settlement S1", "is held", {"USD": 1738})
    assert alert.cause.endswith("and 497 more reasons")
    assert "when Amazon shows the order" in alert.what_to_do
    assert alert.path == "/flows/us/settlements/S1"


def test_orders_are_counted_and_summed_by_what_they_wait_for() -> None:
    gap = "item:SHIPPING"
    rows = [held(f"A{number}", "unmapped", 250, gap) for number in range(300)]
    rows += [held("A1", "unmapped", 50, gap), held("B", "unmapped", 7, "account:OTHFEE"), held("C", "proceeds_unclear")]
    gaps = [{"missing_key": gap}, {"missing_key": "account:OTHFEE"}]

    found = alerts(held=rows, gaps=gaps)

    assert sorted(found) == ["orders/proceeds_unclear", "orders/unmapped/account:OTHFEE", f"orders/unmapped/{gap}"]
    assert found[f"orders/unmapped/{gap}"].money == {"USD": 300 * 250}
    assert found[f"orders/unmapped/{gap}"].object == "300 orders, A0 the first,"
    assert found["orders/proceeds_unclear"].object == "order C"
    assert "mapping set us" in found["orders/unmapped/account:OTHFEE"].what_to_do


def test_what_does_not_add_up_is_said_so() -> None:
    disputed = alerts(settlements=[settlement("disputed", reasons=["states 17.39, lines make 17.38"])])
    assert disputed["settlement/S1"].problem == "does not add up"

    differs = alerts(settlements=[settlement(difference=-3)])
    assert differs["settlement/S1"].money == {"USD": -3}

    attention = alerts(settlements=[settlement()], held=[held("S1", "posted_otherwise", settlement="S1")])
    assert attention["settlement/S1"].problem == "needs a person's attention"


def test_only_the_cycle_that_ended_last_counts() -> None:
    failed, finished, running = cycle("failed", 1, error="Amazon is away"), cycle("finished", 2), cycle("running", 3)
    assert alerts(cycles=[running, finished, failed]) == {}
    assert alerts(cycles=[running, failed, cycle("finished", 0)])["cycle"].cause == "Amazon is away"


def test_a_lost_connection_is_one_alert_and_ends_when_a_cycle_gets_through() -> None:
    failed = cycle("failed", 0, error="invalid_grant")
    assert list(alerts(lost(), cycles=[failed])) == ["connection/amazon"]

    without_amazon = cycle("finished", 5, counts={"invoices_posted": 1})
    assert "connection/amazon" in alerts(lost(), cycles=[without_amazon, failed])
    assert alerts(lost(), cycles=[cycle("finished", 9, counts={"settlements_new": 0}), failed]) == {}

    idle = cycle("finished", 5, counts={"settlements_new": 0})
    assert "connection/quickbooks" in alerts(lost("quickbooks"), cycles=[idle, failed])
    assert alerts(lost("quickbooks"), cycles=[without_amazon, failed]) == {}


def test_what_stands_is_not_raised_again_and_what_is_gone_is_cleared() -> None:
    def decide(wanted: list[Any], standing: list[StandingAlert], raised: int = 0) -> Any:
        return changes("us", wanted, standing, lambda key: raised, ["office"], AT, "https://books.example.com")

    one = held("A1", "unmapped", 5, "item:X")
    (alert,) = alerts(held=[one]).values()
    begun = decide([alert], [])
    ((channel, notice),) = begun.notices
    assert (channel, notice.kind, notice.id) == ("office", "raised", f"{begun.raised[0].id}-raised")
    assert notice.link == "https://books.example.com/flows/us/orders/A1"

    (grown,) = alerts(held=[one, held("A2", "unmapped", 5)]).values()
    goes_on = decide([grown], list(begun.raised))
    assert (goes_on.raised, goes_on.cleared) == ([], [])
    assert [stands.id for stands in goes_on.changed] == [begun.raised[0].id]
    assert grown.path == "/flows/us/held?code=unmapped"
    assert {notice.id for _, notice in goes_on.notices} == {notice.id}

    over = decide([], list(begun.raised))
    assert [one.cleared for one in over.cleared] == [AT]
    assert [notice.kind for _, notice in over.notices] == ["cleared"]

    again = decide([alert], [], raised=1)
    assert again.raised[0].id != begun.raised[0].id
    assert decide([alert], [], raised=1).raised[0].id == again.raised[0].id
