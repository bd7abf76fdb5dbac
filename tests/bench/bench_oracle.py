"""How much the oracle sees: random companies judged, and every balanced falsification by one cent of some of them.

    python tests/bench/bench_oracle.py [--companies 2000] [--falsified 200] [--faults 500]

Each company is kept in the stand-in through our own bodies and read back from its answers; beancount judges the
export. It prints how many companies passed and agreed with the stand-in's general ledger, how many falsifications
were tried and how many of them passed unseen (0 is wanted of each), and the same for each kind of seeded fault.
"""

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "support")]

from companies import balances, random_company
from falsified import FAULTS, cents_moved, verdict


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--companies", type=int, default=2_000)
    arguments.add_argument("--falsified", type=int, default=200, help="companies whose every cent is moved")
    arguments.add_argument("--faults", type=int, default=500, help="companies each fault is seeded into")
    given = arguments.parse_args()
    unseen = judge(given.companies) + move_cents(given.falsified) + seed_faults(given.faults)
    return 1 if unseen else 0


def judge(companies: int) -> int:
    began = time.perf_counter()
    kinds: Counter[str] = Counter()
    wrong = 0
    for seed in range(companies):
        kept, books = random_company(seed)
        kinds.update(entry.kind for entry in books.entries)
        if verdict(books) or balances(books.entries) != kept.ledger():
            wrong += 1
            print(f"company {seed}: does not pass")
    told = ", ".join(f"{number:,} {kind}" for kind, number in kinds.most_common())
    seconds = time.perf_counter() - began
    print(f"companies {companies:,}, documents {sum(kinds.values()):,} ({told}), not passed {wrong}, {seconds:.0f} s")
    return wrong


def move_cents(companies: int) -> int:
    tried = unseen = 0
    for seed in range(companies):
        for what, falsified in cents_moved(random_company(seed, settlements=1)[1]):
            tried += 1
            if not verdict(falsified):
                unseen += 1
                print(f"company {seed}: unseen: {what}")
    print(f"one cent moved {tried:,} times in {companies:,} companies, unseen {unseen}")
    return unseen


def seed_faults(companies: int) -> int:
    total = 0
    for name, fault in FAULTS.items():
        tried = unseen = 0
        for seed in range(companies):
            falsified = fault(random_company(seed)[1], random.Random(seed))
            if falsified is not None:
                tried += 1
                if not verdict(falsified):
                    unseen += 1
                    print(f"company {seed}: unseen: {name}")
        print(f"{name}: {tried:,} times, unseen {unseen}")
        total += unseen
    return total


if __name__ == "__main__":
    sys.exit(main())
