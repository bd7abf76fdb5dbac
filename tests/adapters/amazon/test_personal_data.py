"""Nothing of a buyer's is in what is stored of Amazon's answers, whatever Amazon sends unasked."""

import json
from typing import Any

import pytest
from amazon_contract import models
from hypothesis import given
from hypothesis import strategies as st
from samples import models_folder

from adapters.amazon.private import NAMES, stripped

SECRET = "Jane Doe, 5 Elm Street"


def test_a_gift_message_and_a_buyer_are_taken_out_and_the_rest_stays() -> None:
    order = {
        "orderId": "113-1234567-1234567",
        "buyer": {"buyerName": SECRET},
        "recipient": {"deliveryAddress": {"postalCode": SECRET}},
        "orderItems": [{"fulfillment": {"packing": {"giftOption": {"giftMessage": SECRET, "giftWrapLevel": "plain"}}}}],
        "packages": [{"shipFromAddress": {"addressLine1": "our own warehouse"}}],
    }
    kept = stripped(json.dumps({"orders": [order]}).encode())

    assert SECRET.encode() not in kept
    (left,) = json.loads(kept)["orders"]
    assert left["orderId"] == order["orderId"]
    assert left["orderItems"][0]["fulfillment"]["packing"]["giftOption"] == {"giftWrapLevel": "plain"}
    assert left["packages"] == [{}]


@pytest.mark.parametrize("content", [b"", b"no JSON", b'{"orders" : [ ]}', b'{"buyer": broken', b'{"a":1.10}'])
def test_what_has_nothing_of_it_is_kept_byte_by_byte(content: bytes) -> None:
    assert stripped(content) == content


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*sorted(NAMES), "PostalCode", "giftMessage", "a", "b"]), inner, max_size=4)
    ),
    max_leaves=12,
)


def names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {name.lower() for name in value} | {found for part in value.values() for found in names(part)}
    return {found for part in value for found in names(part)} if isinstance(value, list) else set()


@given(VALUES)
def test_however_deep_it_lies(value: Any) -> None:
    assert not names(json.loads(stripped(json.dumps(value).encode()))) & NAMES


@pytest.mark.skipif(models_folder() is None, reason="Amazon's models are not at hand")
def test_the_names_are_those_of_the_model() -> None:
    """Every member under which the model of orders has a buyer or a recipient is among them."""
    folder = models_folder()
    assert folder is not None
    definitions = models(folder)._definitions["orders_2026-01-01.json"]
    inside = {name.lower() for name in definitions["Order"]["properties"]} & {"buyer", "recipient"}
    assert inside == {"buyer", "recipient"}
    assert inside <= NAMES
    assert any("giftMessage" in each.get("properties", {}) for each in definitions.values())
