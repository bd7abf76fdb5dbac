"""Amazon's own models, for tests that hold requests and answers against them."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]

SHARED = Path(os.environ.get("ML_CONNECTOR_SHARED", Path(__file__).parents[3] / "shared"))
MODELS = SHARED / "amazon-models"


def model(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((MODELS / name).read_text(encoding="utf-8"))
    return loaded


def closed(schema: Any) -> Any:
    """A Swagger 2.0 definition as JSON Schema that also refuses members the model does not know."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(part) for name, part in schema.items() if not name.startswith(("x-", "example"))}
    if made.get("type") == "object" and isinstance(made.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


def merged(schema: Any, definitions: dict[str, Any]) -> Any:
    """A definition that is all of several objects, as one object with the members of each."""
    if "allOf" not in schema:
        return schema
    parts = [definitions[part["$ref"].rpartition("/")[2]] if "$ref" in part else part for part in schema["allOf"]]
    members = {name: each for part in parts for name, each in part.get("properties", {}).items()}
    return {"type": "object", "required": parts[0].get("required", []), "properties": members}


def check(answer: Any, model_name: str, definition: str) -> None:
    raw = model(model_name)["definitions"]
    definitions = {name: closed(merged(each, raw)) for name, each in raw.items()}
    schema = {"$ref": f"#/definitions/{definition}", "definitions": definitions}
    checker = jsonschema.FormatChecker()
    jsonschema.Draft4Validator(schema, format_checker=checker).validate(answer)


def documented(model_name: str, path: str, method: str = "get") -> set[str]:
    parameters = model(model_name)["paths"][path][method]["parameters"]
    return {each["name"] for each in parameters if each["in"] == "query"}
