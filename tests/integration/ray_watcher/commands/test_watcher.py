"""start-watcher, watcher-status, stop-watcher: a real supervisord, with small programs in place of the four."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from ray_watcher.cluster.base import HeadOptions
from ray_watcher.errors import NotRunningError
from ray_watcher.fetch import answers
from ray_watcher.settings import OperatorSettings
from ray_watcher.stack import control, supervisord
from ray_watcher.stack.stack import Stack, stack_of
from ray_watcher.stack.supervisord import Program
from ray_watcher_common.host.locks import exclusive
from ray_watcher_common.program.settings import load
from support.own import own_ports
from support.paths import TESTS
from support.waiting import eventually
from support.watcher_fakes import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAKE = str(TESTS / "support" / "fake_program.py")
LISTEN_VARIABLES = (
    "WATCHER_EXPORTER_LISTEN",
    "WATCHER_LISTEN",
    "WATCHER_PROMETHEUS_LISTEN",
    "WATCHER_ALERTMANAGER_LISTEN",
)


def small_programs(stack: Stack, *, broken: str = "") -> list[Program]:
    """One for each of the four; `broken` ends at once."""
    return [
        Program(
            name,
            (sys.executable, FAKE, "fail" if name == broken else address),
            f"http://{address}/-/healthy",
            stop_seconds=3,
        )
        for name, address in stack.listens.items()
    ]


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.setenv("WATCHER_STATE_DIR", str(tmp_path))
    for variable, port in zip(LISTEN_VARIABLES, own_ports(4), strict=True):
        monkeypatch.setenv(variable, f"127.0.0.1:{port}")
    made = stack_of(load(OperatorSettings))
    yield made
    with contextlib.suppress(NotRunningError):
        control.stop(made)


@pytest.fixture
def world() -> World:
    return World(programs=small_programs).with_head()


def test_the_watchers_life(stack: Stack, world: World) -> None:
    started = world.run("start-watcher", "--max-workers", "8")
    assert (started.exit_code, "0 to 8 workers" in started.stdout) == (0, True)

    again = world.run("start-watcher")
    assert (again.exit_code, "ray-watcher stop-watcher" in again.stderr) == (3, True)
    assert "starting" not in again.stderr

    document = json.loads(world.run("watcher-status", "--json").stdout)
    assert document["running"] is True
    assert {p["name"]: p["state"] for p in document["programs"]} == dict.fromkeys(stack.listens, "RUNNING")
    assert [(alert["name"], alert["state"]) for alert in document["alerts"]] == [("RayPendingTasks", "firing")]
    assert document["scaler"]["limits"]["max_workers"] == 5

    shown = world.run("watcher-status", "--tail", "2").stdout
    for part in (
        "RayPendingTasks  firing",
        "nothing waits for room",
        "up 12 s",
        "paused since noon",
        "Log of scaler",
        "alert 1.13 s, join 5.05 s",
    ):
        assert part in shown

    assert "Log of" not in world.run("watcher-status").stdout

    assert world.run("stop-watcher").exit_code == 0
    assert stack.supervisor.members() == []
    assert world.run("stop-watcher").exit_code == 0


def told_by(stack: Stack) -> dict[str, str]:
    """The environment of the programs that run."""
    return next(p.environ() for p in stack.supervisor.members() if FAKE in p.cmdline())


def test_options_are_kept_over_a_restart_until_they_are_changed_or_forgotten(
    stack: Stack, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run("start-watcher", "--max-workers", "3", "--cooldown", "5")
    world.run("restart-watcher", "--cooldown", "7")
    assert (told_by(stack)["WATCHER_MAX_WORKERS"], told_by(stack)["WATCHER_COOLDOWN"]) == ("3", "7.0")
    assert json.loads(world.run("watcher-status", "--json").stdout)["options"] == {"cooldown": 7.0, "max_workers": 3}

    world.run("stop-watcher")
    monkeypatch.setenv("WATCHER_MAX_WORKERS", "4")  # newer than the option of the last start
    started = world.run("start-watcher")
    assert (told_by(stack)["WATCHER_MAX_WORKERS"], told_by(stack)["WATCHER_COOLDOWN"]) == ("4", "7.0")
    assert "--cooldown 7" in started.stdout

    monkeypatch.delenv("WATCHER_MAX_WORKERS")
    world.run("restart-watcher", "--defaults")
    assert {"WATCHER_MAX_WORKERS", "WATCHER_COOLDOWN"} & told_by(stack).keys() == set()


def test_a_restart_with_a_mistake_leaves_the_watcher_running(stack: Stack, world: World) -> None:
    world.run("start-watcher")
    before = {process.pid for process in stack.supervisor.members()}

    assert world.run("restart-watcher", "--min-workers", "9", "--max-workers", "2").exit_code == 2
    assert {process.pid for process in stack.supervisor.members()} == before


@pytest.mark.parametrize("name", ["st 50%", "st_50%s", "st ;x", "st #x", "it's %(here)s"])
def test_a_state_directory_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("WATCHER_STATE_DIR", str(tmp_path / name))
    monkeypatch.setenv("MY_DB_PASSWORD", "hunter2")
    for variable, port in zip(LISTEN_VARIABLES, own_ports(4), strict=True):
        monkeypatch.setenv(variable, f"127.0.0.1:{port}")
    made = stack_of(load(OperatorSettings))
    programs = [replace(one, command=(*one.command, f"--path={made.directory}/x")) for one in small_programs(made)]
    world = World(programs=lambda _stack: programs).with_head()
    try:
        started = world.run("start-watcher")
        commands = [process.cmdline() for process in made.supervisor.members()]
    finally:
        with contextlib.suppress(NotRunningError):
            control.stop(made)

    assert (started.exit_code, started.stderr.count("hunter2")) == (0, 0)
    assert [list(one.command) in commands for one in programs] == [True] * len(programs)
    assert all(made.log(one.name).exists() for one in programs)


def test_a_supervisord_that_does_not_answer_is_waited_for_in_vain_for_seconds(
    stack: Stack, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisord, "RPC_TIMEOUT_SECONDS", 0.2)
    world.run("start-watcher")
    frozen = [process for process in stack.supervisor.members() if "supervisor.supervisord" in process.cmdline()]
    for process in frozen:
        process.suspend()
    try:
        with pytest.raises(supervisord.SilentError):
            supervisord.states(stack.directory)
    finally:
        for process in frozen:
            process.resume()

    assert frozen


def test_the_programs_are_told_the_options_and_where_ray_is(stack: Stack, world: World) -> None:
    world.run("start-watcher", "--cooldown", "7", "--pending-threshold", "3", "--check-interval", "60")
    told = next(p.environ() for p in stack.supervisor.members() if FAKE in p.cmdline())
    expected = {
        "WATCHER_COOLDOWN": "7.0",
        "WATCHER_PENDING_THRESHOLD": "3",
        "WATCHER_CHECK_INTERVAL": "60.0",
        "WATCHER_PROVIDER": "process",
        "RAY_GCS_ADDRESS": "127.0.0.1:6379",
        "RAY_DASHBOARD_METRIC_API": "http://127.0.0.1:8265/api",
    }
    assert {name: told.get(name) for name in expected} == expected


@pytest.mark.parametrize("own", ["", "http://elsewhere:9093"], ids=["its own", "the one that is set"])
def test_the_scaler_is_told_whose_alerts_to_re_read(
    stack: Stack, world: World, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERTMANAGER_URL", own)
    world.run("start-watcher")
    told = next(p.environ() for p in stack.supervisor.members() if FAKE in p.cmdline())

    assert told["ALERTMANAGER_URL"] == (own or stack.url("alertmanager"))


def test_without_ray_the_watcher_starts_and_says_that_it_waits(stack: Stack) -> None:
    result = World(programs=small_programs).run("start-watcher")
    assert result.exit_code == 0
    assert "ray-watcher start-ray" in result.stderr
    assert stack.supervisor.state().running


def test_without_ray_in_docker_the_scaler_is_told_the_image_that_is_here(stack: Stack) -> None:
    World(docker=True, image="built:1", programs=small_programs).run("start-watcher")
    told = next(p.environ() for p in stack.supervisor.members() if FAKE in p.cmdline())
    assert (told["WATCHER_PROVIDER"], told["RAY_IMAGE"]) == ("docker", "built:1")


def test_the_token_lies_in_a_file_of_the_users_own_while_the_watcher_is_up(
    stack: Stack, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHER_TOKEN", "secret")
    stack.directory.mkdir(parents=True)
    stack.token_file.write_text("an older and longer one")
    stack.token_file.chmod(0o644)
    world.run("start-watcher")
    assert (stack.token_file.read_text(), stack.token_file.stat().st_mode & 0o777) == ("secret", 0o600)
    world.run("stop-watcher")
    assert not stack.token_file.exists()


def test_without_a_token_one_is_made_on_the_first_start_and_kept(stack: Stack, world: World) -> None:
    made = stack.directory / "webhook-token"
    world.run("start-watcher")
    token = made.read_text()
    assert (len(token), made.stat().st_mode & 0o777) == (64, 0o600)
    assert World().host().scaler(load(OperatorSettings)) == (stack.url("scaler"), token)
    assert all(token not in text for p in stack.supervisor.members() for text in (*p.cmdline(), *p.environ().values()))
    world.run("stop-watcher")
    world.run("start-watcher")
    assert made.read_text() == token


def test_the_watcher_of_a_cluster_elsewhere_is_not_stopped_with_one_that_is_not_there(
    stack: Stack, world: World
) -> None:
    world.docker = True
    world.run("start-watcher", "--provider", "process")
    assert world.run("stop-ray", "--provider", "docker").exit_code == 4
    assert stack.supervisor.state().running


@pytest.mark.parametrize("provider", ["auto", "docker"])
def test_stop_ray_stops_a_watcher_whose_cluster_is_gone(stack: Stack, provider: str) -> None:
    world = World(docker=True, programs=small_programs)
    world.run("start-watcher")
    assert world.run("stop-ray", "--provider", provider).exit_code == 0
    assert stack.supervisor.members() == []


@pytest.mark.parametrize("verb", ["start-watcher", "stop-watcher"])
def test_two_commands_at_once_do_not_meddle(stack: Stack, world: World, verb: str) -> None:
    with exclusive(stack.directory / "lock", timeout_seconds=1):
        result = world.run(verb)
    assert (result.exit_code, "another command" in result.stderr) == (3, True)


def test_a_program_that_does_not_start_takes_the_others_with_it_and_shows_its_log(stack: Stack) -> None:
    world = World(programs=lambda stack: small_programs(stack, broken="scaler")).with_head()
    stack.directory.mkdir(parents=True)
    stack.log("scaler").write_text("of an earlier run\n", encoding="utf-8")
    result = world.run("start-watcher")
    assert result.exit_code == 1
    assert "scaler did not start" in result.stderr
    assert "no such setting" in result.stderr
    assert "of an earlier run" not in result.stderr
    assert stack.supervisor.members() == []


def test_a_taken_port_is_told_before_anything_starts(stack: Stack, world: World) -> None:
    host, _, port = stack.addresses.prometheus.rpartition(":")
    with socket.create_server((host, int(port))):
        result = world.run("start-watcher")
    assert result.exit_code == 6
    assert all(part in result.stderr for part in (f"prometheus needs 127.0.0.1:{port}", f"process {os.getpid()}"))
    assert "WATCHER_PROMETHEUS_LISTEN" in result.stderr
    assert stack.supervisor.members() == []


@pytest.mark.parametrize("verb", ["stop-watcher", "stop-ray"])
def test_nothing_is_left_even_after_supervisord_was_killed(stack: Stack, world: World, verb: str) -> None:
    world.run("start-watcher")
    next(p for p in stack.supervisor.members() if "supervisor.supervisord" in p.cmdline()).kill()
    assert world.run(verb).exit_code == 0
    assert stack.supervisor.members() == []


def test_start_clears_what_a_killed_supervisord_left(stack: Stack, world: World) -> None:
    world.run("start-watcher")
    supervisor = next(p for p in stack.supervisor.members() if "supervisor.supervisord" in p.cmdline())
    supervisor.kill()
    psutil.wait_procs([supervisor], timeout=5)
    assert world.run("start-watcher").exit_code == 0
    assert world.run("watcher-status").exit_code == 0


def test_a_program_that_is_killed_comes_back(stack: Stack, world: World) -> None:
    world.run("start-watcher")
    victim = next(p for p in stack.supervisor.members() if stack.addresses.scaler in p.cmdline())
    victim.send_signal(signal.SIGKILL)
    psutil.wait_procs([victim], timeout=5)
    eventually(lambda: answers(f"{stack.url('scaler')}/-/healthy"))


def test_status_where_nothing_runs_is_not_running(stack: Stack) -> None:
    result = World().run("watcher-status", "--json")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "ray-watcher start-watcher" in result.stderr
    assert not stack.supervisor.state().running


def test_a_webhook_that_others_could_reach_without_a_token_is_refused(
    stack: Stack, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHER_LISTEN", "0.0.0.0:9812")  # that is what is refused
    result = world.run("start-watcher")
    assert result.exit_code == 2
    assert "WATCHER_TOKEN" in result.stderr
    assert stack.supervisor.members() == []


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        pytest.param("WATCHER_CPU", "", "", id="unknown-variables-are-no-error"),
        pytest.param("WATCHER_STALE_AFTER", "soon", "WATCHER_STALE_AFTER: got 'soon'", id="not-an-option"),
        pytest.param(
            "WATCHER_POLICY_FILE", "/nowhere.yml", "policy file /nowhere.yml", id="a-policy-that-is-not-there"
        ),
        pytest.param(
            "WATCHER_MAX_WORKERS", "many", "WATCHER_MAX_WORKERS: got 'many', wanted a whole number", id="an-option-too"
        ),
    ],
)
def test_a_bad_setting_is_wrong_usage(
    stack: Stack, world: World, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    result = world.run("start-watcher")
    assert (result.exit_code, told in result.stderr) == (2 if told else 0, True)
    assert bool(stack.supervisor.members()) is not bool(told)


def test_what_the_host_cannot_keep_and_who_will_go_is_said_at_the_start(stack: Stack) -> None:
    world = World(programs=small_programs, capacity=(2, 8_000_000_000)).with_head(workers=2)
    started = world.run("start-watcher", "--max-workers", "8")

    assert "9 CPUs" in started.stderr
    assert "2 workers running" in started.stderr
    assert int(told_by(stack)["WATCHER_NODE_MEMORY"]) < 8_000_000_000 / 9


def test_with_docker_the_log_has_a_container_as_long_as_the_watcher_runs(stack: Stack) -> None:
    world = World(docker=True, programs=small_programs)
    world.containers.options = HeadOptions(num_cpus=1)
    world.run("start-watcher")
    assert list(world.shown_logs.values()) == [stack.log("scaler")]
    world.run("stop-watcher")
    assert world.shown_logs == {}


def test_a_container_of_others_with_its_name_is_a_watcher_that_is_running(stack: Stack) -> None:
    world = World(docker=True, programs=small_programs, name_taken=True)
    world.containers.options = HeadOptions(num_cpus=1)

    assert world.run("start-watcher").exit_code == 3
    assert stack.supervisor.members() == []
