"""Pydantic fields for the limits that `scaler.model.policy.Limits` declares: as settings, and as keys of a file."""

from __future__ import annotations

from dataclasses import Field as Declaration
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import Field

from scaler.model.policy import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_BOUNDS = frozenset({"variable", "meaning", "setting"})
SETTINGS: Mapping[str, str] = {limit.name: limit.metadata["setting"] or limit.name for limit in fields(Limits)}
"""For each limit the name of its field in the settings."""


def as_settings() -> dict[str, Any]:
    """Arguments of `create_model`: each limit with its default, read from its environment variable."""
    return {SETTINGS[limit.name]: (hint, _setting(limit)) for limit, hint in _hinted()}


def as_keys() -> dict[str, Any]:
    """Likewise, as keys of a file that may all be left out."""
    return {
        limit.name: (hint | None, Field(None, description=limit.metadata["meaning"], **_bounds(limit)))
        for limit, hint in _hinted()
    }


def _setting(limit: Declaration[Any]) -> Any:
    unset = "; unset: no limit" if limit.default is None else ""
    described = f"{limit.metadata['meaning']}{unset}"
    return Field(limit.default, validation_alias=limit.metadata["variable"], description=described, **_bounds(limit))


def _bounds(limit: Declaration[Any]) -> dict[str, Any]:
    return {name: bound for name, bound in limit.metadata.items() if name not in NOT_BOUNDS}


def _hinted() -> list[tuple[Declaration[Any], Any]]:
    hints = get_type_hints(Limits)
    return [(limit, hints[limit.name]) for limit in fields(Limits)]
