"""Placement groups with a past or a bond, and requests that may fall back to other labels."""

from __future__ import annotations

from dataclasses import replace

from ray_watcher_common.state import Demand, LabelConstraint, Strategy, bundle
from scaler.model.decision import Cause
from support.builders import gang, head, node, observation, policy, worker, worker_name
from support.plan_cases import LAUNCH, UP, Case
from support.plan_cases.kinds import large, small

GROUP = "a1" * 18
SPREAD = replace(gang({"CPU": 1.0}, strategy=Strategy.STRICT_SPREAD), group=GROUP)
PACK = replace(gang({"CPU": 1.0}, strategy=Strategy.STRICT_PACK), group=GROUP)
ROOMY = node(worker_name(1), total={"CPU": 4.0}, available={"CPU": 3.0})
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
]
