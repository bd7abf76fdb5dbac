"""The vendors' own bytes: as they came, sealed, found by their hash."""

import hashlib
import os

import pytest

from adapters.database import Database
from adapters.evidence import DatabaseEvidence
from adapters.keyring import KeyRing
from domain.errors import BadInput, Tampered

PAGE = b'{"orders":[' + b'{"orderId":"113-1234567-1234567"},' * 2_000 + b"]}"


@pytest.fixture
def evidence(database: Database, keyring: KeyRing) -> DatabaseEvidence:
    return DatabaseEvidence(database, keyring)


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff", PAGE, os.urandom(300_000)], ids=["none", "tiny", "text", "noise"]
)
def test_bytes_come_back_as_they_were(evidence: DatabaseEvidence, content: bytes) -> None:
    (digest,) = evidence.put("us", [content])
    assert digest == hashlib.sha256(content).hexdigest()
    assert evidence.get("us", digest) == content


def test_many_at_once_and_again_is_no_harm(evidence: DatabaseEvidence, database: Database) -> None:
    contents = [f"page {number}".encode() for number in range(30)]
    digests = evidence.put("us", (content for content in [*contents, contents[0]]))
    assert digests == evidence.put("us", [*contents, contents[0]])
    assert [evidence.get("us", digest) for digest in digests] == [*contents, contents[0]]
    with database.reading() as cursor:
        cursor.execute("SELECT COUNT(*) FROM evidence")
        assert cursor.fetchone() == (30,)
    assert evidence.put("us", []) == []


def test_it_is_small_and_not_in_the_clear(evidence: DatabaseEvidence, database: Database) -> None:
    evidence.put("us", [PAGE])
    with database.reading() as cursor:
        cursor.execute("SELECT content FROM evidence")
        (row,) = cursor.fetchall()
    assert len(row[0]) < len(PAGE) / 20
    assert b"orderId" not in bytes(row[0])


def test_what_is_not_there_is_said(evidence: DatabaseEvidence) -> None:
    (digest,) = evidence.put("us", [PAGE])
    with pytest.raises(BadInput, match=f"evidence {digest[:12]} of flow eu is not kept here"):
        evidence.get("eu", digest)


@pytest.mark.parametrize("harm", ["flip", "cut", "nearly nothing", "another's", "another flow's"])
def test_tampering_is_noticed(evidence: DatabaseEvidence, database: Database, harm: str) -> None:
    digest, other = evidence.put("us", [PAGE, b"another"])
    (foreign,) = evidence.put("eu", [PAGE])
    assert foreign == digest

    def stored(flow: str, of: str) -> bytes:
        with database.reading() as cursor:
            cursor.execute("SELECT content FROM evidence WHERE flow = ? AND digest = ?", (flow, of))
            row = cursor.fetchone()
        assert row is not None
        return bytes(row[0])

    whole = stored("us", digest)
    broken = {
        "flip": whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:],
        "cut": whole[:-1],
        "nearly nothing": whole[:10],
        "another's": stored("us", other),
        "another flow's": stored("eu", digest),
    }[harm]
    with database.transaction() as cursor:
        cursor.execute("UPDATE evidence SET content = ? WHERE flow = 'us' AND digest = ?", (broken, digest))
    with pytest.raises(Tampered):
        evidence.get("us", digest)
    assert evidence.get("us", other) == b"another"


@pytest.mark.parametrize("portion", [1, 2, 50])
def test_a_former_key_can_be_thrown_away_after_rotation(
    database: Database, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    monkeypatch.setattr("adapters.evidence.ROTATED_AT_A_TIME", portion)
    contents = [f"page {number}".encode() for number in range(4)]
    former = DatabaseEvidence(database, keyring)
    digests = former.put("us", contents)
    former.put("eu", contents[:1])
    both = DatabaseEvidence(database, KeyRing([b"n" * 32, b"k" * 32]))
    both.put("us", [b"sealed with the new key already"])
    assert both.rotate() == 5
    assert both.rotate() == 0
    new = DatabaseEvidence(database, KeyRing([b"n" * 32]))
    assert [new.get("us", digest) for digest in digests] == contents
    assert new.get("eu", digests[0]) == contents[0]
    with pytest.raises(BadInput, match="master key"):
        former.get("us", digests[0])


def test_rotation_without_the_former_key_stops_and_changes_nothing(database: Database, keyring: KeyRing) -> None:
    evidence = DatabaseEvidence(database, keyring)
    (digest,) = evidence.put("us", [PAGE])
    with pytest.raises(BadInput, match="add the former key"):
        DatabaseEvidence(database, KeyRing([b"n" * 32])).rotate()
    assert evidence.get("us", digest) == PAGE


def test_former_keys_still_open_it(database: Database, keyring: KeyRing) -> None:
    (digest,) = DatabaseEvidence(database, keyring).put("us", [PAGE])
    assert DatabaseEvidence(database, KeyRing([b"n" * 32, b"k" * 32])).get("us", digest) == PAGE
    with pytest.raises(BadInput, match="master key"):
        DatabaseEvidence(database, KeyRing([b"n" * 32])).get("us", digest)
