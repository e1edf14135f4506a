"""Numbers over time as bars of block characters. Pure."""

from __future__ import annotations

import math
import time
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS = " ▁▂▃▄▅▆▇█"
EIGHTHS = len(BLOCKS) - 1
UNKNOWN = "·"  # at the foot of a column where nothing is known
DAY_SECONDS = 24 * 3600.0


def columns(
    samples: Sequence[tuple[float, float | None]], since: float, until: float, width: int
) -> list[float | None]:
    """The peak of each of `width` equal stretches of time; a sample holds until the next, None is not known."""
    times = [at for at, _ in samples]
    step = (until - since) / width
    found: list[float | None] = []
    for column in range(width):
        begin, end = since + column * step, since + (column + 1) * step
        first, last = bisect_right(times, begin) - 1, bisect_left(times, end)
        values = [value for _, value in samples[max(first, 0) : last] if value is not None]
        found.append(max(values, default=None))
    return found


def bars(values: Sequence[float | None], height: int) -> list[str]:
    """`height` lines from the top, each with its scale at the left."""
    top = max(1.0, *(value or 0.0 for value in values))
    label = len(f"{top:g}")
    lines = []
    for row in reversed(range(height)):
        cells = "".join(_cell(value, row, top, height) for value in values)
        scale = f"{top:g}" if row == height - 1 else "0" if row == 0 else ""
        lines.append(f"{scale.rjust(label)} │{cells}".rstrip())
    return lines


def _cell(value: float | None, row: int, top: float, height: int) -> str:
    if value is None:
        return UNKNOWN if row == 0 else " "
    filled = math.ceil(value / top * height * EIGHTHS) - row * EIGHTHS
    return BLOCKS[max(0, min(EIGHTHS, filled))]


def time_axis(since: float, until: float, width: int, indent: int) -> str:
    """First, middle and last moment below the bars, in local time."""
    form = "%H:%M:%S" if until - since < DAY_SECONDS else "%m-%d %H:%M"
    first, middle, last = (time.strftime(form, time.localtime(at)) for at in (since, (since + until) / 2, until))
    room = max(0, width - len(first) - len(middle) - len(last))
    left = room // 2
    return f"{' ' * indent}{first}{' ' * left}{middle}{' ' * (room - left)}{last}"


def chart(
    title: str, samples: Sequence[tuple[float, float | None]], since: float, until: float, *, width: int, height: int
) -> list[str]:
    """A titled chart, `width` columns wide without its scale."""
    lines = bars(columns(samples, since, until, width), height)
    indent = len(lines[0].partition("│")[0]) + 1
    return [title, *lines, time_axis(since, until, width, indent)]
