"""The doctor against the stand-ins: what is well, what is ill, what to do, and that nothing is written anywhere."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from shop import Shop

from application.diagnosis import Doctor, Finding, worst
from application.ports import AuditFinding, DiskFacts, KeyFacts, StoreFacts
from domain.errors import Throttled
from domain.flow import FlowSettings
from entrypoints.settings import load
from entrypoints.settings_check import settings_findings

OpenShop = Callable[..., AbstractContextManager[Shop]]
GIB = 1024**3


TODAY = date(2026, 11, 24)


def examined(shop: Shop) -> dict[str, Finding]:
    return {finding.subject: finding for finding in shop.services.doctor().examine([shop.flow()])}


def test_a_well_flow_is_well_in_all_parts_and_nothing_is_written_at_a_vendor(open_shop: OpenShop) -> None:
    with open_shop(orders=20, settlements=1, seed=4) as shop:
        shop.set_up()
        shop.sync()
        documents, events = shop.documents(), shop.services.store.end()
        tokens = shop.services.vault.get("us", "quickbooks")

        found = examined(shop)

        assert {subject: finding.text for subject, finding in found.items() if not finding.ok} == {}
        for subject in (
            "settings: amazon", "database", "schema", "key ring", "disk", "history", "us: amazon credentials",
            "us: amazon getMarketplaceParticipations", "us: amazon searchOrders", "us: amazon getReports",
            "us: amazon marketplaces", "us: clock: amazon", "us: quickbooks credentials", "us: quickbooks scope",
            "us: quickbooks company", "us: quickbooks bank accounts", "us: clock: quickbooks", "us: alerts",
        ):  # fmt: skip
            assert subject in found
        assert "stand-in" in found["settings: amazon"].text
        assert shop.documents() == documents
        assert shop.services.store.end() == events

        renewed = shop.services.vault.get("us", "quickbooks")
        assert renewed is not None
        assert tokens is not None
        assert renewed["access_token"] != tokens["access_token"]
        assert shop.sync().error == ""  # by the token the doctor stored


def test_a_missing_role_is_told_by_its_name(open_shop: OpenShop) -> None:
    with open_shop(orders=5, settlements=1, seed=4) as shop:
        shop.set_up()
        shop.control("amazon", "faults", [{"on": "reports", "kind": "unauthorized", "times": 2}])

        found = examined(shop)

        assert found["us: amazon searchOrders"].ok
        report = found["us: amazon getReports"]
        assert (report.status, "the role Finance and Accounting is missing" in report.text) == ("error", True)
        assert "connect amazon us" in report.what_to_do


def test_a_withdrawn_consent_stops_the_other_questions(open_shop: OpenShop) -> None:
    with open_shop(orders=5, settlements=1, seed=4) as shop:
        shop.set_up()
        shop.control("amazon", "revoke", {})

        found = examined(shop)

        assert found["us: amazon credentials"].status == "error"
        assert "us: amazon getReports" not in found
        assert found["us: quickbooks scope"].ok


def test_the_flow_must_be_of_the_company_and_the_bank_there(open_shop: OpenShop) -> None:
    with open_shop(orders=5, settlements=1, seed=4) as shop:
        shop.set_up()
        flow = shop.flow()
        doctor = shop.services.doctor()

        flow.realm = "123"
        found = {finding.subject: finding for finding in doctor.flow(flow)}
        assert found["us: quickbooks scope"].status == "error"
        assert "company 123 is refused" in found["us: quickbooks scope"].text

        flow.realm = shop.quickbooks["realm"]
        flow.banks = {"USD": "Chequing", "EUR": "Amazon Sales"}
        flow.marketplaces = ("A1PA6795UKMFR9",)
        found = {finding.subject: finding for finding in doctor.flow(flow)}
        assert "Chequing is not there" in found["us: quickbooks bank accounts"].text
        assert "Checking" in found["us: quickbooks bank accounts"].what_to_do
        assert "no part in A1PA6795UKMFR9" in found["us: amazon marketplaces"].text


def test_an_unconnected_flow_is_told_what_to_do(open_shop: OpenShop) -> None:
    with open_shop(orders=5, settlements=1, seed=4) as shop:
        shop.set_up()
        for name in ("amazon", "quickbooks"):
            shop.services.vault.delete("us", name)

        found = examined(shop)

        assert found["us: amazon"].what_to_do == "ml-connector connect amazon us"
        assert found["us: quickbooks"].what_to_do == "ml-connector connect quickbooks us"


def test_a_failing_channel_is_a_finding(open_shop: OpenShop) -> None:
    with open_shop(orders=5, settlements=1, seed=4) as shop:
        shop.set_up()
        settings = {"kind": "webhook", "url": "http://127.0.0.1:9/", "secret": "x" * 16}
        shop.services.alerts.add_channel("us", "hook", settings, "127.0.0.1", "tests")
        shop.services.alerts.test("us")

        finding = examined(shop)["us: alerts: hook"]

        assert finding.status == "warning"
        assert "alerts test us" in finding.what_to_do


# --- the machine, as no test machine is ----------------------------------------------------------------------------


def on(**facts: Any) -> dict[str, Finding]:
    """What is found on a machine that differs from a well one in `facts`."""
    store = StoreFacts("PostgreSQL", "17.2", "db/ml", 5_000_000, 2, 2, 0.2)
    keys = KeyFacts("/k", ("aa", "bb"), "", {"aa": 3}, Path("/k"))
    disk = DiskFacts(Path("/data"), 50 * GIB, 100 * GIB)
    machine = SimpleNamespace(
        store=lambda: msgspec.structs.replace(store, **facts.get("store", {})),
        keys=lambda: msgspec.structs.replace(keys, **facts.get("keys", {})),
        disk=lambda: msgspec.structs.replace(disk, **facts.get("disk", {})),
    )
    if "broken" in facts:
        machine.store = lambda: (_ for _ in ()).throw(facts["broken"])
    ledger = SimpleNamespace(verify=lambda: facts.get("ledger", AuditFinding(True, 5, 2, "ab")))
    nothing: Any = None
    doctor = Doctor(
        [], machine, ledger, nothing, nothing, nothing, nothing, nothing, nothing,  # type: ignore[arg-type]
    )  # fmt: skip
    return {finding.subject: finding for finding in doctor.installation()}


def test_a_well_machine_is_well() -> None:
    found = on()
    assert worst(list(found.values())) == "ok"
    assert set(found) == {"database", "schema", "clock: database", "key ring", "disk", "history"}


@pytest.mark.parametrize(
    ("facts", "subject", "status", "words"),
    [
        ({"store": {"version": "12.1"}}, "database", "warning", "reached"),
        ({"store": {"views": 3}}, "schema", "error", "version 3"),
        ({"store": {"views": 1}}, "schema", "warning", "version 1"),
        ({"store": {"seconds_ahead": -7.0}}, "clock: database", "warning", "7.0 s behind"),
        ({"store": {"seconds_ahead": 300.0}}, "clock: database", "error", "300.0 s ahead"),
        ({"keys": {"exposed": "/k has mode 0644"}}, "key ring", "warning", "others can read it"),
        ({"keys": {"sealed": {"aa": 1, "bb": 4}}}, "key ring", "warning", "4 values with bb"),
        ({"keys": {"sealed": {"aa": 1, "cc": 2}}}, "key ring", "error", "2 stored values are sealed with cc"),
        ({"disk": {"free": GIB}}, "disk", "warning", "1 GB"),
        ({"disk": {"free": 1_000}}, "disk", "error", "1 kB"),
        ({"ledger": AuditFinding(False, 5, 2, "ab", 3, "s", "event 3 was changed")}, "history", "error", "event 3"),
        ({"broken": OSError("disk quota exceeded")}, "database", "error", "disk quota exceeded"),
        ({"broken": ZeroDivisionError("a bug")}, "database", "error", "ZeroDivisionError"),
    ],
)
def test_an_ill_machine_is_told_what_to_do(facts: dict[str, Any], subject: str, status: str, words: str) -> None:
    finding = on(**facts)[subject]
    assert (finding.status, words in finding.text) == (status, True), finding
    assert finding.what_to_do
    assert on(**facts)["history"] is not None


def test_a_quota_that_is_used_up_is_no_illness(open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_shop(orders=5, settlements=1, seed=4) as shop:
        shop.set_up()
        quotas = shop.services.quotas
        quotas.pause("amazon/us/searchOrders", 3_600)

        finding = examined(shop)["us: amazon searchOrders"]

        assert finding.status == "warning"
        assert "used up" in finding.text
        with pytest.raises(Throttled):
            shop.services._quotas(10.0).reserve("amazon/us/searchOrders", 1.0, 1.0)


def test_a_vendor_that_hangs_does_not_hold_who_waits_for_the_answer(open_shop: OpenShop) -> None:
    with open_shop(orders=5, settlements=1, seed=4) as shop:
        shop.set_up()
        doctor = shop.services.doctor(brief=True)
        doctor._until = shop.services.clock()

        found = doctor.examine([shop.flow()])

        assert all("time was over" in one.text for one in found if one.subject.startswith("us: "))
        assert worst(found) == "warning"


def test_no_client_stays_open_after_a_question(open_shop: OpenShop) -> None:
    with open_shop(orders=5, settlements=1, seed=4) as shop:
        shop.set_up()
        opened: list[Any] = []
        seller, company = shop.services.amazon, shop.services.quickbooks

        def kept(open_it: Any) -> Any:
            def open_client(*arguments: Any, **more: Any) -> Any:
                opened.append(open_it(*arguments, **more))
                return opened[-1]

            return open_client

        shop.services.amazon = kept(seller)  # type: ignore[method-assign]
        shop.services.quickbooks = kept(company)  # type: ignore[method-assign]
        assert examined(shop)["us: amazon getReports"].ok
        shop.services.flow_setup.configure("us", FlowSettings(banks={"USD": "Checking"}), "ada")
        assert len(opened) == 3
        assert all(client._http._http.is_closed for client in opened)


def test_missing_application_credentials_and_sandboxes_are_told() -> None:
    found = {
        finding.subject: finding
        for finding in settings_findings(load({"ML_CONNECTOR_VENDORS": "sandbox"}), date(2026, 11, 24))
    }
    assert found["settings: amazon"].status == "error"
    assert "the vendor's sandbox; not set: ML_CONNECTOR_AMAZON_CLIENT_ID" in found["settings: amazon"].text
    assert "this machine alone" in found["settings: public address"].text


@pytest.mark.parametrize(("left", "status"), [(31, "ok"), (30, "warning"), (0, "warning"), (-1, "error")])
def test_the_client_secrets_last_day_is_watched(left: int, status: str) -> None:
    ends = TODAY + timedelta(days=left)
    settings = load(
        {"ML_CONNECTOR_AMAZON_CLIENT_SECRET": "secret", "ML_CONNECTOR_AMAZON_CLIENT_SECRET_ENDS": str(ends)}
    )
    found = {each.subject: each for each in settings_findings(settings, TODAY)}
    assert found["settings: amazon client secret"].status == status
    assert str(ends) in found["settings: amazon client secret"].text
