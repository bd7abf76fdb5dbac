"""Amazon's notifications as hints: what kind, of which seller, under which id; nothing else of a payload is even read.

A message is the notification itself, or EventBridge's envelope with it under `detail`. ORDER_CHANGE and
TRANSACTION_UPDATE spell their names in one way, REPORT_PROCESSING_FINISHED in another (amazon.md 7). A payload may hold
a postal code: it is decoded into structs that have no place for it, and the message is deleted.
"""

import msgspec

from application.hints import Hint

TYPES = ("ORDER_CHANGE", "TRANSACTION_UPDATE", "REPORT_PROCESSING_FINISHED")
PAYLOAD_VERSIONS = {"ORDER_CHANGE": "1.0", "TRANSACTION_UPDATE": "1.0", "REPORT_PROCESSING_FINISHED": "2020-09-04"}


class _Metadata(msgspec.Struct, rename="pascal"):
    notification_id: str = ""


class _CamelMetadata(msgspec.Struct, rename="camel"):
    notification_id: str = ""


class _Seller(msgspec.Struct, rename="pascal"):
    seller_id: str = ""
    selling_partner_id: str = ""


class _OfSeller(msgspec.Struct, rename="pascal"):
    seller_id: str = ""
    selling_partner_metadata: _Seller = msgspec.field(default_factory=_Seller)


class _Payload(msgspec.Struct, rename="pascal"):
    order_change_notification: _OfSeller = msgspec.field(default_factory=_OfSeller)
    transaction_update_notification: _OfSeller = msgspec.field(default_factory=_OfSeller)


class _CamelSeller(msgspec.Struct, rename="camel"):
    seller_id: str = ""


class _CamelPayload(msgspec.Struct, rename="camel"):
    report_processing_finished_notification: _CamelSeller = msgspec.field(default_factory=_CamelSeller)


class _Pascal(msgspec.Struct, rename="pascal"):
    notification_type: str
    notification_metadata: _Metadata
    payload: _Payload = msgspec.field(default_factory=_Payload)


class _Camel(msgspec.Struct, rename="camel"):
    notification_type: str
    notification_metadata: _CamelMetadata
    payload: _CamelPayload = msgspec.field(default_factory=_CamelPayload)


class _Envelope(msgspec.Struct):
    detail: msgspec.Raw = msgspec.Raw()


def hint(body: str | bytes) -> Hint | None:
    """What a message hints at; None where it is none of the notifications listened for."""
    try:
        inner = msgspec.json.decode(body, type=_Envelope).detail
    except (msgspec.DecodeError, UnicodeError):
        return None
    content = bytes(inner) or body
    told: _Pascal | _Camel
    try:
        told = msgspec.json.decode(content, type=_Pascal)
    except (msgspec.DecodeError, UnicodeError):
        try:
            told = msgspec.json.decode(content, type=_Camel)
        except (msgspec.DecodeError, UnicodeError):
            return None
    if told.notification_type not in TYPES or not told.notification_metadata.notification_id:
        return None
    return Hint(told.notification_metadata.notification_id, told.notification_type, _seller(told.payload))


def _seller(payload: _Payload | _CamelPayload) -> str:
    if isinstance(payload, _CamelPayload):
        return payload.report_processing_finished_notification.seller_id
    return (
        payload.order_change_notification.seller_id
        or payload.transaction_update_notification.selling_partner_metadata.selling_partner_id
    )
