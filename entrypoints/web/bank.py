"""The bank over the API: statements in, lines and whose money they are, proposals and a person's word on them."""

import base64
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta

from application.bank_columns import columns_from
from application.bank_facts import bank_facts, proposal_facts
from application.bank_matches import bank_state
from domain.access import OPERATOR, READER, Holder
from domain.errors import BadInput
from entrypoints.bootstrap import read_bank_statement
from entrypoints.web.access import command, read
from entrypoints.web.answers import Done, Page, Row, amount
from entrypoints.web.desk import Desk, asked_by
from entrypoints.web.paging import PAGE
from entrypoints.web.parameters import AsOf, Cursor, FlowName, IdempotencyKey, Limit, Text, Word, text_filter

LARGEST_FILE = 12_000_000  # bytes of a command's body; base64 makes a file a third longer

Line = Annotated[str, PathParameter(description="The line's id.")]
Proposed = Annotated[str, PathParameter(description="The proposal's id.")]


class Answer(msgspec.Struct, frozen=True, rename="camel"):
    """Names as JSON has them."""


class BankLineFacts(Answer, frozen=True):
    """A line of a statement: `amount` into the account positive. `text` is kept where it names Amazon.

    `status` is open, twin (it may repeat line `repeats`), matched or aside; `match`, `how` (auto, confirmed), `score`,
    `fee` and `settlements` are its match's.
    """

    line: str
    account: str
    currency: str
    day: str
    amount: str
    text: str
    reference: str
    status: str
    settlements: list[str]
    match: str | None
    how: str | None
    score: int
    fee: str
    why: str
    repeats: str | None


class BankStatementFacts(Answer, frozen=True):
    """A statement as it was taken in: `fresh` of its `entries` no earlier one had."""

    account: str
    statement: str
    form: str
    file: str
    first_day: str
    last_day: str
    entries: int
    fresh: int
    total: str
    opening: str | None
    closing: str | None
    currency: str
    imported_at: str
    imported_by: str


class ProposalFacts(Answer, frozen=True):
    """A line and the settlements it may be the money of; `kind` is exact, composite, fee, fx or returned.

    `sure`: the next cycle, or a match, makes it by itself.
    """

    proposal: str
    kind: str
    account: str
    line: str
    day: str
    amount: str
    currency: str
    fee: str
    settlements: tuple[str, ...]
    score: int
    why: tuple[str, ...]
    sure: bool


class BankProposals(Answer, frozen=True):
    """Proposals; settlements that should have arrived (`missing`); lines of Amazon's money that nothing explains."""

    position: int
    proposals: list[ProposalFacts]
    missing: list[str]
    unexpected: list[str]


class MatchedFacts(Answer, frozen=True):
    """How many lines were matched by themselves, and how many proposals wait for a person."""

    matched: int
    proposals: int
    position: int


class ImportedFacts(Answer, frozen=True):
    """What a file came to: `new` of its `lines`, of which `twins` may repeat lines of another file."""

    file: str
    lines: int
    new: int
    twins: int
    seen: bool
    matched: int
    proposals: int
    position: int


class _Wanted(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of a command."""


class StatementFile(_Wanted, frozen=True):
    """A bank's file: OFX, QFX, CAMT.053 or CSV, as it is, in base64.

    `account` (a currency, or USD-card) where several are possible; `columns` say once where a CSV has what.
    """

    file: Word
    content: Annotated[str, Meta(min_length=1)]
    account: Annotated[str, Meta(max_length=20)] = ""
    columns: Annotated[str, Meta(max_length=500)] = ""


class BankReason(_Wanted, frozen=True):
    """The reason; it stands in the audit trail."""

    why: Text


class Assignment(_Wanted, frozen=True):
    """Whose money a line is, and why; the amounts must agree to the cent."""

    settlements: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=4)]
    why: Text


@read("/flows/{flow:str}/bank/lines", READER, kept=True)
def list_bank_lines(
    flow: FlowName,
    desk: NamedDependency[Desk],
    account: Annotated[str | None, text_filter("A currency, or USD-card.")] = None,
    status: Annotated[str | None, text_filter("open, twin, matched or aside.")] = None,
    from_day: Annotated[str | None, text_filter("Booked on this day or later, YYYY-MM-DD.")] = None,
    to_day: Annotated[str | None, text_filter("Booked on this day or earlier, YYYY-MM-DD.")] = None,
    as_of: AsOf = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[BankLineFacts]:
    """Lines of the bank's statements and whose money they are, newest first."""
    filters = {"account": account, "status": status, "from_day": from_day, "to_day": to_day}
    return Page(*desk.page("bank_lines", flow, filters, limit, cursor, _line, as_of))


@read("/flows/{flow:str}/bank/statements", READER, kept=True)
def list_bank_statements(
    flow: FlowName,
    desk: NamedDependency[Desk],
    account: Annotated[str | None, text_filter("A currency, or USD-card.")] = None,
    as_of: AsOf = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[BankStatementFacts]:
    """The statements that were taken in, by account, the latest first."""
    return Page(*desk.page("bank_statements", flow, {"account": account}, limit, cursor, _statement, as_of))


@read("/flows/{flow:str}/bank/proposals", READER, kept=True)
def list_proposals(flow: FlowName, desk: NamedDependency[Desk], as_of: AsOf = None) -> BankProposals:
    """What may belong together and waits for a person, what is missing, and what nothing explains."""
    position = desk.position(as_of)
    state = bank_state(flow, desk.views(as_of))
    if not state.is_fed:
        desk.know(flow)
    return BankProposals(
        position,
        [ProposalFacts(**proposal_facts(one)) for one in state.proposals],
        [one.settlement_id for one in state.missing],
        [one.line.line for one in state.unexpected],
    )


@command("/flows/{flow:str}/bank/statements", OPERATOR, request_max_body_size=LARGEST_FILE)
def import_statement(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    data: JSONBody[StatementFile],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[ImportedFacts]:
    """Take a bank's file in, whole or not at all, and match what is sure. Again is no harm."""
    try:
        content = base64.b64decode(data.content, validate=True)
    except ValueError:  # also binascii's
        raise BadInput("content: expected the file's bytes in base64") from None

    def do(by: str) -> ImportedFacts:
        return take_file(desk, flow, content, data.file, data.account, data.columns, by)

    return desk.once(asked_by(request, idempotency_key, data), do)


def take_file(desk: Desk, flow: str, content: bytes, name: str, account: str, columns: str, by: str) -> ImportedFacts:
    """Import and match. Raises UnknownFlow, BadInput."""
    services = desk.services
    state = services.bookkeeping.flow(flow)
    key = account or next(iter(sorted(state.banks)), "")
    known = services.bank_imports.account(flow, key).columns if key and columns else None
    wanted = columns_from(columns, known) if columns else None
    done = services.bank_imports.import_file(
        state, content, name, read_bank_statement, services.evidence, by, account, wanted
    )
    run = services.bank_book.match(flow, by)
    desk.follower.follow()
    return ImportedFacts(
        file=name,
        lines=sum(one.entries for one in done.statements),
        new=sum(one.new for one in done.statements),
        twins=sum(one.twins for one in done.statements),
        seen=all(one.seen for one in done.statements),
        matched=run.matched,
        proposals=run.proposals,
        position=max(done.position, run.position),
    )


@command("/flows/{flow:str}/bank/match", OPERATOR)
def match_bank(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[MatchedFacts]:
    """Match every line that is surely a settlement's money; each cycle does so too."""

    def do(by: str) -> MatchedFacts:
        desk.services.bookkeeping.flow(flow)
        run = desk.services.bank_book.match(flow, by)
        desk.follower.follow()
        return MatchedFacts(run.matched, run.proposals, run.position)

    return desk.once(asked_by(request, idempotency_key), do)


@command("/flows/{flow:str}/bank/proposals/{proposal:str}/confirm", OPERATOR)
def confirm_proposal(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    proposal: Proposed,
    data: JSONBody[BankReason],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """A proposal is so."""
    book = desk.services.bank_book
    return _said(request, desk, flow, idempotency_key, data, lambda by: book.confirm(flow, proposal, by, data.why))


@command("/flows/{flow:str}/bank/proposals/{proposal:str}/reject", OPERATOR)
def reject_proposal(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    proposal: Proposed,
    data: JSONBody[BankReason],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """A proposal is not so; it is not made again."""
    book = desk.services.bank_book
    return _said(request, desk, flow, idempotency_key, data, lambda by: book.reject(flow, proposal, by, data.why))


@command("/flows/{flow:str}/bank/lines/{line:str}/assign", OPERATOR)
def assign_line(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    line: Line,
    data: JSONBody[Assignment],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """A line is the money of these settlements, proposed or not."""
    book = desk.services.bank_book
    return _said(
        request, desk, flow, idempotency_key, data, lambda by: book.assign(flow, line, data.settlements, by, data.why)
    )


@command("/flows/{flow:str}/bank/lines/{line:str}/undo", OPERATOR)
def undo_match(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    line: Line,
    data: JSONBody[BankReason],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """Take back a line's match, or that it is set aside."""
    book = desk.services.bank_book
    return _said(request, desk, flow, idempotency_key, data, lambda by: book.undo(flow, line, by, data.why))


@command("/flows/{flow:str}/bank/lines/{line:str}/set-aside", OPERATOR)
def set_line_aside(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    line: Line,
    data: JSONBody[BankReason],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """A line is no payout of a settlement."""
    book = desk.services.bank_book
    return _said(request, desk, flow, idempotency_key, data, lambda by: book.set_aside(flow, line, by, data.why))


def _said(
    request: Request[Holder, Any, Any],
    desk: Desk,
    flow: str,
    key: str | None,
    data: object,
    say: Callable[[str], int],
) -> Response[Done]:
    """Record a person's word (`say` is told whose) once."""

    def do(by: str) -> Done:
        desk.services.bookkeeping.flow(flow)
        position = say(by)
        desk.follower.follow()
        return Done(position, True)

    return desk.once(asked_by(request, key, data), do)


def _line(row: Row) -> BankLineFacts:
    return BankLineFacts(**bank_facts(row))


def _statement(row: Row) -> BankStatementFacts:
    currency = row["currency"]
    return BankStatementFacts(
        account=row["account"],
        statement=row["statement"],
        form=row["form"],
        file=row["file"],
        first_day=row["first_day"],
        last_day=row["last_day"],
        entries=row["entries"],
        fresh=row["fresh"],
        total=str(amount(row["total"], currency)),
        opening=amount(row["opening"], currency),
        closing=amount(row["closing"], currency),
        currency=currency,
        imported_at=row["imported_at"],
        imported_by=row["imported_by"],
    )


router = Router(
    "/",
    tags=["bank"],
    route_handlers=[
        list_bank_lines,
        list_bank_statements,
        list_proposals,
        import_statement,
        match_bank,
        confirm_proposal,
        reject_proposal,
        assign_line,
        undo_match,
        set_line_aside,
    ],
)
