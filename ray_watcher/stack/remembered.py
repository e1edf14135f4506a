"""Options of the last start, which the next start uses again until they are changed: `options.json` of the watcher."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from ray_watcher.settings import OperatorSettings, variable
from ray_watcher_common.host import private
from ray_watcher_common.host.detached import write_atomically
from ray_watcher_common.program.settings import SettingsError, load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "options.json"


def path_of(settings: OperatorSettings) -> Path:
    """Where the options of this cluster's watcher are."""
    return settings.state_dir / "watcher" / settings.cluster / FILE


def read(settings: OperatorSettings) -> dict[str, Any]:
    """The remembered options by field name. A variable of the environment that is set now is newer: it wins.

    Raises `SettingsError` if the file cannot be used.
    """
    path = path_of(settings)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise SettingsError(f"{path} is damaged ({error}); remove it") from None
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: got {found!r}, wanted options by name; remove it")
    known = OperatorSettings.model_fields
    return {name: value for name, value in found.items() if name in known and not os.environ.get(variable(name))}


def loaded(given: Mapping[str, Any], *, forget: bool = False) -> tuple[OperatorSettings, dict[str, Any]]:
    """The settings with what was `given` now and, unless `forget`, at the last start; and those options.

    Raises `SettingsError`.
    """
    kept = {} if forget else read(load(OperatorSettings))
    options = {**kept, **given}
    return load(OperatorSettings, **options), options


def write(settings: OperatorSettings, options: Mapping[str, Any]) -> None:
    """Remember these options."""
    private.make_directory(path_of(settings).parent)
    write_atomically(path_of(settings), json.dumps(dict(options), indent=1, sort_keys=True))


def shown(options: Mapping[str, Any]) -> str:
    """The options as a person types them; "" if there are none."""
    return " ".join(f"--{name.replace('_', '-')} {_text(options[name])}" for name in sorted(options))


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
