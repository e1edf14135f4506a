"""The shipped configuration with a concrete stack's addresses put in."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ray_watcher.errors import MissingError, UnusableFileError
from ray_watcher.settings import OperatorSettings
from ray_watcher.stack.monitoring import (
    Addresses,
    alertmanager_command,
    alertmanager_text,
    prometheus_command,
    prometheus_text,
    with_absolute_paths,
    write_monitoring,
)
from ray_watcher.stack.stack import stack_of
from support import rules_data

ADDRESSES = Addresses(
    exporter="127.0.0.1:1",
    scaler="127.0.0.1:2",
    prometheus="127.0.0.1:3",
    alertmanager="127.0.0.1:4",
    ray_dashboard="http://127.0.0.1:5/api",
    cluster="blue",
)


SHIPPED_PROMETHEUS = (rules_data.SHIPPED / "prometheus.yml").read_text(encoding="utf-8")
SHIPPED_ALERTMANAGER = (rules_data.SHIPPED / "alertmanager.yml").read_text(encoding="utf-8")


def prometheus_config(addresses: Addresses, shipped: str = SHIPPED_PROMETHEUS) -> Any:
    return yaml.safe_load(prometheus_text(shipped, addresses))


def alertmanager_config(addresses: Addresses, shipped: str = SHIPPED_ALERTMANAGER) -> Any:
    return yaml.safe_load(alertmanager_text(shipped, addresses))


def _jobs(config: Any) -> dict[str, Any]:
    return {job["job_name"]: job for job in config["scrape_configs"]}


def test_the_default_stack_is_what_is_shipped() -> None:
    assert prometheus_config(Addresses()) == rules_data.prometheus()
    assert alertmanager_config(Addresses()) == rules_data.alertmanager()


def test_every_job_gets_its_address_and_ours_the_clusters_name() -> None:
    jobs = _jobs(prometheus_config(ADDRESSES))

    assert {name: job["static_configs"] for name, job in jobs.items() if "static_configs" in job} == {
        "ray-exporter": [{"targets": ["127.0.0.1:1"], "labels": {"cluster": "blue"}}],
        "ray-scaler": [{"targets": ["127.0.0.1:2"], "labels": {"cluster": "blue"}}],
        "alertmanager": [{"targets": ["127.0.0.1:4"]}],
        "prometheus": [{"targets": ["127.0.0.1:3"]}],
    }


def test_rays_nodes_are_found_by_its_dashboard_and_get_the_clusters_name() -> None:
    job = _jobs(prometheus_config(ADDRESSES))["ray-nodes"]

    assert [found["url"] for found in job["http_sd_configs"]] == ["http://127.0.0.1:5/api/prometheus/sd"]
    assert {"target_label": "cluster", "replacement": "blue"} in job["relabel_configs"]


def test_rays_dashboard_is_given_its_token_by_file(tmp_path: Path) -> None:
    addresses = Addresses(ray_token_file=tmp_path / "ray-token")
    job = _jobs(prometheus_config(addresses))["ray-nodes"]

    authorization = {"type": "Bearer", "credentials_file": str(tmp_path / "ray-token")}
    assert [found["authorization"] for found in job["http_sd_configs"]] == [authorization]


def test_alerts_go_to_the_stacks_alertmanager_and_on_to_its_scaler() -> None:
    prometheus = prometheus_config(ADDRESSES)
    alertmanager = alertmanager_config(ADDRESSES)

    assert prometheus["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": ["127.0.0.1:4"]}]}]
    assert alertmanager["receivers"][0]["webhook_configs"] == [
        {"url": "http://127.0.0.1:2/alerts", "send_resolved": True}
    ]


def test_a_token_file_is_named_and_its_content_is_not_copied(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("secret", encoding="utf-8")

    write_monitoring(tmp_path / "out", Addresses(token_file=token_file))

    written = (tmp_path / "out" / "alertmanager.yml").read_text(encoding="utf-8")
    assert f'"credentials_file": "{token_file}"' in written
    assert "secret" not in written


MINE = """\
# Mine.
global: {scrape_interval: 7s, external_labels: {night: 22:00, on: yes, big: 010}}  # as I like it
rule_files: [mine/*.yml, /etc/more.yml]
x: &labels {cluster: theirs, zone: "a\\u0062"}
alerting:
  alertmanagers:
    - static_configs: [{targets: [other:9093]}]
scrape_configs:
  - job_name: ray-exporter
    static_configs:
      - targets:
          - here:1
          # and nobody else
        labels: *labels
      - targets: [second:1]
  - job_name: "prometheus"
    file_sd_configs:
      - files: [targets/*.yml]
    tls_config:
      ca_file: ca.pem
  - job_name: mine
    static_configs: [{targets: ['example:1'], labels: {cluster: theirs}}]
"""


def test_all_but_the_addresses_stays_as_the_user_wrote_it() -> None:
    assert prometheus_text(MINE, ADDRESSES) == MINE.replace("[other:9093]", '["127.0.0.1:4"]').replace(
        "\n          - here:1", '\n          ["127.0.0.1:1"]'
    ).replace("labels: *labels", 'labels: {cluster: "blue", zone: "ab"}')


ONE_HOOK = "receivers: [{name: ray-watcher, webhook_configs: [WEBHOOK]}]\n"
AUTHORIZATION = '"authorization": {"type": "Bearer", "credentials_file": "/t"}'


@pytest.mark.parametrize(
    ("webhook", "expected"),
    [
        pytest.param(
            "{url: x}", f'{{http_config: {{{AUTHORIZATION}}}, url: "http://127.0.0.1:2/alerts"}}', id="nothing said"
        ),
        pytest.param(
            "{url: 'x', http_config: {proxy_url: y}}",
            '{url: "http://127.0.0.1:2/alerts", http_config: {'
            + AUTHORIZATION.replace('"authorization"', "authorization")
            + ", proxy_url: y}}",
            id="other settings",
        ),
        pytest.param(
            "{http_config: {authorization: {credentials: mine}}, url: x}",
            '{http_config: {authorization: {"type": "Bearer", "credentials_file": "/t"}}, '
            'url: "http://127.0.0.1:2/alerts"}',
            id="another token",
        ),
        pytest.param(
            "{url: }", f'{{http_config: {{{AUTHORIZATION}}}, url: "http://127.0.0.1:2/alerts" }}', id="an empty value"
        ),
    ],
)
def test_the_webhook_gets_its_address_and_token(webhook: str, expected: str) -> None:
    addresses = replace(ADDRESSES, token_file=Path("/t"))

    assert alertmanager_text(ONE_HOOK.replace("WEBHOOK", webhook), addresses) == ONE_HOOK.replace("WEBHOOK", expected)


@pytest.mark.parametrize(
    "text",
    [
        "time_intervals: [{name: nights, time_intervals: [{times: [{start_time: 22:00, end_time: 24:00}]}]}]\n",
        "receivers:\n- name: ray-watcher\n- name: 'yes'\n",
        "receivers: [{name: ray-watcher, webhook_configs: []}, text]\n",
        "receivers: &r\n  - &one {name: a}\n  - *one\nroute: {receiver: a, x: 1_000, y: 0o17}\n",
    ],
)
def test_a_file_without_our_webhook_stays_as_it_is(text: str) -> None:
    assert alertmanager_text(text, ADDRESSES) == text


def test_relative_paths_mean_what_they_meant_beside_the_users_file() -> None:
    written = yaml.safe_load(with_absolute_paths(MINE, Path("/my [dir]/conf")))

    assert written["rule_files"] == [r"/my \[dir]/conf/mine/*.yml", "/etc/more.yml"]
    assert written["scrape_configs"][1]["file_sd_configs"] == [{"files": [r"/my \[dir]/conf/targets/*.yml"]}]
    assert written["scrape_configs"][1]["tls_config"] == {"ca_file": "/my [dir]/conf/ca.pem"}
    assert yaml.safe_load(with_absolute_paths("templates: ['../t/*.tmpl']", Path("/a/b"))) == {
        "templates": ["/a/t/*.tmpl"]
    }


def test_rules_are_used_where_the_user_keeps_them(tmp_path: Path) -> None:
    write_monitoring(tmp_path, ADDRESSES)

    written = yaml.safe_load((tmp_path / "prometheus.yml").read_text(encoding="utf-8"))
    assert written["rule_files"] == [str(rules_data.SHIPPED / "rules" / "*.yml")]


def test_a_directory_of_ones_own_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(rules_data.SHIPPED, own)
    settings = OperatorSettings.model_validate({"WATCHER_PROMETHEUS_DIR": str(own), "WATCHER_STATE_DIR": str(tmp_path)})

    stack = stack_of(settings)
    write_monitoring(tmp_path / "out", stack.addresses, stack.configuration)

    written = yaml.safe_load((tmp_path / "out" / "prometheus.yml").read_text(encoding="utf-8"))
    assert written["rule_files"] == [str(own / "rules" / "*.yml")]


def test_a_directory_of_ones_own_without_a_file_is_named_with_its_variable(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")

    with pytest.raises(MissingError, match=r"no alertmanager\.yml in .*WATCHER_PROMETHEUS_DIR"):
        write_monitoring(tmp_path / "out", ADDRESSES, source=tmp_path)


def test_a_file_that_is_no_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text("global: {}\nscrape_configs: [\n", encoding="utf-8")
    (tmp_path / "alertmanager.yml").touch()

    with pytest.raises(UnusableFileError, match=r"prometheus\.yml:3: is not YAML"):
        write_monitoring(tmp_path / "out", ADDRESSES, source=tmp_path)


def test_without_the_shipped_files_the_message_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no prometheus\.yml"):
        write_monitoring(tmp_path / "out", ADDRESSES, source=tmp_path)
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
