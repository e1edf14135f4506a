"""What a benchmark found, as values that go through JSON. Pure.

A `Report` is one benchmark's; a `Record` is one run of all of them with the machine it ran on.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    Cell = str | float | int | None
    Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Headline:
    """One figure and that of a named peer, from the same run, and the goal.

    `most` and `least` bound our own figure, `least_ratio` how many times better than the peer it has to be.
    """

    what: str
    ours: float
    unit: str
    peer: str = ""
    theirs: float | None = None
    more_is_better: bool = False
    most: float | None = None
    least: float | None = None
    least_ratio: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better ours is; None without a peer's figure."""
        if self.theirs is None:
            return None
        better, worse = (self.ours, self.theirs) if self.more_is_better else (self.theirs, self.ours)
        return better / worse if worse else None

    @property
    def met(self) -> bool | None:
        """Whether every goal is reached; None if there is none."""
        reached = [self.ours <= self.most] if self.most is not None else []
        reached += [self.ours >= self.least] if self.least is not None else []
        if self.least_ratio is not None:
            reached.append((self.ratio or 0.0) >= self.least_ratio)
        return all(reached) if reached else None


@dataclass(frozen=True)
class Table:
    """Everything that was measured, for those who look closer."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Chart:
    """Curves by name on logarithmic axes."""

    name: str  # of the file
    title: str
    x: str
    y: str
    curves: Mapping[str, Points]


@dataclass(frozen=True)
class Report:
    """What one benchmark found."""

    name: str
    title: str
    headlines: tuple[Headline, ...]
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    """One run of all benchmarks."""

    machine: Mapping[str, str]
    reports: tuple[Report, ...] = field(default_factory=tuple)

    def with_reports(self, machine: Mapping[str, str], new: tuple[Report, ...]) -> Record:
        """This record after another run: benchmarks that ran again are replaced, others stay with their figures."""
        fresh = {report.name: report for report in new}
        kept = tuple(fresh.pop(report.name, report) for report in self.reports)
        return Record(machine, (*kept, *fresh.values()))


def to_json(value: Report | Record) -> dict[str, Any]:
    """As `json.dumps` takes it."""
    return asdict(value)


def report_from_json(document: Mapping[str, Any]) -> Report:
    """The report of a document that `to_json` made."""
    return Report(
        name=document["name"],
        title=document["title"],
        headlines=tuple(Headline(**one) for one in document["headlines"]),
        tables=tuple(
            Table(one["title"], tuple(one["columns"]), tuple(tuple(row) for row in one["rows"]))
            for one in document["tables"]
        ),
        charts=tuple(
            Chart(**{**one, "curves": {name: [(x, y) for x, y in points] for name, points in one["curves"].items()}})
            for one in document["charts"]
        ),
        notes=tuple(document["notes"]),
    )


def record_from_json(document: Mapping[str, Any]) -> Record:
    """The record of a document that `to_json` made."""
    return Record(document["machine"], tuple(report_from_json(one) for one in document["reports"]))
