"""Intuit's authorization server: codes, access tokens that live an hour, refresh tokens that change daily.

The rule that bricks real connections is kept exactly: once an answer has carried a new refresh token, the former value
is dead at once, without any grace.
"""

import base64
import binascii
import random
from dataclasses import dataclass
from urllib.parse import urlencode

from adapters.simulated.clock import FastClock
from adapters.simulated.quickbooks.dials import Dials
from adapters.simulated.quickbooks.wire import Body

ACCESS_SECONDS = 3600
REFRESH_SECONDS = 8_726_400  # 101 days, rolling with each refresh
HARD_SECONDS = 157_680_000  # five years from consent, whatever is refreshed
CODE_SECONDS = 300
SCOPE = "com.intuit.quickbooks.accounting"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class OAuthRefused(Exception):
    def __init__(self, status: int, error: str, description: str | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error} | ({"error_description": description} if description else {})


@dataclass(slots=True)
class Grant:
    """One consent of one company. Only its newest refresh token counts."""

    realm: str
    refresh_token: str
    changed_at: float
    used_at: float
    consented_at: float
    revoked: bool = False


@dataclass(slots=True)
class Access:
    grant: Grant
    expires_at: float


@dataclass(slots=True)
class Code:
    redirect_uri: str
    until: float
    grant: Grant | None = None


class AuthorizationServer:
    def __init__(self, clock: FastClock, seed: int, dials: Dials) -> None:
        self._clock, self._dials = clock, dials
        self._random = random.Random(f"quickbooks {seed}")
        self.client_id = "AB" + self._word(40)
        self.client_secret = self._word(40)
        self.realm = str(self._random.randrange(10**18, 10**19))
        self._access: dict[str, Access] = {}
        self._codes: dict[str, Code] = {}
        self._grant = self._new_grant()

    @property
    def refresh_token(self) -> str:
        return self._grant.refresh_token

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes after the user has consented: the client's address with code, state, realmId."""
        if query.get("client_id") != self.client_id or not query.get("redirect_uri"):
            raise OAuthRefused(400, "invalid_request", "client_id or redirect_uri is not registered")
        back: dict[str, str] = {}
        if query.get("response_type") != "code":
            back["error"] = "unsupported_response_type"
        elif SCOPE not in query.get("scope", "").split():
            back["error"] = "invalid_scope"
        elif self._dials.decline_consent:
            back["error"] = "access_denied"
        else:
            code = "XAB" + self._word(40)
            self._codes[code] = Code(query["redirect_uri"], self._clock.until(CODE_SECONDS))
            back |= {"code": code, "realmId": self.realm}
        if "state" in query:
            back["state"] = query["state"]
        joint = "&" if "?" in query["redirect_uri"] else "?"
        return f"{query['redirect_uri']}{joint}{urlencode(back)}"

    def token(self, authorization: str | None, form: dict[str, str], with_hard_expiry: bool) -> Body:
        self._client(authorization, form)
        kind = form.get("grant_type")
        if kind == "refresh_token":
            grant = self._refreshed(form.get("refresh_token", ""))
        elif kind == "authorization_code":
            grant = self._exchanged(form.get("code", ""), form.get("redirect_uri", ""))
        else:
            raise OAuthRefused(400, "unsupported_grant_type")
        now = self._clock.seconds()
        grant.used_at = now
        access = "eyJ" + self._word(60)
        self._access[access] = Access(grant, self._clock.until(ACCESS_SECONDS))
        answer: Body = {
            "token_type": "bearer",
            "access_token": access,
            "expires_in": ACCESS_SECONDS,
            "refresh_token": grant.refresh_token,
            "x_refresh_token_expires_in": REFRESH_SECONDS,
        }
        if with_hard_expiry:
            answer["x_refresh_token_hard_expires_in"] = int(grant.consented_at + HARD_SECONDS - now)
        return answer

    def revoke(self, authorization: str | None, token: str) -> None:
        self._client(authorization, {})
        access = self._access.get(token)
        grant = access.grant if access else self._grant if token == self._grant.refresh_token else None
        if grant is None or grant.revoked:
            raise OAuthRefused(400, "invalid_request")
        grant.revoked = True

    def realm_of(self, access_token: str) -> str | None:
        """The company a bearer token opens; None when it is unknown, expired or revoked."""
        access = self._access.get(access_token)
        if access is None or access.grant.revoked or self._clock.seconds() >= access.expires_at:
            return None
        return access.grant.realm

    def expire_access(self) -> None:
        self._access.clear()

    def _client(self, authorization: str | None, form: dict[str, str]) -> None:
        """client_secret_basic or client_secret_post, both advertised."""
        given = (form.get("client_id"), form.get("client_secret"))
        if authorization and authorization.startswith("Basic "):
            try:
                user, _, secret = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                raise OAuthRefused(401, "invalid_client") from None
            given = (user, secret)
        if given != (self.client_id, self.client_secret):
            raise OAuthRefused(401, "invalid_client")

    def _refreshed(self, token: str) -> Grant:
        grant, now = self._grant, self._clock.seconds()
        if token != grant.refresh_token or grant.revoked or now - grant.used_at >= REFRESH_SECONDS:
            raise OAuthRefused(400, "invalid_grant", "Incorrect Token type or clientID")
        if now - grant.consented_at >= HARD_SECONDS:
            raise OAuthRefused(400, "invalid_grant", "Incorrect Token type or clientID")
        if self._dials.rotate_every_refresh or now - grant.changed_at >= self._dials.rotate_after_hours * 3600:
            grant.refresh_token, grant.changed_at = self._refresh_word(), now
        return grant

    def _exchanged(self, code: str, redirect_uri: str) -> Grant:
        known, now = self._codes.get(code), self._clock.seconds()
        if known is not None and known.grant is not None:
            known.grant.revoked = True  # a code used twice is a stolen code: its tokens die with it
            raise OAuthRefused(400, "invalid_grant", "Authorization code already used")
        if known is None or known.redirect_uri != redirect_uri or now > known.until:
            raise OAuthRefused(400, "invalid_grant", "Invalid authorization code")
        self._grant.revoked = True  # connecting again supersedes the former connection
        self._grant = known.grant = self._new_grant()
        return self._grant

    def _new_grant(self) -> Grant:
        now = self._clock.seconds()
        return Grant(self.realm, self._refresh_word(), now, now, now)

    def _refresh_word(self) -> str:
        return f"RT1-{self._random.randrange(100)}-H0-{self._word(24)}"

    def _word(self, length: int) -> str:
        return "".join(self._random.choices(_LETTERS, k=length))
