"""Fields that are declared once. Pure: standard library only.

`scaler.config.keys` makes the settings, the keys of the policy file and the docs from them.
"""

from __future__ import annotations

from dataclasses import MISSING, field
from typing import Any


def declared(meaning: str, default: Any = MISSING, *, variable: str = "", setting: str = "", **bounds: float) -> Any:
    """A dataclass field with its `meaning`, and its bounds as pydantic names them (`ge`, `gt`, `le`).

    `variable` is its environment variable. `setting` is the name of the settings' field if it differs; for a key of a
    worker type, the field that applies if the key is left out.
    """
    return field(default=default, metadata={"meaning": meaning, "variable": variable, "setting": setting} | bounds)
