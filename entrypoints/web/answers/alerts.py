"""Alerts and their channels as the API tells them."""

from application.alerts import ChannelHealth
from application.ports import StandingAlert
from entrypoints.web.answers.form import Answer, Money, instant, money


class AlertFacts(Answer, frozen=True):
    """A trouble that somebody was told of. `path` is its page here; `cleared` is null while it stands."""

    id: str
    object: str
    problem: str
    money: list[Money]
    cause: str
    what_to_do: str
    path: str
    raised: str
    cleared: str | None


class AlertList(Answer, frozen=True):
    """Those that stand first, the newest first."""

    items: list[AlertFacts]


class ChannelFacts(Answer, frozen=True):
    """A channel and how it does: `ok` until a sending failed, `waiting` are notices not yet delivered."""

    name: str
    kind: str
    address: str
    ok: bool
    delivered: str | None
    failing_since: str | None
    failures: int
    waiting: int
    next_try: str | None
    error: str | None


class ChannelList(Answer, frozen=True):
    """A flow's channels."""

    items: list[ChannelFacts]


class AddedChannel(Answer, frozen=True):
    """A channel that was added. `secret` is one that was made here, told this once; never one that was sent."""

    name: str
    kind: str
    address: str
    secret: str | None
    position: int


class TriedChannel(Answer, frozen=True):
    """Whether a channel took a test notice, and if not, why."""

    name: str
    ok: bool
    error: str | None


def alert_facts(one: StandingAlert) -> AlertFacts:
    alert = one.alert
    return AlertFacts(
        id=one.id,
        object=alert.object,
        problem=alert.problem,
        money=[Money(money(minor, currency), currency) for currency, minor in alert.money.items()],
        cause=alert.cause,
        what_to_do=alert.what_to_do,
        path=alert.path,
        raised=instant(one.raised) or "",
        cleared=instant(one.cleared),
    )


def channel_facts(health: ChannelHealth) -> ChannelFacts:
    channel, state = health.channel, health.state
    return ChannelFacts(
        name=channel.name,
        kind=channel.kind,
        address=channel.address,
        ok=health.ok,
        delivered=instant(state.delivered),
        failing_since=instant(state.failing_since),
        failures=state.failures,
        waiting=state.waiting,
        next_try=instant(state.next_try) if not health.ok else None,
        error=state.error or None,
    )
