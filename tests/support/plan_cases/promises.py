"""A launch that did not help is not repeated: a type whose workers lack what the policy file says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray_watcher_common.state import Demand, LabelConstraint, bundle
from scaler.model.decision import Cause
from scaler.model.workers import Joined
from support.builders import demand, head, node, observation, policy, worker, worker_name, worker_type
from support.plan_cases import LAUNCH, UP, Case
from support.plan_cases.kinds import GB, gpu, in_zone, small
from support.plan_cases.requested import asked_for

if TYPE_CHECKING:
    from scaler.model.cluster import WorkerType

HEAD = (head(),)
TPU = small(name="tpu", custom_resources=(("tpu", 4.0),))
ZONE = small(name="zone", labels=(("zone", "a"),))
PLAIN = Joined({"CPU": 2.0, "memory": 8e9}, {"ray.io/node-id": "ab"})


def pending(kind: WorkerType, one: Demand, came_true: Joined | None, sentence: str, launches: int = 0) -> Case:
    """A request that a type would serve as promised; its newest worker turned out to be as `came_true`."""
    return Case(
        sentence,
        observation(nodes=HEAD, demands=(one,), up=UP, joined={kind.name: came_true} if came_true else {}),
        actions=((LAUNCH, Cause.PENDING_DEMAND, launches),) if launches else (),
        policy=policy(kind, max_workers=9),
    )


WITH_T4 = node(worker_name(1), total={"CPU": 1.0, "GPU": 1.0}, labels={"ray.io/accelerator-type": "T4"})
ON_T4 = Demand(bundle({"GPU": 1.0}), 1, (LabelConstraint("ray.io/accelerator-type", "in", ("T4",)),))


PROMISES = [
    pending(TPU, demand(1, {"tpu": 1}), None, "a custom resource that the policy promises is believed", 1),
    pending(TPU, demand(1, {"tpu": 1}), PLAIN, "and no more once a worker joined without it"),
    pending(ZONE, in_zone("a"), PLAIN, "likewise a label"),
    pending(gpu(), demand(1, {"GPU": 1}), Joined({"CPU": 8.0}, {}), "likewise a GPU"),
    pending(small(), demand(1, {"CPU": 2}), Joined({"CPU": 1.0}, {}), "likewise CPUs"),
    pending(small(), demand(1, {"memory": 7.5 * GB}), Joined({"memory": 7e9}, {}), "likewise memory"),
    pending(small(), demand(1, {"memory": 6 * GB}), Joined({"memory": 7e9}, {}), "what it does have is launched", 1),
    pending(ZONE, in_zone("a"), Joined({"CPU": 2.0}, {}), "labels that no source reports are believed", 1),
    Case(
        "request_resources asks no more for what did not come true",
        asked_for(observation(nodes=HEAD, joined={"tpu": PLAIN}), demand(1, {"tpu": 1})),
        policy=policy(TPU, max_workers=9),
    ),
    Case(
        "a selector for an accelerator is met by a type on whose living worker Ray has found it",
        observation(worker(1, worker_type="gpu", node=WITH_T4), nodes=HEAD, demands=(ON_T4,), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        policy=policy(worker_type(name="gpu", num_gpus=1)),
    ),
]
