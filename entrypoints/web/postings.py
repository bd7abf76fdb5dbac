"""Postings: the QuickBooks documents, and what of Amazon's is behind each line."""

from typing import Annotated

from litestar import Router
from litestar.di import NamedDependency

from application.lineage import LineageReader
from domain.access import READER
from entrypoints.web import answers
from entrypoints.web.access import read
from entrypoints.web.answers import Page, PostingFacts
from entrypoints.web.desk import Desk
from entrypoints.web.lineage import LineageFacts, lineage_facts
from entrypoints.web.paging import PAGE
from entrypoints.web.parameters import AsOf, Cursor, FlowName, Key, Kind, Limit, text_filter
from entrypoints.web.problems import Refusal


@read("/flows/{flow:str}/postings", READER, kept=True)
def list_postings(
    flow: FlowName,
    desk: NamedDependency[Desk],
    kind: Annotated[str | None, text_filter("invoice, payment, deposit, ...")] = None,
    status: Annotated[str | None, text_filter("held, planned, submitted, posted, rejected or withdrawn.")] = None,
    order_id: Annotated[str | None, text_filter("An Amazon order id.")] = None,
    settlement_id: Annotated[str | None, text_filter("A settlement id.")] = None,
    as_of: AsOf = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[PostingFacts]:
    """Documents, the last changed first."""
    filters = {"kind": kind, "status": status, "order_id": order_id, "settlement_id": settlement_id}
    return Page(*desk.page("postings", flow, filters, limit, cursor, answers.posting_facts, as_of))


@read("/flows/{flow:str}/postings/{kind:str}/{key:str}", READER, kept=True)
def show_posting(flow: FlowName, kind: Kind, key: Key, desk: NamedDependency[Desk]) -> PostingFacts:
    """One document."""
    return answers.posting_facts(desk.one("postings", flow, f"posting {kind}/{key}", kind=kind, key=key))


@read("/flows/{flow:str}/postings/{kind:str}/{key:str}/lineage", READER)
def show_lineage(flow: FlowName, kind: Kind, key: Key, desk: NamedDependency[Desk]) -> LineageFacts:
    """The document line by line, each with the Amazon amounts behind it, which sum to it."""
    desk.one("postings", flow, f"posting {kind}/{key}", kind=kind, key=key)
    found = LineageReader(desk.services.store, flow).of_posting(kind, key)
    if found is None:
        raise Refusal(
            404,
            f"posting {kind}/{key} was never planned, so there is no document yet",
            do=f"GET /api/v1/flows/{flow}/held says what it waits for.",
        )
    return lineage_facts(found)


router = Router("/", tags=["postings"], route_handlers=[list_postings, show_posting, show_lineage])
