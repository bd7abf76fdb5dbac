"""Removing vendors' bytes that are old enough: looked at first, recorded, then removed; events stay for ever.

What kind of evidence a content is, is read off the events that name it, so that no caller has to say it.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from application.ports import Append, Clock, EventStore
from application.recording import Recorder
from domain.event import Event
from domain.retention import EvidencePurged, Retention, evidence_stream

AT_A_TIME = 5_000
PAGE_EVENTS = "order."  # how the stored names of events begin that name pages of a list
_DIGEST = re.compile(rb'"([0-9a-f]{64})"')


class OldEvidence(Protocol):
    """What a purge needs of the evidence store."""

    def stored_before(self, flow: str, limit: datetime) -> list[str]:
        """Digests of a flow's contents that were last stored before a moment."""

    def remove(self, flow: str, digests: Sequence[str], before: datetime) -> int:
        """Remove those that were not stored again since; how many there were."""


class Purge(msgspec.Struct, frozen=True):
    """What may go (or went): digests of pages and of vouchers."""

    pages: list[str]
    vouchers: list[str]
    position: int = 0

    @property
    def empty(self) -> bool:
        return not self.pages and not self.vouchers


class Purging(Recorder):
    """The purge of one installation."""

    def __init__(self, store: EventStore, evidence: OldEvidence, clock: Clock, retention: Retention) -> None:
        super().__init__(store, clock)
        self._evidence = evidence
        self._retention = retention

    def preview(self, flow: str) -> Purge:
        """What may go now; nothing is changed."""
        return self._old(flow, self._clock())

    def purge(self, flow: str, by: str) -> Purge:
        """Record what goes, then remove it. After a crash between the two the next purge removes (and records) it."""
        now = self._clock()
        old = self._old(flow, now)
        if old.empty:
            return old
        limits = self._retention.limits(now)
        event = EvidencePurged(
            pages=len(old.pages),
            vouchers=len(old.vouchers),
            pages_before=limits.pages.date(),
            vouchers_before=limits.vouchers.date(),
            flow=flow,
            at=now,
            by=by,
        )
        stream = evidence_stream(flow)

        def decide() -> list[Append]:
            return [Append(stream, len(self._store.load([stream]).get(stream, [])), [event])]

        position = self._until_saved(decide)
        self._evidence.remove(flow, old.pages, limits.pages)
        self._evidence.remove(flow, old.vouchers, limits.vouchers)
        return msgspec.structs.replace(old, position=position)

    def _old(self, flow: str, now: datetime) -> Purge:
        limits = self._retention.limits(now)
        candidates = set(self._evidence.stored_before(flow, max(limits)))
        vouchers = self._vouchers(flow, candidates)
        old_vouchers = vouchers & set(self._evidence.stored_before(flow, limits.vouchers))
        old_pages = (candidates - vouchers) & set(self._evidence.stored_before(flow, limits.pages))
        return Purge(sorted(old_pages), sorted(old_vouchers))

    def _vouchers(self, flow: str, candidates: set[str]) -> set[str]:
        """Those of the candidates that an event other than an order's names."""
        found: set[str] = set()
        after = 0
        while candidates and (batch := self._store.read(after, AT_A_TIME)):
            after = batch[-1].position
            for recorded in batch:
                if recorded.event.flow == flow and not recorded.name.startswith(PAGE_EVENTS):
                    found |= candidates & _named(recorded.event)
        return found


def _named(event: Event) -> set[str]:
    return {digest.decode() for digest in _DIGEST.findall(msgspec.json.encode(event))}
