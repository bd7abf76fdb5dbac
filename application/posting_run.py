"""Sending what is planned to QuickBooks, exactly once.

A batch is claimed and recorded, with its request id and its exact bytes, before it leaves; whatever happens then,
the same bytes under the same ids are what is sent again. Only where a replay stays without an answer too, and not
before QuickBooks' own time limit has passed, is a document looked up by its marks (design.md, 'The posting stream
is the outbox').
"""

import base64
import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec

from application.bookkeeping import Bookkeeping, SentBatch, Tally
from application.ports import Clock, EvidenceStore, Fault, Found, QuickBooks, References, Views
from domain.document import Document, Payment
from domain.errors import OutcomeUnknown, Refused
from domain.flow import Flow
from domain.posting import LOST, BatchItem, BatchSubmitted, Posting, posting_stream

BATCH_SIZE = 30
ROUND_SIZE = 3_000
VENDOR_LIMIT = timedelta(seconds=120)  # QuickBooks gives up on a request after this long
REQUEST_ID_TRUST = timedelta(hours=1)  # how long QuickBooks remembers a request id is not documented
KINDS = ("invoice", "payment", "deposit")  # in the order in which they depend on each other

log = logging.getLogger(__name__)


class PostingRun(msgspec.Struct):
    """What a run posted: documents by kind, refusals, batches whose outcome is still unknown."""

    posted: dict[str, int] = {}
    rejected: int = 0
    unknown: int = 0

    def add(self, kind: str, tally: Tally) -> None:
        self.posted[kind] = self.posted.get(kind, 0) + tally.new
        self.rejected += tally.held


class Poster:
    """Posts the planned documents of one flow. `speed` shortens waits where a stand-in's clock runs fast."""

    def __init__(
        self,
        flow: Flow,
        bookkeeping: Bookkeeping,
        quickbooks: QuickBooks,
        views: Views,
        evidence: EvidenceStore,
        clock: Clock,
        by: str,
        speed: float = 1.0,
        progress: Callable[[str, int], None] = lambda kind, done: None,
    ) -> None:
        self._flow = flow
        self._bookkeeping = bookkeeping
        self._quickbooks = quickbooks
        self._views = views
        self._evidence = evidence
        self._clock = clock
        self._by = by
        self._speed = speed
        self._progress = progress

    def run(self) -> PostingRun:
        """Settle what is open, then post what is ready, kind by kind. Stops at the first unknown outcome."""
        done = PostingRun()
        self._views.catch_up()
        for batch in self._views.open_batches(self._flow.name):
            if not self._settle(batch, done):
                done.unknown += 1
        self._views.catch_up()
        if done.unknown:
            return done
        for kind in KINDS:
            while keys := self._views.ready_postings(self._flow.name, kind, ROUND_SIZE):
                sent = 0
                for begin in range(0, len(keys), BATCH_SIZE):
                    outcome = self._post(kind, keys[begin : begin + BATCH_SIZE], done)
                    if outcome is None:
                        done.unknown += 1
                        self._views.catch_up()
                        return done
                    sent += outcome
                self._views.catch_up()
                if not sent:
                    break  # all claimed by somebody else
        return done

    def _post(self, kind: str, keys: Sequence[str], done: PostingRun) -> int | None:
        """Claim, send and record one batch: how many were sent, None if what became of them is unknown."""
        flow = self._flow.name
        known = self._bookkeeping.postings(flow, [(kind, key) for key in keys])
        chosen = [
            (key, posting, posting.document)
            for key in keys
            if (posting := known[kind, key]).status == "planned" and posting.document is not None
        ]
        if not chosen:
            return 0
        references = self._references([document for _, _, document in chosen])
        documents = [(str(number), document) for number, (_, _, document) in enumerate(chosen, start=1)]
        body = self._quickbooks.batch_body(documents, references)
        batch = batch_id(flow, [(kind, key, posting.generation) for key, posting, _ in chosen])
        items = [
            BatchItem(
                posting=str(posting_stream(flow, kind, key)),
                kind=kind,
                key=key,
                generation=posting.generation,
                item=number,
                body_hash=hashlib.sha256(self._quickbooks.batch_body([(number, document)], references)).hexdigest(),
            )
            for (number, document), (key, posting, _) in zip(documents, chosen, strict=True)
        ]
        (digest,) = self._evidence.put(flow, [body])
        if not self._bookkeeping.claim(flow, batch, request_id(self._flow.realm, batch), items, digest, self._by):
            return 0
        submitted = self._bookkeeping.batch(flow, batch).submitted
        if not self._send(submitted, body, done):
            return None
        self._progress(kind, len(items))
        return len(items)

    def _send(self, submitted: BatchSubmitted, body: bytes, done: PostingRun, how: str = "answer") -> bool:
        """Send (again) and record the answer; False if there was none."""
        try:
            outcomes, answer = self._quickbooks.send_batch(submitted.request_id, body)
        except OutcomeUnknown as error:
            log.warning("batch %s: what became of it is unknown: %s", submitted.batch, error)
            return False
        except Refused as error:
            if how != "answer":
                raise  # an earlier sending may have been done: that this one is refused does not undo it
            answer = b""
            outcomes = {item.item: Fault(error.code, str(error)) for item in submitted.items}
        (digest,) = self._evidence.put(submitted.flow, [answer])
        adopted = self._adopt_duplicates(submitted, outcomes)
        if adopted:
            # Documents that were there before we came are not in the answer: keep what was read of them.
            answer = b"[" + b",".join([answer, *(found.content for found in adopted.values())]) + b"]"
            (digest,) = self._evidence.put(submitted.flow, [answer])
        tally = self._bookkeeping.confirm(submitted, {**outcomes, **adopted}, digest, self._by, how)
        done.add(submitted.items[0].kind, tally)
        return True

    def _adopt_duplicates(self, submitted: BatchSubmitted, outcomes: dict[str, Found | Fault]) -> dict[str, Found]:
        """A number that is taken is ours if the document bearing it is the one we wanted, in every mark."""
        adopted: dict[str, Found] = {}
        for item in submitted.items:
            outcome = outcomes[item.item]
            if isinstance(outcome, Fault) and outcome.duplicate_of:
                found = self._look_up(item)
                if found is not None:
                    adopted[item.item] = found
        return adopted

    def _settle(self, batch: str, done: PostingRun) -> bool:
        """Bring a batch of unknown outcome to an end: replay it verbatim, then look its documents up.

        It is not touched while its last sending may still be under way, ours or another worker's: a look-up then
        could miss what is about to be written.
        """
        sent = self._bookkeeping.batch(self._flow.name, batch)
        if sent.answered:
            return True
        if (self._clock() - sent.last_sent) * self._speed < VENDOR_LIMIT:
            return False
        remembered = (self._clock() - sent.submitted.at) * self._speed < REQUEST_ID_TRUST
        if sent.replays == 0 and remembered:
            return self._replay(sent, done)
        submitted = sent.submitted
        found = {item.item: found for item in submitted.items if (found := self._look_up(item)) is not None}
        if not found:
            return self._replay(sent, done)
        lost = Fault(LOST, "sent, never answered, and not in QuickBooks after its time limit; planned again")
        outcomes: dict[str, Found | Fault] = {item.item: found.get(item.item, lost) for item in submitted.items}
        answer = b"[" + b",".join(document.content for document in found.values()) + b"]"
        (digest,) = self._evidence.put(self._flow.name, [answer])
        tally = self._bookkeeping.confirm(submitted, outcomes, digest, self._by, "look-up")
        done.add(submitted.items[0].kind, tally)
        return True

    def _replay(self, sent: SentBatch, done: PostingRun) -> bool:
        body = self._evidence.get(self._flow.name, sent.submitted.body)
        return self._bookkeeping.claim_replay(sent, self._by) and self._send(sent.submitted, body, done, "replay")

    def _look_up(self, item: BatchItem) -> Found | None:
        document = self._posting(item).document
        return None if document is None else self._quickbooks.find(document, self._references([document]))

    def _posting(self, item: BatchItem) -> Posting:
        return self._bookkeeping.postings(self._flow.name, [(item.kind, item.key)])[item.kind, item.key]

    def _references(self, documents: Sequence[Document]) -> References:
        mapping = self._bookkeeping.mapping(self._flow.name)
        named = [
            (kind, key)
            for document in documents
            if isinstance(document, Payment)
            for kind, _, key in (applied.posting.partition("/") for applied in document.applied)
        ]
        named_pairs = [(kind, key) for kind, key in named]
        posted = self._bookkeeping.postings(self._flow.name, named_pairs) if named_pairs else {}
        return References(
            accounts=mapping.accounts,
            items=mapping.items,
            customers=mapping.customers,
            banks=mapping.banks,
            postings={f"{kind}/{key}": posting.quickbooks_id for (kind, key), posting in posted.items()},
            custom_numbers=self._flow.custom_numbers,
            multicurrency=self._flow.multicurrency,
        )


def batch_id(flow: str, members: Sequence[tuple[str, str, int]]) -> str:
    """The id of a batch comes from what it holds, so that the same batch cannot be recorded twice."""
    return hashlib.sha256(msgspec.json.encode([flow, *members])).hexdigest()[:32]


def request_id(realm: str, batch: str) -> str:
    """QuickBooks' idempotency key of a batch: unique per company, at most 36 characters."""
    digest = hashlib.sha256(f"{realm}|batch|{batch}".encode()).digest()
    return "mlc" + base64.b32encode(digest).decode().rstrip("=").lower()[:32]
