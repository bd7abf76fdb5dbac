"""`ml-connector notifications`: Amazon's notifications through a queue, each a hint that asks for a cycle."""

from typing import Annotated

import typer

from adapters.amazon.notifications import TYPES
from application.hints import REST_SECONDS, Heard
from domain.errors import BadInput, VendorError
from entrypoints.bootstrap import services
from entrypoints.commands.flow import AsJson, FlowName
from entrypoints.console import DONE, HELD, err, out, print_json, print_table
from entrypoints.settings import PREFIX
from entrypoints.signals import stop_on_signal

app = typer.Typer(help="Amazon's notifications: optional hints; polling stays the truth.", no_args_is_help=True)


@app.command()
def setup(flow: FlowName, as_json: AsJson = False) -> int:
    """Make the queue a destination and subscribe the seller to it; what is there already stays."""
    with services() as service:
        arn = service.settings.amazon_sqs_queue_arn
        if not arn:
            raise BadInput(f"{PREFIX}AMAZON_SQS_QUEUE_ARN is not set; see docs/operating.md, Notifications")
        with service.notification_setup(service.bookkeeping.flow(flow)) as amazon:
            destination = amazon.destination(arn, "ml-connector")
            found = [amazon.subscribe(kind, destination) for kind in TYPES]
    if as_json:
        print_json({"flow": flow, "destination": destination, "subscriptions": [each._asdict() for each in found]})
    else:
        for each in found:
            out.print(f"{each.kind}: {'subscribed now' if each.made else 'was subscribed already'}")
        out.print(f"Next: ml-connector notifications listen {flow}")
    return DONE


@app.command()
def status(flow: FlowName, as_json: AsJson = False) -> int:
    """Which notifications the seller is subscribed to."""
    with services() as service, service.notification_setup(service.bookkeeping.flow(flow)) as amazon:
        found = amazon.subscriptions()
    if as_json:
        print_json({"flow": flow, "subscriptions": [each._asdict() for each in found]})
    else:
        rows = [[each.kind, "subscribed" if each.subscription_id else "not", each.destination_id] for each in found]
        print_table(f"Notifications of {flow}", ["kind", "status", "destination"], rows)
    return DONE if all(each.subscription_id for each in found) else HELD


@app.command()
def listen(
    flow: FlowName,
    once: Annotated[bool, typer.Option("--once", help="Look into the queue once, and end.")] = False,
    as_json: AsJson = False,
) -> int:
    """Ask for a cycle whenever a notification comes, until SIGTERM."""
    with services() as service, stop_on_signal() as stop:
        look = service.hints(flow)
        while True:
            try:
                heard = look()
            except VendorError as error:
                if once:
                    raise
                err.print(str(error), markup=False)
                heard = Heard(asked=True)  # rest before trying again
            if once or (heard.asked and heard.new):
                _tell(flow, heard, as_json)
            if once or stop.is_set() or (heard.asked and stop.wait(REST_SECONDS)):
                return DONE


def _tell(flow: str, heard: Heard, as_json: bool) -> None:
    facts = {"flow": flow, "new": heard.new, "repeated": heard.repeated, "others": heard.others, "asked": heard.asked}
    if as_json:
        print_json(facts)
    else:
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(heard.new.items())) or "nothing new"
        out.print(f"{kinds}{': a cycle is asked for' if heard.asked else ''}")
