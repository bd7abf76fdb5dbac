"""A notice in words, for mail, and in JSON, for programs."""

from typing import Any

from application.ports import Notice
from domain.errors import BadInput
from domain.money import format_minor

_WORDS = {"raised": "", "cleared": "Over: ", "test": "Test: "}


def subject(notice: Notice) -> str:
    """One line: `[ml-connector us] settlement 284… is held, 17.38 USD`."""
    alert = notice.about.alert
    money = ", ".join(f"{each['amount']} {each['currency']}" for each in amounts(notice))
    return " ".join(
        f"[ml-connector {notice.flow}] {_WORDS[notice.kind]}{alert.object} {alert.problem}"
        f"{', ' + money if money else ''}".split()
    )


def body(notice: Notice) -> str:
    """The whole of it, for people."""
    alert = notice.about.alert
    money = ", ".join(f"{each['amount']} {each['currency']}" for each in amounts(notice))
    lines = [
        _sentence(f"{_WORDS[notice.kind]}{alert.object} {alert.problem}."),
        "",
        f"Flow:       {notice.flow}",
        f"At stake:   {money}" if money else "",
        f"Cause:      {alert.cause}",
        f"What to do: {alert.what_to_do if notice.kind != 'cleared' else 'nothing, the cause is gone'}",
        f"Raised:     {notice.about.raised:%Y-%m-%d %H:%M:%S} UTC",
        f"Over since: {notice.about.cleared:%Y-%m-%d %H:%M:%S} UTC" if notice.about.cleared is not None else "",
        f"See:        {notice.link}",
    ]
    return "\n".join(line for number, line in enumerate(lines) if line or number == 1) + "\n"


def facts(notice: Notice) -> dict[str, Any]:
    """What a webhook's body holds."""
    alert, about = notice.about.alert, notice.about
    return {
        "id": notice.id,
        "event": notice.kind,
        "at": notice.at,
        "flow": notice.flow,
        "alert": {
            "id": about.id,
            "key": alert.key,
            "object": alert.object,
            "problem": alert.problem,
            "money": amounts(notice),
            "cause": alert.cause,
            "what_to_do": alert.what_to_do,
            "link": notice.link,
            "raised_at": about.raised,
            "cleared_at": about.cleared,
        },
    }


def amounts(notice: Notice) -> list[dict[str, str]]:
    """Decimal strings. An unknown currency must not keep an alert from being sent."""
    found = []
    for currency, minor in notice.about.alert.money.items():
        try:
            amount = format_minor(minor, currency)
        except BadInput:
            amount = f"{minor} minor units"
        found.append({"amount": amount, "currency": currency})
    return found


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
