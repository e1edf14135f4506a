"""What only processes of one host can do wrong."""

from __future__ import annotations

import contextlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest

from scaler.model.cluster import InstanceStatus
from scaler.model.errors import IndexTakenError, LaunchFailedError
from scaler.providers.process import ProcessProvider
from support.provider_worlds import NO_PROGRAM, SLEEPS, ProcessWorld, request
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scaler.model.cluster import LaunchRequest
    from scaler.providers.local_node import LocalNode

WORKER = "worker-1-abc123"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProcessWorld]:
    with contextlib.closing(ProcessWorld(tmp_path)) as world:
        yield world


def directory(world: ProcessWorld) -> Path:
    return world.state_dir / "workers" / WORKER


def test_workers_launched_at_once_share_neither_ports_nor_directories(world: ProcessWorld) -> None:
    nodes: list[LocalNode] = []

    def command(_request: LaunchRequest, node: LocalNode) -> list[str]:
        nodes.append(node)
        return ["/bin/sh", "-c", SLEEPS]

    provider = ProcessProvider(state_dir=world.state_dir, cluster="one", command=command)
    with ThreadPoolExecutor(8) as threads:
        launched = list(threads.map(provider.launch, [request(index) for index in range(1, 9)]))
    assert [worker.status for worker in launched] == [InstanceStatus.RUNNING] * 8
    assert len({port for node in nodes for port in node.ports}) == 8 * 4
    assert len({node.temp_dir for node in nodes}) == 8


def test_one_worker_launched_many_times_at_once_is_one_process(world: ProcessWorld) -> None:
    provider = world.provider("echo started; exec sleep 300")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(provider.launch, [request()] * 8))
    eventually(lambda: list(provider.logs(WORKER, tail=None, follow=False)) == ["started"])
    assert len(provider.list()) == 1


def test_a_reused_pid_is_not_taken_for_the_worker(world: ProcessWorld) -> None:
    provider = world.provider()
    provider.launch(request())
    (directory(world) / "pid").write_text(str(os.getpid()))
    assert [worker.status for worker in provider.list()] == [InstanceStatus.EXITED]
    provider.remove(WORKER, grace_seconds=0)  # this test goes on, so it was not killed
    assert world.leftovers(WORKER) == []


@pytest.mark.parametrize(
    "child",
    ["setsid sleep 301 &", "env -i sleep 302 &", "(setsid sleep 303 &) ;", "sh -c \"trap '' TERM; sleep 304\" &"],
    ids=["in a session of its own", "without our marker", "orphaned", "deaf to SIGTERM"],
)
def test_what_a_worker_started_goes_with_it(world: ProcessWorld, child: str) -> None:
    provider = world.provider(f"{child} echo ready; exec sleep 300")
    provider.launch(request())
    [seconds] = re.findall(r"30\d", child)

    def children() -> list[list[str]]:
        lines = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
        return [line for line in lines if line == ["sleep", seconds]]

    eventually(children)
    provider.remove(WORKER, grace_seconds=1)
    assert children() == []
    assert world.leftovers(WORKER) == []


def test_a_worker_is_asked_before_it_is_killed(world: ProcessWorld) -> None:
    told = world.state_dir / "told"
    provider = world.provider(f"trap 'echo asked > {told}; exit 0' TERM; echo ready; while :; do sleep 0.1; done")
    provider.launch(request())
    eventually(lambda: list(provider.logs(WORKER, tail=1, follow=False)))
    provider.remove(WORKER, grace_seconds=10)
    assert told.read_text() == "asked\n"


def test_a_worker_whose_supervisor_was_killed_has_ended(world: ProcessWorld) -> None:
    provider = world.provider()
    provider.launch(request())
    psutil.Process(int((directory(world) / "pid").read_text())).kill()
    eventually(lambda: provider.list()[0].status is InstanceStatus.EXITED)
    assert "killed" in provider.list()[0].detail
    provider.remove(WORKER, grace_seconds=0)
    assert world.leftovers(WORKER) == []


def test_a_worker_knows_its_id_and_type_but_not_our_secrets(
    world: ProcessWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHER_TOKEN", "secret")
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:6379")
    provider = world.provider("env; exec sleep 300")
    provider.launch(request())
    eventually(lambda: any("PATH=" in line for line in provider.logs(WORKER, tail=None, follow=False)))
    environment = set(provider.logs(WORKER, tail=None, follow=False))
    assert {f"RAY_CLOUD_INSTANCE_ID={WORKER}", "RAY_NODE_TYPE_NAME=default"} <= environment
    assert not [line for line in environment if line.startswith(("WATCHER_", "RAY_ADDRESS="))]


def test_a_missing_program_is_named(world: ProcessWorld) -> None:
    with pytest.raises(LaunchFailedError, match="no program /no/such/program"):
        world.provider(NO_PROGRAM).launch(request())


def test_an_unreadable_record_without_a_process_is_passed_over(world: ProcessWorld) -> None:
    directory(world).mkdir(parents=True)
    (directory(world) / "record.json").write_text("")  # a host that lost power before the file was whole

    assert list(world.provider().list()) == []


@pytest.mark.parametrize("text", ["{", "[]", '{"node": 3}', "9" * 5000], ids=["cut off", "a list", "a number", "huge"])
def test_an_unreadable_record_of_a_living_process_costs_that_worker_only(world: ProcessWorld, text: str) -> None:
    provider = world.provider()
    provider.launch(request())
    provider.launch(request(2))
    file = directory(world) / "record.json"
    record = file.read_text()
    file.write_text(text)
    try:
        assert [worker.index for worker in provider.list()] == [2]
        with pytest.raises(IndexTakenError, match="unreadable record"):
            provider.launch(request(1, "def456"))
        assert provider.launch(request(3)).index == 3
    finally:
        file.write_text(record)


def test_a_launch_that_broke_off_before_its_process_has_ended_after_a_while(world: ProcessWorld) -> None:
    provider = world.provider()
    provider.launch(request())
    provider.remove(WORKER, 0)
    provider._claimed(request())  # noqa: SLF001  # where a dying scaler would have stopped
    assert [worker.status for worker in provider.list()] == [InstanceStatus.RUNNING]
    os.utime(directory(world), (0, 0))
    assert [worker.status for worker in provider.list()] == [InstanceStatus.EXITED]


def test_a_worker_that_is_removed_while_it_is_being_started_does_not_live_on(world: ProcessWorld) -> None:
    def command(_request: LaunchRequest, _node: LocalNode) -> list[str]:
        world.provider().remove(WORKER, 0)  # by another program, between its record and its process
        return ["/bin/sh", "-c", SLEEPS]

    with pytest.raises(LaunchFailedError, match="removed while it was being started"):
        ProcessProvider(state_dir=world.state_dir, cluster="one", command=command).launch(request())

    assert world.leftovers(WORKER) == []
