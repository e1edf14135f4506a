"""Parts of a YAML document checked against pydantic models; a mistake is reported with its line, got and wanted."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from ray_watcher_common.program.settings import wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from ray_watcher_common.documents.findings import Finding
    from ray_watcher_common.documents.yaml_lines import Document

Place = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

SECRET = "secret"  # noqa: S105  # a kind of error
"""The type of an error of pydantic whose input is not shown."""

_WANTED = {
    "invalid_key": "text; put it in quotes",
    "list_type": "a list",
    "dict_type": "keys and values",
    "string_pattern_mismatch": "a name",
    "string_too_short": "some text",
    "string_type": "text; put it in quotes",
    "too_short": "at least one",
}
"""Clearer words for some of pydantic's errors, by its names for them."""


def validated(model: type[Model], document: Document, place: Place, findings: list[Finding]) -> Model | None:
    """The part of `document` at `place` as `model`; None if it has mistakes, which are added to `findings`."""
    value = document.value
    for key in place:
        value = value[key]
    if not isinstance(value, dict):
        findings.append(document.error(place, f"{key_text(place)}got {value!r}, wanted keys and values"))
        return None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        findings += [_explain(model, document, place, detail) for detail in error.errors(include_url=False)]
        return None


def _explain(model: type[BaseModel], document: Document, place: Place, detail: ErrorDetails) -> Finding:
    inside = tuple(part for part in detail["loc"] if part != "[key]")
    where = (*place, *inside)
    if detail["type"] == "missing":
        return document.error(where, f"{key_text(where)}is missing{_meaning(model, inside)}")
    if detail["type"] == "extra_forbidden":
        return document.error(where, f"{key_text(where)}is unknown; {_known(model, str(inside[-1]))}")
    text = _WANTED.get(detail["type"]) or wanted(detail)
    got = "a value" if detail["type"] == SECRET else repr(detail["input"])
    return document.error(where, f"{key_text(where)}got {got}, wanted {text}{_meaning(model, inside)}")


def key_text(place: Place) -> str:
    """A place as the beginning of a message: `worker_types[0].num_cpus: `."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    return f"{text}: " if text else ""


def _meaning(model: type[BaseModel], inside: Place) -> str:
    field = _fields(model).get(str(inside[0])) if inside else None
    return f" ({field.description})" if field and field.description else ""


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields by their keys in a file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _known(model: type[BaseModel], key: str) -> str:
    names = list(_fields(model))
    if key in (elsewhere := getattr(model, "KEYS_ELSEWHERE", {})):
        return f"it belongs under {elsewhere[key]}"
    return alike(key, names)


def alike(name: str, known: Sequence[str]) -> str:
    """What to write instead of an unknown name: the closest that is known, else all of them."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
