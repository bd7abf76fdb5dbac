"""Login with Amazon: access tokens from the seller's refresh token, or for a scope that is no seller's.

Tokens are kept per application, refresh token and scope and never shared otherwise, so that no seller's token can reach
another's call (amazon.md 9.14). `invalid_grant` ends the connection of this flow; `invalid_client` is the operator's
trouble, for all flows. While a client secret is being changed there are two: where one is refused the other is tried.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Generator, Sequence

import httpx
import msgspec

from adapters.amazon.door import TOKEN_HEADER
from adapters.http import Call, CourteousClient, Hidden
from application.ports import Clock
from domain.errors import ConnectionLost, VendorError

EARLY_SECONDS = 60.0  # a token is renewed this long before it ends, in Amazon's time
APPLICATION_REFUSED = (
    "the application's own credentials are refused, which stops every flow; look at AMAZON_CLIENT_ID and "
    "AMAZON_CLIENT_SECRET (Amazon ends a client secret after 180 days)"
)
APPLICATION_ERRORS = ("invalid_client", "unauthorized_client")
# https://developer-docs.amazon.com/sp-api/docs/grantless-operations
NOTIFICATIONS_SCOPE = "sellingpartnerapi::notifications"


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float

    def __repr__(self) -> str:
        return "<token>"


class _Refusal(msgspec.Struct):
    error: str = ""


def error_code(answer: httpx.Response) -> str:
    """What a refusal of Login with Amazon is called; empty where it has no name."""
    try:
        return msgspec.json.decode(answer.content, type=_Refusal).error
    except msgspec.DecodeError:
        return ""


class _Kept:
    """The token of one seller. Its guard is held while it is renewed, so that it is renewed once."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.token: Hidden[str] | None = None
        self.ends = 0.0
        self.secret = 0  # which of the client secrets was accepted last


class TokenCache:
    """Access tokens by token address, application, refresh token (hashed) and scope.

    A new client secret changes nothing about a token that was given, so it is no part of the key.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str, str], _Kept] = {}
        self._guard = threading.Lock()

    def kept(self, token_url: str, client_id: str, refresh_token: Hidden[str], scope: str) -> _Kept:
        key = (token_url, client_id, hashlib.sha256(refresh_token.value.encode()).hexdigest(), scope)
        with self._guard:
            return self._kept.setdefault(key, _Kept())


# Clients come and go with each cycle; tokens live an hour.
_CACHE = TokenCache()


class LoginWithAmazon(httpx.Auth):
    """Puts a valid access token on each request; one that is refused is renewed once."""

    def __init__(
        self,
        http: CourteousClient,
        flow: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        clock: Clock,
        speed: float = 1.0,
        cache: TokenCache = _CACHE,
        *,
        other_secrets: Sequence[str] = (),
        scope: str = "",
        judged: Callable[[str], None] = lambda refusal: None,
    ) -> None:
        """Without a `refresh_token`, tokens are for `scope` and no seller.

        `judged` is told each time what Amazon says of the application itself: how it refuses it, or nothing.
        """
        self._http = http
        self._flow = flow
        self._token_url = token_url
        grant = (
            {"grant_type": "refresh_token", "refresh_token": refresh_token}
            if refresh_token
            else {"grant_type": "client_credentials", "scope": scope}
        )
        self._form = Hidden({**grant, "client_id": client_id})
        self._secrets = [Hidden(secret) for secret in dict.fromkeys((client_secret, *other_secrets))]
        self._judged = judged
        self._clock = clock
        self._speed = speed
        self._kept = cache.kept(token_url, client_id, Hidden(refresh_token), "" if refresh_token else scope)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self.access_token()
        self._sign(request, token)
        answer = yield request
        if answer.status_code in (401, 403):
            # It may have ended early, or the seller's consent is renewed: a new one decides.
            self._sign(request, self.access_token(refused=token))
            yield request

    def access_token(self, refused: Hidden[str] | None = None) -> Hidden[str]:
        """Raises ConnectionLost where the seller's consent is gone, VendorError where our own secret is refused."""
        kept = self._kept
        with kept.guard:
            if kept.token is None or kept.token == refused or time.monotonic() >= kept.ends:
                kept.token = None
                asked = time.monotonic()
                token = self._renewed()
                kept.token = Hidden(token.access_token)
                kept.ends = asked + max(token.expires_in - EARLY_SECONDS, 1.0) / self._speed
            return kept.token

    def renew(self) -> None:
        """A new token, whether or not the former one is still good. Raises what `access_token` does."""
        kept = self._kept.token
        self.access_token(refused=kept) if kept is not None else self.access_token()

    def _sign(self, request: httpx.Request, token: Hidden[str]) -> None:
        request.headers[TOKEN_HEADER] = token.value
        request.headers["x-amz-date"] = self._clock().strftime("%Y%m%dT%H%M%SZ")

    def _renewed(self) -> _Token:
        """A new token; of several client secrets first with the one that was accepted last."""
        first = self._kept.secret % len(self._secrets)
        answer, code = None, ""
        for number in [*range(first, len(self._secrets)), *range(first)]:
            form = Hidden({**self._form.value, "client_secret": self._secrets[number].value})
            answer = self._http.send(Call("token", "POST", self._token_url, form=form))
            if answer.status_code == 200:
                self._kept.secret = number
                self._judged("")
                return self._read(answer)
            code = error_code(answer)
            if code not in APPLICATION_ERRORS:
                break
        assert answer is not None  # there is at least one secret
        kind: type[VendorError] = VendorError
        text = ""
        if code == "invalid_grant":
            kind = ConnectionLost
            text = (
                "the seller's consent has ended or was withdrawn; connect again: "
                f"ml-connector connect amazon {self._flow}"
            )
            self._judged("")  # it knew the application
        elif code in APPLICATION_ERRORS:
            text = APPLICATION_REFUSED
            self._judged(f"{code}: {APPLICATION_REFUSED}")
        raise self._http.refusal("token", answer, kind, code, text)

    def _read(self, answer: httpx.Response) -> _Token:
        try:
            return msgspec.json.decode(answer.content, type=_Token)
        except msgspec.DecodeError as error:
            problem = str(error)
        raise self._http.unreadable("token", answer, problem)
