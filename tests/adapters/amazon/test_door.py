"""Nothing but what is listed can leave for Amazon: for every operation of every model, and for anything else."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from amazon_contract import METHODS, models
from hypothesis import example, given
from hypothesis import strategies as st
from samples import models_folder, shared_folder

from adapters.amazon import door
from adapters.amazon.client import OPERATIONS
from adapters.amazon.door import PERSONAL_DATA, TOKEN_HEADER, WRITES, Door

REGION = "https://sellingpartnerapi-na.amazon.com"
TOKEN_URL = "https://api.amazon.com/auth/o2/token"
READS = [(operation.method, operation.path) for operation in OPERATIONS.values()]

# What issue 4 allows to leave, by its words, apart from reads: written out here so that a longer list is noticed.
MAY_LEAVE = {
    ("POST", "/reports/2021-06-30/reports"),
    ("POST", "/notifications/v1/destinations"),
    ("DELETE", "/notifications/v1/destinations/{destinationId}"),
    ("POST", "/notifications/v1/subscriptions/{notificationType}"),
    ("DELETE", "/notifications/v1/subscriptions/{notificationType}/{subscriptionId}"),
    ("POST", "/applications/2023-11-30/clientSecret"),
}
WIDEST = Door(REGION, TOKEN_URL, [*READS, *WRITES])


def leaves(method: str, url: str, gate: Door = WIDEST, token: bool = True) -> bool:
    try:
        gate.check(httpx.Request(method, url, headers={TOKEN_HEADER: "Atza|x"} if token else {}))
    except PermissionError:
        return False
    return True


REPORT = ("POST", "/reports/2021-06-30/reports")


def test_the_list_is_what_was_agreed() -> None:
    assert set(WRITES) == MAY_LEAVE
    # The one write of the client itself asks for a report, of the kinds that are named (test_orders.py).
    assert {pair for pair in READS if pair[0] != "GET"} == {("POST", "/reports/2021-06-30/reports")}


@pytest.mark.parametrize("path", ["/orders/2026-01-01/orders", "/finances/transfers/2024-06-01/payouts", "/listings/x"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_no_client_can_be_made_that_writes_anything_else(method: str, path: str) -> None:
    with pytest.raises(PermissionError):
        Door(REGION, TOKEN_URL, [*READS, (method, path)])


def test_of_all_operations_of_the_models_only_these_leave() -> None:
    official = models(shared_folder() / "amazon-models")
    allowed = {(method, _plain(path)) for method, path in [*READS, *WRITES]}
    told = {(each.method, _plain(each.path)) for each in official.operations}
    left = {
        (each.method, _plain(each.path))
        for each in official.operations
        if leaves(each.method, REGION + re.sub(r"\{\w+\}", "1", each.path))
    }

    assert left == (allowed & told) - {REPORT}  # which leaves with the right body alone
    assert ("POST", "/finances/transfers/2024-06-01/payouts") in told - left
    # Nor does any path of the models with a method it has not, unless it is the same address as a listed one.
    patterns = [(method, re.sub(r"\{\w+\}", "[^/]+", path)) for method, path in [*READS, *WRITES]]
    for each in official.operations:
        path = re.sub(r"\{\w+\}", "1", each.path)
        for method in METHODS:
            listed = any(method.upper() == known and re.fullmatch(pattern, path) for known, pattern in patterns)
            assert leaves(method.upper(), REGION + path) is (listed and (method.upper(), path) != REPORT)


PATHS = (
    [each.path for each in models(folder).operations] if (folder := models_folder()) else [path for _, path in READS]
)


@given(
    method=st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "post", "delete", "MERGE"]),
    path=st.one_of(
        st.sampled_from(PATHS).map(lambda path: re.sub(r"\{\w+\}", "1", path)),
        st.lists(st.text("abcdeorsptu0123456789-_.%/", max_size=8), max_size=6).map(
            lambda parts: "/" + "/".join(parts)
        ),
        st.sampled_from(PATHS).flatmap(lambda path: st.text("/.%2fe", max_size=6).map(lambda end: path + end)),
    ),
    host=st.sampled_from(
        [REGION, "https://api.amazon.com", "https://sellingpartnerapi-eu.amazon.com", "http://127.0.0.1:1"]
    ),
    query=st.sampled_from(["", "?x=1", "?includedData=PROCEEDS"]),
    token=st.booleans(),
)
@example("POST", "/auth/o2/token", "https://api.amazon.com", "?x=1", False)
def test_nothing_else_that_is_no_read_leaves(method: str, path: str, host: str, query: str, token: bool) -> None:
    try:
        request = httpx.Request(method, host + path + query, headers={TOKEN_HEADER: "x"} if token else {})
    except httpx.InvalidURL:
        return
    try:
        WIDEST.check(request)
    except PermissionError:
        return
    sent = request.url.raw_path.decode().partition("?")[0]
    told_apart = {(m, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(p)))) for m, p in MAY_LEAVE}
    listed = request.url.host == httpx.URL(REGION).host and any(
        request.method == m and pattern.fullmatch(sent) for m, pattern in told_apart
    )
    assert listed or (request.method, str(request.url)) == ("POST", TOKEN_URL)


@given(path=st.sampled_from(PATHS).map(lambda path: re.sub(r"\{\w+\}", "1", path)), token=st.booleans())
def test_with_a_token_only_listed_reads_leave_and_only_to_the_flows_region(path: str, token: bool) -> None:
    listed = any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path) for _, known in READS)

    assert leaves("GET", REGION + path) is listed
    assert not leaves("GET", "https://sellingpartnerapi-eu.amazon.com" + path)


@pytest.mark.parametrize("dataset", sorted(PERSONAL_DATA))
@pytest.mark.parametrize(
    "form", ["{}", "PROCEEDS,{}", "{},PROCEEDS", "PROCEEDS&includedData={}", "PROCEEDS%2C{}", " {}"]
)
def test_no_buyer_is_ever_asked_for(dataset: str, form: str) -> None:
    search = f"{REGION}/orders/2026-01-01/orders?createdAfter=2026-11-01T00:00:00Z&includedData="

    assert leaves("GET", search + "PROCEEDS,TAX")
    assert not leaves("GET", search + form.format(dataset))
    assert not leaves("GET", search + form.format(dataset.lower()))


def test_every_client_of_amazons_stands_behind_the_door() -> None:
    """A client made without it would be the way round."""
    made: list[Any] = []
    for file in Path(door.__file__).parent.glob("*.py"):
        text = file.read_text()
        for call in re.finditer(r"(?:CourteousClient|httpx\.(?:Async)?Client)\(", text):
            made.append((file.name, "Door(" in text[call.end() : call.end() + 900]))

    assert made
    assert all(guarded for _, guarded in made), made


def _plain(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)
