"""Amazon's own models as a referee between the client and the stand-in: each request and each answer is held to them.

The models are Swagger 2.0; `Contract` stands as an ASGI application before the stand-in, so whatever a client sends
over HTTP and whatever the stand-in answers is judged, operations that nobody thought of here included.
"""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import jsonschema_rs

TOKEN_PATH = "/auth/o2/token"
# What is at Amazon but in no model: pages for browsers, the storage of documents; and what a test asks of a stand-in.
UNJUDGED = ("/apps/authorize/", "/documents/", "/_simulated/")

# https://developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api: Login with Amazon has no model.
GRANTS = {
    "refresh_token": {"refresh_token"},
    "authorization_code": {"code", "redirect_uri"},
    "client_credentials": {"scope"},
}
METHODS = ("get", "post", "put", "patch", "delete", "head")


class ContractBroken(AssertionError):
    """What was sent or answered is not what Amazon's models describe."""


class Described(NamedTuple):
    """An operation of a model."""

    name: str
    method: str
    path: str
    pattern: re.Pattern[str]
    model: str
    parameters: tuple[dict[str, Any], ...]
    responses: dict[str, Any]


class Models:
    """The official models of a folder."""

    def __init__(self, folder: Path) -> None:
        self.operations: list[Described] = []
        self._definitions: dict[str, Any] = {}
        self._validators: dict[tuple[str, str], Any] = {}
        for file in sorted(folder.glob("*.json")):
            model = json.loads(file.read_text(encoding="utf-8"))
            self._definitions[file.name] = {
                name: closed(each) for name, each in flattened(model["definitions"]).items()
            }
            for path, methods in model["paths"].items():
                shared = methods.get("parameters", [])
                for method in METHODS:
                    if method in methods:
                        self.operations.append(_described(file.name, model, path, method, methods[method], shared))

    def find(self, method: str, path: str) -> Described | None:
        """The operation that a request is of; one whose path is all literal comes before one with variables."""
        found = [each for each in self.operations if each.method == method and each.pattern.fullmatch(path)]
        return min(found, key=lambda each: each.path.count("{"), default=None)

    def check_request(self, method: str, path: str, query: Iterable[tuple[str, str]], body: bytes) -> Described:
        """Raises ContractBroken naming the operation and what is wrong."""
        operation = self.find(method, path)
        if operation is None:
            raise ContractBroken(f"{method} {path} is no operation of Amazon's models")
        given: dict[str, list[str]] = {}
        for name, value in query:
            given.setdefault(name, []).append(value)
        known = {each["name"]: each for each in operation.parameters if each["in"] == "query"}
        for name in given:
            if name not in known:
                raise ContractBroken(f"{operation.name}: no parameter is called {name!r}")
        # Where a token leads on, what began the search may be left out; the descriptions say so, the models cannot.
        follows = any(name.lower() == "nexttoken" for name in given)
        for each in operation.parameters:
            if each["in"] == "query":
                self._check_query(operation, each, given.get(each["name"]), follows)
        for name, value in operation.pattern.fullmatch(path).groupdict().items():  # type: ignore[union-attr]
            parameter = next((each for each in operation.parameters if each["name"] == name), {})
            self._check_value(operation, name, parameter, unquote(value))
        self._check_body(operation, body)
        return operation

    def check_answer(self, operation: Described, status: int, content: bytes) -> None:
        """Raises ContractBroken naming the operation and what is wrong."""
        described = operation.responses.get(str(status))
        if described is None:
            raise ContractBroken(f"{operation.name}: the models know no answer {status}")
        schema = described.get("schema")
        if schema is None:
            if content.strip() not in (b"", b"null"):
                raise ContractBroken(f"{operation.name}: an answer {status} has no body")
            return
        try:
            value = json.loads(content)
        except ValueError:
            raise ContractBroken(f"{operation.name}: the answer {status} is not JSON: {content[:80]!r}") from None
        self._validate(operation, f"answer {status}", schema, value)

    def _check_query(
        self, operation: Described, parameter: dict[str, Any], values: list[str] | None, follows: bool
    ) -> None:
        name = parameter["name"]
        if values is None:
            if parameter.get("required") and not follows:
                raise ContractBroken(f"{operation.name}: {name} is required")
            return
        if parameter["type"] == "array":
            parts = [part for value in values for part in value.split(",")]
            if parameter.get("collectionFormat", "csv") == "csv" and len(values) > 1:
                raise ContractBroken(f"{operation.name}: {name} is one list with commas")
            least, most = parameter.get("minItems", 0), parameter.get("maxItems", len(parts))
            if not least <= len(parts) <= most:
                raise ContractBroken(f"{operation.name}: {name} has {len(parts)} values, not {least} to {most}")
            for part in parts:
                self._check_value(operation, name, parameter["items"], part)
            return
        if len(values) != 1:
            raise ContractBroken(f"{operation.name}: {name} is given {len(values)} times")
        self._check_value(operation, name, parameter, values[0])

    def _check_value(self, operation: Described, name: str, schema: dict[str, Any], text: str) -> None:
        """A value of an address, by the type it stands for."""
        value: Any = text
        problem = ""
        match schema.get("type"):
            case "integer":
                problem = "" if re.fullmatch(r"-?\d+", text) else "is no whole number"
                value = 0 if problem else int(text)
            case "boolean":
                problem = "" if text in ("true", "false") else "is neither true nor false"
                value = text == "true"
        if not problem and schema.get("format") == "date-time":
            problem = _no_instant(text)
        if problem:
            raise ContractBroken(f"{operation.name}: {name}={text!r} {problem}")
        kept = ("type", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern")
        rules = {rule: schema[rule] for rule in kept if rule in schema}
        for error in jsonschema_rs.Draft4Validator(rules).iter_errors(value):
            raise ContractBroken(f"{operation.name}: {name}={text!r}: {error.message}")

    def _check_body(self, operation: Described, body: bytes) -> None:
        parameter = next((each for each in operation.parameters if each["in"] == "body"), None)
        if parameter is None:
            if body:
                raise ContractBroken(f"{operation.name} takes no body")
            return
        if not body:
            if parameter.get("required"):
                raise ContractBroken(f"{operation.name}: the body is missing")
            return
        try:
            value = json.loads(body)
        except ValueError:
            raise ContractBroken(f"{operation.name}: the body is not JSON") from None
        self._validate(operation, "body", parameter["schema"], value)

    def _validate(self, operation: Described, what: str, schema: dict[str, Any], value: Any) -> None:
        key = (operation.model, json.dumps(schema, sort_keys=True))
        if key not in self._validators:
            whole = {**closed(schema), "definitions": self._definitions[operation.model]}
            if "$ref" in schema:
                whole = {"allOf": [{"$ref": schema["$ref"]}], "definitions": self._definitions[operation.model]}
            self._validators[key] = jsonschema_rs.Draft4Validator(whole, validate_formats=True)
        for error in self._validators[key].iter_errors(value):
            where = "/".join(str(part) for part in error.instance_path)
            raise ContractBroken(f"{operation.name}: {what}: {where or 'it'}: {error.message[:300]}")


def flattened(definitions: dict[str, Any]) -> dict[str, Any]:
    """Definitions made of parts (`allOf`) as one object each, so that what none of the parts knows can be refused."""

    def parts(schema: dict[str, Any]) -> list[dict[str, Any]]:
        if "$ref" in schema:
            return parts(definitions[schema["$ref"].rpartition("/")[2]])
        return [part for each in schema["allOf"] for part in parts(each)] if "allOf" in schema else [schema]

    made = {}
    for name, schema in definitions.items():
        if isinstance(schema, dict) and "allOf" in schema and all("properties" in part for part in parts(schema)):
            properties = {key: value for part in parts(schema) for key, value in part["properties"].items()}
            required = sorted({key for part in parts(schema) for key in part.get("required", ())})
            made[name] = {"type": "object", "properties": properties, **({"required": required} if required else {})}
        else:
            made[name] = schema
    return made


def closed(schema: Any) -> Any:
    """A Swagger 2.0 definition as JSON Schema that also refuses members the model does not know."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(part) for name, part in schema.items() if not (name.startswith("x-") or name == "example")}
    if isinstance(made.get("properties"), dict) and "allOf" not in made:
        made.setdefault("additionalProperties", False)
    return made


def check_token_request(form: list[tuple[str, str]]) -> None:
    """Login with Amazon's three grants, each with exactly its fields."""
    given = dict(form)
    if len(given) != len(form):
        raise ContractBroken("token: a field is given twice")
    grant = given.get("grant_type", "")
    if grant not in GRANTS:
        raise ContractBroken(f"token: grant_type {grant!r} is none of {', '.join(GRANTS)}")
    wanted = {"grant_type", "client_id", "client_secret"} | GRANTS[grant]
    if set(given) != wanted or not all(given.values()):
        raise ContractBroken(f"token: {grant} takes {', '.join(sorted(wanted))}, not {', '.join(sorted(given))}")


@lru_cache(maxsize=1)
def models(folder: Path) -> Models:
    return Models(folder)


class Contract:
    """An ASGI application before another: judges what passes, and keeps what broke the contract and what was seen."""

    def __init__(self, app: Any, folder: Path) -> None:
        self._app = app
        self._models = models(folder)
        self.broken: list[str] = []
        self.seen: set[str] = set()

    def check(self) -> None:
        """Raises ContractBroken with everything that broke it so far."""
        if self.broken:
            raise ContractBroken("\n".join(dict.fromkeys(self.broken)))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith(UNJUDGED):
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        operation = self._judged_request(scope, body)
        status, parts, whole = 0, [], False

        async def listening(message: Any) -> None:
            nonlocal status, whole
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
                whole = not message.get("more_body")
            await send(message)

        handed = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Any:
            return next(handed, None) or await receive()

        await self._app(scope, again, listening)
        if operation is not None and whole:  # one that is cut off is no answer
            self._judged(lambda: self._models.check_answer(operation, status, b"".join(parts)))

    def _judged_request(self, scope: Any, body: bytes) -> Described | None:
        path = scope["raw_path"].decode().partition("?")[0]
        if path == TOKEN_PATH:
            self.seen.add("token")
            self._judged(
                lambda: check_token_request(parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True))
            )
            return None
        query = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        found = self._judged(lambda: self._models.check_request(scope["method"], path, query, body))
        if found is not None:
            self.seen.add(found.name)
            self._judged(lambda: _check_headers(found, headers))
        return found

    def _judged(self, judge: Any) -> Any:
        try:
            return judge()
        except ContractBroken as error:
            self.broken.append(str(error))
            return None


def _check_headers(operation: Described, headers: dict[str, str]) -> None:
    """https://developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api, step 3."""
    for name in ("x-amz-access-token", "x-amz-date", "user-agent"):
        if not headers.get(name):
            raise ContractBroken(f"{operation.name}: the header {name} is missing")
    if not re.fullmatch(r"\d{8}T\d{6}Z", headers["x-amz-date"]):
        raise ContractBroken(f"{operation.name}: x-amz-date {headers['x-amz-date']!r} is not like 20261124T080000Z")
    if len(headers["user-agent"]) > 500:
        raise ContractBroken(f"{operation.name}: a user-agent has at most 500 characters")


def _described(
    file: str, model: dict[str, Any], path: str, method: str, told: dict[str, Any], shared: list[Any]
) -> Described:
    def resolved(each: dict[str, Any]) -> dict[str, Any]:
        kind, name = each["$ref"].rsplit("/", 2)[-2:] if "$ref" in each else ("", "")
        return model[kind][name] if kind else each

    pattern = "".join(
        f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", path)
    )
    return Described(
        told["operationId"],
        method.upper(),
        path,
        re.compile(pattern),
        file,
        tuple(resolved(each) for each in [*told.get("parameters", []), *shared]),
        {status: resolved(each) for status, each in told["responses"].items()},
    )


def _no_instant(text: str) -> str:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text):
        return "is no date-time of ISO 8601 with a zone"
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return "is no moment there is"
    return ""


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
