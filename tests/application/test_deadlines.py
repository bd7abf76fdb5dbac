"""What ends on a known day is told in time, once a stage; what stops every flow is the operator's, and told as that."""

from datetime import UTC, date, datetime, timedelta

import pytest

from application.deadlines import Refusal, consent_ends, deadline_alerts, without_consequences
from domain.alert import Alert
from domain.flow import AmazonConnected, ConnectionLost, Flow, evolve

GIVEN = datetime(2026, 1, 10, 9, tzinfo=UTC)
LAST = date(2027, 1, 10)


def flow(seller: str = "A2SELLER", lost: bool = False) -> Flow:
    state = evolve(Flow(name="us"), AmazonConnected(flow="us", at=GIVEN, by="t", seller=seller))
    if lost:
        state = evolve(state, ConnectionLost(flow="us", at=GIVEN, by="t", vendor="amazon", reason="invalid_grant"))
    return state


def keys(state: Flow, today: date, ends: date | None = None, refusals: tuple[Refusal, ...] = ()) -> list[str]:
    return [alert.key for alert in deadline_alerts(state, ends, refusals, today)]


@pytest.mark.parametrize(
    ("days_before", "stages"), [(31, []), (30, [30]), (15, [30]), (14, [30, 14]), (3, [30, 14, 3]), (-9, [30, 14, 3])]
)
def test_a_consent_and_a_secret_are_counted_down(days_before: int, stages: list[int]) -> None:
    today = LAST - timedelta(days=days_before)

    assert keys(flow(), today) == [f"consent/amazon/{stage}" for stage in stages]
    assert keys(flow(seller=""), today, ends=LAST) == [f"application/amazon/secret/{stage}" for stage in stages]


def test_an_alert_says_the_same_all_the_time_so_that_it_is_told_once() -> None:
    """A day's count in its words would change it, and change what stands, every day."""
    first, later = (deadline_alerts(flow(), None, (), LAST - timedelta(days=days))[0] for days in (30, 20))
    assert first == later
    assert "2027-01-10" in first.problem
    over = deadline_alerts(flow(), None, (), LAST + timedelta(days=1))[0]
    assert over.problem == "has ended on 2027-01-10"


def test_a_consent_that_is_renewed_counts_anew() -> None:
    again = evolve(flow(), AmazonConnected(flow="us", at=GIVEN + timedelta(days=360), by="t", seller="A2SELLER"))

    assert keys(again, LAST) == []
    assert consent_ends(again) == (GIVEN + timedelta(days=725)).date()


def test_a_token_that_was_handed_in_has_no_day_and_a_lost_consent_is_told_otherwise() -> None:
    assert consent_ends(flow(seller="")) is None
    assert keys(flow(lost=True), LAST) == []


def test_a_refused_application_is_one_trouble_and_no_sellers() -> None:
    refusal = Refusal("amazon", GIVEN, "invalid_client: refused")
    (alert,) = deadline_alerts(flow(seller=""), None, [refusal], GIVEN.date())
    cycle = Alert("cycle", "the last cycle", "failed", "invalid_client", "wait", "/flows/us")
    other = Alert("settlement/S1", "settlement S1", "is held", "", "", "/")

    assert alert.key == "application/amazon"
    assert "no seller has to connect again" in alert.what_to_do
    assert without_consequences([cycle, other, alert]) == [other, alert]
    assert without_consequences([cycle, other]) == [cycle, other]
