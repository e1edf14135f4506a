"""The result of a replay, as tables and as a document. Pure but for printing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ray_watcher.output import terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ray_watcher.tuning.replay import Difference, Part, Replay

REPLAY_VERSION = 1


def document(replay: Replay, source: str, policy: str, planner: str) -> dict[str, Any]:
    """For `--json`: times in unix seconds, durations in seconds."""
    return {
        "version": REPLAY_VERSION,
        "recording": source,
        "policy": policy,
        "planner": planner,
        "since": replay.since,
        "until": replay.until,
        "moments": replay.moments,
        "plans": replay.plans,
        "gaps": [{"since": since, "until": until} for since, until in replay.gaps],
        "differences": [_difference(one) for one in replay.differences],
        "totals": [
            {"what": key.what, "cause": key.cause, "recorded": recorded, "replayed": replayed}
            for key, (recorded, replayed) in replay.totals().items()
        ],
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "since": one.since,
        "until": one.until,
        "recorded": [_part(part) for part in one.recorded],
        "replayed": [_part(part) for part in one.replayed],
    }


def _part(part: Part) -> dict[str, Any]:
    return {**part.key._asdict(), "count": part.count, "reason": part.reason}


def show(replay: Replay, source: str, policy: str, planner: str, limit: int) -> None:
    """Print it for people: the totals, and the first differences."""
    spoken = f"{terminal.count(replay.moments, 'moment')}, {_when(replay.since)} to {_when(replay.until)}"
    terminal.line(f"Replayed {source}: {spoken}; policy: {policy}; planner: {planner}.")
    for since, until in replay.gaps:
        terminal.line(f"Not recorded: {_when(since)} to {_when(until)}.")
    if not replay.differences:
        terminal.line("Every decision is the same.")
        return
    terminal.line(f"{terminal.count(len(replay.differences), 'difference')}:")
    totals = [[*key[:2], str(old), str(new)] for key, (old, new) in replay.totals().items()]
    terminal.table(("what", "cause", "recorded", "replayed"), totals)
    terminal.line()
    shown = replay.differences[:limit]
    terminal.table(("time", "seconds", "plan", "what", "cause", "reason"), [row for one in shown for row in _rows(one)])
    if len(shown) < len(replay.differences):
        terminal.note("output truncated; use --limit, --since or --json")


def _rows(one: Difference) -> Iterator[list[str]]:
    time_and_length = [_when(one.since), f"{one.until - one.since:.0f}"]
    sides = [*(("recorded", part) for part in one.recorded), *(("replayed", part) for part in one.replayed)]
    for number, (side, part) in enumerate(sides):
        subject = f" {part.key.subject}" if part.key.subject else ""
        what = f"{part.key.what} {part.count}{subject}"
        yield [*(time_and_length if number == 0 else ["", ""]), side, what, part.key.cause, part.reason]


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
