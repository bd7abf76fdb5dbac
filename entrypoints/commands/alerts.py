"""`ml-connector alerts`: what stands, the channels it is told through, and a test of them."""

import sys
from typing import Annotated, Any

import typer

from application.alerts import NewChannel, smtp_channel, webhook_channel
from application.ports import StandingAlert
from domain.alert import Alert
from domain.errors import BadInput
from entrypoints.bootstrap import services
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.console import DONE, FAILED, HELD, err, money, out, print_json, print_table

app = typer.Typer(help="Who is told when something is held, does not add up or fails.", no_args_is_help=True)
channel_app = typer.Typer(help="Where a flow's alerts go.", no_args_is_help=True)
add_app = typer.Typer(help="Add a channel, or replace one of the same name.", no_args_is_help=True)
app.add_typer(channel_app, name="channel")
channel_app.add_typer(add_app, name="add")

ChannelName = Annotated[str, typer.Argument(metavar="NAME", help="A short name: letters, digits, - and _.")]


@app.command("list")
def list_alerts(
    flow: FlowName,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 200,
    as_json: AsJson = False,
) -> int:
    """The alerts that stand, and the latest that are over."""
    with services() as service:
        alerts = service.alerts.alerts(flow, limit)
    if as_json:
        print_json({"flow": flow, "alerts": [alert_facts(one) for one in alerts]})
    else:
        rows = [
            [
                f"{one.raised:%Y-%m-%d %H:%M}",
                "stands" if one.cleared is None else f"over since {one.cleared:%Y-%m-%d %H:%M}",
                f"{one.alert.object} {one.alert.problem}",
                _sums(one.alert),
                one.alert.cause,
                one.alert.what_to_do if one.cleared is None else "",
            ]
            for one in alerts
        ]
        columns = ["raised (UTC)", "status", "what", "at stake", "cause", "what to do"]
        print_table(f"Alerts of {flow}", columns, rows, right=["at stake"], text=["cause", "what to do"])
    return HELD if any(one.cleared is None for one in alerts) else DONE


@app.command("test")
def try_channels(
    flow: FlowName,
    name: Annotated[str | None, typer.Argument(help="One channel; each of the flow's if none.")] = None,
    as_json: AsJson = False,
) -> int:
    """Send a test notice through each channel of the flow, or through one."""
    with services() as service:
        tried = service.alerts.test(flow, name)
    if as_json:
        print_json(
            {
                "flow": flow,
                "channels": [
                    {"channel": one.channel, "ok": not one.error, "error": one.error or None} for one in tried
                ],
            }
        )
    else:
        for one in tried:
            (err if one.error else out).print(f"{one.channel}: {one.error or 'taken'}", markup=False)
        if not tried:
            out.print(f"Flow {flow} has no channel. Add one: ml-connector alerts channel add smtp {flow} NAME …")
    return FAILED if any(one.error for one in tried) else DONE


@add_app.command()
def smtp(
    flow: FlowName,
    name: ChannelName,
    host: Annotated[str, typer.Option(help="The mail server.")],
    sender: Annotated[str, typer.Option("--from", help="The sender's address.")],
    to: Annotated[list[str], typer.Option(help="A recipient's address; may be repeated.")],
    port: Annotated[int | None, typer.Option(help="587, 465 or 25 by security, if not given.")] = None,
    security: Annotated[str, typer.Option(help="starttls, tls, or none (in the clear).")] = "starttls",
    user: Annotated[str, typer.Option(help="A user, where the server wants one.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Mail through an SMTP server."""
    password = _secret() if password_stdin else ""
    return _add(flow, name, smtp_channel(host, sender, to, security, port, user, password), as_json)


@add_app.command()
def webhook(
    flow: FlowName,
    name: ChannelName,
    url: Annotated[str, typer.Option(help="Where notices are posted to.")],
    secret_stdin: Annotated[
        bool, typer.Option("--secret-stdin", help="Read the signing secret from standard input; else one is made.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Signed JSON to an address; a signing secret that is made here is shown once."""
    return _add(flow, name, webhook_channel(url, _secret() if secret_stdin else ""), as_json)


@channel_app.command("list")
def list_channels(flow: FlowName, as_json: AsJson = False) -> int:
    """The channels and how they do."""
    with services() as service:
        service.bookkeeping.flow(flow)
        channels = service.alerts.channel_health(flow)
    if as_json:
        facts = [
            {
                "channel": one.channel.name,
                "kind": one.channel.kind,
                "address": one.channel.address,
                "ok": one.ok,
                "delivered": one.state.delivered,
                "failing_since": one.state.failing_since,
                "failures": one.state.failures,
                "waiting": one.state.waiting,
                "next_try": one.state.next_try,
                "error": one.state.error or None,
            }
            for one in channels
        ]
        print_json({"flow": flow, "channels": facts})
    else:
        rows = [[one.channel.name, one.channel.kind, "well" if one.ok else "failing", one.text] for one in channels]
        print_table(
            f"Alert channels of {flow}", ["channel", "kind", "status", "how it does"], rows, text=["how it does"]
        )
    return DONE if all(one.ok for one in channels) else HELD


@channel_app.command()
def remove(flow: FlowName, name: ChannelName, as_json: AsJson = False) -> int:
    """Send no more alerts through a channel; its password or secret is forgotten."""
    with services() as service:
        service.alerts.remove_channel(flow, name, service.person)
        service.views.catch_up()
    if as_json:
        print_json({"flow": flow, "channel": name, "removed": True})
    else:
        out.print(f"Channel {name} is removed.", markup=False)
    return DONE


def alert_facts(one: StandingAlert) -> dict[str, Any]:
    """An alert as JSON shows it."""
    alert = one.alert
    return {
        "id": one.id,
        "key": alert.key,
        "object": alert.object,
        "problem": alert.problem,
        "money": [{"amount": money(minor, currency), "currency": currency} for currency, minor in alert.money.items()],
        "cause": alert.cause,
        "what_to_do": alert.what_to_do,
        "path": alert.path,
        "raised": one.raised,
        "cleared": one.cleared,
    }


def _add(flow: str, name: str, channel: NewChannel, as_json: bool) -> int:
    with services() as service:
        service.alerts.add_channel(flow, name, channel.settings, channel.address, service.person)
        service.views.catch_up()
    if as_json:
        facts = {"flow": flow, "channel": name, "kind": channel.settings["kind"], "address": channel.address}
        print_json({**facts, **({"secret": channel.made} if channel.made else {})})
    else:
        out.print(
            f"Alerts of {flow} go to {channel.address} too. Try it: ml-connector alerts test {flow} {name}",
            markup=False,
        )
        if channel.made:
            out.print(f"Signing secret, shown this once: {channel.made}", markup=False)
    return DONE


def _secret() -> str:
    secret = sys.stdin.read().rstrip("\r\n")
    if not secret or "\n" in secret:
        raise BadInput("expected the secret on standard input, in one line and nothing else")
    return secret


def _sums(alert: Alert) -> str:
    return ", ".join(f"{money(minor, currency)} {currency}" for currency, minor in alert.money.items())
