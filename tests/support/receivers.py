"""Where alerts arrive in tests: a real SMTP server and a real HTTP server on loopback ports."""

import asyncio
import contextlib
import email.policy
import ssl
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class MailServer:
    """Keeps what it takes. `answer` is what it says to a mail, `slow` how long it thinks about one."""

    def __init__(self, user: str = "", password: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.mails: list[EmailMessage] = []
        self.answer = "250 OK"
        self.slow = 0.0
        self._allowed = (user.encode(), password.encode())
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def start(self) -> None:
        self._thread.start()

        async def listen() -> int:
            server = await self._loop.create_server(self._session, "127.0.0.1", 0)
            self._loop.server = server  # type: ignore[attr-defined]
            return int(server.sockets[0].getsockname()[1])

        self.port = asyncio.run_coroutine_threadsafe(listen(), self._loop).result(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.server.close)  # type: ignore[attr-defined]
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _session(self) -> SMTP:
        needs_login = bool(self._allowed[0])
        return SMTP(
            self,
            hostname="localhost",
            loop=self._loop,
            tls_context=self._tls,
            require_starttls=self._tls is not None,
            auth_required=needs_login,
            auth_require_tls=self._tls is not None,
            authenticator=self._authenticate if needs_login else None,
        )

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        time.sleep(self.slow)
        if self.answer.startswith("250"):
            content = envelope.original_content
            assert content is not None
            self.mails.append(BytesParser(EmailMessage, policy=email.policy.default).parsebytes(content))
        return self.answer

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == self._allowed, handled=False)


@contextlib.contextmanager
def mail_server(**options: Any) -> Iterator[MailServer]:
    made = MailServer(**options)
    made.start()
    try:
        yield made
    finally:
        made.stop()


class Hook:
    """Keeps the posts it gets. `status` is its answer, `slow` how long it takes; a dead one drops the connection."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.slow = 0.0
        self.dead = False
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.dead:
                    self.close_connection = True
                    return
                time.sleep(hook.slow)
                hook.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/alerts/path-of-the-receiver"


@contextlib.contextmanager
def hook() -> Iterator[Hook]:
    made = Hook()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join(10)
