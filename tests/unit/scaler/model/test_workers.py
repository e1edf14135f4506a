"""What state a worker is in, from all that is known of it."""

from __future__ import annotations

import pytest

from ray_watcher_common.state import Node, NodeStatus
from scaler.model.cluster import Instance, InstanceStatus, Waiting
from scaler.model.workers import ActionKind, WorkerState, dangling_nodes, join_views, lowest_free_index
from support.builders import NOW, node, snapshot, worker, worker_name

S, UP = WorkerState, InstanceStatus.RUNNING


@pytest.mark.parametrize(
    ("status", "seen", "flight", "unseen", "age", "state"),
    [
        pytest.param(InstanceStatus.REQUESTED, None, ActionKind.LAUNCH, None, 0, S.REQUESTED, id="its launch flies"),
        pytest.param(UP, None, None, None, 5, S.ALLOCATED, id="up, not yet in Ray"),
        pytest.param(UP, None, None, None, 121, S.JOIN_TIMED_OUT, id="not in Ray in time"),
        pytest.param(UP, None, None, 9, 500, S.RUNNING, id="Ray lost sight of it"),
        pytest.param(UP, None, None, 121, 500, S.JOIN_TIMED_OUT, id="gone from Ray for long"),
        pytest.param(UP, NodeStatus.RUNNING, None, None, 5, S.RUNNING, id="joined"),
        pytest.param(UP, NodeStatus.IDLE, None, 0, 500, S.RUNNING, id="idle is running"),
        pytest.param(UP, NodeStatus.IDLE, ActionKind.DRAIN, 0, 500, S.DRAINING, id="its drain flies"),
        pytest.param(UP, NodeStatus.DRAINING, None, 0, 500, S.DRAINING, id="Ray drains it"),
        pytest.param(UP, NodeStatus.DEAD, None, 0, 500, S.TERMINATING, id="Ray let it go, its container is up"),
        pytest.param(UP, NodeStatus.DEAD, ActionKind.REMOVE, 0, 500, S.TERMINATING, id="its removal flies"),
        pytest.param(InstanceStatus.EXITED, None, None, None, 5, S.LAUNCH_FAILED, id="ended before it joined"),
        pytest.param(InstanceStatus.REQUESTED, None, ActionKind.PREPARE, None, 0, S.WARM, id="being prepared"),
        pytest.param(InstanceStatus.WARM, None, None, None, 999, S.WARM, id="warm for long is not late"),
        pytest.param(InstanceStatus.WARM, None, ActionKind.LAUNCH, None, 9, S.ALLOCATED, id="just told to join"),
        pytest.param(InstanceStatus.WARM, NodeStatus.IDLE, None, None, 9, S.RUNNING, id="joined, though named warm"),
        pytest.param(InstanceStatus.WARM, None, None, 9, 500, S.RUNNING, id="joined once, though named warm"),
        pytest.param(InstanceStatus.WARM, None, ActionKind.REMOVE, None, 9, S.TERMINATING, id="warm and removed"),
        pytest.param(InstanceStatus.EXITED, None, None, 0, 5, S.TERMINATED, id="ended after it joined"),
        pytest.param(InstanceStatus.LOST, NodeStatus.RUNNING, None, 0, 5, S.LOST, id="its host is down"),
        pytest.param(InstanceStatus.LOST, None, None, None, 5, S.LOST, id="its host went down before it joined"),
        pytest.param(InstanceStatus.TERMINATING, None, None, 0, 5, S.TERMINATING, id="removed, and not gone yet"),
        pytest.param(InstanceStatus.REQUESTED, None, None, None, 5, S.REQUESTED, id="accepted, not up yet"),
        pytest.param(InstanceStatus.REQUESTED, None, None, None, 121, S.JOIN_TIMED_OUT, id="accepted, not up in time"),
        pytest.param(InstanceStatus.EXITED, NodeStatus.RUNNING, None, None, 5, S.TERMINATED, id="killed just now"),
    ],
)
def test_a_workers_state_is_joined_from_all_views(
    status: InstanceStatus,
    seen: NodeStatus | None,
    flight: ActionKind | None,
    unseen: float | None,
    age: float,
    state: WorkerState,
) -> None:
    instance = Instance(worker_name(1), 1, "default", status, created_at=NOW - age)
    nodes = [node(worker_name(1), status=seen)] if seen else []

    (joined_view,) = join_views(
        [instance],
        snapshot(*nodes),
        last_seen={worker_name(1): NOW - unseen} if unseen is not None else {},
        running={worker_name(1): flight} if flight else {},
        now=NOW,
        join_timeout=120,
    )

    assert joined_view.state is state


@pytest.mark.parametrize("waiting", Waiting)
@pytest.mark.parametrize(
    ("status", "state"), [(InstanceStatus.REQUESTED, S.REQUESTED), (InstanceStatus.RUNNING, S.ALLOCATED)]
)
def test_a_worker_is_not_late_while_it_waits_for_a_host(
    waiting: Waiting, status: InstanceStatus, state: WorkerState
) -> None:
    instance = Instance(worker_name(1), 1, "default", status, created_at=NOW - 999, host="h1", waiting=waiting)

    (seen,) = join_views([instance], snapshot(), last_seen={}, running={}, now=NOW, join_timeout=120)

    assert (seen.state, seen.host, seen.waiting) == (state, "h1", waiting)


@pytest.mark.parametrize(("told", "state"), [(NOW - 5, S.ALLOCATED), (NOW - 121, S.JOIN_TIMED_OUT)])
def test_a_warm_worker_has_the_join_timeout_from_when_it_was_told_to_join(told: float, state: WorkerState) -> None:
    instance = Instance(worker_name(1), 1, "default", UP, created_at=NOW - 9_999)

    (view,) = join_views(
        [instance],
        snapshot(),
        last_seen={},
        launched={worker_name(1): told},
        running={},
        now=NOW,
        join_timeout=120,
    )

    assert (view.state, view.created_at) == (state, told)


def test_without_a_snapshot_nobody_is_called_late() -> None:
    instance = Instance(worker_name(1), 1, "default", UP, created_at=NOW - 999)

    (view,) = join_views([instance], None, last_seen={}, running={}, now=NOW, join_timeout=120)

    assert view.state is S.ALLOCATED


def test_of_a_restarted_worker_the_living_node_counts() -> None:
    instance = Instance(worker_name(1), 1, "default", UP, created_at=NOW - 999)
    dead, alive = Node("d", NodeStatus.DEAD, worker_name(1)), Node("a", NodeStatus.RUNNING, worker_name(1))

    for nodes in ([dead, alive], [alive, dead]):
        (view,) = join_views([instance], snapshot(*nodes), last_seen={}, running={}, now=NOW, join_timeout=120)
        assert view.state is S.RUNNING


def test_a_node_whose_worker_is_gone_is_a_ghost() -> None:
    alive, gone, foreign = node(worker_name(1)), node(worker_name(2)), node("somebody-elses-machine")
    dead = Node("d", NodeStatus.DEAD, worker_name(3))

    assert dangling_nodes(snapshot(alive, gone, foreign, dead), [worker(1)]) == {gone.node_id}


@pytest.mark.parametrize(("taken", "index"), [((), 1), ((1, 2), 3), ((2, 3), 1), ((1, 3), 2), ((5,), 1)])
def test_a_new_worker_takes_the_lowest_free_index(taken: tuple[int, ...], index: int) -> None:
    assert lowest_free_index(taken) == index
