"""A Ray head in Docker that cannot be: each time a clear error, and nothing left on the engine."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from ray_watcher.cluster.base import HeadOptions
from ray_watcher.cluster.docker import DockerCluster
from ray_watcher.errors import AlreadyRunningError, MissingError, NotRunningError, PortTakenError, WatcherError
from scaler.providers.container import ContainerSpec
from scaler.providers.worker_container import CLUSTER_LABEL
from support.own import own_ports
from support.provider_worlds import MISSING_IMAGE

if TYPE_CHECKING:
    from support.provider_worlds import DockerWorld

pytestmark = pytest.mark.docker


@pytest.fixture
def options() -> HeadOptions:
    gcs, dashboard, client = own_ports(3)
    return HeadOptions(num_cpus=0, gcs_port=gcs, dashboard_port=dashboard, client_port=client)


def cluster_of(world: DockerWorld, image: str | None = None) -> DockerCluster:
    """A cluster in a network of its own, whose image has no Ray."""
    name = world.cluster("one")
    return DockerCluster(
        world.engine, world.provider(), cluster=name, image=image or world.image, network=f"ray-watcher-{name}"
    )


def assert_nothing_left(world: DockerWorld) -> None:
    name = world.cluster("one")
    assert world.engine.containers([f"{CLUSTER_LABEL}={name}"]) == []
    assert world.engine._networks(f"ray-watcher-{name}") == []  # noqa: SLF001  # only tests ask


def test_a_missing_image_is_told(docker_world: DockerWorld, options: HeadOptions) -> None:
    with pytest.raises(MissingError, match=f"no image {MISSING_IMAGE}.*build-image"):
        cluster_of(docker_world, MISSING_IMAGE).start_head(options)
    assert_nothing_left(docker_world)


def test_a_taken_port_is_told(docker_world: DockerWorld, options: HeadOptions) -> None:
    with socket.create_server(("127.0.0.1", options.gcs_port)), pytest.raises(PortTakenError, match="GCS port"):
        cluster_of(docker_world).start_head(options)
    assert_nothing_left(docker_world)


def test_an_image_without_ray_is_told_by_the_containers_last_words(
    docker_world: DockerWorld, options: HeadOptions
) -> None:
    with pytest.raises(WatcherError, match=r"ended [\s\S]*exec ray failed"):
        cluster_of(docker_world).start_head(options)
    assert_nothing_left(docker_world)


def test_a_foreign_container_with_the_heads_name_stays(docker_world: DockerWorld, options: HeadOptions) -> None:
    name = f"ray-{docker_world.cluster('one')}-head"
    docker_world.engine.run(ContainerSpec(name, docker_world.image, ["/bin/sh", "-c", "sleep 300"]))
    try:
        with pytest.raises(AlreadyRunningError, match=f"docker rm -f {name}"):
            cluster_of(docker_world).start_head(options)
        assert docker_world.engine.named(name) is not None
        assert_nothing_left(docker_world)
    finally:
        if foreign := docker_world.engine.named(name):
            docker_world.engine.remove(foreign.id, 0)


def test_what_is_not_running_can_neither_be_stopped_nor_read(docker_world: DockerWorld) -> None:
    cluster = cluster_of(docker_world)
    assert cluster.head() is None
    with pytest.raises(NotRunningError, match="start-ray"):
        cluster.stop_head()
    with pytest.raises(NotRunningError):
        cluster.head_logs(tail=None, follow=False)
