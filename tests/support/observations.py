"""Observations of every kind, for properties of the plan."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from ray_watcher_common.state import Demand, bundle
from scaler.model.circuit_breaker import LaunchHealth
from scaler.model.cluster import Direction
from scaler.model.decision import Observation
from scaler.model.workers import ActionKind, Worker, WorkerState
from support.builders import NOW, head, observation, permits, policy, worker, worker_type

SHAPES = [{"CPU": 1.0}, {"CPU": 0.5}, {"CPU": 2.0}, {"CPU": 1.0, "GPU": 1.0}, {"GPU": 0.25}, {"custom": 1.0}]


POLICY = policy(
    worker_type(name="default", num_cpus=2, max_workers=4, min_workers=1, warm_workers=2),
    worker_type(name="gpu", num_cpus=1, num_gpus=1, max_workers=3),
    max_workers=6,
)


HEALTHS = st.builds(
    LaunchHealth, st.integers(0, 5).map(lambda rounds: frozenset(range(rounds))), st.sampled_from([NOW - 5, NOW - 500])
)


demands = st.lists(
    st.builds(Demand, st.sampled_from(SHAPES).map(bundle), st.integers(0, 50)), max_size=5, unique_by=lambda d: d.shape
).map(tuple)


@st.composite
def workers(draw: st.DrawFn) -> tuple[Worker, ...]:
    """A pool in which every state may come, idle workers and those in flight too."""
    states = draw(st.lists(st.sampled_from(WorkerState), max_size=6))
    return tuple(
        worker(
            index,
            state,
            worker_type=draw(st.sampled_from(["default", "gpu"])),
            idle=draw(st.sampled_from([0.0, 30.0, 100.0])),
            action=draw(st.sampled_from([None, None, ActionKind.REMOVE])),
        )
        for index, state in enumerate(states, start=1)
    )


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    """Anything the reconciler might see."""
    permission = st.sampled_from([None, permits(), permits(step=2)])
    seen = observation(
        *draw(workers()),
        nodes=(head(available={"CPU": draw(st.sampled_from([0.0, 1.0]))}),),
        demands=draw(demands),
        up=draw(permission) or Observation(None).up,
        down=draw(st.sampled_from([Observation(None).down, permits(Direction.DOWN)])),
        last_scale_up=draw(st.sampled_from([None, NOW - 30, NOW - 90])),
        last_scale_down=draw(st.sampled_from([None, NOW - 5, NOW - 90])),
        demand_since=NOW - 10,
        launch_health=draw(st.dictionaries(st.sampled_from(["default", "gpu"]), HEALTHS, max_size=2)),
    )
    assert seen.snapshot
    seen = replace(seen, snapshot=replace(seen.snapshot, constraints=draw(demands)))
    return draw(st.sampled_from([seen, replace(seen, snapshot=None, problem="stale")]))
