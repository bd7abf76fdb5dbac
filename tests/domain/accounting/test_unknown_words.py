"""What Amazon may invent tomorrow: none of it lost, none silently filed, each shown with count and money (R32, R35)."""

from random import Random

import msgspec
import pytest
import trade

from domain.mapping import Mapping, Rule
from domain.policy import Policies
from domain.posting_rules import Held, SettlementPlan, plan_settlement
from domain.posting_rules.held import gap_keys, rule_key

SYLLABLES = "Moon Zeta Quill Brindle Oxbow Tarn Vesper Wharf Yarrow Glyph".split()


def invented(number: int) -> list[tuple[str, str, str]]:
    """Triples that no rule of the default map fits."""
    random, known = Random(7), Mapping()
    found: dict[tuple[str, str, str], None] = {}
    while len(found) < number:
        words = [" ".join(random.sample(SYLLABLES, random.randint(1, 3))) for _ in range(3)]
        kind = random.choice(["Order", "Refund", "ServiceFee", "other-transaction", words[0]])
        triple = (kind, random.choice(["ItemFees", "ItemPrice", "other-transaction", words[1]]), words[2])
        if known.rule_for(triple) is None:
            found[triple] = None
    return list(found)


TRIPLES = invented(500)
ROWS = [
    (*triple, f"{sign}{number + 1}.{number % 100:02}") for number, triple in enumerate(TRIPLES) for sign in ("-", "")
]
TOTAL = sum(trade.usd(row[3]) for row in ROWS)


DEFAULT = Policies()


def settled(mapping: Mapping, policies: Policies = DEFAULT) -> object:
    flow = msgspec.structs.replace(trade.NO_ORDERS, policies=policies)
    rows = trade.lines(*ROWS, ("ServiceFee", "other-transaction", "SAFE-T Reimbursement", "100.00"))
    return plan_settlement(trade.settlement(rows), {}, {}, flow, mapping)


def test_each_invented_triple_is_held_with_its_count_and_its_money() -> None:
    held = settled(trade.mapping())

    assert isinstance(held, Held)
    assert gap_keys(held.reasons) == {rule_key(triple): 0 for triple in TRIPLES}  # each came once in, once out
    assert all("(2 lines, 0.00 USD)" in reason.text for reason in held.reasons)
    assert held.amount == TOTAL + 10_000


def test_each_is_bookable_after_one_rule() -> None:
    mapping = trade.mapping()
    for number, triple in enumerate(TRIPLES):
        rest = len(TRIPLES) - number
        if number % 100 == 0:
            held = settled(mapping)
            assert isinstance(held, Held)
            assert len(gap_keys(held.reasons)) == rest
        mapping.own_rules = (*mapping.own_rules, Rule(0, *triple, "reimbursement", "OTHFEE"))
        mapping.looked_up = {}

    planned = settled(mapping)

    assert isinstance(planned, SettlementPlan)
    assert planned.dispositions == {"DIRECT": 10_000}


def test_suspense_takes_them_all_in_sight_of_everybody() -> None:
    planned = settled(trade.mapping(), Policies(unmapped="suspense", suspense_cap=10**9))

    assert isinstance(planned, SettlementPlan)
    assert gap_keys(planned.notes) == {rule_key(triple): 0 for triple in TRIPLES}
    assert planned.suspended == TOTAL


@pytest.mark.parametrize(
    ("policies", "text"),
    [
        (Policies(unmapped="suspense"), "no cap is set"),
        (Policies(unmapped="suspense", suspense_cap=776), "more than the suspense_cap of 7.76 USD"),
        (Policies(unmapped="suspense", suspense_cap_percent=7), "more than 7 % of the settlement's total"),
    ],
    ids=["no cap", "too much", "too large a part"],
)
def test_suspense_has_caps(policies: Policies, text: str) -> None:
    flow = msgspec.structs.replace(trade.NO_ORDERS, policies=policies)
    rows = trade.lines(
        ("ServiceFee", "x", "Moon Fee", "-7.77"), ("ServiceFee", "other-transaction", "SAFE-T", "107.77")
    )

    held = plan_settlement(trade.settlement(rows), {}, {}, flow, trade.mapping())

    assert isinstance(held, Held)
    assert [reason.code for reason in held.reasons] == ["unmapped", "suspense_cap"]
    assert text in held.reasons[1].text
