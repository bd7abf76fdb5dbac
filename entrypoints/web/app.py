"""The application: every router, what they share, and the layers around them."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio.to_thread
from litestar import Litestar, Router
from litestar.di import Provide

from entrypoints.bootstrap import Services
from entrypoints.web import (
    alerts,
    bank,
    calls,
    connections,
    control,
    corrections,
    documentation,
    examination,
    flows,
    health,
    held,
    history,
    judgements,
    metrics,
    month_end,
    oauth,
    postings,
    problems,
    reconciliation,
    session,
    tokens,
)
from entrypoints.web.access import Gate
from entrypoints.web.desk import Desk
from entrypoints.web.edge import Edge
from entrypoints.web.kept import Keeper
from entrypoints.web.metrics import Metrics
from entrypoints.web.pages import bank as bank_page
from entrypoints.web.pages import calls as calls_page
from entrypoints.web.pages import doctor, flow, order, settlement, signing_in
from entrypoints.web.pages import month_end as month_end_pages
from entrypoints.web.pages.refusals import for_people

LARGEST_BODY = 1_000_000  # bytes; the largest command is a mapping change of some 200 rules
THREADS = 6  # for handlers: more gain nothing on one interpreter; slow ones (as_of, exports) leave some to the others
CONNECTIONS = THREADS + 2  # the views' follower and the timer read and write too


def create_app(services: Services) -> Litestar:
    """The application over services that somebody else closes. Whoever serves it runs its lifespan."""
    desk = Desk(services)
    measured = Metrics(services, desk.follower)

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        await anyio.to_thread.run_sync(desk.follower.follow)
        desk.follower.start()
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(desk.close)

    api = Router(
        "/api/v1",
        route_handlers=[
            flows.router,
            connections.router,
            reconciliation.router,
            control.router,
            month_end.router,
            held.router,
            postings.router,
            history.router,
            bank.router,
            judgements.router,
            corrections.router,
            alerts.router,
            calls.router,
            examination.router,
            tokens.router,
            session.router,
        ],
    )
    pages = Router(
        "/",
        route_handlers=[
            signing_in.router,
            flow.router,
            settlement.router,
            order.router,
            bank_page.router,
            doctor.router,
            month_end_pages.router,
            calls_page.router,
        ],
        before_request=signing_in.check_form,
    )
    app = Litestar(
        route_handlers=[
            api,
            pages,
            health.router,
            metrics.router,
            oauth.router,
            documentation.openapi_json,
            documentation.static_files,
        ],
        dependencies={
            "desk": _provide(desk),
            "metrics": _provide(measured),
            "strangers": _provide(oauth.strangers(services.settings.requests_per_minute)),
        },
        middleware=[
            Gate(
                services.tokens,
                services.settings.requests_per_minute,
                desk.follower.wait_for,
                services.sessions,
                desk.guesses,
            ),
            Keeper(desk.follower),
        ],
        exception_handlers=for_people(problems.HANDLERS),
        openapi_config=documentation.openapi_config(health.VERSION),
        lifespan=[lifespan],
        request_max_body_size=LARGEST_BODY,
        logging_config=None,
        debug=False,
    )
    documentation.complete(app)
    # Outside of routing: also what is not found leaves with the headers and is counted.
    app.asgi_handler = Edge(app.asgi_handler, services.settings.public_url, measured.measure)
    return app


def _provide(value: Any) -> Provide:
    """The same for every request."""
    give: Callable[[], Any] = lambda: value  # noqa: E731
    return Provide(give, use_cache=True, sync_to_thread=False)
