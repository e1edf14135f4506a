"""Which type stands in for one whose launches fail or may not all start at once, and which is waited for."""

from __future__ import annotations

from scaler.model.circuit_breaker import LaunchHealth
from scaler.model.decision import Cause
from scaler.model.workers import WorkerState
from support.builders import NOW, demand, gang, head, observation, permits, policy, worker
from support.plan_cases import DOWN, DRAIN, LAUNCH, UP, Case
from support.plan_cases.kinds import gpu, large, medium, small
from support.plan_cases.requested import asked_for
from support.plan_cases.room import of

HEAD = (head(),)


def failed(times: int, seconds_ago: float = 5) -> LaunchHealth:
    """So many rounds of launches in a row failed, the last one so long ago."""
    return LaunchHealth(frozenset(range(times)), NOW - seconds_ago, "no such image")


ONCE, OPEN, HALF_OPEN = {"small": failed(1)}, {"small": failed(3)}, {"small": failed(3, 41)}
BOTH = policy(small(), gpu(), max_workers=9)
GPU_AND_LARGE = gang({"GPU": 1}, {"CPU": 16})

STANDING_IN = [
    Case(
        "min_workers of the pool waits for a type that failed once and takes no GPU type",
        observation(nodes=HEAD, launch_health=ONCE),
        held=((Cause.LAUNCHES_FAIL, 1),),
        policy=policy(small(), gpu(), max_workers=9, min_workers=1),
    ),
    Case(
        "a step waits for it too",
        observation(nodes=HEAD, up=permits(step=1), launch_health=ONCE),
        held=((Cause.LAUNCHES_FAIL, 1),),
        policy=BOTH,
    ),
    Case(
        "so does unknown demand",
        observation(nodes=HEAD, known=False, blind_since=NOW - 99, up=UP, launch_health=ONCE),
        held=((Cause.LAUNCHES_FAIL, 1),),
        policy=BOTH,
    ),
    Case(
        "and so does request_resources",
        asked_for(observation(nodes=HEAD, launch_health=ONCE), demand(3)),
        held=((Cause.LAUNCHES_FAIL, 1),),
        policy=BOTH,
    ),
    Case(
        "min_workers of the pool takes a GPU type if the breaker of all others is open",
        observation(nodes=HEAD, launch_health=OPEN),
        actions=((LAUNCH, Cause.BELOW_MIN_WORKERS, 1),),
        policy=policy(small(), gpu(), max_workers=9, min_workers=1),
        types={"gpu": 1},
    ),
    Case(
        "so does request_resources, if its breaker is open",
        asked_for(observation(nodes=HEAD, launch_health=OPEN), demand(3)),
        actions=((LAUNCH, Cause.REQUESTED_RESOURCES, 1),),
        policy=BOTH,
        types={"gpu": 1},
    ),
    Case(
        "a type that has only failed once is replaced at once by another without GPU",
        observation(nodes=HEAD, demands=(demand(3),), up=UP, launch_health=ONCE),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        policy=policy(small(), medium(), gpu(), max_workers=9),
        types={"medium": 1},
    ),
    Case(
        "a GPU type does not take what a half-open type may not launch at once",
        observation(nodes=HEAD, demands=(demand(6),), up=UP, launch_health=HALF_OPEN),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        held=((Cause.LAUNCHES_FAIL, 2),),
        policy=BOTH,
        types={"small": 1},
    ),
    Case(
        "nor what max_launches of a type delays",
        observation(nodes=HEAD, demands=(demand(6),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        held=((Cause.LAUNCHES_IN_PROGRESS, 2),),
        policy=policy(small(max_launches=1), gpu(), max_workers=9),
        types={"small": 1},
    ),
    Case(
        "nor while the first one joins",
        observation(worker(1, WorkerState.ALLOCATED, worker_type="small"), nodes=HEAD, demands=(demand(6),), up=UP),
        held=((Cause.LAUNCHES_IN_PROGRESS, 2),),
        policy=policy(small(max_launches=1), gpu(), max_workers=9),
    ),
    Case(
        "a gang of two types waits for the one that failed, which no alert is to blame for",
        observation(nodes=HEAD, gangs=(GPU_AND_LARGE,), up=UP, launch_health={"gpu": failed(1)}),
        held=((Cause.LAUNCHES_FAIL, 2),),
        policy=policy(gpu(), large(), max_workers=9),
    ),
    Case(
        "also if its breaker is open",
        observation(nodes=HEAD, gangs=(GPU_AND_LARGE,), up=UP, launch_health={"large": failed(5)}),
        held=((Cause.LAUNCHES_FAIL, 2),),
        policy=policy(gpu(), large(), max_workers=9),
    ),
    Case(
        "a request waits for the only type that holds it, though its breaker is open and the pool is full",
        observation(
            of(small(), 1),
            nodes=HEAD,
            demands=(demand(1, {"GPU": 1}),),
            up=UP,
            down=DOWN,
            launch_health={"gpu": failed(3)},
        ),
        actions=((DRAIN, Cause.IDLE, 1),),
        held=((Cause.LAUNCHES_FAIL, 1),),
        policy=policy(small(), gpu(), max_workers=1),
    ),
    Case(
        "and for its own limit, if that holds as well",
        observation(
            of(gpu(), 1, idle=0), nodes=HEAD, demands=(demand(1, {"GPU": 1}),), up=UP, launch_health={"gpu": failed(1)}
        ),
        held=((Cause.MAX_WORKERS, 1),),
        policy=policy(small(), gpu(max_workers=1), max_workers=9),
    ),
]
