"""Faults a test orders in advance: lost answers, gateway pages, throttling, expired tokens, another language."""

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

KINDS = (
    "commit_then_503",
    "503_before_commit",
    "commit_then_reset",
    "commit_then_html",
    "truncated_json",
    "429_json",
    "429_xml",
    "expire_token",
    "localised_6140",
    "item_3001",
    "commit_then_item_10000",
)
_SLOW = re.compile(r"slow:(\d+(?:\.\d+)?)")
_WAITING = ("localised_6140",)  # fires when a 6140 is about to be answered, not at the next call


@dataclass(slots=True)
class Fault:
    """`on`: batch, query, token, revoke, an entity's name (its single calls), or any."""

    on: str
    kind: str
    times: int = 1
    items: list[str] = field(default_factory=list)  # item_...: these bIds; by default every second item

    @property
    def slow_seconds(self) -> float | None:
        match = _SLOW.fullmatch(self.kind)
        return float(match.group(1)) if match else None


class Mischief:
    def __init__(self) -> None:
        self._pending: deque[Fault] = deque()

    def order(self, faults: list[dict[str, Any]]) -> None:
        """Add faults to the queue; a ValueError names the one that is not understood."""
        parsed = []
        for given in faults:
            unknown = set(given) - {"on", "kind", "times", "items"}
            if unknown or "on" not in given or "kind" not in given:
                raise ValueError(f"a fault has on, kind, times and items: {given}")
            times, items = int(given.get("times", 1)), list(given.get("items", []))
            fault = Fault(str(given["on"]), str(given["kind"]), times, items)
            if fault.kind not in KINDS and fault.slow_seconds is None:
                raise ValueError(f"unknown kind of fault: {fault.kind}; known: {', '.join(KINDS)}, slow:<seconds>")
            parsed.append(fault)
        self._pending.extend(parsed)

    def clear(self) -> None:
        self._pending.clear()

    def pending(self) -> list[dict[str, Any]]:
        return [{"on": fault.on, "kind": fault.kind, "times": fault.times} for fault in self._pending]

    def next(self, on: str) -> Fault | None:
        """The first ordered fault that is meant for this call, used up by one."""
        return self._use(on, lambda fault: fault.kind not in _WAITING)

    def localises(self, on: str) -> bool:
        """Whether a 6140 answered now is to be in French."""
        return self._use(on, lambda fault: fault.kind == "localised_6140") is not None

    def _use(self, on: str, wanted: Any) -> Fault | None:
        for fault in self._pending:
            if fault.on.lower() in (on.lower(), "any") and wanted(fault):
                fault.times -= 1
                if fault.times <= 0:
                    self._pending.remove(fault)
                return fault
        return None
