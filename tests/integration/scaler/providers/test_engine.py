"""An engine that does not answer, by sockets that are dead or silent."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ray_watcher.cluster.base import HeadOptions
from ray_watcher.cluster.docker import DockerCluster
from ray_watcher.errors import MissingError
from ray_watcher_common.settings import load
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


def test_auto_is_processes_where_no_engine_answers(dead: str) -> None:
    assert dead
    assert provider_from_settings(load(ScalerSettings, provider="auto")).name == "process"


def test_a_head_on_a_dead_engine_is_a_missing_engine(dead: str) -> None:
    assert dead
    cluster = DockerCluster.from_settings(load(ScalerSettings))
    for call in (lambda: cluster.start_head(HeadOptions(num_cpus=0)), cluster.head, cluster.stop_head):
        with pytest.raises(MissingError, match="does not answer"):
            call()
