"""`python -m adapters.simulated amazon|quickbooks`: one stand-in in a process of its own.

Prints one line of JSON when it is ready: the address and the credentials its client needs. With `--child` it
ends when its standard input closes.
"""

import argparse
import json
from datetime import datetime

from adapters.simulated.clock import FastClock
from adapters.simulated.serving import loopback_socket, serve, serve_until_orphaned

PATIENCE = 60.0  # seconds of the wall clock that a token or an address lasts, however fast the clock runs


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m adapters.simulated")
    parser.add_argument("vendor", choices=["amazon", "quickbooks"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; 0.0.0.0 in a container")
    parser.add_argument("--name", default="", help="the host name by which others reach it")
    parser.add_argument("--speed", type=float, default=1.0, help="how fast the clock runs, 1 is real time")
    parser.add_argument("--start", type=datetime.fromisoformat, default=None, help="the first moment, ISO 8601")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--orders", type=int, default=300, help="amazon: orders in the seller's history")
    parser.add_argument("--settlements", type=int, default=3, help="amazon: closed settlements")
    parser.add_argument("--credentials", default="", help="amazon: a word; the same one makes the same credentials")
    parser.add_argument("--child", action="store_true", help="end when standard input closes")
    options = parser.parse_args(arguments)

    clock = FastClock(options.speed, options.start, PATIENCE)
    listener, url = loopback_socket(options.port, options.host, options.name)
    if options.vendor == "amazon":
        from adapters.simulated.amazon import stand_in as amazon_stand_in

        size = {"orders": options.orders, "settlements": options.settlements}
        app, facts = amazon_stand_in(clock, url, seed=options.seed, credentials=options.credentials, **size)
    else:
        from adapters.simulated.quickbooks import stand_in as quickbooks_stand_in

        app, facts = quickbooks_stand_in(clock, url, seed=options.seed)
    print(json.dumps({"vendor": options.vendor, "url": url, **facts}), flush=True)
    if options.child:
        serve_until_orphaned(app, listener)
    else:
        serve(app, listener)


if __name__ == "__main__":
    main()
