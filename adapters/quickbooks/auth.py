"""QuickBooks' tokens: one writer per company, the rotated refresh token stored before its access token is used.

Refresh tokens change about daily and the old value dies at once, so two workers that refresh together would brick the
connection. Under the vault's lock the stored token is read again first; if another worker has refreshed, its token is
used. `invalid_grant` is believed only for the token that is stored now (quickbooks.md 1).
"""

import base64
from datetime import datetime, timedelta

import httpx
import msgspec

from adapters.http import Call, CourteousClient
from application.ports import Clock, Vault
from domain.errors import ConnectionLost, VendorError

CREDENTIAL = "quickbooks"
TOKEN_SECONDS = 8.0  # all tries together must end within the vault's lease
EARLY = timedelta(minutes=5)  # renewed this long before its end, in QuickBooks' time


class _Tokens(msgspec.Struct):
    access_token: str
    refresh_token: str
    expires_in: float
    x_refresh_token_expires_in: float = 0
    x_refresh_token_hard_expires_in: float = 0


class _Refusal(msgspec.Struct):
    error: str = ""


class QuickBooksLogin:
    """Gives a valid access token; its repr shows none."""

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
        self._basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._vault = vault
        self._clock = clock
        self._speed = speed
        self._token = ""
        self._until: datetime | None = None

    def access_token(self) -> str:
        """Raises ConnectionLost where the company's consent is gone."""
        if not self._token or self._until is None or self._clock() >= self._until:
            self.renew(refused="")
        return self._token

    def renew(self, refused: str) -> None:
        """A token other than the `refused` one, from the vault or from QuickBooks."""
        with self._vault.locked(self._flow, CREDENTIAL) as slot:
            stored = slot.value
            if self._usable(stored, refused):
                self._use(stored)
                return
            tokens = self._refresh(stored["refresh_token"])
            now = self._clock()
            fresh = {
                **stored,
                "refresh_token": tokens.refresh_token,
                "access_token": tokens.access_token,
                "expires_at": self._after(now, tokens.expires_in),
                "refresh_expires_at": self._after(now, tokens.x_refresh_token_expires_in),
                "hard_expires_at": self._after(now, tokens.x_refresh_token_hard_expires_in),
                "obtained_at": now.isoformat(),
            }
            slot.replace(fresh)
            self._use(fresh)

    def _usable(self, stored: dict[str, str], refused: str) -> bool:
        token, ends = stored.get("access_token", ""), stored.get("expires_at", "")
        if not token or token == refused or not ends:
            return False
        return self._clock() < datetime.fromisoformat(ends) - EARLY / self._speed

    def _use(self, stored: dict[str, str]) -> None:
        self._token = stored["access_token"]
        self._until = datetime.fromisoformat(stored["expires_at"]) - EARLY / self._speed

    def _refresh(self, refresh_token: str) -> _Tokens:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        call = Call(
            "token",
            "POST",
            self._token_url,
            headers={
                "Authorization": f"Basic {self._basic}",
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
                "x-include-refresh-token-hard-expires-in": "true",
            },
            content=httpx.Request("POST", self._token_url, data=form).read(),
            timeout_seconds=TOKEN_SECONDS,
        )
        answer = self._http.send(call)
        if answer.status_code == 200:
            try:
                return msgspec.json.decode(answer.content, type=_Tokens)
            except msgspec.DecodeError:
                raise VendorError("quickbooks' answer to token cannot be read", vendor="quickbooks") from None
        try:
            error = msgspec.json.decode(answer.content, type=_Refusal).error
        except msgspec.DecodeError:
            error = ""
        if error == "invalid_grant":
            text = f"the company's consent has ended; connect again: ml-connector connect quickbooks {self._flow}"
            raise self._http.refusal(call, answer, ConnectionLost, error, text)
        text = "look at QUICKBOOKS_CLIENT_ID and QUICKBOOKS_CLIENT_SECRET" if error == "invalid_client" else ""
        raise self._http.refusal(call, answer, VendorError, error, text)

    def _after(self, now: datetime, seconds: float) -> str:
        """QuickBooks' seconds from now; empty where it tells none."""
        return (now + timedelta(seconds=seconds) / self._speed).isoformat() if seconds else ""
