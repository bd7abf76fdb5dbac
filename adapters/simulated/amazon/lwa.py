"""Login with Amazon: consent, codes, refresh tokens and access tokens, with the errors exactly as it words them."""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from random import Random
from urllib.parse import urlencode, urlsplit

import msgspec

from adapters.simulated.amazon.answers import Refusal, invalid_input, unauthorized
from adapters.simulated.clock import FastClock

ACCESS_SECONDS = 3600
CODE_SECONDS = 300
SCOPES = ("sellingpartnerapi::notifications", "sellingpartnerapi::client_credential:rotation")


class Code(msgspec.Struct, frozen=True):
    redirect_uri: str
    until: float


class Login:
    """One application and one seller, and everything that was handed out to them."""

    def __init__(
        self,
        clock: FastClock,
        application_id: str,
        selling_partner_id: str,
        *,
        draft: bool = False,
        redirect_uris: tuple[str, ...] = (),
        credentials: str = "",
    ) -> None:
        """`credentials` is any word: the same one makes the same application and first consent at each start."""
        self._clock = clock
        self.application_id = application_id
        self.selling_partner_id = selling_partner_id
        drawn = Random(f"amazon {credentials}").randbytes if credentials else secrets.token_bytes
        self.client_id = "amzn1.application-oa2-client." + drawn(16).hex()
        self.client_secret = "amzn1.oa2-cs.v1." + drawn(32).hex()
        self.refresh_token = "Atzr|" + urlsafe_b64encode(drawn(96)).decode()
        self._draft = draft
        self._redirect_uris = redirect_uris
        self._refresh_tokens = {self.refresh_token}
        self._access_tokens: dict[str, tuple[str, float]] = {}  # token -> whose, until which second
        self._codes: dict[str, Code] = {}

    def consent(self, parameters: Mapping[str, str]) -> str:
        """Where the seller's browser goes after agreeing, which this seller always does at once."""
        if parameters.get("application_id") != self.application_id:
            raise invalid_input("application_id is not that of a registered application", "MD1000")
        if self._draft and parameters.get("version") != "beta":
            raise invalid_input("a draft application needs version=beta", "MD1000")
        if not parameters.get("state"):
            raise invalid_input("state is missing", "MD5110")
        target = parameters.get("redirect_uri") or next(iter(self._redirect_uris), "")
        if not urlsplit(target).scheme or (self._redirect_uris and target not in self._redirect_uris):
            raise invalid_input("redirect_uri is not one that was registered", "MD5101")
        code = "ANDMxqpC" + secrets.token_hex(8)
        self._codes[code] = Code(target, self._clock.until(CODE_SECONDS))
        answered = {
            "state": parameters["state"],
            "selling_partner_id": self.selling_partner_id,
            "spapi_oauth_code": code,
        }
        return f"{target}{'&' if '?' in target else '?'}{urlencode(answered)}"

    def token(self, form: Mapping[str, str]) -> dict[str, str | int]:
        """Answer the token endpoint."""
        for name in ("grant_type", "client_id", "client_secret"):
            if not form.get(name):
                raise refused(400, "invalid_request", f"The request is missing a required parameter : {name}")
        known = secrets.compare_digest(form["client_id"].encode(), self.client_id.encode())
        if not known or not secrets.compare_digest(form["client_secret"].encode(), self.client_secret.encode()):
            raise refused(401, "invalid_client", "Client authentication failed")
        match form["grant_type"]:
            case "refresh_token":
                refresh_token = _needed(form, "refresh_token")
                if refresh_token not in self._refresh_tokens:
                    raise refused(
                        400,
                        "invalid_grant",
                        "The request has an invalid grant parameter : refresh_token. "
                        "User may have revoked or didn't grant the permission.",
                    )
                return self._issued(refresh_token, with_refresh=True)
            case "authorization_code":
                return self._issued(self._exchanged(form), with_refresh=True)
            case "client_credentials":
                if _needed(form, "scope") not in SCOPES:
                    raise refused(400, "invalid_scope", "The request has an invalid scope parameter")
                return self._issued(form["scope"], with_refresh=False)
        raise refused(
            400,
            "unsupported_grant_type",
            "The authorization grant type is not supported by the authorization server",
        )

    def seller(self, access_token: str | None) -> str:
        """The refresh token behind an access token; refuses one that is missing, foreign, old or grantless."""
        if not access_token:
            raise unauthorized("Access token is missing in the request header.")
        whose, until = self._access_tokens.get(access_token, ("", 0.0))
        if not whose or whose not in self._refresh_tokens:
            raise unauthorized("The access token you provided is revoked, malformed or invalid.")
        if self._clock.seconds() >= until:
            raise unauthorized("The access token you provided has expired.")
        return whose

    def application(self, access_token: str | None, scope: str) -> str:
        """Whose calls without a seller are counted together; refuses a token that is not for this scope, or old."""
        whose, until = self._access_tokens.get(access_token or "", ("", 0.0))
        if whose != scope or self._clock.seconds() >= until:
            raise unauthorized("The access token is not for this operation, or has expired.")
        return f"application {self.application_id}"

    def revoke(self) -> None:
        """The seller withdraws consent: no token works any longer."""
        self._refresh_tokens.clear()

    def _exchanged(self, form: Mapping[str, str]) -> str:
        code = self._codes.pop(_needed(form, "code"), None)  # a code works once
        target = _needed(form, "redirect_uri")
        if code is None or self._clock.seconds() >= code.until or target != code.redirect_uri:
            raise refused(400, "invalid_grant", "The request has an invalid grant parameter : code")
        fresh = "Atzr|" + secrets.token_urlsafe(96)
        self._refresh_tokens.add(fresh)  # earlier ones stay valid
        return fresh

    def _issued(self, whose: str, *, with_refresh: bool) -> dict[str, str | int]:
        access_token = ("Atza|" if with_refresh else "Atc|") + secrets.token_urlsafe(128)
        self._access_tokens[access_token] = (whose, self._clock.until(ACCESS_SECONDS))
        issued: dict[str, str | int] = {
            "access_token": access_token,
            "token_type": "bearer",
            "expires_in": ACCESS_SECONDS,
        }
        return issued | {"refresh_token": whose} if with_refresh else issued


def refused(status: int, error: str, description: str) -> Refusal:
    """Login with Amazon has an error form of its own."""
    body = msgspec.json.encode({"error": error, "error_description": description})
    return Refusal(status, body, {}, "application/json")


def _needed(form: Mapping[str, str], name: str) -> str:
    value = form.get(name)
    if not value:
        raise refused(400, "invalid_request", f"The request is missing a required parameter : {name}")
    return value
