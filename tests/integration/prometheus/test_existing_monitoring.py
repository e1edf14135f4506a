"""The snippets of docs/existing-monitoring.md, added to what somebody has, please promtool and amtool."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "existing-monitoring.md").read_text(encoding="utf-8")
THEIR_PROMETHEUS = {"scrape_configs": [{"job_name": "theirs", "static_configs": [{"targets": ["localhost:1"]}]}]}
THEIR_ALERTMANAGER = {
    "route": {"receiver": "team", "routes": [{"receiver": "pager", "matchers": ['severity="critical"']}]},
    "receivers": [{"name": "team"}, {"name": "pager"}],
}


def snippet(heading: str) -> dict[str, Any]:
    """The YAML below a heading, for this checkout."""
    found = re.search(rf"^## {heading}\n.*?```yaml\n(.*?)```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert found, heading
    loaded: dict[str, Any] = yaml.safe_load(found[1].replace("/opt/ray-watcher", str(ROOT)))
    return loaded


def added(ours: Any, theirs: Any) -> Any:
    """`theirs` with `ours` put first where both have lists, and into it where both have keys."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return theirs | {key: added(value, theirs.get(key)) for key, value in ours.items()}
    return [*ours, *theirs] if isinstance(ours, list) and isinstance(theirs, list) else ours


def accepts(*command: str | Path) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_ours_beside_theirs_and_finds_the_rules(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(added(snippet("Prometheus"), THEIR_PROMETHEUS)))

    said = accepts("promtool", "check", "config", tmp_path / "prometheus.yml")

    assert all(f"{name}.yml" in said for name in ("health", "recording", "scaling"))


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        pytest.param(["ray_scale=up"], "ray-watcher", id="scaling alerts to the scaler"),
        pytest.param(["ray_scale=down", "severity=critical"], "ray-watcher", id="even one that theirs would take"),
        pytest.param(["alertname=RayWatchdog", "severity=none"], "ray-watcher", id="the watchdog to the scaler"),
        pytest.param(["severity=critical"], "pager", id="theirs as before"),
        pytest.param(["severity=info"], "team", id="the rest as before"),
    ],
)
def test_amtool_accepts_ours_beside_theirs(labels: list[str], receiver: str, tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(yaml.safe_dump(added(snippet("Alertmanager"), THEIR_ALERTMANAGER), sort_keys=False))

    accepts("amtool", "check-config", config)
    accepts("amtool", "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receiver}", *labels)


def test_ours_are_the_shipped_ones() -> None:
    shipped = yaml.safe_load((ROOT / "prometheus" / "alertmanager.yml").read_text(encoding="utf-8"))
    jobs = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]

    assert snippet("Alertmanager")["route"]["routes"] == shipped["route"]["routes"]
    ours = {job["job_name"]: job["static_configs"] for job in snippet("Prometheus")["scrape_configs"]}
    assert ours.items() <= {job["job_name"]: job.get("static_configs") for job in jobs}.items()
