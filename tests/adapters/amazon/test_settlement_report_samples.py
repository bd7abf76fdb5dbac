"""Real settlement files, written by Amazon and by others, read to the sums that an independent check found.

Most of them may not be shipped, so they are read where they lie: ML_CONNECTOR_SHARED, by default beside the repository.
"""

import os
from pathlib import Path

import pytest

from adapters.amazon.settlement_report import read_report
from domain.errors import UnreadableReport
from domain.money import format_minor
from domain.settlement import SettlementLine, Statement

SHARED = Path(os.environ.get("ML_CONNECTOR_SHARED", Path(__file__).parents[4] / "shared"))
SAMPLES = SHARED / "samples"

# File: currency, stated total, sum of the lines, money lines. Excerpts and made-up files do not add up.
EXPECTED = {
    "settlement_v1/CAD_CA_50011020300.txt": ("CAD", "-321.69", "-321.69", 3),
    "settlement_v1/CAD_CA_50034020328.txt": ("CAD", "1016.08", "1016.08", 153),
    "settlement_v1/CAD_CA_50041020342.txt": ("CAD", "2539.66", "2539.66", 386),
    "settlement_v1/CAD_CA_50051020370.txt": ("CAD", "3894.24", "3894.24", 537),
    "settlement_v1/SYN_USD_airbyte_fixture.txt": ("USD", "1234.56", "16.77", 2),
    "settlement_v1/US_2015-12_ventmere_truncated_4rows.txt": ("USD", "16630.13", "26.99", 2),
    "settlement_v2/AUD_AU_2026-07-17_12395580393_head_excerpt.txt": ("AUD", "212118.95", "137.34", 17),
    "settlement_v2/EUR_DE_2024-09-13_22988491762.txt": ("EUR", "128.84", "128.84", 51),
    "settlement_v2/GBP_UK_2024-10-18_23208776292.txt": ("GBP", "346.60", "346.60", 126),
    "settlement_v2/SYN_USD_xieyi138_sample.txt": ("USD", "582.89", "582.89", 23),
    "settlement_v2/USD_US_2024-10-23_21871512981.txt": ("USD", "1668.68", "1668.68", 273),
}

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason=f"no sample files at {SAMPLES}; set ML_CONNECTOR_SHARED to the folder that holds them"
)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_file_is_read_to_the_cent(name: str) -> None:
    with (SAMPLES / name).open("rb") as source:
        statement, *rest = read_report(source)
    assert isinstance(statement, Statement)
    assert not [piece for piece in rest if isinstance(piece, UnreadableReport | Statement)]
    lines = [piece for piece in rest if isinstance(piece, SettlementLine)]
    assert statement.total is not None
    total = format_minor(statement.total, statement.currency)
    made = format_minor(sum(line.amount for line in lines), statement.currency)
    assert (statement.currency, total, made, len(lines)) == EXPECTED[name]
    assert [line.ordinal for line in lines] == list(range(1, len(lines) + 1))
    assert None not in (statement.start, statement.end, statement.deposit_date)
    assert all(line.posted is not None for line in lines)


def test_no_real_file_is_left_out() -> None:
    found = {f"{path.parent.name}/{path.name}" for path in SAMPLES.glob("settlement_v[12]/*")}
    assert found == EXPECTED.keys()
