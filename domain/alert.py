"""What a person must be told of a flow until it is over, and the channels it is told through.

A channel's settings (addresses, passwords, signing secrets) are never here; they live in the vault.
"""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from domain.event import Event, stream_id
from domain.flow import AmazonConnected, ConnectionLost, QuickBooksConnected


class Alert(msgspec.Struct, frozen=True):
    """One trouble. `key` is its name within the flow: the same trouble has the same key as long as it lasts.

    `money` is what hangs on it, in minor units by currency; `path` is where this service shows it.
    """

    key: str
    object: str
    problem: str
    cause: str
    what_to_do: str
    path: str
    money: dict[str, int] = {}


class AlertChannelAdded(Event, frozen=True, kw_only=True):
    """Alerts of the flow go to `address` too, by `kind` (smtp or webhook); a channel of that name is replaced."""

    channel: str
    kind: str
    address: str


class AlertChannelRemoved(Event, frozen=True, kw_only=True):
    """No more alerts through this channel."""

    channel: str


class Channel(msgspec.Struct, frozen=True):
    """Where alerts go; `address` may be shown to anybody who may see the flow."""

    name: str
    kind: str
    address: str


class Channels(msgspec.Struct):
    """A flow's channels by name, folded from their events."""

    standing: dict[str, Channel] = {}


def evolve(state: Channels, event: Event) -> Channels:
    match event:
        case AlertChannelAdded():
            state.standing[event.channel] = Channel(event.channel, event.kind, event.address)
        case AlertChannelRemoved():
            state.standing.pop(event.channel, None)
    return state


def lost_connections(events: Iterable[Event]) -> dict[str, ConnectionLost]:
    """By vendor, the refusals in a flow's events since which nobody connected that vendor again."""
    lost: dict[str, ConnectionLost] = {}
    for event in events:
        match event:
            case ConnectionLost():
                lost[event.vendor] = event
            case AmazonConnected():
                lost.pop("amazon", None)
            case QuickBooksConnected():
                lost.pop("quickbooks", None)
    return lost


def channels_stream(flow: str) -> UUID:
    return stream_id(flow, "alert_channels")
