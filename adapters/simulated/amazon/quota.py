"""Usage plans: a token bucket for each operation and seller, filled by the stand-in's clock."""

import msgspec

from adapters.simulated.amazon.answers import throttled
from adapters.simulated.clock import FastClock


class Plan(msgspec.Struct, frozen=True):
    per_second: float
    burst: int


# From the usage plans in Amazon's own models.
PLANS = {
    "searchOrders": Plan(0.0056, 20),
    "getOrder": Plan(0.5, 30),
    "getReports": Plan(0.0222, 10),
    "getReport": Plan(2, 15),
    "createReport": Plan(0.0167, 15),
    "getReportDocument": Plan(0.0167, 15),
    "getMarketplaceParticipations": Plan(0.016, 15),
    "listTransactions": Plan(0.5, 10),
    "listSummary": Plan(0.5, 10),
    "listBalances": Plan(0.5, 10),
    "listFinancialEventGroups": Plan(0.5, 30),
    "listPayouts": Plan(0.5, 10),
    "getDestinations": Plan(1, 5),
    "createDestination": Plan(1, 5),
    "getSubscription": Plan(1, 5),
    "createSubscription": Plan(1, 5),
}


class Quotas:
    def __init__(self, clock: FastClock, enforced: bool = True) -> None:
        self._clock = clock
        self._enforced = enforced
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}  # tokens left, and at which second

    def spend(self, seller: str, operation: str) -> None:
        """Take one token, or refuse the call."""
        if not self._enforced:
            return
        plan = PLANS[operation]
        now = self._clock.seconds()
        left, since = self._buckets.get((seller, operation), (float(plan.burst), now))
        left = min(float(plan.burst), left + (now - since) * plan.per_second)
        if left < 1:
            self._buckets[seller, operation] = (left, now)
            raise throttled()
        self._buckets[seller, operation] = (left - 1, now)
