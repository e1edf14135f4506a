"""The shipped configuration with a concrete stack's addresses put in."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from ray_watcher.errors import MissingError
from ray_watcher.stack.monitoring import (
    Addresses,
    alertmanager_command,
    alertmanager_config,
    prometheus_command,
    prometheus_config,
    write_monitoring,
)
from support import rules_data

ADDRESSES = Addresses(
    exporter="127.0.0.1:1",
    scaler="127.0.0.1:2",
    prometheus="127.0.0.1:3",
    alertmanager="127.0.0.1:4",
    ray_dashboard="http://127.0.0.1:5/api",
    cluster="blue",
)


def _jobs(config: dict[str, Any]) -> dict[str, Any]:
    return {job["job_name"]: job for job in config["scrape_configs"]}


def test_the_default_stack_is_what_is_shipped() -> None:
    assert prometheus_config(rules_data.prometheus(), Addresses()) == rules_data.prometheus()
    assert alertmanager_config(rules_data.alertmanager(), Addresses()) == rules_data.alertmanager()


def test_every_job_gets_its_address_and_ours_the_clusters_name() -> None:
    jobs = _jobs(prometheus_config(rules_data.prometheus(), ADDRESSES))

    assert {name: job["static_configs"] for name, job in jobs.items() if "static_configs" in job} == {
        "ray-exporter": [{"targets": ["127.0.0.1:1"], "labels": {"cluster": "blue"}}],
        "ray-scaler": [{"targets": ["127.0.0.1:2"], "labels": {"cluster": "blue"}}],
        "alertmanager": [{"targets": ["127.0.0.1:4"]}],
        "prometheus": [{"targets": ["127.0.0.1:3"]}],
    }


def test_rays_nodes_are_found_by_its_dashboard_and_get_the_clusters_name() -> None:
    job = _jobs(prometheus_config(rules_data.prometheus(), ADDRESSES))["ray-nodes"]

    assert [found["url"] for found in job["http_sd_configs"]] == ["http://127.0.0.1:5/api/prometheus/sd"]
    assert {"target_label": "cluster", "replacement": "blue"} in job["relabel_configs"]


def test_rays_dashboard_is_given_its_token_by_file(tmp_path: Path) -> None:
    addresses = Addresses(ray_token_file=tmp_path / "ray-token")
    job = _jobs(prometheus_config(rules_data.prometheus(), addresses))["ray-nodes"]

    authorization = {"type": "Bearer", "credentials_file": str(tmp_path / "ray-token")}
    assert [found["authorization"] for found in job["http_sd_configs"]] == [authorization]


def test_alerts_go_to_the_stacks_alertmanager_and_on_to_its_scaler() -> None:
    prometheus = prometheus_config(rules_data.prometheus(), ADDRESSES)
    alertmanager = alertmanager_config(rules_data.alertmanager(), ADDRESSES)

    assert prometheus["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": ["127.0.0.1:4"]}]}]
    assert alertmanager["receivers"][0]["webhook_configs"] == [
        {"url": "http://127.0.0.1:2/alerts", "send_resolved": True}
    ]


def test_a_token_file_is_named_and_its_content_is_not_copied(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("secret", encoding="utf-8")

    write_monitoring(tmp_path / "out", Addresses(token_file=token_file))

    written = (tmp_path / "out" / "alertmanager.yml").read_text(encoding="utf-8")
    assert f"credentials_file: {token_file}" in written
    assert "secret" not in written


def test_what_a_user_changed_in_the_shipped_files_stays() -> None:
    shipped = rules_data.prometheus()
    shipped["global"]["scrape_interval"] = "7s"
    mine = {"job_name": "mine", "static_configs": [{"targets": ["example:1"], "labels": {"cluster": "theirs"}}]}
    shipped["scrape_configs"].append(mine)
    before = copy.deepcopy(shipped)

    rendered = prometheus_config(shipped, ADDRESSES)

    assert rendered["global"]["scrape_interval"] == "7s"
    assert _jobs(rendered)["mine"] == mine
    assert shipped == before


def test_writing_again_takes_out_rules_that_are_gone(tmp_path: Path) -> None:
    write_monitoring(tmp_path, ADDRESSES)
    (tmp_path / "rules" / "old.yml").write_text("groups: []", encoding="utf-8")

    write_monitoring(tmp_path, ADDRESSES)

    shipped = {path.name for path in (rules_data.SHIPPED / "rules").iterdir()}
    assert {path.name for path in (tmp_path / "rules").iterdir()} == shipped


def test_without_the_shipped_files_the_message_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="checkout"):
        write_monitoring(tmp_path / "out", ADDRESSES, shipped=tmp_path)
    assert not (tmp_path / "out").exists()


def _program(directory: Path, name: str) -> str:
    path = directory / name
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_prometheus_is_started_on_its_directory_and_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program = _program(tmp_path, "prometheus")

    command = prometheus_command(Path("/conf"), ADDRESSES, Path("/data"), log_level="warn")

    assert command[0] == program
    assert {
        "--config.file=/conf/prometheus.yml",
        "--storage.tsdb.path=/data",
        "--web.listen-address=127.0.0.1:3",
        "--log.level=warn",
    } <= set(command)


@pytest.mark.parametrize("name", ["prometheus-alertmanager", "alertmanager"])
def test_alertmanager_is_found_by_debians_and_by_its_own_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program = _program(tmp_path, name)

    command = alertmanager_command(Path("/conf"), ADDRESSES, Path("/data"))

    assert command[0] == program
    assert {
        "--config.file=/conf/alertmanager.yml",
        "--storage.path=/data",
        "--web.listen-address=127.0.0.1:4",
        "--cluster.listen-address=",
    } <= set(command)


def test_a_missing_program_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MissingError, match="apt-get install prometheus "):
        prometheus_command(tmp_path, ADDRESSES, tmp_path)
    with pytest.raises(MissingError, match="apt-get install prometheus-alertmanager "):
        alertmanager_command(tmp_path, ADDRESSES, tmp_path)
