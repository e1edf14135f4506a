"""The OpenAPI 3.1 document of the API, made of `OPERATIONS` and the types that the code uses."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from scaler.web.api.documents import Problem
from scaler.web.api.operations import OPERATIONS, PREFIX, Operation

if TYPE_CHECKING:
    from http import HTTPStatus

    from pydantic.json_schema import JsonSchemaValue

API_VERSION = "1.0"  # docs/upgrade.md: what raises it
REFERENCE = "#/components/schemas/{model}"
JSON, PROBLEM_JSON = "application/json", "application/problem+json"
DESCRIPTION = (
    "State, history and controls of a scaler. Reading needs no token. What changes something is a POST with"
    " `Content-Type: application/json`, and with `Authorization: Bearer TOKEN` if the scaler has a token."
    " Times are unix seconds, durations seconds. Clients ignore keys and enum values that they do not know:"
    " these may be added within version 1."
)


class _Schemas(GenerateJsonSchema):
    """As pydantic makes them, but an answer always has all of its keys."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: FBT001  # as overridden
        """Whether a key must be there."""
        return self.mode == "serialization" or super().field_is_required(field, total)


@cache
def document() -> dict[str, Any]:
    """The document, for `json.dumps`."""
    answers = {operation.answer for operation in OPERATIONS} | {Problem}
    bodies = {operation.body for operation in OPERATIONS if operation.body}
    wanted: list[tuple[Any, Any, TypeAdapter[Any]]] = [
        *((kind, "serialization", TypeAdapter(kind)) for kind in sorted(answers, key=_name)),
        *((kind, "validation", TypeAdapter(kind)) for kind in sorted(bodies, key=_name)),
    ]
    roots, more = TypeAdapter.json_schemas(wanted, ref_template=REFERENCE, schema_generator=_Schemas)
    references = {kind: schema for (kind, _mode), schema in roots.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ray-watcher scaler",
            "version": API_VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            f"{PREFIX}{operation.path}": {operation.method.lower(): _operation(operation, references)}
            for operation in OPERATIONS
        },
        "components": {
            "schemas": _untitled(dict(sorted(more.get("$defs", {}).items()))),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, references: dict[Any, JsonSchemaValue]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {
            str(int(operation.success)): {
                "description": "The answer.",
                "content": {JSON: {"schema": references[operation.answer]}},
            },
            **{str(int(status)): _refusal(status, references[Problem]) for status in operation.refusals},
        },
    }
    if operation.query:
        described["parameters"] = _parameters(operation.query.model_json_schema())
    if operation.body:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": references[operation.body]}}}
        described["security"] = [{"token": []}, {}]
    return described


def _refusal(status: HTTPStatus, schema: JsonSchemaValue) -> dict[str, Any]:
    return {"description": status.phrase, "content": {PROBLEM_JSON: {"schema": schema}}}


def _parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "description": about.pop("description", ""), "schema": _given(about)}
        for name, about in _untitled(schema["properties"]).items()
    ]


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that is there: none is null."""
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind != {"type": "null"}]
    return {key: value for key, value in kinds[0].items() if (key, value) != ("default", None)}


def _untitled(schema: Any) -> Any:
    """Without the titles that pydantic makes of names."""
    if isinstance(schema, list):
        return [_untitled(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _untitled(one) for key, one in schema.items() if key != "title" or not isinstance(one, str)}


def _name(kind: type) -> str:
    return kind.__name__
