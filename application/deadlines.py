"""What ends on a known day and what stops every flow at once, as alerts: told 30, 14 and 3 days before, and after.

A seller's consent to a public application is to be renewed every 365 days, a client secret every 180
(https://developer-docs.amazon.com/sp-api/docs/renew-authorizations, …/rotating-your-apps-lwa-credentials).
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

import msgspec

from domain.alert import Alert
from domain.flow import Flow

CONSENT_LIFE = timedelta(days=365)
STAGES = (30, 14, 3)  # days before the end; each is told once, so each is an alert of its own
APPLICATION = "application/"  # how the key of an alert begins that concerns the application, not one flow
NAMES = {"amazon": "Amazon", "quickbooks": "QuickBooks"}


class Refusal(msgspec.Struct, frozen=True):
    """A vendor refuses the application's own credentials since then, in these words."""

    vendor: str
    since: datetime
    words: str


def consent_ends(flow: Flow) -> date | None:
    """The last day of the seller's consent; None where it was not given on Amazon's page, so its day is not known."""
    given = flow.amazon_consent
    return (given + CONSENT_LIFE).date() if given is not None and flow.amazon else None


def deadline_alerts(flow: Flow, secret_ends: date | None, refusals: Iterable[Refusal], today: date) -> list[Alert]:
    """Everything of the kind that a person must be told of the flow now."""
    return [*_refused(refusals), *_secret(secret_ends, today), *_consent(flow, today)]


def without_consequences(alerts: Iterable[Alert]) -> list[Alert]:
    """A cycle that fails since the application is refused is the same trouble."""
    found = list(alerts)
    refused = any(alert.key in (APPLICATION + vendor for vendor in NAMES) for alert in found)
    return [alert for alert in found if not (refused and alert.key == "cycle")]


def _refused(refusals: Iterable[Refusal]) -> Iterator[Alert]:
    for refusal in refusals:
        name = NAMES[refusal.vendor]
        yield Alert(
            key=APPLICATION + refusal.vendor,
            object=f"this installation's application at {name}",
            problem="is refused, so that no flow can run",
            cause=refusal.words,
            what_to_do="for the operator: set the client secret that is good now (docs/operating.md), and start the "
            "processes anew; no seller has to connect again",
            path="/",
        )


def _secret(ends: date | None, today: date) -> Iterator[Alert]:
    for stage, when in _passed(ends, today):
        yield Alert(
            key=f"{APPLICATION}amazon/secret/{stage}",
            object="the application's client secret at Amazon",
            problem=when,
            cause="Amazon ends a client secret after 180 days; then no flow can run",
            what_to_do="for the operator: make a new one in the Solution Provider Portal, set it as "
            "AMAZON_CLIENT_SECRET_NEXT with its day, and start the processes anew; the former stays good for 7 days",
            path="/",
        )


def _consent(flow: Flow, today: date) -> Iterator[Alert]:
    for stage, when in _passed(consent_ends(flow), today):
        yield Alert(
            key=f"consent/amazon/{stage}",
            object="the seller's consent at Amazon",
            problem=when,
            cause="Amazon wants it renewed every 365 days",
            what_to_do=f"connect again before that: ml-connector connect amazon {flow.name}",
            path=f"/flows/{flow.name}",
        )


def _passed(ends: date | None, today: date) -> Iterator[tuple[int, str]]:
    """The stages that are reached, and how the end is told: the same words on every day of a stage."""
    if ends is None:
        return
    for stage in STAGES:
        if today >= ends - timedelta(days=stage):
            yield stage, f"ends on {ends:%Y-%m-%d}" if today <= ends else f"has ended on {ends:%Y-%m-%d}"
