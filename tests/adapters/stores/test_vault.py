"""Credentials: sealed per flow, bound to their place, and one renewer at a time over threads and processes."""

import base64
import stat
import traceback
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from workers import add_under_lock, together

from adapters.database import Database
from adapters.keyring import KeyRing
from adapters.vault import DatabaseVault
from domain.errors import BadInput, Conflict, Tampered

SECRET = "Atzr|IwEBIA-very-secret"
OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture
def vault(database: Database, keyring: KeyRing, clock: Any) -> DatabaseVault:
    return DatabaseVault(database, keyring, clock)


def cell(database: Database, column: str, flow: str = "us") -> bytes:
    with database.reading() as cursor:
        cursor.execute(f"SELECT {column} FROM vault WHERE flow = ?", (flow,))
        row = cursor.fetchone()
    assert row is not None
    return bytes(row[0])


def overwrite(database: Database, column: str, value: bytes, flow: str = "us") -> None:
    with database.transaction() as cursor:
        cursor.execute(f"UPDATE vault SET {column} = ? WHERE flow = ?", (value, flow))


# --- keeping -----------------------------------------------------------------------------------------------------


def test_a_credential_is_kept_replaced_and_forgotten(vault: DatabaseVault) -> None:
    assert vault.get("us", "amazon") is None
    vault.put("us", "amazon", {"refresh_token": SECRET})
    vault.put("eu", "amazon", {"refresh_token": "other"})
    assert vault.get("us", "amazon") == {"refresh_token": SECRET}
    vault.put("us", "amazon", {"refresh_token": "newer", "ключ": "ü"})
    assert vault.get("us", "amazon") == {"refresh_token": "newer", "ключ": "ü"}
    vault.delete("us", "amazon")
    assert vault.get("us", "amazon") is None
    assert vault.get("eu", "amazon") == {"refresh_token": "other"}


def test_no_secret_stands_in_the_database_in_the_clear(
    vault: DatabaseVault, database: Database, database_url: str
) -> None:
    vault.put("us", "amazon", {"refresh_token": SECRET})
    with database.reading() as cursor:
        cursor.execute("SELECT * FROM vault")
        for value in cursor.fetchall()[0]:
            assert SECRET[:12] not in (bytes(value).decode("latin-1") if isinstance(value, bytes) else str(value))
    if database_url.startswith("sqlite"):
        path = Path(database_url.removeprefix("sqlite:///"))
        files = [path, path.with_name(path.name + "-wal")]
        assert all(SECRET[:12].encode() not in file.read_bytes() for file in files if file.exists())


def test_the_same_value_is_never_sealed_alike(vault: DatabaseVault, database: Database) -> None:
    sealed = set()
    for _ in range(3):
        vault.put("us", "amazon", {"refresh_token": SECRET})
        sealed |= {cell(database, "value"), cell(database, "wrapped_key")}
    assert len(sealed) == 6


# --- tampering ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["value", "wrapped_key"])
@pytest.mark.parametrize("harm", ["flip", "cut", "nearly nothing", "longer"])
def test_every_change_is_noticed(vault: DatabaseVault, database: Database, column: str, harm: str) -> None:
    vault.put("us", "amazon", {"refresh_token": SECRET})
    whole = cell(database, column)
    kept = 8 if column == "wrapped_key" else 0  # the key's id stays, it has a message of its own
    places = range(kept, len(whole), 7) if harm == "flip" else [0]
    for place in places:
        broken = {
            "flip": whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :],
            "cut": whole[:-1],
            "nearly nothing": whole[: kept + 3],
            "longer": whole + b"x",
        }[harm]
        overwrite(database, column, broken)
        with pytest.raises(Tampered, match="us"):
            vault.get("us", "amazon")


def test_a_row_moved_to_another_flow_does_not_open(vault: DatabaseVault, database: Database) -> None:
    vault.put("us", "amazon", {"refresh_token": SECRET})
    with database.transaction() as cursor:
        cursor.execute("UPDATE vault SET flow = 'eu'")
    with pytest.raises(Tampered):
        vault.get("eu", "amazon")
    with database.transaction() as cursor:
        cursor.execute("UPDATE vault SET flow = 'us', name = 'quickbooks'")
    with pytest.raises(Tampered):
        vault.get("us", "quickbooks")


def test_a_value_under_another_values_key_does_not_open(vault: DatabaseVault, database: Database) -> None:
    vault.put("us", "amazon", {"refresh_token": "first"})
    former = cell(database, "value")
    vault.put("us", "amazon", {"refresh_token": "second"})
    overwrite(database, "value", former)
    with pytest.raises(Tampered):
        vault.get("us", "amazon")


# --- keys --------------------------------------------------------------------------------------------------------


def test_master_keys_are_changed_without_losing_anything(database: Database, clock: Any) -> None:
    before = DatabaseVault(database, KeyRing([OLD]), clock)
    before.put("us", "amazon", {"refresh_token": SECRET})
    before.put("eu", "amazon", {"refresh_token": "other"})
    value = cell(database, "value")
    both = DatabaseVault(database, KeyRing([NEW, OLD]), clock)
    assert both.get("us", "amazon") == {"refresh_token": SECRET}
    assert both.rotate() == 2
    assert cell(database, "value") == value  # only the small keys are wrapped anew
    after = DatabaseVault(database, KeyRing([NEW]), clock)
    assert after.get("us", "amazon") == {"refresh_token": SECRET}
    assert after.get("eu", "amazon") == {"refresh_token": "other"}
    with pytest.raises(BadInput, match="master key"):
        before.get("us", "amazon")


def test_a_credential_stored_while_keys_are_changed_is_not_lost(database: Database, clock: Any) -> None:
    """The rotation must not put the former data key under a value that came meanwhile."""
    keyring = KeyRing([NEW, OLD])
    vault, reading = DatabaseVault(database, keyring, clock), Event()
    DatabaseVault(database, KeyRing([OLD]), clock).put("us", "amazon", {"refresh_token": "former"})

    class Slow(KeyRing):
        def decrypt(self, sealed: bytes, context: str) -> bytes:
            reading.set()
            putting.join(0.3)  # blocked by the rotation, or done before it goes on
            return super().decrypt(sealed, context)

    def put() -> None:
        reading.wait(10)
        vault.put("us", "amazon", {"refresh_token": "newer"})

    putting = Thread(target=put)
    putting.start()
    DatabaseVault(database, Slow([NEW, OLD]), clock).rotate()
    putting.join()
    assert vault.get("us", "amazon") == {"refresh_token": "newer"}


def test_a_wrong_key_says_which_and_what_to_do(database: Database, clock: Any) -> None:
    ring = KeyRing([OLD])
    DatabaseVault(database, ring, clock).put("us", "amazon", {"refresh_token": SECRET})
    with pytest.raises(BadInput, match=f"master key {ring.current}, which is not among those given; add the former"):
        DatabaseVault(database, KeyRing([NEW]), clock).get("us", "amazon")


def test_the_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    first = KeyRing.from_settings("", "", home)
    assert KeyRing.from_settings("", "", home).decrypt(first.encrypt(b"x", "c"), "c") == b"x"
    assert [file.name for file in home.iterdir()] == ["master.key"]
    assert stat.S_IMODE((home / "master.key").stat().st_mode) == 0o600


def test_keys_come_from_the_file_before_the_environment_and_may_be_several(tmp_path: Path) -> None:
    old, new = (base64.b64encode(key).decode() for key in (OLD, NEW))
    file = tmp_path / "keys"
    file.write_text(f"{new}\n{old}\n")
    ring = KeyRing.from_settings(base64.b64encode(b"e" * 32).decode(), str(file), tmp_path)
    assert ring.current == KeyRing([NEW]).current
    assert ring.decrypt(KeyRing([OLD]).encrypt(b"x", "c"), "c") == b"x"
    assert KeyRing.from_settings(f"{new},{old}", "", tmp_path).current == ring.current
    assert not (tmp_path / "master.key").exists()


@pytest.mark.parametrize("given", ["short", base64.b64encode(b"x" * 31).decode(), "ü" * 44, " , "])
def test_an_unusable_key_is_refused_without_repeating_it(tmp_path: Path, given: str) -> None:
    with pytest.raises(BadInput, match=r"MASTER_KEY (must hold base64 of 32 random bytes|holds no key)") as refused:
        KeyRing.from_settings(given, "", tmp_path)
    assert given.strip(" ,") == "" or given not in str(refused.value)
    with pytest.raises(BadInput, match="cannot be read"):
        KeyRing.from_settings("", str(tmp_path / "absent"), tmp_path)


@pytest.mark.parametrize("home", ["a file", "a file/below", "/proc/absent"])
def test_a_home_that_cannot_hold_a_key_says_what_to_do(tmp_path: Path, home: str) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(BadInput, match=r"no master key can be made in .*; set HOME to a folder"):
        KeyRing.from_settings("", "", tmp_path / home)


def test_no_secret_in_reprs_or_exceptions(vault: DatabaseVault, keyring: KeyRing, database: Database) -> None:
    vault.put("us", "amazon", {"refresh_token": SECRET})
    with vault.locked("us", "amazon") as slot:
        shown = [repr(thing) for thing in (slot, vault, keyring, database)] + [str(slot)]
        vault.put("us", "amazon", {"refresh_token": SECRET + "2"})
        with pytest.raises(Conflict) as lost:
            slot.replace({"refresh_token": SECRET + "3"})
    overwrite(database, "value", cell(database, "value")[:-1])
    with pytest.raises(Tampered) as tampered:
        vault.get("us", "amazon")
    shown += ["".join(traceback.format_exception(error.value)) for error in (lost, tampered)]
    key = base64.b64encode(b"k" * 32).decode()
    assert not [text for text in shown for word in (SECRET, key, repr(b"k" * 32)) if word in text]


# --- the lock ----------------------------------------------------------------------------------------------------


def test_a_slot_reads_and_replaces(vault: DatabaseVault) -> None:
    vault.put("us", "token", {"count": "1"})
    with vault.locked("us", "token") as slot:
        assert slot.value == {"count": "1"}
        slot.replace({"count": "2"})
        assert slot.value == {"count": "2"}
    assert vault.get("us", "token") == {"count": "2"}


def test_nothing_stored_cannot_be_locked(vault: DatabaseVault) -> None:
    with (
        pytest.raises(BadInput, match="flow us has no credential token; connect it first"),
        vault.locked("us", "token"),
    ):
        pass


def test_the_lock_is_given_back_after_an_error(vault: DatabaseVault) -> None:
    vault.put("us", "token", {"count": "1"})
    with pytest.raises(ZeroDivisionError), vault.locked("us", "token"):
        raise ZeroDivisionError
    with vault.locked("us", "token") as slot:
        assert slot.value == {"count": "1"}


def test_only_one_thread_at_a_time(vault: DatabaseVault) -> None:
    vault.put("us", "token", {"count": "0"})
    vault.put("eu", "token", {"count": "0"})
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        for _ in range(5):
            with vault.locked("us", "token") as slot:
                inside.append(number)
                most.append(len(inside))
                slot.replace({"count": str(int(slot.value["count"]) + 1)})
                inside.remove(number)

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    with vault.locked("eu", "token"):  # another flow's lock is in nobody's way
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert vault.get("us", "token") == {"count": "20"}
    assert set(most) == {1}


def test_only_one_process_at_a_time(vault: DatabaseVault, database_url: str) -> None:
    vault.put("us", "token", {"count": "0"})
    together(add_under_lock, 2, database_url, 10)
    assert vault.get("us", "token") == {"count": "20"}


def test_a_dead_owners_lease_is_taken_over_when_it_ran_out(
    vault: DatabaseVault, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.vault.PATIENCE_SECONDS", 0.1)
    vault.put("us", "token", {"count": "1"})
    dead = vault.locked("us", "token")
    held = dead.__enter__()  # its process dies now, so it never comes to __exit__
    clock.advance(59.9)
    with pytest.raises(Conflict, match="locked by another worker"), vault.locked("us", "token"):
        pass
    clock.advance(0.2)
    with vault.locked("us", "token") as slot:
        slot.replace({"count": "2"})
        with pytest.raises(Conflict, match="lost; read it again"):  # it was not dead, only late
            held.replace({"count": "stale"})
        dead.__exit__(None, None, None)  # and giving back what it has no more takes nothing from the owner
        slot.replace({"count": "3"})
    assert vault.get("us", "token") == {"count": "3"}


def test_connecting_anew_beats_a_renewal_under_way(vault: DatabaseVault) -> None:
    """A person connected again: the token that a worker just got for the former consent must not replace it."""
    vault.put("us", "token", {"refresh_token": "former"})
    with vault.locked("us", "token") as slot:
        assert slot.value == {"refresh_token": "former"}
        vault.put("us", "token", {"refresh_token": "connected anew"})
        with pytest.raises(Conflict):
            slot.replace({"refresh_token": "renewed former"})
    assert vault.get("us", "token") == {"refresh_token": "connected anew"}


def test_a_lock_taken_in_no_hurry_is_no_open_transaction(vault: DatabaseVault, database: Database) -> None:
    """While a worker waits for the vendor's answer, everybody else can write."""
    vault.put("us", "token", {"count": "1"})
    with vault.locked("us", "token"):
        vault.put("eu", "token", {"count": "1"})
        assert database.check().endswith("reachable and writable")
