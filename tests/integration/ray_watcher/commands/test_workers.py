"""add-worker and remove-worker against fake clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scaler.model.cluster import LaunchRequest, WorkerType
from support.watcher_fakes import World, worker_id

if TYPE_CHECKING:
    from pathlib import Path


def test_add_worker_takes_the_lowest_free_number() -> None:
    world = World().with_head(workers=3)
    world.process.provider.remove(worker_id(2), 0)
    result = world.run("add-worker")
    assert result.exit_code == 0
    assert result.stdout.startswith("worker-2-")


@pytest.fixture
def policy_file(tmp_path: Path) -> dict[str, str]:
    """The environment of a policy with two worker types."""
    path = tmp_path / "policy.yml"
    path.write_text("version: 1\nworker_types: [{name: cpu, num_cpus: 4}, {name: gpu, num_cpus: 8, num_gpus: 1}]\n")
    return {"WATCHER_POLICY_FILE": str(path)}


@pytest.mark.parametrize(
    ("options", "kind", "size"),
    [
        pytest.param([], "cpu", "4 CPU and 0 GPU", id="the policy's first type"),
        pytest.param(["--type", "gpu"], "gpu", "8 CPU and 1 GPU", id="the type that is named"),
        pytest.param(["--type", "gpu", "--num-cpus", "2"], "gpu", "2 CPU and 1 GPU", id="with a size of its own"),
    ],
)
def test_add_worker_takes_a_worker_type_of_the_policy(
    policy_file: dict[str, str], options: list[str], kind: str, size: str
) -> None:
    world = World().with_head()
    result = world.run("add-worker", *options, env=policy_file)
    assert (result.exit_code, result.stdout.endswith(f"joined Ray with {size}\n")) == (0, True)
    assert [worker.worker_type for worker in world.process.provider.list()] == [kind]


def test_a_worker_type_that_the_policy_does_not_have_is_a_mistake(policy_file: dict[str, str]) -> None:
    result = World().with_head().run("add-worker", "--type", "tpu", env=policy_file)
    assert (result.exit_code, "got 'tpu', wanted one of the policy's worker types: cpu, gpu" in result.stderr) == (
        2,
        True,
    )


def test_add_worker_needs_a_head() -> None:
    world = World().with_head(workers=1)
    world.process.options = None
    assert world.run("add-worker").exit_code == 4


def test_a_worker_that_does_not_join_is_removed_again() -> None:
    world = World().with_head()
    world.process.provider.exit_code = 1
    assert (world.run("add-worker").exit_code, world.worker_ids()) == (1, [])


@pytest.mark.parametrize("name", ["2", "worker-2", "worker-2-000002"])
def test_remove_worker_drains_through_ray_before_it_stops(name: str) -> None:
    world = World().with_head(workers=3)
    result = world.run("remove-worker", name)
    assert (result.exit_code, "worker-2-000002" in result.stdout) == (0, True)
    assert world.drained == {worker_id(2)}
    assert world.worker_ids() == [worker_id(1), worker_id(3)]


def test_without_a_name_the_worker_that_is_idle_for_longest_goes() -> None:
    world = World(busy={worker_id(3)}).with_head(workers=3)
    world.run("remove-worker")
    assert world.worker_ids() == [worker_id(1), worker_id(3)]


def test_a_busy_worker_stays_and_the_reason_is_told() -> None:
    world = World(busy={worker_id(1)}).with_head(workers=1)
    result = world.run("remove-worker", "1")
    assert (result.exit_code, world.worker_ids()) == (1, [worker_id(1)])
    assert all(part in result.stderr for part in ("CPU 1 in use", "the node is no longer idle", "--force"))


def test_all_busy_and_none_named_removes_none() -> None:
    world = World(busy={worker_id(1)}).with_head(workers=1)
    result = world.run("remove-worker")
    assert (result.exit_code, world.worker_ids()) == (1, [worker_id(1)])


def test_force_stops_a_busy_worker_and_says_what_is_lost() -> None:
    world = World(busy={worker_id(1)}).with_head(workers=1)
    result = world.run("remove-worker", "1", "--force")
    assert (result.exit_code, world.worker_ids()) == (0, [])
    assert "CPU 1 in use" in result.stderr


def test_where_ray_does_not_answer_only_force_removes() -> None:
    world = World(deaf=True).with_head(workers=1)
    refused = world.run("remove-worker", "1")
    assert (refused.exit_code, world.worker_ids()) == (1, [worker_id(1)])
    assert "--force" in refused.stderr
    assert (world.run("remove-worker", "1", "--force").exit_code, world.worker_ids()) == (0, [])


def test_a_worker_that_ended_is_removed_without_asking_ray() -> None:
    world = World().with_head()
    world.process.provider.exit_code = 1
    world.process.provider.launch(LaunchRequest(worker_id(1), 1, WorkerType("default")))
    assert (world.run("remove-worker", "1").exit_code, world.worker_ids(), world.drained) == (0, [], set())


def test_a_warm_worker_is_removed_without_asking_ray() -> None:
    world = World().with_head()
    world.process.provider.prepare(LaunchRequest(worker_id(1), 1, WorkerType("default")))
    assert (world.run("remove-worker", "1").exit_code, world.worker_ids(), world.drained) == (0, [], set())


def test_an_unknown_worker_is_told_with_the_known_ones() -> None:
    result = World().with_head(workers=2).run("remove-worker", "7")
    assert result.exit_code == 4
    assert "worker-1, worker-2" in result.stderr


def test_a_worker_above_the_limit_is_launched_and_said_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_MAX_WORKERS", "2")
    world = World().with_head(workers=1)
    within, above = world.run("add-worker"), world.run("add-worker")

    assert "max_workers" not in within.stderr
    assert (above.exit_code, len(world.worker_ids())) == (0, 3)
    assert above.stderr.index("max_workers is 2") < above.stderr.index("starting")
