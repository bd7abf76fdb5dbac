"""What a person is told of a flow, and the channels it is told through. Secrets come in and never go out again."""

import hashlib
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta

from application.alerts import NewChannel, smtp_channel, webhook_channel
from domain.access import ADMIN, OPERATOR, READER, Holder
from entrypoints.web import answers
from entrypoints.web.access import command, read
from entrypoints.web.answers import AddedChannel, AlertList, ChannelList, Done, TriedChannel
from entrypoints.web.desk import Desk, asked_by
from entrypoints.web.paging import PAGE
from entrypoints.web.parameters import PRINTABLE, FlowName, IdempotencyKey, Limit, Word

ChannelName = Annotated[str, PathParameter(description="The channel's name.")]

_Secret = Annotated[str, Meta(max_length=500, pattern=f"{PRINTABLE}|^$")]


class _NewChannel(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A channel to add; one of the same name is replaced."""

    name: Annotated[str, Meta(min_length=1, max_length=40, pattern="^[A-Za-z0-9_-]+$")]


class SmtpChannel(_NewChannel, frozen=True, kw_only=True):
    """Mail through an SMTP server. `security` is starttls, tls or none; `port` follows from it if none is given."""

    host: Word
    sender: Annotated[Word, Meta(description="The address that mails come from.")]
    to: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=50)]
    security: Annotated[str, Meta(pattern="^(starttls|tls|none)$")] = "starttls"
    port: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    user: Annotated[str, Meta(max_length=200, pattern=f"{PRINTABLE}|^$")] = ""
    password: Annotated[_Secret, Meta(description="Goes to the vault; no answer holds it.")] = ""

    def __repr__(self) -> str:
        return "<SmtpChannel>"


class WebhookChannel(_NewChannel, frozen=True, kw_only=True):
    """Signed JSON to an https address. Without a `secret` one is made, and told in the answer this once."""

    url: Annotated[str, Meta(min_length=1, max_length=2000, pattern=PRINTABLE)]
    secret: Annotated[_Secret, Meta(description="Signs the notices; at least 16 characters; no answer holds it.")] = ""

    def __repr__(self) -> str:
        return "<WebhookChannel>"


@read("/flows/{flow:str}/alerts", READER, follows=False)
def list_alerts(flow: FlowName, desk: NamedDependency[Desk], limit: Limit = PAGE) -> AlertList:
    """The alerts that stand, and then the latest that are over."""
    return AlertList([answers.alert_facts(one) for one in desk.services.alerts.alerts(flow, limit)])


@read("/flows/{flow:str}/alerts/channels", READER, follows=False)
def list_channels(flow: FlowName, desk: NamedDependency[Desk]) -> ChannelList:
    """Where alerts go, and how each channel does."""
    desk.services.bookkeeping.flow(flow)
    return ChannelList([answers.channel_facts(one) for one in desk.services.alerts.channel_health(flow)])


@command("/flows/{flow:str}/alerts/channels/smtp", ADMIN)
def add_smtp_channel(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    data: JSONBody[SmtpChannel],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[AddedChannel]:
    """Send alerts by mail too."""
    channel = smtp_channel(data.host, data.sender, data.to, data.security, data.port, data.user, data.password)
    told = msgspec.structs.replace(data, password=_mark(data.password, idempotency_key))
    return _add(request, flow, data.name, channel, told, desk, idempotency_key)


@command("/flows/{flow:str}/alerts/channels/webhook", ADMIN)
def add_webhook_channel(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    data: JSONBody[WebhookChannel],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[AddedChannel]:
    """Post alerts to an address too."""
    channel = webhook_channel(data.url, data.secret)
    told = msgspec.structs.replace(data, secret=_mark(data.secret, idempotency_key))
    return _add(request, flow, data.name, channel, told, desk, idempotency_key)


@command("/flows/{flow:str}/alerts/channels/{channel:str}/remove", ADMIN)
def remove_channel(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    channel: ChannelName,
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """Send no more alerts through a channel; its password or secret is forgotten, and what waited for it."""

    def do(by: str) -> Done:
        position = desk.services.alerts.remove_channel(flow, channel, by)
        desk.follower.follow()
        return Done(position, True)

    return desk.once(asked_by(request, idempotency_key), do)


@command("/flows/{flow:str}/alerts/channels/{channel:str}/test", OPERATOR)
def try_channel(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    channel: ChannelName,
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[TriedChannel]:
    """Send a test notice through a channel now, and say whether it was taken. Takes some 15 seconds at most."""

    def do(by: str) -> TriedChannel:
        (tried,) = desk.services.alerts.test(flow, channel)
        return TriedChannel(tried.channel, not tried.error, tried.error or None)

    return desk.once(asked_by(request, idempotency_key), do)


def _add(
    request: Request[Holder, Any, Any],
    flow: str,
    name: str,
    channel: NewChannel,
    told: SmtpChannel | WebhookChannel,
    desk: Desk,
    key: str | None,
) -> Response[AddedChannel]:
    def do(by: str) -> AddedChannel:
        position = desk.services.alerts.add_channel(flow, name, channel.settings, channel.address, by)
        desk.follower.follow()
        return AddedChannel(name, channel.settings["kind"], channel.address, channel.made or None, position)

    return desk.once(asked_by(request, key, told), do)


def _mark(secret: str, key: str | None) -> str:
    """What tells one secret from another where a key is used again, and from which none can be guessed in earnest."""
    if not secret or key is None:
        return ""
    return hashlib.scrypt(secret.encode(), salt=key.encode(), n=2**14, r=8, p=1).hex()


router = Router(
    "/",
    tags=["alerts"],
    route_handlers=[
        list_alerts,
        list_channels,
        add_smtp_channel,
        add_webhook_channel,
        remove_channel,
        try_channel,
    ],
)
