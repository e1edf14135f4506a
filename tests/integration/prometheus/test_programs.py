"""promtool and amtool accept what is shipped and what is written for a stack."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from ray_watcher.stack.monitoring import Addresses, write_monitoring
from support import rules_data

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_SECONDS = 60
EXAMPLES = rules_data.ROOT / "examples"


def _accepts(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(params=["shipped", "written"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The shipped files, and those written for a stack with a token."""
    if request.param == "shipped":
        return rules_data.SHIPPED
    token_file = tmp_path / "token"
    token_file.write_text("secret", encoding="utf-8")
    write_monitoring(tmp_path / "out", Addresses(exporter="127.0.0.1:1", cluster="blue", token_file=token_file))
    return tmp_path / "out"


def test_promtool_accepts_the_configuration(directory: Path) -> None:
    _accepts("promtool", "check", "config", directory / "prometheus.yml")


def test_promtool_accepts_the_rules_without_a_warning() -> None:
    _accepts("promtool", "check", "rules", "--lint-fatal", *sorted((rules_data.SHIPPED / "rules").glob("*.yml")))


def test_amtool_accepts_the_configuration(directory: Path) -> None:
    _accepts("amtool", "check-config", directory / "alertmanager.yml")


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        pytest.param(("alertname=A", "ray_scale=up"), "ray-watcher", id="up to the scaler"),
        pytest.param(("alertname=A", "ray_scale=down", "severity=info"), "ray-watcher", id="down to the scaler"),
        pytest.param(("alertname=A", "severity=critical"), "operators", id="health to people"),
        pytest.param(("alertname=RayWatchdog", "severity=none"), "ray-watcher", id="the watchdog to the scaler"),
        pytest.param(("alertname=Watchdog", "severity=none"), "operators", id="another's watchdog as before"),
        pytest.param(("alertname=A", "ray_scale=sideways"), "operators", id="a mistaken direction to people"),
    ],
)
def test_alerts_find_their_receiver(labels: tuple[str, ...], receiver: str, directory: Path) -> None:
    config = directory / "alertmanager.yml"
    _accepts("amtool", "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receiver}", *labels)


@pytest.mark.parametrize("path", sorted((rules_data.SHIPPED / "tests").glob("*.test.yml")), ids=lambda path: path.stem)
def test_promtool_runs_the_rule_tests(path: Path) -> None:
    _accepts("promtool", "test", "rules", path)


def test_the_example_rule_on_serves_queue_does_what_it_says() -> None:
    _accepts("promtool", "check", "rules", "--lint-fatal", EXAMPLES / "serve_rules.yml")
    _accepts("promtool", "test", "rules", EXAMPLES / "serve_rules.test.yml")


def test_rules_in_the_page_on_alerts_are_accepted(tmp_path: Path) -> None:
    page = (rules_data.ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    for number, rules in enumerate(re.findall(r"```yaml\n(groups:.*?)```", page, flags=re.DOTALL)):
        path = tmp_path / f"{number}.yml"
        path.write_text(rules, encoding="utf-8")
        _accepts("promtool", "check", "rules", "--lint-fatal", path)
    assert list(tmp_path.iterdir())


def test_the_job_for_rays_own_metrics_fits_into_the_shipped_configuration(tmp_path: Path) -> None:
    job = yaml.safe_load((EXAMPLES / "serve_scrape.yml").read_text(encoding="utf-8"))
    config = rules_data.prometheus()
    whole = config | {"rule_files": [], "scrape_configs": config["scrape_configs"] + job["scrape_configs"]}
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(whole), encoding="utf-8")

    _accepts("promtool", "check", "config", path)
