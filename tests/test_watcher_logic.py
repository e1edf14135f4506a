"""The guide's unit tests: worker indexing, metrics parsing, settings from the environment.

Run by `python tests/test_watcher_logic.py` or by pytest. Each part has more tests of its own under `tests/unit`.
"""

from __future__ import annotations

if __name__ == "__main__":
    from support.guide_script import run_with_pytest

    run_with_pytest(__file__)

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.sources import gcs_reply
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.settings import SettingsError, load
from scaler.config.settings import ScalerSettings
from scaler.model.workers import lowest_free_index

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        pytest.param([], 1, id="the-first-is-1"),
        pytest.param([1, 2, 3], 4, id="then-the-next"),
        pytest.param([1, 3], 2, id="a-gap-is-filled"),
    ],
)
def test_the_next_worker_has_the_lowest_free_index(taken: list[int], expected: int) -> None:
    assert lowest_free_index(taken) == expected


def test_pending_tasks_are_read_from_rays_own_reply() -> None:
    state = gcs_reply.parse((HERE / "recorded" / "gcs_busy.pb").read_bytes(), observed_at=0.0)
    assert state.pending == sum(d.count for d in state.demands) + sum(
        bundle.count for gang in state.gangs for bundle in gang.bundles
    )
    assert state.pending > 0


def test_what_the_exporter_writes_prometheus_can_read() -> None:
    exposition = (HERE / "golden" / "exporter.prom").read_text(encoding="utf-8")
    families = {family.name: family for family in text_string_to_metric_families(exposition)}
    assert families["raycluster_up"].samples[0].value == 1
    by_shape = sum(sample.value for sample in families["raycluster_pending_demand"].samples)
    assert families["raycluster_pending_tasks"].samples[0].value == by_shape


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("WATCHER_CHECK_INTERVAL", "60", "check_interval", 60),
        ("WATCHER_PENDING_THRESHOLD", "3", "pending_threshold", 3),
        ("WATCHER_MAX_WORKERS", "8", "max_workers", 8),
        ("WATCHER_COOLDOWN", "120", "cooldown", 120),
        ("RAY_HEAD_ADDRESS", "ray:10001", "gcs_address", "ray:6379"),
        ("RAY_DASHBOARD_METRIC_API", "http://ray:8265/api", "ray_dashboard_metric_api", "http://ray:8265/api"),
        ("WATCHER_NUM_CPUS", "2", "num_cpus", 2),
        ("WATCHER_NUM_GPUS", "1", "num_gpus", 1),
        ("WATCHER_OBJECT_STORE_MEMORY", "2GB", "object_store_memory", 2_000_000_000),
    ],
)
def test_the_guides_variables_are_honoured(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, field: str, expected: object
) -> None:
    monkeypatch.delenv("RAY_GCS_ADDRESS", raising=False)
    monkeypatch.setenv(variable, value)
    assert getattr(load(ScalerSettings), field) == expected
    assert getattr(load(OperatorSettings), field) == expected


def test_a_bad_value_is_told_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_MAX_WORKERS", "many")
    with pytest.raises(SettingsError, match="WATCHER_MAX_WORKERS: got 'many'"):
        load(OperatorSettings)
