"""Giving out and taking back API tokens: the right to use the service, and the record of who gave it.

A token is recorded before it opens anything, and closed before its end is recorded: a crash between the two leaves
a token that does not work, never one that works unrecorded.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from application.ports import Append, Clock, EventStore
from domain.access import EVERYWHERE, Holder, TokenCreated, TokenRevoked, check_token, token_stream
from domain.errors import BadInput, Conflict


class TokenFacts(msgspec.Struct, frozen=True):
    """What may be shown of a token; times are UTC."""

    name: str
    prefix: str
    role: str
    flows: tuple[str, ...]
    created: datetime
    created_by: str
    expires: datetime | None
    revoked: datetime | None
    last_used: datetime | None


class Tokens(Protocol):
    """Tokens at rest: only a hash of each."""

    def mint(self) -> tuple[str, str]:
        """A new secret and the prefix of it that may be shown; nothing is stored."""

    def keep(self, secret: str, facts: TokenFacts) -> None:
        """Let the secret open what the facts say."""

    def revoke(self, name: str, at: datetime) -> None:
        """Close a token; again is no harm."""

    def all(self) -> list[TokenFacts]:
        """Every token there ever was, by name."""

    def holder(self, secret: str) -> Holder | None:
        """Who holds a secret; None if it opens nothing (unknown, expired, revoked). Notes that it was used."""


class NewToken(msgspec.Struct, frozen=True):
    """A token just made; the only place where its secret ever stands. `position` is the log's."""

    secret: str
    facts: TokenFacts
    position: int


def create_token(
    name: str,
    role: str,
    flows: Sequence[str],
    expires: datetime | None,
    tokens: Tokens,
    store: EventStore,
    known_flows: Sequence[str],
    clock: Clock,
    by: str,
) -> NewToken:
    """Give out a token. Raises BadInput if a setting cannot be or the name was ever taken."""
    now = clock()
    check_token(name, role, expires, now)
    if unknown := sorted(set(flows) - set(known_flows)):
        raise BadInput(f"there is no flow named {unknown[0]!r}; see: ml-connector flow list")
    secret, prefix = tokens.mint()
    created = TokenCreated(
        flow=EVERYWHERE, at=now, by=by, name=name, prefix=prefix, role=role, flows=tuple(flows), expires=expires
    )
    try:
        position = store.append([Append(token_stream(name), 0, [created])])
    except Conflict:
        raise BadInput(f"a token named {name!r} was given out before; a name is used once, choose another") from None
    facts = TokenFacts(name, prefix, role, tuple(flows), now, by, expires, None, None)
    tokens.keep(secret, facts)
    return NewToken(secret, facts, position)


def revoke_token(name: str, tokens: Tokens, store: EventStore, clock: Clock, by: str) -> int:
    """Close a token at once; the position of the record. Again changes nothing. Raises BadInput if there is none."""
    stream = token_stream(name)
    events = store.load([stream]).get(stream, [])
    if not events:
        raise BadInput(f"there is no token named {name!r}; see: ml-connector token list")
    now = clock()
    tokens.revoke(name, now)
    if isinstance(events[-1], TokenRevoked):
        return store.end()
    try:
        return store.append([Append(stream, len(events), [TokenRevoked(flow=EVERYWHERE, at=now, by=by, name=name)])])
    except Conflict:
        return store.end()  # another revoked it at the same moment
