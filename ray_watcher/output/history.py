"""The scaler's history as a table and as charts. Pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ray_watcher.output import plot, terminal

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = ("action", "worker", "cause", "outcome", "took", "joined", "reason")
CHART_HEIGHT = 6
DAY_SECONDS = 24 * 3600.0


def rows(history: Mapping[str, Any]) -> list[list[str]]:
    """One row for each entry, newest first; times are local."""
    form = "%H:%M:%S" if history["until"] - history["since"] < DAY_SECONDS else "%Y-%m-%d %H:%M:%S"
    return [_row(entry, form) for entry in history["entries"]]


def _row(entry: Mapping[str, Any], form: str) -> list[str]:
    is_action = bool(entry["worker_id"])
    what = entry["action"] if is_action else f"{entry['action']} {entry['count']}"
    problem = f" ({entry['detail']})" if entry["detail"] else ""
    return [
        time.strftime(form, time.localtime(entry["at"])),
        what,
        entry["worker_id"] or "-",
        entry["cause"],
        (entry["outcome"] or "in progress") if is_action else "-",
        _seconds(entry["took_seconds"]),
        _seconds(entry["joined_after_seconds"]),
        entry["reason"] + problem,
    ]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def charts(history: Mapping[str, Any], width: int) -> list[str]:
    """Workers and pending requests over time; one line if there is nothing to draw."""
    samples, since, until = history["samples"], history["since"], history["until"]
    if not samples:
        return ["No samples in this time span."]
    since = max(since, samples[0]["at"])
    if until <= since:
        return ["All samples have the same time."]
    lines = []
    for key, title in (("workers", "Workers"), ("pending", "Pending requests (· unknown)")):
        series = [(sample["at"], sample[key]) for sample in samples]
        lines += [*plot.chart(title, series, since, until, width=width, height=CHART_HEIGHT), ""]
    return lines[:-1]


def show(history: Mapping[str, Any], *, with_plot: bool, width: int) -> None:
    """Print it for people."""
    if found := rows(history):
        zone = time.strftime("%Z", time.localtime(history["until"]))
        terminal.table((f"time {zone}", *COLUMNS), found)
    else:
        terminal.say("No actions in this time span.")
    if history["truncated"]:
        terminal.note("output truncated; use --limit, --since or a filter")
    if with_plot:
        for line in ("", *charts(history, width)):
            terminal.say(line)
