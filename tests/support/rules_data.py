"""The shipped rules and their promtool tests as data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "prometheus"
WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
MATCHERS = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}")
AWAITED: dict[str, set[str]] = {}
"""Metrics, with their labels, that rules and dashboards are ready for and that nothing serves yet."""
HISTOGRAM_PARTS = re.compile(r"_(bucket|sum|count)$")


def _load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def prometheus() -> dict[str, Any]:
    """The shipped `prometheus.yml`."""
    return _load(SHIPPED / "prometheus.yml")


def alertmanager() -> dict[str, Any]:
    """The shipped `alertmanager.yml`."""
    return _load(SHIPPED / "alertmanager.yml")


def rules() -> list[dict[str, Any]]:
    """Every rule that is shipped, alerts and recordings."""
    groups = [group for path in sorted((SHIPPED / "rules").glob("*.yml")) for group in _load(path)["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """Every alert."""
    return [rule for rule in rules() if "alert" in rule]


def recorded() -> list[str]:
    """The name of every recorded series."""
    return [rule["record"] for rule in rules() if "record" in rule]


def promtool_tests() -> list[dict[str, Any]]:
    """Every test of every promtool test file."""
    return [test for path in sorted((SHIPPED / "tests").glob("*.test.yml")) for test in _load(path)["tests"]]


def metrics_in(expression: str) -> set[str]:
    """Metric names of ours in a PromQL expression; a histogram's parts by the histogram's name."""
    text = re.sub(r'"[^"]*"', "", expression)
    names = {word for word in WORD.findall(text) if re.match(r"ray(cluster|scaler)_", word) or ":" in word}
    return {HISTOGRAM_PARTS.sub("", name) for name in names}


def matched_labels_in(expression: str) -> set[tuple[str, str]]:
    """Each metric with each label it is selected by."""
    return {
        (metric, label)
        for metric, matchers in MATCHERS.findall(expression)
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)
    }
