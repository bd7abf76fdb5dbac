"""Alerts: what is wrong with a flow, told once through each of its channels, and told again when it is over.

After a cycle the alerts that should stand are read off the read models and compared with those that do. The difference
and the notices it calls for are saved first, then the notices are sent: one that is not delivered is tried again, for
as long as it takes, with the same id. So a crash or a second worker repeats a notice at worst, and drops none.
"""

import hashlib
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from application.ageing import overdue_alerts
from application.bank_alerts import bank_alerts
from application.bookkeeping import Bookkeeping
from application.control_alerts import control_alerts
from application.deadlines import without_consequences
from application.ports import (
    AlertBook,
    AlertChanges,
    Alerts,
    ChannelState,
    ChannelTotals,
    Clock,
    Notice,
    StandingAlert,
    Vault,
    Views,
)
from domain.alert import Alert, AlertChannelAdded, AlertChannelRemoved, Channel
from domain.errors import BadInput, ChannelFailed, ConnectorError
from domain.event import check_line
from domain.flow import ConnectionLost, Flow

LEASE = timedelta(seconds=60)  # longer than one notice can take
DELIVERY = timedelta(seconds=15)  # what a cycle waits at most for its notices, beyond the one under way
NOTICES_AT_A_TIME = 50
FIRST_REST = timedelta(seconds=30)  # after a failure; doubled with each further one
LONGEST_REST = timedelta(hours=1)
CYCLES_LOOKED_AT = 50
REASONS_TOLD = 3

VENDORS = {"amazon": "Amazon", "quickbooks": "QuickBooks"}

log = logging.getLogger(__name__)

OpenChannel = Callable[[str, Mapping[str, str]], Alerts]
Row = dict[str, Any]


class ChannelHealth(msgspec.Struct, frozen=True):
    """How a channel does, for people."""

    channel: Channel
    state: ChannelState

    @property
    def ok(self) -> bool:
        return not self.state.failures

    @property
    def text(self) -> str:
        state = self.state
        if not self.ok:
            times = f"{state.failures} time{'s' * (state.failures != 1)}"
            since = f"{state.failing_since:%Y-%m-%d %H:%M} UTC" if state.failing_since is not None else "now"
            return f"{self.channel.address}: failed {times} since {since}, {state.waiting} notices wait: {state.error}"
        if state.delivered is None:
            return f"{self.channel.address}: nothing was sent yet"
        return f"{self.channel.address}: last delivered {state.delivered:%Y-%m-%d %H:%M} UTC"


class NewChannel(msgspec.Struct, frozen=True):
    """A channel to add: its settings, for the vault alone, and the `address` that everybody may see.

    `made` is a secret that was made here and must be told once.
    """

    settings: Mapping[str, str]
    address: str
    made: str = ""

    def __repr__(self) -> str:
        return f"<channel to {self.address}>"


def smtp_channel(
    host: str, sender: str, to: Sequence[str], security: str, port: int | None, user: str, password: str
) -> NewChannel:
    """Mail through a server."""
    settings = {
        "kind": "smtp",
        "host": host,
        "port": str(port) if port is not None else "",
        "security": security,
        "user": user,
        "password": password,
        "from": sender,
        "to": ",".join(to),
    }
    return NewChannel(settings, ", ".join(to))


def webhook_channel(url: str, secret: str = "") -> NewChannel:
    """Signed JSON to an address. What stands behind its host may be a secret of the receiver's, so it is not shown."""
    made = "" if secret else secrets.token_urlsafe(32)
    # What stands before an @ would be a password; such an address is refused when it is opened.
    return NewChannel({"kind": "webhook", "url": url, "secret": secret or made}, _host(url), made)


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadInput("the webhook's address must be like https://example.com/hook") from None
    return f"{host}:{port}" if port is not None else host


class Tried(msgspec.Struct, frozen=True):
    """A test of a channel; `error` is empty where the channel took the notice."""

    channel: str
    error: str = ""


# --- what should stand ---------------------------------------------------------------------------------------------


def wanted_alerts(flow: str, views: Views, lost: Mapping[str, ConnectionLost], now: datetime) -> list[Alert]:
    """Everything a person must be told of the flow now, from its read models."""
    cycles = views.query("cycles", flow, limit=CYCLES_LOOKED_AT)
    connections = list(_connections(flow, lost, cycles))
    held = views.query("held", flow)
    alerts = [*connections, *_settlements(flow, views, held), *_orders(flow, views, held)]
    alerts += [*bank_alerts(flow, views), *control_alerts(flow, views, now)]
    # A cycle that ends because a connection is lost is the same trouble.
    return alerts if connections else [*_cycle(flow, cycles), *alerts]


def _connections(flow: str, lost: Mapping[str, ConnectionLost], cycles: Sequence[Row]) -> Iterator[Alert]:
    """A vendor may accept again what it refused (a role given back): a later cycle that got through shows it."""
    signs: dict[str, Callable[[str], bool]] = {
        "amazon": lambda count: count == "settlements_new",
        "quickbooks": lambda count: count.endswith("_posted"),
    }
    for vendor, event in lost.items():
        later = (row for row in cycles if datetime.fromisoformat(row["started"]) > event.at)
        if any(row["status"] == "finished" and any(map(signs[vendor], row["counts"])) for row in later):
            continue
        yield Alert(
            key=f"connection/{vendor}",
            object=f"the connection to {VENDORS[vendor]}",
            problem="is lost",
            cause=event.reason,
            what_to_do=f"ml-connector doctor {flow} says what is refused; connect again with: "
            f"ml-connector connect {vendor} {flow}",
            path=f"/flows/{flow}",
        )


def _cycle(flow: str, cycles: Sequence[Row]) -> Iterator[Alert]:
    ended = [row for row in cycles if row["status"] in ("finished", "failed")]  # one that was stopped says nothing
    last = max(ended, key=lambda row: row["finished"], default=None)
    if last is not None and last["status"] == "failed":
        yield Alert(
            key="cycle",
            object="the last cycle",
            problem="failed",
            cause=last["error"],
            what_to_do=f"the next cycle goes on from what is stored; if it fails too: ml-connector doctor {flow}",
            path=f"/flows/{flow}",
        )


def _settlements(flow: str, views: Views, held: Sequence[Row]) -> Iterator[Alert]:
    """One for each settlement, however many orders or lines it waits for."""
    reasons: dict[str, list[Row]] = {}
    for row in held:
        if row["settlement_id"]:
            reasons.setdefault(row["settlement_id"], []).append(row)
    for settlement in views.query("settlements", flow):
        settlement_id, total, currency = settlement["settlement_id"], settlement["total"], settlement["currency"]
        why = reasons.get(settlement_id, [])
        texts = list(dict.fromkeys(settlement["reasons"]))
        if settlement["status"] == "disputed":
            problem, code = "does not add up", "disputed"
        elif settlement["difference"]:
            problem, code = "is deposited with another amount than Amazon paid", "total_differs"
            total = settlement["difference"]
        elif settlement["status"] == "held" or why:
            problem = "is held" if settlement["status"] == "held" else "needs a person's attention"
            code = why[0]["code"] if why else ""
        else:
            continue
        more = f"; and {len(texts) - REASONS_TOLD} more reasons" if len(texts) > REASONS_TOLD else ""
        at_stake = total if total is not None else sum(row["amount"] for row in why)
        yield Alert(
            key=f"settlement/{settlement_id}",
            object=f"settlement {settlement_id}",
            problem=problem,
            cause="; ".join(texts[:REASONS_TOLD]) + more
            or "QuickBooks' document has another total than was sent; somebody may have edited it",
            what_to_do=_cure(flow, code),
            path=f"/flows/{flow}/settlements/{quote(settlement_id, safe='')}",
            money={currency: at_stake} if currency else {},
        )


def _orders(flow: str, views: Views, held: Sequence[Row]) -> Iterator[Alert]:
    """One for each cause: a missing mapping key, else a reason's code; many orders wait for the same thing."""
    gaps = {row["missing_key"] for row in views.query("gaps", flow, status="open")}
    causes: dict[tuple[str, str], dict[str, Row]] = {}
    for row in held:
        if not row["settlement_id"]:
            waits_for = row["waits_for"] if row["waits_for"] in gaps else ""
            orders = causes.setdefault((row["code"], waits_for), {})
            former = orders.get(row["key"])
            if former is None or abs(row["amount"]) > abs(former["amount"]):
                orders[row["key"]] = row
    for (code, waits_for), orders in causes.items():
        money: dict[str, int] = {}
        for row in orders.values():
            if row["currency"]:
                money[row["currency"]] = money.get(row["currency"], 0) + row["amount"]
        first = min(orders.values(), key=lambda row: (row["since"], row["key"]))
        count = len(orders)
        yield Alert(
            key=f"orders/{code}/{waits_for}" if waits_for else f"orders/{code}",
            object=f"order {first['order_id']}" if count == 1 else f"{count} orders, {first['order_id']} the first,",
            problem=("is held" if count == 1 else "are held")
            if first["status"] in ("held", "rejected")
            else "needs a person's attention",
            cause=first["text"],
            what_to_do=_cure(flow, code),
            path=f"/flows/{flow}/orders/{quote(first['order_id'], safe='')}"
            if count == 1
            else f"/flows/{flow}/held?code={quote(code, safe='')}",
            money=money,
        )


_CURES = {
    "unmapped": "say where it goes: ml-connector mapping set {flow} TYPE AMOUNT-TYPE DESCRIPTION ACCOUNT --why REASON, "
    "or let accounts be made: ml-connector chart propose {flow} --apply",
    "order_not_seen": "it is booked when Amazon shows the order; if it stays out, look it up in Seller Central",
    "refused_by_quickbooks": "do what QuickBooks says, then: ml-connector sync {flow} --retry-refused",
    "disputed": "download the settlement again and import it: ml-connector settlement import {flow} FILE; if it stays "
    "so, open a case with Seller Support",
    "found_otherwise": "is QuickBooks' document ours? ml-connector posting adopt if so, else posting release",
    "total_differs": "look at the document in QuickBooks: who changed it, and why?",
}
_CURES["unreadable"] = _CURES["disputed"]


def _cure(flow: str, code: str) -> str:
    cure = _CURES.get(code, "ml-connector held {flow} shows each; docs/accounting.md says what frees it")
    return cure.replace("{flow}", flow)


# --- what changes ---------------------------------------------------------------------------------------------------


def changes(
    flow: str,
    wanted: Sequence[Alert],
    standing: Sequence[StandingAlert],
    times_raised: Callable[[str], int],
    channels: Iterable[str],
    at: datetime,
    public_url: str,
) -> AlertChanges:
    """What begins, goes on in other words, and ends. A channel added meanwhile is told of what already stands."""
    wanted_by_key = {alert.key: alert for alert in wanted}
    by_key = {one.alert.key: one for one in standing}
    raised = [
        StandingAlert(_alert_id(flow, alert.key, times_raised(alert.key) + 1), at, alert)
        for alert in wanted
        if alert.key not in by_key
    ]
    stays = [one for one in standing if one.alert.key in wanted_by_key]
    changed = [
        msgspec.structs.replace(one, alert=wanted_by_key[one.alert.key])
        for one in stays
        if wanted_by_key[one.alert.key] != one.alert
    ]
    cleared = [msgspec.structs.replace(one, cleared=at) for one in standing if one.alert.key not in wanted_by_key]

    def notice(kind: Any, one: StandingAlert) -> Notice:
        return Notice(f"{one.id}-{kind}", flow, kind, at, public_url + one.alert.path, one)

    newest = {one.id: one for one in (*stays, *changed, *raised)}
    notices = [(channel, notice("raised", one)) for channel in channels for one in newest.values()]
    notices += [(channel, notice("cleared", one)) for channel in channels for one in cleared]
    return AlertChanges(raised, changed, cleared, notices)


def _alert_id(flow: str, key: str, number: int) -> str:
    """The same in every process that raises it, and another one each time it comes back."""
    return hashlib.sha256(f"{flow}\n{key}\n{number}".encode()).hexdigest()[:20]


# --- doing it -------------------------------------------------------------------------------------------------------


class AlertDesk:
    """Raises, clears and delivers the alerts of flows, and keeps their channels."""

    def __init__(
        self,
        bookkeeping: Bookkeeping,
        views: Views,
        book: AlertBook,
        vault: Vault,
        open_channel: OpenChannel,
        clock: Clock,
        public_url: str,
        deadlines: Callable[[Flow], list[Alert]] = lambda flow: [],
    ) -> None:
        """`open_channel` takes a flow and a channel's settings. Raises BadInput for settings that cannot be.

        `deadlines`: what ends on a known day, or stops every flow (application/deadlines.py).
        """
        self._bookkeeping = bookkeeping
        self._views = views
        self._book = book
        self._vault = vault
        self._open_channel = open_channel
        self._clock = clock
        self._public_url = public_url
        self._deadlines = deadlines

    def attend(self, flow: str) -> None:
        """Raise, clear, deliver. Never raises: whatever is wrong with alerts, the cycle they are about stands."""
        try:
            self.review(flow)
            self.deliver(flow)
        except Exception:
            log.exception("alerts of flow %s could not be attended to; the next cycle does it", flow)

    def review(self, flow: str) -> None:
        """Raise what is wrong now, and clear what no longer is."""
        position = self._views.catch_up()
        at = self._clock()
        state = self._bookkeeping.flow(flow)
        found = wanted_alerts(flow, self._views, self._bookkeeping.lost_connections(flow), at)
        found += overdue_alerts(flow, self._views, state.day(at))
        wanted = without_consequences([*found, *self._deadlines(state)])
        channels = list(self._bookkeeping.alert_channels(flow))
        self._book.update(
            flow,
            position,
            lambda standing, times_raised: changes(
                flow, wanted, standing, times_raised, channels, at, self._public_url
            ),
        )

    def deliver_all(self) -> None:
        """Send what is due in any flow; never raises."""
        try:
            for flow in self._views.flows():
                self.deliver(flow)
        except Exception:
            log.exception("waiting alerts could not be delivered; they are tried again")

    def deliver(self, flow: str) -> int:
        """Send what is due; how many notices were delivered. A channel that fails rests, the others go on."""
        until = self._clock() + DELIVERY
        return sum(self._deliver_through(flow, channel, until) for channel in self._bookkeeping.alert_channels(flow))

    def _deliver_through(self, flow: str, name: str, until: datetime) -> int:
        now = self._clock()
        token = self._book.claim(flow, name, now, now + LEASE)
        if not token:
            return 0
        delivered = 0
        try:
            notices = self._book.undelivered(flow, name, NOTICES_AT_A_TIME)
            for notice in notices:
                if self._clock() > until:
                    break
                self._book.attempt(flow, name, notice.id)
                self._opened(flow, name).send(notice)
                self._book.delivered(flow, name, notice.id, self._clock())
                delivered += 1
        except ConnectorError as error:
            at = self._clock()
            failures = self._book.channel(flow, name).failures
            rest = min(FIRST_REST * 2 ** min(failures, 20), LONGEST_REST)
            self._book.failed(flow, name, str(error), at, at + rest)
            log.warning("alert channel %s of flow %s failed: %s", name, flow, error)
        finally:
            self._book.release(flow, name, token)
        return delivered

    def test(self, flow: str, channel: str | None = None) -> list[Tried]:
        """Send a test notice through one channel, or each, now. Raises UnknownFlow, BadInput for an unknown channel."""
        names = self._names(flow)
        if channel is not None:
            self._know(flow, channel, names)
            names = [channel]
        return [self._tested(flow, name) for name in names]

    def _tested(self, flow: str, name: str) -> Tried:
        at = self._clock()
        number = at.strftime("%Y%m%dT%H%M%S%f")
        alert = Alert("test", "this channel", "is being tested", "somebody asked for it", "nothing", f"/flows/{flow}")
        about = StandingAlert(_alert_id(flow, f"test/{name}/{number}", 1), at, alert)
        try:
            self._opened(flow, name).send(
                Notice(f"{about.id}-test", flow, "test", at, self._public_url + alert.path, about)
            )
        except (ChannelFailed, BadInput) as error:
            self._book.failed(flow, name, str(error), at, at)  # no rest: the next cycle tries what waits
            return Tried(name, str(error))
        self._book.delivered(flow, name, "", self._clock())
        return Tried(name)

    def alerts(self, flow: str, limit: int = 200) -> list[StandingAlert]:
        """The standing ones and the latest that ended, newest first. Raises UnknownFlow."""
        self._bookkeeping.flow(flow)
        return self._book.alerts(flow, limit)

    # --- channels

    def add_channel(self, flow: str, name: str, settings: Mapping[str, str], address: str, by: str) -> int:
        """Add or replace a channel: its settings (`kind` among them) to the vault, the fact to the log.

        The event's position. Raises BadInput where the settings cannot be, UnknownFlow.
        """
        if not name or not name.replace("-", "").replace("_", "").isalnum() or len(name) > 40:
            raise BadInput(f"channel name {name!r}: expected letters, digits, - and _, at most 40, for example office")
        for setting, value in settings.items():
            check_line(setting, value)
        self._bookkeeping.flow(flow)
        self._open_channel(flow, settings)
        self._vault.put(flow, _slot(name), dict(settings))
        kind = settings["kind"]
        return self._bookkeeping.record_alert_channel(
            AlertChannelAdded(channel=name, kind=kind, address=address, flow=flow, at=self._clock(), by=by)
        )

    def remove_channel(self, flow: str, name: str, by: str) -> int:
        """The event's position. Raises BadInput where there is none of that name, UnknownFlow."""
        self._know(flow, name, self._names(flow))
        removed = AlertChannelRemoved(channel=name, flow=flow, at=self._clock(), by=by)
        position = self._bookkeeping.record_alert_channel(removed)
        self._vault.delete(flow, _slot(name))
        self._book.forget(flow, name)
        return position

    def troubled(self) -> dict[str, ChannelTotals]:
        """By flow, how many of its channels fail and how many notices wait; flows without either are absent."""
        return self._book.totals()

    def _names(self, flow: str) -> list[str]:
        """Raises UnknownFlow."""
        self._bookkeeping.flow(flow)
        return list(self._bookkeeping.alert_channels(flow))

    def _know(self, flow: str, name: str, names: Sequence[str]) -> None:
        if name not in names:
            raise BadInput(f"flow {flow} has no alert channel {name!r}; it has: {', '.join(sorted(names)) or 'none'}")

    def channel_health(self, flow: str) -> list[ChannelHealth]:
        """How each channel of the flow does."""
        channels = self._bookkeeping.alert_channels(flow)
        return [ChannelHealth(channel, self._book.channel(flow, name)) for name, channel in channels.items()]

    def _opened(self, flow: str, name: str) -> Alerts:
        settings = self._vault.get(flow, _slot(name))
        if settings is None:
            raise BadInput(f"the settings of alert channel {name} are not in the vault; add the channel again")
        return self._open_channel(flow, settings)


def _slot(channel: str) -> str:
    return f"alerts/{channel}"
