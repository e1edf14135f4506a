"""The shipped dashboards with the names and links of a `Config`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray_watcher.mixin.rules import CLUSTER, expression

if TYPE_CHECKING:
    from ray_watcher.mixin.config import Config


def dashboard(content: dict[str, Any], config: Config) -> dict[str, Any]:
    """A dashboard's JSON for `config`. The variable on top stays `cluster`; what it is compared with has the label."""
    made: dict[str, Any] = _changed(content, config)
    for variable in made.get("templating", {}).get("list", ()):
        if variable["type"] == "query":
            variable["query"] = expression(variable["query"], config)
        elif variable["name"] == "ray_dashboard" and config.ray_dashboard_url:
            url = config.ray_dashboard_url
            variable.update(query=url, current={"text": url, "value": url})
    return made


def _changed(part: Any, config: Config, key: str = "") -> Any:
    """A part of the JSON, the value of `key`, with expressions, legends and columns of tables changed."""
    if isinstance(part, dict):
        return {_column(name, key, config): _changed(value, config, _inside(key, name)) for name, value in part.items()}
    if isinstance(part, list):
        return [_changed(value, config, key) for value in part]
    if not isinstance(part, str):
        return part
    if key == "expr":
        return expression(part, config)
    if key == "legendFormat":
        return part.replace(f"{{{{{CLUSTER}}}}}", f"{{{{{config.cluster_label}}}}}")
    return _column(part, key, config)


def _inside(key: str, name: str) -> str:
    """Everything below `transformations` names columns of tables, which are labels."""
    return key if key == "transformations" else name


def _column(name: str, key: str, config: Config) -> str:
    return config.cluster_label if (key, name) == ("transformations", CLUSTER) else name
