"""start-ray, status-ray, stop-ray against fake clusters."""

from __future__ import annotations

import contextlib
import json
import signal
from typing import TYPE_CHECKING

import pytest

from ray_watcher.cluster.base import HeadOptions
from ray_watcher.errors import MissingError, PortTakenError, TimedOutError
from scaler.model.errors import LaunchFailedError, ProviderUnavailableError
from support.watcher_fakes import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ray_watcher.errors import WatcherError


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_STATE_DIR", str(tmp_path))


def test_start_ray_starts_a_head_and_the_workers_that_are_asked_for() -> None:
    world = World()
    result = world.run("start-ray", "--num-workers", "2")
    assert result.exit_code == 0
    assert world.process.options is not None
    assert [name.rsplit("-", 1)[0] for name in world.worker_ids()] == ["worker-1", "worker-2"]
    assert "2 workers" in result.stdout


def test_options_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_NUM_CPUS", "3")
    world = World()
    world.run("start-ray", "--num-cpus", "2", "--num-gpus", "1", "--object-store-memory", "200MB")
    assert world.process.options is not None
    assert (world.process.options.num_cpus, world.process.options.num_gpus) == (2, 1)
    assert world.process.options.object_store_memory == 200_000_000


def test_the_head_answers_on_the_ports_of_the_guides_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_HEAD_ADDRESS", "localhost:11001")
    monkeypatch.setenv("RAY_GCS_ADDRESS", "localhost:16379")
    monkeypatch.setenv("RAY_DASHBOARD_METRIC_API", "http://localhost:18265/api")
    world = World()
    world.run("start-ray")
    options = world.process.options
    assert options is not None
    assert (options.client_port, options.gcs_port, options.dashboard_port) == (11001, 16379, 18265)


@pytest.mark.parametrize(
    ("docker", "arguments", "expected"),
    [
        pytest.param(True, [], "docker", id="auto-takes-Docker-where-an-engine-answers"),
        pytest.param(False, [], "process", id="auto-takes-processes-where-none-does"),
        pytest.param(True, ["--provider", "process"], "process", id="the-option-wins"),
    ],
)
def test_provider_of_a_new_cluster(docker: bool, arguments: list[str], expected: str) -> None:
    world = World(docker=docker)
    assert world.run("start-ray", *arguments).exit_code == 0
    started = {"process": world.process.options, "docker": world.containers.options}
    assert [name for name, options in started.items() if options] == [expected]


def test_starting_twice_says_so_and_changes_nothing() -> None:
    world = World().with_head(workers=1)
    result = world.run("start-ray", "--num-workers", "5")
    assert (result.exit_code, world.worker_ids()) == (3, ["worker-1-000001"])
    assert "ray-watcher stop-ray" in result.stderr


def test_of_two_starts_at_once_the_slower_one_leaves_the_others_head_alone() -> None:
    world = World()
    world.process.rival = HeadOptions(num_cpus=7)
    assert world.run("start-ray").exit_code == 3
    assert world.process.options == HeadOptions(num_cpus=7)


def test_a_cluster_that_died_with_the_machine_is_started_anew_where_it_was() -> None:
    world = World(docker=True).with_head(workers=2)
    world.process.running = False
    for name in world.worker_ids():
        world.process.provider.exit(name, 137)
    assert world.run("start-ray", "--num-workers", "1").exit_code == 0
    assert (world.process.running, world.containers.options) == (True, None)
    assert [name.rsplit("-", 1)[0] for name in world.worker_ids()] == ["worker-1"]


def test_workers_that_a_dead_head_left_behind_are_stopped_with_a_word() -> None:
    world = World().with_head(workers=2)
    world.process.running = False
    result = world.run("start-ray")
    assert (result.exit_code, world.process.running, world.worker_ids()) == (0, True, [])
    assert "2 workers" in result.stderr


def test_workers_of_a_head_that_is_none_of_ours_are_left_alone() -> None:
    world = World().with_head(workers=1)
    world.process.options = None
    assert (world.run("start-ray").exit_code, world.worker_ids()) == (3, ["worker-1-000001"])


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("RAY_HEAD_ADDRESS", "other:10001", id="client"),
        pytest.param("RAY_GCS_ADDRESS", "10.0.0.1:6379", id="GCS"),
        pytest.param("RAY_DASHBOARD_METRIC_API", "http://other:8265/api", id="dashboard"),
    ],
)
def test_no_head_is_started_here_for_an_address_elsewhere(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    world = World()
    result = world.run("start-ray")
    assert (result.exit_code, world.process.options) == (2, None)
    assert f"{variable}: got the host" in result.stderr


@contextlib.contextmanager
def disposition(signum: signal.Signals, handler: signal.Handlers) -> Iterator[None]:
    before = signal.signal(signum, handler)
    try:
        yield
    finally:
        signal.signal(signum, before)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP], ids=lambda signum: signum.name)
@pytest.mark.parametrize(("verb", "head_stays"), [("start-ray --num-workers 1", False), ("add-worker", True)])
def test_a_signal_that_ends_the_command_ends_what_it_began(verb: str, head_stays: bool, signum: signal.Signals) -> None:
    world = World() if not head_stays else World().with_head()
    world.meanwhile = lambda: signal.raise_signal(signum)
    with disposition(signum, signal.SIG_DFL):  # these tests may run under nohup themselves
        result = world.run(*verb.split())
        assert signal.getsignal(signum) is signal.SIG_DFL
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (130, "error: interrupted")
    assert (world.process.options is not None, world.worker_ids()) == (head_stays, [])


def test_under_nohup_a_closed_terminal_ends_nothing() -> None:
    world = World(meanwhile=lambda: signal.raise_signal(signal.SIGHUP))
    with disposition(signal.SIGHUP, signal.SIG_IGN):
        assert world.run("start-ray", "--num-workers", "1").exit_code == 0


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        pytest.param(PortTakenError("GCS port 6379 is held by pid 7"), 6, id="port-taken"),
        pytest.param(MissingError("the engine has no image x"), 5, id="no-image"),
        pytest.param(TimedOutError("no answer"), 7, id="no-answer"),
    ],
)
def test_a_head_that_does_not_start_is_told_in_one_line(error: WatcherError, exit_code: int) -> None:
    world = World()
    world.process.start_error = error
    result = world.run("start-ray")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (exit_code, f"error: {error}")


def test_a_worker_that_cannot_be_launched_takes_the_head_with_it() -> None:
    world = World()
    world.process.provider.launch_error = LaunchFailedError("no room on this host")
    result = world.run("start-ray", "--num-workers", "1")
    assert result.exit_code == 1
    assert "no room on this host" in result.stderr
    assert world.process.options is None


def test_a_worker_that_ends_before_it_joins_is_told_with_its_last_lines() -> None:
    world = World()
    world.process.provider.exit_code = 1
    world.process.provider.output = ("cannot reach the GCS",)
    result = world.run("start-ray", "--num-workers", "1")
    assert result.exit_code == 1
    assert "cannot reach the GCS" in result.stderr
    assert (world.process.options, world.worker_ids()) == (None, [])


def test_a_dead_engine_is_told_with_what_is_missing() -> None:
    world = World(docker=True)
    world.containers.provider.unavailable = ProviderUnavailableError("the Docker Engine does not answer")
    result = world.run("stop-ray", "--provider", "docker")
    assert (result.exit_code, result.stderr) == (5, "error: the Docker Engine does not answer\n")


@pytest.mark.parametrize("verb", ["status-ray", "add-worker", "remove-worker", "logs-ray"])
def test_a_verb_that_needs_a_cluster_says_so_if_there_is_none(verb: str) -> None:
    result = World().run(verb)
    assert (result.exit_code, result.stdout) == (4, "")
    assert "ray-watcher start-ray" in result.stderr


def test_a_named_engine_that_is_not_there_is_missing() -> None:
    result = World(docker=False).run("status-ray", "--provider", "docker")
    assert result.exit_code == 5
    assert "--provider process" in result.stderr


def test_later_verbs_find_the_cluster_wherever_it_runs() -> None:
    world = World(docker=True)
    world.run("start-ray")
    assert json.loads(world.run("status-ray", "--json").stdout)["provider"] == "docker"


def test_status_as_json_has_workers_resources_and_demand(environment: dict[str, str]) -> None:
    world = World(pending=3).with_head(workers=1)
    document = json.loads(world.run("status-ray", "--json").stdout)
    assert (document["version"], document["pending"]) == (1, 3)
    assert document["cluster"] == environment["WATCHER_CLUSTER"]
    assert document["resources"] == {"CPU": {"used": 0.0, "total": 2.0}}
    assert document["demand"] == [{"kind": "task", "shape": "CPU:1", "count": 3}]
    assert [(worker["worker_id"], worker["state"]) for worker in document["workers"]] == [
        ("worker-1-000001", "RUNNING")
    ]


def test_status_in_a_pipe_is_aligned_plain_text() -> None:
    lines = World(pending=3).with_head(workers=1).run("status-ray").stdout.splitlines()
    assert any(line.endswith(": 3") for line in lines)
    header = next(line for line in lines if line.startswith("WORKER"))
    row = next(line for line in lines if line.startswith("worker-1"))
    assert header.index("STATE") == row.index("RUNNING")


def test_status_of_a_cluster_whose_ray_is_deaf_still_shows_the_workers() -> None:
    world = World(deaf=True).with_head(workers=1)
    document = json.loads(world.run("status-ray", "--json").stdout)
    assert (document["pending"], document["workers"][0]["state"]) == (None, "ALLOCATED")
    assert "does not answer" in document["problem"]


def test_stop_ray_leaves_neither_head_nor_workers() -> None:
    world = World().with_head(workers=3)
    result = world.run("stop-ray")
    assert (result.exit_code, world.process.options, world.worker_ids()) == (0, None, [])
    assert "3 workers" in result.stdout


def test_stopping_again_is_no_error() -> None:
    result = World().run("stop-ray")
    assert (result.exit_code, result.stderr, len(result.stdout.splitlines())) == (0, "", 1)


def test_stop_ray_also_clears_workers_whose_head_is_gone() -> None:
    world = World().with_head(workers=1)
    world.process.options = None
    assert (world.run("stop-ray").exit_code, world.worker_ids()) == (0, [])
