"""How large a worker of a type is thought to be, if its policy leaves that to Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaler.model.decision import Cause
from scaler.model.workers import Worker, WorkerState
from support.builders import demand, head, node, observation, policy, worker, worker_name, worker_type
from support.plan_cases import LAUNCH, UP, Case
from support.plan_cases.kinds import GB, large

if TYPE_CHECKING:
    from ray_watcher_common.state import Demand

UNSIZED = worker_type(name="cpu", num_cpus=2, max_workers=10)
POOL = policy(UNSIZED, large(name="big", max_workers=1), max_workers=10)


def needing(gigabytes: int, count: int = 1) -> Demand:
    """Requests of one CPU and so much memory."""
    return demand(count, {"CPU": 1.0, "memory": float(gigabytes * GB)})


def cpu_worker(index: int, gigabytes: int, idle: float = 5.0) -> Worker:
    """A worker of the type whose memory the policy leaves to Ray."""
    total = {"CPU": 2.0, "memory": float(gigabytes * GB)}
    return worker(index, worker_type="cpu", node=node(worker_name(index), total=total, idle=idle))


BIG_HEAD = head(total={"CPU": 1.0, "memory": 20e9})
SIZES = [
    Case(
        "a type is as large as its own workers, not as another type's",
        observation(
            cpu_worker(1, 10),
            worker(2, worker_type="big", node=node(worker_name(2), total={"CPU": 16.0, "memory": 64e9})),
            demands=(needing(50),),
            up=UP,
        ),
        held=((Cause.MAX_WORKERS, 1),),
        policy=POOL,
    ),
    Case(
        "nor as the head: what only the head can hold waits for the head",
        observation(cpu_worker(1, 12), nodes=(BIG_HEAD,), demands=(needing(15),), up=UP),
        held=((Cause.NODES_FULL, 1),),
        policy=policy(UNSIZED),
    ),
    Case(
        "what no worker of it can hold is infeasible",
        observation(cpu_worker(1, 12), nodes=(head(),), demands=(needing(15),), up=UP),
        policy=policy(UNSIZED),
    ),
    Case(
        "more are launched for what its own workers can hold",
        observation(cpu_worker(1, 12, idle=0), nodes=(head(),), demands=(needing(11, count=2),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
        policy=policy(UNSIZED),
    ),
    Case(
        "before its first worker, one launch shows how large it is",
        observation(nodes=(BIG_HEAD,), demands=(needing(25, count=9),), up=UP),
        actions=((LAUNCH, Cause.PROBE, 1),),
        policy=policy(UNSIZED),
    ),
    Case(
        "and no second one while that joins",
        observation(
            worker(1, WorkerState.ALLOCATED, worker_type="cpu"), nodes=(head(),), demands=(needing(25, count=9),), up=UP
        ),
        held=((Cause.PROBE, 9),),
        policy=policy(UNSIZED),
    ),
    Case(
        "what it showed is remembered when it has gone",
        observation(nodes=(head(),), demands=(needing(25),), up=UP, learned={"cpu": {"CPU": 2.0, "memory": 10e9}}),
        policy=policy(UNSIZED),
    ),
    Case(
        "a GPU by its accelerator's name follows from the label of the type",
        observation(nodes=(head(),), demands=(demand(2, {"GPU": 1, "accelerator_type:A100": 0.001}),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
        policy=policy(worker_type(name="gpu", num_gpus=1, labels=(("ray.io/accelerator-type", "A100"),))),
    ),
    Case(
        "or from its own workers",
        observation(
            worker(
                1,
                worker_type="gpu",
                node=node(worker_name(1), total={"CPU": 1.0, "GPU": 1.0, "accelerator_type:T4": 1.0}),
            ),
            demands=(demand(1, {"GPU": 1, "accelerator_type:T4": 0.001}),),
            up=UP,
        ),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        policy=policy(worker_type(name="gpu", num_gpus=1)),
    ),
]
