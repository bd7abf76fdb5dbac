"""Old evidence goes, by what it is; events, and what is young or still needed, stay; and what went is recorded."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from examples import EXAMPLES

from adapters.database import Database
from adapters.event_store import DatabaseEventStore
from adapters.evidence import DatabaseEvidence
from adapters.keyring import KeyRing
from application.ports import Append
from application.purge import Purging
from domain.errors import BadInput
from domain.event import stream_id
from domain.order import OrderIngested
from domain.posting import BatchAnswered
from domain.retention import EvidencePurged, Retention, evidence_stream


class Place:
    def __init__(self, database: Database, store: DatabaseEventStore, keyring: KeyRing, clock: Any) -> None:
        self.clock, self.store = clock, store
        self.evidence = DatabaseEvidence(database, keyring, clock)
        self.purging = Purging(store, self.evidence, clock, Retention(page_days=30, voucher_days=3_653))

    def put(self, content: bytes, named: str = "", flow: str = "us") -> str:
        (digest,) = self.evidence.put(flow, [content])
        stamp: dict[str, Any] = {"flow": flow, "at": self.clock(), "by": "cycle:1"}
        if named == "order":
            order = EXAMPLES["order.ingested.v1"].order  # type: ignore[attr-defined]
            self.append(flow, content, OrderIngested(order=order, evidence=digest, **stamp))
        elif named:
            self.append(flow, content, BatchAnswered(batch="b", answer=digest, posted=1, rejected=0, **stamp))
        return digest

    def append(self, flow: str, content: bytes, event: Any) -> None:
        self.store.append([Append(stream_id(flow, "test", content.decode()), 0, [event])])

    def has(self, digest: str, flow: str = "us") -> bool:
        try:
            self.evidence.get(flow, digest)
        except BadInput:
            return False
        return True


@pytest.fixture
def place(database: Database, store: DatabaseEventStore, keyring: KeyRing, clock: Any) -> Place:
    return Place(database, store, keyring, clock)


def test_pages_go_after_days_and_vouchers_after_years(place: Place, clock: Any) -> None:
    page, unnamed, voucher = place.put(b"page", "order"), place.put(b"nothing new in it"), place.put(b"v", "batch")
    clock.advance(31 * 86_400)
    young, others = place.put(b"young", "order"), place.put(b"page", "order", flow="eu")

    preview = place.purging.preview("us")
    assert sorted(preview.pages) == sorted([page, unnamed])
    assert preview.vouchers == []
    assert place.has(page)  # a preview changes nothing

    assert place.purging.purge("us", "ada").pages == preview.pages
    assert [place.has(digest) for digest in (page, unnamed, voucher, young)] == [False, False, True, True]
    assert place.has(others, "eu")

    clock.advance(3_653 * 86_400)
    assert place.purging.purge("us", "ada").vouchers == [voucher]
    assert not place.has(voucher)


def test_what_went_is_an_event_and_no_event_goes(place: Place, clock: Any) -> None:
    place.put(b"page", "order")
    before = place.store.end()
    clock.advance(40 * 86_400)

    gone = place.purging.purge("us", "ada")

    (event,) = place.store.load([evidence_stream("us")])[evidence_stream("us")]
    assert isinstance(event, EvidencePurged)
    assert (event.pages, event.vouchers, event.by) == (1, 0, "ada")
    assert event.pages_before == (clock.now - timedelta(days=30)).date()
    assert gone.position == place.store.end() == before + 1
    assert place.purging.purge("us", "ada").empty
    assert place.store.end() == before + 1  # nothing went, nothing to record


def test_a_page_that_a_voucher_names_too_is_a_voucher(place: Place, clock: Any) -> None:
    digest = place.put(b"both", "order")
    stamp: dict[str, Any] = {"flow": "us", "at": clock(), "by": "t"}
    place.append("us", b"again", BatchAnswered(batch="b", answer=digest, posted=1, rejected=0, **stamp))
    clock.advance(31 * 86_400)

    assert place.purging.purge("us", "ada").empty
    assert place.has(digest)


def test_what_is_stored_again_is_young_again(place: Place, clock: Any) -> None:
    digest = place.put(b"page")
    clock.advance(31 * 86_400)
    old = place.purging.preview("us").pages
    place.evidence.put("us", [b"page"])  # between a purge's look and its removal

    assert place.evidence.remove("us", old, clock.now - timedelta(days=30)) == 0
    assert place.has(digest)


def test_what_is_older_than_the_dates_is_dated_when_it_is_first_looked_at(
    place: Place, database: Database, clock: Any
) -> None:
    digest = place.put(b"page")
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM evidence_stored")

    assert place.evidence.stored_before("us", clock.now + timedelta(seconds=1)) == [digest]
    assert place.purging.preview("us").empty
    clock.now = datetime(2027, 1, 1, tzinfo=UTC)
    assert place.purging.preview("us").pages == [digest]
