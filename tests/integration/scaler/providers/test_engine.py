"""An engine that does not answer, by sockets that are dead or silent."""

from __future__ import annotations

import contextlib
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ray_watcher.cluster.base import HeadOptions
from ray_watcher.cluster.docker import DockerCluster
from ray_watcher.errors import MissingError
from ray_watcher.host import Host
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.settings import load
from scaler.config.settings import ScalerSettings
from scaler.model.errors import ProviderUnavailableError
from scaler.providers import docker_answers, provider_from_settings
from scaler.providers.engine import Engine
from support.provider_worlds import request

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/docker.sock")
    return "unix:///no/such/docker.sock"


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with tempfile.TemporaryDirectory(dir="/tmp") as directory, socket.socket(socket.AF_UNIX) as listener:  # short
        path = Path(directory) / "docker.sock"
        listener.bind(str(path))
        listener.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield


def test_a_dead_engine_does_not_answer(dead: str) -> None:
    assert dead
    assert not docker_answers()


def test_a_dead_engine_is_told_with_its_address_and_what_to_do(dead: str) -> None:
    provider = provider_from_settings(load(ScalerSettings, provider="docker"))
    with pytest.raises(ProviderUnavailableError, match=f"{dead} does not answer.*DOCKER_HOST.*process"):
        provider.list()
    with pytest.raises(ProviderUnavailableError):
        provider.launch(request())
    with pytest.raises(ProviderUnavailableError):
        provider.remove("worker-1-abc123", 0)


def test_a_silent_engine_is_given_up_on(silent: None) -> None:
    assert silent is None
    with pytest.raises(ProviderUnavailableError, match="does not reply in time"):
        Engine(timeout_seconds=1).ping()


def test_auto_is_processes_if_no_engine_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scaler.providers.docker_answers", lambda: False)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert provider_from_settings(load(ScalerSettings, provider="auto")).name == "process"


def test_auto_is_never_processes_if_the_engine_of_docker_host_does_not_answer(dead: str) -> None:
    with pytest.raises(ProviderUnavailableError, match=f"DOCKER_HOST .{dead}. does not answer"):
        provider_from_settings(load(ScalerSettings, provider="auto"))
    with pytest.raises(ProviderUnavailableError, match="DOCKER_HOST"):
        Host().cluster_to_start(load(OperatorSettings, provider="auto"))


@pytest.mark.parametrize(
    ("docker_host", "local"),
    [
        pytest.param("", True, id="unset"),
        pytest.param("unix:///var/run/docker.sock", True, id="a-socket"),
        pytest.param("tcp://127.0.0.1:2375", True, id="a-port-of-this-machine"),
        pytest.param("tcp://[::1]:2375", True, id="a-port-of-this-machine-ipv6"),
        pytest.param("tcp://192.0.2.7:2375", False, id="another-machine"),
        pytest.param("https://docker.example:2376", False, id="another-machine-with-tls"),
        pytest.param("ssh://admin@docker.example", False, id="ssh"),
    ],
)
def test_a_cluster_needs_the_engine_of_this_machine(
    docker_host: str, local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    with contextlib.nullcontext() if local else pytest.raises(MissingError, match="another machine"):
        assert Host(image=lambda _: "none").cluster("docker", load(OperatorSettings)) is not None


def test_a_head_on_a_dead_engine_is_a_missing_engine(dead: str) -> None:
    assert dead
    cluster = DockerCluster.from_settings(load(ScalerSettings))
    for call in (lambda: cluster.start_head(HeadOptions(num_cpus=0)), cluster.head, cluster.stop_head):
        with pytest.raises(MissingError, match="does not answer"):
            call()
