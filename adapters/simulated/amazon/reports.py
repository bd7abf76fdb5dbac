"""Reports 2021-06-30: settlement reports come by themselves and can only be listed and fetched; others are asked for.

Documents lie behind a signed address that works for five minutes and wants no credentials.
"""

import gzip
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from adapters.simulated.amazon import parameters as query
from adapters.simulated.amazon.answers import invalid_input, iso, not_found, refusal, storage_refusal
from adapters.simulated.amazon.order_reports import TYPES as MADE_ON_REQUEST
from adapters.simulated.amazon.order_reports import OrderReports
from adapters.simulated.amazon.pages import Pages, Search
from adapters.simulated.clock import FastClock
from adapters.simulated.world import World, document
from adapters.simulated.world.history import Report

SETTLEMENT = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
# The two older forms were switched off on 2026-11-11; like the living one they never could be requested.
SETTLEMENTS = (SETTLEMENT, "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE", "GET_V2_SETTLEMENT_REPORT_DATA_XML")
LIST_PARAMETERS = (
    "reportTypes", "processingStatuses", "marketplaceIds", "pageSize", "createdSince", "createdUntil", "nextToken",
)  # fmt: skip
DOCUMENT_PARAMETERS = ("enableContentEncodingUrlHeader",)
STATUSES = ("CANCELLED", "DONE", "FATAL", "IN_PROGRESS", "IN_QUEUE")

URL_SECONDS = 300
_RETENTION = timedelta(days=90)


class Stored(msgspec.Struct, frozen=True):
    body: bytes
    charset: str


class Reports:
    def __init__(self, world: World, clock: FastClock, url: str, *, compressed: bool = True) -> None:
        self._world = world
        self._clock = clock
        self._url = url
        self._compressed = compressed
        self.made = OrderReports(world, clock)
        self._pages: Pages[dict[str, Any]] = Pages(clock)
        self._addresses: dict[str, tuple[str, float, bool]] = {}  # signature -> document, until when, unpacked by HTTP
        self._stored: dict[str, Stored] = {}

    def search(
        self, parameters: query.Parameters, seller: str, *, repeat_token: Callable[[], bool], empty: bool
    ) -> dict[str, Any]:
        token = query.one(parameters, "nextToken")
        if token is None:
            search, position = self._begin(parameters, seller), 0
        else:
            if len(parameters) > 1:
                raise invalid_input("nextToken must be the only parameter")
            resumed = self._pages.resume(token, seller)
            if resumed is None:
                raise invalid_input("nextToken is invalid or has expired")
            search, position = resumed
        end = position if empty else position + search.page_size
        answered: dict[str, Any] = {"reports": list(search.found[position:end])}
        following = self._pages.token(search, end)
        if token is not None and following is not None and repeat_token():
            following = token
        if following:
            answered["nextToken"] = following
        return answered

    def get(self, report_id: str) -> dict[str, Any]:
        for report in self._kept():
            if report.id == report_id:
                return _form(report)
        if (form := self.made.form(report_id)) is not None:
            return form
        raise not_found(f"no report {report_id}")

    def create(self, body: bytes, fate: str = "done") -> dict[str, Any]:
        try:
            wanted = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.MsgspecError:
            raise invalid_input("the body is not a JSON object") from None
        report_type = wanted.get("reportType")
        if not isinstance(report_type, str) or not wanted.get("marketplaceIds"):
            raise invalid_input("reportType and marketplaceIds are required")
        if report_type in SETTLEMENTS:
            raise refusal(400, "InvalidInput", "Request for report type 1118 is not allowed at this time")
        if report_type in MADE_ON_REQUEST:
            return self.made.create(wanted, fate)
        raise invalid_input(f"the stand-in makes no reports of type {report_type}")

    def address(self, document_id: str, parameters: query.Parameters, *, expired: bool) -> dict[str, str]:
        wanted = query.one(parameters, "enableContentEncodingUrlHeader") or "false"
        if wanted not in ("true", "false"):
            raise invalid_input("enableContentEncodingUrlHeader must be true or false")
        settled = any(report.document_id == document_id for report in self._kept())
        if not settled and self.made.body(document_id) is None:
            raise not_found(f"no document {document_id}")
        signature = secrets.token_hex(32)
        until = self._clock.seconds() if expired else self._clock.until(URL_SECONDS)
        self._addresses[signature] = (document_id, until, wanted == "true")
        url = f"{self._url}/documents/{document_id}?X-Amz-Expires={URL_SECONDS}&X-Amz-Signature={signature}"
        described = {"reportDocumentId": document_id, "url": url}
        return described | {"compressionAlgorithm": "GZIP"} if self._compressed else described

    def fetch(self, document_id: str, signature: str, *, expired: bool) -> tuple[Stored, dict[str, str]]:
        signed_for, until, encoding_header = self._addresses.get(signature, ("", 0.0, False))
        if signed_for != document_id:
            raise storage_refusal(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
        if expired or self._clock.seconds() >= until:
            raise storage_refusal(403, "AccessDenied", "Request has expired")
        headers = {"Content-Encoding": "gzip"} if encoding_header and self._compressed else {}
        return self._store(document_id), headers

    def _store(self, document_id: str) -> Stored:
        if document_id not in self._stored:
            made = self.made.body(document_id)
            if made is not None:
                body, charset = made, "UTF-8"
            else:
                report = next(report for report in self._world.reports if report.document_id == document_id)
                body, charset = document(report.settlements, german="comma_decimals" in self._world.troubles)
            body = gzip.compress(body, compresslevel=6, mtime=0) if self._compressed else body
            self._stored[document_id] = Stored(body, charset)
        return self._stored[document_id]

    def _kept(self) -> list[Report]:
        since, now = self._clock.of_callers() - _RETENTION, self._clock.now()
        return [report for report in self._world.reports if since <= report.created <= now]

    def _begin(self, parameters: query.Parameters, seller: str) -> Search[dict[str, Any]]:
        types = query.several(parameters, "reportTypes", most=10)
        if types is None:
            raise invalid_input("either reportTypes or nextToken must be given")
        statuses = query.several(parameters, "processingStatuses", STATUSES)
        # Amazon ignores the marketplace for settlements: the list holds every marketplace of the region.
        query.several(parameters, "marketplaceIds", most=10)
        size = query.number(parameters, "pageSize", 10, 100)
        now = self._clock.now()
        since = query.moment(parameters, "createdSince")
        until = query.moment(parameters, "createdUntil") or now
        if since is not None and since < self._clock.of_callers() - _RETENTION:
            raise invalid_input("createdSince must not be more than 90 days ago")
        if since is not None and since > until:
            raise invalid_input("createdSince must not be later than createdUntil")
        settled = [_form(report) for report in sorted(self._kept(), key=lambda one: one.created, reverse=True)]
        found = [
            form
            for form in [*self.made.forms(), *settled]
            if form["reportType"] in types
            and (statuses is None or form["processingStatus"] in statuses)
            and (since is None or datetime.fromisoformat(form["createdTime"]) >= since)
            and datetime.fromisoformat(form["createdTime"]) <= until
        ]
        return Search(seller, None, found, "", size)


def _form(report: Report) -> dict[str, Any]:
    newest = report.settlements[-1]
    return {
        "marketplaceIds": [report.market.id],
        "reportId": report.id,
        "reportType": SETTLEMENT,
        "dataStartTime": iso(newest.start),
        "dataEndTime": iso(newest.end),
        "createdTime": iso(report.created),
        "processingStatus": "DONE",
        "processingStartTime": iso(report.created),
        "processingEndTime": iso(report.created + timedelta(seconds=12)),
        "reportDocumentId": report.document_id,
    }
