"""A Docker Engine with a tiny image and a network, and a Swarm of three hosts, once for all contract tests."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from scaler.providers.engine import Engine, docker_answers
from support.images import TINY_IMAGE, tiny_image
from support.nested_swarm import NestedSwarm, engine_at, swarm
from support.own import own_name
from support.provider_worlds import DockerWorld, SwarmWorld

if TYPE_CHECKING:
    from collections.abc import Iterator

TEST_LABEL = "ray-watcher.cluster"


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    if not docker_answers():
        pytest.fail("no Docker Engine answers; `scripts/setup test` installs and starts one")
    with contextlib.closing(Engine()) as engine:
        yield engine


@pytest.fixture(scope="session")
def network(engine: Engine) -> Iterator[str]:
    name = own_name("contract")
    engine.ensure_network(name, {TEST_LABEL: "test"})
    yield name
    engine.remove_network(name, f"{TEST_LABEL}=test")


@pytest.fixture
def docker_world(engine: Engine, network: str) -> Iterator[DockerWorld]:
    with contextlib.closing(DockerWorld(engine, tiny_image(engine), network)) as world:
        yield world


@pytest.fixture(scope="session")
def hosts(engine: Engine) -> Iterator[NestedSwarm]:
    with swarm(engine, hosts=3) as made:
        yield made


@pytest.fixture(scope="session")
def manager(hosts: NestedSwarm) -> Iterator[Engine]:
    with engine_at(hosts.manager) as engine:
        yield engine


@pytest.fixture
def swarm_world(manager: Engine, hosts: NestedSwarm) -> Iterator[SwarmWorld]:
    with contextlib.closing(SwarmWorld(manager, hosts, TINY_IMAGE)) as world:
        yield world
