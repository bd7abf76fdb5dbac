"""Setting up notifications: our queue as a destination, and the seller's subscriptions to it (Notifications v1).

Destinations are the application's own and asked for without a seller's consent; subscriptions are the seller's. What is
there already is left as it is, so that setting up again changes nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self, TypeVar

import httpx
import msgspec

from adapters.amazon.auth import NOTIFICATIONS_SCOPE, LoginWithAmazon
from adapters.amazon.client import RATE_HEADER, USER_AGENT
from adapters.amazon.door import Door
from adapters.amazon.notifications import PAYLOAD_VERSIONS, TYPES
from adapters.http import Call, CourteousClient, Limit, QuotaKeeper, growing_wait
from application.ports import Clock
from domain.errors import ConnectionLost, VendorError

RATE, BURST = 1.0, 5.0  # of each operation, by the model
DESTINATIONS = "/notifications/v1/destinations"
SUBSCRIPTION = "/notifications/v1/subscriptions/{notificationType}"
OPERATIONS = (("GET", DESTINATIONS), ("POST", DESTINATIONS), ("GET", SUBSCRIPTION), ("POST", SUBSCRIPTION))
_T = TypeVar("_T")


class Subscription(NamedTuple):
    """What the seller's notifications of a kind are set up as; empty ids where there is none."""

    kind: str
    subscription_id: str = ""
    destination_id: str = ""
    made: bool = False


class _Camel(msgspec.Struct, rename="camel"):
    pass


class _Sqs(_Camel):
    arn: str = ""


class _Resource(_Camel):
    sqs: _Sqs | None = None


class _Destination(_Camel):
    destination_id: str
    name: str
    resource: _Resource


class _Destinations(_Camel):
    payload: list[_Destination] = []


class _MadeDestination(_Camel):
    payload: _Destination


class _Subscribed(_Camel):
    subscription_id: str
    destination_id: str


class _SubscriptionAnswer(_Camel):
    payload: _Subscribed


class _Errors(_Camel):
    errors: list[dict[str, Any]] = []


class NotificationSetup:
    """Destinations and subscriptions of one seller in one region."""

    def __init__(
        self,
        flow: str,
        region_url: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        quotas: QuotaKeeper,
        clock: Clock,
        speed: float = 1.0,
        *,
        other_secrets: Sequence[str] = (),
        judged: Callable[[str], None] = lambda refusal: None,
    ) -> None:
        self._flow = flow
        self._region_url = region_url.rstrip("/")
        self._http = CourteousClient(
            "amazon",
            flow,
            quotas,
            timeout=httpx.Timeout(20.0),
            throttle_wait=lambda call, attempt: growing_wait(attempt),
            request_id_header="x-amzn-RequestId",
            user_agent=USER_AGENT,
            gate=Door(region_url, token_url, OPERATIONS).check,
            rate_header=RATE_HEADER,
            speed=speed,
            patience_seconds=60.0,
        )

        def login(token: str, scope: str) -> LoginWithAmazon:
            return LoginWithAmazon(
                self._http, flow, token_url, client_id, client_secret, token, clock, speed,
                other_secrets=other_secrets, scope=scope, judged=judged,
            )  # fmt: skip

        self._seller = login(refresh_token, "")
        self._application = login("", NOTIFICATIONS_SCOPE)

    def destination(self, arn: str, name: str) -> str:
        """The id of the destination that is this queue, made where there is none."""
        there = self._ask("getDestinations", "GET", DESTINATIONS, _Destinations, self._application)
        for each in there.payload if there is not None else []:
            if each.resource.sqs is not None and each.resource.sqs.arn == arn:
                return each.destination_id
        body = {"name": name, "resourceSpecification": {"sqs": {"arn": arn}}}
        made = self._ask("createDestination", "POST", DESTINATIONS, _MadeDestination, self._application, body)
        assert made is not None
        return made.payload.destination_id

    def subscribe(self, kind: str, destination_id: str) -> Subscription:
        """The seller's notifications of a kind go to the destination. Raises VendorError where they go elsewhere."""
        there = self.subscription(kind)
        if there.destination_id == destination_id:
            return there
        if there.destination_id:
            raise VendorError(
                f"notifications of {kind} go to another destination ({there.destination_id}) already; end that "
                "subscription where it was made, or listen to its queue",
                vendor="amazon",
            )
        body = {"payloadVersion": PAYLOAD_VERSIONS[kind], "destinationId": destination_id}
        made = self._ask("createSubscription", "POST", _path(kind), _SubscriptionAnswer, self._seller, body)
        assert made is not None
        return Subscription(kind, made.payload.subscription_id, made.payload.destination_id, True)

    def subscription(self, kind: str) -> Subscription:
        """How the seller's notifications of a kind are set up."""
        query = [("payloadVersion", PAYLOAD_VERSIONS[kind])]
        found = self._ask("getSubscription", "GET", _path(kind), _SubscriptionAnswer, self._seller, query=query)
        if found is None:
            return Subscription(kind)
        return Subscription(kind, found.payload.subscription_id, found.payload.destination_id)

    def subscriptions(self) -> list[Subscription]:
        """Of every kind that is listened for."""
        return [self.subscription(kind) for kind in TYPES]

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(
        self,
        operation: str,
        method: str,
        path: str,
        kind: type[_T],
        auth: LoginWithAmazon,
        body: dict[str, Any] | None = None,
        query: Sequence[tuple[str, str]] = (),
    ) -> _T | None:
        """The answer; None where there is no such thing (404)."""
        headers = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if body is not None else {})
        call = Call(
            operation,
            method,
            self._region_url + path,
            limits=[Limit(f"amazon/{self._flow}/{operation}", RATE, BURST)],
            params=query,
            headers=headers,
            content=msgspec.json.encode(body) if body is not None else None,
            auth=auth,
        )
        answer = self._http.send(call)
        if answer.status_code == 200:
            try:
                return msgspec.json.decode(answer.content, type=kind)
            except msgspec.DecodeError as error:
                raise self._http.unreadable(operation, answer, str(error)) from None
        if answer.status_code == 404 and method == "GET":
            return None
        lost = answer.status_code in (401, 403) and auth is self._seller
        raise self._http.refusal(operation, answer, ConnectionLost if lost else VendorError, text=_words(answer))


def _path(kind: str) -> str:
    return SUBSCRIPTION.replace("{notificationType}", kind)


def _words(answer: httpx.Response) -> str:
    try:
        errors = msgspec.json.decode(answer.content, type=_Errors).errors
    except msgspec.DecodeError:
        return ""
    return " ".join(f"{each.get('message') or ''} {each.get('details') or ''}".strip() for each in errors[:1])
