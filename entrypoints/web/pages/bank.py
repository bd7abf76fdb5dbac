"""The bank's page: which payouts are on it, what waits for a person's word, and what is missing on either side."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import MultipartBody, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta

from application.bank_matches import BankState, bank_state
from domain.access import OPERATOR, READER, Holder
from domain.bank_matching import AFTER, Payout
from entrypoints.web.bank import LARGEST_FILE, take_file
from entrypoints.web.desk import Desk
from entrypoints.web.pages.flow import AsOfMoment, PageCursor
from entrypoints.web.pages.html import address, render
from entrypoints.web.pages.look import Row, flow_names, itself, look_at
from entrypoints.web.pages.signing_in import form, page
from entrypoints.web.paging import PAGE
from entrypoints.web.parameters import FlowName
from entrypoints.web.problems import Refusal

SHOWN = 50  # payouts without a line, and lines without a payout

NOTICES = {
    "confirmed": "The line and the settlement belong together now.",
    "rejected": "It is not proposed again.",
    "undone": "The line is open again.",
    "aside": "The line is set aside.",
}
_Why = Annotated[str, Meta(max_length=500, pattern=r"^[^\u0000-\u001F\u007F]*$")]
_Id = Annotated[str, Meta(max_length=40)]


class OnProposal(msgspec.Struct, frozen=True):
    """A word on a proposal."""

    proposal: _Id = ""
    why: _Why = ""


class OnLine(msgspec.Struct, frozen=True):
    """A word on a line."""

    line: _Id = ""
    why: _Why = ""


class Upload(msgspec.Struct, frozen=True):
    """A bank's file."""

    file: UploadFile
    account: Annotated[str, Meta(max_length=20)] = ""
    columns: Annotated[str, Meta(max_length=500)] = ""
    csrf: str = ""


@page("/flows/{flow:str}/bank", READER)
def show_bank(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    desk: NamedDependency[Desk],
    as_of: AsOfMoment = None,
    cursor: PageCursor = None,
    done: Annotated[str | None, QueryParameter(max_length=20)] = None,
    new: Annotated[int | None, QueryParameter(ge=0)] = None,
    matched: Annotated[int | None, QueryParameter(ge=0)] = None,
) -> Response[str]:
    """The bank, now or as of a moment."""
    look = look_at(desk, flow, as_of)
    state = bank_state(flow, look.views)
    rows, following, _ = desk.page("bank_lines", flow, {"amazon": True}, PAGE, cursor, itself, look.asked)
    notice = NOTICES.get(done or "", "")
    if done == "imported":
        lines = "1 new line was" if new == 1 else f"{new or 0:,} new lines were"
        notice = f"{lines} taken in, {matched or 0:,} matched."
    lines_of = {one.line.line: one for one in state.lines}
    return render(
        request,
        "bank.html",
        look=look,
        names=flow_names(request.user, desk),
        notice=notice,
        state=state,
        tone=_tone(state),
        settled=sum(bool(one.total) for one in state.payouts.values())
        - sum(one.arrived is None for one in state.waiting),
        proposed={one.line for one in state.proposals},
        payouts=sum(bool(one.total) for one in state.payouts.values()),
        proposals=[
            {
                "is": one,
                "payouts": [state.payouts[name] for name in one.settlements],
                "tells": lines_of[one.line].line.tells,
            }
            for one in state.proposals
        ],
        waiting=_waiting(state)[:SHOWN],
        unexpected=state.unexpected[:SHOWN],
        statements=[{**row, "joint": state.joints[row["statement"]]} for row in state.statements[:SHOWN]],
        accounts=look.views.query("bank_accounts", flow),
        lines=rows,
        first=cursor is None,
        next=look.path("bank", cursor=following) if following else None,
        may_operate=look.then is None and request.user.may(OPERATOR),
        banks=sorted(look.flow["banks"]),
    )


@form("/flows/{flow:str}/bank/statements", OPERATOR, request_max_body_size=LARGEST_FILE)
def upload(
    request: Request[Holder, Any, Any], flow: FlowName, desk: NamedDependency[Desk], data: MultipartBody[Upload]
) -> Redirect:
    """Take a bank's file in and match what is sure."""
    content = data.file.file.read()
    name = data.file.filename
    if not content or not name:
        raise Refusal(422, "no file was chosen", do="Choose the file that the bank's site gave you.")
    facts = take_file(desk, flow, content, name, data.account, data.columns.strip(), request.user.by)
    return _back(desk, flow, "imported", new=str(facts.new), matched=str(facts.matched))


@form("/flows/{flow:str}/bank/confirm", OPERATOR)
def confirm(
    request: Request[Holder, Any, Any], flow: FlowName, desk: NamedDependency[Desk], data: URLEncodedBody[OnProposal]
) -> Redirect:
    """A proposal is so."""
    desk.services.bank_book.confirm(flow, data.proposal, request.user.by, data.why.strip())
    return _back(desk, flow, "confirmed")


@form("/flows/{flow:str}/bank/reject", OPERATOR)
def reject(
    request: Request[Holder, Any, Any], flow: FlowName, desk: NamedDependency[Desk], data: URLEncodedBody[OnProposal]
) -> Redirect:
    """A proposal is not so."""
    desk.services.bank_book.reject(flow, data.proposal, request.user.by, data.why.strip())
    return _back(desk, flow, "rejected")


@form("/flows/{flow:str}/bank/undo", OPERATOR)
def undo(
    request: Request[Holder, Any, Any], flow: FlowName, desk: NamedDependency[Desk], data: URLEncodedBody[OnLine]
) -> Redirect:
    """Take back a match, or that a line is set aside."""
    desk.services.bank_book.undo(flow, data.line, request.user.by, data.why.strip())
    return _back(desk, flow, "undone")


@form("/flows/{flow:str}/bank/set-aside", OPERATOR)
def set_aside(
    request: Request[Holder, Any, Any], flow: FlowName, desk: NamedDependency[Desk], data: URLEncodedBody[OnLine]
) -> Redirect:
    """A line is no payout."""
    desk.services.bank_book.set_aside(flow, data.line, request.user.by, data.why.strip())
    return _back(desk, flow, "aside")


def _tone(state: BankState) -> str:
    if state.missing or state.unexpected:
        return "bad"
    if any(not one.auto for one in state.proposals):
        return "wait"
    return "ok" if state.is_fed else "calm"


def _waiting(state: BankState) -> list[Row]:
    """Settlements whose money is not on the bank, the newest first, each with how it stands."""
    missing = {one.settlement_id for one in state.missing}
    proposed = {name for one in state.proposals for name in one.settlements}
    found = []
    for payout in sorted(state.waiting, key=lambda one: (one.day, one.settlement_id), reverse=True):
        if payout.arrived is None and payout.settlement_id not in proposed:
            found.append({"is": payout, "state": _standing(payout, state, missing)})
    return found


def _standing(payout: Payout, state: BankState, missing: set[str]) -> tuple[str, str]:
    if payout.settlement_id in missing:
        return "Missing", "bad"
    if payout.settlement_id in state.failed:
        return "Transfer failed, paid back to Amazon", "calm"
    if payout.total < 0:
        return "Carried, or charged to a card", "calm"
    spans = state.spans.get(payout.currency, [])
    if not spans or payout.day + AFTER > spans[-1][1]:
        return "Not on a statement yet", "calm"
    return "No statement of those days", "wait"


def _back(desk: Desk, flow: str, done: str, **more: str) -> Redirect:
    desk.follower.follow()
    return Redirect(address("flows", flow, "bank", done=done, **more), status_code=303)


router = Router("/", route_handlers=[show_bank, upload, confirm, reject, undo, set_aside])
