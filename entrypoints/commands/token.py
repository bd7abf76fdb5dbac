"""`ml-connector token`: who may use the API. A token is printed once, when it is made; only its hash is kept."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from application.access import TokenFacts, create_token, revoke_token
from domain.access import READER
from domain.errors import BadInput
from entrypoints.bootstrap import services
from entrypoints.commands.flow import AsJson
from entrypoints.console import err, out, print_json, print_table

app = typer.Typer(help="Tokens for the API and the pages.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the audit trail calls it: letters, digits, - and _.")],
    role: Annotated[str, typer.Option(help="reader, auditor, operator or admin.")] = READER,
    flow: Annotated[list[str] | None, typer.Option(help="Limit it to this flow; may be given often.")] = None,
    expires: Annotated[str | None, typer.Option(help="A day or time after which it opens nothing.")] = None,
    as_json: AsJson = False,
) -> int:
    """Make a token and print it, this once."""
    with services() as service:
        service.views.catch_up()
        made = create_token(
            name,
            role,
            flow or [],
            _time(expires),
            service.tokens,
            service.store,
            service.views.flows(),
            service.clock,
            service.person,
        )
        service.views.catch_up()
    if as_json:
        print_json({"token": made.secret, **_facts(made.facts)})
    else:
        out.print(made.secret, markup=False)
        err.print(f"Token {name} ({role}). It is shown this once; keep it in a password store.", markup=False)
    return 0


@app.command("list")
def list_tokens(as_json: AsJson = False) -> int:
    """List the tokens: never their secrets."""
    with services() as service:
        tokens = service.tokens.all()
        now = service.clock()
    if as_json:
        print_json({"tokens": [_facts(token) for token in tokens]})
        return 0
    rows = [
        [
            token.name,
            token.prefix + "...",
            token.role,
            ", ".join(token.flows) or "all",
            _shown(token.last_used) or "never",
            _state(token, now),
        ]
        for token in tokens
    ]
    print_table("API tokens", ["token", "begins", "role", "flows", "last used", "state"], rows)
    return 0


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="The token's name.")], as_json: AsJson = False) -> int:
    """Close a token at once (within two seconds in other processes)."""
    with services() as service:
        revoke_token(name, service.tokens, service.store, service.clock, service.person)
        service.views.catch_up()
    if as_json:
        print_json({"name": name, "revoked": True})
    else:
        out.print(f"Token {name} opens nothing any more.", markup=False)
    return 0


def _facts(token: TokenFacts) -> dict[str, Any]:
    return {
        "name": token.name,
        "prefix": token.prefix,
        "role": token.role,
        "flows": list(token.flows),
        "created": token.created,
        "created_by": token.created_by,
        "expires": token.expires,
        "revoked": token.revoked,
        "last_used": token.last_used,
    }


def _state(token: TokenFacts, now: datetime) -> str:
    if token.revoked is not None:
        return f"revoked {_shown(token.revoked)}"
    if token.expires is not None:
        return f"{'expired' if token.expires <= now else 'until'} {_shown(token.expires)}"
    return "open"


def _shown(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M")


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--expires {text!r}: expected a day like 2027-01-31 or a time with its zone") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
