"""Grafana's dark colours, and values as Grafana writes them."""

from __future__ import annotations

import math
from typing import Any

PAGE, PANEL, EDGE, GRID, TEXT, MUTED = "#111217", "#181b1f", "#2c3038", "#2a2d33", "#d5d5e0", "#8e93a1"
NAMED = {
    "green": "#73bf69",
    "yellow": "#f2cc0c",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
    "purple": "#b877d9",
    "transparent": "#23262c",
}
PALETTE = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#37872d", "#ffb357", "#c0d8ff")
MINUTE, HOUR = 60, 3600
THOUSAND, KIB = 1000, 1024
BYTES = ("B", "KiB", "MiB", "GiB", "TiB")
SMALL_SECONDS = 0.1


def colour(name: str) -> str:
    """A colour by Grafana's name, or as it is."""
    return NAMED.get(name, name)


def defaults(panel: dict[str, Any]) -> dict[str, Any]:
    """How values of the panel are shown by default."""
    found: dict[str, Any] = panel["fieldConfig"]["defaults"]
    return found


def overrides(panel: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The overrides of single series or columns, by name."""
    found: dict[str, dict[str, Any]] = {}
    for one in panel["fieldConfig"].get("overrides") or []:
        override = {item["id"]: item["value"] for item in one["properties"]}
        found.setdefault(one["matcher"]["options"], {}).update(override)
    return found


def threshold_colour(steps: list[dict[str, Any]], value: float) -> str:
    """The colour of the highest step that `value` reaches."""
    reached = [step["color"] for step in steps if step.get("value") is None or value >= step["value"]]
    return colour(reached[-1])


def word(panel: dict[str, Any], value: float) -> tuple[str, str] | None:
    """The mapped text and colour of a value, where the panel has one."""
    for mapping in defaults(panel).get("mappings") or []:
        if result := mapping["options"].get(f"{value:g}"):
            return result["text"], colour(result["color"])
    return None


def written(value: float, unit: str, decimals: int | None = None) -> str:
    """A value in its unit, short."""
    if math.isnan(value):
        return "-"
    if unit == "percentunit":
        return f"{value * 100:.0f}%"
    if unit == "s":
        return _seconds(value, decimals)
    if unit == "bytes":
        return _bytes(value)
    if value >= THOUSAND:
        return f"{value / THOUSAND:.3g} K"
    return f"{value:.{decimals}f}" if decimals is not None else f"{value:.3g}"


def _bytes(value: float) -> str:
    steps = min(int(math.log(value, KIB)), len(BYTES) - 1) if value >= 1 else 0
    return f"{value / KIB**steps:.3g} {BYTES[steps]}"


def _seconds(value: float, decimals: int | None) -> str:
    if value >= HOUR:
        return f"{value / HOUR:.1f} h"
    if value >= MINUTE:
        return f"{value / MINUTE:.3g} min"
    if 0 < value < SMALL_SECONDS:
        return f"{value * THOUSAND:.2g} ms"
    return f"{value:.{decimals}f} s" if decimals is not None else f"{value:.3g} s"
