"""The stand-in's routes, and the gate that every call of the Selling Partner API passes in the same order.

Token, quota, ordered faults, then the operation: as at Amazon, a call that is refused for its parameters has cost a
token, and one without a valid access token has not.
"""

import json
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from adapters.simulated.amazon import answers, finances, notifications, orders, reports
from adapters.simulated.amazon import parameters as query
from adapters.simulated.amazon.answers import Refusal, answer, invalid_input, refusal, storage_refusal
from adapters.simulated.amazon.cutting import CuttingApplication, cut
from adapters.simulated.amazon.faults import Faults, Reset
from adapters.simulated.amazon.lwa import Login, refused
from adapters.simulated.amazon.order_form import Form
from adapters.simulated.amazon.quota import PLANS, Quotas
from adapters.simulated.amazon.sellers import participations
from adapters.simulated.clock import FastClock
from adapters.simulated.world import World, make_world
from adapters.simulated.world.seller import APPLICATION_ID, SELLER_ID

Call = Request[None, None, State]


def stand_in(
    clock: FastClock,
    url: str,
    *,
    seed: int = 1,
    orders: int = 300,
    settlements: int = 3,
    marketplace: str = "US",
    troubles: tuple[str, ...] = (),
    world: World | None = None,
    discount_sign: int = -1,
    tax_in_total: bool = True,
    gzip: bool = True,
    quotas: bool = True,
    draft: bool = False,
    redirect_uris: tuple[str, ...] = (),
    credentials: str = "",
    quirks: tuple[str, ...] = (),
) -> tuple[Litestar, dict[str, str]]:
    """Amazon at `url`, and what a client must know of it. The world is made for the clock's day unless one is given."""
    if world is None:
        midnight = datetime.combine(clock.now().date(), time(), UTC)
        world = make_world(seed, orders, settlements, now=midnight, marketplace=marketplace, troubles=troubles)
    login = Login(clock, APPLICATION_ID, SELLER_ID, draft=draft, redirect_uris=redirect_uris, credentials=credentials)
    amazon = Amazon(
        clock,
        url,
        world,
        login,
        Form(world.now, discount_sign=discount_sign, tax_in_total=tax_in_total),
        Quotas(clock, quotas),
        compressed=gzip,
        quirks=quirks,
    )
    facts = {
        "client_id": login.client_id,
        "client_secret": login.client_secret,
        "refresh_token": login.refresh_token,
        "token_url": f"{url}/auth/o2/token",
        "api_url": url,
        "authorize_url": f"{url}/apps/authorize/consent",
        "application_id": login.application_id,
        "marketplace_id": world.market.id,
        "selling_partner_id": login.selling_partner_id,
        "since": world.since,
        "expected": json.dumps(world.expected()),
    }
    return amazon.application(), facts


class Amazon:
    """The parts of the service together. A route says what its operation needs and leaves the rest to them."""

    def __init__(
        self,
        clock: FastClock,
        url: str,
        world: World,
        login: Login,
        form: Form,
        quotas: Quotas,
        *,
        compressed: bool,
        quirks: tuple[str, ...] = (),
    ) -> None:
        self._clock = clock
        self._world = world
        self._login = login
        self._quotas = quotas
        self._faults = Faults()
        self._orders = orders.Orders(world, clock, form)
        self._reports = reports.Reports(world, clock, url, compressed=compressed)
        self._finances = finances.FinanceService(world, clock, quirks)
        self._calls: Counter[str] = Counter()
        self._throttled: Counter[str] = Counter()

    def application(self) -> Litestar:
        return CuttingApplication(
            [
                *self._login_routes(),
                *self._order_routes(),
                *self._report_routes(),
                *self._finance_routes(),
                *self._notification_routes(),
                *self._control_routes(),
            ],
            middleware=[_sign],
            exception_handlers={Refusal: _refuse, HTTPException: _refuse_route, Reset: cut},
            openapi_config=None,
            logging_config=None,
        )

    # Login with Amazon, and the seller's consent

    def _login_routes(self) -> list[Any]:
        @post("/auth/o2/token", status_code=200)
        async def token(request: Call) -> Response[bytes]:
            self._count("token")
            self._faults.strike("token")
            content_type, _ = request.content_type
            if content_type != "application/x-www-form-urlencoded":
                raise refused(400, "invalid_request", "The request body must be application/x-www-form-urlencoded")
            form = {name: str(value) for name, value in (await request.form()).items()}
            return answer(self._login.token(form), headers={"Cache-Control": "no-store"})

        @get("/apps/authorize/consent", sync_to_thread=False)
        def consent(request: Call) -> Redirect:
            return Redirect(self._login.consent(dict(request.query_params.items())), status_code=302)

        return [token, consent]

    # Orders and Sellers

    def _order_routes(self) -> list[Any]:
        @get("/orders/2026-01-01/orders", sync_to_thread=False)
        def search_orders(request: Call) -> Response[bytes]:
            def work(seller: str) -> Any:
                parameters = query.read(request, orders.SEARCH_PARAMETERS)
                empty = self._faults.due("searchOrders", "empty_page")
                return self._orders.search(parameters, seller, repeat_token=self._repeats("searchOrders"), empty=empty)

            return self._operation(request, "searchOrders", work)

        @get("/orders/2026-01-01/orders/{order_id:str}", sync_to_thread=False)
        def get_order(request: Call, order_id: FromPath[str]) -> Response[bytes]:
            def work(_: str) -> Any:
                return self._orders.get(order_id, query.read(request, orders.GET_PARAMETERS))

            return self._operation(request, "getOrder", work)

        @get("/sellers/v1/marketplaceParticipations", sync_to_thread=False)
        def marketplace_participations(request: Call) -> Response[bytes]:
            return self._operation(request, "getMarketplaceParticipations", lambda _: participations(self._world))

        return [search_orders, get_order, marketplace_participations]

    # Reports, and the storage their documents lie in

    def _report_routes(self) -> list[Any]:
        @get("/reports/2021-06-30/reports", sync_to_thread=False)
        def list_reports(request: Call) -> Response[bytes]:
            def work(seller: str) -> Any:
                parameters = query.read(request, reports.LIST_PARAMETERS)
                empty = self._faults.due("getReports", "empty_page")
                return self._reports.search(parameters, seller, repeat_token=self._repeats("getReports"), empty=empty)

            return self._operation(request, "getReports", work)

        @post("/reports/2021-06-30/reports", status_code=202)
        async def create_report(request: Call) -> Response[bytes]:
            body = await request.body()

            def work(_: str) -> Any:
                fates = ("fatal", "cancelled", "stuck")
                fate = next((kind for kind in fates if self._faults.due("createReport", kind)), "done")
                created = self._reports.create(body, fate)
                if self._faults.due("createReport", "lost_answer"):
                    raise refusal(500, "InternalFailure", "We encountered an internal error. Please try again.")
                return created

            return self._operation(request, "createReport", work, status=202)

        @get("/reports/2021-06-30/reports/{report_id:str}", sync_to_thread=False)
        def get_report(request: Call, report_id: FromPath[str]) -> Response[bytes]:
            return self._operation(request, "getReport", lambda _: self._reports.get(report_id))

        @get("/reports/2021-06-30/documents/{document_id:str}", sync_to_thread=False)
        def get_document(request: Call, document_id: FromPath[str]) -> Response[bytes]:
            def work(_: str) -> Any:
                parameters = query.read(request, reports.DOCUMENT_PARAMETERS)
                expired = self._faults.due("getReportDocument", "expired_url")
                return self._reports.address(document_id, parameters, expired=expired)

            return self._operation(request, "getReportDocument", work)

        @get("/documents/{document_id:str}", sync_to_thread=False)
        def download(request: Call, document_id: FromPath[str]) -> Response[bytes]:
            self._count("download")
            self._faults.strike("download")
            if "x-amz-access-token" in request.headers:
                raise storage_refusal(400, "InvalidArgument", "A signed address takes no other credentials.")
            signature = str(request.query_params.get("X-Amz-Signature", ""))
            expired = self._faults.due("download", "expired_url")
            stored, headers = self._reports.fetch(document_id, signature, expired=expired)
            return Response(stored.body, headers=headers, media_type="text/plain", encoding=stored.charset)

        return [list_reports, create_report, get_report, get_document, download]

    # Finances and Transfers

    def _finance_routes(self) -> list[Any]:
        @get("/finances/2024-06-19/transactions", sync_to_thread=False)
        def list_transactions(request: Call) -> Response[bytes]:
            return self._listing(
                request, "listTransactions", finances.TRANSACTION_PARAMETERS, self._finances.transactions
            )

        @get("/finances/v0/financialEventGroups", sync_to_thread=False)
        def list_groups(request: Call) -> Response[bytes]:
            return self._listing(request, "listFinancialEventGroups", finances.GROUP_PARAMETERS, self._finances.groups)

        @get("/finances/2024-06-19/summary", sync_to_thread=False)
        def list_summary(request: Call) -> Response[bytes]:
            def work(seller: str) -> Any:
                return self._finances.summary(query.read(request, finances.SUMMARY_PARAMETERS), seller)

            return self._operation(request, "listSummary", work)

        @get("/finances/2024-06-19/balances", sync_to_thread=False)
        def list_balances(request: Call) -> Response[bytes]:
            def work(seller: str) -> Any:
                return self._finances.balances(query.read(request, finances.BALANCE_PARAMETERS), seller)

            return self._operation(request, "listBalances", work)

        @get("/finances/transfers/2024-06-01/payouts", sync_to_thread=False)
        def list_payouts(request: Call) -> Response[bytes]:
            def work(seller: str) -> Any:
                return self._finances.payouts(query.read(request, finances.PAYOUT_PARAMETERS), seller)

            return self._operation(request, "listPayouts", work)

        return [list_transactions, list_groups, list_summary, list_balances, list_payouts]

    def _listing(
        self, request: Call, operation: str, known: tuple[str, ...], search: Callable[..., Any]
    ) -> Response[bytes]:
        def work(seller: str) -> Any:
            empty = self._faults.due(operation, "empty_page")
            return search(query.read(request, known), seller, repeat_token=self._repeats(operation), empty=empty)

        return self._operation(request, operation, work)

    # Notifications: destinations are the application's own and take its token, subscriptions the seller's

    def _notification_routes(self) -> list[Any]:
        held = notifications.Notifications()
        scope = "sellingpartnerapi::notifications"

        @get("/notifications/v1/destinations", sync_to_thread=False)
        def destinations(request: Call) -> Response[bytes]:
            return self._operation(request, "getDestinations", lambda _: held.destinations(), scope=scope)

        @post("/notifications/v1/destinations", status_code=200)
        async def create_destination(request: Call) -> Response[bytes]:
            body = await request.body()
            return self._operation(request, "createDestination", lambda _: held.create_destination(body), scope=scope)

        @get("/notifications/v1/subscriptions/{kind:str}", sync_to_thread=False)
        def subscription(request: Call, kind: FromPath[str]) -> Response[bytes]:
            def work(seller: str) -> Any:
                query.read(request, ("payloadVersion",))
                return held.subscription(seller, kind)

            return self._operation(request, "getSubscription", work)

        @post("/notifications/v1/subscriptions/{kind:str}", status_code=200)
        async def subscribe(request: Call, kind: FromPath[str]) -> Response[bytes]:
            body = await request.body()
            return self._operation(request, "createSubscription", lambda seller: held.subscribe(seller, kind, body))

        return [destinations, create_destination, subscription, subscribe]

    # What a test may ask and order; no part of Amazon

    def _control_routes(self) -> list[Any]:
        @post("/_simulated/quirks", status_code=200)
        async def dial(request: Call) -> Response[bytes]:
            """Other quirks from now on: a JSON list of their names."""
            names = json.loads(await request.body())
            if unknown := sorted(set(names) - finances.QUIRKS.keys()):
                raise invalid_input(f"no such quirk: {', '.join(unknown)}")
            self._finances.quirks = frozenset(names)
            return answer({})

        @get("/_simulated/expected", sync_to_thread=False)
        def expected() -> Response[bytes]:
            return answer(self._world.expected())

        @get("/_simulated/calls", sync_to_thread=False)
        def calls() -> Response[bytes]:
            names = sorted(self._calls)
            return answer({name: {"calls": self._calls[name], "throttled": self._throttled[name]} for name in names})

        @get("/_simulated/faults", sync_to_thread=False)
        def waiting() -> Response[bytes]:
            return answer(self._faults.waiting())

        @post("/_simulated/faults", status_code=200)
        async def order_faults(request: Call) -> Response[bytes]:
            """Add faults to those that wait; an empty list forgets them all."""
            try:
                waiting = self._faults.order(await request.body())
            except ValueError as error:
                raise invalid_input(str(error)) from None
            return answer({"waiting": waiting})

        @post("/_simulated/amend/{order_id:str}", status_code=200, sync_to_thread=False)
        def amend(order_id: FromPath[str]) -> Response[bytes]:
            if order_id not in self._world.orders:
                raise answers.not_found(f"no order {order_id}")
            amended = self._world.amend(order_id, self._clock.now())
            return answer({"orderId": order_id, "lastUpdatedTime": answers.iso(amended.updated)})

        @post("/_simulated/orders", status_code=200)
        async def bend_orders(request: Call) -> Response[bytes]:
            """How the Orders API misbehaves from now on: see `orders.Manners`."""
            try:
                self._orders.manners = msgspec.json.decode(await request.body(), type=orders.Manners)
            except msgspec.MsgspecError as error:
                raise invalid_input(str(error)) from None
            return answer({})

        @post("/_simulated/revoke", status_code=200, sync_to_thread=False)
        def revoke() -> Response[bytes]:
            self._login.revoke()
            return answer({})

        return [dial, expected, calls, waiting, order_faults, amend, bend_orders, revoke]

    # The gate

    def _operation(
        self, request: Call, operation: str, work: Callable[[str], Any], status: int = 200, scope: str = ""
    ) -> Response[bytes]:
        self._count(operation)
        limit = {"x-amzn-RateLimit-Limit": f"{PLANS[operation].per_second:g}"}
        try:
            token = request.headers.get("x-amz-access-token")
            seller = self._login.application(token, scope) if scope else self._login.seller(token)
            self._quotas.spend(seller, operation)
            self._faults.strike(operation)
            return answer(work(seller), status, limit)
        except Refusal as refused_call:
            if refused_call.status == 429:
                self._throttled[operation] += 1
            if refused_call.status in (400, 404):
                refused_call.headers |= limit
            raise

    def _count(self, operation: str) -> None:
        self._calls[operation] += 1

    def _repeats(self, operation: str) -> Callable[[], bool]:
        return lambda: self._faults.due(operation, "repeat_token")


def _sign(app: ASGIApp) -> ASGIApp:
    """Every answer carries a request id: it is what Amazon's support asks for."""

    async def signed(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-amzn-requestid", str(uuid.uuid4()).encode())]
            await send(message)

        await app(scope, receive, send_signed)

    return signed


def _refuse(_: Call, error: Refusal) -> Response[bytes]:
    return error.response()


def _refuse_route(_: Call, error: HTTPException) -> Response[bytes]:
    """No such path, or not with this method."""
    code = {404: "NotFound", 405: "MethodNotAllowed"}.get(error.status_code, "InvalidInput")
    return refusal(error.status_code, code, error.detail).response()
