"""The close packet of a month: what the books were, sealed so that anyone can check it without us (accounting.md 7.3).

A zip of the checklist, the trial balance, the ledger, the lineage from QuickBooks' documents to Amazon's settlements
and orders, the head of the audit chain, and a manifest with the hash of each. Its times are fixed and its order too,
so the same books make the same bytes. `verify` needs nothing but the file.
"""

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from application.month_end import Checklist
from application.trial_balance import Account
from domain.errors import BadInput
from domain.money import format_minor, to_minor

FORMAT = "ml-connector close packet 1"
MANIFEST = "manifest.json"
NAMES = ("checklist.json", "trial-balance.csv", "ledger.csv", "lineage.csv", "audit-chain.json")
LARGEST = 2_000_000_000  # of a file in a packet: a zip may claim any size
_TIME = (1980, 1, 1, 0, 0, 0)

LEDGER_COLUMNS = (
    *("day", "document", "quickbooks_id", "account_key", "account", "currency", "amount", "settlement_id", "order_id"),
)
LINEAGE_COLUMNS = ("document", "quickbooks_id", "day", "currency", "total", "settlement_id", "order_id", "answer")


class Chain(msgspec.Struct, frozen=True):
    """The head of the audit chain the packet was made at."""

    position: int
    head: str
    events: int
    transactions: int
    intact: bool


class Finding(msgspec.Struct, frozen=True):
    """What a check of a packet found. `seal` is the hash of its manifest: what one writes down."""

    ok: bool
    seal: str
    problems: list[str]
    flow: str = ""
    month: str = ""
    made_at: str = ""
    files: int = 0
    documents: int = 0
    entries: int = 0


def build(
    checklist: Checklist,
    ledger: Sequence[Mapping[str, Any]],
    postings: Sequence[Mapping[str, Any]],
    account_of: Callable[[str], Account],
    chain: Chain,
    made_at: datetime,
    made_by: str,
) -> tuple[bytes, str]:
    """The packet's bytes and its seal. `ledger` are all entries up to the month's end, `postings` what stands."""
    names: dict[str, Account] = {}
    for row in ledger:
        if row["account"] not in names:
            names[row["account"]] = account_of(row["account"])
    contents = {
        "checklist.json": _json({**msgspec.to_builtins(checklist), "ready": checklist.ready}),
        "trial-balance.csv": _table(_balance_rows(ledger, names)),
        "ledger.csv": _table([LEDGER_COLUMNS, *(_ledger_row(row, names) for row in ledger)]),
        "lineage.csv": _table([LINEAGE_COLUMNS, *_lineage_rows(ledger, postings)]),
        "audit-chain.json": _json(msgspec.to_builtins(chain)),
    }
    manifest = {
        "format": FORMAT,
        "flow": checklist.flow,
        "month": checklist.month,
        "made_at": made_at.isoformat(),
        "made_by": made_by,
        "chain_head": chain.head,
        "chain_position": chain.position,
        "controls": _controls(ledger),
        "files": {
            name: {"sha256": _sha(content), "bytes": len(content), "rows": content.count(b"\n")}
            for name, content in contents.items()
        },
    }
    contents[MANIFEST] = _json(manifest)
    return _zipped(contents), _sha(contents[MANIFEST])


def verify(packet: bytes) -> Finding:
    """Check a packet by itself: its hashes, its sums, and that its ledger, balances and lineage tell the same."""
    try:
        contents = _unzipped(packet)
        text = contents.pop(MANIFEST, None)
        if text is None:
            raise BadInput(f"it has no {MANIFEST}")
        manifest = msgspec.json.decode(text)
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise BadInput(f"its format is not {FORMAT!r}")
        problems = list(_hash_problems(contents, manifest))
        ledger = _rows(contents.get("ledger.csv", b""))
        if not problems:
            problems += _sum_problems(contents, ledger, manifest)
        chain = msgspec.json.decode(contents.get("audit-chain.json", b"{}"))
        if chain.get("head") != manifest["chain_head"] or not chain.get("intact"):
            problems.append("the audit chain was not intact, or its head is not the manifest's")
    except (zipfile.BadZipFile, msgspec.DecodeError, UnicodeDecodeError, KeyError, ValueError, BadInput) as error:
        return Finding(False, "", [f"this is not a whole close packet: {error}"])
    return Finding(
        ok=not problems,
        seal=_sha(text),
        problems=problems,
        flow=manifest["flow"],
        month=manifest["month"],
        made_at=manifest["made_at"],
        files=len(contents) + 1,
        documents=len({row["document"] for row in ledger}),
        entries=len(ledger),
    )


# --- what is in it -------------------------------------------------------------------------------------------------


def _ledger_row(row: Mapping[str, Any], names: Mapping[str, Account]) -> tuple[str, ...]:
    key = row["account"]
    amount = format_minor(row["amount"], row["currency"])
    document = f"{row['kind']}/{row['key']}"
    place = (row["settlement_id"], row["order_id"])
    return (row["day"], document, row["quickbooks_id"], key, names[key].name, row["currency"], amount, *place)


def _balance_rows(ledger: Iterable[Mapping[str, Any]], names: Mapping[str, Account]) -> list[tuple[str, ...]]:
    sums = _balances((row["account"], row["currency"], row["amount"]) for row in ledger)
    rows: list[tuple[str, ...]] = [("account_key", "number", "account", "type", "currency", "debit", "credit")]
    for (key, currency), amount in sorted(sums.items(), key=lambda one: (one[0][1], names[one[0][0]].number, one[0])):
        sides = [format_minor(side, currency) for side in (max(amount, 0), max(-amount, 0))]
        account = names[key]
        rows.append((key, account.number, account.name, account.account_type, currency, *sides))
    return rows


def _lineage_rows(
    ledger: Iterable[Mapping[str, Any]], postings: Iterable[Mapping[str, Any]]
) -> Iterable[tuple[str, ...]]:
    """Each document of the ledger: from QuickBooks' id to Amazon's settlement and order, and the answer kept of it."""
    inside = {(row["kind"], row["key"]) for row in ledger}
    for row in sorted(postings, key=lambda row: (row["day"] or "", row["kind"], row["key"])):
        if (row["kind"], row["key"]) in inside:
            total = format_minor(row["amount"], row["currency"])
            place = (row["settlement_id"], row["order_id"], row["answer"])
            yield (f"{row['kind']}/{row['key']}", row["quickbooks_id"], row["day"], row["currency"], total, *place)


def _controls(ledger: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    debits: dict[str, int] = {}
    for row in ledger:
        debits[row["currency"]] = debits.get(row["currency"], 0) + max(row["amount"], 0)
    return {
        "documents": len({(row["kind"], row["key"]) for row in ledger}),
        "entries": len(ledger),
        "debits": {code: format_minor(amount, code) for code, amount in sorted(debits.items())},
    }


# --- the check -----------------------------------------------------------------------------------------------------


def _hash_problems(contents: Mapping[str, bytes], manifest: Mapping[str, Any]) -> Iterable[str]:
    listed = manifest["files"]
    for name in sorted(listed.keys() | contents.keys() | set(NAMES)):
        if name not in contents:
            yield f"{name} is missing"
        elif name not in listed:
            yield f"{name} is not in the manifest"
        elif _sha(contents[name]) != listed[name]["sha256"]:
            yield f"{name} is not what was sealed"


def _sum_problems(
    contents: Mapping[str, bytes], ledger: Sequence[Mapping[str, str]], manifest: Mapping[str, Any]
) -> Iterable[str]:
    entries = [(row["account_key"], row["currency"], to_minor(row["amount"], row["currency"])) for row in ledger]
    sums = {place: amount for place, amount in _balances(entries).items() if amount}
    stated = {
        (row["account_key"], row["currency"]): to_minor(row["debit"], row["currency"])
        - to_minor(row["credit"], row["currency"])
        for row in _rows(contents["trial-balance.csv"])
    }
    if sums != {place: amount for place, amount in stated.items() if amount}:
        yield "the trial balance is not the sum of the ledger"
    by_document: dict[tuple[str, str], int] = {}
    for row, (_, currency, amount) in zip(ledger, entries, strict=True):
        place = row["document"], currency
        by_document[place] = by_document.get(place, 0) + amount
    off = [document for (document, _), amount in by_document.items() if amount]
    if off:
        yield f"{off[0]} does not balance"
    lineage = {row["document"] for row in _rows(contents["lineage.csv"])}
    if lineage != {row["document"] for row in ledger}:
        yield "the lineage does not name the documents of the ledger"
    controls = _controls(
        [
            {"kind": row["document"], "key": "", "currency": currency, "amount": amount}
            for row, (_, currency, amount) in zip(ledger, entries, strict=True)
        ]
    )
    if controls != manifest["controls"]:
        yield "the control totals are not those of the ledger"


# --- bytes ---------------------------------------------------------------------------------------------------------


def _balances(entries: Iterable[tuple[str, str, int]]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for account, currency, amount in entries:
        found[account, currency] = found.get((account, currency), 0) + amount
    return found


def _table(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2) + b"\n"


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _zipped(contents: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packet:
        for name in sorted(contents):
            packet.writestr(zipfile.ZipInfo(name, _TIME), contents[name], zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _unzipped(packet: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(packet)) as opened:
        infos = opened.infolist()
        if len({info.filename for info in infos}) != len(infos):
            raise BadInput("it has two files of one name")
        if sum(info.file_size for info in infos) > LARGEST:
            raise BadInput("it is larger than a packet can be")
        return {info.filename: opened.read(info) for info in infos}
