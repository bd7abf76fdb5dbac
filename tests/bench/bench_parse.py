"""How fast settlement files are read, against the bare csv.reader over the same file in the same run.

    python tests/bench/bench_parse.py [--lines 1000000] [--file FILE] [--repeat 3]

Without --file it writes a flat file V2 of --lines money lines into a temporary directory first. How to read it:
`parse/csv` is the time of `csv.reader` (tab separated, no quotes, every row touched) over the time of the reader, so
1.00 would mean that decoding, dates, amounts and building the lines cost nothing; 0.20 is what we hold ourselves to,
and since both run in one process on one machine the ratio travels where lines per second do not. The inspection is
timed over the same file as well: what it adds is counting and summing. Peak memory is the resident set of the whole
process, measured after reading, with the interpreter and all imports in it; it must not grow with --lines (below
100 MB is wanted).
"""

import argparse
import csv
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[2]))

from adapters.amazon.settlement_report import read_report
from application.inspection import inspect_files
from domain.errors import UnreadableReport
from domain.mapping import Mapping
from domain.settlement import SettlementLine


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--lines", type=int, default=1_000_000)
    arguments.add_argument("--file", type=Path)
    arguments.add_argument("--repeat", type=int, default=3)
    given = arguments.parse_args()
    if given.file is not None:
        measure(given.file, given.repeat)
        return
    from adapters.simulated.world import settlement_file

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "settlement.txt"
        settlement_file(path, lines=given.lines)
        measure(path, given.repeat)


def measure(path: Path, repeat: int) -> None:
    bare, parse, inspection = [], [], []
    lines = 0
    for _ in range(repeat):  # in turn, so that a busy moment of the machine does not fall on one of them only
        bare.append(_timed(lambda: _csv_rows(path)))
        begin = time.perf_counter()
        lines = _parsed_lines(path)
        parse.append(time.perf_counter() - begin)
        inspection.append(_timed(lambda: inspect_files([path], read_report, Mapping())))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    csv_time, parse_time, inspect_time = median(bare), median(parse), median(inspection)
    print(f"{lines:,} money lines, {path.stat().st_size / 1e6:,.0f} MB; medians of {repeat}")
    print(f"  csv.reader    {csv_time:7.2f} s  {lines / csv_time:12,.0f} lines/s")
    print(f"  read_report   {parse_time:7.2f} s  {lines / parse_time:12,.0f} lines/s")
    print(f"  inspect_files {inspect_time:7.2f} s  {lines / inspect_time:12,.0f} lines/s")
    print(f"  parse/csv     {csv_time / parse_time:7.2f}    (at least 0.20 is wanted)")
    print(f"  peak memory   {peak:7.1f} MB (below 100 MB is wanted)")


def _csv_rows(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _parsed_lines(path: Path) -> int:
    lines = 0
    with path.open("rb") as file:
        for piece in read_report(file):
            if isinstance(piece, SettlementLine):
                lines += 1
            elif isinstance(piece, UnreadableReport):
                raise piece
    return lines


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
