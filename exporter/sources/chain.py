"""The ordered chain: the first source that answers wins; the reasons of the better ones are kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from exporter.sources.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray_watcher_common.state import ClusterState


class Source(str, Enum):
    """The sources, best first."""

    GCS = "gcs"
    DASHBOARD = "dashboard"
    CPU_HEURISTIC = "cpu_heuristic"


class ClusterSource(Protocol):
    """A way to read the cluster's state."""

    @property
    def source(self) -> Source:
        """Its name."""

    def read(self, now: float) -> ClusterState:
        """The state, within seconds. Raises `SourceError`s."""


@dataclass(frozen=True)
class Attempt:
    """One read of one source; `problem` is "" if it succeeded."""

    source: Source
    seconds: float
    problem: str = ""


@dataclass(frozen=True)
class Reading:
    """One pass through the chain. `state` is None if no source answered."""

    state: ClusterState | None
    attempts: tuple[Attempt, ...] = ()

    @property
    def problems(self) -> dict[str, str]:
        """Why each source that failed did not answer."""
        return {attempt.source.value: attempt.problem for attempt in self.attempts if attempt.problem}


def read_first(sources: Sequence[ClusterSource], now: float) -> Reading:
    """Read the sources in order until one answers. Never raises."""
    attempts: list[Attempt] = []
    for source in sources:
        started = time.perf_counter()
        state, problem = _ask(source, now)
        attempts.append(Attempt(source.source, time.perf_counter() - started, problem))
        if state is not None:
            return Reading(state, tuple(attempts))
    return Reading(None, tuple(attempts))


def _ask(source: ClusterSource, now: float) -> tuple[ClusterState | None, str]:
    try:
        return source.read(now), ""
    except SourceError as error:
        return None, str(error)
    except Exception as error:  # noqa: BLE001  a fault in reading one source must not hide the next one
        return None, f"{source.source.value}: unexpected {error!r}"
