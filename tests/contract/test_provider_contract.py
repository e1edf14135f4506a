"""What every provider has to do, shown of the fake, of processes and of a real Docker Engine and of a Swarm alike.

Where providers differ, the suite asks for their capabilities.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from scaler.model.cluster import InstanceStatus
from scaler.model.errors import IndexTakenError, LaunchFailedError, ProviderError
from support.provider_worlds import EXITS, NO_PROGRAM, STUBBORN, WAITS, FakeWorld, ProcessWorld, request
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scaler.model.cluster import Instance, LaunchRequest
    from scaler.model.ports import WorkerProvider
    from support.provider_worlds import World

GRACE_SECONDS, GONE_SECONDS = 1, 20


@pytest.fixture
def process_world(tmp_path: Path) -> Iterator[ProcessWorld]:
    with contextlib.closing(ProcessWorld(tmp_path)) as world:
        yield world


SWARM = pytest.param("swarm", marks=(pytest.mark.docker, pytest.mark.hosts, pytest.mark.full))


@pytest.fixture(params=["fake", "process", pytest.param("docker", marks=pytest.mark.docker), SWARM])
def world(request: pytest.FixtureRequest) -> World:
    return FakeWorld() if request.param == "fake" else request.getfixturevalue(f"{request.param}_world")


@pytest.fixture
def warm_world(world: World) -> World:
    if not world.provider().capabilities.warm_workers:
        pytest.skip("the provider keeps no warm workers, and another test shows that it says so")
    return world


def statuses(provider: WorkerProvider) -> dict[str, InstanceStatus]:
    return {worker.worker_id: worker.status for worker in provider.list()}


def launch(provider: WorkerProvider, wanted: LaunchRequest) -> Instance:
    """The worker once it is up or has ended; a launch that is not final is only accepted at first."""
    return settled(provider, provider.launch(wanted))


def settled(provider: WorkerProvider, launched: Instance) -> Instance:
    if provider.capabilities.launch_is_final:
        return launched
    found = eventually(lambda: up_or_ended(provider, launched.worker_id), f"{launched.worker_id} is up or has ended")
    assert found is not None
    return found


def fails(provider: WorkerProvider) -> bool:
    """Whether a launch fails: at once, or its worker ends and is removed, as the scaler does."""
    try:
        ended = launch(provider, request())
    except LaunchFailedError:
        return True
    provider.remove(ended.worker_id, grace_seconds=0)
    return not provider.capabilities.launch_is_final and ended.status is InstanceStatus.EXITED


def up_or_ended(provider: WorkerProvider, worker_id: str) -> Instance | None:
    found = {worker.worker_id: worker for worker in provider.list()}[worker_id]
    return None if found.status is InstanceStatus.REQUESTED else found


def test_nothing_is_listed_where_nothing_was_launched(world: World) -> None:
    assert list(world.provider().list()) == []


def test_a_launched_worker_is_listed_as_it_was_asked_for_and_running(world: World) -> None:
    provider = world.provider()
    launched = launch(provider, request())
    [listed] = provider.list()
    assert listed == launched
    assert (listed.worker_id, listed.index, listed.worker_type, listed.status) == (
        "worker-1-abc123",
        1,
        "default",
        InstanceStatus.RUNNING,
    )


def test_a_launch_says_when_it_was(world: World) -> None:
    created_at = launch(world.provider(), request()).created_at
    assert isinstance(world, FakeWorld) or abs(created_at - time.time()) < 60


def test_the_same_id_twice_is_one_worker(world: World) -> None:
    provider = world.provider()
    assert launch(provider, request()) == provider.launch(request())
    assert len(provider.list()) == 1


def test_two_ids_are_two_workers(world: World) -> None:
    provider = world.provider()
    launch(provider, request(1))
    launch(provider, request(2))
    assert set(statuses(provider)) == {"worker-1-abc123", "worker-2-abc123"}


def test_an_index_that_is_taken_is_refused_and_its_holder_stays(world: World) -> None:
    provider = world.provider()
    launch(provider, request(1, "aaaaaa"))
    with pytest.raises(IndexTakenError, match="worker-1"):
        provider.launch(request(1, "bbbbbb"))
    assert statuses(provider) == {"worker-1-aaaaaa": InstanceStatus.RUNNING}
    assert world.leftovers("worker-1-bbbbbb") == []


def test_a_removed_worker_leaves_nothing(world: World) -> None:
    provider = world.provider()
    provider.launch(request())
    provider.remove("worker-1-abc123", grace_seconds=2)
    assert list(provider.list()) == []
    assert world.leftovers("worker-1-abc123") == []


def test_an_index_is_free_again_after_removal(world: World) -> None:
    provider = world.provider()
    provider.launch(request(1, "aaaaaa"))
    provider.remove("worker-1-aaaaaa", grace_seconds=0)
    assert launch(provider, request(1, "bbbbbb")).status is InstanceStatus.RUNNING


def test_removing_an_unknown_worker_is_fine(world: World) -> None:
    world.provider().remove("worker-9-nobody", grace_seconds=0)


def test_a_worker_outlives_the_provider_that_launched_it(world: World) -> None:
    launched = launch(world.provider(), request())
    assert list(world.provider().list()) == [launched]
    world.provider().remove(launched.worker_id, grace_seconds=0)
    assert world.leftovers(launched.worker_id) == []


def test_a_worker_that_ended_is_listed_with_exit_code_and_last_words(world: World) -> None:
    provider = world.provider(EXITS)
    provider.launch(request())
    eventually(lambda: statuses(provider) == {"worker-1-abc123": InstanceStatus.EXITED})
    [ended] = provider.list()
    assert "exit code 3" in ended.detail
    assert "last words" in ended.detail


def test_a_worker_that_ended_can_be_removed(world: World) -> None:
    provider = world.provider(EXITS)
    provider.launch(request())
    eventually(lambda: statuses(provider) == {"worker-1-abc123": InstanceStatus.EXITED})
    provider.remove("worker-1-abc123", grace_seconds=5)
    assert world.leftovers("worker-1-abc123") == []


def test_a_launch_that_fails_leaves_nothing(world: World) -> None:
    provider = world.provider(NO_PROGRAM)
    assert fails(provider)
    assert list(provider.list()) == []
    assert world.leftovers("worker-1-abc123") == []


def test_a_launch_that_failed_can_be_repeated(world: World) -> None:
    assert fails(world.provider(NO_PROGRAM))
    assert launch(world.provider(), request()).status is InstanceStatus.RUNNING


def lines(provider: WorkerProvider) -> list[str]:
    return list(provider.logs("worker-1-abc123", tail=None, follow=False))


def test_a_warm_worker_is_up_until_it_is_told_to_join(warm_world: World) -> None:
    provider = warm_world.provider()
    provider.prepare(request())
    assert statuses(provider) == statuses(warm_world.provider()) == {"worker-1-abc123": InstanceStatus.WARM}

    launched = provider.launch(request())
    assert statuses(warm_world.provider()) == {"worker-1-abc123": InstanceStatus.RUNNING}
    assert (provider.launch(request()), provider.prepare(request())) == (launched, launched)


def test_a_warm_worker_goes_on_where_it_waited_once_it_is_told_to_join(warm_world: World) -> None:
    provider = warm_world.provider(WAITS)
    provider.prepare(request())
    eventually(lambda: isinstance(warm_world, FakeWorld) or lines(provider) == ["waiting"])
    provider.launch(request())
    eventually(lambda: isinstance(warm_world, FakeWorld) or lines(provider) == ["waiting", "told"])


def test_the_index_of_a_warm_worker_is_taken(warm_world: World) -> None:
    provider = warm_world.provider()
    provider.prepare(request(1, "aaaaaa"))
    assert [worker.index for worker in provider.list()] == [1]
    with pytest.raises(IndexTakenError):
        provider.prepare(request(1, "bbbbbb"))


def test_a_removed_warm_worker_leaves_nothing(warm_world: World) -> None:
    provider = warm_world.provider()
    provider.prepare(request())
    provider.remove("worker-1-abc123", grace_seconds=2)
    assert (list(provider.list()), warm_world.leftovers("worker-1-abc123")) == ([], [])


def test_a_warm_worker_that_ended_is_listed_as_ended(warm_world: World) -> None:
    provider = warm_world.provider(EXITS)
    provider.prepare(request())
    eventually(lambda: statuses(provider) == {"worker-1-abc123": InstanceStatus.EXITED})


def test_preparing_that_fails_leaves_nothing(warm_world: World) -> None:
    provider = warm_world.provider(NO_PROGRAM)
    with pytest.raises(LaunchFailedError):
        provider.prepare(request())
    assert (list(provider.list()), warm_world.leftovers("worker-1-abc123")) == ([], [])


def test_a_warm_worker_that_was_prepared_for_something_else_is_replaced(warm_world: World) -> None:
    warm_world.provider("echo old; exec sleep 300").prepare(request())
    now = warm_world.provider("echo new; exec sleep 300")
    now.launch(request())
    assert statuses(now) == {"worker-1-abc123": InstanceStatus.RUNNING}
    eventually(lambda: isinstance(warm_world, FakeWorld) or lines(now) == ["new"])


def test_another_clusters_workers_are_neither_listed_nor_removed(world: World) -> None:
    ours, theirs = world.provider(cluster="one"), world.provider(cluster="two")
    launch(theirs, request())
    assert list(ours.list()) == []
    ours.remove("worker-1-abc123", grace_seconds=0)
    assert statuses(theirs) == {"worker-1-abc123": InstanceStatus.RUNNING}


def test_two_clusters_may_use_the_same_index(world: World) -> None:
    world.provider(cluster="one").launch(request(1, "aaaaaa"))
    world.provider(cluster="two").launch(request(1, "bbbbbb"))
    assert set(statuses(world.provider(cluster="one"))) == {"worker-1-aaaaaa"}


@pytest.mark.parametrize(
    ("tail", "expected"), [(None, ["one", "two"]), (1, ["two"])], ids=["all of them", "the last one"]
)
def test_logs_are_the_lines_that_the_worker_wrote(world: World, tail: int | None, expected: list[str]) -> None:
    provider = world.provider()
    provider.launch(request())
    eventually(lambda: len(list(provider.logs("worker-1-abc123", tail=None, follow=False))) == 2)
    assert list(provider.logs("worker-1-abc123", tail=tail, follow=False)) == expected


def test_followed_logs_end_with_the_worker(world: World) -> None:
    provider = world.provider("echo one; sleep 0.3; echo two")
    provider.launch(request())
    assert list(provider.logs("worker-1-abc123", tail=None, follow=True)) == ["one", "two"]


def test_logs_of_an_unknown_worker_are_an_error(world: World) -> None:
    with pytest.raises(ProviderError, match="worker-9-nobody"):
        world.provider().logs("worker-9-nobody", tail=None, follow=False)


def test_a_worker_that_ignores_sigterm_is_gone_after_its_grace(world: World) -> None:
    provider = world.provider(STUBBORN)
    provider.launch(request())
    eventually(lambda: isinstance(world, FakeWorld) or list(provider.logs("worker-1-abc123", tail=1, follow=False)))
    began = time.monotonic()
    provider.remove("worker-1-abc123", grace_seconds=GRACE_SECONDS)
    took = time.monotonic() - began
    assert isinstance(world, FakeWorld) or took < GONE_SECONDS
    assert isinstance(world, FakeWorld) or not provider.capabilities.grace_at_removal or took > GRACE_SECONDS * 0.9
    assert world.leftovers("worker-1-abc123") == []


def test_a_provider_that_keeps_no_warm_workers_refuses_to_prepare_one(world: World) -> None:
    provider = world.provider()
    if not provider.capabilities.warm_workers:
        with pytest.raises(LaunchFailedError, match="warm"):
            provider.prepare(request())
    assert list(provider.list()) == []


def test_workers_have_a_host_where_there_are_several(world: World) -> None:
    provider = world.provider()
    launched, names = launch(provider, request()), [host.name for host in provider.hosts()]
    assert (launched.host in names) if provider.capabilities.many_hosts else (launched.host, names) == (None, [])
