"""The files that the generator writes."""

from __future__ import annotations

from pathlib import Path

from grafana.generate.cluster import cluster
from grafana.generate.runbooks import runbooks
from grafana.generate.scaler import scaler

DIRECTORY = Path(__file__).parents[1] / "dashboards"


def files() -> dict[Path, str]:
    """Every dashboard's file with what it should hold."""
    made = {"cluster": cluster(), "scaler": scaler(), "runbooks": runbooks()}
    return {DIRECTORY / f"{name}.json": text for name, text in made.items()}
