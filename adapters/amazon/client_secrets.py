"""The application's client secrets: Amazon ends one after 180 days, and the former lives on for 7 after a rotation.

https://developer-docs.amazon.com/sp-api/docs/rotating-your-apps-lwa-credentials
"""

from collections.abc import Sequence
from datetime import date

import msgspec

LIFE_DAYS = 180


class ClientSecret(msgspec.Struct, frozen=True):
    """A secret and the last day it is good, where that is known; its repr shows no secret."""

    value: str
    ends: date | None = None

    def __repr__(self) -> str:
        return f"<client secret, good until {self.ends or 'an unknown day'}>"


def in_order(secrets: Sequence[ClientSecret], today: date) -> list[ClientSecret]:
    """Which to try first: what is good longest. One that has ended comes last: Amazon decides, not our calendar."""
    given = [secret for secret in secrets if secret.value]
    return sorted(given, key=lambda secret: _worth(secret, today), reverse=True)


def last_day(secrets: Sequence[ClientSecret]) -> date | None:
    """When the application has no good secret any more; None where that is not known of any."""
    return max((secret.ends for secret in secrets if secret.value and secret.ends is not None), default=None)


def _worth(secret: ClientSecret, today: date) -> tuple[bool, date]:
    return secret.ends is None or secret.ends >= today, secret.ends or today
