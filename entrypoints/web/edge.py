"""The outermost layer: security headers on every answer, and each request measured by its route.

It stands outside of routing, so that also what is not found, not allowed or broken leaves with the same headers.
"""

import time
from collections.abc import Callable
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

# Pages load scripts, styles and pictures from here alone; nobody may frame them.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HSTS_SECONDS = 365 * 24 * 3600

# (method, route, status, seconds)
Measure = Callable[[str, str, int, float], None]


class Edge:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, public_url: str, measure: Measure) -> None:
        self._app = app
        self._measure = measure
        headers = {
            "content-security-policy": CONTENT_SECURITY_POLICY,
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
        }
        if public_url.startswith("https://"):
            headers["strict-transport-security"] = f"max-age={HSTS_SECONDS}; includeSubDomains"
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        # An address with a code in it is not told to anybody.
        headers["referrer-policy"] = "no-referrer"
        self._secret_headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._no_store = (b"cache-control", b"no-store")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers: list[Any] = list(message["headers"])
                headers += self._secret_headers if scope["path"].startswith("/oauth/") else self._headers
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(self._no_store)
                message["headers"] = headers
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        finally:
            route = scope.get("path_template") or "not found"
            self._measure(scope["method"], route, status, time.perf_counter() - began)
