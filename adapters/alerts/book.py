"""Alerts and their notices in tables: the intent to tell is saved with the alert, before anything is sent.

A flow's row is locked while its alerts change, and a change decided from an older position of the log is dropped, so
that of two workers the one with the newer look decides. A channel's row is a lease: one worker at a time delivers
through it, and another takes over where that one died.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from adapters.database import Cursor, Database
from application.ports import AlertChanges, ChannelState, ChannelTotals, Notice, StandingAlert

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS alert_flows (flow TEXT PRIMARY KEY, position BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS alerts (flow TEXT NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL, raised TEXT NOT NULL, "
    "cleared TEXT NOT NULL DEFAULT '', content TEXT NOT NULL, PRIMARY KEY (flow, id))",
    "CREATE INDEX IF NOT EXISTS alerts_by_key ON alerts (flow, key)",
    "CREATE INDEX IF NOT EXISTS alerts_standing ON alerts (flow, cleared)",
    "CREATE TABLE IF NOT EXISTS alert_notices (flow TEXT NOT NULL, channel TEXT NOT NULL, id TEXT NOT NULL, "
    "alert TEXT NOT NULL, kind TEXT NOT NULL, made TEXT NOT NULL, delivered TEXT NOT NULL DEFAULT '', "
    "attempts BIGINT NOT NULL DEFAULT 0, content TEXT NOT NULL, PRIMARY KEY (flow, channel, id))",
    "CREATE INDEX IF NOT EXISTS alert_notices_due ON alert_notices (flow, channel, delivered, made)",
    "CREATE TABLE IF NOT EXISTS alert_channels (flow TEXT NOT NULL, channel TEXT NOT NULL, "
    "delivered TEXT NOT NULL DEFAULT '', failing_since TEXT NOT NULL DEFAULT '', failures BIGINT NOT NULL DEFAULT 0, "
    "error TEXT NOT NULL DEFAULT '', next_try TEXT NOT NULL DEFAULT '', owner TEXT NOT NULL DEFAULT '', "
    "lease_until TEXT NOT NULL DEFAULT '', PRIMARY KEY (flow, channel))",
)

_standing = msgspec.json.Decoder(StandingAlert)
_notice = msgspec.json.Decoder(Notice)

Decide = Callable[[Sequence[StandingAlert], Callable[[str], int]], AlertChanges]


class DatabaseAlertBook:
    """ports.AlertBook on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create_schema(SCHEMA)

    def update(self, flow: str, position: int, decide: Decide) -> bool:
        """See ports.AlertBook.update."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO alert_flows (flow, position) VALUES (?, 0) ON CONFLICT (flow) DO NOTHING", (flow,)
            )
            # Takes the row's lock: another worker waits here and then sees what this one saved.
            cursor.execute(
                "UPDATE alert_flows SET position = ? WHERE flow = ? AND position <= ?", (position, flow, position)
            )
            if cursor.rowcount != 1:
                return False
            cursor.execute("SELECT content FROM alerts WHERE flow = ? AND cleared = '' ORDER BY raised, id", (flow,))
            standing = [_standing.decode(content) for (content,) in cursor.fetchall()]
            self._save(cursor, flow, decide(standing, lambda key: _times_raised(cursor, flow, key)))
        return True

    def _save(self, cursor: Cursor, flow: str, changes: AlertChanges) -> None:
        cursor.executemany(
            "INSERT INTO alerts (flow, id, key, raised, content) VALUES (?, ?, ?, ?, ?)",
            [(flow, one.id, one.alert.key, _text(one.raised), _json(one)) for one in changes.raised],
        )
        cursor.executemany(
            "UPDATE alerts SET content = ?, cleared = ? WHERE flow = ? AND id = ?",
            [
                (_json(one), _text(one.cleared) if one.cleared is not None else "", flow, one.id)
                for one in (*changes.changed, *changes.cleared)
            ],
        )
        for channel, notice in changes.notices:
            if notice.kind == "cleared" and not _was_told(cursor, flow, channel, notice.about.id):
                continue
            cursor.execute(
                "INSERT INTO alert_notices (flow, channel, id, alert, kind, made, content) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (flow, channel, id) DO NOTHING",
                (flow, channel, notice.id, notice.about.id, notice.kind, _text(notice.at), _json(notice)),
            )

    def alerts(self, flow: str, limit: int = 200) -> list[StandingAlert]:
        """See ports.AlertBook.alerts."""
        with self._database.reading() as cursor:
            cursor.execute(
                "SELECT content FROM alerts WHERE flow = ? "
                "ORDER BY CASE cleared WHEN '' THEN 0 ELSE 1 END, raised DESC, id LIMIT ?",
                (flow, limit),
            )
            return [_standing.decode(content) for (content,) in cursor.fetchall()]

    # --- notices and channels

    def claim(self, flow: str, channel: str, now: datetime, until: datetime) -> str:
        """See ports.AlertBook.claim."""
        token = secrets.token_hex(16)
        with self._database.transaction() as cursor:
            _channel_row(cursor, flow, channel)
            cursor.execute(
                "UPDATE alert_channels SET owner = ?, lease_until = ? WHERE flow = ? AND channel = ? "
                "AND next_try <= ? AND (owner = '' OR lease_until < ?)",
                (token, _text(until), flow, channel, _text(now), _text(now)),
            )
            return token if cursor.rowcount == 1 else ""

    def release(self, flow: str, channel: str, token: str) -> None:
        """See ports.AlertBook.release."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE alert_channels SET owner = '', lease_until = '' WHERE flow = ? AND channel = ? AND owner = ?",
                (flow, channel, token),
            )

    def undelivered(self, flow: str, channel: str, limit: int) -> list[Notice]:
        """See ports.AlertBook.undelivered."""
        with self._database.reading() as cursor:
            cursor.execute(
                "SELECT content FROM alert_notices WHERE flow = ? AND channel = ? AND delivered = '' "
                "ORDER BY made, CASE kind WHEN 'raised' THEN 0 ELSE 1 END, id LIMIT ?",
                (flow, channel, limit),
            )
            return [_notice.decode(content) for (content,) in cursor.fetchall()]

    def attempt(self, flow: str, channel: str, notice: str) -> None:
        """See ports.AlertBook.attempt."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE alert_notices SET attempts = attempts + 1 WHERE flow = ? AND channel = ? AND id = ?",
                (flow, channel, notice),
            )

    def delivered(self, flow: str, channel: str, notice: str, at: datetime) -> None:
        """See ports.AlertBook.delivered."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE alert_notices SET delivered = ? WHERE flow = ? AND channel = ? AND id = ?",
                (_text(at), flow, channel, notice),
            )
            _channel_row(cursor, flow, channel)
            cursor.execute(
                "UPDATE alert_channels SET delivered = ?, failing_since = '', failures = 0, error = '', next_try = '' "
                "WHERE flow = ? AND channel = ?",
                (_text(at), flow, channel),
            )

    def failed(self, flow: str, channel: str, error: str, at: datetime, next_try: datetime) -> None:
        """See ports.AlertBook.failed."""
        with self._database.transaction() as cursor:
            _channel_row(cursor, flow, channel)
            cursor.execute(
                "UPDATE alert_channels SET failures = failures + 1, error = ?, next_try = ?, "
                "failing_since = CASE failing_since WHEN '' THEN ? ELSE failing_since END "
                "WHERE flow = ? AND channel = ?",
                (error, _text(next_try), _text(at), flow, channel),
            )

    def channel(self, flow: str, channel: str) -> ChannelState:
        """See ports.AlertBook.channel."""
        with self._database.reading() as cursor:
            cursor.execute(
                "SELECT COUNT(*) FROM alert_notices WHERE flow = ? AND channel = ? AND delivered = ''", (flow, channel)
            )
            waiting = cursor.fetchall()[0][0]
            cursor.execute(
                "SELECT delivered, failing_since, failures, error, next_try FROM alert_channels "
                "WHERE flow = ? AND channel = ?",
                (flow, channel),
            )
            row = cursor.fetchone()
        if row is None:
            return ChannelState(waiting=waiting)
        delivered, failing_since, failures, error, next_try = row
        return ChannelState(_time(delivered), _time(failing_since), failures, error, _time(next_try), waiting)

    def totals(self) -> dict[str, ChannelTotals]:
        """See ports.AlertBook.totals."""
        with self._database.reading() as cursor:
            cursor.execute("SELECT flow, COUNT(*) FROM alert_channels WHERE failures > 0 GROUP BY flow")
            failing = {flow: int(number) for flow, number in cursor.fetchall()}
            cursor.execute("SELECT flow, COUNT(*) FROM alert_notices WHERE delivered = '' GROUP BY flow")
            waiting = {flow: int(number) for flow, number in cursor.fetchall()}
        return {
            flow: ChannelTotals(failing.get(flow, 0), waiting.get(flow, 0)) for flow in failing.keys() | waiting.keys()
        }

    def forget(self, flow: str, channel: str) -> None:
        """See ports.AlertBook.forget."""
        with self._database.transaction() as cursor:
            for table in ("alert_notices", "alert_channels"):
                cursor.execute(f"DELETE FROM {table} WHERE flow = ? AND channel = ?", (flow, channel))


def _times_raised(cursor: Cursor, flow: str, key: str) -> int:
    cursor.execute("SELECT COUNT(*) FROM alerts WHERE flow = ? AND key = ?", (flow, key))
    return int(cursor.fetchall()[0][0])


def _was_told(cursor: Cursor, flow: str, channel: str, alert: str) -> bool:
    """Whether the channel may have told of the alert. One that never left need not leave any more."""
    cursor.execute(
        "DELETE FROM alert_notices WHERE flow = ? AND channel = ? AND alert = ? AND attempts = 0",
        (flow, channel, alert),
    )
    cursor.execute("SELECT 1 FROM alert_notices WHERE flow = ? AND channel = ? AND alert = ?", (flow, channel, alert))
    return cursor.fetchone() is not None


def _channel_row(cursor: Cursor, flow: str, channel: str) -> None:
    cursor.execute(
        "INSERT INTO alert_channels (flow, channel) VALUES (?, ?) ON CONFLICT (flow, channel) DO NOTHING",
        (flow, channel),
    )


def _json(value: StandingAlert | Notice) -> str:
    return msgspec.json.encode(value).decode()


def _text(at: datetime) -> str:
    """Always of one length, so that text sorts as time does in every collation of PostgreSQL."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
