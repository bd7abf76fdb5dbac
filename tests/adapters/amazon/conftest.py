"""What tests of the client share."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from amazon_contract import Contract
from models import MODELS
from seller import SPEED, Place, Recorder, Serve

from adapters.simulated.amazon import stand_in
from adapters.simulated.clock import FastClock
from adapters.simulated.serving import loopback_socket, serving


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(**dials)`: the stand-in on loopback; its quotas are off unless asked for."""
    with contextlib.ExitStack() as stack:

        def served(**dials: Any) -> Place:
            clock = FastClock(dials.pop("speed", SPEED))
            listener, url = loopback_socket()
            app, facts = stand_in(clock, url, **{"quotas": False, "orders": 130, "settlements": 2, **dials})
            if MODELS.is_dir():
                app = Contract(app, MODELS)  # what the recorder lets through is as Amazon's models describe it
                judges.append(app)
            recorder = Recorder(app)
            stack.enter_context(serving(recorder, listener))
            place = Place(url, facts, recorder, clock)
            stack.callback(place.close)
            return place

        judges: list[Contract] = []
        yield served
        for judge in judges:
            judge.check()


@pytest.fixture
def place(serve: Serve) -> Place:
    return serve()
