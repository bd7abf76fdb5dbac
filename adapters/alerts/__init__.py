"""How alerts are kept and how they leave: the book of what stands, mail, and a signed webhook."""

from collections.abc import Mapping

from adapters.alerts.smtp import Mail
from adapters.alerts.webhook import Webhook
from adapters.http import QuotaKeeper
from application.ports import Alerts, Clock
from domain.errors import BadInput


def open_channel(flow: str, settings: Mapping[str, str], quotas: QuotaKeeper, clock: Clock) -> Alerts:
    """A channel from its settings; `kind` is smtp or webhook. Raises BadInput where they cannot be."""
    match settings.get("kind"):
        case "smtp":
            return Mail(settings)
        case "webhook":
            return Webhook(flow, settings, quotas, clock)
    raise BadInput(f"alert channel kind {settings.get('kind')!r}: expected smtp or webhook")
