"""What `settlement inspect` reports: sums, accounts, gaps, errors with their place, and the exit status."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.amazon.settlement_report import read_report
from application.inspection import exit_status, inspect_files
from domain.mapping import Mapping, Rule

HEADING = "settlement-id settlement-start-date settlement-end-date deposit-date total-amount currency transaction-type"
COLUMNS = [*HEADING.split(), "amount-type", "amount-description", "amount"]
OWN = "1001\t2024-10-23 14:28:39 UTC\t06.11.2024 14:28:39 UTC\t2024-11-08\t7.00\tUSD"


def row(transaction_type: str, amount_type: str, description: str, amount: str, settlement_id: str = "1001") -> str:
    return "\t".join([settlement_id, "", "", "", "", "", transaction_type, amount_type, description, amount])


SALE = row("Order", "ItemPrice", "Principal", "10.00")
FEE = row("Order", "ItemFees", "Commission", "-3.00")


def write(folder: Path, *rows: str, name: str = "report.txt") -> Path:
    path = folder / name
    path.write_text("\n".join(["\t".join(COLUMNS), *rows, ""]), encoding="utf-8")
    return path


def inspect(*paths: Path, mapping: Mapping | None = None) -> tuple[list[dict[str, Any]], int]:
    """The report's files as they stand in JSON, and the exit status."""
    report = inspect_files(paths, read_report, mapping or Mapping())
    found: dict[str, list[dict[str, Any]]] = msgspec.json.decode(msgspec.json.encode(report))
    assert list(found) == ["files"]
    return found["files"], exit_status(report)


def test_the_report_has_exactly_this_shape(tmp_path: Path) -> None:
    path = write(tmp_path, OWN, SALE, FEE)
    assert inspect(path) == (
        [
            {
                "file": str(path),
                "error": None,
                "settlements": [
                    {
                        "settlement_id": "1001",
                        "start": "2024-10-23T14:28:39Z",
                        "end": "2024-11-06T14:28:39Z",
                        "deposit_date": "2024-11-08T00:00:00Z",
                        "currency": "USD",
                        "total": "7.00",
                        "sum": "7.00",
                        "lines": 2,
                        "balanced": True,
                        "by_account": {"SALES": "10.00", "REFFEE": "-3.00"},
                        "unmapped": [],
                    }
                ],
            }
        ],
        0,
    )


def test_no_rule_a_rule_for_review_and_a_sign_that_does_not_fit_are_unmapped(tmp_path: Path) -> None:
    """What is unmapped is held when it is booked; a report that hid it would promise a posting that does not come."""
    path = write(
        tmp_path,
        OWN,
        SALE,
        row("Order", "ItemPrice", "Principal", "-1.00"),
        FEE,
        row("New", "New", "New", "4.00"),
        row("New", "New", "New", "-4.50"),
        row("ServiceFee", "other-transaction", "MiscAdjustment", "1.50"),
    )
    ((file,), status) = inspect(path)
    (settlement,) = file["settlements"]
    assert (settlement["balanced"], settlement["sum"], settlement["lines"], status) == (True, "7.00", 6, 3)
    assert settlement["by_account"] == {"SALES": "10.00", "REFFEE": "-3.00"}
    assert [list(gap.values()) for gap in settlement["unmapped"]] == [
        ["Order", "ItemPrice", "Principal", 1, "-1.00"],
        ["New", "New", "New", 2, "-0.50"],
        ["ServiceFee", "other-transaction", "MiscAdjustment", 1, "1.50"],
    ]
    assert list(settlement["unmapped"][0]) == [
        "transaction_type", "amount_type", "amount_description", "lines", "amount",
    ]  # fmt: skip


def test_the_rules_handed_in_are_used(tmp_path: Path) -> None:
    mapping = Mapping(own_rules=(Rule(1, "Order", "*", "*", "balance", "MINE"),))
    ((file,), status) = inspect(write(tmp_path, OWN, SALE, FEE), mapping=mapping)
    assert (file["settlements"][0]["by_account"], status) == ({"MINE": "7.00"}, 0)


def test_a_settlement_that_does_not_add_up_names_the_row_of_its_total(tmp_path: Path) -> None:
    good = [line.replace("1001", "1002") for line in (OWN, SALE, FEE)]
    path = write(tmp_path, *good, OWN, SALE, SALE)
    ((file,), status) = inspect(path)
    assert (file["error"]["line"], file["error"]["column"], status) == (5, "total-amount", 3)
    for word in ("1001", "7.00", "20.00", "USD", "expected", "ownload"):
        assert word in file["error"]["message"]
    assert [found["balanced"] for found in file["settlements"]] == [True, False]


def test_of_several_settlements_that_do_not_add_up_the_first_is_named(tmp_path: Path) -> None:
    second = [line.replace("1001", "1002") for line in (OWN, SALE)]
    ((file,), status) = inspect(write(tmp_path, OWN, SALE, *second))
    assert (file["error"]["line"], file["error"]["column"], status) == (2, "total-amount", 3)
    assert "settlement 1001" in file["error"]["message"]
    assert [found["balanced"] for found in file["settlements"]] == [False, False]


def test_a_settlement_without_a_total_is_not_balanced(tmp_path: Path) -> None:
    ((file,), status) = inspect(write(tmp_path, SALE.replace("\t\tOrder", "\tUSD\tOrder"), FEE))
    (settlement,) = file["settlements"]
    assert (settlement["total"], settlement["start"], settlement["sum"]) == (None, None, "7.00")
    assert (settlement["balanced"], status) == (False, 3)
    assert (file["error"]["line"], file["error"]["column"]) == (2, "total-amount")


def test_an_unreadable_settlement_is_left_out_and_the_others_are_reported(tmp_path: Path) -> None:
    good = [line.replace("1001", "1002") for line in (OWN, SALE, FEE)]
    path = write(tmp_path, OWN, SALE, row("Order", "ItemFees", "Commission", "-3,000"), *good)
    ((file,), status) = inspect(path)
    assert (file["error"]["line"], file["error"]["column"], status) == (4, "amount", 2)
    assert "'-3,000' can be read as 3000 or as 3.000 USD" in file["error"]["message"]
    assert [found["settlement_id"] for found in file["settlements"]] == ["1002"]


def test_being_unreadable_outweighs_not_adding_up(tmp_path: Path) -> None:
    """The first error of a file may be a sum; that must not hide that the file was not read wholly."""
    bad = [OWN.replace("1001", "1002"), row("Order", "ItemPrice", "Principal", "ten", "1002")]
    ((file,), status) = inspect(write(tmp_path, OWN, SALE, *bad))
    assert (file["error"]["line"], file["error"]["column"], status) == (5, "amount", 2)


@pytest.mark.parametrize("total", ["7,000", "seven"])
def test_a_total_that_cannot_be_read_is_unreadable_and_no_mere_mismatch(tmp_path: Path, total: str) -> None:
    ((file,), status) = inspect(write(tmp_path, OWN.replace("7.00", total), SALE, FEE))
    assert (file["error"]["line"], file["error"]["column"], status) == (2, "total-amount", 2)
    assert file["settlements"] == []


def test_a_file_that_is_not_there_or_no_file_is_told_and_the_next_is_read(tmp_path: Path) -> None:
    good = write(tmp_path, OWN, SALE, FEE)
    files, status = inspect(tmp_path / "missing.txt", tmp_path, good)
    assert [file["file"] for file in files] == [str(tmp_path / "missing.txt"), str(tmp_path), str(good)]
    for file in files[:2]:
        assert (file["error"]["line"], file["error"]["column"], file["settlements"]) == (None, None, [])
        assert "expected a settlement" in file["error"]["message"]
    assert (files[2]["error"], len(files[2]["settlements"]), status) == (None, 1, 2)


def test_a_file_that_is_no_report_is_unreadable(tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    page.write_text("<html>sign in</html>", encoding="utf-8")
    for path in (page, write(tmp_path), write(tmp_path, name="empty.txt")):
        if path.name == "empty.txt":
            path.write_bytes(b"")
        ((file,), status) = inspect(path)
        assert (file["error"]["line"], file["error"]["column"], file["settlements"]) == (1, "settlement-id", [])
        assert status == 2


def test_accounts_and_gaps_together_make_the_sum_in_the_currencys_own_decimals(tmp_path: Path) -> None:
    rows = [line.replace(".00", "") for line in (SALE, FEE)]
    ((file,), _) = inspect(write(tmp_path, OWN.replace("7.00", "7").replace("USD", "JPY"), *rows))
    (settlement,) = file["settlements"]
    assert (settlement["total"], settlement["sum"], settlement["by_account"]) == (
        "7", "7", {"SALES": "10", "REFFEE": "-3"},
    )  # fmt: skip


def test_a_settlement_that_comes_twice_is_reported_twice(tmp_path: Path) -> None:
    ((file,), status) = inspect(write(tmp_path, OWN, SALE, FEE, OWN, SALE, FEE))
    assert [found["settlement_id"] for found in file["settlements"]] == ["1001", "1001"]
    assert status == 0
