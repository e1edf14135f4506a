"""The socket proxy before a real Docker Engine: the provider works through it, a hostile client gets nowhere."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import requests

from ray_watcher_common.host.processes import accepts
from scaler.model.cluster import InstanceStatus, LaunchRequest, WorkerType
from scaler.providers.docker import DockerProvider
from scaler.providers.engine import Engine
from support.images import TINY_IMAGE, tiny_image
from support.own import own_name, own_ports
from support.programs import running
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.docker

NAMED_USER_IMAGE = f"ray-watcher/{own_name('named')}:test"
PROOF = "only the host knows this"


@pytest.fixture(scope="module")
def cluster() -> str:
    return own_name("proxy")


@pytest.fixture(scope="module")
def proxy(engine: Engine, network: str, cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a proxy for `cluster`."""
    (port,) = own_ports(1)
    environment = {
        **os.environ,
        "WATCHER_SOCKET_PROXY_LISTEN": f"127.0.0.1:{port}",
        "WATCHER_CLUSTER": cluster,
        "WATCHER_NETWORK": network,
        "RAY_IMAGE": tiny_image(engine),
        "WATCHER_WORKER_IMAGES": NAMED_USER_IMAGE,
    }
    log = tmp_path_factory.mktemp("proxy") / "log"
    with running([sys.executable, "-m", "scaler.socket_proxy"], log, environment):
        eventually(lambda: accepts("127.0.0.1", port), "the proxy listens")
        yield f"127.0.0.1:{port}"


@pytest.fixture
def provider(proxy: str, network: str, cluster: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerProvider]:
    monkeypatch.setenv("DOCKER_HOST", f"tcp://{proxy}")
    with contextlib.closing(Engine()) as behind:
        made = DockerProvider(
            behind,
            cluster=cluster,
            image=TINY_IMAGE,
            network=network,
            command=lambda _request: ["sh", "-c", "cat /run/ray-watcher/ray-token; echo; sleep 60"],
            stop_grace=1,
            token=lambda: "the token",
        )
        yield made
        for instance in made.list():
            made.remove(instance.worker_id, 0)


@pytest.fixture
def other(engine: Engine) -> Iterator[str]:
    """A container of somebody else's, with a label as the watcher's programs have it."""
    name = own_name("other")
    api = engine._api  # noqa: SLF001  # what no provider does
    api.create_container(
        TINY_IMAGE, ["sh", "-c", "echo private; sleep 60"], name=name, labels={"ray-watcher.cluster": "x"}
    )
    api.start(name)
    yield name
    assert api.inspect_container(name)["State"]["Running"]
    api.remove_container(name, force=True)


REQUEST = LaunchRequest("worker-1-abcdef", 1, WorkerType(name="default", num_cpus=1, num_gpus=0))


def test_a_worker_lives_its_life_behind_the_proxy(provider: DockerProvider, engine: Engine) -> None:
    launched = provider.launch(REQUEST)

    assert (launched.worker_id, launched.status) == (REQUEST.worker_id, InstanceStatus.RUNNING)
    lines = eventually(lambda: list(provider.logs(REQUEST.worker_id, tail=5, follow=False)), "it prints its token")
    assert lines == ["the token"]
    host = engine._api.inspect_container(launched.detail)["HostConfig"]  # noqa: SLF001  # what the engine made of it
    assert (host["CapDrop"], host["SecurityOpt"]) == (["ALL"], ["no-new-privileges:true"])
    provider.remove(REQUEST.worker_id, 0)
    assert provider.list() == []


def test_a_named_user_can_read_its_files_behind_the_proxy(
    provider: DockerProvider, engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "passwd").write_text("root:x:0:0::/:/bin/sh\napp:x:10001:10001::/:/bin/sh\n")
    (tmp_path / "Dockerfile").write_text(f"FROM {TINY_IMAGE}\nCOPY passwd /etc/passwd\nUSER app\n")
    list(engine.build(tmp_path, NAMED_USER_IMAGE, arguments={}, labels={}))
    worker = replace(REQUEST.worker_type, image=NAMED_USER_IMAGE)
    try:
        provider.launch(replace(REQUEST, worker_type=worker))
        lines = eventually(lambda: list(provider.logs(REQUEST.worker_id, tail=5, follow=False)), "it prints its token")
        assert lines == ["the token"]
    finally:
        provider.remove(REQUEST.worker_id, 0)
        engine._api.remove_image(NAMED_USER_IMAGE, force=True)  # noqa: SLF001  # a test's own image


def description(cluster: str, network: str) -> dict[str, Any]:
    labels = {"ray-watcher.cluster": cluster, "ray-watcher.worker-id": "worker-7-abcdef"}
    return {"Image": TINY_IMAGE, "Cmd": ["cat", "/h/proof"], "Labels": labels, "HostConfig": {"NetworkMode": network}}


@pytest.mark.parametrize("key", ["Binds", "Bind\u017f", "binds", "BINDS"])
def test_no_spelling_of_a_mount_reaches_the_engine(
    key: str, proxy: str, cluster: str, network: str, tmp_path: Any
) -> None:
    (tmp_path / "proof").write_text(PROOF)
    body = description(cluster, network)
    body["HostConfig"][key] = [f"{tmp_path}:/h:ro"]

    reply = requests.post(
        f"http://{proxy}/v1.41/containers/create?name=ray-{cluster}-worker-7",
        data=json.dumps(body, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json"},
        timeout=30,
    )

    assert reply.status_code == 403
    assert key in reply.json()["message"]


def test_an_old_start_cannot_bring_mounts_along(
    provider: DockerProvider, proxy: str, cluster: str, network: str, tmp_path: Any, engine: Engine
) -> None:
    (tmp_path / "proof").write_text(PROOF)
    name = f"ray-{cluster}-worker-7"
    created = requests.post(
        f"http://{proxy}/v1.41/containers/create?name={name}", json=description(cluster, network), timeout=10
    )
    assert created.status_code == 201
    codes = [
        requests.post(
            f"http://{proxy}{version}/containers/{name}/start", json={"Binds": [f"{tmp_path}:/h:ro"]}, timeout=10
        ).status_code
        for version in ("/v1.23", "/v1.41", "")
    ]

    assert codes[:2] == [403, 204]
    assert codes[2] in {204, 304}  # whether the one before has ended by then or not
    assert PROOF not in "".join(engine.logs(name, tail=None, follow=False))
    assert [instance.worker_id for instance in provider.list()] == ["worker-7-abcdef"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "json"),
        ("GET", "logs?stdout=1"),
        ("POST", "stop"),
        ("POST", "start"),
        ("POST", "rename?name=ray-CLUSTER-worker-3"),
        ("PUT", "archive?path=/"),
        ("DELETE", ""),
        ("POST", "exec"),
        ("GET", "archive?path=/etc/passwd"),
    ],
)
def test_containers_of_others_do_not_exist(method: str, path: str, proxy: str, other: str, cluster: str) -> None:
    url = f"http://{proxy}/v1.41/containers/{other}/{path.replace('CLUSTER', cluster)}".rstrip("/")

    reply = requests.request(method, url, timeout=30)

    assert reply.status_code in {403, 404}
    assert "private" not in reply.text


def test_a_list_shows_no_container_of_others(proxy: str, other: str) -> None:
    listed = requests.get(f"http://{proxy}/v1.41/containers/json?all=1", timeout=30).json()

    assert other not in json.dumps(listed)
