"""A master key is replaced while others work: nothing is lost, nobody is stopped, the old one goes when it may."""

import base64
import stat
from pathlib import Path
from typing import Any

import pytest

from adapters.database import open_database
from adapters.evidence import DatabaseEvidence
from adapters.keyring import KeyRing
from adapters.vault import DatabaseVault
from domain.errors import BadInput
from entrypoints.bootstrap import Services
from entrypoints.settings import load


def installed(tmp_path: Path, database_url: str, clock: Any, **more: str) -> Services:
    environment = {"ML_CONNECTOR_HOME": str(tmp_path / "home"), "ML_CONNECTOR_DATABASE_URL": database_url, **more}
    (tmp_path / "home").mkdir(exist_ok=True)
    return Services(load(environment), "tests", clock)


def test_a_new_key_is_taken_up_by_all_and_the_old_one_can_go(tmp_path: Path, database_url: str, clock: Any) -> None:
    here, there = installed(tmp_path, database_url, clock), installed(tmp_path, database_url, clock)
    here.vault.put("us", "amazon", {"refresh_token": "Atzr|one"})
    (digest,) = here.evidence.put("us", [b"a page"])
    old = here.keyring.current

    new = here.keyring.add()
    assert (here.vault.rotate(), here.evidence.rotate()) == (1, 1)

    # Another process, started before: it reads what the new key sealed, and seals with it.
    assert there.vault.get("us", "amazon") == {"refresh_token": "Atzr|one"}
    there.vault.put("us", "quickbooks", {"refresh_token": "RT1-two"})
    assert there.evidence.get("us", digest) == b"a page"
    assert here.machine.keys().sealed == {new: 3}

    here.keyring.remove(old)
    assert (here.keyring.known, there.keyring.known) == ((new,), (new,))
    assert there.vault.get("us", "quickbooks") == {"refresh_token": "RT1-two"}
    file = tmp_path / "home" / "master.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().split()) == 1
    assert not list((tmp_path / "home").glob("master.*-*"))
    for service in (here, there):
        service.close()


def test_a_key_in_use_or_current_is_not_removed(tmp_path: Path, database_url: str, clock: Any) -> None:
    from entrypoints.commands.keys import _refuse_if_used

    service = installed(tmp_path, database_url, clock)
    service.vault.put("us", "amazon", {"refresh_token": "x"})
    old = service.keyring.current
    with pytest.raises(BadInput, match="the current one"):
        service.keyring.remove(old)
    service.keyring.add()
    with pytest.raises(BadInput, match="still seals 1 stored"):
        _refuse_if_used(service, old)
    with pytest.raises(BadInput, match="no master key"):
        service.keyring.remove("00000000")
    service.close()


def test_keys_that_only_a_person_can_change_are_told_how(tmp_path: Path, database_url: str, clock: Any) -> None:
    old, new = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
    before = installed(tmp_path, database_url, clock, ML_CONNECTOR_MASTER_KEY=old)
    before.vault.put("us", "amazon", {"refresh_token": "x"})
    with pytest.raises(BadInput, match="rewrap-only"):
        before.keyring.add()
    before.close()

    both = installed(tmp_path, database_url, clock, ML_CONNECTOR_MASTER_KEY=f"{new},{old}")
    both.vault.rotate()
    assert both.machine.keys().sealed == {both.keyring.current: 1}
    both.close()

    after = installed(tmp_path, database_url, clock, ML_CONNECTOR_MASTER_KEY=new)
    assert after.vault.get("us", "amazon") == {"refresh_token": "x"}
    after.close()


def test_a_file_that_others_can_read_is_noticed(tmp_path: Path, database_url: str, clock: Any) -> None:
    service = installed(tmp_path, database_url, clock)
    assert service.machine.keys().exposed == ""
    (tmp_path / "home" / "master.key").chmod(0o644)
    assert "0644" in service.machine.keys().exposed
    service.close()


def test_two_who_rotate_at_once_lose_no_key(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = KeyRing.from_settings("", "", home)
    second = KeyRing.from_settings("", "", home)
    made = [first.current, first.add(), second.add(), first.add()]
    assert set(KeyRing.from_settings("", "", home).known) == set(made)


def test_a_damaged_key_file_does_not_replace_the_keys_in_memory(tmp_path: Path, clock: Any) -> None:
    ring = KeyRing.from_settings("", "", tmp_path)
    with open_database("sqlite://").transaction():
        pass
    database = open_database("sqlite://")
    vault, evidence = DatabaseVault(database, ring, clock), DatabaseEvidence(database, ring)
    vault.put("us", "amazon", {"refresh_token": "x"})
    (tmp_path / "master.key").write_text("not a key")

    with pytest.raises(BadInput, match="32 random bytes"):
        evidence.put("us", [b"never sealed with a key nobody keeps"])
    assert vault.get("us", "amazon") == {"refresh_token": "x"}
    database.close()
