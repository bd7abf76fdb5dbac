"""Cutting the connection in the middle of an answer, over a socket and inside a test client."""

from typing import Any

import httpx
from litestar import Litestar, Request, Response
from litestar.datastructures import State

from adapters.simulated.amazon.faults import Reset


def cut(request: "Request[None, None, State]", _: Reset) -> Response[bytes]:
    request.state.cut = True
    return _Cut(b"")


class _Cut(Response[bytes]):
    """An answer that promises more than it sends; the server then closes the connection."""

    def to_asgi_response(self, *arguments: Any, **named: Any) -> Any:
        async def send_part(scope: Any, receive: Any, send: Any) -> None:
            headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b'{"', "more_body": True})

        return send_part


class CuttingApplication(Litestar):
    """Litestar, except that a test client, which has no connection to lose, is given httpx's word for the loss."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await super().__call__(scope, receive, send)
        in_process = "http.response.template" in (scope.get("extensions") or {})
        if in_process and scope.get("state", {}).get("cut"):
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
