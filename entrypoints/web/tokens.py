"""Who may ask: the tokens, and who oneself is."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from application.access import create_token, revoke_token
from domain.access import ADMIN, READER, Holder
from entrypoints.web import answers
from entrypoints.web.access import command, read
from entrypoints.web.answers import Done, MadeToken, Me, TokenList
from entrypoints.web.desk import Desk, asked_by
from entrypoints.web.parameters import IdempotencyKey, Word


class NewToken(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A token to give out. `flows` are those it may touch, all if none; `expires` has a time zone."""

    name: Annotated[str, Meta(min_length=1, max_length=40, pattern="^[A-Za-z0-9_-]+$")]
    role: Annotated[str, Meta(pattern="^(reader|auditor|operator|admin)$")]
    flows: Annotated[tuple[Word, ...], Meta(max_length=100)] = ()
    expires: Annotated[datetime, Meta(tz=True)] | None = None


@read("/me", READER, follows=False)
def show_me(request: Request[Holder, Any, Any]) -> Me:
    """Who asks: the token's name, role and flows."""
    return answers.me(request.user)


@read("/tokens", ADMIN, installation=True, follows=False)
def list_tokens(desk: NamedDependency[Desk]) -> TokenList:
    """Every token there ever was, without secrets."""
    return TokenList([answers.token(facts) for facts in desk.services.tokens.all()])


@command("/tokens", ADMIN, installation=True)
def make_token(
    request: Request[Holder, Any, Any],
    data: JSONBody[NewToken],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[MadeToken]:
    """Give out a token. Its secret is in this answer and nowhere else."""
    services = desk.services

    def do(by: str) -> MadeToken:
        made = create_token(
            data.name,
            data.role,
            data.flows,
            data.expires,
            services.tokens,
            services.store,
            services.views.flows(),
            services.clock,
            by,
        )
        desk.follower.follow_if_it_can()  # a repeat could not tell the secret again
        return MadeToken(made.secret, answers.token(made.facts), made.position)

    return desk.once(asked_by(request, idempotency_key, data), do)


@command("/tokens/{name:str}/revoke", ADMIN, installation=True)
def end_token(
    request: Request[Holder, Any, Any],
    name: FromPath[str],
    desk: NamedDependency[Desk],
    idempotency_key: IdempotencyKey = None,
) -> Response[Done]:
    """Close a token at once; in other processes within two seconds."""
    services = desk.services

    def do(by: str) -> Done:
        position = revoke_token(name, services.tokens, services.store, services.clock, by)
        desk.follower.follow_if_it_can()
        return Done(position, True)

    return desk.once(asked_by(request, idempotency_key), do)


router = Router("/", tags=["tokens"], route_handlers=[show_me, list_tokens, make_token, end_token])
