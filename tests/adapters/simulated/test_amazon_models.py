"""What the stand-in says, held against Amazon's own models: a client tested here would otherwise learn our dialect."""

import pytest
from models import MODELS, check, documented, model

from adapters.simulated.amazon import orders, reports
from adapters.simulated.amazon.order_form import DATASETS
from adapters.simulated.amazon.quota import PLANS
from adapters.simulated.amazon.testing import Caller

pytestmark = pytest.mark.skipif(not MODELS.is_dir(), reason=f"Amazon's models are not at {MODELS}")

OPEN_DATA = ",".join(name for name in DATASETS if name not in ("BUYER", "RECIPIENT"))
SETTLEMENT = {"reportTypes": reports.SETTLEMENT}


@pytest.mark.parametrize("seed", range(6))
def test_order_pages_are_valid(seed: int) -> None:
    caller = Caller(seed=seed, orders=150, troubles=("foreign_currency", "tax_not_withheld", "amended_order"))
    asked = {"createdAfter": caller.facts["since"], "includedData": OPEN_DATA}
    page = caller.search(**asked).json()
    check(page, "orders_2026-01-01.json", "SearchOrdersResponse")
    last = caller.search(**asked, paginationToken=page["pagination"]["nextToken"]).json()
    check(last, "orders_2026-01-01.json", "SearchOrdersResponse")
    assert len(page["orders"]) + len(last["orders"]) >= 150


@pytest.mark.parametrize("dataset", [*OPEN_DATA.split(","), None])
def test_every_dataset_alone_is_valid(dataset: str | None) -> None:
    caller = Caller()
    asked = {"includedData": dataset} if dataset else {}
    check(
        caller.search(createdAfter=caller.facts["since"], **asked).json(),
        "orders_2026-01-01.json",
        "SearchOrdersResponse",
    )


def test_a_single_order_is_valid() -> None:
    caller = Caller()
    for order in caller.search(createdAfter=caller.facts["since"], maxResultsPerPage=5).json()["orders"]:
        answer = caller.get(f"/orders/2026-01-01/orders/{order['orderId']}", {"includedData": OPEN_DATA})
        check(answer.json(), "orders_2026-01-01.json", "GetOrderResponse")


def test_reports_documents_and_sellers_are_valid() -> None:
    caller = Caller()
    listed = caller.reports(**SETTLEMENT, pageSize=2).json()
    check(listed, "reports_2021-06-30.json", "GetReportsResponse")
    report = caller.get(f"/reports/2021-06-30/reports/{listed['reports'][0]['reportId']}").json()
    check(report, "reports_2021-06-30.json", "Report")
    document = caller.get(f"/reports/2021-06-30/documents/{report['reportDocumentId']}").json()
    check(document, "reports_2021-06-30.json", "ReportDocument")
    sellers = caller.get("/sellers/v1/marketplaceParticipations").json()
    check(sellers, "sellers.json", "GetMarketplaceParticipationsResponse")


def test_refusals_are_valid() -> None:
    caller = Caller()
    for answer in (caller.search(), caller.reports(), caller.get("/orders/2026-01-01/orders/1")):
        assert answer.status_code == 400
        check(answer.json(), "orders_2026-01-01.json", "ErrorList")
        check(answer.json(), "reports_2021-06-30.json", "ErrorList")


def test_parameters_are_those_of_the_models() -> None:
    orders_model, reports_model = "orders_2026-01-01.json", "reports_2021-06-30.json"
    assert documented(orders_model, "/orders/2026-01-01/orders") == set(orders.SEARCH_PARAMETERS)
    assert documented(orders_model, "/orders/2026-01-01/orders/{orderId}") == set(orders.GET_PARAMETERS)
    assert documented(reports_model, "/reports/2021-06-30/reports") == set(reports.LIST_PARAMETERS)
    assert documented(reports_model, "/reports/2021-06-30/documents/{reportDocumentId}") == set(
        reports.DOCUMENT_PARAMETERS
    )
    search = model(orders_model)["paths"]["/orders/2026-01-01/orders"]["get"]["parameters"]
    values = {each["name"]: tuple(each.get("items", {}).get("enum", ())) for each in search}
    assert values["includedData"] == DATASETS
    assert values["fulfillmentStatuses"] == orders.STATUSES


def test_rates_are_those_of_the_models() -> None:
    found = {}
    names = ("orders_2026-01-01.json", "reports_2021-06-30.json", "sellers.json", "finances_2024-06-19.json")
    for name in (*names, "financesV0.json", "transfers_2024-06-01.json", "notifications.json"):
        for path in model(name)["paths"].values():
            for operation in path.values():
                if isinstance(operation, dict) and operation.get("operationId") in PLANS:
                    found[operation["operationId"]] = operation["description"]
    assert found.keys() == PLANS.keys()
    for operation, text in found.items():
        plan = PLANS[operation]
        assert f"| {plan.per_second:g} | {plan.burst} |" in text, operation
