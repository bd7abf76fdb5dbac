"""What settlements did to one balance at Amazon: one ledger per flow, currency and kind of account (accounting.md R30).

A settlement alone does not tell whether the debt it collects, or the failed transfer it returns, is in the books. The
ledger does: it has one entry for each settlement that was planned, with what it left in clearing and in reserve.
"""

from datetime import date
from uuid import UUID

import msgspec

from domain.event import Event, stream_id
from domain.policy import Policies
from domain.posting import Reason


class SettlementBooked(Event, frozen=True, kw_only=True):
    """A settlement was planned: its documents as `kind/key`, and its money by disposition (minor units).

    `balance` is what it says of earlier balances, `charged` what a card paid, `returned` failed transfers taken back,
    `suspended` what lies in suspense. `notes` are what a bookkeeper should know although it is posted. `policies` are
    those it was planned under: they stand for it once any of it is sent.
    """

    settlement_id: str
    currency: str
    total: int
    day: date
    documents: tuple[str, ...] = ()
    dispositions: dict[str, int] = {}
    notes: tuple[Reason, ...] = ()
    balance: int = 0
    charged: int = 0
    returned: int = 0
    suspended: int = 0
    reserve: int = 0
    account_type: str = ""
    start: date | None = None
    end: date | None = None
    policies: Policies = Policies()


class SettlementUnbooked(Event, frozen=True, kw_only=True):
    """A settlement that was planned is held or not to be posted after all; nothing of it is in QuickBooks."""

    settlement_id: str
    why: str


class Ledger(msgspec.Struct):
    """A ledger folded from its events: the standing entry of each settlement."""

    booked: dict[str, SettlementBooked] = {}

    def carried(self, without: str = "") -> int:
        """What settlements leave in clearing, apart from one: negative is a debt to Amazon not yet collected."""
        return sum(left_in_clearing(entry) for key, entry in self.booked.items() if key != without)

    def reserve(self, without: str = "") -> int:
        """What Amazon holds back, apart from one settlement's movement."""
        return sum(entry.reserve for key, entry in self.booked.items() if key != without)

    def paid_out(self, amount: int, without: str = "") -> list[SettlementBooked]:
        """Settlements that deposited exactly this amount and were not returned yet, the latest first."""
        returned = {name for entry in self.booked.values() for name in _returned_by(entry)}
        found = [
            entry
            for key, entry in self.booked.items()
            if entry.total == amount and key != without and key not in returned
        ]
        return sorted(found, key=lambda entry: entry.day, reverse=True)


def left_in_clearing(entry: SettlementBooked) -> int:
    """A settlement's lasting effect on clearing: its unpaid total, less what it collects of earlier ones.

    A paid settlement leaves exactly nothing (invariant I13).
    """
    return min(entry.total, 0) - entry.balance + entry.charged + entry.returned


def evolve(state: Ledger, event: Event) -> Ledger:
    match event:
        case SettlementBooked():
            state.booked = {**state.booked, event.settlement_id: event}
        case SettlementUnbooked():
            state.booked = {key: entry for key, entry in state.booked.items() if key != event.settlement_id}
    return state


def returns_of(settlement_id: str) -> str:
    """How a note names the settlement whose transfer failed."""
    return f"settlement:{settlement_id}"


def _returned_by(entry: SettlementBooked) -> list[str]:
    names = (note.waits_for for note in entry.notes if note.code == "transfer_returned")
    return [name.removeprefix("settlement:") for name in names]


def ledger_stream(flow: str, currency: str, account_type: str = "") -> UUID:
    """The stream of one balance at Amazon: `ledger_stream('us', 'USD')`."""
    return stream_id(flow, "ledger", f"{currency}/{account_type}")
