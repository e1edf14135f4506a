"""Lines of several logs in the order of their times. Pure.

exporter and scaler write JSON with `timestamp`, Prometheus and Alertmanager logfmt with `ts` or `time`, Ray a local
time at the start of a line. A line without a time, such as one of a traceback, stays after the line before it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOMENT = r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)?"
TIMES = [re.compile(f"{start}{MOMENT}") for start in (r'"timestamp": ?"', r"\b(?:ts|time)=", r"^\W{0,3}")]


def moment(line: str) -> float | None:
    """Unix seconds at which a line was written; None if it has no time. A time without a zone is local."""
    found = next(filter(None, (pattern.search(line) for pattern in TIMES)), None)
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    text = f"{day}T{clock}.{(fraction or '0').ljust(6, '0')}{(zone or '').replace('Z', '+00:00')}"
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:  # the 31st of February
        return None


class Merger:
    """Orders batches of lines; remembers the last time of each part from one batch to the next."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def merged(self, batch: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Parts and lines, those of one part in their own order."""
        timed = []
        for part, line in batch:
            last = self._last.get(part, 0.0)
            self._last[part] = max(last, moment(line) or last)
            timed.append((self._last[part], part, line))
        return [(part, line) for _, part, line in sorted(timed, key=lambda one: one[0])]
