"""What a real Swarm answered (`tests/recorded/swarm.json`), and the workers and hosts that it means."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from scaler.model.cluster import HostStatus, InstanceStatus, Waiting
from scaler.providers import swarm_listing

RECORDED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "recorded" / "swarm.json").read_text(encoding="utf-8")
)
S = InstanceStatus
Seen = dict[int, tuple[InstanceStatus, Waiting | None]]
ONE_OF_EACH: Seen = {
    1: (S.RUNNING, None),
    2: (S.EXITED, None),
    3: (S.EXITED, None),
    4: (S.EXITED, None),
    5: (S.REQUESTED, Waiting.NO_ROOM),
}


def scene(name: str) -> dict[str, Any]:
    return copy.deepcopy(RECORDED[name])


def seen(replies: dict[str, Any], later: float = 0.0) -> Seen:
    """Status and reason of waiting by the worker's number."""
    found = swarm_listing.workers(replies["services"], replies["tasks"], replies["nodes"], replies["now"] + later)
    return {worker.index: (worker.status, worker.waiting) for worker in found}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("one of each", ONE_OF_EACH),
        ("removed, and still stopping", {**ONE_OF_EACH, 6: (S.TERMINATING, None)}),
        ("a host is down", {1: (S.LOST, None), 2: (S.RUNNING, None)}),
        ("a lost worker was removed", {2: (S.RUNNING, None)}),
    ],
)
def test_each_state_of_a_task_and_its_host_is_a_status(name: str, expected: Seen) -> None:
    found = seen(scene(name))

    if "host" in name or "lost" in name:  # which of the two workers was on the host that went is Swarm's choice
        assert sorted(status for status, _ in found.values()) == sorted(status for status, _ in expected.values())
    else:
        assert found == expected


def test_a_task_that_gets_no_address_says_nothing_and_is_found_out_after_a_while() -> None:
    replies = scene("more workers than addresses")

    assert Waiting.NO_ADDRESS in {waiting for _, waiting in seen(replies).values()}
    assert {waiting for _, waiting in seen(replies, later=-6).values()} == {None}


def test_a_host_that_does_not_answer_for_the_moment_changes_no_status() -> None:
    replies = scene("one of each")
    for node in replies["nodes"]:
        node["Status"]["State"] = "unknown"  # as after a restart of the manager

    assert seen(replies)[1] == (S.RUNNING, Waiting.HOST_UNKNOWN)
    assert {host.status for host in swarm_listing.hosts(replies["nodes"], [])} == {HostStatus.UNKNOWN}


def test_a_host_that_has_left_the_swarm_is_down() -> None:
    replies = scene("one of each")
    replies["nodes"] = []

    assert seen(replies)[1] == (S.LOST, None)


@pytest.mark.parametrize(("later", "status"), [(0, S.REQUESTED), (31, S.EXITED)])
def test_a_service_without_a_task_is_new_or_was_stopped_with_its_host(later: float, status: InstanceStatus) -> None:
    replies = scene("one of each")
    newest = max(swarm_listing.seconds(service["CreatedAt"]) for service in replies["services"])
    replies |= {"tasks": [], "now": newest}

    assert set(seen(replies, later).values()) == {(status, None)}


def test_why_a_worker_ended_is_its_exit_code_or_what_kept_it_from_starting() -> None:
    replies = scene("one of each")
    found = swarm_listing.workers(replies["services"], replies["tasks"], replies["nodes"], replies["now"])
    details = {worker.index: worker.detail.partition(": ")[2] for worker in found}

    assert details == {
        1: "",
        2: "exit code 3",
        3: "exit code 127",
        4: "No such image: ray-watcher/missing:test",
        5: "no suitable node (insufficient resources on 2 nodes)",
    }


def test_a_container_that_could_not_be_started_has_no_exit_code_of_its_own() -> None:
    problem = "starting container failed: failed to create shim task: OCI runtime create failed"
    status = {"State": "failed", "Err": problem, "ContainerStatus": {"PID": 0, "ExitCode": 128}}

    assert swarm_listing.why_ended({"Status": status}) == problem


@pytest.mark.parametrize(
    ("name", "holders"),
    [
        ("removed, and still stopping", {"worker-1-000001", "worker-6-000006"}),
        ("a lost worker was removed", {"worker-2-000002", "worker-1-000001"}),
    ],
)
def test_a_name_is_held_while_its_container_may_run(name: str, holders: set[str]) -> None:
    replies = scene(name)
    found = swarm_listing.holders(replies["tasks"], replies["nodes"])

    assert set(found) <= holders
    assert len(found) == (2 if name.startswith("removed") else 1)  # nothing holds a name on a host that is down


def test_hosts_have_what_no_task_has_reserved() -> None:
    replies = scene("one of each")
    replies["tasks"][0]["Status"]["State"] = "running"
    node = replies["nodes"][0]
    replies["tasks"][0] |= {"NodeID": node["ID"]}
    replies["tasks"][0]["Spec"]["Resources"] = {"Reservations": {"NanoCPUs": 500_000_000, "MemoryBytes": 1000}}
    replies["tasks"] = replies["tasks"][:1]
    node["Description"]["Resources"]["GenericResources"] = [
        {"NamedResourceSpec": {"Kind": "GPU", "Value": "GPU-1"}},
        {"NamedResourceSpec": {"Kind": "GPU", "Value": "GPU-2"}},
        {"DiscreteResourceSpec": {"Kind": "SSD", "Value": 3}},
    ]

    host, other = swarm_listing.hosts(replies["nodes"], replies["tasks"])

    assert (host.cpus - host.free_cpus, host.memory - host.free_memory) == (0.5, 1000)
    assert host.resources == (("GPU", 2.0), ("SSD", 3.0))
    assert (other.free_cpus, other.free_memory) == (other.cpus, other.memory)


def test_hosts_of_one_name_are_told_apart_by_their_ids() -> None:
    nodes = scene("one of each")["nodes"]
    for node in nodes:
        node["Description"]["Hostname"] = "localhost"

    assert swarm_listing.host_names(nodes) == {node["ID"]: node["ID"] for node in nodes}
