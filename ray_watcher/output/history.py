"""The scaler's history as a table and as charts, and its decisions in short form. Pure."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ray_watcher.output import terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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
    """Workers and pending requests over time, `width` columns wide without the scale; a gap is unknown."""
    samples, since, until = history["samples"], history["since"], history["until"]
    if not samples:
        return ["No samples in this time span."]
    since = max(since, samples[0]["at"])
    if until <= since:
        return ["All samples have the same time."]
    lines = []
    for key, title in (("workers", "workers"), ("pending", "pending requests")):
        pieces = _steps([(max(sample["at"], since), sample[key]) for sample in samples], until)
        lines += [*_chart(title, pieces, since, until, width), ""]
    return lines[:-1]


def _steps(samples: Sequence[tuple[float, float | None]], until: float) -> list[list[tuple[float, float]]]:
    """The pieces of a line of steps: a value holds until the next one, and an unknown one is a gap."""
    pieces: list[list[tuple[float, float]]] = [[]]
    ends = [at for at, _ in samples[1:]] + [until]
    for (at, value), end in zip(samples, ends, strict=True):
        if value is None:
            pieces.append([])
        else:
            pieces[-1] += [(at, value), (end, value)]
    return [piece for piece in pieces if piece]


def _chart(
    title: str, pieces: Sequence[Sequence[tuple[float, float]]], since: float, until: float, width: int
) -> list[str]:
    import plotille

    figure = plotille.Figure()
    figure.width, figure.height, figure.with_colors, figure.origin = width, CHART_HEIGHT, False, False
    figure.y_label, figure.x_label = title, "time"
    peak = max((value for piece in pieces for _, value in piece), default=0.0)
    figure.set_x_limits(_local(since), _local(until))
    figure.set_y_limits(0.0, CHART_HEIGHT * (peak // CHART_HEIGHT + 1.0))  # so that each row is a whole number
    figure.register_label_formatter(float, _tick)
    for piece in pieces:
        figure.plot([_local(at) for at, _ in piece], [value for _, value in piece])
    return [line.rstrip() for line in str(figure.show()).splitlines()]


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at).astimezone()


def _tick(value: float, chars: int, delta: float, left: bool = False) -> str:  # noqa: FBT001, FBT002  # plotille's own
    del delta
    return f"{value:g}".ljust(chars) if left else f"{value:g}".rjust(chars)


def show(history: Mapping[str, Any], *, with_plot: bool, width: int) -> None:
    """Print it for people."""
    if found := rows(history):
        zone = time.strftime("%Z", time.localtime(history["until"]))
        terminal.table((f"time {zone}", *COLUMNS), found)
    else:
        terminal.line("No actions in this time span.")
    if history["truncated"]:
        terminal.note("output truncated; use --limit, --since or a filter")
    if with_plot:
        for line in ("", *charts(history, width)):
            terminal.line(line)


@dataclass(frozen=True)
class Part:
    """One action, held action or infeasible request of a decision."""

    what: str  # `launch 2 workers`, `drain worker-1-3fa9c0`, `hold 3`, `infeasible 1`
    cause: str
    reason: str


def parts(decision: Mapping[str, Any]) -> list[Part]:
    """All parts of a decision: actions first, grouped by kind and cause."""
    held = [Part(f"hold {entry['count']}", entry["cause"], entry["reason"]) for entry in decision["held"]]
    infeasible = [
        Part(f"infeasible {entry['count']}", entry["cause"], entry["reason"]) for entry in decision["infeasible"]
    ]
    return [*_actions(decision["actions"]), *held, *infeasible]


def _actions(actions: Iterable[Mapping[str, Any]]) -> Iterator[Part]:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for action in actions:
        groups.setdefault((action["action"], action["cause"]), []).append(action)
    for (kind, cause), members in groups.items():
        named = members[0]["worker_id"] if len(members) == 1 else ""
        yield Part(f"{kind} {named or terminal.count(len(members), 'worker')}", cause, members[0]["reason"])
