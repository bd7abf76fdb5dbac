"""The QuickBooks client over real HTTP against the stand-in: each way a call can go wrong, and the books after it.

Without these, a lost answer would become a doubled invoice, or a refusal would be taken for success.
"""

import contextlib
import json
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from adapters.quickbooks.client import QuickBooksClient
from adapters.simulated.clock import FastClock
from adapters.simulated.quickbooks import stand_in
from adapters.simulated.serving import loopback_socket, serving
from application.ports import Fault, Found, References, Sighting, Write
from domain.document import AppliedInvoice, Deposit, DepositLine, Document, Invoice, InvoiceLine, Payment
from domain.errors import BadInput, ConnectionLost, OutcomeUnknown, Throttled, VendorError
from domain.mapping import QuickBooksRef

SPEED = 2_000.0
NO_QUOTAS = {"requests_per_second": 10**6, "requests_per_minute": 10**6, "batches_per_minute": 10**6}
DAY = date(2026, 11, 18)
ORDER = "113-1234567-1234567"


class Recorder:
    """An ASGI application that notes requests on their way to another, or gives an answer of `answers` instead."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.requests: list[tuple[str, str, dict[str, str], bytes, dict[str, str]]] = []
        self.answers: list[tuple[str, int, str, bytes]] = []  # for a path that ends so

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_simulated"):
            await self.app(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        body = b"".join(message.get("body", b"") for message in messages)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        self.requests.append((scope["method"], scope["path"], query, body, headers))
        if self.answers and scope["path"].endswith(self.answers[0][0]):
            _, status, kind, content = self.answers.pop(0)
            raw = [(b"content-type", kind.encode()), (b"intuit_tid", b"tid-1")]
            await send({"type": "http.response.start", "status": status, "headers": raw})
            await send({"type": "http.response.body", "body": content})
            return

        class Again:
            """Bound as the server's own `receive` is, behind which the stand-in looks to cut the connection."""

            transport = getattr(getattr(receive, "__self__", None), "transport", None)

            async def again(self) -> Any:
                return messages.pop(0) if messages else await receive()

        await self.app(scope, Again().again, send)

    def batches(self) -> list[tuple[str, bytes]]:
        return [(query["requestid"], body) for _, path, query, body, _ in self.requests if path.endswith("/batch")]


class MemoryVault:
    """ports.Vault in memory, with a real lock."""

    def __init__(self, **value: str) -> None:
        self.value = dict(value)
        self._lock = threading.Lock()

    def get(self, flow: str, name: str) -> dict[str, str] | None:
        return dict(self.value)

    def put(self, flow: str, name: str, value: dict[str, str]) -> None:
        self.value = dict(value)

    def delete(self, flow: str, name: str) -> None:
        self.value = {}

    @contextlib.contextmanager
    def locked(self, flow: str, name: str) -> Iterator["MemorySlot"]:
        with self._lock:
            yield MemorySlot(self)


class MemorySlot:
    def __init__(self, vault: MemoryVault) -> None:
        self._vault = vault

    @property
    def value(self) -> dict[str, str]:
        return dict(self._vault.value)

    def replace(self, value: dict[str, str]) -> None:
        self._vault.value = dict(value)


class Free:
    """Quotas that make nobody wait."""

    def __init__(self) -> None:
        self.limits: dict[str, tuple[float, float]] = {}

    def reserve(self, key: str, rate: float, burst: float) -> float:
        self.limits[key] = (rate, burst)
        return 0.0

    def pause(self, key: str, seconds: float) -> None: ...

    def announce(self, key: str, rate: float) -> None: ...

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def count(self, flow: str, vendor: str, operation: str, calls: int = 1) -> None: ...


class Place:
    """One company, a client for it, and what a test needs to name things in it."""

    def __init__(self, url: str, facts: dict[str, str], recorder: Recorder, speed: float, quotas: Any) -> None:
        self.url, self.facts, self.recorder, self.speed = url, facts, recorder, speed
        self.quotas = quotas
        self.vault = MemoryVault(refresh_token=facts["refresh_token"])
        self.client = self.open()

    def open(self, **changes: str) -> QuickBooksClient:
        facts = self.facts | changes
        return QuickBooksClient(
            "us", facts["realm"], self.url, facts["token_url"], facts["client_id"], facts["client_secret"],
            self.vault, self.quotas, lambda: datetime.now(UTC), self.speed,
        )  # fmt: skip

    def control(self, name: str, body: Any = None) -> Any:
        url = f"{self.url}/_simulated/{name}"
        answer = httpx.get(url) if body is None else httpx.post(url, json=body)
        answer.raise_for_status()
        return answer.json()

    def fault(self, on: str, kind: str, times: int = 1, **more: Any) -> None:
        self.control("faults", [{"on": on, "kind": kind, "times": times, **more}])

    def count(self, entity: str) -> int:
        return int(self.control("documents")[entity])

    def furnish(self) -> References:
        """Accounts, items and a customer, as the chart would be set up."""
        client = self.client
        clearing = client.create_account("Amazon Clearing", "Other Current Asset", "OtherCurrentAssets", "USD", "a1")
        income = client.create_account("Amazon Sales", "Income", "SalesOfProductIncome", "USD", "a2")
        fees = client.create_account("Amazon Fees", "Expense", "OtherMiscellaneousServiceCost", "USD", "a3")
        item = client.create_item("Amazon Sales", income, "i1")
        customer = client.create_customer("Amazon.com sales (USD)", "USD", "c1")
        bank = next(account for account in client.accounts() if account.name == self.facts["bank_account"])
        return References(
            accounts={"CLR:USD": clearing, "FEE": fees},
            items={"SALES": item},
            customers={"Amazon.com USD": customer},
            banks={"USD": bank},
            postings={},
        )


Serve = Callable[..., Place]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(**dials)`: the stand-in on loopback; its quotas are off unless a dial sets them."""
    with contextlib.ExitStack() as stack:

        def served(speed: float = SPEED, quotas: Any = None, **dials: Any) -> Place:
            clock = FastClock(speed)
            listener, url = loopback_socket()
            app, facts = stand_in(clock, url, **{**NO_QUOTAS, **dials})
            recorder = Recorder(app)
            stack.enter_context(serving(recorder, listener))
            place = Place(url, facts, recorder, speed, quotas or Free())
            stack.callback(place.client.close)
            return place

        yield served


@pytest.fixture
def place(serve: Serve) -> Place:
    return serve()


def invoice(number: str = ORDER, amount: int = 2_499, **changes: Any) -> Invoice:
    values: dict[str, Any] = {
        "number": number,
        "order_id": number,
        "customer": "Amazon.com USD",
        "day": DAY,
        "currency": "USD",
        "lines": (InvoiceLine("SALES", amount, "Blue mug", 3, "MUG"),),
        "total": amount,
        "memo": f"AMZ-ORDER {number}; tax collected and remitted by Amazon 1.00 USD",
    }
    return Invoice(**{**values, **changes})


def payment(postings: str = f"invoice/{ORDER}", total: int = 2_499, settlement: str = "123") -> Payment:
    applied = (AppliedInvoice(postings, ORDER, total),)
    return Payment(f"{settlement}-1", settlement, "Amazon.com USD", DAY, "USD", "CLR:USD", applied, total)


def deposit(settlement: str = "123", cleared: int = 2_499, fee: int = -750) -> Deposit:
    lines = (DepositLine("FEE", fee, f"AMZ-SETTLEMENT {settlement}: fees"),)
    return Deposit(settlement, DAY, "USD", "USD", "CLR:USD", cleared, lines, cleared + fee)


def send(place: Place, references: References, *documents: Document, request: str = "r1") -> dict[str, Found | Fault]:
    body = place.client.batch_body([Write(str(n), document) for n, document in enumerate(documents, 1)], references)
    return place.client.send_batch(request, body)[0]


def found(outcome: Found | Fault) -> Found:
    assert isinstance(outcome, Found), outcome
    return outcome


def sightings(place: Place, document: Document, references: References, everywhere: bool = False) -> list[Sighting]:
    (seen,) = place.client.find([document], references, everywhere)
    return list(seen)


def ours(place: Place, document: Document, references: References) -> Found:
    (sighting,) = sightings(place, document, references)
    assert sighting.differs == ()
    return sighting.found


# --- the whole way ---------------------------------------------------------------------------------------------------


def test_a_sale_is_invoiced_paid_and_banked_and_clearing_is_empty(place: Place) -> None:
    references = place.furnish()
    first = found(send(place, references, invoice(), request="r1")["1"])
    references = References(
        accounts=references.accounts, items=references.items, customers=references.customers, banks=references.banks,
        postings={f"invoice/{ORDER}": first.quickbooks_id},
    )  # fmt: skip
    second = found(send(place, references, payment(), request="r2")["1"])
    third = found(send(place, references, deposit(), request="r3")["1"])

    assert (first.total, second.total, third.total) == (2_499, 2_499, 1_749)
    assert json.loads(second.content)["UnappliedAmt"] == 0
    assert place.client.balance(references.accounts["CLR:USD"]) == 0
    assert place.client.balance(references.banks["USD"]) == 1_749
    for kind, document, posted in (("invoice", invoice(), first), ("payment", payment(), second)):
        assert place.client.read(kind, posted.quickbooks_id) == ours(place, document, references)
    assert ours(place, deposit(), references).quickbooks_id == third.quickbooks_id
    assert place.client.read("deposit", "99999") is None
    assert place.control("misuse") == []


def test_the_company_and_its_lists_are_read(place: Place) -> None:
    references = place.furnish()
    company = place.client.company()

    assert (company.home_currency, company.multicurrency, company.custom_numbers) == ("USD", False, True)
    assert company.closed_until is None
    assert references.items["SALES"] in place.client.items()
    assert references.items["SALES"].account_type == next(
        account.id for account in place.client.accounts() if account.name == "Amazon Sales"
    )
    assert references.customers["Amazon.com USD"] in place.client.customers()
    assert {account.currency for account in place.client.accounts()} == {"USD"}


def test_a_company_says_what_it_allows(serve: Serve) -> None:
    place = serve(multi_currency=True, custom_txn_numbers=False, book_close_date=date(2026, 6, 30))
    company = place.client.company()

    assert (company.multicurrency, company.custom_numbers, company.closed_until) == (True, False, date(2026, 6, 30))
    euros = place.client.create_customer("Amazon.de sales (EUR)", "EUR", "c9")
    assert euros.currency == "EUR"


def test_every_call_names_the_minor_version_and_every_write_its_id(place: Place) -> None:
    send(place, place.furnish(), invoice())

    calls = [(method, query) for method, path, query, _, _ in place.recorder.requests if path.startswith("/v3/")]
    assert {query["minorversion"] for _, query in calls} == {"75"}
    assert all(query.get("requestid") for method, query in calls if method == "POST")


def test_lists_are_read_page_by_page(place: Place) -> None:
    def page(first: int, number: int) -> bytes:
        rows = [{"Id": str(n), "DisplayName": f"Customer {n}", "More": {}} for n in range(first, first + number)]
        return json.dumps({"QueryResponse": {"Customer": rows, "maxResults": number}}).encode()

    json_kind = "application/json;charset=utf-8"
    place.recorder.answers = [("/query", 200, json_kind, page(1, 1_000)), ("/query", 200, json_kind, page(1_001, 7))]

    assert [customer.id for customer in place.client.customers()] == [str(n) for n in range(1, 1_008)]
    asked = [query["query"] for _, path, query, _, _ in place.recorder.requests if path.endswith("/query")]
    assert asked == [
        "SELECT * FROM Customer ORDERBY Id STARTPOSITION 1 MAXRESULTS 1000",
        "SELECT * FROM Customer ORDERBY Id STARTPOSITION 1001 MAXRESULTS 1000",
    ]


def test_names_with_quotes_and_accents_survive(place: Place) -> None:
    name = "O'Hara \\ Söhne & Co + 1%"
    assert place.client.create_customer(name, "USD", "c2").name == name
    assert name in [customer.name for customer in place.client.customers()]


# --- lost answers ----------------------------------------------------------------------------------------------------

LOST = ["commit_then_503", "503_before_commit", "commit_then_reset", "commit_then_html", "truncated_json"]
DEFINITE = ["429_json", "429_xml", "expire_token", "slow:0.2"]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("kind", [*LOST, *DEFINITE, "item_3001", "commit_then_item_10000"])
def test_a_batch_is_done_once_whatever_happens_to_its_answer(place: Place, kind: str, times: int) -> None:
    references = place.furnish()
    place.fault("batch", kind, 1 if kind == "expire_token" else times)

    outcomes = send(place, references, invoice(), invoice("113-0000000-0000002"), invoice("113-0000000-0000003"))

    assert [found(outcomes[item]).total for item in ("1", "2", "3")] == [2_499] * 3
    assert place.count("Invoice") == 3
    assert len(set(place.recorder.batches())) == 1  # the same bytes under the same id, each time
    assert place.control("misuse") == []


@pytest.mark.parametrize("kind", LOST)
def test_a_batch_whose_answer_stays_lost_is_unknown_and_can_be_replayed_later(place: Place, kind: str) -> None:
    references = place.furnish()
    place.fault("batch", kind, 3)

    with pytest.raises(OutcomeUnknown, match="batch"):
        send(place, references, invoice())
    assert len(place.recorder.batches()) == 3

    assert found(send(place, references, invoice())["1"]).total == 2_499
    assert place.count("Invoice") == 1


def test_items_that_stay_throttled_leave_the_batch_open(place: Place) -> None:
    references = place.furnish()
    place.fault("batch", "item_3001", 3, items=["2"])

    with pytest.raises(OutcomeUnknown, match="throttled"):
        send(place, references, invoice(), invoice("113-0000000-0000002"))

    assert place.count("Invoice") == 1


def test_items_that_may_have_been_done_are_not_counted_as_refused(place: Place) -> None:
    """Counted as refused they would be planned anew, and booked twice."""
    references = place.furnish()
    place.fault("batch", "commit_then_item_10000", 3)

    with pytest.raises(OutcomeUnknown, match="does not say what became"):
        send(place, references, deposit())
    assert place.count("Deposit") == 1


def test_a_batch_that_was_never_let_in_was_not_done(place: Place) -> None:
    references = place.furnish()
    place.fault("batch", "429_json", 50)

    with pytest.raises(Throttled) as caught:
        send(place, references, invoice())

    assert caught.value.request
    assert len(place.recorder.batches()) == 5


def test_a_refusal_after_a_lost_answer_does_not_make_it_known(place: Place) -> None:
    """The first try may have been done; that the second was refused says nothing about it."""
    references = place.furnish()
    place.fault("batch", "commit_then_reset")
    place.fault("batch", "429_json", 50)

    with pytest.raises(OutcomeUnknown, match="429"):
        send(place, references, invoice())

    assert place.count("Invoice") == 1


@pytest.mark.parametrize(
    ("status", "kind", "content"),
    [
        (200, "text/html", b"<html>proxy</html>"),
        (200, "application/json", b'{"BatchItemResponse":[]}'),
        (200, "application/json", b'{"BatchItemResponse":[{"bId":"1"}]}'),
        (200, "application/json", b'{"BatchItemResponse":[{"bId":"1","Invoice":{"Id":"1","SyncToken":"0"}}]}'),
        (200, "application/json", b'{"BatchItemResponse":[{"Invoice":{}}]}'),
        (200, "application/json", b"{}"),
        (200, "application/json", b""),
        (302, "text/html", b""),
        (404, "text/html", b"<html>gateway</html>"),
        (400, "application/json", b'{"Fault":{"Error":[{"Message":"Duplicate Request ID","code":"600"}]}}'),
    ],
)
def test_an_answer_that_does_not_tell_of_every_item_is_none(
    place: Place, status: int, kind: str, content: bytes
) -> None:
    references = place.furnish()
    place.recorder.answers = [("/batch", status, kind, content)] * 3

    with pytest.raises(OutcomeUnknown):
        send(place, references, invoice())

    assert len(place.recorder.batches()) == 3


def test_a_batch_refused_as_a_whole_was_not_done(place: Place) -> None:
    references = place.furnish()
    documents = [Write(str(n), invoice(f"113-0000000-{n:07}")) for n in range(31)]

    with pytest.raises(VendorError, match="1040") as caught:
        place.client.send_batch("r1", place.client.batch_body(documents, references))

    assert not isinstance(caught.value, OutcomeUnknown)
    assert place.count("Invoice") == 0


def test_ids_that_quickbooks_would_not_recognise_again_do_not_leave(place: Place) -> None:
    references = place.furnish()
    with pytest.raises(BadInput):
        place.client.send_batch("r" * 37, place.client.batch_body([Write("1", invoice())], references))
    with pytest.raises(BadInput):
        place.client.send_batch("r", place.client.batch_body([Write("12345678901", invoice())], references))
    with pytest.raises(BadInput):
        place.client.create_item("x", references.accounts["FEE"], "r" * 51)

    assert place.recorder.batches() == []


@pytest.mark.parametrize("kind", [*LOST, *DEFINITE])
def test_an_account_is_created_once_whatever_happens_to_the_answer(place: Place, kind: str) -> None:
    before = place.count("Account")
    place.fault("Account", kind)

    made = place.client.create_account("Amazon Clearing", "Other Current Asset", "OtherCurrentAssets", "USD", "a1")

    assert (made.name, made.account_type) == ("Amazon Clearing", "Other Current Asset")
    assert place.count("Account") == before + 1


def test_an_account_whose_answer_stays_lost_is_unknown(place: Place) -> None:
    place.fault("Account", "commit_then_html", 3)

    with pytest.raises(OutcomeUnknown, match="create Account"):
        place.client.create_account("Amazon Clearing", "Other Current Asset", "OtherCurrentAssets", "USD", "a1")


@pytest.mark.parametrize("kind", [*LOST, *DEFINITE])
def test_a_question_is_asked_until_it_is_answered(place: Place, kind: str) -> None:
    undisturbed = place.client.accounts()
    if kind in ("commit_then_html", "commit_then_503", "503_before_commit", "commit_then_reset"):
        place.fault("query", kind, 2)
    elif kind != "truncated_json":
        place.fault("query", kind)

    assert place.client.accounts() == undisturbed


def test_a_cut_answer_to_a_question_is_said_to_be_so(place: Place) -> None:
    place.fault("query", "truncated_json")

    with pytest.raises(VendorError, match=r"quickbooks answered query with 200 unreadable.*request 1-"):
        place.client.accounts()


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_taken_number_names_its_owner(place: Place, language: str) -> None:
    references = place.furnish()
    owner = found(send(place, references, invoice(), request="r1")["1"])
    if language == "fr":
        place.fault("batch", "localised_6140")

    outcome = send(place, references, invoice(), request="r2")["1"]

    assert isinstance(outcome, Fault)
    assert (outcome.code, outcome.duplicate_of) == ("6140", owner.quickbooks_id)


def test_one_refused_item_does_not_spoil_the_others(place: Place) -> None:
    references = place.furnish()
    broken = References(
        accounts=references.accounts,
        items={**references.items, "GONE": QuickBooksRef("999", "?")},
        customers=references.customers,
        banks=references.banks,
        postings={},
    )
    bad = invoice("113-0000000-0000002", lines=(InvoiceLine("GONE", 2_499),))

    outcomes = send(place, broken, invoice(), bad)

    assert found(outcomes["1"]).total == 2_499
    assert isinstance(outcomes["2"], Fault)
    assert outcomes["2"].code == "2500"


def test_a_taken_name_is_refused_with_its_code(place: Place) -> None:
    place.client.create_customer("Amazon", "USD", "c1")

    with pytest.raises(VendorError) as caught:
        place.client.create_customer("amazon", "USD", "c2")

    assert caught.value.code == "6240"
    assert caught.value.request.startswith("1-")


def test_an_ended_subscription_says_so(serve: Serve) -> None:
    place = serve()
    place.furnish()
    place.control("dials", {"subscription_ended": True})

    with pytest.raises(VendorError, match=r"6190.*subscription") as caught:
        place.client.create_customer("Amazon", "USD", "c5")

    assert not isinstance(caught.value, ConnectionLost)


@pytest.mark.parametrize(
    ("status", "kind", "content"),
    [
        (403, "application/json", b'{"fault":{"error":[{"message":"m","code":"003100"}],"type":"SERVICE"}}'),
        (401, "application/json", b'{"fault":{"error":[{"message":"WrongClusterError","code":"130"}]}}'),
        (400, "application/json", b'{"Fault":{"Error":[{"Message":"m","code":"120"}]}}'),
        (403, "text/html", b"<html>forbidden</html>"),
    ],
)
def test_a_company_that_turns_us_away_must_be_connected_again(
    place: Place, status: int, kind: str, content: bytes
) -> None:
    place.client.company()
    place.recorder.answers = [("/query", status, kind, content)]

    with pytest.raises(ConnectionLost, match="ml-connector connect quickbooks us"):
        place.client.accounts()


def test_an_old_throttle_in_xml_under_403_is_waited_out(place: Place) -> None:
    body = (
        b'<IntuitResponse time="2016-10-27T15:07:56.120-07:00" xmlns="http://schema.intuit.com/finance/v3">'
        b'<Fault type="SERVICE"><Error code="3001"><Message>m</Message></Error></Fault></IntuitResponse>'
    )
    place.recorder.answers = [("/query", 403, "application/xml", body)]

    assert place.client.accounts()


def test_a_client_within_its_quotas_is_never_throttled(serve: Serve, tmp_path: Path) -> None:
    """QuickBooks' real limits, on a clock a hundred times as fast: a minute takes 0.6 s."""
    from adapters.database import open_database
    from adapters.quota import Quotas

    database = open_database(f"sqlite:///{tmp_path / 'quotas.db'}")
    limits = {"requests_per_second": 10, "requests_per_minute": 500, "batches_per_minute": 40}
    place = serve(speed=100.0, quotas=Quotas(database, 100.0), **limits)
    references = place.furnish()
    for number in range(60):
        send(place, references, invoice(f"113-0000000-{number:07}"), request=f"r{number}")
    for _ in range(60):
        place.client.company()
    database.close()

    assert place.control("calls")["throttled"] == 0


def test_no_window_of_quickbooks_can_overflow(place: Place) -> None:
    """A bucket lets its burst and a window's worth of its rate through."""
    send(place, place.furnish(), invoice())

    windows = {"requests": (1, 10), "minute": (60, 500), "batch": (60, 40)}
    for name, (seconds, allowed) in windows.items():
        rate, burst = place.quotas.limits[f"quickbooks/{place.facts['realm']}/{name}"]
        assert burst + rate * seconds <= allowed


# --- finding ---------------------------------------------------------------------------------------------------------


def by_hand(place: Place, entity: str, **value: Any) -> str:
    """Made by a person in QuickBooks; its id."""
    token = place.client._login.access_token().value
    answer = httpx.post(
        f"{place.url}/v3/company/{place.facts['realm']}/{entity}?minorversion=75",
        json=value,
        headers={"Authorization": f"Bearer {token}"},
    )
    answer.raise_for_status()
    (made,) = (value for value in answer.json().values() if isinstance(value, dict))
    return str(made["Id"])


def deposited(references: References, amount: float = 1.00, **more: Any) -> dict[str, Any]:
    detail = {"AccountRef": {"value": references.accounts["FEE"].id}}
    return {
        "DepositToAccountRef": {"value": references.banks["USD"].id},
        "TxnDate": DAY.isoformat(),
        "Line": [{"Amount": amount, "DetailType": "DepositLineDetail", "DepositLineDetail": detail}],
        **more,
    }


def sale(references: References, amount: float = 24.99, **more: Any) -> dict[str, Any]:
    detail = {"ItemRef": {"value": references.items["SALES"].id}, "TaxCodeRef": {"value": "NON"}}
    return {
        "CustomerRef": {"value": references.customers["Amazon.com USD"].id},
        "TxnDate": DAY.isoformat(),
        "Line": [{"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}],
        **more,
    }


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"PrivateNote": ""}, ("note without our mark",)),
        ({"PrivateNote": f"AMZ-ORDER {ORDER}-2"}, ("note without our mark",)),
        ({"TxnDate": "2026-11-17", "PrivateNote": f"AMZ-ORDER {ORDER}"}, ("date 2026-11-17",)),
        ({"amount": 25.00, "PrivateNote": f"AMZ-ORDER {ORDER}"}, ("total 25.00 USD", "lines")),
    ],
)
def test_an_invoice_with_our_number_and_other_contents_is_seen_and_not_taken_for_ours(
    place: Place, changed: dict[str, Any], differs: tuple[str, ...]
) -> None:
    references = place.furnish()
    by_hand(place, "invoice", DocNumber=ORDER, **sale(references, **changed))

    (sighting,) = sightings(place, invoice(), references)
    assert sighting.differs == differs


def test_an_invoice_of_another_customer_is_not_ours(place: Place) -> None:
    references = place.furnish()
    other = place.client.create_customer("Somebody else", "USD", "c3")
    told = sale(references, DocNumber=ORDER, PrivateNote=f"AMZ-ORDER {ORDER}")
    by_hand(place, "invoice", **{**told, "CustomerRef": {"value": other.id}})

    (sighting,) = sightings(place, invoice(), references)
    assert sighting.differs == ("customer",)


def test_a_document_that_a_person_changed_is_seen_by_whatever_mark_is_left(place: Place) -> None:
    """Not seen it would count as lost and be posted again."""
    references = place.furnish()
    moved = by_hand(place, "deposit", **deposited(references, TxnDate="2026-11-24", PrivateNote="AMZ-SETTLEMENT 123"))
    renumbered = by_hand(
        place,
        "invoice",
        DocNumber="1001",
        **sale(references, PrivateNote=f"see AMZ-ORDER {ORDER}", TxnDate="2026-12-01"),
    )
    unrelated = by_hand(place, "deposit", **deposited(references, amount=3.00, PrivateNote="rent"))

    (deposited_then,) = sightings(place, deposit(), references)
    assert (deposited_then.found.quickbooks_id, deposited_then.differs[0]) == (moved, "date 2026-11-24")
    assert sightings(place, invoice(), references) == []  # by number alone it cannot be seen
    (invoiced_then,) = sightings(place, invoice(), references, everywhere=True)
    assert invoiced_then.found.quickbooks_id == renumbered
    assert invoiced_then.differs == ("number 1001", "date 2026-12-01")
    assert unrelated not in {deposited_then.found.quickbooks_id, invoiced_then.found.quickbooks_id}


def test_a_deposit_of_the_same_money_made_by_hand_is_seen(place: Place) -> None:
    """The bank feed's Add button books Amazon's money without us: the commonest way to count it twice."""
    references = place.furnish()
    total = deposit().total / 100
    near = by_hand(place, "deposit", **deposited(references, amount=total, TxnDate="2026-11-20", PrivateNote=""))
    by_hand(place, "deposit", **deposited(references, amount=total, TxnDate="2026-12-20", PrivateNote=""))
    by_hand(place, "deposit", **deposited(references, amount=total, PrivateNote="AMZ-SETTLEMENT 999"))

    (sighting,) = sightings(place, deposit(), references)
    assert (sighting.found.quickbooks_id, sighting.differs[0]) == (near, "note without our mark")


def test_an_invoice_is_found_without_numbers_of_ours(serve: Serve) -> None:
    place = serve(custom_txn_numbers=False)
    known = place.furnish()
    references = References(
        accounts=known.accounts, items=known.items, customers=known.customers, banks=known.banks, postings={},
        custom_numbers=False,
    )  # fmt: skip
    others = [invoice(f"113-0000000-{n:07}") for n in range(3)]
    outcomes = send(place, references, *others, invoice())

    assert b"DocNumber" not in place.recorder.batches()[0][1]
    assert ours(place, invoice(), references) == found(outcomes["4"])


def test_settlement_123_is_not_settlement_1234(place: Place) -> None:
    references = place.furnish()
    send(place, references, deposit("1234"), request="r1")

    assert sightings(place, deposit("123"), references) == []
    posted = found(send(place, references, deposit("123"), request="r2")["1"])
    assert ours(place, deposit("123"), references) == posted


def test_what_stands_there_twice_is_told_twice_the_older_first(place: Place) -> None:
    references = place.furnish()
    first = found(send(place, references, deposit(), request="r1")["1"])
    send(place, references, deposit(), request="r2")

    seen = sightings(place, deposit(), references)
    assert [sighting.differs for sighting in seen] == [(), ()]
    assert seen[0].found == first


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_no_secret_is_logged_said_or_left_in_a_traceback(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    references = place.furnish()
    send(place, references, invoice())
    failures: list[BaseException] = []

    def fails(act: Callable[[], Any]) -> None:
        with pytest.raises(VendorError) as caught:
            act()
        failures.append(caught.value)

    place.fault("query", "commit_then_reset", 20)
    fails(place.client.accounts)
    place.control("faults", [])
    place.fault("batch", "commit_then_reset", 3)
    fails(lambda: send(place, references, invoice("113-0000000-0000009"), request="r9"))
    token = place.client._login.access_token().value
    expired = {"fault": {"error": [{"message": "m", "detail": f"Token expired: {token}", "code": "3200"}]}}
    place.recorder.answers = [("/query", 401, "application/json", json.dumps(expired).encode())] * 2
    fails(place.client.accounts)
    place.recorder.answers = [("/bearer", 400, "application/json", b'{"error":"invalid_grant"}')] * 2
    place.control("faults", [{"on": "any", "kind": "expire_token"}])
    fails(place.client.accounts)
    place.vault.value.pop("access_token", None)
    place.recorder.answers = [("/bearer", 200, "application/json", b'{"access_token":"eyJhbGciOi')]
    fails(place.open().accounts)
    place.fault("token", "commit_then_reset", 20)
    fails(place.open().accounts)
    place.control("faults", [])
    fails(place.open(client_secret="quite-wrong-secret").accounts)

    secrets = {
        place.facts["client_secret"],
        place.facts["refresh_token"],
        "quite-wrong-secret",
        "eyJhbGciOi",
        *(header.split()[-1] for *_, headers in place.recorder.requests if (header := headers.get("authorization"))),
    }
    assert len(secrets) >= 6
    told = [caplog.text, *(repr(vars(record)) for record in caplog.records), repr(vars(place.client))]
    told += [repr(vars(place.client._login))]
    for failure in failures:
        told += [str(failure), repr(failure), repr(vars(failure)), repr(failure.__context__)]
        told += [repr(value) for frame in _frames(failure) for value in frame.values()]
    assert [(secret, text[:300]) for secret in secrets for text in told if secret in text] == []


def _frames(error: BaseException) -> list[dict[str, Any]]:
    """The variables of every function the error went through, tests aside."""
    return [
        frame.f_locals
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if "/tests/" not in frame.f_code.co_filename and "/_pytest/" not in frame.f_code.co_filename
    ]
