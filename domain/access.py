"""Who may use the API: tokens by name, what their role lets them do, and the record of making and revoking them.

Roles are one ladder: each may do what those before it may. A token's secret is never here; `prefix` is the part of it
that is shown, so that a person can tell which one leaked.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from domain.errors import BadInput
from domain.event import Event, stream_id

READER, AUDITOR, OPERATOR, ADMIN = ROLES = ("reader", "auditor", "operator", "admin")
BY = "api:"  # how events name who holds a token: by its name, after this
EVERYWHERE = ""  # the flow of what belongs to the installation as a whole


class TokenCreated(Event, frozen=True, kw_only=True):
    """A token was given out. `flows` are those it may touch, all if none; `expires` is UTC, never if None."""

    name: str
    prefix: str
    role: str
    flows: tuple[str, ...] = ()
    expires: datetime | None = None


class TokenRevoked(Event, frozen=True, kw_only=True):
    """The token opens nothing any more."""

    name: str


class Holder(msgspec.Struct, frozen=True):
    """Whoever asks: the token's name, its role, and the flows it is limited to (all if none)."""

    name: str
    role: str
    flows: tuple[str, ...] = ()

    @property
    def by(self) -> str:
        """How events name the holder."""
        return BY + self.name

    def may(self, role: str) -> bool:
        """Whether the holder's role is at least `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def sees(self, flow: str) -> bool:
        return not self.flows or flow in self.flows


def check_token(name: str, role: str, expires: datetime | None, now: datetime) -> None:
    """Raises BadInput naming the first thing that cannot be."""
    if not name or not name.isascii() or not name.replace("-", "").replace("_", "").isalnum() or len(name) > 40:
        raise BadInput(f"token name {name!r}: expected letters, digits, - and _, at most 40, for example month-end")
    if role not in ROLES:
        raise BadInput(f"role {role!r}: expected one of {', '.join(ROLES)}")
    if expires is not None and expires <= now:
        raise BadInput(f"expires {expires.isoformat()} is in the past; expected a time to come")


def token_stream(name: str) -> UUID:
    return stream_id(EVERYWHERE, "token", name)
