"""What is refused, in the shape the one who asked can read: a page for people, a problem for programs."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response
from litestar.response import Redirect
from litestar.types import Scope

from entrypoints.web.access import PAGE
from entrypoints.web.pages.html import address, render
from entrypoints.web.pages.signing_in import LOGIN
from entrypoints.web.problems import Problem

Handler = Callable[[Any, Any], Response[Problem]]

_FOR_PROGRAMS = ("/api/", "/static/", "/docs", "/openapi", "/metrics", "/health", "/ready")
_NOWHERE = "Look it up by its number above, or begin at the overview."


def for_people(handlers: Mapping[Any, Handler]) -> dict[Any, Callable[[Any, Any], Response[Any]]]:
    """The handlers, whose answers are pages where a page was asked for."""
    return {kind: _either(handler) for kind, handler in handlers.items()}


def _either(handler: Handler) -> Callable[[Any, Any], Response[Any]]:
    def answer(request: Request[Any, Any, Any], error: Any) -> Response[Any]:
        problem = handler(request, error)
        return _page(request, problem) if _is_page(request.scope) else problem

    return answer


def _page(request: Request[Any, Any, Any], answer: Response[Problem]) -> Response[Any]:
    problem = answer.content
    if problem.status == 401:
        return _to_login(request)
    detail, do = problem.detail, problem.do
    if problem.status == 404:
        detail = detail.partition("; see:")[0]
        do = _NOWHERE
    page = render(request, "refused.html", status=problem.status, title=problem.title, detail=detail, do=do)
    page.headers.update({name: value for name, value in answer.headers.items() if name.lower() != "content-type"})
    return page


def _to_login(request: Request[Any, Any, Any]) -> Response[Any]:
    """A page that renews itself is told by htmx's own header; what is not looked at is not come back to."""
    if request.headers.get("hx-request"):
        there = urlsplit(request.headers.get("hx-current-url", ""))
        back = f"{there.path}?{there.query}" if there.query else there.path
        return Response("", headers={"HX-Redirect": address(LOGIN[1:], next=back)})
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    back = f"{path}?{query}" if query else path
    wanted = back if request.method == "GET" and back != "/" else None
    return Redirect(address(LOGIN[1:], next=wanted), status_code=303)


def _is_page(scope: Scope) -> bool:
    handler = scope.get("route_handler")
    if handler is not None:
        return bool(handler.opt.get(PAGE))
    accepted = dict(scope["headers"]).get(b"accept", b"")
    return b"text/html" in accepted and not scope["path"].startswith(_FOR_PROGRAMS)
