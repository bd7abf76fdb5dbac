"""A shop's payouts on its bank's statement: matched, proposed, undone and told of, on both databases."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from bank_files import Line, csv, ofx
from shop import Shop

from application.bank_alerts import bank_alerts
from application.bank_imports import ImportedFile
from application.bank_matches import bank_state
from domain.errors import BadInput
from domain.money import format_minor
from entrypoints.bootstrap import read_bank_statement

OpenShop = Callable[..., AbstractContextManager[Shop]]


def take(shop: Shop, content: bytes, name: str = "november.qfx", **more: Any) -> ImportedFile:
    service = shop.services
    return service.bank_imports.import_file(
        shop.flow(), content, name, read_bank_statement, service.evidence, "ada", **more
    )


def paid(shop: Shop) -> list[tuple[str, date, str]]:
    """Settlement ids, Amazon's deposit dates and totals, oldest first."""
    flow = shop.flow()
    found = []
    for row in shop.rows("settlements"):
        day = flow.day(datetime.fromisoformat(row["deposit_date"]))
        found.append((row["settlement_id"], day, format_minor(row["total"], "USD")))
    return sorted(found, key=lambda one: one[1])


def lines_of(shop: Shop, days: int = 2) -> list[Line]:
    """What the bank books for them, so many days later, among a rent."""
    made = [
        (day + timedelta(days=days), total, f"AMAZON.COM SVCS PAYMENTS ID:{name}", f"f{name}")
        for name, day, total in paid(shop)
    ]
    return [*made, (made[0][0], "-1200.00", "RENT Mrs Miller", "r1")]


def statement(shop: Shop, lines: list[Line] | None = None, **more: Any) -> bytes:
    lines = lines if lines is not None else lines_of(shop)
    return ofx(lines, min(one[0] for one in lines) - timedelta(days=3), max(one[0] for one in lines), **more)


@contextlib.contextmanager
def synced(open_shop: OpenShop, **world: Any) -> Any:
    with open_shop(**{"orders": 60, "settlements": 3, "seed": 7, **world}) as shop:
        shop.set_up()
        shop.sync()
        yield shop


def match(shop: Shop) -> tuple[int, int]:
    found = shop.services.bank_book.match("us", "ada")
    return found.matched, found.proposals


def statuses(shop: Shop) -> list[str]:
    return sorted(row["bank_status"] for row in shop.rows("settlements"))


# --- the whole path --------------------------------------------------------------------------------------------------


def test_every_deposit_of_a_shop_is_on_the_bank_and_ties_to_the_cent(open_shop: OpenShop) -> None:
    with synced(open_shop) as shop:
        imported = take(shop, statement(shop))
        assert [(one.entries, one.new, one.twins, one.seen) for one in imported.statements] == [(4, 4, 0, False)]

        report = shop.sync()  # a cycle matches

        assert report.counts["bank_matched"] == 3
        settlements = shop.rows("settlements")
        assert {row["bank_status"] for row in settlements} == {"reconciled"}
        assert {(row["difference"], row["bank_difference"]) for row in settlements} == {(0, 0)}
        states = shop.services.bank_book.banked("us", [row["settlement_id"] for row in settlements])
        for name, day, total in paid(shop):
            arrived = states[name].arrived
            assert arrived is not None
            assert (arrived.day, arrived.reference) == (day + timedelta(days=2), f"f{name}")
            assert format_minor(arrived.amount, "USD") == total
        on_the_bank = sum(row["amount"] for row in shop.rows("bank_lines", status="matched"))
        assert shop.trial_balance()[shop.quickbooks["bank_account"]] == f"{on_the_bank / 100:.2f}"
        state = bank_state("us", shop.services.views)
        assert (state.proposals, state.missing, state.unexpected) == ([], [], [])
        (rent,) = shop.rows("bank_lines", status="open")
        assert (rent["amount"], rent["tells"]) == (-120000, "")  # of others' payments no name is kept
        again = shop.sync()
        assert "bank_matched" not in again.counts


def test_a_settlement_that_comes_after_its_bank_line_is_matched_by_the_next_cycle(open_shop: OpenShop) -> None:
    with (
        open_shop(orders=60, settlements=2, seed=7) as shop,
        open_shop("other", orders=60, settlements=2, seed=7) as first,
    ):
        first.set_up()
        first.sync()
        shop.set_up()
        take(shop, statement(first))
        assert shop.sync().counts["bank_matched"] == len(shop.rows("settlements"))


# --- files again, overlapping, of others -----------------------------------------------------------------------------


def test_a_statement_twice_and_overlapping_ones_give_each_line_once(open_shop: OpenShop) -> None:
    with synced(open_shop) as shop:
        lines = sorted(lines_of(shop))
        events = shop.services.store.end
        take(shop, statement(shop, lines[:3]))
        before = events()
        again = take(shop, statement(shop, lines[:3]), name="the same under another name.qfx")
        assert events() == before
        assert (again.statements[0].seen, again.statements[0].new) == (True, 0)
        assert take(shop, statement(shop, lines[1:])).statements[0].new == 1
        assert len(shop.rows("bank_lines")) == 4
        assert len(shop.rows("bank_statements")) == 2


def test_a_fitid_used_again_for_another_line_is_another_line(open_shop: OpenShop) -> None:
    with synced(open_shop) as shop:
        day = paid(shop)[0][1]
        take(shop, statement(shop, [(day, "5.00", "AMAZON A", "1"), (day, "6.00", "AMAZON B", "1")]))
        assert take(shop, statement(shop, [(day, "5.00", "AMAZON C", "1")])).statements[0].new == 1
        assert [row["status"] for row in shop.rows("bank_lines")] == ["open"] * 3


def test_a_line_from_another_format_may_be_a_twin_and_is_not_matched_twice(open_shop: OpenShop) -> None:
    with synced(open_shop) as shop:
        take(shop, statement(shop))
        match(shop)
        imported = take(shop, csv(lines_of(shop)), name="november.csv")
        assert imported.statements[0].twins == 4
        assert match(shop) == (0, 0)
        assert bank_state("us", shop.services.views).unexpected == []
        assert shop.services.bank_imports.account("us", "USD").columns is not None


def test_files_that_are_not_taken(open_shop: OpenShop) -> None:
    with synced(open_shop) as shop:
        good = statement(shop)
        take(shop, good)
        end = shop.services.store.end()
        refused = [
            (statement(shop, currency="EUR"), {}, "flow us pays into accounts in USD"),
            (statement(shop, currency="EUR"), {"account": "USD"}, "is of an account in EUR, and --account USD"),
            (statement(shop, number="999999999"), {}, "the account ending in ...9999, and flow us"),
            (statement(shop, card=True), {"account": "USD"}, "--account USD-card"),
            (good, {"account": "dollars"}, "expected a currency like USD"),
            (good[:-60], {}, "cut off"),
            (csv([(date(2031, 1, 1), "1.00", "AMAZON", "")]), {}, "far ahead"),
            (csv([(date(1999, 1, 1), "1.00", "AMAZON", "")]), {}, "an entry is before 2000-01-01"),
            (csv([(date(2026, 1, 1), "1" * 20, "AMAZON", "")]), {}, "an amount that no account has"),
            (b"Date,Description,Amount,Balance\n2026-11-01,A,1.00,11.00\n2026-11-03,B,2.00,15.00\n", {},
             "opening balance 10.00 and entries of 3.00 make 13.00, but the closing balance is 15.00"),
        ]  # fmt: skip
        for content, more, said in refused:
            with pytest.raises(BadInput) as error:
                take(shop, content, **more)
            assert said in str(error.value)
        assert shop.services.store.end() == end
        take(shop, statement(shop, number="999999999"), new_number=True)
        assert shop.services.bank_imports.account("us", "USD").tail == "9999"


def test_a_large_statement_is_taken_in_chunks(open_shop: OpenShop) -> None:
    with synced(open_shop) as shop:
        day = paid(shop)[0][1]
        lines = [(day + timedelta(days=n % 40), f"{n}.01", f"card payment {n}", f"x{n}") for n in range(12_000)]
        assert take(shop, statement(shop, lines)).statements[0].new == 12_000
        assert match(shop) == (0, 0)
        assert shop.rows("bank_statements")[0]["fresh"] == 12_000


# --- a person's word -------------------------------------------------------------------------------------------------


def test_two_of_one_amount_are_proposed_and_a_person_says(open_shop: OpenShop) -> None:
    with synced(open_shop) as shop:
        (name, day, total), *_ = paid(shop)
        take(shop, statement(shop, [(day, total, "AMAZON", "1"), (day + timedelta(days=1), total, "AMAZON", "2")]))
        assert match(shop) == (0, 1)
        book, views = shop.services.bank_book, shop.services.views
        (first,) = bank_state("us", views).proposals
        with pytest.raises(BadInput, match="--why is needed"):
            book.reject("us", first.id, "ada", " ")
        book.reject("us", first.id, "ada", "the other one is it")
        (second,) = bank_state("us", views).proposals
        assert second.line != first.line
        book.confirm("us", second.id, "ada")
        assert shop.rows("settlements", settlement_id=name)[0]["bank_status"] == "reconciled"
        with pytest.raises(BadInput, match="has no proposal"):
            book.confirm("us", second.id, "ada")
        with pytest.raises(BadInput, match="is matched already"):
            book.assign("us", first.line, [name], "ada", "a try")

        book.undo("us", second.line, "ada", "no, the first")
        assert shop.rows("settlements", settlement_id=name)[0]["bank_status"] == ""
        assert bank_state("us", views).proposals == []  # both were said not to be it
        book.assign("us", first.line, [name], "ada", "the bank confirmed it by mail")
        book.set_aside("us", second.line, "ada", "the bank booked it twice")
        assert {row["line"]: row["status"] for row in shop.rows("bank_lines")} == {
            first.line: "matched", second.line: "aside",
        }  # fmt: skip
        assert "said not to be the money of settlement" in " ".join(row["summary"] for row in shop.rows("audit"))


def test_what_a_person_says_must_agree_to_the_cent(open_shop: OpenShop) -> None:
    with synced(open_shop) as shop:
        (name, day, total), (other, *_), *_ = paid(shop)
        less = f"{float(total) - 15:.2f}"
        take(shop, statement(shop, [(day, less, "AMAZON", "1")]))
        (row,) = shop.rows("bank_lines")
        book = shop.services.bank_book
        for names in ([name], [name, other]):
            with pytest.raises(BadInput, match="must be the same, to the cent"):
                book.assign("us", row["line"], names, "ada", "the bank kept 15")
        with pytest.raises(BadInput, match="expected ids of settlements"):
            book.assign("us", row["line"], ["nothing"], "ada", "x")
        shop.services.bank_imports.configure_account(shop.flow(), "USD", "ada", "the bank keeps 15.00", fees=[1500])
        shop.services.views.catch_up()
        (proposal,) = bank_state("us", shop.services.views).proposals
        assert (proposal.kind, proposal.fee) == ("fee", 1500)
        book.confirm("us", proposal.id, "ada")
        (settlement,) = shop.rows("settlements", settlement_id=name)
        assert (settlement["bank_status"], settlement["bank_difference"], settlement["bank_fee"]) == (
            "reconciled",
            0,
            1500,
        )


def test_a_composite_gives_each_settlement_its_part(open_shop: OpenShop) -> None:
    with synced(open_shop) as shop:
        (name, day, total), (other, _, more), *_ = paid(shop)
        both = f"{float(total) + float(more):.2f}"
        take(shop, statement(shop, [(day, both, "AMAZON", "1")]))
        (row,) = shop.rows("bank_lines")
        shop.services.bank_book.assign("us", row["line"], [other, name], "ada", "one transfer for both")
        parts = {r["settlement_id"]: r["bank_amount"] for r in shop.rows("settlements", bank_status="reconciled")}
        assert {one: format_minor(part, "USD") for one, part in parts.items()} == {name: total, other: more}


# --- alerts ----------------------------------------------------------------------------------------------------------


def test_a_missing_transfer_and_unexpected_money_are_told_once_and_end(open_shop: OpenShop) -> None:
    with synced(open_shop) as shop:
        views, desk = shop.services.views, shop.services.alerts
        assert list(bank_alerts("us", views)) == []  # no statement was ever imported: nothing is known to be missing
        lines = sorted(lines_of(shop, 0))
        name, day, _ = paid(shop)[0]
        strange = (day + timedelta(days=3), "777.00", "AMAZON LENDING", "loan")
        take(shop, ofx([strange], day - timedelta(days=1), day + timedelta(days=9)))
        views.catch_up()
        assert [alert.key.partition("/")[0] for alert in bank_alerts("us", views)] == ["unexpected_deposit"]
        take(shop, ofx([], day - timedelta(days=1), day + timedelta(days=10)))
        desk.review("us")
        desk.review("us")
        standing = {one.alert.key: one.alert for one in desk.alerts("us") if one.cleared is None}
        line = shop.rows("bank_lines")[0]["line"]
        assert {f"transfer_missing/{name}", f"unexpected_deposit/{line}"} <= set(standing)
        assert "10 days later" in standing[f"transfer_missing/{name}"].cause

        take(shop, statement(shop, [one for one in lines if name in one[2]]))
        shop.services.bank_book.set_aside("us", line, "ada", "a loan")
        match(shop)
        desk.review("us")
        assert {one.alert.key for one in desk.alerts("us") if one.cleared is None} & set(standing) == set()


def test_the_bank_of_yesterday_can_be_seen_today(open_shop: OpenShop) -> None:
    with synced(open_shop) as shop:
        take(shop, statement(shop))
        position = shop.services.store.end()
        match(shop)
        then = shop.services.views_as_of(position)
        assert {row["status"] for row in then.query("bank_lines", "us")} == {"open"}
        assert len([one for one in bank_state("us", then).proposals if one.auto]) == 3
        assert statuses(shop) == ["reconciled"] * 3
