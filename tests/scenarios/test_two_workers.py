"""Two workers in one flow at the same time book what one would: claims, versions and request ids hold them apart."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from shop import Shop

OpenShop = Callable[..., AbstractContextManager[Shop]]
WORLD: dict[str, Any] = {"orders": 90, "settlements": 3, "seed": 31}


def test_two_cycles_at_once_double_nothing(open_shop: OpenShop) -> None:
    with open_shop(folder="alone", **WORLD) as shop:
        shop.set_up()
        assert shop.sync().error == ""
        documents, balances = shop.documents(), shop.trial_balance()

    with open_shop(**WORLD) as shop:
        shop.set_up()
        failures: list[BaseException] = []

        def work() -> None:
            try:
                services = shop.open()
                try:
                    for _ in range(2):
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
        shop.sync()  # what one left because the other had it

        assert failures == []
        assert shop.documents() == documents
        assert shop.trial_balance() == balances
        assert shop.services.ledger.verify().ok
