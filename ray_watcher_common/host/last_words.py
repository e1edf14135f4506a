"""Why a process ended, as far as its last lines of output tell. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ray_watcher_common.shown import without_colour

if TYPE_CHECKING:
    from collections.abc import Iterable

NO_REASON = re.compile(
    r"\b(INFO|DEBUG)\b"  # Python's levels
    r"|^\[\S+ \S+ [ID] "  # those of Ray's C++ programs: [2026-11-28 12:00:00,123 I 12 12]
    r"|level=(info|debug)"
    r"|^Remaining processes will be killed"  # `ray start --block`, after the reason
)
BANNER_ENDS = "Process exit logs will be saved to"  # the last line of what `ray start --block` prints when all is well
UNEXPECTED = re.compile(r"exited unexpectedly:$")  # followed by a line for each program of Ray that ended


def reason(lines: Iterable[str]) -> str:
    """The last line that can be a reason; "" if there is none: output without a fault, such as a log's last INFO."""
    said: list[str] = []
    for line in map(str.strip, map(without_colour, lines)):
        if BANNER_ENDS in line:
            said.clear()
        elif line and not NO_REASON.search(line):
            said.append(line)
    for place, line in enumerate(said):
        if UNEXPECTED.search(line):
            return f"{line} {', '.join(said[place + 1 :])}".strip()
    return said[-1] if said else ""
