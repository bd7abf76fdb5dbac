"""Notifications v1: destinations of the application, subscriptions of the seller; by the official model."""

import json
import re
import secrets
from typing import Any

from adapters.simulated.amazon.answers import invalid_input, not_found, refusal

KINDS = ("ORDER_CHANGE", "TRANSACTION_UPDATE", "REPORT_PROCESSING_FINISHED")
PAYLOAD_VERSIONS = {"ORDER_CHANGE": "1.0", "TRANSACTION_UPDATE": "1.0", "REPORT_PROCESSING_FINISHED": "2020-09-04"}
_ARN = re.compile(r"arn:aws:sqs:\S+:\S+:\S+")


class Notifications:
    def __init__(self) -> None:
        self._destinations: dict[str, dict[str, Any]] = {}
        self._subscriptions: dict[tuple[str, str], dict[str, str]] = {}

    def destinations(self) -> dict[str, Any]:
        return {"payload": list(self._destinations.values())}

    def create_destination(self, body: bytes) -> dict[str, Any]:
        wanted = _object(body)
        name, specification = wanted.get("name"), wanted.get("resourceSpecification")
        sqs = specification.get("sqs") if isinstance(specification, dict) else None
        if not isinstance(name, str) or not isinstance(sqs, dict) or not _ARN.fullmatch(str(sqs.get("arn"))):
            raise invalid_input("name and resourceSpecification.sqs.arn are required")
        if any(each["resource"]["sqs"]["arn"] == sqs["arn"] for each in self._destinations.values()):
            raise refusal(409, "Conflict", "A destination of this resource exists already.")
        key = secrets.token_hex(16)
        made: dict[str, Any] = {"destinationId": key, "name": name, "resource": {"sqs": {"arn": sqs["arn"]}}}
        self._destinations[key] = made
        return {"payload": made}

    def subscription(self, seller: str, kind: str) -> dict[str, Any]:
        _known(kind)
        found = self._subscriptions.get((seller, kind))
        if found is None:
            raise not_found(f"no subscription to {kind}")
        return {"payload": found}

    def subscribe(self, seller: str, kind: str, body: bytes) -> dict[str, Any]:
        _known(kind)
        wanted = _object(body)
        if wanted.get("payloadVersion") != PAYLOAD_VERSIONS[kind]:
            raise invalid_input(f"payloadVersion of {kind} must be {PAYLOAD_VERSIONS[kind]}")
        if wanted.get("destinationId") not in self._destinations:
            raise invalid_input("destinationId is not that of a destination")
        if (seller, kind) in self._subscriptions:
            raise refusal(409, "Conflict", "A subscription to this notification type exists already.")
        made = {
            "subscriptionId": secrets.token_hex(16),
            "payloadVersion": wanted["payloadVersion"],
            "destinationId": wanted["destinationId"],
        }
        self._subscriptions[seller, kind] = made
        return {"payload": made}


def _known(kind: str) -> None:
    if kind not in KINDS:
        raise invalid_input(f"{kind!r} is not a notification type")


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise invalid_input("the body is not a JSON object")
    return value
