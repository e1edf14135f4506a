"""What is out of the ordinary has a name, a rule and a row in docs/reconciling.md."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from ray_watcher_common.state import NodeStatus
from scaler.explain.anomalies import RULES, Case, anomalies
from scaler.model.decision import Observation
from scaler.model.workers import ActionKind, WorkerState
from support.builders import head, node, observation, worker, worker_name
from support.paths import ROOT

PAGE = (ROOT / "docs" / "reconciling.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Scene:
    """Given an observation, this is out of the ordinary."""

    sentence: str
    given: Observation
    found: tuple[tuple[Case, str], ...] = ()


DRAINING = worker(1, WorkerState.DRAINING)
SCENES = [
    Scene("workers that run are ordinary", observation(worker(1), worker(2, idle=5), nodes=(head(),))),
    Scene(
        "a node whose container is gone dangles",
        observation(nodes=(node(worker_name(3)),)),
        found=((Case.DANGLING, worker_name(3)),),
    ),
    Scene("a dead node is history", observation(nodes=(node(worker_name(3), status=NodeStatus.DEAD),))),
    Scene(
        "a worker that is up and not in Ray is stuck",
        observation(worker(1, WorkerState.JOIN_TIMED_OUT)),
        found=((Case.STUCK, worker_name(1)),),
    ),
    Scene(
        "one that ended is a leftover",
        observation(worker(1, WorkerState.TERMINATED), worker(2, WorkerState.LAUNCH_FAILED)),
        found=((Case.LEFTOVER, worker_name(1)), (Case.LEFTOVER, worker_name(2))),
    ),
    Scene(
        "one whose host is down is lost", observation(worker(1, WorkerState.LOST)), found=((Case.LOST, worker_name(1)),)
    ),
    Scene(
        "a drain that nobody flies was interrupted", observation(DRAINING), found=((Case.INTERRUPTED, worker_name(1)),)
    ),
    Scene("one that flies was not", observation(replace(DRAINING, action=ActionKind.DRAIN))),
    Scene(
        "a node that is neither head nor ours is foreign",
        observation(nodes=(head(), node("i-0abc"))),
        found=((Case.FOREIGN, b"i-0abc".hex()),),
    ),
    Scene(
        "a worker by label with an id of its own making is ours",
        observation(replace(worker(1), worker_id="mine", node=node("mine"))),
    ),
    Scene(
        "where the engine does not answer, nothing is said of nodes",
        observation(nodes=(node(worker_name(3)),), provider_problem="hung"),
    ),
    Scene("nor where there is no snapshot", Observation(None, (worker(1),))),
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.sentence)
def test_each_case_has_its_rule(scene: Scene) -> None:
    found = anomalies(scene.given)

    assert tuple((anomaly.case, anomaly.name) for anomaly in found) == scene.found
    assert all(anomaly.rule == RULES[anomaly.case] for anomaly in found)


def test_every_case_is_met_above_and_has_a_row() -> None:
    met = {case for scene in SCENES for case, _ in scene.found}

    assert met == set(Case) == set(RULES)
    assert all(f"| `{case.value}` | " in PAGE for case in Case)
