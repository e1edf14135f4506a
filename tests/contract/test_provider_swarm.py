"""What only a provider of several hosts has to do, on a Swarm of three that the tests make."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scaler.model.cluster import HostStatus, InstanceStatus
from scaler.model.errors import IndexTakenError, LaunchFailedError, NoRoomError
from scaler.providers.swarm import SwarmProvider
from scaler.providers.worker_container import TOKEN_PATH
from support.provider_worlds import NO_PROGRAM, SLEEPS, STUBBORN, TYPE, request
from support.waiting import eventually

if TYPE_CHECKING:
    from scaler.model.cluster import WorkerType
    from support.provider_worlds import SwarmWorld

pytestmark = [pytest.mark.docker, pytest.mark.hosts, pytest.mark.full]


def test_workers_are_spread_over_the_hosts(swarm_world: SwarmWorld) -> None:
    provider = swarm_world.provider()
    hosts = {provider.launch(request(number)).host for number in (1, 2, 3)}

    assert hosts == set(swarm_world.hosts.hosts)


def test_an_image_that_is_missing_fails_on_a_host_and_that_host_can_be_avoided(swarm_world: SwarmWorld) -> None:
    missing = swarm_world.provider(NO_PROGRAM)
    with pytest.raises(LaunchFailedError, match="no image") as failed:
        missing.launch(request())
    avoided = failed.value.host
    others = {
        swarm_world.provider().launch(replace(request(number), avoided_hosts=(avoided,))).host for number in (2, 3, 4)
    }

    assert avoided in swarm_world.hosts.hosts
    assert others == set(swarm_world.hosts.hosts) - {avoided}


def test_hosts_are_not_avoided_if_there_are_no_others(swarm_world: SwarmWorld) -> None:
    wanted = replace(request(), avoided_hosts=tuple(swarm_world.hosts.hosts))

    assert swarm_world.provider().launch(wanted).host in swarm_world.hosts.hosts


def test_a_worker_is_placed_where_its_type_must_be(swarm_world: SwarmWorld) -> None:
    host = swarm_world.hosts.hosts[1]
    wanted = replace(request(), worker_type=replace(TYPE, placement=(f"node.hostname=={host}",)))

    assert swarm_world.provider().launch(wanted).host == host


@pytest.mark.parametrize("kind", [replace(TYPE, num_cpus=500), replace(TYPE, num_gpus=1)], ids=["CPUs", "GPUs"])
def test_a_worker_for_which_no_host_has_room_is_no_failure_and_leaves_nothing(
    swarm_world: SwarmWorld, kind: WorkerType
) -> None:
    provider = swarm_world.provider()
    with pytest.raises(NoRoomError, match="insufficient resources on 3 nodes"):
        provider.launch(replace(request(), worker_type=kind))
    assert (list(provider.list()), swarm_world.leftovers("worker-1-abc123")) == ([], [])


def test_a_worker_on_a_host_that_is_down_is_lost_and_removed_at_once_and_does_not_come_back(
    swarm_world: SwarmWorld,
) -> None:
    provider, hosts = swarm_world.provider(), swarm_world.hosts
    workers = {launched.host: launched for launched in (provider.launch(request(number)) for number in (1, 2, 3))}
    away = hosts.hosts[-1]
    hosts.pause(away)
    try:
        lost = eventually(lambda: [one for one in provider.list() if one.status is InstanceStatus.LOST], "it is lost")
        assert [one.worker_id for one in lost] == [workers[away].worker_id]
        assert {host.name: host.status for host in provider.hosts()}[away] is HostStatus.DOWN
        provider.remove(lost[0].worker_id, 0)
        assert len(provider.list()) == 2
    finally:
        hosts.resume(away)
    eventually(lambda: {host.status for host in provider.hosts()} == {HostStatus.READY}, "the host is back")
    eventually(lambda: len(provider.list()) == 2, "it stops what was removed meanwhile")
    assert swarm_world.leftovers(workers[away].worker_id) == []


def test_a_name_is_not_free_while_its_container_still_stops(swarm_world: SwarmWorld) -> None:
    provider = swarm_world.provider(STUBBORN)
    provider.launch(request(1, "aaaaaa"))
    eventually(lambda: list(provider.logs("worker-1-aaaaaa", tail=1, follow=False)), "it ignores SIGTERM")
    (service,) = swarm_world.engine.services([f"ray-watcher.cluster={swarm_world.cluster('one')}"])
    swarm_world.engine.remove_service(service["ID"])

    with pytest.raises(IndexTakenError):
        provider.launch(request(1, "bbbbbb"))
    eventually(lambda: [one.status for one in provider.list()] == [InstanceStatus.TERMINATING], "it is stopping")
    eventually(lambda: not provider.list(), "it has stopped")


def test_the_token_is_a_secret_and_one_that_nothing_uses_any_more_is_swept(swarm_world: SwarmWorld) -> None:
    reads = f"cat {TOKEN_PATH}; echo; stat -c %a {TOKEN_PATH}; {SLEEPS}"

    def provider(token: str) -> SwarmProvider:
        return SwarmProvider(
            swarm_world.engine,
            cluster=swarm_world.cluster("one"),
            image=swarm_world.image,
            network=None,
            command=lambda _request: ["/bin/sh", "-c", reads],
            stop_grace=1,
            token=lambda: token,
            user_id=0,
        )

    def secrets() -> int:
        named = f"ray-watcher-{swarm_world.cluster('one')}-token-"
        return len(swarm_world.engine._named("secret", named.removesuffix("-")))  # noqa: SLF001  # its account

    first = provider("first")
    first.launch(request(1))
    eventually(lambda: list(first.logs("worker-1-abc123", tail=None, follow=False))[:2] == ["first", "400"], "it reads")
    provider("second").launch(request(2))
    assert secrets() == 2
    first.remove("worker-1-abc123", 0)
    provider("third").launch(request(3))
    assert secrets() == 2
