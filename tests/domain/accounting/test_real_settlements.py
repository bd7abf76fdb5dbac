"""Real settlement files through the rules: everything Amazon wrote has a place, to the cent.

What stays held is a file that does not add up; nothing waits for a rule that is still to come.
"""

from pathlib import Path

import pytest
import trade
from company import Books
from samples import shared_folder

from domain.mapping import QuickBooksRef
from domain.posting_rules import Held, SettlementPlan
from domain.settlement import SettlementLine, Statement
from entrypoints.bootstrap import read_settlement_report

# settlement id -> what it makes: documents by kind, and the account of tax that the seller owes.
EXPECTED = {
    "21871512981": ({"journal": 1, "deposit": 1}, 0),
    "28471003921": ({"journal": 1, "deposit": 1}, 0),
    "22988491762": ({"deposit": 1}, 0),
    "23208776292": ({"journal": 1, "deposit": 1}, -5700),  # the VAT that the sample's description states
    "23874396421": ({"journal": 2, "purchase": 1}, 0),
    "24288684721": ({"deposit": 1}, 0),
    "24391894961": ({"journal": 1, "deposit": 1}, 0),
    "24596907561": ({"journal": 1, "deposit": 1}, 0),
}
DO_NOT_ADD_UP = {"12345678901", "6016502941", "12395580393"}


def read(file: Path) -> tuple[Statement, list[SettlementLine]]:
    with file.open("rb") as source:
        pieces = list(read_settlement_report(source))
    (statement,) = (piece for piece in pieces if isinstance(piece, Statement))
    return statement, [piece for piece in pieces if isinstance(piece, SettlementLine)]


def test_every_real_file_is_booked_to_the_cent_or_does_not_add_up() -> None:
    found = {}
    for file in sorted((shared_folder() / "samples").glob("settlement_v[12]/*.txt")):
        statement, lines = read(file)
        books = Books(trade.NO_ORDERS)
        currency = statement.currency
        books.mapping.banks = {currency: QuickBooksRef("b", "Bank", "Bank", currency)}
        books.mapping.accounts |= {f"{key}:{currency}": QuickBooksRef(key, key) for key in ("CLR", "RSV")}

        outcome = books.settle(statement, lines)

        if isinstance(outcome, Held):
            assert {reason.code for reason in outcome.reasons} == {"disputed"}
            assert statement.settlement_id in DO_NOT_ADD_UP
            continue
        assert isinstance(outcome, SettlementPlan)
        assert sum(outcome.dispositions.values()) == statement.total
        assert books.balance(f"BANK:{currency}") == max(statement.total or 0, 0)
        assert books.balance(f"CLR:{currency}") == min(statement.total or 0, 0)
        kinds = [one.kind for one in outcome.documents]
        found[statement.settlement_id] = ({kind: kinds.count(kind) for kind in kinds}, books.balance("STX"))
    assert found == EXPECTED


@pytest.mark.parametrize(
    ("triple", "account"),
    [
        (("Order", "ShipmentFees", "FBA transportation fee"), "FBAFEE"),
        (("ServiceFee", "ItemFees", "Cost of Advertising"), "ADS"),
        (("ServiceFee", "other-transaction", "TaxAmount"), "ADS"),
        (("Inbound Transportation Fee", "other-transaction", "Inbound Transportation Fee"), "INBOUND"),
    ],
)
def test_words_of_the_older_files_have_rules(triple: tuple[str, str, str], account: str) -> None:
    rule = trade.mapping().rule_for(triple)
    assert rule is not None
    assert rule.account == account
