"""Whole cycles against the stand-ins, a real mail server and a real webhook: who is told what, and when it is over."""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from receivers import hook, mail_server
from shop import Shop

from domain.errors import BadInput
from domain.mapping import MappingChanged, Rule
from entrypoints.bootstrap import Services
from entrypoints.settings import load

OpenShop = Callable[..., AbstractContextManager[Shop]]
SECRET = "a signing secret of some length"


def add_mail(shop: Shop, port: int, name: str = "office") -> None:
    settings = {
        "kind": "smtp", "host": "127.0.0.1", "port": str(port), "security": "none",
        "from": "ml@example.com", "to": "books@example.com",
    }  # fmt: skip
    shop.services.alerts.add_channel("us", name, settings, "books@example.com", "tests")


def map_what_is_missing(shop: Shop) -> None:
    service = shop.services
    (held,) = shop.rows("held")
    words = held["waits_for"].removeprefix("rule:").split(" | ")
    changed = MappingChanged(
        flow="us", at=service.clock(), by="tests", version=0, why="found out", rules=(Rule(0, *words, "fee", "OTHFEE"),)
    )
    service.bookkeeping.change_mapping(changed, service.views.open_gaps("us"))


def test_a_held_settlement_is_told_once_and_its_release_too(open_shop: OpenShop) -> None:
    with open_shop(orders=60, settlements=3, seed=11, troubles=("unmapped_line",)) as shop, mail_server() as mail:
        shop.set_up()
        with hook() as receiver:
            add_mail(shop, mail.port)
            settings = {"kind": "webhook", "url": receiver.url, "secret": SECRET}
            shop.services.alerts.add_channel("us", "hook", settings, "127.0.0.1", "tests")
            shop.sync()
            shop.sync()
            (raised,) = mail.mails
            (settlement,) = [row for row in shop.rows("settlements") if row["status"] == "held"]
            assert settlement["settlement_id"] in raised["Subject"]
            assert "QuantumDispatchSurcharge" in raised.get_content()
            assert f"/flows/us/settlements/{settlement['settlement_id']}" in raised.get_content()

            map_what_is_missing(shop)
            shop.sync()

            assert [json.loads(body)["event"] for _, body in receiver.posts] == ["raised", "cleared"]
        assert len(mail.mails) == 2
        assert [one.cleared is None for one in shop.services.alerts.alerts("us")] == [False]


def test_a_dead_channel_neither_stops_nor_delays_a_cycle(open_shop: OpenShop) -> None:
    with open_shop(orders=20, settlements=2, seed=11, troubles=("unmapped_line",)) as shop, hook() as receiver:
        shop.set_up()
        receiver.slow = 60.0
        settings = {"kind": "webhook", "url": receiver.url, "secret": SECRET}
        shop.services.alerts.add_channel("us", "hook", settings, "127.0.0.1", "tests")
        with mail_server() as gone:
            add_mail(shop, gone.port)

        report = shop.sync()
        began = time.monotonic()
        again = shop.sync()

        assert (report.error, again.error) == ("", "")
        assert time.monotonic() - began < 5  # both rest
        health = {one.channel.name: one for one in shop.services.alerts.channel_health("us")}
        assert {name: one.ok for name, one in health.items()} == {"hook": False, "office": False}
        assert health["office"].state.waiting == 1


def test_a_lost_consent_is_told_and_over_when_it_is_given_again(open_shop: OpenShop) -> None:
    with open_shop(orders=10, settlements=1, seed=2) as shop, mail_server() as mail:
        shop.set_up()
        add_mail(shop, mail.port)
        shop.control("amazon", "faults", [{"on": "orders", "kind": "unauthorized", "times": 2}])
        assert shop.sync().error
        (raised,) = mail.mails
        assert "the connection to Amazon is lost" in raised["Subject"]
        assert "connect amazon us" in raised.get_content()

        assert shop.sync().error == ""
        assert ["Over: " in one["Subject"] for one in mail.mails] == [False, True]


def test_a_cycle_that_cannot_even_begin_is_told(open_shop: OpenShop) -> None:
    with open_shop(orders=10, settlements=1, seed=2) as shop, mail_server() as mail:
        shop.set_up()
        add_mail(shop, mail.port)
        environment = {**shop.environment(), "ML_CONNECTOR_AMAZON_CLIENT_ID": ""}
        services = Services(load(environment), "tests", shop.services.clock)

        with pytest.raises(BadInput, match="AMAZON_CLIENT_ID is not set"):
            services.run_cycle("us")
        services.close()
        assert ["the last cycle failed" in one["Subject"] for one in mail.mails] == [True]

        shop.services.run_cycle("us")
        assert ["Over: " in one["Subject"] for one in mail.mails] == [False, True]


def test_two_workers_tell_once(open_shop: OpenShop) -> None:
    import threading

    with open_shop(orders=30, settlements=2, seed=11, troubles=("unmapped_line",)) as shop, mail_server() as mail:
        shop.set_up()
        add_mail(shop, mail.port)
        failures: list[BaseException] = []

        def work() -> None:
            try:
                services = shop.open()
                try:
                    services.cycle(services.bookkeeping.flow("us")).run()
                finally:
                    services.close()
            except BaseException as error:
                failures.append(error)

        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        shop.sync()

        assert failures == []
        told: list[Any] = [mail["Message-ID"] for mail in mail.mails]
        assert len(told) == len(set(told)) >= 1
        standing = [one for one in shop.services.alerts.alerts("us") if one.cleared is None]
        assert [one.alert.key.partition("/")[0] for one in standing] == ["settlement"]
