"""Pydantic fields for what `Limits` and `WorkerType` of `scaler.model` declare: as settings, and as keys of a file."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import Field

from ray_watcher_common.state import ResourceBundle
from scaler.model.cluster import WorkerType
from scaler.model.policy import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from dataclasses import Field as Declaration

NOT_BOUNDS = frozenset({"variable", "meaning", "setting"})
SETTINGS: Mapping[str, str] = {limit.name: limit.metadata["setting"] or limit.name for limit in fields(Limits)}
"""For each limit the name of its field in the settings."""
INHERITED_BY_TYPES: Mapping[str, str] = {
    key.name: key.metadata["setting"] for key in fields(WorkerType) if key.metadata.get("setting")
}
"""For keys of a worker type the settings field that applies if the key is left out."""


def as_settings() -> dict[str, Any]:
    """Arguments of `create_model`: each limit with its default, read from its environment variable."""
    return {SETTINGS[limit.name]: (hint, _setting(limit)) for limit, hint in _declared(Limits)}


def of_limits(written: Mapping[str, Any]) -> dict[str, Any]:
    """Likewise, as keys of a file that may all be left out; `written` has the types that differ in the file."""
    return {limit.name: (written.get(limit.name, hint | None), _key(limit, None)) for limit, hint in _declared(Limits)}


def of_worker_type(written: Mapping[str, Any]) -> dict[str, Any]:
    """Likewise for a worker type; a key that is inherited may be left out."""
    return {
        key.name: (written.get(key.name, hint | None if key.metadata["setting"] else hint), _key(key, _default(key)))
        for key, hint in _declared(WorkerType)
    }


def _default(key: Declaration[Any]) -> Any:
    if key.default is MISSING:
        return ...
    return None if key.metadata["setting"] else key.default


def _key(declaration: Declaration[Any], default: Any) -> Any:
    return Field(default, description=declaration.metadata["meaning"], **_bounds(declaration))


def _setting(limit: Declaration[Any]) -> Any:
    unset = "; unset: no limit" if limit.default is None else ""
    described = f"{limit.metadata['meaning']}{unset}"
    return Field(limit.default, validation_alias=limit.metadata["variable"], description=described, **_bounds(limit))


def _bounds(declaration: Declaration[Any]) -> dict[str, Any]:
    return {name: bound for name, bound in declaration.metadata.items() if name not in NOT_BOUNDS}


def _declared(model: type) -> Iterator[tuple[Declaration[Any], Any]]:
    hints = get_type_hints(model, localns={"ResourceBundle": ResourceBundle})
    return ((field, hints[field.name]) for field in fields(model) if field.metadata)
