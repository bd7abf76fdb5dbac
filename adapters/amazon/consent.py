"""The website workflow: Seller Central's consent page, and the code that comes back exchanged for a refresh token.

https://developer-docs.amazon.com/sp-api/docs/website-authorization-workflow
"""

import contextlib
from collections.abc import Iterator, Sequence
from urllib.parse import urlencode

import httpx
import msgspec

from adapters.amazon.auth import APPLICATION_ERRORS, APPLICATION_REFUSED, error_code
from adapters.amazon.client import USER_AGENT
from adapters.amazon.door import Door
from adapters.http import Call, CourteousClient, Hidden, QuotaKeeper, growing_wait
from domain.errors import ConnectionLost, VendorError
from domain.flow import Flow

TIMEOUT_SECONDS = 20.0
PATIENCE_SECONDS = 20.0  # somebody sits before the browser

# A seller consents where the account is at home. Amazon has one Seller Central for most of Europe.
REGION_HOSTS = {
    "na": "sellercentral.amazon.com",
    "eu": "sellercentral-europe.amazon.com",
    "fe": "sellercentral.amazon.co.jp",
}
MARKETPLACE_HOSTS = {
    "A2EUQ1WTGCTBG2": "sellercentral.amazon.ca",
    "A1AM78C64UM0Y8": "sellercentral.amazon.com.mx",
    "A2Q3Y263D00KWC": "sellercentral.amazon.com.br",
    "A28R8C7NBKEWEA": "sellercentral.amazon.ie",
    "AMEN7PMS3EDWL": "sellercentral.amazon.com.be",
    "A2NODRKZP88ZB9": "sellercentral.amazon.se",
    "AE08WJ6YKNBMC": "sellercentral.amazon.co.za",
    "A1C3SOZRARQ6R3": "sellercentral.amazon.pl",
    "ARBP9OOSHTCHU": "sellercentral.amazon.eg",
    "A33AVAJ2PDY3EV": "sellercentral.amazon.com.tr",
    "A17E79C6D8DWNP": "sellercentral.amazon.sa",
    "A2VIGQ35RCS4UG": "sellercentral.amazon.ae",
    "A21TJRUUN4KGV": "sellercentral.amazon.in",
    "A19VAU5U5O7RUS": "sellercentral.amazon.sg",
    "A39IBJ37TRP1C6": "sellercentral.amazon.com.au",
}


class _Issued(msgspec.Struct):
    refresh_token: str

    def __repr__(self) -> str:
        return "<token>"

    def __post_init__(self) -> None:
        if not self.refresh_token:
            raise ValueError("an empty token")


class AmazonConsent:
    """ports.Consent for Amazon. Where `authorize_url` is empty, the flow's first marketplace says which page it is."""

    def __init__(
        self,
        authorize_url: str,
        token_url: str,
        application_id: str,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        quotas: QuotaKeeper,
        *,
        other_secrets: Sequence[str] = (),
        draft: bool = False,
        speed: float = 1.0,
    ) -> None:
        self._authorize_url = authorize_url
        self._token_url = token_url
        self._application_id = application_id
        self._client_id = client_id
        self._secrets = [Hidden(secret) for secret in dict.fromkeys((client_secret, *other_secrets))]
        self._redirect_uri = redirect_uri
        self._quotas = quotas
        self._draft = draft
        self._speed = speed

    def address(self, flow: Flow, state: str) -> str:
        """See ports.Consent.address."""
        page = self._authorize_url or f"https://{seller_central(flow)}/apps/authorize/consent"
        asked = {"application_id": self._application_id, "state": state, "redirect_uri": self._redirect_uri}
        if self._draft:
            asked["version"] = "beta"  # or Amazon refuses with MD1000
        return f"{page}{'&' if '?' in page else '?'}{urlencode(asked)}"

    def exchange(self, flow: Flow, code: str) -> dict[str, str]:
        """See ports.Consent.exchange."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri}
        with self._http(flow) as http:
            for secret in self._secrets:
                # A refused secret leaves the code unused.
                answer = http.send(self._call({**form, "client_id": self._client_id, "client_secret": secret.value}))
                name = "" if answer.status_code == 200 else error_code(answer)
                if name not in APPLICATION_ERRORS:
                    break
            if answer.status_code == 200:
                try:
                    return {"refresh_token": msgspec.json.decode(answer.content, type=_Issued).refresh_token}
                except msgspec.DecodeError as error:
                    problem = str(error)
                raise http.unreadable("token", answer, problem)
            if name == "invalid_grant":
                words = "the code is refused: it is good for five minutes and one use; start again"
                raise http.refusal("token", answer, ConnectionLost, name, words)
            words = APPLICATION_REFUSED if name in APPLICATION_ERRORS else ""
            raise http.refusal("token", answer, VendorError, name, words)

    def _call(self, form: dict[str, str]) -> Call:
        accept = {"Accept": "application/json"}
        return Call("token", "POST", self._token_url, repeatable=False, headers=accept, form=Hidden(form))

    def revoke(self, flow: Flow, credential: dict[str, str]) -> bool:
        """Amazon has no call for it: a seller ends the consent in Seller Central, under Manage Your Apps."""
        return False

    @contextlib.contextmanager
    def _http(self, flow: Flow) -> Iterator[CourteousClient]:
        http = CourteousClient(
            "amazon",
            flow.name,
            self._quotas,
            timeout=httpx.Timeout(TIMEOUT_SECONDS),
            throttle_wait=lambda call, attempt: growing_wait(attempt),
            request_id_header="x-amzn-RequestId",
            user_agent=USER_AGENT,
            gate=Door(self._token_url, self._token_url, ()).check,
            speed=self._speed,
            patience_seconds=PATIENCE_SECONDS,
        )
        try:
            yield http
        finally:
            http.close()


def seller_central(flow: Flow) -> str:
    """The host where the flow's seller signs in."""
    home = flow.marketplaces[0] if flow.marketplaces else ""
    return MARKETPLACE_HOSTS.get(home, REGION_HOSTS[flow.region])
