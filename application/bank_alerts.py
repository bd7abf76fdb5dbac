"""What the bank has to say to a person: a payout that did not arrive, and money that nothing explains."""

from collections.abc import Iterator

from application.bank_matches import bank_state
from application.ports import Views
from domain.alert import Alert
from domain.bank_matching import AFTER
from domain.money import format_minor


def bank_alerts(flow: str, views: Views) -> Iterator[Alert]:
    """`transfer_missing` and `unexpected_deposit` (accounting.md 6.3), for flows whose bank's statements are imported.

    A payout is missing only where statements cover the ten days behind Amazon's deposit date.
    """
    state = bank_state(flow, views)
    for payout in state.missing:
        yield Alert(
            key=f"transfer_missing/{payout.settlement_id}",
            object=f"the payout of settlement {payout.settlement_id}",
            problem="is not on the bank's statements",
            cause=f"Amazon states {format_minor(payout.total, payout.currency)} {payout.currency} with deposit date "
            f"{payout.day}, and {AFTER.days} days later no line of the bank has it",
            what_to_do="look in Seller Central (Payments) whether the transfer failed or went to another account; if "
            f"the line is there: ml-connector bank assign {flow} LINE {payout.settlement_id} --why REASON",
            path=f"/flows/{flow}/bank",
            money={payout.currency: payout.total},
        )
    for line in state.unexpected:
        yield Alert(
            key=f"unexpected_deposit/{line.line.line}",
            object=f"the bank line of {line.line.day}",
            problem="is money from Amazon that no settlement explains",
            cause=line.line.tells,
            what_to_do="is it a loan, a refund of a purchase, or another seller account's payout? Then: ml-connector "
            f"bank set-aside {flow} {line.line.line} --why REASON; else import the settlement that is missing",
            path=f"/flows/{flow}/bank",
            money={line.currency: line.line.amount},
        )
