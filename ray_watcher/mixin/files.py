"""The files of a mixin: rules and dashboards as Prometheus and Grafana load them, made from the shipped ones."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import yaml

from ray_watcher.errors import UnusableFileError
from ray_watcher.mixin.dashboards import dashboard
from ray_watcher.mixin.rules import for_scaler, rule_file
from ray_watcher_common.documents.yaml_models import alike
from ray_watcher_common.shipped import shipped_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray_watcher.mixin.config import Config

COLUMNS = 120
HEAD = "# Written by `ray-watcher mixin` from the rules of ray-watcher; do not change it here.\n"


class _Dumper(yaml.SafeDumper):
    """Expressions of several lines stay several lines."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def files(config: Config) -> Mapping[PurePath, str]:
    """Each file's text by its path inside the mixin. Raises `UnusableFileError` if `config` names no such alert."""
    rules = {path.name: _yaml(path.read_text(encoding="utf-8")) for path in _shipped("prometheus/rules", "*.yml")}
    _check_names(rules, config)
    boards = {
        path.name: json.loads(path.read_text(encoding="utf-8")) for path in _shipped("grafana/dashboards", "*.json")
    }
    return {
        **{PurePath("rules", name): _dumped(rule_file(content, config)) for name, content in rules.items()},
        **{
            PurePath("dashboards", name): json.dumps(dashboard(content, config), indent=2, sort_keys=True) + "\n"
            for name, content in boards.items()
        },
    }


def _shipped(directory: str, pattern: str) -> list[Any]:
    return sorted(shipped_path(directory).glob(pattern))


def _yaml(text: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def _dumped(content: dict[str, Any]) -> str:
    return HEAD + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=COLUMNS, allow_unicode=True)


def _check_names(rules: Mapping[str, dict[str, Any]], config: Config) -> None:
    """Only alerts for people can be changed: without its scaling alerts a cluster does not scale."""
    alerts = [rule for content in rules.values() for group in content["groups"] for rule in group["rules"]]
    health = [rule["alert"] for rule in alerts if "alert" in rule and not for_scaler(rule)]
    for name in config.alerts:
        if name not in health:
            raise UnusableFileError(f"alerts.{name}: no health alert has this name; {alike(name, health)}")
