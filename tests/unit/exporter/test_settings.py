"""The exporter's settings: defaults of the guide, and errors that name the variable."""

from __future__ import annotations

import pytest

from exporter.settings import ExporterSettings
from ray_watcher_common.program.settings import SettingsError, load


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in ExporterSettings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)


def test_the_defaults_are_the_guides() -> None:
    chosen = load(ExporterSettings)

    assert (chosen.listen, chosen.gcs_address) == ("127.0.0.1:9811", "localhost:6379")
    assert chosen.ray_dashboard_metric_api == "http://localhost:8265/api"
    assert (chosen.pending_threshold, chosen.cpu_threshold, chosen.idle_timeout) == (0, 0.8, 60)
    assert chosen.stale_after == 15


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WATCHER_EXPORTER_LISTEN", "9811"),
        ("WATCHER_PENDING_THRESHOLD", "-1"),
        ("WATCHER_CPU_THRESHOLD", "80"),
        ("WATCHER_IDLE_TIMEOUT", "soon"),
        ("WATCHER_STALE_AFTER", "0"),
        ("RAY_DASHBOARD_METRIC_API", "localhost:8265"),
    ],
)
def test_a_bad_value_is_told_with_its_variable(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError, match=f"^{variable}: got '{value}', wanted "):
        load(ExporterSettings)
