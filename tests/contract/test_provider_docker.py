"""What only a Docker Engine can do wrong, shown on a real one."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scaler.model.cluster import InstanceStatus, LaunchRequest
from scaler.model.errors import LaunchFailedError, ProviderError, ProviderUnavailableError
from scaler.providers.container import ContainerSpec
from scaler.providers.docker import DockerProvider
from scaler.providers.engine import Engine
from scaler.providers.worker_container import CLUSTER_LABEL, INDEX_LABEL, PROGRAM_PATH, WORKER_ID_LABEL
from support.own import own_name
from support.provider_worlds import MISSING_IMAGE, NO_PROGRAM, SLEEPS, TYPE, request
from support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from support.provider_worlds import DockerWorld

pytestmark = pytest.mark.docker

SHOWS_ITS_PRIVILEGES = """
while read name value; do
  case $name in CapEff:|NoNewPrivs:) echo $name $value ;; esac
done < /proc/self/status
exec sleep 300
"""


def test_a_missing_image_is_named_with_what_to_do(docker_world: DockerWorld) -> None:
    with pytest.raises(LaunchFailedError, match=f"no image {MISSING_IMAGE}.*docker pull.*build-image"):
        docker_world.provider(NO_PROGRAM).launch(request())


def test_a_missing_network_is_named_and_leaves_nothing(docker_world: DockerWorld) -> None:
    docker_world.network = "ray-watcher-no-such-network"
    with pytest.raises(LaunchFailedError, match=r"ray-watcher-no-such-network.*WATCHER_NETWORK"):
        docker_world.provider().launch(request())
    assert docker_world.leftovers("worker-1-abc123") == []


def test_a_name_that_a_foreign_container_holds_is_told_and_the_container_stays(docker_world: DockerWorld) -> None:
    name = f"ray-{docker_world.cluster('one')}-worker-1"
    command = ["/bin/sh", "-c", SLEEPS]
    docker_world.engine.run(ContainerSpec(name=name, image=docker_world.image, command=command))
    try:
        with pytest.raises(LaunchFailedError, match=f"another container holds the name {name}.*docker rm -f"):
            docker_world.provider().launch(request())
        assert docker_world.leftovers("worker-1-abc123") == []
        found = docker_world.engine.named(name)
        assert found is not None
        assert found.state == "running"
    finally:
        foreign = docker_world.engine.named(name)
        if foreign:
            docker_world.engine.remove(foreign.id, 0)


def test_gpus_that_the_engine_has_not_are_told(docker_world: DockerWorld) -> None:
    with pytest.raises(LaunchFailedError, match="offers no GPUs"):
        docker_world.provider().launch(LaunchRequest("worker-1-abc123", 1, replace(TYPE, num_gpus=1)))
    assert docker_world.leftovers("worker-1-abc123") == []


def test_more_cpus_than_the_host_has_are_ray_s_business_not_the_engine_s(docker_world: DockerWorld) -> None:
    many = replace(TYPE, num_cpus=float(docker_world.engine.capacity[0] + 7))
    launched = docker_world.provider().launch(LaunchRequest("worker-1-abc123", 1, many))
    assert launched.status is InstanceStatus.RUNNING


def test_a_program_that_is_missing_in_the_image_shows_as_exit_code_127(docker_world: DockerWorld) -> None:
    provider = docker_world.provider("exec /no/such/program")
    provider.launch(request())
    eventually(lambda: provider.list()[0].status is InstanceStatus.EXITED)
    [ended] = provider.list()
    assert "exit code 127" in ended.detail
    assert "/no/such/program" in ended.detail


def test_a_launch_that_ended_between_create_and_start_is_carried_on(docker_world: DockerWorld) -> None:
    provider = docker_world.provider()
    docker_world.engine._create(provider._spec(request()))  # noqa: SLF001  # where a dying scaler would have stopped
    assert provider.launch(request()).status is InstanceStatus.RUNNING
    [listed] = provider.list()
    assert listed.worker_id == "worker-1-abc123"


def test_several_launches_at_once_all_succeed(docker_world: DockerWorld) -> None:
    provider = docker_world.provider()
    with ThreadPoolExecutor(4) as threads:
        launched = list(threads.map(provider.launch, [request(index) for index in range(1, 5)]))
    assert [worker.status for worker in launched] == [InstanceStatus.RUNNING] * 4
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda worker: provider.remove(worker.worker_id, 0), launched))
    assert list(provider.list()) == []


def test_one_worker_launched_several_times_at_once_is_one_container(docker_world: DockerWorld) -> None:
    provider = docker_world.provider()
    with ThreadPoolExecutor(4) as threads:
        launched = list(threads.map(provider.launch, [request()] * 4))
    assert {worker.worker_id for worker in launched} == {"worker-1-abc123"}
    assert len(docker_world.leftovers("worker-1-abc123")) == 1


def test_a_container_carries_what_the_worker_type_says(docker_world: DockerWorld) -> None:
    provider = docker_world.provider("echo $RAY_CLOUD_INSTANCE_ID $RAY_NODE_TYPE_NAME; exec sleep 300")
    provider.launch(LaunchRequest("worker-3-abc123", 3, replace(TYPE, num_cpus=1, memory=100_000_000)))
    found = docker_world.engine.named(f"ray-{docker_world.cluster('one')}-worker-3")
    assert found is not None
    assert found.labels[INDEX_LABEL] == "3"
    host = docker_world.engine._api.inspect_container(found.id)["HostConfig"]  # noqa: SLF001  # the engine's own account
    assert host["ShmSize"] > 80_000_000
    assert host["Memory"] > host["ShmSize"] + 100_000_000
    assert host["NanoCpus"] == 1_000_000_000
    assert host["Init"] is True
    assert host["AutoRemove"] is False
    assert math.isclose(found.created_at, provider.list()[0].created_at)


@pytest.mark.usefixtures("engine")
def test_an_engine_that_comes_back_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    late = Engine()
    with monkeypatch.context() as environment:
        environment.setenv("DOCKER_HOST", "unix:///no/such/docker.sock")
        with pytest.raises(ProviderUnavailableError):
            late.ping()
    late.ping()
    late.close()


def test_a_network_of_ours_goes_when_nothing_uses_it(docker_world: DockerWorld) -> None:
    engine, name = docker_world.engine, own_name("network")
    engine.ensure_network(name, {"ray-watcher.cluster": "one"})
    engine.ensure_network(name, {"ray-watcher.cluster": "one"})
    docker_world.network = name
    docker_world.provider().launch(request())
    engine.remove_network(name, "ray-watcher.cluster=one")  # in use: stays
    docker_world.provider().launch(request(2))
    docker_world.close()
    engine.remove_network(name, "ray-watcher.cluster=other")  # another's: stays
    docker_world.provider().launch(request(3))
    docker_world.close()
    engine.remove_network(name, "ray-watcher.cluster=one")
    with pytest.raises(LaunchFailedError, match=name):
        docker_world.provider().launch(request(4))


@pytest.mark.parametrize("confined", [True, False], ids=["confined", "loosened"])
def test_a_worker_is_confined_unless_the_settings_loosen_it(docker_world: DockerWorld, confined: bool) -> None:
    provider = DockerProvider(
        docker_world.engine,
        cluster=docker_world.cluster("one"),
        image=docker_world.image,
        network=docker_world.network,
        command=lambda _request: ["/bin/sh", "-c", SHOWS_ITS_PRIVILEGES],
        stop_grace=1,
        confined=confined,
        pids_limit=99 if confined else 0,
    )
    provider.launch(request())
    eventually(lambda: len(list(provider.logs(request().worker_id, tail=None, follow=False))) == 2)

    shown = dict(line.split() for line in provider.logs(request().worker_id, tail=None, follow=False))
    (container,) = docker_world.engine.containers([f"{CLUSTER_LABEL}={docker_world.cluster('one')}"])
    host = docker_world.engine._api.inspect_container(container.id)["HostConfig"]  # noqa: SLF001  # no other look at it
    assert (int(shown["CapEff:"], 16) == 0, shown["NoNewPrivs:"] == "1") == (confined, confined)
    assert (host["PidsLimit"] or 0) == (99 if confined else 0)
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param('ENTRYPOINT ["/no/such/program"]', id="an entrypoint of its own"),
        pytest.param("USER app", id="a named user that is not 1000"),
        pytest.param("USER 4321", id="a numbered user"),
        pytest.param("USER app:0", id="a named user with a group"),
        pytest.param("USER 4321:5432", id="a numbered user with a group"),
        pytest.param("VOLUME /run", id="a volume where the files go"),
        pytest.param("WORKDIR /no/such/place", id="a directory of its own"),
        pytest.param("STOPSIGNAL SIGKILL", id="a stop signal of its own"),
        pytest.param("HEALTHCHECK CMD false", id="a health check that fails"),
        pytest.param("ENV RAY_WATCHER_JOIN_FILE=/x", id="a variable of ours"),
    ],
)
def test_an_image_that_is_not_rays_own_runs_the_workers_command_and_reads_its_files(
    docker_world: DockerWorld, tmp_path: Path, change: str
) -> None:
    image = f"ray-watcher/{own_name('foreign')}:test"
    (tmp_path / "passwd").write_text("root:x:0:0::/:/bin/sh\napp:x:10001:10001::/:/bin/sh\n")
    (tmp_path / "Dockerfile").write_text(f"FROM {docker_world.image}\nCOPY passwd /etc/passwd\n{change}\n")
    list(docker_world.engine.build(tmp_path, image, arguments={}, labels={}))
    docker_world.image = image
    provider = docker_world.provider(f"read line < {PROGRAM_PATH} && echo readable; exec sleep 300")
    try:
        provider.launch(request())
        eventually(lambda: list(provider.logs(request().worker_id, tail=None, follow=False)) == ["readable"])
    finally:
        provider.remove(request().worker_id, 0)
        docker_world.engine._api.remove_image(image, force=True)  # noqa: SLF001  # a test's own image


def test_a_container_of_a_foreign_image_with_our_labels_is_no_worker(docker_world: DockerWorld, tmp_path: Path) -> None:
    provider = docker_world.provider()
    genuine = provider.launch(request(1))
    image = f"ray-watcher/{own_name('labels')}:test"
    labels = {CLUSTER_LABEL: docker_world.cluster("one"), WORKER_ID_LABEL: "worker-7-aaaaaa", INDEX_LABEL: "7"}
    written = " ".join(f'{key}="{value}"' for key, value in labels.items())
    (tmp_path / "Dockerfile").write_text(f"FROM {docker_world.image}\nLABEL {written}\n")
    list(docker_world.engine.build(tmp_path, image, arguments={}, labels={}))
    api = docker_world.engine._api  # noqa: SLF001  # what no provider does
    foreign = api.create_container(image, ["sleep", "300"], host_config=api.create_host_config(network_mode="none"))
    try:
        api.start(foreign)

        assert [one.worker_id for one in provider.list()] == [genuine.worker_id]
        provider.remove("worker-7-aaaaaa", 0)
        assert api.inspect_container(foreign)["State"]["Running"]
        with pytest.raises(ProviderError):
            list(provider.logs("worker-7-aaaaaa", tail=1, follow=False))
        assert provider.launch(request(7, "aaaaaa")).worker_id == "worker-7-aaaaaa"
    finally:
        api.remove_container(foreign, force=True)
        provider.remove("worker-7-aaaaaa", 0)
        api.remove_image(image, force=True)
