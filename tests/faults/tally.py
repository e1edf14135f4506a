"""What all rounds gave, in figures. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from faults.invariants import violations

if TYPE_CHECKING:
    from faults.record import Record


@dataclass
class Tally:
    """What all rounds gave."""

    tried: Counter[str] = field(default_factory=Counter)
    blamed: Counter[str] = field(default_factory=Counter)  # rounds with a violation, by the faults they had
    told: dict[int, list[str]] = field(default_factory=dict)  # by seed
    totals: Counter[str] = field(default_factory=Counter)

    def add(self, seed: int, record: Record) -> list[str]:
        """Judge a round's record; its violations."""
        wrong = violations(record)
        names = [one.fault for one in record.inflicted]
        self.tried.update(names)
        if wrong:
            self.told[seed] = wrong
            self.blamed.update(set(names))
        self.totals.update(
            rounds=1,
            faults=len(names),
            tasks=sum(job.tasks for job in record.jobs),
            finished=sum(job.finished for job in record.jobs),
            launches=sum(action.kind == "launch" for action in record.actions),
            drains=sum(action.kind == "drain" for action in record.actions),
            removals=sum(action.kind == "remove" for action in record.actions),
            samples=len(record.samples),
        )
        living = max((len(sample.living) for sample in record.samples), default=0)
        in_ray = max((len(sample.in_ray or ()) for sample in record.samples), default=0)
        self.totals["most_living"] = max(self.totals["most_living"], living)
        self.totals["most_in_ray"] = max(self.totals["most_in_ray"], in_ray)  # those too that Ray has not missed yet
        return wrong

    def table(self) -> str:
        """Each fault: how often it was tried, and in how many rounds with a violation."""
        width = max((len(name) for name in self.tried), default=5)
        lines = [f"{'fault':<{width}}  tried  in rounds with a violation"]
        lines += [f"{name:<{width}}  {count:5}  {self.blamed[name]}" for name, count in sorted(self.tried.items())]
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        """For a file."""
        return {"tried": dict(self.tried), "violations": self.told, "totals": dict(self.totals)}
