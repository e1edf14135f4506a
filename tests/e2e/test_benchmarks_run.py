"""Each benchmark still runs; what it measures here, with tiny sizes on a busy machine, says nothing."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import BENCHMARKS, measured

WITH_HEADS = {"demand_to_work", "exporter_tasks", "idle"}  # several Ray heads come and go in each


@pytest.mark.e2e
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.full if name in WITH_HEADS else ()) for name in BENCHMARKS]
)
def test_a_benchmark_runs_and_reports(name: str) -> None:
    report = measured(name, smoke=True)

    assert report.name == name
    assert report.headlines
    assert all(len(row) == len(table.columns) for table in report.tables for row in table.rows)
