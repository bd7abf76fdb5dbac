"""The whole path: orders per second and calls per order, over loopback HTTP to the stand-ins.

Run: uv run python tests/bench/bench_demo.py [ORDERS ...]

How to read it: `orders/s` counts from an empty database to posted deposits, start-up of both stand-ins included, so
small runs look slow. The baseline of the same run is the stand-ins' own time: how long they take to make the world and
answer the same number of calls with nothing behind them. Calls per order fall with the number of orders, since
set-up (about 30 calls for accounts, items and customer) is paid once.
"""

import json
import subprocess
import sys
import time

from entrypoints.standins import running_standins


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [300, 1_000, 3_000]
    columns = ("orders", 8), ("seconds", 8), ("orders/s", 9), ("Amazon calls/order", 19), ("QuickBooks calls/order", 23)
    print(*(name.rjust(width) for name, width in columns), " ratio")
    for orders in sizes:
        began = time.perf_counter()
        with running_standins(orders, 3, 1, 600.0):
            baseline = time.perf_counter() - began
        command = [sys.executable, "-m", "entrypoints.cli", "demo", "--orders", str(orders), "--json"]
        told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        assert all(not row["difference"].strip("-0.") for row in told["settlements"])
        seconds, calls = told["seconds"], told["calls"]
        print(
            f"{orders:>8} {seconds:>8.1f} {orders / seconds:>9.0f} {calls['amazon'] / orders:>19.4f} "
            f"{calls['quickbooks'] / orders:>23.4f} {baseline / seconds:>6.2f}"
        )
    print("ratio: time of starting the stand-ins alone, as a part of the whole; 1.00 would be no work of ours at all")


if __name__ == "__main__":
    main()
