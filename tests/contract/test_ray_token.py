"""Ray's token on its way to head and workers: in a file for their eyes only, and in nothing that others can read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ray_watcher.cluster.base import HeadStatus
from ray_watcher.operations.inventory import Inventory
from ray_watcher.output.cluster_status import cluster_document
from ray_watcher_common.ray_auth import RayToken
from scaler.providers.docker import DockerProvider
from scaler.providers.process import ProcessProvider
from scaler.providers.worker_container import TOKEN_PATH
from support.provider_worlds import TYPE, DockerWorld, request
from support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "0123456789abcdef"  # noqa: S105  # a test's own
SHOWS = 'echo "mode $RAY_AUTH_MODE"; stat -c "file %a %u" "$RAY_AUTH_TOKEN_PATH"; cat "$RAY_AUTH_TOKEN_PATH"; '


def docker_provider(world: DockerWorld, token: str | None = TOKEN) -> DockerProvider:
    return DockerProvider(
        world.engine,
        cluster=world.cluster("one"),
        image=world.image,
        network=world.network,
        command=lambda _request: ["/bin/sh", "-c", SHOWS + "echo; exec sleep 300"],
        stop_grace=1,
        token=lambda: token,
    )


@pytest.mark.docker
def test_a_container_has_the_token_in_a_file_that_inspect_does_not_show(docker_world: DockerWorld) -> None:
    provider = docker_provider(docker_world)
    provider.launch(request())

    eventually(lambda: list(provider.logs("worker-1-abc123", tail=None, follow=False))[2:])
    assert list(provider.logs("worker-1-abc123", tail=None, follow=False)) == ["mode token", "file 600 0", TOKEN]
    found = docker_world.engine.named(f"ray-{docker_world.cluster('one')}-worker-1")
    assert found is not None
    assert TOKEN not in json.dumps(docker_world.engine._api.inspect_container(found.id))  # noqa: SLF001  # its account


@pytest.mark.docker
def test_a_launch_that_ended_before_the_token_was_written_is_carried_on_with_it(docker_world: DockerWorld) -> None:
    provider = docker_provider(docker_world)
    docker_world.engine._create(provider._spec(request()))  # noqa: SLF001  # where a dying scaler would have stopped
    provider.launch(request())

    found = docker_world.engine.named(f"ray-{docker_world.cluster('one')}-worker-1")
    assert found is not None
    assert docker_world.engine.read(found.id, TOKEN_PATH) == TOKEN


@pytest.mark.docker
def test_a_cluster_without_a_token_gets_none(docker_world: DockerWorld) -> None:
    spec = docker_provider(docker_world, None)._spec(request())  # noqa: SLF001

    assert TOKEN_PATH not in spec.files
    assert not [name for name in spec.environment if name.startswith("RAY_AUTH")]


def test_a_process_reads_the_file_of_its_cluster(tmp_path: Path) -> None:
    token = RayToken(path=tmp_path / "token")
    token.make()
    provider = ProcessProvider(
        state_dir=tmp_path, cluster="one", command=lambda *_: ["/bin/sh", "-c", SHOWS], token=token
    )
    provider.launch(request())
    try:
        eventually(lambda: list(provider.logs("worker-1-abc123", tail=None, follow=False))[2:])
        mode, file, content = provider.logs("worker-1-abc123", tail=None, follow=False)
        assert (mode, file[:8], content) == ("mode token", "file 600", token.read())
    finally:
        provider.remove("worker-1-abc123", 0)


@pytest.mark.docker
def test_a_secret_is_not_shown_by_what_carries_it(docker_world: DockerWorld) -> None:
    head = HeadStatus(running=True, detail="", started_at=0, gcs_address="", dashboard_url="", token=TOKEN)
    spec = docker_provider(docker_world)._spec(request())  # noqa: SLF001

    document = cluster_document("one", Inventory("docker", head, (), None))
    assert TOKEN not in json.dumps(document) + repr((head, spec, RayToken(TOKEN), TYPE))
