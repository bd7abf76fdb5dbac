"""The meter, as the API and the page show it: what the stand-in itself counted."""

from datetime import UTC, datetime

from api import Api


def test_the_meter_agrees_with_what_amazon_was_asked(api: Api) -> None:
    counted = {name: each["calls"] for name, each in api.shop.control("amazon", "calls").items()}
    today = datetime.now(UTC).date().isoformat()

    told = api.get("/flows/us/calls")

    assert told["flow"] == "us"
    amazon = {row["operation"]: row["calls"] for row in told["calls"] if row["vendor"] == "amazon"}
    assert amazon.keys() == counted.keys()
    # One that met an ended token is sent again with a new one, and counts as one call of ours.
    assert all(0 <= counted[name] - calls <= 1 for name, calls in amazon.items()), (amazon, counted)
    assert {row["day"] for row in told["calls"]} <= {today}  # a shop that trades over midnight is rare
    assert {row["vendor"] for row in told["calls"]} == {"amazon", "quickbooks"}


def test_a_flow_that_is_not_there_has_no_meter(api: Api) -> None:
    api.get("/flows/nowhere/calls", expect=404)


def test_days_that_cannot_be_are_refused(api: Api) -> None:
    assert api.client.get("/api/v1/flows/us/calls?days=0", headers=api.as_("reader")).status_code in (400, 422)
