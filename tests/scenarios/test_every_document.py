"""Every kind of document over HTTP: created, looked up, amended, voided, deleted, and what people do in between.

Without these, a change could be written over a person's edit, be lost, or be done twice.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from every_document import (
    ALL,
    AMENDED_JOURNAL,
    APPLICATION,
    CREDIT_MEMO,
    DAY,
    DEPOSIT,
    EVERY,
    INVOICE,
    JOURNAL,
    PAYMENT,
    PURCHASE,
    REFUND_RECEIPT,
    SALES_RECEIPT,
    balances,
    change,
    plan,
    post,
    posting,
    reasons,
    replaced,
    set_up,
)
from falsified import verdict
from shop import Shop

from application.posting_run import LOOK_UP_AFTER
from domain.document import DepositLine, Document, InvoiceLine, JournalLine
from domain.errors import OutcomeUnknown
from domain.money import format_minor
from domain.posting import kind_of
from entrypoints.bootstrap import open_books

OpenShop = Callable[..., AbstractContextManager[Shop]]
WORLD: dict[str, Any] = {"orders": 3, "settlements": 1, "seed": 5}
CRASHING = Path(__file__).parents[1] / "support" / "crashing.py"
ENTITIES = {
    "invoice": "Invoice", "credit_memo": "CreditMemo", "sales_receipt": "SalesReceipt", "payment": "Payment",
    "refund_receipt": "RefundReceipt", "purchase": "Purchase", "journal": "JournalEntry", "deposit": "Deposit",
}  # fmt: skip

# Each document otherwise: other lines where nothing hangs on its total, another day where something does.
AMENDED: dict[str, Any] = {
    "invoice": replaced(
        INVOICE, lines=(InvoiceLine("SALES", 9_000, "Blue mug", 4), InvoiceLine("GIFT", 500)), tracking_number="1Z1"
    ),
    "credit_memo": replaced(CREDIT_MEMO, lines=(InvoiceLine("SHIPINC", 2_000, "Shipping back"),)),
    "sales_receipt": replaced(SALES_RECEIPT, lines=(InvoiceLine("SALES", 4_000),), total=4_000),
    "refund_receipt": replaced(REFUND_RECEIPT, lines=(InvoiceLine("SALES", 600),), total=600),
    "payment": replaced(PAYMENT, day=DAY.replace(day=20)),
    "purchase": replaced(PURCHASE, lines=(JournalLine("CLR:USD", 30_000), JournalLine("ADS", 2_169))),
    "journal": AMENDED_JOURNAL,
    "deposit": replaced(DEPOSIT, lines=(*DEPOSIT.lines[:1], replaced(DEPOSIT.lines[1], account="STORAGE"))),
}  # fmt: skip
# Those that QuickBooks can void; the others are deleted (quickbooks.md 4).
ENDED: dict[str, Any] = {
    "invoice": "void", "sales_receipt": "void", "payment": "void",
    "credit_memo": "delete", "refund_receipt": "delete", "purchase": "delete", "journal": "delete", "deposit": "delete",
}  # fmt: skip


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """A file: what is told apart here is QuickBooks' side. Both databases hold the same commands in test_crashes."""
    return f"sqlite:///{tmp_path / 'documents.db'}"


def by_hand(shop: Shop, path: str, body: dict[str, Any], **params: str) -> dict[str, Any]:
    """A person's write in QuickBooks."""
    quickbooks = shop.services.quickbooks(shop.flow())
    answer = quickbooks._call("by hand", "POST", path, list(params.items()), body=msgspec.json.encode(body))
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = next(value for value in answer.json().values() if isinstance(value, dict))
    return made


def there(shop: Shop, document: Document, quickbooks_id: str = "") -> dict[str, Any] | None:
    """The document as QuickBooks has it."""
    kind = kind_of(document)
    found = shop.services.quickbooks(shop.flow()).read(kind, quickbooks_id or posting(shop, document).quickbooks_id)
    return None if found is None else msgspec.json.decode(found.content)


def edited(shop: Shop, document: Document, **changes: Any) -> None:
    told = there(shop, document)
    assert told is not None
    by_hand(shop, f"/{ENTITIES[kind_of(document)].lower()}", {**told, **changes})


def all_posted(shop: Shop) -> None:
    set_up(shop)
    plan(shop, *ALL)
    assert post(shop).rejected == 0
    assert {posting(shop, document).status for document in ALL} == {"posted"}


def later(shop: Shop) -> None:
    shop.wait(LOOK_UP_AFTER)


def test_every_kind_is_posted_in_its_order_and_books_what_it_says(open_shop: OpenShop) -> None:
    with open_shop(**WORLD) as shop:
        set_up(shop)
        plan(shop, *reversed(ALL))  # planned before what they hang on

        run = post(shop)

        assert run.posted == {**dict.fromkeys(EVERY, 1), "payment": 2}
        assert (run.rejected, run.unknown, shop.rows("held")) == (0, 0, [])
        assert shop.trial_balance() == balances(shop, ALL)
        told = there(shop, INVOICE)
        assert told is not None
        assert told["Balance"] == 0  # the payment and the credit memo together settled it
        assert (told["DueDate"], told["TrackingNum"], told["TotalAmt"]) == ("2026-12-10", "1Z999", 102)
        assert shop.control("quickbooks", "misuse") == []

        documents = shop.documents()
        assert post(shop).posted == {}
        assert shop.documents() == documents


def test_an_installation_that_lost_its_database_finds_each_kind_again(open_shop: OpenShop, tmp_path: Path) -> None:
    with open_shop(quickbooks_dials={"requestid_hours": 0.0}, **WORLD) as shop:
        all_posted(shop)
        documents, books = shop.documents(), shop.trial_balance()
        home = tmp_path / "new"
        anew = Shop(home, f"sqlite:///{home / 'new.db'}", shop.amazon, shop.quickbooks)
        try:
            set_up(anew)
            plan(anew, *ALL)
            post(anew)
            assert anew.rows("held") == []
            assert all(posting(anew, document).adopted for document in ALL)
        finally:
            anew.services.close()
        assert (shop.documents(), shop.trial_balance()) == (documents, books)


@pytest.mark.parametrize("kind", EVERY)
def test_a_document_is_amended_whole(open_shop: OpenShop, kind: str) -> None:
    with open_shop(**WORLD) as shop:
        all_posted(shop)
        document = AMENDED[kind]
        documents = shop.documents()
        plan(shop, document, operation="amend")

        run = post(shop)

        assert run.posted == {kind: 1}
        assert (posting(shop, document).status, posting(shop, document).document) == ("posted", document)
        assert shop.documents() == documents
        assert shop.trial_balance() == balances(shop, [*(each for each in ALL if each is not EVERY[kind]), document])
        assert reasons(shop, document) == []


def test_a_tax_that_is_taken_off_is_gone_in_quickbooks(open_shop: OpenShop) -> None:
    """A sparse update keeps what it does not name: unsaid, the old tax would stay on the new total."""
    with open_shop(**WORLD) as shop:
        set_up(shop)
        plan(shop, INVOICE)
        post(shop)
        untaxed = replaced(INVOICE, tax=0, tax_account="", total=9_500)
        plan(shop, untaxed, operation="amend")

        post(shop)

        assert shop.trial_balance() == balances(shop, [untaxed])
        assert shop.rows("held") == []


@pytest.mark.parametrize("kind", EVERY)
def test_a_document_is_voided_or_deleted(open_shop: OpenShop, kind: str) -> None:
    with open_shop(**WORLD) as shop:
        set_up(shop)
        document = EVERY[kind]
        if kind == "payment":
            plan(shop, INVOICE, document)
        else:
            plan(shop, replaced(document))
        post(shop)
        assert posting(shop, document).status == "posted"
        identity = posting(shop, document).quickbooks_id
        plan(shop, document, operation=ENDED[kind])

        run = post(shop)

        assert run.posted == {kind: 1}
        assert posting(shop, document).status == ("voided" if ENDED[kind] == "void" else "deleted")
        assert shop.trial_balance() == (balances(shop, [INVOICE]) if kind == "payment" else {})
        assert (there(shop, document, identity) is None) == (ENDED[kind] == "delete")
        assert [row["status"] for row in shop.rows("postings", kind=kind)] == [posting(shop, document).status]


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("operation", ["amend", "end"])
def test_what_a_person_edited_is_never_written_over(open_shop: OpenShop, kind: str, operation: str) -> None:
    with open_shop(**WORLD) as shop:
        all_posted(shop)
        edited(shop, EVERY[kind], TxnDate="2026-11-21")
        told, books = there(shop, EVERY[kind]), shop.trial_balance()
        document = AMENDED[kind] if operation == "amend" else EVERY[kind]
        plan(shop, document, operation="amend" if operation == "amend" else ENDED[kind])

        assert post(shop).posted == {}

        assert reasons(shop, document) == ["changed_by_hand"]
        assert (there(shop, EVERY[kind]), shop.trial_balance()) == (told, books)
        assert posting(shop, document).document == EVERY[kind]  # as we left it, and as it is not any more
        post(shop)
        assert there(shop, EVERY[kind]) == told


def test_what_a_person_deleted_is_not_changed(open_shop: OpenShop) -> None:
    with open_shop(**WORLD) as shop:
        all_posted(shop)
        told = there(shop, JOURNAL)
        assert told is not None
        by_hand(shop, "/journalentry", {"Id": told["Id"], "SyncToken": told["SyncToken"]}, operation="delete")
        plan(shop, AMENDED["journal"], operation="amend")

        post(shop)

        assert reasons(shop, JOURNAL) == ["changed_by_hand"]


class Between:
    """The real client, except that something happens in QuickBooks just before a batch arrives."""

    def __init__(self, client: Any, happens: Callable[[], None], times: int) -> None:
        self._client, self._happens, self._left = client, happens, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def send_batch(self, request_id: str, body: bytes) -> Any:
        self._left -= 1
        if self._left >= 0:
            self._happens()
        return self._client.send_batch(request_id, body)


def test_a_version_that_moved_under_us_is_read_again_and_changed(open_shop: OpenShop) -> None:
    """QuickBooks counts a version up for a payment too, which is nobody's edit: 5010, then the change goes through."""
    with open_shop(**WORLD) as shop:
        all_posted(shop)
        plan(shop, AMENDED["invoice"], operation="amend")
        client = Between(
            shop.services.quickbooks(shop.flow()), lambda: edited(shop, INVOICE, CustomerMemo={"value": "Thanks"}), 2
        )

        for _ in range(4):
            post(shop, client)

        assert posting(shop, INVOICE).document == AMENDED["invoice"]
        assert reasons(shop, INVOICE) == []
        assert shop.trial_balance() == balances(shop, [AMENDED["invoice"], *(each for each in ALL if each != INVOICE)])


def test_an_edit_between_our_look_and_our_write_is_not_written_over(open_shop: OpenShop) -> None:
    with open_shop(**WORLD) as shop:
        all_posted(shop)
        plan(shop, AMENDED["journal"], operation="amend")
        client = Between(shop.services.quickbooks(shop.flow()), lambda: edited(shop, JOURNAL, TxnDate="2026-11-21"), 1)

        for _ in range(3):
            post(shop, client)

        told = there(shop, JOURNAL)
        assert told is not None
        assert told["TxnDate"] == "2026-11-21"
        assert reasons(shop, JOURNAL) == ["changed_by_hand"]


def test_who_is_always_second_gives_up_and_says_so(open_shop: OpenShop) -> None:
    with open_shop(**WORLD) as shop:
        all_posted(shop)
        plan(shop, AMENDED["journal"], operation="amend")
        client = Between(shop.services.quickbooks(shop.flow()), lambda: edited(shop, JOURNAL, Adjustment=False), 1_000)

        for _ in range(12):
            post(shop, client)

        assert reasons(shop, JOURNAL) == ["change_refused"]
        assert client._left > 980  # it did not try for ever
        assert shop.trial_balance() == balances(shop, ALL)


@pytest.mark.parametrize(
    ("dials", "reason"),
    [
        ({"book_close_date": "2026-11-30"}, "closed_period"),
        ({"book_close_date": "2026-11-30", "book_close_password": True}, "closed_period"),
        ({"subscription_ended": True}, "subscription_ended"),
    ],
    ids=["6200", "6210", "6190"],
)
def test_what_quickbooks_locks_waits_for_a_person(open_shop: OpenShop, dials: dict[str, Any], reason: str) -> None:
    with open_shop(**WORLD) as shop:
        all_posted(shop)
        books = shop.trial_balance()
        shop.control("quickbooks", "dials", dials)
        new = replaced(JOURNAL, number="J-2", settlement_id="")
        plan(shop, AMENDED["journal"], operation="amend")
        plan(shop, new)
        plan(shop, INVOICE, operation="void")

        post(shop)

        assert [reasons(shop, each) for each in (JOURNAL, new, INVOICE)] == [[reason]] * 3
        assert shop.trial_balance() == books
        assert [posting(shop, each).status for each in (JOURNAL, new, INVOICE)] == ["posted", "rejected", "posted"]


def test_a_payment_that_somebody_deposited_waits_for_a_person(open_shop: OpenShop) -> None:
    """6540: it has to be taken out of the deposit first."""
    with open_shop(**WORLD) as shop:
        set_up(shop)
        known = {ref.name: ref for ref in shop.services.quickbooks(shop.flow()).accounts()}
        change(shop, accounts={"CLR:USD": known["Undeposited Funds"]})
        plan(shop, INVOICE, PAYMENT)
        post(shop)
        payment = there(shop, PAYMENT)
        assert payment is not None
        link = {"TxnId": payment["Id"], "TxnType": "Payment", "TxnLineId": "0"}
        by_hand(
            shop, "/deposit",
            {
                "DepositToAccountRef": {"value": known["Checking"].id}, "CurrencyRef": {"value": "USD"},
                "Line": [{"Amount": payment["TotalAmt"], "LinkedTxn": [link]}],
            },
        )  # fmt: skip
        books = shop.trial_balance()
        plan(shop, PAYMENT, operation="void")

        post(shop)

        assert reasons(shop, PAYMENT) == ["deposited"]
        assert (posting(shop, PAYMENT).status, shop.trial_balance()) == ("posted", books)


@pytest.mark.parametrize("document", [INVOICE, JOURNAL], ids=["void", "delete"])
def test_what_is_matched_with_the_bank_waits_for_a_person(open_shop: OpenShop, document: Document) -> None:
    """6480: the match has to be undone first; then it goes through."""
    with open_shop(**WORLD) as shop:
        all_posted(shop)
        books = shop.trial_balance()
        entity = ENTITIES[kind_of(document)]
        shop.control("quickbooks", "match", [{"entity": entity, "id": posting(shop, document).quickbooks_id}])
        plan(shop, document, operation=ENDED[kind_of(document)])

        post(shop)

        assert reasons(shop, document) == ["bank_matched"]
        assert (posting(shop, document).status, shop.trial_balance()) == ("posted", books)


def test_a_company_outside_of_the_us_gets_no_tax_codes_it_does_not_have(open_shop: OpenShop) -> None:
    with open_shop(quickbooks_dials={"country": "GB"}, **WORLD) as shop:
        set_up(shop)
        untaxed = replaced(INVOICE, tax=0, tax_account="", total=9_500)
        taxed = replaced(SALES_RECEIPT, tax=100, tax_account="STX", total=3_599)
        plan(shop, untaxed, REFUND_RECEIPT, PURCHASE, JOURNAL, taxed)

        post(shop)

        assert shop.trial_balance() == balances(shop, [untaxed, REFUND_RECEIPT, PURCHASE, JOURNAL])
        assert reasons(shop, taxed) == ["refused_by_quickbooks"]  # its tax code is not known: held, not guessed


def test_what_cannot_be_written_waits_alone(open_shop: OpenShop) -> None:
    """It names what is not mapped, or its number has no room: it is refused, and the others go out."""
    with open_shop(**WORLD) as shop:
        set_up(shop)
        long = replaced(JOURNAL, number="J" * 22)
        unmapped = replaced(JOURNAL, lines=(JournalLine("NOWHERE", 5), JournalLine("CLR:USD", -5)), total=5)
        plan(shop, long, unmapped, INVOICE, PURCHASE)

        run = post(shop)

        assert run.rejected == 2
        assert [reasons(shop, each) for each in (long, unmapped)] == [["cannot_be_sent"]] * 2
        assert "account 'NOWHERE'" in next(row["text"] for row in shop.rows("held") if row["key"] == unmapped.number)
        assert shop.trial_balance() == balances(shop, [INVOICE, PURCHASE])
        assert post(shop).rejected == 0


def test_thirty_changes_are_held_against_quickbooks_in_one_call(open_shop: OpenShop) -> None:
    with open_shop(**WORLD) as shop:
        set_up(shop)
        many = [replaced(JOURNAL, number=f"J-{number}", settlement_id="") for number in range(30)]
        plan(shop, *many)
        post(shop)
        plan(shop, *many, operation="delete")
        before = shop.control("quickbooks", "calls")["calls"]

        assert post(shop).posted == {"journal": 30}

        calls = shop.control("quickbooks", "calls")["calls"]
        made = {name: number - before.get(name, 0) for name, number in calls.items() if name != "token"}
        assert {name: number for name, number in made.items() if number} == {"query": 1, "batch": 1}
        assert shop.trial_balance() == {}


def test_a_deposit_takes_payments_out_of_undeposited_funds(open_shop: OpenShop, tmp_path: Path) -> None:
    """By links, as a person does it; their amounts are answered without cents, which is no difference."""
    linked = replaced(PAYMENT, clearing="UNDEP")
    deposit = replaced(
        DEPOSIT, cleared=0, lines=(DepositLine("REFFEE", -60, "Fees"), DepositLine("UNDEP", 8_060, "")),
        total=8_000, payments=(PAYMENT.number,),
    )  # fmt: skip

    def start(shop: Shop) -> None:
        set_up(shop)
        known = {ref.name: ref for ref in shop.services.quickbooks(shop.flow()).accounts()}
        change(shop, accounts={"UNDEP": known["Undeposited Funds"]})
        plan(shop, INVOICE, linked, deposit)
        post(shop)

    with open_shop(quickbooks_dials={"requestid_hours": 0.0}, **WORLD) as shop:
        start(shop)

        assert shop.rows("held") == []
        assert shop.trial_balance() == balances(shop, [INVOICE, linked, deposit])
        told = there(shop, linked)
        assert told is not None
        assert told["LinkedTxn"] == [{"TxnId": posting(shop, deposit).quickbooks_id, "TxnType": "Deposit"}]
        assert verdict(open_books(shop.services, "us")) == []
        documents = shop.documents()
        home = tmp_path / "new"
        anew = Shop(home, f"sqlite:///{home / 'new.db'}", shop.amazon, shop.quickbooks)
        try:
            start(anew)
            assert anew.rows("held") == []
            assert posting(anew, deposit).adopted
        finally:
            anew.services.close()
        assert shop.documents() == documents
        plan(shop, linked, operation="void")
        post(shop)
        assert reasons(shop, linked) == ["deposited"]
        plan(shop, deposit, operation="delete")
        post(shop)
        assert posting(shop, deposit).status == "deleted"


def test_a_total_that_quickbooks_computes_otherwise_is_held(open_shop: OpenShop) -> None:
    """Automated sales tax on a form whose tax we did not state."""
    with open_shop(quickbooks_dials={"ast_rate": "0.10"}, **WORLD) as shop:
        set_up(shop)
        shop.control("quickbooks", "dials", {"ast_rate": "0.10"})
        untaxed = replaced(SALES_RECEIPT)
        plan(shop, untaxed, INVOICE)
        post(shop)

        # NON on every line keeps it away from the first, the override of the tax from the second.
        assert shop.trial_balance() == balances(shop, [untaxed, INVOICE])
        assert shop.rows("held") == []


LOST_CHANGES = ["amend", "end"]


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("operation", LOST_CHANGES)
@pytest.mark.parametrize("done", [True, False], ids=["done", "not-done"])
def test_a_lost_answer_to_a_change_changes_once(open_shop: OpenShop, kind: str, operation: str, done: bool) -> None:
    """Neither the sending nor its replay is answered, and QuickBooks has forgotten the request: it is looked up."""

    class Losing:
        def __init__(self, client: Any) -> None:
            self._client, self._left = client, 2

        def __getattr__(self, name: str) -> Any:
            return getattr(self._client, name)

        def send_batch(self, request_id: str, body: bytes) -> Any:
            self._left -= 1
            if self._left < 0:
                return self._client.send_batch(request_id, body)
            if done and self._left == 1:
                self._client.send_batch(request_id, body)
            raise OutcomeUnknown("quickbooks' answer to batch was lost", vendor="quickbooks")

    with open_shop(**WORLD) as shop:
        set_up(shop)
        document = EVERY[kind]
        first = [INVOICE, document] if kind == "payment" else [replaced(document)]
        plan(shop, *first)
        post(shop)
        changed = AMENDED[kind] if operation == "amend" else document
        plan(shop, changed, operation="amend" if operation == "amend" else ENDED[kind])
        client = Losing(shop.services.quickbooks(shop.flow()))

        for _ in range(5):
            post(shop, client)
            later(shop)

        stands = [INVOICE] if kind == "payment" else []
        if operation == "amend":
            stands.append(changed)
        assert posting(shop, document).status == {"amend": "posted"}.get(
            operation, "voided" if ENDED[kind] == "void" else "deleted"
        )
        assert shop.trial_balance() == balances(shop, stands)
        assert reasons(shop, document) == []
        assert shop.services.views.open_batches("us") == []


@pytest.mark.parametrize("point", ["claimed", "sent"])
@pytest.mark.parametrize("kind", ["invoice", "journal"])
def test_a_process_killed_around_a_change_changes_once(open_shop: OpenShop, point: str, kind: str) -> None:
    with open_shop(**WORLD) as shop:
        set_up(shop)
        shop.sync()
        before = shop.trial_balance()
        plan(shop, EVERY[kind])
        post(shop)
        plan(shop, AMENDED[kind], operation="amend")
        died = subprocess.run(
            [sys.executable, str(CRASHING), point],
            env={**os.environ, **shop.environment()},
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert died.returncode == 9, died.stderr.decode()
        assert len(shop.services.views.open_batches("us")) <= 1

        for _ in range(4):
            later(shop)
            post(shop)

        assert posting(shop, AMENDED[kind]).document == AMENDED[kind]
        assert posting(shop, AMENDED[kind]).status == "posted"
        after = shop.trial_balance()
        wanted = balances(shop, [AMENDED[kind]])
        for name in {*before, *after, *wanted}:
            moved = _cents(after.get(name)) - _cents(before.get(name))
            assert format_minor(moved, "USD") == wanted.get(name, "0.00"), name


def _cents(amount: str | None) -> int:
    return int((amount or "0.00").replace(".", ""))


def test_an_application_of_a_credit_moves_no_money(open_shop: OpenShop) -> None:
    with open_shop(**WORLD) as shop:
        set_up(shop)
        plan(shop, INVOICE, CREDIT_MEMO, APPLICATION)
        post(shop)

        invoice, memo, applied = (there(shop, each) for each in (INVOICE, CREDIT_MEMO, APPLICATION))
        assert invoice is not None
        assert memo is not None
        assert applied is not None
        assert (invoice["Balance"], memo["Balance"], applied["TotalAmt"]) == (80.6, 0, 0)
        assert {line["LinkedTxn"][0]["TxnType"] for line in applied["Line"]} == {"Invoice", "CreditMemo"}
