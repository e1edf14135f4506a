"""On a Docker Engine that others use, the tests' sweep removes what bears a name of the run, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scaler.providers.worker_container import CLUSTER_LABEL
from support import leftovers
from support.own import own_name
from support.provider_worlds import request

if TYPE_CHECKING:
    from pathlib import Path

    from support.provider_worlds import DockerWorld

pytestmark = pytest.mark.docker


def test_containers_and_networks_of_the_runs_names_go_and_those_of_others_stay(
    docker_world: DockerWorld, tmp_path: Path
) -> None:
    engine, network = docker_world.engine, own_name("network")
    engine.ensure_network(network, {CLUSTER_LABEL: "test"})
    for cluster in ("one", "two"):
        docker_world.provider(cluster=cluster).launch(request())
    dead = tmp_path / "dead.run"
    dead.write_text(f"{network}\n{docker_world.cluster('one')}\n", encoding="utf-8")

    left = leftovers.sweep(dead)

    assert left == [f"container /ray-{docker_world.cluster('one')}-worker-1", f"network {network}"]
    assert docker_world.provider(cluster="one").list() == []
    assert len(docker_world.provider(cluster="two").list()) == 1
