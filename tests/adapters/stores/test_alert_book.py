"""The book of alerts: raised once over two workers, told at least once over crashes, and a dead channel rests."""

import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from workers import claim_channel, raise_alert, together

from adapters.alerts.book import DatabaseAlertBook
from adapters.database import Database
from adapters.event_store import DatabaseEventStore
from adapters.keyring import KeyRing
from adapters.vault import DatabaseVault
from adapters.views import DatabaseViews
from application.alerts import AlertDesk
from application.bookkeeping import Bookkeeping
from application.ports import Notice
from domain.alert import Alert
from domain.errors import BadInput, ChannelFailed
from domain.event import Event
from domain.flow import CycleFailed, CycleFinished, CycleStarted, FlowCreated, cycle_stream
from entrypoints.telling import telling

SETTINGS = {"kind": "test", "secret": "s"}


class Died(BaseException):
    """The process ends here."""


class Receiver:
    """A channel that keeps what it takes; `fails` says with what it fails, `dies` when the process ends."""

    def __init__(self) -> None:
        self.took: list[Notice] = []
        self.tries = 0
        self.fails = ""
        self.dies = ""

    def send(self, notice: Notice) -> None:
        self.tries += 1
        if self.dies == "before":
            raise Died
        if self.fails:
            raise ChannelFailed(self.fails)
        self.took.append(notice)
        if self.dies == "after":
            raise Died

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(notice.kind, notice.about.alert.key) for notice in self.took]


class Office:
    """A flow whose cycles are told by hand, and its desk with two channels."""

    def __init__(self, database: Database, store: DatabaseEventStore, keyring: KeyRing, clock: Any) -> None:
        self.clock = clock
        self.store = store
        self.bookkeeping = Bookkeeping(store, clock)
        self.views = DatabaseViews(database, store)
        self.book = DatabaseAlertBook(database)
        self.receivers = {"mail": Receiver(), "hook": Receiver()}
        self.vault = DatabaseVault(database, keyring, clock)
        self.desk = self.another_desk()
        self.bookkeeping.create_flow(
            FlowCreated(
                flow="us", at=clock(), by="ada", region="na", realm="1", marketplaces=(), since=None,
                orders="amazon", zone="UTC", banks={"USD": "Checking"},
            )
        )  # fmt: skip
        for name in self.receivers:
            self.desk.add_channel("us", name, {**SETTINGS, "name": name}, f"{name}@example.com", "ada")
        self._cycles = 0

    def another_desk(self) -> AlertDesk:
        def opened(flow: str, settings: Any) -> Any:
            return self.receivers[settings["name"]]

        return AlertDesk(self.bookkeeping, self.views, self.book, self.vault, opened, self.clock, "https://b.example")

    def cycle(self, error: str = "") -> None:
        self._cycles += 1
        self.clock.advance(60)
        fields: Any = {"flow": "us", "at": self.clock(), "by": "cycle", "cycle": f"c{self._cycles}"}
        ended: Event = CycleFailed(error=error, **fields) if error else CycleFinished(**fields)
        self.bookkeeping.record_cycle(CycleStarted(**fields))
        self.bookkeeping.record_cycle(ended)  # type: ignore[arg-type]
        assert cycle_stream("us", fields["cycle"])

    def told(self) -> dict[str, list[tuple[str, str]]]:
        return {name: receiver.told for name, receiver in self.receivers.items()}


@pytest.fixture
def office(database: Database, store: DatabaseEventStore, keyring: KeyRing, clock: Any) -> Office:
    return Office(database, store, keyring, clock)


RAISED, CLEARED = ("raised", "cycle"), ("cleared", "cycle")


def test_a_trouble_is_told_once_and_its_end_once(office: Office) -> None:
    for error in ("Amazon is away", "Amazon is still away", "Amazon is away"):
        office.cycle(error)
        office.desk.attend("us")
    assert office.told() == {"mail": [RAISED], "hook": [RAISED]}
    (standing,) = office.desk.alerts("us")
    assert (standing.cleared, standing.alert.cause) == (None, "Amazon is away")

    office.cycle()
    office.desk.attend("us")
    office.desk.attend("us")
    assert office.told() == {"mail": [RAISED, CLEARED], "hook": [RAISED, CLEARED]}
    (over,) = office.desk.alerts("us")
    assert over.cleared == office.clock()

    office.cycle("away again")
    office.desk.attend("us")
    assert office.told()["mail"] == [RAISED, CLEARED, RAISED]
    ids = [notice.about.id for notice in office.receivers["mail"].took]
    assert ids[0] == ids[1] != ids[2]


def test_a_dead_channel_rests_longer_each_time_and_is_told_of_all_when_it_is_back(office: Office) -> None:
    mail = office.receivers["mail"]
    mail.fails = "connection refused"
    office.cycle("away")
    office.desk.attend("us")
    office.desk.attend("us")
    assert (mail.tries, office.told()["hook"]) == (1, [RAISED])

    (health,) = [one for one in office.desk.channel_health("us") if not one.ok]
    assert (health.channel.name, health.state.waiting, health.state.failures) == ("mail", 1, 1)
    assert "connection refused" in health.text

    office.clock.advance(31)
    office.desk.attend("us")
    office.clock.advance(31)
    office.desk.attend("us")
    assert mail.tries == 2  # it rests for a minute now

    mail.fails = ""
    office.clock.advance(60)
    office.desk.attend("us")
    assert mail.told == [RAISED]
    assert all(one.ok for one in office.desk.channel_health("us"))


def test_a_worker_tells_what_waits_between_cycles(office: Office) -> None:
    mail = office.receivers["mail"]
    mail.fails = "connection refused"
    office.cycle("away")
    office.desk.attend("us")
    mail.fails = ""
    office.clock.advance(31)
    with telling(SimpleNamespace(alerts=office.desk), every_seconds=0.01):  # type: ignore[arg-type]
        deadline = time.monotonic() + 10
        while not mail.took and time.monotonic() < deadline:
            time.sleep(0.01)
    assert mail.told == [RAISED]


def test_what_never_left_before_it_was_over_is_not_sent(office: Office) -> None:
    mail = office.receivers["mail"]
    mail.fails = "connection refused"
    office.cycle("away")
    office.desk.attend("us")  # tried: it may have arrived
    office.desk.add_channel("us", "late", {**SETTINGS, "name": "hook"}, "late@example.com", "ada")
    office.desk.review("us")  # noted for the channel, and not tried yet

    office.cycle()
    mail.fails = ""
    office.clock.advance(31)
    office.desk.attend("us")

    assert mail.told == [RAISED, CLEARED]
    assert office.told()["hook"] == [RAISED, CLEARED]  # once: nothing came by the late channel


def test_a_channel_added_later_is_told_of_what_stands(office: Office) -> None:
    office.cycle("away")
    office.desk.attend("us")
    office.receivers["new"] = Receiver()
    office.desk.add_channel("us", "new", {**SETTINGS, "name": "new"}, "new@example.com", "ada")
    office.desk.attend("us")
    assert office.told()["new"] == [RAISED]
    assert office.told()["mail"] == [RAISED]


@pytest.mark.parametrize(("dies", "tries"), [("before", 1), ("after", 2)])
def test_a_crash_between_record_and_send_loses_nothing(office: Office, dies: str, tries: int) -> None:
    mail = office.receivers["mail"]
    mail.dies = dies
    office.cycle("away")
    with pytest.raises(Died):
        office.desk.attend("us")
    mail.dies = ""

    again = office.another_desk()
    again.attend("us")  # its lease still runs: the one who died may be sending
    office.clock.advance(61)
    again.attend("us")

    assert mail.told == [RAISED] * tries
    assert len({notice.id for notice in mail.took}) == 1  # a repetition can be told by its id


def test_two_workers_with_one_look_raise_once(office: Office, database_url: str) -> None:
    office.cycle("away")
    office.views.catch_up()

    saved = together(raise_alert, 2, database_url, 7)

    assert saved == [True, True]  # both looked at the same position; the second found it raised
    assert len(office.book.alerts("us")) == 1
    assert len(office.book.undelivered("us", "mail", 10)) == 1


def test_an_older_look_decides_nothing(office: Office) -> None:
    def never(standing: Any, times_raised: Callable[[str], int]) -> Any:
        raise AssertionError("an older look must not decide")

    office.cycle("away")
    office.desk.review("us")
    assert office.book.update("us", 1, never) is False


def test_of_two_workers_one_delivers(office: Office, database_url: str) -> None:
    assert sorted(map(bool, together(claim_channel, 2, database_url, office.clock()))) == [False, True]


def test_a_claim_ends_with_its_lease_and_is_given_back_by_its_owner_alone(office: Office) -> None:
    now = office.clock()
    token = office.book.claim("us", "mail", now, now + timedelta(seconds=60))
    office.book.release("us", "mail", "somebody else")
    assert not office.book.claim("us", "mail", now, now + timedelta(seconds=60))
    assert office.book.claim("us", "mail", now + timedelta(seconds=61), now + timedelta(seconds=120))
    office.book.release("us", "mail", token)
    assert not office.book.claim("us", "mail", now + timedelta(seconds=62), now + timedelta(seconds=120))


def test_nothing_about_alerts_stops_a_cycle(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> Any:
        raise RuntimeError("the book is away")

    monkeypatch.setattr(office.book, "update", broken)
    office.cycle("away")
    office.desk.attend("us")
    assert office.told() == {"mail": [], "hook": []}


def test_a_removed_channel_is_forgotten_with_its_secret(office: Office) -> None:
    office.cycle("away")
    office.desk.review("us")
    office.desk.remove_channel("us", "mail", "ada")
    office.desk.attend("us")

    assert office.told() == {"mail": [], "hook": [RAISED]}
    assert office.vault.get("us", "alerts/mail") is None
    assert list(office.bookkeeping.alert_channels("us")) == ["hook"]
    with pytest.raises(BadInput, match="it has: hook"):
        office.desk.remove_channel("us", "mail", "ada")


def test_a_test_goes_through_each_channel_and_wakes_one_that_rests(office: Office) -> None:
    office.receivers["mail"].fails = "refused"
    office.cycle("away")
    office.desk.attend("us")
    assert {one.channel: one.error for one in office.desk.test("us")} == {"mail": "refused", "hook": ""}

    office.receivers["mail"].fails = ""
    assert not any(one.error for one in office.desk.test("us"))
    office.desk.attend("us")
    assert office.told()["mail"] == [("test", "test"), RAISED]


def test_one_flow_is_never_told_of_another(office: Office, clock: Any) -> None:
    office.bookkeeping.create_flow(
        FlowCreated(
            flow="eu", at=clock(), by="ada", region="eu", realm="2", marketplaces=(), since=None,
            orders="amazon", zone="UTC", banks={"EUR": "Bank"},
        )
    )  # fmt: skip
    office.cycle("away")
    office.desk.attend("eu")
    assert office.told() == {"mail": [], "hook": []}
    assert office.desk.alerts("eu") == []


@pytest.mark.parametrize("name", ["", "a b", "ä" * 41, "../x"])
def test_a_channel_needs_a_plain_name(office: Office, name: str) -> None:
    with pytest.raises(BadInput, match="expected letters"):
        office.desk.add_channel("us", name, SETTINGS, "x@example.com", "ada")
    assert Alert("k", "o", "p", "c", "w", "/").money == {}
