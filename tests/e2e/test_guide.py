"""A session as README has it, command by command, with processes and with Docker; and what goes wrong in real life.

With processes, the command is that of the sdist, installed outside the checkout; with Docker, the checkout's.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from dataclasses import replace
from typing import Any

import psutil
import pytest

from grafana.panel_data import Prometheus
from support import panel_rows
from support.command_blocks import block, follow
from support.installing import install
from support.operating import Operator, processes_below
from support.waiting import eventually_shown
from tools import release

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]
SETUP = block("README.md", "scripts/setup demo")
START_RAY, START_WATCHER, LOAD, LOOK, END = block("README.md", ".venv/bin/ray-watcher start-ray").splitlines()
PROGRAMS = ("exporter", "prometheus", "alertmanager", "scaler")


def typed(session: Operator, commands: str) -> str:
    """What README's commands say, typed with the session's own program."""
    return follow(commands, session.environment, {".venv/bin/ray-watcher": session.program})


def status(operator: Operator) -> dict[str, Any]:
    """The watcher's own account."""
    return dict(json.loads(operator.says("watcher-status", "--json")))


def scaler(operator: Operator) -> dict[str, Any]:
    """The scaler's part of it; empty while it does not answer."""
    return dict(status(operator)["scaler"] or {})


def ray_workers(operator: Operator) -> list[dict[str, Any]]:
    """Workers as `status-ray` lists them."""
    return list(json.loads(operator.says("status-ray", "--json"))["workers"])


def program_pid(operator: Operator, module: str) -> int:
    """The pid of one of the watcher's programs."""
    directory = operator.environment["WATCHER_STATE_DIR"]
    for process in psutil.process_iter(["pid", "cmdline"]):
        command = process.info["cmdline"] or []
        if command[-2:] == ["-m", module] and process.environ().get("WATCHER_STATE_DIR") == directory:
            return int(process.pid)
    raise AssertionError(f"no {module} of {directory} runs")


def a_taken_port_is_told_and_nothing_is_left_behind(session: Operator) -> None:
    host, port = session.environment["WATCHER_PROMETHEUS_LISTEN"].split(":")
    with socket.create_server((host, int(port))):
        said = session.run("start-watcher", exit_code=6).stderr

    assert f"{host}:{port}" in said
    assert processes_below(session.environment["WATCHER_STATE_DIR"]) == []


def the_three_steps_bring_up_cluster_and_watcher(session: Operator) -> None:
    said = typed(session, f"{SETUP}{START_RAY}\n{START_WATCHER}")

    assert "2 workers" in said
    assert scaler(session)["limits"]["max_workers"] == 4


def starting_twice_says_so(session: Operator) -> None:
    assert "already" in session.run("start-ray", exit_code=3).stderr
    assert "already" in session.run("start-watcher", exit_code=3).stderr


def the_watcher_runs_its_four_programs(session: Operator) -> None:
    programs = {program["name"]: program["state"] for program in status(session)["programs"]}

    assert programs == dict.fromkeys(PROGRAMS, "RUNNING")


def prometheus_sees_the_scaler_before_anything_happens(session: Operator) -> None:
    look = Prometheus(f"http://{session.environment['WATCHER_PROMETHEUS_LISTEN']}")
    eventually_shown(lambda: look.latest("rayscaler_actions_total"), "Prometheus scrapes the scaler")


def load_makes_the_pool_grow_to_its_limit_and_all_tasks_finish(session: Operator) -> None:
    done = json.loads(typed(session, LOAD).splitlines()[-1])

    assert (done["event"], done["finished"], done["failed"]) == ("done", 12, 0)
    assert "Last decisions" in typed(session, LOOK)
    launches = [a for a in scaler(session)["actions"] if a["action"] == "launch"]
    assert len(launches) >= 2  # the first two may have been idle for long enough to go, and have been replaced
    assert all(a["cause"] == "pending_demand" and a["outcome"] == "done" and a["joined_at"] for a in launches)


def idle_workers_go_by_themselves(session: Operator) -> None:
    eventually_shown(lambda: not ray_workers(session), "the pool shrinks")

    actions = scaler(session)["actions"]
    assert {a["cause"] for a in actions if a["action"] == "remove"} == {"drained"}


def every_panel_of_the_dashboards_has_data(session: Operator) -> None:
    def unexplained() -> set[str]:
        return {query for query, count in found().items() if not count} - panel_rows.EMPTY.keys() - panel_rows.awaited()

    def found(cluster: str = session.environment["WATCHER_CLUSTER"]) -> dict[str, int]:
        return panel_rows.rows(f"http://{session.environment['WATCHER_PROMETHEUS_LISTEN']}", cluster)

    eventually_shown(lambda: not unexplained(), "the last events are scraped")
    print(panel_rows.as_table(found()))  # noqa: T201  # shown on failure and by `pytest -s`
    assert {query for query, count in found("another cluster").items() if count} == {panel_rows.ALERTMANAGER}


def the_guides_own_test_finds_this_cluster(session: Operator) -> None:
    assert "4 passed" in follow("python tests/test_watcher.py -q", session.environment)


def a_worker_is_added_and_removed_by_hand(session: Operator) -> None:
    session.run("pause", "down", "--reason", "a worker by hand")  # or the watcher drains it first, when it is idle
    worker_id = session.says("add-worker").split()[0]
    eventually_shown(
        lambda: [w for w in ray_workers(session) if (w["worker_id"], w["state"]) == (worker_id, "RUNNING")],
        "the worker joins",
    )

    session.run("remove-worker", worker_id)
    session.run("resume", "down")

    assert worker_id not in [w["worker_id"] for w in ray_workers(session)]


def every_part_has_a_log(session: Operator) -> None:
    for service in ("head", *PROGRAMS):
        assert session.says("logs-ray", "--service", service, "--tail", "5").strip()


def what_is_not_there_is_told(session: Operator) -> None:
    assert "worker-9" in session.run("logs-ray", "--service", "worker-9", exit_code=4).stderr
    assert "worker-9" in session.run("remove-worker", "worker-9", exit_code=4).stderr


def a_killed_scaler_comes_back_and_knows_what_was(session: Operator) -> None:
    before = scaler(session)["actions"]
    os.kill(program_pid(session, "scaler"), signal.SIGKILL)

    eventually_shown(lambda: scaler(session).get("actions"), "supervisord restarts the scaler")
    assert [a["action_id"] for a in scaler(session)["actions"]][-len(before) :] == [a["action_id"] for a in before]


def snapshot_usable(session: Operator) -> bool | None:
    """None while the scaler does not answer."""
    usable: bool | None = scaler(session).get("snapshot", {}).get("usable")
    return usable


def a_frozen_exporter_is_told_and_nothing_is_removed(session: Operator) -> None:
    pid = program_pid(session, "exporter")
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually_shown(lambda: snapshot_usable(session) is False, "the scaler has no snapshot")
        assert scaler(session)["snapshot"]["problem"]
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually_shown(lambda: snapshot_usable(session), "the exporter answers again")


def warm(operator: Operator) -> set[str]:
    """Workers that are prepared and have not joined."""
    return {worker["worker_id"] for worker in ray_workers(operator) if worker["state"] == "WARM"}


def a_warm_worker_joins_and_is_replaced(session: Operator) -> None:
    session.run("stop-watcher")
    session.run("start-watcher", "--warm-workers", "1", "--max-workers", "3", "--cooldown", "5")
    [prepared] = eventually_shown(lambda: warm(session), "a worker is prepared")

    session.run("load", "--num-tasks", "3", "--seconds", "2")

    actions = scaler(session)["actions"]
    assert prepared in {a["worker_id"] for a in actions if a["action"] == "launch" and a["joined_at"]}
    eventually_shown(lambda: warm(session) - {prepared}, "the next one is prepared")


def stopping_leaves_nothing_and_can_be_repeated(session: Operator) -> None:
    session.run("stop-watcher")
    session.run("stop-watcher")
    typed(session, END)
    session.run("stop-ray")
    assert "running" in session.run("status-ray", exit_code=4).stderr

    assert processes_below(session.environment["WATCHER_STATE_DIR"]) == []


STORY = (
    a_taken_port_is_told_and_nothing_is_left_behind,
    the_three_steps_bring_up_cluster_and_watcher,
    starting_twice_says_so,
    the_watcher_runs_its_four_programs,
    prometheus_sees_the_scaler_before_anything_happens,
    load_makes_the_pool_grow_to_its_limit_and_all_tasks_finish,
    idle_workers_go_by_themselves,
    every_panel_of_the_dashboards_has_data,
    the_guides_own_test_finds_this_cluster,
    a_worker_is_added_and_removed_by_hand,
    every_part_has_a_log,
    what_is_not_there_is_told,
    a_killed_scaler_comes_back_and_knows_what_was,
    a_frozen_exporter_is_told_and_nothing_is_removed,
    a_warm_worker_joins_and_is_replaced,
    stopping_leaves_nothing_and_can_be_repeated,
)
ONCE = {  # what is the same with the other provider
    the_guides_own_test_finds_this_cluster: "process",
}


@pytest.fixture(
    scope="module", params=["process", pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.full])]
)
def provider(request: pytest.FixtureRequest) -> str:
    """Where head and workers run; that Docker can do it all is shown by the other tests here, with less of it each."""
    return str(request.param)


@pytest.fixture(scope="module")
def operator(operator: Operator, provider: str, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """With processes, an operator who has installed the sdist, and has no checkout in their path."""
    if provider == "docker":
        return operator
    directory = tmp_path_factory.mktemp("installed")
    installed = install(release.build(directory)[1], "all", directory)
    return replace(installed, environment={**installed.environment, **operator.environment})


def test_the_guides_session(operator: Operator, provider: str) -> None:
    for step in STORY:
        if ONCE.get(step, provider) != provider:
            continue
        began = time.monotonic()
        step(operator)
        print(f"{time.monotonic() - began:6.1f} s  {step.__name__.replace('_', ' ')}")  # noqa: T201  # shown on failure
