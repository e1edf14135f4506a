"""The project's files that are not code: rules, configuration, dashboards, runbooks.

In a checkout they are where a reader looks for them (`prometheus/`, `grafana/`, `docs/runbooks/`). A wheel has them
under the same names in `ray_watcher_common/data`; `pyproject.toml` maps them there.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

_PACKAGE = Path(str(resources.files("ray_watcher_common")))


def checkout(package: Path = _PACKAGE) -> Path | None:
    """The root of the checkout that this code runs from; None if it runs from an installed wheel or an image."""
    root = package.parent
    return root if (root / "pyproject.toml").is_file() else None


def shipped_path(name: str, package: Path = _PACKAGE) -> Path:
    """The file or directory `name`, a path as in the repository, for example `prometheus/rules`."""
    return (checkout(package) or package / "data") / name
