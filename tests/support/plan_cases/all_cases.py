"""All cases of the plan's tables."""

from __future__ import annotations

from support.plan_cases.choices import CHOICES
from support.plan_cases.failures import FAILURES
from support.plan_cases.gangs import GANGS
from support.plan_cases.launches import LAUNCHES
from support.plan_cases.limits import LIMITS
from support.plan_cases.paused import PAUSED
from support.plan_cases.promises import PROMISES
from support.plan_cases.removals import REMOVALS
from support.plan_cases.requested import REQUESTED
from support.plan_cases.room import ROOM
from support.plan_cases.sizes import SIZES
from support.plan_cases.standing_in import STANDING_IN
from support.plan_cases.warm import WARM

CASES = (
    *LAUNCHES,
    *REMOVALS,
    *LIMITS,
    *FAILURES,
    *REQUESTED,
    *PAUSED,
    *WARM,
    *ROOM,
    *SIZES,
    *GANGS,
    *CHOICES,
    *STANDING_IN,
    *PROMISES,
)
