"""The guide's integration test: real tasks on a live cluster make the watcher add workers.

`python tests/test_watcher.py` uses the cluster and watcher that run here, and starts its own (processes, free ports)
where there is none. Under plain pytest it is always its own, so that `make test-all` puts no load on anyone's cluster.
`make test` runs it on the cluster of tests/e2e/test_guide.py.
"""

from __future__ import annotations

if __name__ == "__main__":
    from support.guide_script import run_with_pytest

    run_with_pytest(__file__)

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.guide_script import LIVE
from support.own import own_environment, own_name

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.timeout(240)]
PROGRAM = str(Path(sys.executable).with_name("ray-watcher"))
BOUND_SECONDS = 120.0  # for any one command
TASKS = 6


def ray_watcher(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """What the command says."""
    return subprocess.run(
        [PROGRAM, *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=BOUND_SECONDS,
        check=False,
    )


class Live:
    """A cluster with its watcher; `owned` where this test has started it."""

    def __init__(self, environment: dict[str, str], *, owned: bool) -> None:
        self.environment = environment
        self.owned = owned

    def run(self, *arguments: str) -> str:
        """Standard output of a verb that has to succeed."""
        done = ray_watcher(*arguments, environment=self.environment)
        assert done.returncode == 0, f"ray-watcher {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def status(self) -> Any:
        """What the watcher says of itself."""
        return json.loads(self.run("watcher-status", "--json"))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    verbs = ("status-ray", "watcher-status")
    if os.environ.get(LIVE) and all(ray_watcher(verb, "--json").returncode == 0 for verb in verbs):
        yield Live({}, owned=False)
        return
    environment = own_environment(
        own_name("guide"),
        tmp_path_factory.mktemp("cluster"),
        WATCHER_OBJECT_STORE_MEMORY="100MB",
        WATCHER_IDLE_TIMEOUT="3",
        WATCHER_SCALE_DOWN_COOLDOWN="1",
    )
    started = Live(environment, owned=True)
    try:
        started.run("start-ray")
        started.run("start-watcher", "--max-workers", "2", "--cooldown", "1", "--check-interval", "1")
        yield started
    finally:
        ray_watcher("stop-ray", environment=started.environment)


def test_pending_tasks_bring_workers_and_all_tasks_finish(live: Live) -> None:
    before = time.time()
    told = [json.loads(line) for line in live.run("load", "--num-tasks", str(TASKS), "--seconds", "4").splitlines()]
    done = next(event for event in told if event["event"] == "done")
    assert (done["finished"], done["failed"]) == (TASKS, 0)
    decisions = [one for one in live.status()["scaler"]["decisions"] if one["at"] >= before]
    launched = [action for one in decisions for action in one["actions"] if action["action"] == "launch"]
    if live.owned:  # someone else's cluster may have had room, or be at its limit
        assert launched
        assert all(action["reason"] for action in launched)


def test_the_cluster_says_who_is_in_it(live: Live) -> None:
    status = json.loads(live.run("status-ray", "--json"))
    assert status["head"]["running"]
    assert status["resources"]["CPU"]["total"] >= 1


def test_all_programs_of_the_watcher_run(live: Live) -> None:
    states = {program["name"]: program["state"] for program in live.status()["programs"]}
    assert states == dict.fromkeys(("exporter", "prometheus", "alertmanager", "scaler"), "RUNNING")


def test_a_worker_is_added_by_hand_and_taken_away_again(live: Live) -> None:
    worker_id = live.run("add-worker").split()[0]
    known = [worker["worker_id"] for worker in json.loads(live.run("status-ray", "--json"))["workers"]]
    removed = ray_watcher("remove-worker", worker_id, environment=live.environment)
    assert worker_id in known
    assert removed.returncode in {0, 4}  # the scaler may have been quicker
