"""Which workers are chosen: by the demand under a limit, and without demand."""

from __future__ import annotations

from scaler.model.circuit_breaker import LaunchHealth
from scaler.model.decision import Cause
from support.builders import NOW, demand, gang, head, observation, permits, policy, worker
from support.plan_cases import LAUNCH, UP, Case
from support.plan_cases.kinds import GB, gpu, in_zone, large, small
from support.plan_cases.room import of

FAILED_ONCE = {"small": LaunchHealth(frozenset({1}), NOW - 5, "no such image")}
GPU_FIRST = (gpu(max_workers=5), small(priority=5))


def kind_cases() -> list[Case]:
    """A case for each way in which workers are chosen without demand."""
    blind = observation(nodes=(head(),), known=False, blind_since=NOW - 99, up=UP)
    return [
        Case(
            "min_workers of the pool takes no GPU type",
            observation(nodes=(head(),)),
            actions=((LAUNCH, Cause.BELOW_MIN_WORKERS, 2),),
            policy=policy(*GPU_FIRST, max_workers=9, min_workers=2),
            types={"small": 2},
        ),
        Case(
            "a step takes no GPU type",
            observation(nodes=(head(),), up=permits(step=2)),
            actions=((LAUNCH, Cause.ALERT_STEP, 2),),
            policy=policy(*GPU_FIRST, max_workers=9),
            types={"small": 2},
        ),
        Case(
            "unknown demand takes no GPU type",
            blind,
            actions=((LAUNCH, Cause.DEMAND_UNKNOWN, 1),),
            policy=policy(*GPU_FIRST, max_workers=9),
            types={"small": 1},
        ),
        Case(
            "of two types without GPU a step takes the one of higher priority",
            observation(nodes=(head(),), up=permits(step=1)),
            actions=((LAUNCH, Cause.ALERT_STEP, 1),),
            policy=policy(small(), small(name="liked", priority=1), max_workers=9),
            types={"liked": 1},
        ),
        Case(
            "of two types without GPU a step takes the cheaper one, whatever their priority",
            observation(nodes=(head(),), up=permits(step=1)),
            actions=((LAUNCH, Cause.ALERT_STEP, 1),),
            policy=policy(small(price_per_hour=0.2, priority=1), small(name="spot", price_per_hour=0.1), max_workers=9),
            types={"spot": 1},
        ),
        Case(
            "of types that serve the same, demand takes the cheaper one",
            observation(nodes=(head(),), demands=(demand(2),), up=UP),
            actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
            policy=policy(small(price_per_hour=0.2), small(name="spot", price_per_hour=0.1), max_workers=9),
            types={"spot": 1},
        ),
        Case(
            "two small workers serve as much as a large one at a higher price",
            observation(nodes=(head(),), demands=(demand(4),), up=UP),
            actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
            policy=policy(small(price_per_hour=0.1), large(price_per_hour=0.8), max_workers=9),
            types={"small": 2},
        ),
        Case(
            "and a large one as much as eight small ones, if it is cheaper",
            observation(nodes=(head(),), demands=(demand(16),), up=UP),
            actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
            policy=policy(small(price_per_hour=0.2), large(price_per_hour=0.8), max_workers=9),
            types={"large": 1},
        ),
        Case(
            "a GPU is spared though its worker is cheaper",
            observation(nodes=(head(),), demands=(demand(2),), up=UP),
            actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
            policy=policy(small(price_per_hour=0.9), gpu(price_per_hour=0.1), max_workers=9),
            types={"small": 1},
        ),
        Case(
            "a full type passes the rest of a step on",
            observation(worker(1, worker_type="small"), nodes=(head(),), up=permits(step=2)),
            actions=((LAUNCH, Cause.ALERT_STEP, 2),),
            policy=policy(small(max_workers=2), large(), max_workers=9),
            types={"small": 1, "large": 1},
        ),
        Case(
            "a step of any type counts what the demand launches of any type",
            observation(nodes=(head(),), demands=(demand(1, {"CPU": 10}),), up=permits(step=2)),
            actions=((LAUNCH, Cause.PENDING_DEMAND, 1), (LAUNCH, Cause.ALERT_STEP, 1)),
            policy=policy(small(), large(), max_workers=9),
            types={"small": 1, "large": 1},
        ),
        Case(
            "a step for a type that the policy lacks is held as that",
            observation(nodes=(head(),), up=permits(step=2, worker_type="tpu")),
            held=((Cause.UNKNOWN_WORKER_TYPE, 2),),
        ),
        Case(
            "min_workers neither waits for the demand's cooldown",
            observation(nodes=(head(),), last_scale_up=NOW - 1),
            actions=((LAUNCH, Cause.BELOW_MIN_WORKERS, 1),),
            policy=policy(min_workers=1),
        ),
        Case(
            "a GPU type does not take over from a type that failed once",
            observation(nodes=(head(),), demands=(demand(3),), up=UP, launch_health=FAILED_ONCE),
            held=((Cause.LAUNCHES_FAIL, 2),),
            policy=policy(small(), gpu(), max_workers=9),
        ),
        Case(
            "nor the CPU bundles of a gang that needs a GPU for another",
            observation(
                nodes=(head(),), gangs=(gang({"CPU": 2}, {"CPU": 8, "GPU": 1}),), up=UP, launch_health=FAILED_ONCE
            ),
            held=((Cause.LAUNCHES_FAIL, 1),),
            policy=policy(small(), gpu(), max_workers=9),
        ),
        Case(
            "a gang that one GPU worker holds whole waits for no other type",
            observation(nodes=(head(),), gangs=(gang({"CPU": 2}, {"GPU": 1}),), up=UP, launch_health=FAILED_ONCE),
            actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
            policy=policy(small(), gpu(), max_workers=9),
            types={"gpu": 1},
        ),
        Case(
            "a GPU type takes over from one that is full",
            observation(
                of(small(), 1, idle=0),
                nodes=(head(),),
                demands=(demand(3),),
                up=UP,
                launch_health=FAILED_ONCE,
            ),
            actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
            policy=policy(small(max_workers=1), gpu(), max_workers=9),
            types={"gpu": 1},
        ),
        Case(
            "but from one whose breaker is open",
            observation(
                nodes=(head(),),
                demands=(demand(3),),
                up=UP,
                launch_health={"small": LaunchHealth(frozenset({1, 2, 3}), NOW - 5, "no such image")},
            ),
            actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
            policy=policy(small(), gpu(), max_workers=9),
            types={"gpu": 1},
        ),
        Case(
            "an alert for a GPU type permits no GPU worker for CPU work",
            observation(nodes=(head(),), demands=(demand(3),), up=permits(worker_type="gpu")),
            held=((Cause.NO_ALERT, 2),),
            policy=policy(small(), gpu(), max_workers=9),
        ),
        Case(
            "and GPU work gets its worker nevertheless",
            observation(
                nodes=(head(),), demands=(demand(3), demand(1, {"GPU": 1, "CPU": 8})), up=permits(worker_type="gpu")
            ),
            actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
            held=((Cause.NO_ALERT, 2),),
            policy=policy(small(), gpu(), max_workers=9),
            types={"gpu": 1},
        ),
    ]


LIMITED = [
    Case(
        "under a limit a GPU worker takes CPU work if that serves more",
        observation(nodes=(head(),), demands=(demand(2, {"CPU": 2}), demand(3, {"CPU": 1, "memory": 12 * GB})), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        policy=policy(small(), gpu(), max_workers=2),
        types={"gpu": 1},
    ),
    Case(
        "under a limit small requests go first, though others have selectors",
        observation(nodes=(head(),), demands=(in_zone("a", count=3, CPU=2.0), demand(6, {"CPU": 0.5})), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        held=((Cause.MAX_WORKERS, 3 - 1 + 1),),
        policy=policy(small(name="fat", num_cpus=4, max_workers=1, labels=(("zone", "a"),)), max_workers=9),
    ),
    Case(
        "a gang that needs two types waits for the limit and is not infeasible",
        observation(nodes=(head(),), gangs=(gang({"CPU": 1, "GPU": 1}, {"CPU": 16}),), up=UP),
        held=((Cause.MAX_WORKERS, 2),),
        policy=policy(gpu(num_cpus=4), large(), max_workers=1),
    ),
    Case(
        "and is launched whole where there is room",
        observation(nodes=(head(),), gangs=(gang({"CPU": 1, "GPU": 1}, {"CPU": 16}),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
        policy=policy(gpu(num_cpus=4), large(), max_workers=2),
        types={"gpu": 1, "large": 1},
    ),
    Case(
        "what is launched beside min_workers is chosen within the room that is left",
        observation(nodes=(head(),), demands=(demand(40),), up=UP),
        actions=((LAUNCH, Cause.BELOW_MIN_WORKERS, 1), (LAUNCH, Cause.PENDING_DEMAND, 1)),
        held=((Cause.MAX_WORKERS, 22),),
        policy=policy(small(min_workers=1), large(), max_workers=2),
        types={"small": 1, "large": 1},
    ),
    Case(
        "workers that have joined and are empty yet count as when they were planned",
        observation(
            of(gpu(name="gpu0", num_cpus=2, num_gpus=2, memory=16 * GB), 1, idle=1),
            nodes=(head(),),
            demands=(demand(2, {"CPU": 1, "GPU": 0.5}),),
            up=UP,
        ),
        held=((Cause.NO_DEMAND, 1),),
        policy=policy(gpu(name="gpu0", num_cpus=2, num_gpus=2, memory=16 * GB), gpu(), max_workers=5),
    ),
]
CHOICES = [*kind_cases(), *LIMITED]
