"""Flows, their connections, cycles, mapping gaps and batches. See fold.py."""

from typing import TYPE_CHECKING

from adapters.views.rows import NOTHING, Subject, as_json, as_text
from application.ports import Recorded
from domain.flow import (
    AmazonConnected,
    ConnectionLost,
    CycleFailed,
    CycleFinished,
    CycleStarted,
    CycleStopped,
    FlowConfigured,
    FlowCreated,
    FlowPaused,
    FlowResumed,
    QuickBooksConnected,
    WatermarkAdvanced,
)
from domain.mapping import MappingFound, MappingMissing
from domain.posting import (
    BatchAnswered,
    BatchSubmitted,
)

if TYPE_CHECKING:
    from adapters.views.fold import Fold


def fold_flow_created(fold: "Fold", event: FlowCreated, _: Recorded) -> Subject:
    row = fold.flows.take(event.flow)
    row.region, row.realm, row.orders, row.zone = event.region, event.realm, event.orders, event.zone
    row.since = event.since.isoformat() if event.since is not None else None
    row.banks = as_json(event.banks)
    row.created = as_text(event.at)
    return NOTHING


def fold_flow_configured(fold: "Fold", event: FlowConfigured, _: Recorded) -> Subject:
    row = fold.flows.take(event.flow)
    new = event.new.named()
    for name in new.keys() & {"banks", "schedule"}:
        setattr(row, name, as_json(new[name]))
    row.zone = new.get("zone", row.zone)
    if "since" in new:
        row.since = new["since"].isoformat() if new["since"] is not None else None
    if "marketplaces" in new and fold.watermarks.get(event.flow, "orders") is not None:
        # Nobody has read the added shops' past: the next cycle begins from the start, where what is known costs little.
        fold.watermarks.take(event.flow, "orders").cursor = ""
    return NOTHING


def fold_flow_paused(fold: "Fold", event: FlowPaused | FlowResumed, _: Recorded) -> Subject:
    fold.flows.take(event.flow).paused = as_text(event.at) if isinstance(event, FlowPaused) else ""
    return NOTHING


def fold_amazon_connected(fold: "Fold", event: AmazonConnected, _: Recorded) -> Subject:
    fold.flows.take(event.flow).amazon = "connected"
    return NOTHING


def fold_quickbooks_connected(fold: "Fold", event: QuickBooksConnected, _: Recorded) -> Subject:
    row = fold.flows.take(event.flow)
    row.quickbooks, row.company = "connected", event.company
    row.realm = row.realm or event.realm
    return NOTHING


def fold_connection_lost(fold: "Fold", event: ConnectionLost, _: Recorded) -> Subject:
    row = fold.flows.take(event.flow)
    if event.vendor == "amazon":
        row.amazon = "lost"
    else:
        row.quickbooks = "lost"
    return NOTHING


def fold_cycle_started(fold: "Fold", event: CycleStarted, _: Recorded) -> Subject:
    fold.cycles.take(event.flow, event.cycle).started = as_text(event.at)
    return NOTHING


def fold_cycle_ended(fold: "Fold", event: CycleFinished | CycleFailed | CycleStopped, _: Recorded) -> Subject:
    row = fold.cycles.take(event.flow, event.cycle)
    row.finished, row.counts = as_text(event.at), as_json(event.counts)
    if isinstance(event, CycleFailed):
        row.status, row.error = "failed", event.error
    elif isinstance(event, CycleStopped):
        row.status, row.error = "stopped", event.why
    else:
        row.status = "finished"
    return NOTHING


def fold_watermark(fold: "Fold", event: WatermarkAdvanced, _: Recorded) -> Subject:
    row = fold.watermarks.take(event.flow, event.source)
    row.cursor, row.seen = event.cursor, as_json(event.seen)
    return NOTHING


def fold_mapping_missing(fold: "Fold", event: MappingMissing, recorded: Recorded) -> Subject:
    row = fold.gaps.take(event.flow, event.key)
    row.first_object, row.amount, row.currency = event.first_object, event.amount, event.currency
    row.status, row.since, row.position = "open", as_text(event.at), recorded.position
    return NOTHING


def fold_mapping_found(fold: "Fold", event: MappingFound, _: Recorded) -> Subject:
    fold.gaps.take(event.flow, event.key).status = "found"
    return NOTHING


def fold_batch_submitted(fold: "Fold", event: BatchSubmitted, recorded: Recorded) -> Subject:
    row = fold.batches.take(event.flow, event.batch)
    row.request_id, row.items, row.at, row.position = (
        event.request_id,
        len(event.items),
        as_text(event.at),
        recorded.position,
    )
    return NOTHING


def fold_batch_answered(fold: "Fold", event: BatchAnswered, _: Recorded) -> Subject:
    fold.batches.take(event.flow, event.batch).status = "answered"
    return NOTHING
