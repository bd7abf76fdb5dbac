"""The log: events, stream heads and the audit ledger, written together in one transaction on either database."""

from adapters.event_store.store import DatabaseEventStore, create_event_store

__all__ = ["DatabaseEventStore", "create_event_store"]
