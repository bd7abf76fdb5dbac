"""Does it tie? The facts of a flow's page, and the one sentence that sums them up."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from application.ports import LeaseState
from entrypoints.settings import Settings
from entrypoints.web.desk import Desk
from entrypoints.web.pages import words
from entrypoints.web.pages.look import Look, Row

NEWEST = 12
BEFORE_START = "before_start"  # paid before the flow's first day: not the flow's to book
_FAR = 9_000  # the year of a flow that nobody has looked at yet


class Standing(msgspec.Struct, frozen=True):
    """`open` are the settlements that do not tie (yet), of the `total` that are the flow's to book; `tone` is ok, wait,
    bad or calm.
    """

    tone: str
    counts: Row
    total: int
    tying: int
    open: list[Row]
    clearing: list[Row]

    @property
    def waiting(self) -> dict[str, int]:
        """Settlements by what keeps them, in words."""
        found: dict[str, int] = {}
        for row in self.open:
            word = words.settlement(row)[0].partition(":")[0].lower()
            found[word] = found.get(word, 0) + 1
        return found

    @property
    def at_stake(self) -> dict[str, int]:
        """The money of the open settlements, by currency."""
        found: dict[str, int] = {}
        for row in self.open:
            if row["total"] is not None and row["currency"]:
                found[row["currency"]] = found.get(row["currency"], 0) + row["total"]
        return found


class Running(msgspec.Struct, frozen=True):
    """Who works on the flow: `state` is running, asked, paused, unconnected or idle."""

    state: str
    progress: list[tuple[int, str]]
    due: datetime | None
    somebody: bool

    @property
    def lively(self) -> bool:
        """Whether the page should look often."""
        return self.state in ("running", "asked")


class Way(msgspec.Struct, frozen=True):
    """What frees held work: in words, and the command or button that does it."""

    words: str
    command: str = ""
    button: str = ""
    triple: tuple[str, str, str] | None = None


def standing(look: Look) -> Standing:
    views, flow = look.views, look.name
    counts = views.query("counts", flow)[0]
    unposted = views.query("settlements", flow, open=True)
    open_ = [row for row in unposted if row["status"] != BEFORE_START]
    total = counts["settlements"] - (len(unposted) - len(open_))
    clearing = views.query("clearing", flow)
    return Standing(_tone(counts, open_, total), counts, total, total - len(open_), open_, clearing)


def _tone(counts: Row, open_: list[Row], total: int) -> str:
    if any(words.settlement(row)[1] == "bad" for row in open_):
        return "bad"
    if counts["held"] or counts["attention"] or any(words.settlement(row)[1] == "wait" for row in open_):
        return "wait"
    return "calm" if open_ or not total else "ok"


def running(desk: Desk, look: Look) -> Running:
    leases = desk.services.leases
    state: LeaseState | None = leases.states().get(look.name)
    somebody = any(worker.alive for worker in leases.workers())
    connected = look.flow["quickbooks"] == "connected" and (
        look.flow["amazon"] == "connected" or look.flow["orders"] == "none"
    )
    due = state.due_at if state is not None and state.due_at.year < _FAR else None
    if state is not None and state.held:
        return Running("running", words.steps(state.progress), None, somebody)
    if not connected:
        return Running("unconnected", [], None, somebody)
    if state is not None and state.asked:
        return Running("asked", [], None, somebody)
    if look.flow["paused"]:
        return Running("paused", [], None, somebody)
    return Running("idle", [], due, somebody)


def way_out(flow: str, group: Row) -> Way:
    """What frees a group of held work (see queries.held_groups)."""
    code, key = group["code"], group["waits_for"] or ""
    kind, _, name = key.partition(":")
    match code, kind:
        case "unmapped", "rule":
            triple = triple_of(key)
            quoted = " ".join(f"'{word}'" for word in triple)
            return Way(
                "Say which account it belongs to. What waits is planned at once and posted by the next cycle.",
                f"ml-connector mapping set {flow} {quoted} ACCOUNT --why '...'",
                triple=triple,
            )
        case "unmapped", "account":
            return Way(
                f"QuickBooks has no account for {name.partition(':')[0]} yet: let it be found or made there.",
                f"ml-connector chart propose {flow} --account {name.partition(':')[0]} --apply",
            )
        case "unmapped", _:
            return Way(
                "QuickBooks does not have it yet: let it be found or made there.",
                f"ml-connector chart propose {flow} --apply",
            )
        case "currency_without_bank", _:
            currency = name or "CODE"
            return Way(words.FREED_BY[code], f"ml-connector flow configure {flow} --bank NAME --currency {currency}")
        case (("refused_by_quickbooks" | "invoice_refused"), _):
            return Way(words.FREED_BY[code], f"ml-connector sync {flow} --retry-refused")
        case (("order_not_seen" | "incomplete"), _):
            return Way(words.FREED_BY[code], button="sync")
        case "found_otherwise", _:
            return Way(words.FREED_BY[code], f"ml-connector posting adopt {flow} KIND KEY --id QUICKBOOKS_ID")
    return Way(words.FREED_BY.get(code, words.NEEDS_A_PERSON))


def triple_of(key: str) -> tuple[str, str, str]:
    """The patterns in a missing rule's key."""
    parts = [part.strip() for part in key.removeprefix("rule:").split("|")]
    first, second, third = [*parts, "", "", ""][:3]
    return first, second, third


def quickbooks_page(settings: Settings, kind: str, quickbooks_id: str) -> str:
    """The address of a document in QuickBooks' own pages; empty where there are none (a stand-in has no pages)."""
    if not settings.quickbooks_client_id:
        return ""  # connected to nothing: what a demo left behind
    host = urlsplit(settings.quickbooks_api_url).hostname or ""
    app = {
        "quickbooks.api.intuit.com": "https://app.qbo.intuit.com",
        "sandbox-quickbooks.api.intuit.com": "https://app.sandbox.qbo.intuit.com",
    }.get(host)
    page = {"invoice": "invoice", "payment": "recvpayment", "deposit": "deposit"}.get(kind)
    return f"{app}/app/{page}?txnId={quickbooks_id}" if app and page and quickbooks_id else ""


def groups(look: Look) -> list[dict[str, Any]]:
    """Held work by reason, each with its way out; what waits for a person's word first, then by money."""
    rows = look.views.query("held_groups", look.name)
    made = [{**row, "way": way_out(look.name, row)} for row in rows]
    return sorted(made, key=lambda row: (row["way"].triple is None, -abs(row["amount"])))
