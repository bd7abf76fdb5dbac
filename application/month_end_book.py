"""What a month's end needs of settlements: suspense emptied, deferred transactions accrued and taken back."""

from collections.abc import Sequence
from datetime import date

from application.ports import Append
from application.recording import Tally
from application.settlement_book import SettlementBook
from domain import ledger as ledgers
from domain import posting as postings
from domain import settlement as settlements
from domain.event import Stamp
from domain.flow import Flow
from domain.ledger import Ledger, ledger_stream
from domain.period import first_open_day
from domain.posting import Reason, posting_stream
from domain.posting_rules import Held
from domain.posting_rules.accruals import Deferred, accrual_key, accrual_of
from domain.posting_rules.changes import plan_unless_refused
from domain.posting_rules.suspense import out_of_suspense
from domain.settlement import settlement_stream


class MonthEndBook(SettlementBook):
    """The commands of a month's end; every method names the flow it works on."""

    def reclass_suspense(self, flow: Flow, currency: str, by: str, account_type: str = "") -> Tally:
        """Move what lies in suspense and has a rule now to its account, by a journal for each settlement (E27)."""
        tally = Tally()
        stream = ledger_stream(flow.name, currency, account_type)
        ledger = self._one(stream, Ledger(), ledgers.evolve)[0]
        for settlement_id in [key for key, entry in ledger.booked.items() if entry.suspended]:

            def decide(settlement_id: str = settlement_id) -> list[Append]:
                return self._out_of_suspense(flow, settlement_id, account_type, by, tally)

            tally.position = self._until_saved(decide)
        return tally

    def _out_of_suspense(
        self, flow: Flow, settlement_id: str, account_type: str, by: str, tally: Tally
    ) -> list[Append]:
        stamp = Stamp(flow.name, self._clock(), by)
        settlement = self._one(
            settlement_stream(flow.name, settlement_id), settlements.Settlement(), settlements.evolve
        )[0]
        closed = settlement.closed
        if closed is None:
            return []
        ledger = self._one(ledger_stream(flow.name, closed.currency, account_type), Ledger(), ledgers.evolve)[0]
        standing = self._standing(flow.name, settlement_id, ledger.booked.get(settlement_id))
        if any(not posting.is_final for posting, _ in standing.values() if posting.document is not None):
            return []  # not sent yet: it is planned anew instead
        known = [posting.document for posting, _ in standing.values() if posting.document is not None]
        number = 1
        while True:
            key = f"{settlement_id}-S{number}"
            posting, version = self._postings(flow.name, [("journal", key)])["journal", key]
            if posting.document is None:
                break
            known.append(posting.document)
            number += 1
        mapping = self.mapping(flow.name)
        day = first_open_day(flow, flow.day(stamp.at))
        outcome = out_of_suspense(closed, settlement.lines, known, mapping, day, key, account_type)
        if isinstance(outcome, Reason):
            held = postings.hold("journal", key, (outcome,), outcome.amount, closed.currency, posting, stamp)
            tally.held += bool(held)
            return [Append(posting_stream(flow.name, "journal", key), version, held)] if held else []
        if outcome is None:
            return []
        tally.planned += 1
        corrected = (outcome.corrects,)
        events = plan_unless_refused(outcome, key, corrected, posting, mapping.version, stamp, retry=False)
        return [Append(posting_stream(flow.name, "journal", key), version, events)]

    def accrue_deferred(self, flow: Flow, month: date, currency: str, deferred: Sequence[Deferred], by: str) -> Tally:
        """Plan a month's accrual of deferred transactions and its reversal on day 1, in one save (R26)."""
        tally = Tally()

        def decide() -> list[Append]:
            stamp = Stamp(flow.name, self._clock(), by)
            mapping = self.mapping(flow.name)
            outcome = accrual_of(deferred, month, currency, flow, mapping)
            if outcome is None:
                return []
            if isinstance(outcome, Held):
                key = accrual_key(month, currency)
                posting, version = self._postings(flow.name, [("journal", key)])["journal", key]
                events = postings.hold("journal", key, outcome.reasons, outcome.amount, currency, posting, stamp)
                tally.held += bool(events)
                return [Append(posting_stream(flow.name, "journal", key), version, events)] if events else []
            known = self._postings(flow.name, [(one.kind, one.key) for one in outcome])
            appends: list[Append] = []
            # Once one of the two is out the other stays its mirror, whatever Amazon tells late of that month.
            begun = any(posting.is_final for posting, _ in known.values())
            for one in outcome:
                posting, version = known[one.kind, one.key]
                if posting.is_final:
                    continue
                document = posting.document if begun and posting.document is not None else one.document
                found = plan_unless_refused(
                    document, one.key, one.depends_on, posting, mapping.version, stamp, retry=False
                )
                tally.planned += bool(found)
                if found:
                    appends.append(Append(posting_stream(flow.name, one.kind, one.key), version, found))
            return appends

        tally.position = self._until_saved(decide, tally)
        return tally
