"""QuickBooks' tokens: one writer per company, the rotated refresh token stored before its access token is used.

Refresh tokens change about daily and the old value dies at once, so two workers that refresh together would brick the
connection. Under the vault's lock the stored token is read again first; if another worker has refreshed, its token is
used. `invalid_grant` is believed only for the token that is stored then (quickbooks.md 1).
"""

import base64
import threading
from collections.abc import Generator
from datetime import datetime, timedelta

import httpx
import msgspec

from adapters.http import Call, CourteousClient, Hidden
from adapters.quickbooks.faults import action_for, fault_of
from application.ports import Clock, Vault
from domain.errors import Conflict, ConnectionLost, VendorError

CREDENTIAL = "quickbooks"
# A refresh holds the vault's lease, which lasts a minute: all its tries and waits must end well before.
TOKEN_SECONDS = 10.0
TOKEN_PATIENCE_SECONDS = 15.0
EARLY = timedelta(minutes=5)  # renewed this long before its end, in QuickBooks' time
RACES = 3
TOKEN_HEADERS = {"Accept": "application/json", "x-include-refresh-token-hard-expires-in": "true"}

Credential = Hidden[dict[str, str]]


class Tokens(msgspec.Struct):
    """An answer of the token endpoint."""

    access_token: str
    refresh_token: str
    expires_in: float
    x_refresh_token_expires_in: float = 0
    x_refresh_token_hard_expires_in: float = 0

    def __repr__(self) -> str:
        return "<tokens>"

    def __post_init__(self) -> None:
        if not self.access_token or not self.refresh_token:
            raise ValueError("an empty token")


class _Refusal(msgspec.Struct):
    error: str = ""


def error_code(answer: httpx.Response) -> str:
    """What a refusal of the authorization server is called; empty where it has no name."""
    try:
        return msgspec.json.decode(answer.content, type=_Refusal).error
    except msgspec.DecodeError:
        return ""


def credential_of(tokens: Tokens, asked: datetime, speed: float) -> dict[str, str]:
    """What the vault keeps of tokens asked for then; an end that QuickBooks does not tell is empty."""

    def after(seconds: float) -> str:
        return (asked + timedelta(seconds=seconds) / speed).isoformat() if seconds else ""

    return {
        "refresh_token": tokens.refresh_token,
        "access_token": tokens.access_token,
        "expires_at": after(tokens.expires_in),
        "refresh_expires_at": after(tokens.x_refresh_token_expires_in),
        "hard_expires_at": after(tokens.x_refresh_token_hard_expires_in),
        "obtained_at": asked.isoformat(),
    }


class QuickBooksLogin(httpx.Auth):
    """Puts a valid access token on each request; where it is refused, the same request goes again with a new one."""

    def __init__(
        self,
        http: CourteousClient,
        flow: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        vault: Vault,
        clock: Clock,
        speed: float,
    ) -> None:
        self._http = http
        self._flow = flow
        self._token_url = token_url
        self._basic = basic(client_id, client_secret)
        self._vault = vault
        self._clock = clock
        self._speed = speed
        self._known: Credential | None = None
        self._guard = threading.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self.access_token()
        request.headers["Authorization"] = f"Bearer {token.value}"
        answer = yield request
        if answer.status_code == 401:
            answer.read()
            fault = fault_of(answer)
            if fault is None or action_for(fault.code) != "reconnect":
                token = self.access_token(refused=token)
                request.headers["Authorization"] = f"Bearer {token.value}"
                yield request

    def access_token(self, refused: Hidden[str] | None = None) -> Hidden[str]:
        """A token other than the `refused` one. Raises ConnectionLost where the company's consent is gone."""
        with self._guard:
            if self._known is None or not self._usable(self._known, refused):
                self._known = self._renewed(refused)
            return Hidden(self._known.value["access_token"])

    def renew(self) -> None:
        """New tokens, stored as ever, even if the former ones are still good. Raises what `access_token` does."""
        stored = self._vault.get(self._flow, CREDENTIAL) or {}
        token = self.access_token()
        if token.value == stored.get("access_token"):
            self.access_token(refused=token)

    def _renewed(self, refused: Hidden[str] | None) -> Credential:
        """From the vault if another worker has renewed it, else from QuickBooks."""
        tried: Credential | None = None
        fresh: Credential | None = None
        failure: ConnectionLost | None = None
        for _ in range(RACES):
            try:
                with self._vault.locked(self._flow, CREDENTIAL) as slot:
                    stored = Hidden(slot.value)
                    same = tried is not None and _refresh_token(stored) == _refresh_token(tried)
                    if not (same and fresh is not None):
                        if self._usable(stored, refused):
                            return stored
                        if same and failure is not None:
                            break
                        tried, fresh = stored, None
                        try:
                            fresh = self._refreshed(stored)
                        except ConnectionLost as error:
                            failure = error  # believed when the same token is still stored at a second look
                            continue
                    slot.replace(fresh.value)
                    return fresh
            except Conflict:
                # The lease was lost before the new token was stored. Where nobody stored another one meanwhile, ours
                # is the only one that still works.
                if fresh is None:
                    raise
        raise failure or Conflict(f"flow {self._flow}: other workers keep renewing QuickBooks' token; try again")

    def _usable(self, stored: Credential, refused: Hidden[str] | None) -> bool:
        token, ends = Hidden(stored.value.get("access_token", "")), stored.value.get("expires_at", "")
        if not token.value or token == refused or not ends:
            return False
        return self._clock() < datetime.fromisoformat(ends) - EARLY / self._speed

    def _refreshed(self, stored: Credential) -> Credential:
        """The credential with QuickBooks' new tokens; not stored yet."""
        call = Call(
            "token",
            "POST",
            self._token_url,
            headers=TOKEN_HEADERS,
            form=Hidden({"grant_type": "refresh_token", "refresh_token": stored.value["refresh_token"]}),
            auth=Basic(self._basic),
            timeout_seconds=TOKEN_SECONDS,
            patience_seconds=TOKEN_PATIENCE_SECONDS,
        )
        asked = self._clock()
        answer = self._http.send(call)
        if answer.status_code != 200:
            raise self._refused(answer)
        try:
            tokens = msgspec.json.decode(answer.content, type=Tokens)
        except msgspec.DecodeError as error:
            problem = str(error)
        else:
            return Hidden({**stored.value, **credential_of(tokens, asked, self._speed)})
        raise self._http.unreadable("token", answer, problem)

    def _refused(self, answer: httpx.Response) -> VendorError:
        code = error_code(answer)
        if code == "invalid_grant":
            text = f"the company's consent has ended; connect again: ml-connector connect quickbooks {self._flow}"
            return self._http.refusal("token", answer, ConnectionLost, code, text)
        text = "look at QUICKBOOKS_CLIENT_ID and QUICKBOOKS_CLIENT_SECRET" if code == "invalid_client" else ""
        return self._http.refusal("token", answer, VendorError, code, text)


def basic(client_id: str, client_secret: str) -> Hidden[str]:
    return Hidden(base64.b64encode(f"{client_id}:{client_secret}".encode()).decode())


class Basic(httpx.Auth):
    """Our application's own credentials."""

    def __init__(self, credentials: Hidden[str]) -> None:
        self._credentials = credentials

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Basic {self._credentials.value}"
        yield request


def _refresh_token(credential: Credential) -> Hidden[str]:
    return Hidden(credential.value["refresh_token"])
