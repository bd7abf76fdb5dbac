"""Who may run a flow: fenced leases, and workers."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

import msgspec


class Lease(Protocol):
    """The right to run one flow, until it is finished or its owner has been silent for too long."""

    @property
    def ran(self) -> dict[str, datetime]:
        """When each source was last run to its end, as the lease was claimed."""

    @property
    def asked(self) -> bool:
        """Whether a person asked for a run of everything."""

    @property
    def claimed_at(self) -> datetime:
        """When the lease was claimed, by the database's clock."""

    def kept(self) -> AbstractContextManager[None]:
        """Keep the lease alive from a thread of its own while the block runs."""

    def note(self, what: str, done: int) -> None:
        """Progress for people who look on; shown with the next sign of life."""

    def check(self) -> None:
        """Raises LeaseLost where the lease is another's."""

    def finish(self, ran: Mapping[str, datetime], due_at: datetime, *, done: bool) -> None:
        """Give the lease back. `done`: what a person asked for is done. Raises LeaseLost."""


class LeaseState(msgspec.Struct, frozen=True):
    """A flow's lease as it stands; `ran` is when each source last ran, `progress` the running cycle's."""

    flow: str
    due_at: datetime
    owner: str
    fence: int
    lease_until: datetime
    held: bool
    asked: bool
    ran: dict[str, datetime]
    progress: dict[str, int]


class WorkerState(msgspec.Struct, frozen=True):
    """A process that runs due flows, and when it last showed life."""

    worker: str
    kind: str
    started: datetime
    seen: datetime
    alive: bool


class Leases(Protocol):
    """One fenced lease per flow, and the workers that are there. Times are the database's."""

    def now(self) -> datetime:
        """The time by the database's clock."""

    def states(self) -> dict[str, LeaseState]:
        """The leases of all flows that ever were due, by flow."""

    def schedule(self, flow: str, fence: int, due_at: datetime) -> None:
        """Say when the flow is next due; nothing happens where the fence is another by now."""

    def ask(self, flow: str) -> None:
        """A person wants all of the flow run at once."""

    def claim(self, flow: str, owner: str, *, when_due: bool) -> Lease | None:
        """The flow's lease, or None where it is held (or, `when_due`, not due)."""

    def show_life(self, worker: str, kind: str) -> None:
        """Note that a worker is there."""

    def leave(self, worker: str) -> None:
        """Note that a worker ended in order."""

    def workers(self) -> list[WorkerState]:
        """Workers that did not leave, the longest there first."""
