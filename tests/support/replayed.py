"""Recorded days through today's planner: what it decides otherwise than the planner that was recorded.

`make accept-replay` writes the golden files anew, after a person has read the difference.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ray_watcher.output.replay import document
from ray_watcher.tuning.replay import replay
from scaler.planning.plan import plan
from scaler.recording.export import read
from scaler.recording.reading import Reader
from support.paths import TESTS

if TYPE_CHECKING:
    from pathlib import Path

GOLDEN = TESTS / "golden" / "replay"
DAYS = sorted((TESTS / "recorded" / "days").glob("*.jsonl.gz"))


def replayed(day: Path) -> str:
    """The differences on a recorded day, as JSON."""
    reader = Reader()
    with day.open("rb") as file:
        result = replay(map(reader.moment, read(file, day.name)[1]), plan)
    assert result, day
    found = document(result, day.name, "as recorded", "built-in")
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def golden(day: Path) -> Path:
    """The file with the accepted differences."""
    return GOLDEN / f"{day.name.removesuffix('.jsonl.gz')}.json"


if __name__ == "__main__":
    for day in DAYS:
        golden(day).write_text(replayed(day), encoding="utf-8")
