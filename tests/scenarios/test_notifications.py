"""Notifications from setting them up to the cycle they ask for: real HTTP to the stand-in, and a real server of SQS.

The server is moto's, a process of its own; the messages are written after Amazon's published examples.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import httpx
import msgspec
import pytest
from samples import models_folder
from shop import Shop

from adapters.amazon.notifications import PAYLOAD_VERSIONS, TYPES, hint
from adapters.simulated.serving import loopback_socket
from domain.errors import BadInput, VendorError
from domain.flow import CycleAsked

SELLER = "A3TH9S8BH6GOGM"
ORDER_CHANGE: dict[str, Any] = {
    "NotificationVersion": "1.0",
    "NotificationType": "ORDER_CHANGE",
    "PayloadVersion": "1.0",
    "Payload": {
        "OrderChangeNotification": {
            "SellerId": SELLER,
            "AmazonOrderId": "113-1234567-1234567",
            "Summary": {"OrderStatus": "Shipped", "DestinationPostalCode": "48110"},
        }
    },
    "NotificationMetadata": {"NotificationId": "n-1"},
}
TRANSACTION_UPDATE: dict[str, Any] = {
    "NotificationType": "TRANSACTION_UPDATE",
    "PayloadVersion": "1.0",
    "NotificationMetadata": {"NotificationId": "n-2"},
    "Payload": {"TransactionUpdateNotification": {"SellingPartnerMetadata": {"SellingPartnerId": SELLER}}},
}
REPORT_FINISHED: dict[str, Any] = {
    "notificationType": "REPORT_PROCESSING_FINISHED",
    "payload": {"reportProcessingFinishedNotification": {"sellerId": SELLER, "reportId": "54517018502"}},
    "notificationMetadata": {"notificationId": "n-3"},
}


class Queue:
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.sqs = boto3.client("sqs", region_name="us-east-1", endpoint_url=endpoint)
        self.url = self.sqs.create_queue(QueueName=f"amazon-{time.monotonic_ns()}")["QueueUrl"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn = answer["Attributes"]["QueueArn"]
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"VisibilityTimeout": "1"})

    def send(self, *bodies: Any) -> None:
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            self.sqs.send_message(QueueUrl=self.url, MessageBody=text)

    def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.setdefault(name, "testing")
    listener, url = loopback_socket()
    port = listener.getsockname()[1]
    listener.close()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{url}/moto-api/", timeout=2)
                break
            except httpx.TransportError:
                assert process.poll() is None, "moto's server did not start"
                assert time.monotonic() < until, "moto's server does not answer"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def queue(server: str) -> Queue:
    return Queue(server)


@pytest.fixture
def shop(open_shop: Callable[..., AbstractContextManager[Shop]], queue: Queue, monkeypatch: Any) -> Iterator[Shop]:
    monkeypatch.setattr("adapters.amazon.sqs.WAIT_SECONDS", 1)
    with open_shop(orders=5, settlements=1, seed=4) as shop:
        shop.set_up()
        shop.services.settings = msgspec.structs.replace(
            shop.services.settings,
            amazon_sqs_queue_url=queue.url,
            amazon_sqs_queue_arn=queue.arn,
            amazon_sqs_endpoint_url=queue.endpoint,
        )
        yield shop


def asked(shop: Shop) -> list[str]:
    return [each.event.by for each in shop.services.store.read(0, 100_000) if isinstance(each.event, CycleAsked)]


def test_a_notification_asks_for_a_cycle_once_and_leaves_nothing_of_a_buyer(shop: Shop, queue: Queue) -> None:
    look = shop.services.hints("us")
    queue.send(ORDER_CHANGE, {"version": "0", "detail-type": "ORDER_CHANGE", "detail": ORDER_CHANGE})

    heard = look()
    while queue.left():
        look()

    assert heard.asked
    assert heard.new == {"ORDER_CHANGE": 1}
    assert asked(shop) == ["notification:ORDER_CHANGE"]
    assert shop.services.leases.states()["us"].asked
    queue.send(ORDER_CHANGE)  # as SQS may, a while later, to another process
    assert shop.services.hints("us")().repeated == 1
    assert len(asked(shop)) == 1
    assert queue.left() == 0
    stored = b"".join(msgspec.json.encode(each.event) for each in shop.services.store.read(0, 100_000))
    assert b"48110" not in stored


def test_many_kinds_ask_together_and_what_is_no_notification_goes(shop: Shop, queue: Queue) -> None:
    queue.send(TRANSACTION_UPDATE, REPORT_FINISHED, "not even JSON", {"notificationType": "ANY_OFFER_CHANGED"})
    look = shop.services.hints("us")
    until = time.monotonic() + 30
    while queue.left() and time.monotonic() < until:
        look()

    assert queue.left() == 0
    kinds = ", ".join(asked(shop))
    assert "TRANSACTION_UPDATE" in kinds
    assert "REPORT_PROCESSING_FINISHED" in kinds


def test_another_sellers_notification_is_left_to_whoever_listens_for_it(shop: Shop, queue: Queue) -> None:
    services = shop.services
    flow = msgspec.structs.replace(shop.flow(), seller="A2OTHER")
    services.bookkeeping.flow = lambda name: flow  # type: ignore[method-assign]
    queue.send(ORDER_CHANGE)

    heard = services.hints("us")()

    assert (heard.others, heard.asked) == (1, False)
    assert queue.left() == 1
    assert asked(shop) == []


def test_a_paused_flow_is_not_woken(shop: Shop, queue: Queue) -> None:
    shop.services.flow_setup.pause("us", "ada")
    queue.send(ORDER_CHANGE)

    assert not shop.services.hints("us")().asked
    assert (asked(shop), queue.left()) == ([], 0)


def test_setting_up_makes_what_is_missing_and_again_changes_nothing(shop: Shop, queue: Queue) -> None:
    with shop.services.notification_setup(shop.flow()) as amazon:
        assert [each.subscription_id for each in amazon.subscriptions()] == [""] * 3
        first = amazon.destination(queue.arn, "ml-connector")
        made = [amazon.subscribe(kind, first) for kind in TYPES]
        assert [each.made for each in made] == [True] * 3

        assert amazon.destination(queue.arn, "ml-connector") == first
        assert [amazon.subscribe(kind, first).made for kind in TYPES] == [False] * 3
        assert [each.destination_id for each in amazon.subscriptions()] == [first] * 3

        other = amazon.destination(queue.arn + "-other", "ml-connector")
        with pytest.raises(VendorError, match="go to another destination"):
            amazon.subscribe("ORDER_CHANGE", other)


def test_a_queue_that_cannot_be_asked_is_a_vendors_failure(shop: Shop) -> None:
    shop.services.settings = msgspec.structs.replace(
        shop.services.settings, amazon_sqs_queue_url=shop.services.settings.amazon_sqs_queue_url + "-gone"
    )
    with pytest.raises(VendorError, match="queue of notifications"):
        shop.services.hints("us")()


def test_a_queue_that_is_not_set_is_said(shop: Shop) -> None:
    shop.services.settings = msgspec.structs.replace(shop.services.settings, amazon_sqs_queue_arn="a-queue")
    with pytest.raises(BadInput, match="expected one like arn:aws:sqs"):
        shop.services.hints("us")


@pytest.mark.skipif(models_folder() is None, reason="Amazon's examples of notifications are not at hand")
@pytest.mark.parametrize("name", ["OrderChange", "TransactionUpdate", "ReportProcessingFinished"])
@pytest.mark.parametrize("enveloped", [False, True])
def test_amazons_own_examples_are_understood(name: str, enveloped: bool) -> None:
    folder = models_folder()
    assert folder is not None
    examples = json.loads((Path(folder) / "notifications" / f"{name}Notification.json").read_text())["examples"]
    assert examples
    for example in examples:
        told = hint(json.dumps({"detail": example} if enveloped else example))

        assert told is not None
        assert told.kind in TYPES
        assert told.seller == SELLER or "sellerId" not in json.dumps(example)  # a vendor's has none
        assert PAYLOAD_VERSIONS[told.kind] == (example.get("PayloadVersion") or example["payloadVersion"])
