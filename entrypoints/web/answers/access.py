"""Tokens, their holders and what an examination found, as the API tells them."""

from collections.abc import Sequence
from datetime import datetime

from application.access import TokenFacts
from application.diagnosis import Finding, worst
from domain.access import Holder
from entrypoints.web.answers.form import Answer, instant


class FindingFacts(Answer, frozen=True):
    """One thing looked at: `status` is ok, warning or error."""

    subject: str
    status: str
    text: str
    what_to_do: str | None


class Examination(Answer, frozen=True):
    """What a doctor found; `status` is the worst of the findings'."""

    status: str
    at: str
    findings: list[FindingFacts]


def examination(findings: Sequence[Finding], at: datetime) -> Examination:
    told = [FindingFacts(one.subject, one.status, one.text, one.what_to_do or None) for one in findings]
    return Examination(worst(findings), instant(at) or "", told)


class Token(Answer, frozen=True):
    """A token without its secret."""

    name: str
    prefix: str
    role: str
    flows: list[str]
    created: str
    created_by: str
    expires: str | None
    revoked: str | None
    last_used: str | None


class TokenList(Answer, frozen=True):
    """Every token there ever was."""

    items: list[Token]


class MadeToken(Answer, frozen=True):
    """A new token; `secret` is told this once."""

    secret: str
    token: Token
    position: int


class Me(Answer, frozen=True):
    """Who asks: the token's name and role, and the flows it is limited to (empty: all)."""

    name: str
    role: str
    flows: list[str]


def token(facts: TokenFacts) -> Token:
    return Token(
        name=facts.name,
        prefix=facts.prefix,
        role=facts.role,
        flows=list(facts.flows),
        created=instant(facts.created) or "",
        created_by=facts.created_by,
        expires=instant(facts.expires),
        revoked=instant(facts.revoked),
        last_used=instant(facts.last_used),
    )


def me(holder: Holder) -> Me:
    return Me(holder.name, holder.role, list(holder.flows))
