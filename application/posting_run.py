"""Sending what is planned to QuickBooks, exactly once.

A batch is claimed and recorded, with its request id and its exact bytes, before it leaves; whatever happens then,
the same bytes under the same ids are what is sent again. Only where a replay stays without an answer too, and not
before QuickBooks' own time limit has passed, is a document looked up by its marks (design.md, 'The posting stream
is the outbox'). One that bears any mark of ours and is otherwise is a person's to judge; it is lost, and planned
anew, only where nothing bears any. Every document is looked up before it is first sent too: QuickBooks would take
most of them twice without a word.
"""

import base64
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import msgspec

from application.answers import Outcome
from application.bookkeeping import Bookkeeping, SentBatch
from application.ports import (
    Clock,
    EvidenceStore,
    Fault,
    Found,
    Otherwise,
    QuickBooks,
    References,
    Removed,
    Sighting,
    Views,
    Write,
)
from application.recording import Tally
from application.references import references_for
from domain.document import Document
from domain.errors import BadInput, OutcomeUnknown, Refused
from domain.flow import Flow
from domain.posting import (
    ADOPTED_OTHERWISE,
    CHANGED_BY_HAND,
    FOUND_OTHERWISE,
    LOST,
    TOTAL_DIFFERS,
    UNSENDABLE,
    BatchItem,
    BatchSubmitted,
    Posting,
    kind_of,
    posting_stream,
)

BATCH_SIZE = 30
LOOKED_AT_AGAIN = 50  # documents a person was asked about, by reason and cycle
ROUND_SIZE = 3_000
VENDOR_LIMIT = timedelta(seconds=120)  # QuickBooks gives up on a request after this long
LOOK_UP_AFTER = timedelta(minutes=20)  # all tries of one sending and QuickBooks' own limit are over by then
REPLAYS = 3  # after so many, and look-ups that found nothing, a batch is planned anew
REQUEST_ID_TRUST = timedelta(hours=1)  # how long QuickBooks remembers a request id is not documented
# In the order in which they depend on each other.
KINDS: tuple[str, ...] = (
    *("invoice", "sales_receipt", "credit_memo", "payment", "refund_receipt", "purchase", "journal", "deposit"),
)

_Chosen = tuple[str, Posting, Document]

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
    """Posts the planned documents of one flow. `speed` shortens waits where a stand-in's clock runs fast.

    `check` is asked before each batch and may raise: what is claimed is sent, what is not stays planned.
    """

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
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._check = check
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
            self._check()
            if not self._settle(batch, done):
                done.unknown += 1
        self._views.catch_up()
        if done.unknown:
            return done
        self._look_again(done)
        self._views.catch_up()
        while True:
            before = sum(done.posted.values())
            for kind in KINDS:
                if not self._post_kind(kind, done):
                    return done
            if sum(done.posted.values()) == before or not self._any_ready():
                return done  # else what was posted has freed something of a kind before it

    def _any_ready(self) -> bool:
        return any(self._views.ready_postings(self._flow.name, kind, 1) for kind in KINDS)

    def _post_kind(self, kind: str, done: PostingRun) -> bool:
        """Post everything of a kind that is ready; False at an unknown outcome."""
        while keys := self._views.ready_postings(self._flow.name, kind, ROUND_SIZE):
            missing = self._not_there_yet(kind, keys, done)
            sent = len(keys) - len(missing)
            for begin in range(0, len(missing), BATCH_SIZE):
                self._check()
                outcome = self._post(kind, missing[begin : begin + BATCH_SIZE], done)
                if outcome is None:
                    done.unknown += 1
                    self._views.catch_up()
                    return False
                sent += outcome
            self._views.catch_up()
            if not sent:
                break  # all claimed by somebody else
        return True

    def _post(self, kind: str, keys: Sequence[str], done: PostingRun) -> int | None:
        """Claim, send and record one batch: how many were sent, None if what became of them is unknown."""
        flow = self._flow.name
        known = self._bookkeeping.postings(flow, [(kind, key) for key in keys])
        chosen = [
            (key, posting, posting.document)
            for key in keys
            if (posting := known[kind, key]).status == "planned" and posting.document is not None
        ]
        chosen, writes, references = self._writes(chosen)
        if not chosen:
            return 0
        body = self._quickbooks.batch_body(writes, references)
        batch = batch_id(flow, [(kind, key, posting.generation) for key, posting, _ in chosen])
        items = [
            BatchItem(
                posting=str(posting_stream(flow, kind, key)),
                kind=kind,
                key=key,
                generation=posting.generation,
                item=write.item,
                body_hash=hashlib.sha256(self._quickbooks.batch_body([write], references)).hexdigest(),
            )
            for write, (key, posting, _) in zip(writes, chosen, strict=True)
        ]
        (digest,) = self._evidence.put(flow, [body])
        if not self._bookkeeping.claim(flow, batch, request_id(self._flow.realm, batch), items, digest, self._by):
            return 0
        submitted = self._bookkeeping.batch(flow, batch).submitted
        if not self._send(submitted, body, done, "answer", nothing_there=True):
            return None
        self._progress(kind, len(items))
        return len(items)

    def _writes(self, chosen: Sequence[_Chosen]) -> tuple[list[_Chosen], list[Write], References]:
        """What is to be written. A change is held against what QuickBooks has first: nobody's edit is written over."""
        changes = self._changes([each for each in chosen if each[1].operation != "create"])
        kept = [each for each in chosen if each[1].operation == "create" or each[0] in changes]
        writes = [
            msgspec.structs.replace(changes[key], item=str(number)) if key in changes else Write(str(number), document)
            for number, (key, _, document) in enumerate(kept, start=1)
        ]
        return kept, writes, self._references([document for _, _, document in kept])

    def _changes(self, chosen: Sequence[_Chosen]) -> dict[str, Write]:
        """The changes that can be sent, by key; one of a document that is no more as we left it is refused here."""
        writes: dict[str, Write] = {}
        if not chosen:
            return writes
        standing = [posting.standing or document for _, posting, document in chosen]
        ids = [posting.quickbooks_id for _, posting, _ in chosen]
        seen = self._quickbooks.see_all(list(zip(standing, ids, strict=True)), self._references(standing))
        for (key, posting, document), sighting in zip(chosen, seen, strict=True):
            if sighting is None or sighting.differs:
                differs = ", ".join(sighting.differs) if sighting is not None else "it is not there any more"
                words = f"somebody changed it in QuickBooks ({differs}); nothing was written over it"
                content = sighting.found.content if sighting is not None else b""
                (digest,) = self._evidence.put(self._flow.name, [content])
                about = kind_of(document), key, CHANGED_BY_HAND, words
                self._bookkeeping.refuse_unsent(self._flow.name, *about, digest, self._by)
                continue
            writes[key] = Write(
                "", document, posting.operation, posting.quickbooks_id, sync_token=sighting.found.sync_token
            )
        return writes

    def _not_there_yet(self, kind: str, keys: Sequence[str], done: PostingRun) -> list[str]:
        """The keys of those that QuickBooks has no trace of: another installation, flow or hand may have been here.

        And of changes: what they change is there.
        """
        known = self._bookkeeping.postings(self._flow.name, [(kind, key) for key in keys])
        planned = [
            (key, posting, posting.document)
            for key in keys
            if (posting := known[kind, key]).status == "planned" and posting.document is not None
        ]
        references = self._references([document for _, _, document in planned])
        sendable = [each for each in planned if self._can_be_sent(each, references, done)]
        wanted = [each for each in sendable if each[1].operation == "create"]
        documents = [document for _, _, document in wanted]
        found = self._quickbooks.find(documents, references) if documents else []
        missing = [key for key, posting, _ in sendable if posting.operation != "create"]
        for (key, posting, _), sightings in zip(wanted, found, strict=True):
            outcome = _judged(sightings, posting)
            if outcome is None:
                missing.append(key)
            else:
                done.add(kind, self._record_seen(kind, key, outcome))
        return missing

    def _can_be_sent(self, chosen: _Chosen, references: References, done: PostingRun) -> bool:
        """Whether it can be written for QuickBooks; what cannot is refused alone, and stops none of the others."""
        key, posting, document = chosen
        write = Write("1", document, posting.operation, posting.quickbooks_id, posting.sync_token)
        try:
            self._quickbooks.batch_body([write], references)
        except BadInput as error:
            about = kind_of(document), key, UNSENDABLE, str(error)
            self._bookkeeping.refuse_unsent(self._flow.name, *about, "", self._by)
            done.rejected += 1
            return False
        return True

    def _record_seen(self, kind: str, key: str, outcome: Sighting | Otherwise | None) -> Tally:
        (digest,) = self._evidence.put(self._flow.name, [_contents(outcome)]) if outcome is not None else ("",)
        return self._bookkeeping.record_seen(self._flow.name, kind, key, outcome, digest, self._by)

    def _look_again(self, done: PostingRun) -> None:
        """Documents that a person was asked about: what was corrected or deleted in QuickBooks needs no word here."""
        for code in (FOUND_OTHERWISE, TOTAL_DIFFERS, ADOPTED_OTHERWISE):
            rows = self._views.query("held", self._flow.name, code=code, limit=LOOKED_AT_AGAIN)
            names = list(dict.fromkeys((row["kind"], row["key"]) for row in rows))
            for (kind, key), posting in self._bookkeeping.postings(self._flow.name, names).items():
                document = posting.document
                if document is None:
                    continue
                references = self._references([document])
                if posting.is_contested:
                    (found,) = self._quickbooks.find([document], references, everywhere=True)
                    done.add(kind, self._record_seen(kind, key, _judged(found, posting)))
                elif posting.status == "posted":
                    sighting = self._quickbooks.see(document, posting.quickbooks_id, references)
                    if sighting is not None:
                        self._record_seen(kind, key, sighting)

    def _send(self, submitted: BatchSubmitted, body: bytes, done: PostingRun, how: str, nothing_there: bool) -> bool:
        """Send (again) and record the answer; False if there was none.

        A refusal as a whole is an answer only if no earlier sending was done: `nothing_there` says so.
        """
        try:
            outcomes, answer = self._quickbooks.send_batch(submitted.request_id, body)
        except OutcomeUnknown as error:
            log.warning("batch %s: what became of it is unknown: %s", submitted.batch, error)
            return False
        except Refused as error:
            if not nothing_there:
                log.warning("batch %s: its replay is refused, it is looked up next: %s", submitted.batch, error)
                return False
            answer = b""
            outcomes = {item.item: Fault(error.code, str(error)) for item in submitted.items}
        (digest,) = self._evidence.put(submitted.flow, [answer])
        adopted = self._adopt_duplicates(submitted, outcomes)
        if adopted:
            # Documents that were there before we came are not in the answer: keep what was read of them.
            answer = b"[" + b",".join([answer, *(_contents(outcome) for outcome in adopted.values())]) + b"]"
            (digest,) = self._evidence.put(submitted.flow, [answer])
        tally = self._bookkeeping.confirm(
            submitted, {**outcomes, **adopted}, digest, self._by, how, adopted=adopted.keys()
        )
        done.add(submitted.items[0].kind, tally)
        return True

    def _adopt_duplicates(
        self, submitted: BatchSubmitted, outcomes: Mapping[str, Found | Removed | Fault]
    ) -> dict[str, Sighting | Otherwise]:
        """A number that is taken is ours if the document bearing it is the one we wanted, in every mark."""
        taken = [
            item
            for item in submitted.items
            if isinstance(outcome := outcomes[item.item], Fault) and outcome.duplicate_of
        ]
        return self._look_up(taken, everywhere=False) if taken else {}

    def _settle(self, batch: str, done: PostingRun) -> bool:
        """Bring a batch of unknown outcome to an end: replay it verbatim, then look its documents up.

        It is not touched while its last sending may still be under way, ours or another worker's: a look-up then
        could miss what is about to be written.
        """
        sent = self._bookkeeping.batch(self._flow.name, batch)
        if sent.answered:
            return True
        quiet = (self._clock() - sent.last_sent) * self._speed
        if quiet < VENDOR_LIMIT:
            return False
        remembered = (self._clock() - sent.submitted.at) * self._speed < REQUEST_ID_TRUST
        if sent.replays == 0 and remembered:
            return self._replay(sent, done, nothing_there=False)
        if quiet < LOOK_UP_AFTER:
            return False
        submitted = sent.submitted
        judged: dict[str, Outcome] = {**self._look_up(submitted.items, everywhere=True)}
        judged |= self._look_up_changes(submitted.items)
        if not judged and (remembered or sent.replays < REPLAYS):
            return self._replay(sent, done, nothing_there=True)
        lost = Fault(LOST, "sent, never answered, and not in QuickBooks after its time limit; planned again")
        outcomes: dict[str, Outcome] = {item.item: judged.get(item.item, lost) for item in submitted.items}
        answer = b"[" + b",".join(_contents(outcome) for outcome in judged.values()) + b"]"
        (digest,) = self._evidence.put(self._flow.name, [answer])
        tally = self._bookkeeping.confirm(submitted, outcomes, digest, self._by, "look-up")
        done.add(submitted.items[0].kind, tally)
        return True

    def _replay(self, sent: SentBatch, done: PostingRun, nothing_there: bool) -> bool:
        body = self._evidence.get(self._flow.name, sent.submitted.body)
        if not self._bookkeeping.claim_replay(sent, self._by):
            return False
        return self._send(sent.submitted, body, done, "replay", nothing_there)

    def _look_up(self, items: Sequence[BatchItem], everywhere: bool) -> dict[str, Sighting | Otherwise]:
        """What QuickBooks has of these items of a batch, all of one kind; without those of which it has no trace."""
        known = self._bookkeeping.postings(self._flow.name, [(item.kind, item.key) for item in items])
        wanted = [
            (item.item, posting, posting.document)
            for item in items
            if (posting := known[item.kind, item.key]).document is not None and posting.operation == "create"
        ]
        documents = [document for _, _, document in wanted if document is not None]
        found = self._quickbooks.find(documents, self._references(documents), everywhere) if documents else []
        return {
            item: outcome
            for (item, posting, _), sightings in zip(wanted, found, strict=True)
            if (outcome := _judged(sightings, posting)) is not None
        }

    def _look_up_changes(self, items: Sequence[BatchItem]) -> dict[str, Outcome]:
        """Changes of a batch that are done; without those that left no trace."""
        known = self._bookkeeping.postings(self._flow.name, [(item.kind, item.key) for item in items])
        changes = [
            (item.item, posting, posting.document)
            for item in items
            if (posting := known[item.kind, item.key]).operation != "create" and posting.document is not None
        ]
        if not changes:
            return {}
        documents = [document for _, _, document in changes]
        wanted = [(document, posting.quickbooks_id) for _, posting, document in changes]
        seen = self._quickbooks.see_all(wanted, self._references(documents))
        return {
            item: outcome
            for (item, posting, _), sighting in zip(changes, seen, strict=True)
            if (outcome := _done(posting, sighting)) is not None
        }

    def _references(self, documents: Sequence[Document]) -> References:
        return references_for(self._flow, self._bookkeeping, documents)


def _judged(sightings: Sequence[Sighting], posting: Posting) -> Sighting | Otherwise | None:
    """Ours if just one is so in every mark, a person's to judge if some mark is there, None where nothing bears any."""
    left = [sighting for sighting in sightings if sighting.found.quickbooks_id not in posting.not_ours]
    if not left:
        return None
    twice = len(left) > 1 and not left[1].differs
    return Otherwise(left) if left[0].differs or twice else left[0]


def _done(posting: Posting, sighting: Sighting | None) -> Outcome | None:
    """Whether a change was done, by what QuickBooks has now; None where it was not."""
    match posting.operation:
        case "delete":
            return Removed(posting.quickbooks_id) if sighting is None else None
        case "void":
            return sighting.found if sighting is not None and sighting.found.total == 0 else None
        case _:
            return sighting if sighting is not None and not sighting.differs else None


def _contents(outcome: Outcome) -> bytes:
    """What QuickBooks showed, as evidence."""
    if isinstance(outcome, Sighting):
        return outcome.found.content
    if isinstance(outcome, Found | Removed):
        return outcome.content or b"null"
    if isinstance(outcome, Fault):
        return b"null"
    return b"[" + b",".join(sighting.found.content for sighting in outcome.sightings) + b"]"


def batch_id(flow: str, members: Sequence[tuple[str, str, int]]) -> str:
    """The id of a batch comes from what it holds, so that the same batch cannot be recorded twice."""
    return hashlib.sha256(msgspec.json.encode([flow, *members])).hexdigest()[:32]


def request_id(realm: str, batch: str) -> str:
    """QuickBooks' idempotency key of a batch: unique per company, at most 36 characters."""
    digest = hashlib.sha256(f"{realm}|batch|{batch}".encode()).digest()
    return "mlc" + base64.b32encode(digest).decode().rstrip("=").lower()[:32]
