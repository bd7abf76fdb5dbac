"""Login with Amazon: access tokens from the seller's refresh token.

A token is kept in memory for one client, which serves one seller: no cache is shared, so no seller's token can reach
another's call. `invalid_grant` ends the connection of this flow; `invalid_client` is the operator's, for all flows.
"""

import threading
import time

import httpx
import msgspec

from adapters.http import Call, CourteousClient
from domain.errors import ConnectionLost, VendorError

EARLY_SECONDS = 60.0  # a token is renewed this long before it ends, in Amazon's time


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float


class _Refusal(msgspec.Struct):
    error: str = ""
    error_description: str = ""


class LoginWithAmazon:
    """Gives a valid access token; its repr shows none."""

    def __init__(
        self,
        http: CourteousClient,
        flow: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        speed: float,
    ) -> None:
        self._http = http
        self._flow = flow
        self._token_url = token_url
        self._form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": client_id,
            "client_secret": client_secret,
        }
        self._speed = speed
        self._token = ""
        self._ends = 0.0
        self._guard = threading.Lock()

    def access_token(self) -> str:
        """Raises ConnectionLost where the seller's consent is gone, VendorError where our own secret is refused."""
        with self._guard:
            if time.monotonic() >= self._ends:
                self._renew()
            return self._token

    def forget(self) -> None:
        """Ask for a new token next time: this one was refused."""
        with self._guard:
            self._ends = 0.0

    def _renew(self) -> None:
        request = httpx.Request("POST", self._token_url, data=self._form)
        call = Call(
            "token",
            "POST",
            self._token_url,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            content=request.read(),
        )
        answer = self._http.send(call)
        if answer.status_code != 200:
            raise self._refused(call, answer)
        token = msgspec.json.decode(answer.content, type=_Token)
        self._token = token.access_token
        self._ends = time.monotonic() + max(token.expires_in - EARLY_SECONDS, 1.0) / self._speed

    def _refused(self, call: Call, answer: httpx.Response) -> VendorError:
        try:
            refusal = msgspec.json.decode(answer.content, type=_Refusal)
        except msgspec.DecodeError:
            refusal = _Refusal()
        if refusal.error == "invalid_grant":
            text = (
                "the seller's consent has ended or was withdrawn; connect again: "
                f"ml-connector connect amazon {self._flow}"
            )
            return self._http.refusal(call, answer, ConnectionLost, refusal.error, text)
        if refusal.error in ("invalid_client", "unauthorized_client"):
            text = (
                "the application's own credentials are refused, which stops every flow; look at AMAZON_CLIENT_ID and "
                "AMAZON_CLIENT_SECRET (Amazon ends a secret after 180 days)"
            )
            return self._http.refusal(call, answer, VendorError, refusal.error, text)
        return self._http.refusal(call, answer, VendorError, refusal.error)
