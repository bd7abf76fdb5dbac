"""What the handlers share: the services, the views as of now or then, and commands that are done once."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response

from adapters.answered_requests import Answer
from adapters.views import DatabaseViews
from application.diagnosis import Finding
from domain.access import Holder
from domain.errors import BadInput, UnknownFlow
from domain.flow import Flow
from entrypoints.bootstrap import Services
from entrypoints.web import paging
from entrypoints.web.access import GUESSES_PER_MINUTE, Rate
from entrypoints.web.follower import Follower
from entrypoints.web.problems import Refusal

PAST_VIEWS = 4  # each is a whole read side in memory

T = TypeVar("T")
Row = dict[str, Any]


class Asked(msgspec.Struct, frozen=True):
    """Who sends a command, under which key, and what exactly is asked."""

    holder: Holder
    key: str | None
    request: bytes


class Desk:
    """One for each application."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.guesses = Rate(GUESSES_PER_MINUTE)
        self.follower = Follower(services.views, services.store)
        self.streams: Counter[str] = Counter()  # open streams of events by holder
        self._past: OrderedDict[int, DatabaseViews] = OrderedDict()
        self._past_guard = threading.Lock()
        self._examining = threading.Lock()

    # --- reading ------------------------------------------------------------------------------------------------

    def views(self, as_of: str | None = None) -> DatabaseViews:
        """The views as they are, or as they were at a time or a position. Raises BadInput."""
        return self.services.views if as_of is None else self._at(self._position(as_of))

    def position(self, as_of: str | None) -> int:
        """The position of the log that an answer shows."""
        return self.follower.position if as_of is None else self._position(as_of)

    def day(self, flow: str, as_of: str | None) -> date:
        """The books' day of the moment an answer shows. Raises UnknownFlow, BadInput."""
        services = self.services
        rows = services.views.query("flows", flow)
        if not rows:
            self.know(flow)
        known = Flow(zone=rows[0]["zone"])
        if as_of is None:
            return known.day(services.clock())
        position = self._position(as_of)
        if as_of.isascii() and as_of.isdigit():
            found = services.store.read(position - 1, 1) if position else []
            return known.day(found[0].event.at if found else services.clock())
        at = datetime.fromisoformat(as_of.replace(" ", "+"))
        return known.day(at if at.tzinfo is not None else at.replace(tzinfo=UTC))

    def know(self, flow: str) -> None:
        """Raises UnknownFlow. One small query: the flows' own streams need not be read for that."""
        if not self.services.views.query("flows", flow):
            raise UnknownFlow(f"there is no flow named {flow!r}; see: ml-connector flow list")

    def page(
        self,
        name: str,
        flow: str,
        filters: dict[str, Any],
        limit: int,
        cursor: str | None,
        make: Callable[[Row], T],
        as_of: str | None = None,
    ) -> tuple[list[T], str | None, int]:
        """A page of a report as answers, the cursor of the next, and a position it shows at least.

        Raises UnknownFlow, BadInput.
        """
        position = self.position(as_of)  # before the rows: what is folded meanwhile may show, what is claimed must
        views = self.views(as_of)
        asked = {key: value for key, value in filters.items() if value is not None}
        after = paging.opened(cursor, name, asked) if cursor is not None else None
        page = views.page(name, flow, asked, limit, after)
        if not page.rows and flow:
            self.know(flow)
        following = paging.closed(name, asked, page.next) if page.next is not None else None
        return [make(row) for row in page.rows], following, position

    def one(self, name: str, flow: str, what: str, **filters: Any) -> Row:
        """The one row there is. Refuses with 404, saying `what` is not there."""
        rows = self.services.views.query(name, flow, **filters)
        if not rows:
            self.know(flow)
            raise Refusal(404, f"flow {flow} has no {what}", do="The lists of the flow name what there is.")
        return rows[0]

    def _position(self, as_of: str) -> int:
        end = self.services.store.end()
        if as_of.isascii() and as_of.isdigit() and len(as_of) <= 18:
            position = int(as_of)
            if position > end:
                raise BadInput(f"as_of {position}: the log ends at {end}")
            return position
        try:
            at = datetime.fromisoformat(as_of.replace(" ", "+"))  # a plus sign that was not escaped arrives as a space
        except ValueError:
            raise BadInput(
                f"as_of {as_of[:40]!r}: expected a time like 2026-11-24T08:00:00Z, or a position of the log"
            ) from None
        try:
            return self.services.store.position_at(at if at.tzinfo is not None else at.replace(tzinfo=UTC))
        except OverflowError:
            raise BadInput(f"as_of {as_of[:40]!r}: expected a time within the years 1 to 9999 UTC") from None

    def _at(self, position: int) -> DatabaseViews:
        """Folding all up to then takes a while, so the last few stay; one at a time, since each is a read side."""
        with self._past_guard:
            views = self._past.pop(position, None) or self.services.views_as_of(position)
            self._past[position] = views
            while len(self._past) > PAST_VIEWS:
                self._past.popitem(last=False)  # not closed: another thread may read it still
            return views

    # --- looking at how it is ---------------------------------------------------------------------------------

    def examine(self, flow: str | None, *, installation: bool) -> list[Finding]:
        """A doctor's findings about the installation, and about a flow or all, within about a minute.

        One at a time, since each holds a thread. Raises UnknownFlow; refuses while another is under way.
        """
        services = self.services
        names = [flow] if flow is not None else services.views.flows()
        flows = [services.bookkeeping.flow(name) for name in names]
        if not self._examining.acquire(blocking=False):
            raise Refusal(
                503, "another examination is under way", do="Send it again later.", headers={"Retry-After": "10"}
            )
        try:
            doctor = services.doctor(brief=True)
            if installation:
                return doctor.examine(flows)
            return [finding for one in flows for finding in doctor.flow(one)]
        finally:
            self._examining.release()

    # --- commands -----------------------------------------------------------------------------------------------

    def once(self, asked: Asked, do: Callable[[str], T], status: int = 200) -> Response[T]:
        """Do a command (it is told who asks) unless its key was answered before; the answer, word for word."""
        if asked.key is None:
            return _answer(Answer(status, msgspec.json.encode(do(asked.holder.by))))
        answered = self.services.answered
        found = answered.claim(asked.holder.name, asked.key, asked.request)
        match found:
            case Answer():
                return _answer(found, {"Idempotency-Replayed": "true"})
            case "other":
                raise Refusal(
                    422,
                    "this Idempotency-Key was used for another request",
                    field="Idempotency-Key",
                    do="Use a new key for each command; repeat a command with the key and the body it first had.",
                )
            case "busy":
                raise Refusal(
                    409,
                    "the same command is still under way",
                    field="Idempotency-Key",
                    do="Send it again with the same key.",
                    headers={"Retry-After": "5"},
                )
        try:
            answer = Answer(status, msgspec.json.encode(do(asked.holder.by)))
        except BaseException:
            answered.release(asked.holder.name, asked.key)
            raise
        answered.keep(asked.holder.name, asked.key, answer)
        return _answer(answer)

    def close(self) -> None:
        self.follower.stop()
        for views in self._past.values():
            views.close()


def asked_by(request: Request[Holder, Any, Any], key: str | None, body: object = None) -> Asked:
    """What makes a repeat the same: method, address and body."""
    words = [request.method, request.scope["path"], body]
    return Asked(request.user, key, msgspec.json.encode(words, order="deterministic"))


def visible(holder: Holder, flows: Sequence[Row]) -> list[Row]:
    return [row for row in flows if holder.sees(row["flow"])]


def _answer(answer: Answer, headers: dict[str, str] | None = None) -> Response[Any]:
    return Response(answer.body, status_code=answer.status, media_type="application/json", headers=dict(headers or {}))
