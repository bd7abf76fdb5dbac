"""What may leave for Amazon, and nothing else: the seller's trade is only read, by construction.

Every client of Amazon's hands its requests to a `Door` before they leave. Reads are those its client names; what is no
read is in one list for all of them, and none of it touches orders, listings, prices, stock or money (initiatePayout,
for one, would, and is not here).
"""

import re
from collections.abc import Iterable

import httpx

from adapters.amazon.requested_reports import may_be_requested

TOKEN_HEADER = "x-amz-access-token"

# Everything but reads and the token call. What each does stays within this application.
WRITES = (
    ("POST", "/reports/2021-06-30/reports"),  # asks for a report to be made
    ("POST", "/notifications/v1/destinations"),  # our queue
    ("DELETE", "/notifications/v1/destinations/{destinationId}"),
    ("POST", "/notifications/v1/subscriptions/{notificationType}"),  # what is told to it
    ("DELETE", "/notifications/v1/subscriptions/{notificationType}/{subscriptionId}"),
    ("POST", "/applications/2023-11-30/clientSecret"),  # our own secret, renewed
)
# They hold personal data and need a restricted role.
PERSONAL_DATA = frozenset(("BUYER", "RECIPIENT"))


class Door:
    """Holds each request against what may be asked of one region, one token address, and the storage of documents."""

    def __init__(self, region_url: str, token_url: str, operations: Iterable[tuple[str, str]]) -> None:
        """`operations` are method and path of what this client asks. Raises PermissionError for a write of its own."""
        self._region = httpx.URL(region_url)
        self._token_url = httpx.URL(token_url)
        self._allowed = []
        for method, path in operations:
            if method != "GET" and (method, path) not in WRITES:
                raise PermissionError(f"{method} {path} is not among the calls that may go to Amazon")
            self._allowed.append((method, _pattern(path)))

    def check(self, request: httpx.Request) -> None:
        """Raises PermissionError for what may not leave."""
        url = request.url
        if (request.method, url) == ("POST", self._token_url):
            return
        if (url.scheme, url.netloc) == (self._region.scheme, self._region.netloc):
            path = url.raw_path.decode("ascii").partition("?")[0]
            if any(request.method == method and pattern.fullmatch(path) for method, pattern in self._allowed):
                if not _asks_for_personal_data(url) and _may_be_written(request):
                    return
        # The storage of documents, wherever Amazon keeps it: a plain read without our credentials.
        if request.method == "GET" and TOKEN_HEADER not in request.headers:
            return
        raise PermissionError(f"{request.method} {url.path} is not among the calls that may go to Amazon")


def _may_be_written(request: httpx.Request) -> bool:
    """Of reports only those are asked to be made that the connector reads."""
    is_request = request.method == "POST" and request.url.path == "/reports/2021-06-30/reports"
    return not is_request or (TOKEN_HEADER in request.headers and may_be_requested(request.content))


def _asks_for_personal_data(url: httpx.URL) -> bool:
    asked = (value for name, value in url.params.multi_items() if name == "includedData")
    return not PERSONAL_DATA.isdisjoint(part.strip().upper() for value in asked for part in value.split(","))


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+\})", path)
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts))
