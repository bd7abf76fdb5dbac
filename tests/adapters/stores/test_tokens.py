"""API tokens: only a hash is kept, the end of a token is at once, and every step is in the history."""

from datetime import timedelta
from typing import Any

import pytest

from adapters.database import Database
from adapters.tokens import DatabaseTokens
from application.access import NewToken, create_token, revoke_token
from domain.access import Holder, TokenCreated, TokenRevoked, token_stream
from domain.errors import BadInput


@pytest.fixture
def tokens(database: Database, clock: Any) -> DatabaseTokens:
    return DatabaseTokens(database, clock, lambda: clock.now.timestamp())


def made(tokens: DatabaseTokens, store: Any, clock: Any, name: str = "month-end", **more: Any) -> NewToken:
    wanted = {"role": "auditor", "flows": ["us"], "expires": None, **more}
    return create_token(
        name, wanted["role"], wanted["flows"], wanted["expires"], tokens, store, ["us", "eu"], clock, "cli:ada"
    )


def test_a_token_opens_what_it_says_and_only_its_hash_is_stored(
    tokens: DatabaseTokens, store: Any, clock: Any, database: Database
) -> None:
    token = made(tokens, store, clock)

    assert tokens.holder(token.secret) == Holder("month-end", "auditor", ("us",))
    assert tokens.holder(token.secret + "x") is None
    assert tokens.holder("") is None
    (shown,) = tokens.all()
    assert (shown.name, shown.role, shown.last_used) == ("month-end", "auditor", clock.now)
    assert token.secret.startswith(shown.prefix)
    assert len(token.secret) > 40
    with database.reading() as cursor:
        for table in ("api_tokens", "stored_events"):
            cursor.execute(f"SELECT * FROM {table}")
            assert token.secret.encode() not in repr(cursor.fetchall()).encode()


def test_a_revoked_token_opens_nothing_here_at_once_and_elsewhere_within_two_seconds(
    tokens: DatabaseTokens, store: Any, clock: Any, database: Database
) -> None:
    elsewhere = DatabaseTokens(database, clock, lambda: clock.now.timestamp())
    token = made(tokens, store, clock)
    assert elsewhere.holder(token.secret) is not None
    assert elsewhere.recalled(token.secret) is not None

    revoke_token("month-end", tokens, store, clock, "cli:bob")

    assert tokens.holder(token.secret) is None
    clock.advance(2.1)
    assert elsewhere.recalled(token.secret) is None
    assert elsewhere.holder(token.secret) is None
    created, revoked = store.load([token_stream("month-end")])[token_stream("month-end")]
    assert isinstance(created, TokenCreated)
    assert isinstance(revoked, TokenRevoked)
    assert (created.by, revoked.by) == ("cli:ada", "cli:bob")
    assert revoke_token("month-end", tokens, store, clock, "cli:bob") == store.end() == 2


def test_a_token_ends_when_it_expires(tokens: DatabaseTokens, store: Any, clock: Any) -> None:
    token = made(tokens, store, clock, expires=clock.now + timedelta(seconds=1))
    assert tokens.holder(token.secret) is not None
    clock.advance(1)
    assert tokens.recalled(token.secret) is None
    assert tokens.holder(token.secret) is None


def test_use_is_noted_once_a_minute(tokens: DatabaseTokens, store: Any, clock: Any) -> None:
    token = made(tokens, store, clock)
    first = clock.now
    for _ in range(3):
        tokens.holder(token.secret)
        clock.advance(10)
    assert tokens.all()[0].last_used == first
    clock.advance(40)
    tokens.holder(token.secret)
    assert tokens.all()[0].last_used == clock.now


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "two words"}, "token name"),
        ({"role": "owner"}, "reader, auditor, operator, admin"),
        ({"flows": ["nowhere"]}, "no flow named 'nowhere'"),
        ({"expires": "past"}, "in the past"),
        ({"name": "taken"}, "given out before"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    tokens: DatabaseTokens, store: Any, clock: Any, change: dict[str, Any], words: str
) -> None:
    made(tokens, store, clock, "taken")
    if change.get("expires"):
        change = {"expires": clock.now}
    with pytest.raises(BadInput, match=words):
        made(tokens, store, clock, **change)
    with pytest.raises(BadInput, match="no token named"):
        revoke_token("never-made", tokens, store, clock, "cli:ada")


def test_a_name_is_used_once_even_after_its_token_ended(tokens: DatabaseTokens, store: Any, clock: Any) -> None:
    """Or `api:month-end` in the audit trail would be two persons."""
    made(tokens, store, clock)
    revoke_token("month-end", tokens, store, clock, "cli:ada")
    with pytest.raises(BadInput, match="given out before"):
        made(tokens, store, clock)
