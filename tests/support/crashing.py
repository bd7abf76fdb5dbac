"""A cycle that dies at a chosen line, as a program of its own: `python crashing.py POINT`, settings in its environment.

Points: `claimed` (after the intent is saved, before the call), `sent` (after QuickBooks answered, before it is saved),
`ingested` (after a page of orders is saved, before the watermark is).
"""

import os
import sys
from typing import Any

from entrypoints.bootstrap import Services, services


class DyingQuickBooks:
    """The real client, except that the process ends around its first batch."""

    def __init__(self, client: Any, point: str) -> None:
        self._client = client
        self._point = point

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def send_batch(self, request_id: str, body: bytes) -> Any:
        if self._point == "claimed":
            os._exit(9)
        answer = self._client.send_batch(request_id, body)
        if self._point == "sent":
            os._exit(9)
        return answer


def main() -> None:
    point = sys.argv[1]
    with services(person="tests") as service:
        real = Services.quickbooks
        Services.quickbooks = lambda self, *flow: DyingQuickBooks(real(self, *flow), point)  # type: ignore
        flow = service.bookkeeping.flow("us")
        cycle = service.cycle(flow)
        if point == "ingested":
            cycle._advance = lambda *arguments: os._exit(9)  # type: ignore[method-assign]
        cycle.run()


if __name__ == "__main__":
    main()
