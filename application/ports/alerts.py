"""Alerts, where they are kept and how they go out."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from domain.alert import Alert


class StandingAlert(msgspec.Struct, frozen=True):
    """An alert that was raised; `id` is another one each time the same trouble comes back. `cleared`: when it ended."""

    id: str
    raised: datetime
    alert: Alert
    cleared: datetime | None = None


class Notice(msgspec.Struct, frozen=True):
    """What goes through a channel. Sent again it is the same, `id` included: receivers tell a repetition by it."""

    id: str
    flow: str
    kind: Literal["raised", "cleared", "test"]
    at: datetime
    link: str
    about: StandingAlert


class AlertChanges(msgspec.Struct, frozen=True):
    """What becomes of a flow's alerts: those that begin, those that go on (perhaps in other words), those that end.

    `notices` are by channel; one that was recorded before is not recorded again.
    """

    raised: Sequence[StandingAlert] = ()
    changed: Sequence[StandingAlert] = ()
    cleared: Sequence[StandingAlert] = ()
    notices: Sequence[tuple[str, Notice]] = ()


class ChannelState(msgspec.Struct, frozen=True):
    """How a channel does. `failures` count since the last delivery; `error` is why the last one failed."""

    delivered: datetime | None = None
    failing_since: datetime | None = None
    failures: int = 0
    error: str = ""
    next_try: datetime | None = None
    waiting: int = 0


class ChannelTotals(msgspec.Struct, frozen=True):
    """Of a flow: channels whose last sending failed, and notices that wait."""

    failing: int = 0
    waiting: int = 0


class AlertBook(Protocol):
    """Which alerts stand and which notices are still to be delivered: durable, and one writer per flow at a time."""

    def update(
        self, flow: str, position: int, decide: Callable[[Sequence[StandingAlert], Callable[[str], int]], AlertChanges]
    ) -> bool:
        """Save in one transaction what `decide` makes of the standing alerts and of how often a key was raised.

        False, and nothing is saved, where the alerts were decided from a later `position` of the log already.
        """

    def alerts(self, flow: str, limit: int = 200) -> list[StandingAlert]:
        """The standing ones and the latest that ended, newest first."""

    def claim(self, flow: str, channel: str, now: datetime, until: datetime) -> str:
        """Be the only one to deliver through a channel; a token, empty where another does or it is not yet time."""

    def release(self, flow: str, channel: str, token: str) -> None:
        """Let others deliver."""

    def undelivered(self, flow: str, channel: str, limit: int) -> list[Notice]:
        """Notices in the order of time."""

    def attempt(self, flow: str, channel: str, notice: str) -> None:
        """Record that it may have been sent, before it is."""

    def delivered(self, flow: str, channel: str, notice: str, at: datetime) -> None:
        """Record that the channel took it; the channel is well."""

    def failed(self, flow: str, channel: str, error: str, at: datetime, next_try: datetime) -> None:
        """Record a failure; the channel rests until `next_try`."""

    def channel(self, flow: str, channel: str) -> ChannelState:
        """How a channel does."""

    def totals(self) -> dict[str, ChannelTotals]:
        """By flow, where any is not zero."""

    def forget(self, flow: str, channel: str) -> None:
        """Drop a removed channel's state and its undelivered notices."""


class Alerts(Protocol):
    """A channel, open for use."""

    def send(self, notice: Notice) -> None:
        """Deliver, in bounded time. Raises ChannelFailed, also where it may have been delivered: it is sent again."""
