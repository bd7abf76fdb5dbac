"""Intuit's consent page, the code that comes back exchanged for tokens, and the end of a consent.

https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/oauth-2.0
"""

import contextlib
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import msgspec

from adapters.http import Call, CourteousClient, Hidden, QuotaKeeper, growing_wait
from adapters.quickbooks import wire
from adapters.quickbooks.auth import TOKEN_HEADERS, Basic, Tokens, basic, credential_of, error_code
from adapters.quickbooks.client import USER_AGENT
from application.ports import Clock
from domain.errors import ConnectionLost, VendorError
from domain.flow import Flow

SCOPE = "com.intuit.quickbooks.accounting"
TIMEOUT_SECONDS = 20.0
PATIENCE_SECONDS = 20.0  # somebody sits before the browser


class QuickBooksConsent:
    """ports.Consent for QuickBooks Online."""

    def __init__(
        self,
        authorize_url: str,
        token_url: str,
        revoke_url: str,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        quotas: QuotaKeeper,
        clock: Clock,
        speed: float = 1.0,
    ) -> None:
        self._authorize_url = authorize_url
        self._token_url = token_url
        self._revoke_url = revoke_url
        self._client_id = client_id
        self._basic = basic(client_id, client_secret)
        self._redirect_uri = redirect_uri
        self._quotas = quotas
        self._clock = clock
        self._speed = speed

    def address(self, flow: Flow, state: str) -> str:
        """See ports.Consent.address."""
        asked = {
            "client_id": self._client_id,
            "response_type": "code",
            "scope": SCOPE,
            "redirect_uri": self._redirect_uri,
            "state": state,
        }
        return f"{self._authorize_url}{'&' if '?' in self._authorize_url else '?'}{urlencode(asked)}"

    def exchange(self, flow: Flow, code: str) -> dict[str, str]:
        """See ports.Consent.exchange. Once only: a second exchange of a code may end the tokens of the first."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri}
        call = Call(
            "token",
            "POST",
            self._token_url,
            repeatable=False,
            headers=TOKEN_HEADERS,
            form=Hidden(form),
            auth=Basic(self._basic),
        )
        asked = self._clock()
        with self._http(flow) as http:
            answer = http.send(call)
            if answer.status_code == 200:
                try:
                    return credential_of(msgspec.json.decode(answer.content, type=Tokens), asked, self._speed)
                except msgspec.DecodeError as error:
                    problem = str(error)
                raise http.unreadable("token", answer, problem)
            name = error_code(answer)
            if name == "invalid_grant":
                words = "the code is refused: it is good for some minutes and one use; start again"
                raise http.refusal("token", answer, ConnectionLost, name, words)
            raise http.refusal("token", answer, VendorError, name, _application(name))

    def revoke(self, flow: Flow, credential: dict[str, str]) -> bool:
        """See ports.Consent.revoke."""
        call = Call(
            "revoke",
            "POST",
            self._revoke_url,
            headers={"Accept": "application/json", "Content-Type": "application/json"},
            content=msgspec.json.encode({"token": credential["refresh_token"]}),
            auth=Basic(self._basic),
        )
        with self._http(flow) as http:
            answer = http.send(call)
            name = error_code(answer)
            # 400: Intuit knows no such token (any more), which is what is wanted.
            if answer.status_code == 200 or (answer.status_code == 400 and name != "invalid_client"):
                return True
            raise http.refusal("revoke", answer, VendorError, name, _application(name))

    @contextlib.contextmanager
    def _http(self, flow: Flow) -> Iterator[CourteousClient]:
        http = CourteousClient(
            wire.VENDOR,
            flow.name,
            self._quotas,
            timeout=httpx.Timeout(TIMEOUT_SECONDS),
            throttle_wait=lambda call, attempt: growing_wait(attempt),
            request_id_header="intuit_tid",
            user_agent=USER_AGENT,
            speed=self._speed,
            patience_seconds=PATIENCE_SECONDS,
        )
        try:
            yield http
        finally:
            http.close()


def _application(name: str) -> str:
    return "look at QUICKBOOKS_CLIENT_ID and QUICKBOOKS_CLIENT_SECRET" if name == "invalid_client" else ""
