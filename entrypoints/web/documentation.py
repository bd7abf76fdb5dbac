"""What the API is, for programs (/openapi.json, OpenAPI 3.1) and for people (/docs): served from here alone."""

import re
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Parameter,
    Reference,
    Schema,
    SecurityScheme,
)
from litestar.routes import HTTPRoute
from litestar.static_files import create_static_files_router

from entrypoints.web import problems
from entrypoints.web.access import PUBLIC, QUERY, READS_VIEWS, ROLE

STATIC = Path(__file__).parent / "static"
_DAY = 24 * 3600  # the pages name their files with a fingerprint

_DESCRIPTION = """\
Amounts are decimal strings in the `currency` beside them; times are ISO 8601 in UTC. Lists come in pages: `next` is the
`cursor` of the following one. Commands take an `Idempotency-Key` and answer with the `position` of the log; a read with
`after=POSITION` waits until it sees that. Every error is `application/problem+json`. See docs/api.md.
"""

_PAGE = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ml-connector API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" type="image/png" href="/static/vendor/swagger-ui/favicon-32x32.png">
<link rel="stylesheet" href="/static/vendor/swagger-ui/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="/static/vendor/swagger-ui/swagger-ui-bundle.js"></script>
<script src="/static/docs.js"></script></body></html>
"""


class _DocsPage(OpenAPIRenderPlugin):
    def render(self, request: Any, openapi_schema: dict[str, Any]) -> bytes:
        return _PAGE


def openapi_config(version: str) -> OpenAPIConfig:
    """What Litestar makes of the handlers; `complete` adds what it cannot know."""
    return OpenAPIConfig(
        title="ml-connector",
        version=version,
        description=_DESCRIPTION,
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                "token": SecurityScheme(
                    type="http", scheme="bearer", description="A token from: ml-connector token create."
                )
            },
        ),
        openapi_router=Router("/docs", route_handlers=[], opt={ROLE: PUBLIC}, include_in_schema=False),
        render_plugins=[_DocsPage(path="/")],
    )


@get("/openapi.json", opt={ROLE: PUBLIC}, include_in_schema=False, sync_to_thread=False)
def openapi_json(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The OpenAPI document."""
    app: Litestar = request.app
    return Response(app.state.openapi, media_type=MediaType.JSON)


static_files = create_static_files_router(
    "/static",
    directories=[STATIC],
    opt={ROLE: PUBLIC},
    cache_control=CacheControlHeader(max_age=_DAY),
    include_in_schema=False,
)


def complete(app: Litestar) -> None:
    """Document the errors every operation may answer with, the `after` of reads, and who may ask.

    The gate is told which query parameters there are: one that is not known is refused, not ignored.
    """
    document = app.openapi_schema
    assert document.components.schemas is not None
    document.components.schemas["Problem"] = _problem_schema()
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        item = (document.paths or {}).get(route.path_format)
        if item is None:
            continue
        for handler in route.route_handlers:
            for method in handler.http_methods:
                operation = getattr(item, method.lower(), None)
                if operation is None:
                    continue
                operation.summary = re.sub(r"(?<!^)([A-Z])", lambda m: " " + m[1].lower(), operation.summary or "")
                public = handler.opt.get(ROLE) == PUBLIC
                named = {one.name for one in operation.parameters or [] if getattr(one, "param_in", "") == "query"}
                reads = bool(handler.opt.get(READS_VIEWS))
                operation.responses = {
                    **{code: answer for code, answer in (operation.responses or {}).items() if code < "300"},
                    **_errors(public, "{" in route.path_format, method != "GET", reads),
                }
                if public:
                    operation.security = []
                else:
                    operation.security = [{"token": []}]
                    role = f"Needs the role `{handler.opt[ROLE]}`."
                    operation.description = f"{operation.description or ''}\n\n{role}".strip()
                handler.opt[QUERY] = frozenset({*named, "after"} if reads else named)
                if reads:
                    operation.parameters = [*(operation.parameters or []), _AFTER]
    text = msgspec.json.encode(document.to_schema()).decode()
    # The framework names a page after the module of its items; programs are made from these names.
    app.state.openapi = re.sub(r"Page_[\w.]*\.(\w+?)(?:Facts)?_(?=\")", r"\1Page", text).encode()


_AFTER = Parameter(
    name="after",
    param_in="query",
    description="Wait (at most 10 s) until the answer shows this position of the log, which a command answered with.",
    schema=Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=10**18 - 1),
    required=False,
    allow_empty_value=False,
)


def _errors(public: bool, named: bool, changes: bool, reads: bool) -> dict[str, OpenAPIResponse]:
    codes = {"400": "What was sent is not what is expected.", "500": "A fault of this service.", "503": "Not now."}
    if not public or changes:
        codes |= {
            "401": "No token, or one that opens nothing.",
            "403": "The token's role or flows do not allow it.",
            "422": "What was sent cannot be used.",
            "429": "Too many requests.",
        }
    if named:
        codes["404"] = "There is none of that name."
    if changes:
        codes |= {"404": "There is none of that name.", "409": "Somebody was faster, or is still at it.",
                  "413": "The body is too large.", "415": "The body is no JSON.",
                  "502": "A vendor could not or would not answer."}  # fmt: skip
    return {code: _error(code, words) for code, words in sorted(codes.items())}


def _error(code: str, words: str) -> OpenAPIResponse:
    headers: dict[str, OpenAPIHeader | Reference] | None = None
    if code in ("429", "503"):
        retry = Schema(type=OpenAPIType.STRING, pattern="^[0-9]+$")
        headers = {"Retry-After": OpenAPIHeader(schema=retry, description="Seconds to wait.", required=code == "429")}
    return OpenAPIResponse(
        description=words,
        headers=headers,
        content={problems.MEDIA_TYPE: OpenAPIMediaType(schema=Reference(ref="#/components/schemas/Problem"))},
    )


def _problem_schema() -> Schema:
    text, maybe = Schema(type=OpenAPIType.STRING), Schema(type=[OpenAPIType.STRING, OpenAPIType.NULL])
    return Schema(
        type=OpenAPIType.OBJECT,
        title="Problem",
        description=problems.Problem.__doc__,
        required=list(problems.Problem.__struct_fields__),
        properties={
            "type": text,
            "title": text,
            "status": Schema(type=OpenAPIType.INTEGER),
            "detail": text,
            "field": maybe,
            "do": maybe,
        },
    )
