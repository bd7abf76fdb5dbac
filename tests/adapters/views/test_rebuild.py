"""Rebuilding, racing and being interrupted: the standing tables are whole at every moment."""

import hashlib
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from bank_history import bank_step

from adapters.views import DatabaseViews, views_as_of
from adapters.views.schema import CHECKPOINTS, NEXT_SUFFIX, OLD_SUFFIX, TABLES, VERSION
from adapters.views.views import Log
from application.ports import Recorded
from domain.errors import Conflict, ConnectorError


class Interrupted(Exception):
    """What a test pulls the plug with."""


class Meanwhile:
    """A store in front of which something happens as a batch is read for the `number`th time, counted from 1."""

    def __init__(self, store: Log, number: int, happens: Callable[[], object]) -> None:
        self._store = store
        self._left = number
        self._happens = happens

    def read(self, after: int, limit: int, upto: int | None = None) -> list[Recorded]:
        found = self._store.read(after, limit, upto)
        self._left -= 1
        if self._left == 0:
            self._happens()
        return found


@pytest.fixture
def history(store: Any, begin_history: Callable[..., Any]) -> Any:
    """A trade of some hundred events in which every table has rows."""
    history = begin_history(store)
    for number in range(1, 9):
        for flow in ("us", "eu"):
            order_id = history.order(flow, number)
            history.gap(flow, number % 3)
            history.cycle(flow, number, number % 4)
            history.plan_invoice(flow, number)
            for step in range(number, number + 3):
                history.finance(flow, number, step)
            if number % 2:
                history.settlement(flow, number)
                history.plan_settlement(flow, number, [number])
                history.submit(flow, [("invoice", order_id)], f"b{number}")
                history.answer(flow, f"b{number}", refuse=number == 5)
            else:
                history.hold(flow, "invoice", order_id, "no item", "no rule")
            bank_step(history, flow, (0, 1, 0, 3, 6, 8, 0, 2)[number - 1], "10001")
    return history


def pull_the_plug() -> None:
    raise Interrupted


def leftovers(database: Any) -> list[str]:
    found = []
    for table in TABLES:
        for suffix in (NEXT_SUFFIX, OLD_SUFFIX):
            try:
                with database.reading() as cursor:
                    cursor.execute(f"SELECT COUNT(*) FROM {table.name}{suffix}")
            except Exception:
                continue
            found.append(table.name + suffix)
    return found


def test_a_rebuild_gives_the_same_tables_and_leaves_nothing(
    database: Any, store: Any, history: Any, all_rows: Callable[..., Any]
) -> None:
    views = DatabaseViews(database, store, batch_events=7)
    assert views.catch_up() == history.position
    before = all_rows(database)
    assert all(before.values())
    for _ in range(2):  # the second finds the names of the first
        assert views.rebuild() == len(before["audit_trail"])
        assert all_rows(database) == before
        assert leftovers(database) == []
    history.order("us", 20)
    assert views.catch_up() == history.position
    assert len(all_rows(database)["orders"]) == len(before["orders"]) + 1


def test_a_rebuild_mends_what_was_spoilt(database: Any, store: Any, history: Any, all_rows: Callable[..., Any]) -> None:
    views = DatabaseViews(database, store)
    views.catch_up()
    before = all_rows(database)
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM orders")
        cursor.execute("UPDATE postings SET amount = 1")
    views.rebuild()
    assert all_rows(database) == before


@pytest.mark.parametrize("read", [1, 2, 5, 8])
def test_an_interrupted_rebuild_harms_nothing(
    database: Any, store: Any, history: Any, all_rows: Callable[..., Any], read: int
) -> None:
    views = DatabaseViews(database, store, batch_events=20)
    views.catch_up()
    before = all_rows(database)
    broken = DatabaseViews(database, Meanwhile(store, read, pull_the_plug), batch_events=20)
    with pytest.raises(Interrupted):
        broken.rebuild()
    assert all_rows(database) == before
    history.order("us", 20)
    assert views.catch_up() == history.position  # life goes on beside the ruins
    before = all_rows(database)
    assert views.rebuild() == len(before["audit_trail"])
    assert all_rows(database) == before
    assert leftovers(database) == []


def test_an_interrupted_batch_is_folded_once(
    database: Any, store: Any, history: Any, all_rows: Callable[..., Any]
) -> None:
    with pytest.raises(Interrupted):
        DatabaseViews(database, Meanwhile(store, 3, pull_the_plug), batch_events=20).catch_up()
    DatabaseViews(database, store).catch_up()
    rows = all_rows(database)
    DatabaseViews(database, store).rebuild()
    assert all_rows(database) == rows


def test_a_catch_up_that_lost_a_race_reads_again(
    database: Any, store: Any, history: Any, all_rows: Callable[..., Any]
) -> None:
    other = DatabaseViews(database, store, batch_events=13)
    slow = DatabaseViews(database, Meanwhile(store, 2, other.catch_up), batch_events=20)
    assert slow.catch_up() == history.position
    rows = all_rows(database)
    other.rebuild()
    assert all_rows(database) == rows


def test_a_catch_up_under_which_the_tables_were_swapped_reads_again(
    database: Any, store: Any, history: Any, all_rows: Callable[..., Any]
) -> None:
    DatabaseViews(database, store).catch_up()
    before = all_rows(database)
    history.order("us", 20)
    half_way = DatabaseViews(
        database, store, upto=history.position - 1
    )  # the swapped tables stand at the same position
    slow = DatabaseViews(database, Meanwhile(store, 1, half_way.rebuild))
    assert slow.catch_up() == history.position
    after = all_rows(database)
    assert len(after["orders"]) == len(before["orders"]) + 1
    slow.rebuild()
    assert all_rows(database) == after


def test_a_rebuild_catches_up_with_standing_tables_that_moved_on(
    database: Any, store: Any, history: Any, all_rows: Callable[..., Any]
) -> None:
    views = DatabaseViews(database, store)
    views.catch_up()

    def more() -> None:
        history.order("us", 20)
        views.catch_up()

    # The rebuild sees the end of the log, makes its indexes, sees it again; then the standing tables move on.
    rebuilding = DatabaseViews(database, Meanwhile(store, 3, more))
    rebuilding.rebuild()
    assert len(views.query("orders", "us", order_id="113-0000000-0000020")) == 1
    rows = all_rows(database)
    assert views.catch_up() == history.position
    assert all_rows(database) == rows


def test_of_two_rebuilds_the_later_one_wins(
    database: Any, store: Any, history: Any, all_rows: Callable[..., Any]
) -> None:
    views = DatabaseViews(database, store)
    views.catch_up()
    before = all_rows(database)
    early = DatabaseViews(database, Meanwhile(store, 2, views.rebuild), batch_events=20)
    with pytest.raises(Conflict, match="another rebuild"):
        early.rebuild()
    assert all_rows(database) == before
    assert leftovers(database) == []


def test_many_threads_fold_and_rebuild_at_once(
    database: Any, store: Any, history: Any, all_rows: Callable[..., Any]
) -> None:
    failures: list[BaseException] = []
    start = Barrier(4)

    def work(number: int) -> None:
        try:
            start.wait()
            views = DatabaseViews(database, store, batch_events=3 + number)
            for turn in range(3):
                views.query("counts", "us")
                if number == 0 and turn == 1:
                    views.rebuild()
                views.catch_up()
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    rows = all_rows(database)
    assert len(rows["audit_trail"]) == len(store.read(0, 10_000))
    DatabaseViews(database, store).rebuild()
    assert all_rows(database) == rows


def test_views_of_an_older_version_are_rebuilt(
    database: Any, store: Any, history: Any, all_rows: Callable[..., Any]
) -> None:
    views = DatabaseViews(database, store)
    views.catch_up()
    before = all_rows(database)
    with database.transaction() as cursor:
        cursor.execute("DROP TABLE settlements")
        cursor.execute("CREATE TABLE settlements (flow TEXT)")  # what it was long ago
        cursor.execute(f"UPDATE {CHECKPOINTS} SET version = ?", [VERSION - 1])
    views = DatabaseViews(database, store)
    views.catch_up()
    assert all_rows(database) == before


def test_views_of_a_newer_version_are_left_alone(database: Any, store: Any, history: Any) -> None:
    views = DatabaseViews(database, store)
    with database.transaction() as cursor:
        cursor.execute(f"UPDATE {CHECKPOINTS} SET version = ?", [VERSION + 1])
    with pytest.raises(ConnectorError, match="newer version"):
        views.catch_up()


def test_a_changed_table_needs_a_new_version() -> None:
    """Whoever changes a column must raise VERSION, or nobody's views are rebuilt; then change both here."""
    tables = "\n".join(sorted(table.create("", "TEXT") for table in TABLES))
    assert (VERSION, hashlib.sha256(tables.encode()).hexdigest()[:12]) == (8, "d0596652afb3")


def test_as_of_a_position_knows_nothing_later(database: Any, store: Any, history: Any) -> None:
    views = DatabaseViews(database, store)
    position = views.catch_up()
    reports = ("settlements", "orders", "postings", "held", "gaps", "audit", "cycles", "clearing", "counts")
    said = [views.query(name, "us") for name in reports]
    history.order("us", 20)
    history.post("us", ("payment", "10001-1"), ("deposit", "10001"))
    views.catch_up()
    past = views_as_of(store, position)
    assert [past.query(name, "us") for name in reports] == said
    assert [views.query(name, "us") for name in reports] != said
    assert past.catch_up() == position
