"""One SQL for two databases: parameters, bulk rows, snapshots, and errors that say what to do."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Thread, Timer
from typing import Any

import psycopg
import pytest

from adapters.database import Database, for_dialect, in_many, insert_many, open_database
from domain.errors import BadInput

TYPES = ("int8", "text", "bytea")


@pytest.fixture
def table(database: Database) -> Database:
    blob = "BLOB" if database.dialect == "sqlite" else "BYTEA"
    database.create_schema([f"CREATE TABLE IF NOT EXISTS things (id BIGINT PRIMARY KEY, name TEXT, body {blob})"])
    return database


def rows(database: Database) -> list[tuple[Any, ...]]:
    with database.reading() as cursor:
        cursor.execute("SELECT id, name, body FROM things ORDER BY id")
        return cursor.fetchall()


# --- parameters --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("SELECT ?", "SELECT %s"),
        ("SELECT '?', ? WHERE a = ?", "SELECT '?', %s WHERE a = %s"),
        ("SELECT 'it''s ? here', ?", "SELECT 'it''s ? here', %s"),
        ("SELECT a % 2 WHERE b LIKE 'x%?' AND c = ?", "SELECT a %% 2 WHERE b LIKE 'x%%?' AND c = %s"),
        ("SELECT '%s', ?", "SELECT '%%s', %s"),
        ("SELECT ''", "SELECT ''"),
    ],
)
def test_question_marks_become_what_psycopg_takes(written: str, sent: str) -> None:
    assert for_dialect(written, "postgresql") == sent
    assert for_dialect(written, "sqlite") == written


def test_quotes_and_percent_signs_mean_the_same_on_both(database: Database) -> None:
    with database.reading() as cursor:
        cursor.execute("SELECT '100% of ''?''', 7 % 4, CAST(? AS TEXT) WHERE 'a%b?' LIKE ?", ("%s ? '", "a%"))
        assert cursor.fetchall() == [("100% of '?'", 3, "%s ? '")]
        cursor.execute("SELECT '%' || '?'")
        assert cursor.fetchone() == ("%?",)
        assert cursor.fetchone() is None


# --- many rows ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, 20, 21, 1_200])
@pytest.mark.parametrize("types", [(), TYPES], ids=["untyped", "typed"])
def test_rows_are_inserted_in_bulk(table: Database, number: int, types: tuple[str, ...]) -> None:
    given = [(n, None if n % 5 == 0 else f"n\t{n}\\\n'", bytes([n % 256, 0, 255])) for n in range(number)]
    with table.transaction() as cursor:
        insert_many(cursor, "things", ("id", "name", "body"), given, types=types)
    assert rows(table) == given


@pytest.mark.parametrize("number", [1, 20, 21, 1_200])
@pytest.mark.parametrize("types", [(), TYPES], ids=["untyped", "typed"])
def test_rows_that_may_be_there_already_are_updated(table: Database, number: int, types: tuple[str, ...]) -> None:
    conflict = "ON CONFLICT (id) DO UPDATE SET name = excluded.name"
    columns = ("id", "name", "body")
    with table.transaction() as cursor:
        insert_many(cursor, "things", columns, [(n, "old", b"old") for n in range(0, number, 2)], conflict, types)
        insert_many(cursor, "things", columns, [(n, "new", b"new") for n in range(number)], conflict, types)
    assert rows(table) == [(n, "new", b"new" if n % 2 else b"old") for n in range(number)]


def test_ids_are_asked_in_portions(table: Database) -> None:
    with table.transaction() as cursor:
        insert_many(cursor, "things", ("id", "name"), [(n, f"n{n}") for n in range(1_500)])
    with table.reading() as cursor:
        sql = "SELECT id FROM things WHERE name IN ({ids}) AND id >= 0"
        wanted = [f"n{n}" for n in range(1_200)]
        assert sorted(in_many(cursor, sql, wanted)) == [(n,) for n in range(1_200)]
        assert sorted(in_many(cursor, sql, [*wanted, *wanted[:3]])) == [(n,) for n in range(1_200)]
        assert in_many(cursor, "SELECT id FROM things WHERE id IN ({ids})", [7, 4_000]) == [(7,)]
        assert in_many(cursor, sql, ["absent"]) == in_many(cursor, sql, []) == []


# --- transactions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_nothing_behind(table: Database, error: type[BaseException]) -> None:
    with pytest.raises(error), table.transaction() as cursor:
        insert_many(cursor, "things", ("id", "name"), [(n, "x") for n in range(30)])
        cursor.execute("UPDATE things SET name = 'y' WHERE id = ?", (1,))
        assert cursor.rowcount == 1
        raise error
    assert rows(table) == []
    with table.transaction() as cursor:
        cursor.execute("INSERT INTO things (id) VALUES (?)", (1,))
    assert len(rows(table)) == 1


def test_a_statement_that_fails_takes_its_transaction_with_it(table: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)unique"), table.transaction() as cursor:
        cursor.execute("INSERT INTO things (id) VALUES (1)")
        cursor.execute("INSERT INTO things (id) VALUES (1)")
    assert rows(table) == []


def test_nothing_written_while_reading_is_kept(table: Database) -> None:
    with table.reading() as cursor:
        cursor.execute("INSERT INTO things (id) VALUES (1)")
    assert rows(table) == []


def test_a_reading_sees_one_state_of_the_database(table: Database) -> None:
    with table.reading() as cursor:
        cursor.execute("SELECT COUNT(*) FROM things")
        assert cursor.fetchone() == (0,)
        with table.transaction() as writing:
            writing.execute("INSERT INTO things (id) VALUES (1)")
        cursor.execute("SELECT COUNT(*) FROM things")
        assert cursor.fetchone() == (0,)
    assert len(rows(table)) == 1


def test_writers_wait_for_each_other(table: Database) -> None:
    with table.transaction() as cursor:
        cursor.execute("INSERT INTO things (id, name) VALUES (1, '0')")

    def add() -> None:
        for _ in range(20):
            with table.transaction() as cursor:
                lock = " FOR UPDATE" if cursor.dialect == "postgresql" else ""
                cursor.execute(f"SELECT name FROM things WHERE id = 1{lock}")
                (row,) = cursor.fetchall()
                cursor.execute("UPDATE things SET name = ? WHERE id = 1", (str(int(row[0]) + 1),))

    threads = [Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(table)[0][1] == "80"


def test_a_schema_is_made_once_and_again_is_no_harm(table: Database, database_url: str) -> None:
    other = open_database(database_url)
    other.create_schema(["CREATE TABLE IF NOT EXISTS things (id BIGINT PRIMARY KEY)"])
    other.close()
    assert rows(table) == []


def test_check_names_the_database(database: Database) -> None:
    assert database.check().startswith(f"{database.dialect} ")
    assert database.check().endswith("reachable and writable")


def test_opening_a_new_file_waits_for_who_writes_to_it(tmp_path: Path) -> None:
    """SQLite answers `database is locked` at once where a file that is written to shall be turned to WAL."""
    other = sqlite3.connect(tmp_path / "books.db", isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE other (id)")
    other.execute("BEGIN IMMEDIATE")
    release = Timer(0.3, other.rollback)
    release.start()
    database = open_database(f"sqlite:///{tmp_path / 'books.db'}")
    assert database.check()
    database.close()
    release.join()
    other.close()


def test_sqlite_is_safe_on_power_loss(tmp_path: Path) -> None:
    """An intent must be on disk before the call to the vendor leaves."""
    database = open_database(f"sqlite:///{tmp_path / 'books.db'}")
    for opened in (database.transaction, database.reading):
        with opened() as cursor:
            cursor.execute("PRAGMA synchronous")
            assert cursor.fetchone() == (2,)
            cursor.execute("PRAGMA journal_mode")
            assert cursor.fetchone() == ("wal",)
    database.close()


# --- addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u@h/db", "must begin with sqlite:/// or postgresql://"),
        ("", "must begin with sqlite:/// or postgresql://"),
        ("sqlite:///{tmp}/absent/books.db", "the folder .* does not exist"),
        ("sqlite:///{tmp}", "cannot be opened"),
        ("sqlite:///{tmp}/garbage.db", "cannot be opened"),
        ("postgresql://ada:50%hunter2@h/db", "cannot be read; expected postgresql://"),
        ("postgresql://ada:hunter2@h/db?nonsense=hunter2", "cannot be read; expected postgresql://"),
        ("postgresql://ada:hunter2@/db?host={tmp}", "the database .*/db cannot be reached"),
    ],
)
def test_an_address_that_cannot_be_used_says_why_and_no_password(tmp_path: Path, url: str, words: str) -> None:
    (tmp_path / "garbage.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(BadInput, match=words) as refused:
        open_database(url.replace("{tmp}", str(tmp_path)))
    assert "hunter2" not in f"{refused.value!r} {refused.value.__cause__!r}"


def test_all_parts_of_a_postgresql_url_count(postgres_server: Any) -> None:
    """`sslmode=verify-full` and its like must not be lost on the way to the pool."""
    url = postgres_server.create()
    database = open_database(f"{url}&application_name=books&options=-c%20work_mem%3D7MB")
    with database.reading() as cursor:
        cursor.execute("SELECT current_setting('application_name'), current_setting('work_mem')")
        assert cursor.fetchone() == ("books", "7MB")
    database.close()
    postgres_server.drop(url)


def test_a_server_that_was_started_anew_is_found_again(postgres_server: Any) -> None:
    """Connections that wait in the pool are dead then; no call may fail for that."""
    url = postgres_server.create()
    database = open_database(url)
    with database.reading() as first, database.reading() as second:
        for cursor in (first, second):
            cursor.execute("SELECT 1")
    with psycopg.connect(postgres_server.url, autocommit=True) as other:
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    for _ in range(4):
        assert database.check()
    database.close()
    postgres_server.drop(url)


def test_nobody_waits_for_ever(postgres_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that forgot to commit must not stop all workers without a word."""
    monkeypatch.setattr("adapters.database.LOCK_SECONDS", 1)
    url = postgres_server.create()
    database = open_database(url)
    database.create_schema(["CREATE TABLE things (id BIGINT)"])
    with psycopg.connect(url) as forgetful:
        forgetful.execute("LOCK TABLE things IN EXCLUSIVE MODE")
        with pytest.raises(psycopg.errors.LockNotAvailable), database.transaction() as cursor:
            cursor.execute("INSERT INTO things VALUES (1)")
        forgetful.rollback()
    assert database.check()
    database.close()
    postgres_server.drop(url)


def test_a_database_in_memory_is_its_own(tmp_path: Path) -> None:
    first, second = open_database("sqlite://"), open_database("sqlite://")
    make: Callable[[Database], None] = lambda database: database.create_schema(["CREATE TABLE things (id BIGINT)"])  # noqa: E731
    make(first)
    make(second)
    with first.transaction() as cursor:
        cursor.execute("INSERT INTO things VALUES (1)")
    with second.reading() as cursor:
        cursor.execute("SELECT COUNT(*) FROM things")
        assert cursor.fetchone() == (0,)
    first.close()
    second.close()
