"""Faults that a test orders beforehand: the next calls of an operation fail in a named way."""

from typing import Any

import msgspec

from adapters.simulated.amazon.answers import refusal, throttled, unauthorized
from adapters.simulated.amazon.lwa import refused

KINDS = (
    "500",
    "503",
    "429",
    "reset",
    "repeat_token",
    "expired_url",
    "empty_page",
    "unauthorized",
    "fatal",
    "cancelled",
    "stuck",
    "lost_answer",
)

# What a test may call an operation. Amazon's own names are understood too.
OPERATIONS = {
    "orders": "searchOrders",
    "order": "getOrder",
    "reports": "getReports",
    "report": "getReport",
    "create_report": "createReport",
    "document": "getReportDocument",
    "download": "download",
    "sellers": "getMarketplaceParticipations",
    "transactions": "listTransactions",
    "summary": "listSummary",
    "balances": "listBalances",
    "groups": "listFinancialEventGroups",
    "payouts": "listPayouts",
    "token": "token",
}

# The pages and addresses these change are made by the operation itself.
_BENT = {
    "repeat_token": ("searchOrders", "getReports", "listTransactions", "listFinancialEventGroups"),
    "empty_page": ("searchOrders", "getReports", "listTransactions", "listFinancialEventGroups"),
    **dict.fromkeys(("fatal", "cancelled", "stuck", "lost_answer"), ("createReport",)),
    "expired_url": ("getReportDocument", "download"),
}


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    on: str
    kind: str
    times: int = 1


class Reset(Exception):
    """The connection is to be cut in the middle of the answer."""


class Faults:
    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def order(self, body: bytes) -> int:
        """Take a JSON list of faults; an empty one forgets those that wait.

        Raises ValueError for a fault that could never happen.
        """
        try:
            faults = msgspec.json.decode(body, type=list[Fault])
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from None
        for fault in faults:
            fault.on = OPERATIONS.get(fault.on, fault.on)
            if fault.on not in OPERATIONS.values():
                raise ValueError(f"no such operation: {fault.on}; known are {', '.join(OPERATIONS)}")
            if fault.kind not in KINDS or fault.on not in _BENT.get(fault.kind, (fault.on,)):
                raise ValueError(f"{fault.kind!r} cannot happen on {fault.on}; kinds are {', '.join(KINDS)}")
        if not faults:
            self._waiting.clear()
        self._waiting += faults
        return len(self._waiting)

    def strike(self, operation: str) -> None:
        """Fail this call if a plain failure waits for it."""
        for kind in ("reset", "500", "503", "429", "unauthorized"):
            if self.due(operation, kind):
                raise _failure(kind, operation)

    def due(self, operation: str, kind: str) -> bool:
        """Whether such a fault waits for this operation; one that does is used up."""
        for fault in self._waiting:
            if fault.on == operation and fault.kind == kind:
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                return True
        return False

    def waiting(self) -> list[Any]:
        return [msgspec.to_builtins(fault) for fault in self._waiting]


def _failure(kind: str, operation: str) -> Exception:
    if kind == "reset":
        return Reset(operation)
    if operation == "token":
        return {
            "500": refused(500, "server_error", "The authorization server encountered an unexpected condition."),
            "503": refused(503, "temporarily_unavailable", "The authorization server is temporarily unavailable."),
            "429": refused(429, "temporarily_unavailable", "Too many requests."),
            "unauthorized": refused(400, "invalid_grant", "User may have revoked or didn't grant the permission."),
        }[kind]
    return {
        "500": refusal(500, "InternalFailure", "We encountered an internal error. Please try again."),
        "503": refusal(503, "ServiceUnavailable", "Service is temporarily unavailable. Please try again."),
        "429": throttled(),
        "unauthorized": unauthorized("The access token you provided is revoked, malformed or invalid."),
    }[kind]
