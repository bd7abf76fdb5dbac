"""The QuickBooks client over real HTTP: exact bodies, one writer of tokens, replays, look-ups that verify.

Without these a cent could become a float, a connection could be bricked by two refreshes, or somebody else's document
could be taken for ours.
"""

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from adapters.database import Database, open_database
from adapters.keyring import KeyRing
from adapters.quickbooks import wire
from adapters.quickbooks.client import QuickBooksClient
from adapters.quickbooks.faults import ACTIONS, action_for, fault_of
from adapters.quota import Quotas
from adapters.simulated.clock import FastClock
from adapters.simulated.quickbooks import stand_in
from adapters.simulated.serving import loopback_socket, serving
from adapters.vault import DatabaseVault
from application.ports import Fault, Found, References
from domain.document import AppliedInvoice, Deposit, DepositLine, Invoice, InvoiceLine, Payment
from domain.errors import ConnectionLost, OutcomeUnknown, VendorError
from domain.mapping import QuickBooksRef

SPEED = 2_000.0
DAY = date(2026, 11, 18)


class Company:
    """The stand-in, a flow's vault, and clients of it."""

    def __init__(self, facts: dict[str, str], database: Database, folder: Path) -> None:
        self.facts = facts
        self.database = database
        self.vault = DatabaseVault(database, KeyRing.from_settings("", "", folder), lambda: datetime.now(UTC))
        self.vault.put("us", "quickbooks", {"refresh_token": facts["refresh_token"]})
        self.client = self.another()

    def another(self, **other: str) -> QuickBooksClient:
        facts = {**self.facts, **other}
        return QuickBooksClient(
            "us",
            facts["realm"],
            facts["api_url"],
            facts["token_url"],
            facts["client_id"],
            facts["client_secret"],
            self.vault,
            Quotas(self.database, SPEED),
            lambda: datetime.now(UTC),
            SPEED,
        )

    def control(self, path: str, body: Any = None) -> Any:
        url = f"{self.facts['api_url']}/_simulated/{path}"
        answer = httpx.get(url) if body is None else httpx.post(url, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def references(self) -> References:
        client = self.client
        accounts = {account.name: account for account in client.accounts()}
        income = client.create_account("Amazon Sales", "Income", "SalesOfProductIncome", "", "r-sales")
        clearing = client.create_account("Clearing", "Other Current Asset", "OtherCurrentAssets", "", "r-clr")
        fees = client.create_account("Fees", "Cost of Goods Sold", "OtherCostsOfServiceCos", "", "r-fees")
        return References(
            accounts={"SALES": income, "CLR:USD": clearing, "REFFEE": fees},
            items={"SALES": client.create_item("Amazon Sales", income, "r-item")},
            customers={"A USD": client.create_customer("Amazon.com sales (USD)", "USD", "r-customer")},
            banks={"USD": accounts[self.facts["bank_account"]]},
            postings={},
        )


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    listener, url = loopback_socket()
    app, facts = stand_in(FastClock(SPEED), url)
    database = open_database(f"sqlite:///{tmp_path}/q.db")
    with serving(app, listener):
        yield Company(facts, database, tmp_path / "keys")
    database.close()


def invoice(number: str = "113-0000001-0000001", amount: int = 2499, quantity: int = 1) -> Invoice:
    lines = (InvoiceLine("SALES", amount, "Mug \u2013 blau", quantity, "MUG"),)
    return Invoice(number, number, "A USD", date(2026, 11, 3), "USD", lines, amount, f"AMZ-ORDER {number}")


DEPOSIT = Deposit(
    "28471003921", DAY, "USD", "USD", "CLR:USD", 2499, (DepositLine("REFFEE", -375, "Referral fees"),), 2124
)


def test_documents_travel_in_exactly_these_words(snapshot: SnapshotAssertion) -> None:
    references = References(
        accounts={"CLR:USD": QuickBooksRef("91", "Clearing"), "REFFEE": QuickBooksRef("92", "Fees")},
        items={"SALES": QuickBooksRef("19", "Sales")},
        customers={"A USD": QuickBooksRef("58", "Amazon.com sales (USD)")},
        banks={"USD": QuickBooksRef("35", "Checking")},
        postings={"invoice/113-0000001-0000001": "145"},
    )
    applied = (AppliedInvoice("invoice/113-0000001-0000001", "113-0000001-0000001", 2499),)
    payment = Payment("28471003921-1", "28471003921", "A USD", DAY, "USD", "CLR:USD", applied, 2499)

    body = wire.batch_body([("1", invoice(quantity=3)), ("2", payment), ("3", DEPOSIT)], references)

    assert json.dumps(json.loads(body, parse_float=str), indent=1, ensure_ascii=False) == snapshot
    assert body == wire.batch_body([("1", invoice(quantity=3)), ("2", payment), ("3", DEPOSIT)], references)


@given(st.lists(st.integers(-(10**9), 10**12), min_size=1, max_size=20), st.integers(1, 12))
def test_any_amount_travels_exactly_and_is_quantity_times_price(amounts: list[int], quantity: int) -> None:
    amounts = [*amounts, max(0, -sum(amounts))]
    lines = tuple(InvoiceLine("SALES", amount, "", quantity) for amount in amounts)
    document = Invoice("1", "1", "c", DAY, "USD", lines, sum(amounts))
    references = References({}, {"SALES": QuickBooksRef("1", "")}, {"c": QuickBooksRef("1", "")}, {}, {})

    (request,) = json.loads(wire.batch_body([("1", document)], references), parse_float=Decimal)["BatchItemRequest"]

    sent = request["Invoice"]["Line"]
    assert [line["Amount"] * 100 for line in sent] == amounts
    for line in sent:
        detail = line["SalesItemLineDetail"]
        if "UnitPrice" in detail:
            assert detail["UnitPrice"] * detail["Qty"] == line["Amount"]
        assert detail["TaxCodeRef"] == {"value": "NON"}


def test_a_batch_is_answered_item_by_item_and_a_replay_writes_nothing(company: Company) -> None:
    references = company.references()
    too_long = invoice("113-0000002-0000002", 100)
    body = company.client.batch_body([("1", invoice()), ("2", too_long), ("3", invoice())], references)

    told, _ = company.client.send_batch("request-1", body)
    again, _ = company.client.send_batch("request-1", body)

    assert isinstance(told["1"], Found)
    assert (told["1"].total, told["1"].day) == (2499, date(2026, 11, 3))
    assert isinstance(told["3"], Fault)
    assert (told["3"].code, told["3"].duplicate_of) == ("6140", told["1"].quickbooks_id)
    assert again == told
    assert company.control("documents")["Invoice"] == 2


@pytest.mark.parametrize("kind", ["commit_then_503", "commit_then_reset", "commit_then_html", "truncated_json"])
def test_a_lost_answer_is_replayed_with_the_same_ids(company: Company, kind: str) -> None:
    references = company.references()
    company.control("faults", [{"on": "batch", "kind": kind, "times": 1}])

    told, _ = company.client.send_batch("request-1", company.client.batch_body([("1", invoice())], references))

    assert isinstance(told["1"], Found)
    assert company.control("documents")["Invoice"] == 1


def test_an_outcome_that_stays_unknown_is_said_to_be(company: Company) -> None:
    references = company.references()
    company.control("faults", [{"on": "batch", "kind": "commit_then_503", "times": 9}])

    with pytest.raises(OutcomeUnknown):
        company.client.send_batch("request-1", company.client.batch_body([("1", invoice())], references))


def test_a_document_is_found_by_its_own_marks_and_somebody_elses_is_not(company: Company) -> None:
    references = company.references()
    body = company.client.batch_body([("1", invoice()), ("2", DEPOSIT)], references)
    told, _ = company.client.send_batch("request-1", body)
    made = told["1"]
    assert isinstance(made, Found)

    found = company.client.find(invoice(), references)
    assert found is not None
    assert found.quickbooks_id == made.quickbooks_id
    assert company.client.find(invoice(amount=2500), references) is None
    deposit = company.client.find(DEPOSIT, references)
    assert deposit is not None
    assert deposit.total == 2124
    assert company.client.read("invoice", made.quickbooks_id) is not None
    assert company.client.read("invoice", "999999") is None


def test_many_threads_refreshing_a_rotating_token_all_go_on(company: Company) -> None:
    company.control("dials", {"rotate_every_refresh": True})
    failures: list[Exception] = []

    def ask() -> None:
        try:
            client = company.another()
            for _ in range(3):
                client.company()
                client._login.renew(refused=client._login._token)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert company.another().company().name


def test_a_token_that_ends_in_the_middle_is_renewed_once(company: Company) -> None:
    company.client.company()
    company.control("faults", [{"on": "query", "kind": "expire_token", "times": 1}])

    assert company.client.accounts()


def test_a_dead_refresh_token_ends_the_connection_and_nothing_secret_is_said(
    company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    company.client.company()
    stored = company.vault.get("us", "quickbooks")
    assert stored is not None
    company.vault.put("us", "quickbooks", {"refresh_token": "RT1-dead-token"})

    with pytest.raises(ConnectionLost, match="connect quickbooks us") as raised:
        company.another().company()

    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("ml_connector"))
    secrets = [*stored.values(), "RT1-dead-token", company.facts["client_secret"]]
    assert not [secret for secret in secrets if secret in ours + str(raised.value) + repr(raised.value)]


def test_a_wrong_application_secret_is_not_a_lost_connection(company: Company) -> None:
    with pytest.raises(VendorError, match="QUICKBOOKS_CLIENT_SECRET") as raised:
        company.another(client_secret="wrong").company()
    assert not isinstance(raised.value, ConnectionLost)


FORMS = {
    "json": (httpx.Response(400, json={"Fault": {"Error": [{"code": "6210", "Message": "closed"}]}}), "6210"),
    "gateway": (httpx.Response(401, json={"fault": {"error": [{"code": "3200", "message": "x"}]}}), "3200"),
    "xml": (httpx.Response(429, content=b'<IntuitResponse><Fault><Error code="003001"><Message>m</Message>'), "003001"),
    "html": (httpx.Response(504, content=b"<html><body>Gateway</body></html>"), "504"),
    "empty": (httpx.Response(500, content=b""), "500"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_refusal_is_understood_in_every_form(form: str) -> None:
    answer, code = FORMS[form]
    assert fault_of(answer).code == code


def test_every_code_of_the_brief_has_an_action_and_an_unknown_one_is_held() -> None:
    codes = "3200 130 3100 120 3001 5010 6140 6240 610 2500 620 2010 2020 2030 2040 2050 2170 6000 6070 6100 6160 6170 "
    codes += "2280 2290 2300 6190 6200 6210 6540 6480 4000 4001 1040 600 2130 10000"
    assert set(codes.split()) <= set(ACTIONS)
    assert action_for("99999") == "hold"
