"""Placement groups with a past or a bond, and requests that may fall back to other labels."""

from __future__ import annotations

from dataclasses import replace

from ray_watcher_common.state import Demand, Gang, LabelConstraint, Strategy, bundle
from scaler.model.decision import Cause
from support.builders import gang, head, node, observation, policy, worker, worker_name
from support.plan_cases import LAUNCH, UP, Case
from support.plan_cases.kinds import GB, gpu, in_zone, large, small

GROUP, OTHER = "a1" * 18, "b2" * 18
SPREAD = replace(gang({"CPU": 1.0}, strategy=Strategy.STRICT_SPREAD), group=GROUP)
PACK = replace(gang({"CPU": 1.0}, strategy=Strategy.STRICT_PACK), group=GROUP)
ROOMY = node(worker_name(1), total={"CPU": 4.0}, available={"CPU": 3.0})
TWO_GPUS = node(worker_name(1), total={"CPU": 8.0, "GPU": 2.0}, available={"CPU": 7.0, "GPU": 1.0})
WITH_SIBLING = worker(1, node=replace(ROOMY, groups=(GROUP,)), worker_type="small")
WITHOUT = worker(2, node=replace(ROOMY, node_id="ff", instance_id=worker_name(2)), worker_type="small")
SMALL = policy(small(), max_workers=9)
A, B = small(name="a", labels=(("zone", "a"),)), large(name="b", labels=(("zone", "b"),))
IN_ZONE = LabelConstraint("zone", "in", ("c",))
FALLING_BACK = Demand(bundle({"CPU": 1.0}), 1, (IN_ZONE,), ((LabelConstraint("zone", "in", ("a",)),),))

GANGS = [
    Case(
        "a spread group that lost a node gets one that holds none of its bundles",
        observation(WITH_SIBLING, nodes=(head(),), gangs=(SPREAD,), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        policy=SMALL,
    ),
    Case(
        "and none is launched while such a node has room",
        observation(WITH_SIBLING, WITHOUT, nodes=(head(),), gangs=(SPREAD,), up=UP),
        held=((Cause.NO_DEMAND, 1),),
        policy=SMALL,
    ),
    Case(
        "a packed group joins the node that holds its other bundles",
        observation(WITH_SIBLING, nodes=(head(),), gangs=(PACK,), up=UP),
        held=((Cause.NO_DEMAND, 1),),
        policy=SMALL,
    ),
    Case(
        "a gang bound to one value of a label is launched in one zone",
        observation(nodes=(head(),), gangs=(replace(gang({"CPU": 2.0}, {"CPU": 16.0}), same_label="zone"),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
        policy=policy(A, B, max_workers=9),
        types={"b": 2},
    ),
    Case(
        "a request runs by its fallback where no type meets its first choice",
        observation(nodes=(head(),), demands=(FALLING_BACK,), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        policy=policy(A, B, max_workers=9),
        types={"a": 1},
    ),
    Case(
        "a packed group that no new worker can join waits for its node",
        observation(
            worker(1, node=replace(ROOMY, groups=(GROUP,), available={"CPU": 0.0}), worker_type="small"),
            nodes=(head(),),
            gangs=(PACK,),
            up=UP,
        ),
        held=((Cause.NODES_FULL, 1),),
        policy=SMALL,
    ),
    Case(
        "two spread groups that each lost a node share a new worker",
        observation(
            worker(1, node=replace(ROOMY, groups=(GROUP, OTHER)), worker_type="small"),
            nodes=(head(),),
            gangs=(SPREAD, replace(SPREAD, group=OTHER)),
            up=UP,
        ),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        policy=SMALL,
    ),
    Case(
        "a spread group that lost a GPU worker gets another, though its sibling has a GPU free",
        observation(
            worker(1, node=replace(TWO_GPUS, groups=(GROUP,)), worker_type="gpu"),
            nodes=(head(),),
            gangs=(replace(SPREAD, bundles=gang({"GPU": 1.0}).bundles),),
            up=UP,
        ),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        policy=policy(gpu(num_gpus=2), max_workers=9),
    ),
    Case(
        "a gang of a busy node and a new worker waits for the node and is not infeasible",
        observation(nodes=(head(total={"CPU": 1.0, "tpu": 1.0}),), gangs=(gang({"tpu": 1.0}, {"CPU": 16.0}),), up=UP),
        held=((Cause.NODES_FULL, 2),),
        policy=policy(small(), large(), max_workers=9),
    ),
    Case(
        "a gang of three types waits for the limit",
        observation(nodes=(head(),), gangs=(gang({"GPU": 1.0}, {"CPU": 16.0}, {"memory": 1e11}),), up=UP),
        held=((Cause.MAX_WORKERS, 3),),
        policy=policy(gpu(), large(), small(name="fat", memory=128 * GB), max_workers=2),
    ),
    Case(
        "a gang of two zones waits for the limit",
        observation(nodes=(head(),), gangs=(Gang((in_zone("a"), in_zone("b")), Strategy.ANY),), up=UP),
        held=((Cause.MAX_WORKERS, 2),),
        policy=policy(A, replace(B, labels=(("zone", "b"),)), max_workers=1),
    ),
    Case(
        "a spread gang waits for its type's own limit",
        observation(nodes=(head(),), gangs=(gang(*[{"CPU": 16.0}] * 3, strategy=Strategy.STRICT_SPREAD),), up=UP),
        held=((Cause.MAX_WORKERS, 3),),
        policy=policy(gpu(), large(max_workers=2), max_workers=9),
    ),
    Case(
        "a packed gang of two zones is infeasible, whatever the limits",
        observation(nodes=(head(),), gangs=(Gang((in_zone("a"), in_zone("b")), Strategy.STRICT_PACK),), up=UP),
        policy=policy(A, B, max_workers=9),
    ),
]
