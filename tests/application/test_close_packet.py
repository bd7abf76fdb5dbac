"""A close packet that is not what was sealed must be found out, whatever was changed in it."""

import io
import zipfile
from datetime import UTC, date, datetime
from typing import Any

import pytest

from application import close_packet
from application.close_packet import Chain, build, verify
from application.month_end import Checklist
from application.month_end_facts import Line
from application.trial_balance import account_of
from domain.mapping import Mapping

NOW = datetime(2026, 11, 3, 9, tzinfo=UTC)
CHAIN = Chain(17, "ab" * 32, 17, 9, True)
MADE = Checklist(
    "us",
    "2026-10",
    date(2026, 10, 1),
    date(2026, 10, 31),
    [Line(1, "Settlements", "1 of 1", "pass", "so it is", "ml-connector settlements us", "/flows/us/settlements")],
)


def entry(kind: str, key: str, number: int, account: str, amount: int, **more: Any) -> dict[str, Any]:
    place = {"settlement_id": "", "order_id": "", "quickbooks_id": "7", **more}
    return {"day": "2026-10-05", "kind": kind, "key": key, "number": number, "account": account, "currency": "USD",
            "amount": amount, **place}  # fmt: skip


LEDGER = [
    entry("invoice", "113-1", 1, "AR", 2499, order_id="113-1"),
    entry("invoice", "113-1", 2, "SALES", -2499, order_id="113-1"),
    entry("payment", "9-1", 1, "CLR:USD", 2499, settlement_id="9"),
    entry("payment", "9-1", 2, "AR", -2499, settlement_id="9"),
]
POSTINGS = [
    {"kind": kind, "key": key, "quickbooks_id": "7", "day": "2026-10-05", "currency": "USD", "amount": 2499,
     "settlement_id": "", "order_id": "", "answer": "e" * 64}
    for kind, key in (("invoice", "113-1"), ("payment", "9-1"), ("invoice", "later"))
]  # fmt: skip


def packet(ledger: list[dict[str, Any]] = LEDGER) -> bytes:
    return build(MADE, ledger, POSTINGS, lambda key: account_of(key, Mapping()), CHAIN, NOW, "tests")[0]


def changed(content: bytes, name: str, old: bytes, new: bytes, reseal: bool = False) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        files = {info.filename: opened.read(info) for info in opened.infolist()}
    assert old in files[name]
    files[name] = files[name].replace(old, new)
    if reseal:
        import msgspec

        manifest = msgspec.json.decode(files["manifest.json"])
        manifest["files"][name]["sha256"] = close_packet._sha(files[name])
        files["manifest.json"] = close_packet._json(manifest)
    return close_packet._zipped(files)


def test_a_packet_is_whole_and_the_same_books_make_the_same_bytes() -> None:
    content, seal = build(MADE, LEDGER, POSTINGS, lambda key: account_of(key, Mapping()), CHAIN, NOW, "tests")
    finding = verify(content)
    assert finding.ok, finding.problems
    assert (finding.flow, finding.month, finding.documents, finding.entries) == ("us", "2026-10", 2, 4)
    assert finding.seal == seal
    assert packet() == content


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("ledger.csv", b"24.99", b"24.98"),
        ("trial-balance.csv", b"24.99", b"24.98"),
        ("lineage.csv", b"113-1", b"113-2"),
        ("checklist.json", b"pass", b"fail"),
        ("audit-chain.json", b"abab", b"acac"),
    ],
)
def test_a_changed_file_is_named(name: str, old: bytes, new: bytes) -> None:
    finding = verify(changed(packet(), name, old, new))
    assert not finding.ok
    assert any(name in problem for problem in finding.problems), finding.problems


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("ledger.csv", b",24.99,", b",24.98,", "the trial balance is not the sum of the ledger"),
        ("ledger.csv", b"SALES,Amazon Sales,USD,-24.99", b"SALES,Amazon Sales,USD,-24.98", "does not balance"),
        ("lineage.csv", b"invoice/113-1", b"invoice/113-9", "the lineage does not name the documents"),
        ("audit-chain.json", b'"intact": true', b'"intact": false', "the audit chain was not intact"),
    ],
)
def test_who_seals_again_is_found_out_by_the_sums(name: str, old: bytes, new: bytes, problem: str) -> None:
    finding = verify(changed(packet(), name, old, new, reseal=True))
    assert not finding.ok
    assert any(problem in found for found in finding.problems), finding.problems


@pytest.mark.parametrize("content", [b"", b"not a zip", packet()[:-40]])
def test_what_is_no_packet_is_refused(content: bytes) -> None:
    finding = verify(content)
    assert not finding.ok
    assert "not a whole close packet" in finding.problems[0]


def test_a_file_left_out_or_added_is_named() -> None:
    content = packet()
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        files = {info.filename: opened.read(info) for info in opened.infolist()}
    without = {name: text for name, text in files.items() if name != "lineage.csv"}
    assert "lineage.csv is missing" in verify(close_packet._zipped(without)).problems
    assert "more.txt is not in the manifest" in verify(close_packet._zipped({**files, "more.txt": b"x"})).problems
