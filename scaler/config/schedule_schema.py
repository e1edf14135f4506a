"""`schedules` of the policy file: their keys, and what contradicts what."""

from __future__ import annotations

import re
from itertools import islice, permutations
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, model_validator

from ray_watcher_common.documents.yaml_models import key_text
from scaler.config.policy_schema import LABEL_WORD, Entry, not_below
from scaler.model.schedule import Schedule, TypeBounds
from scaler.schedules.windows import HORIZON, window_at, windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ray_watcher_common.documents.findings import Finding
    from ray_watcher_common.documents.yaml_lines import Document
    from scaler.model.policy import Policy

DURATION = re.compile(r"([1-9][0-9]{0,5})(m|h|d)")
UNIT_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86400.0}
LOOKED_AT = 60  # windows of each schedule, when it is looked for overlaps


def _cron(text: str) -> str:
    try:
        found = next(CronSim(text, HORIZON), None)
    except CronSimError as error:
        raise ValueError(f"wants five fields as in a crontab, such as 0 8 * * mon-fri ({error})") from None
    if found is None:
        raise ValueError("wants a cron expression that matches some time")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError("wants the name of a time zone, such as Europe/Vienna or UTC") from None
    return name


def _duration(text: str) -> str:
    if not DURATION.fullmatch(text):
        raise ValueError("wants a time span such as 90m, 10h or 2d")
    return text


Cron = Annotated[str, AfterValidator(_cron)]
Count = Annotated[int, Field(ge=0)]


class BoundsEntry(Entry):
    """Limits of one worker type while a schedule holds."""

    min_workers: Count | None = Field(None, description="minimum number of workers of this type")
    max_workers: Annotated[Count | None, not_below] = Field(None, description="maximum number of workers of this type")
    warm_workers: Count | None = Field(None, description="number of prepared workers of this type")


class ScheduleEntry(Entry):
    """One schedule."""

    name: Annotated[str, Field(pattern=rf"^{LABEL_WORD}$", description="its name, in reasons and metrics")]
    cron: Cron = Field(description="when it begins: minute, hour, day of month, month, day of week")
    timezone: Annotated[str, AfterValidator(_zone)] = Field(default="UTC", description="time zone of its expressions")
    duration: Annotated[str, AfterValidator(_duration)] | None = Field(
        None, description="how long it lasts, for example 90m, 10h, 2d; this or end"
    )
    end: Cron | None = Field(None, description="when it ends: the first match after its beginning; this or duration")
    min_workers: Count | None = Field(None, description="minimum number of workers of the pool")
    max_workers: Annotated[Count | None, not_below] = Field(None, description="maximum number of workers of the pool")
    worker_types: dict[str, BoundsEntry] = Field(default_factory=dict, description="limits by name of a worker type")

    @model_validator(mode="after")
    def _ends(self) -> ScheduleEntry:
        if (self.duration is None) == (self.end is None):
            raise ValueError("wants either duration or end")
        return self

    def schedule(self) -> Schedule:
        """The value that the entry describes."""
        match = DURATION.fullmatch(self.duration or "")
        return Schedule(
            name=self.name,
            cron=self.cron,
            timezone=self.timezone,
            duration=float(match[1]) * UNIT_SECONDS[match[2]] if match else None,
            end=self.end,
            min_workers=self.min_workers,
            max_workers=self.max_workers,
            worker_types=tuple(TypeBounds(name=name, **vars(one)) for name, one in self.worker_types.items()),
        )


def contradictions(document: Document, policy: Policy, names: frozenset[str]) -> Iterator[Finding]:
    """Minimums that no maximum leaves room for, types that are not there, and schedules that cannot both hold."""
    for number, one in enumerate(policy.schedules):
        place = ("schedules", number)
        for bounds in (bounds for bounds in one.worker_types if bounds.name not in names):
            where = (*place, "worker_types", bounds.name)
            yield document.error(where, f"{key_text(where)}is no worker type; known here: {', '.join(sorted(names))}")
        most = policy.max_workers if one.max_workers is None else one.max_workers
        fewest = max(one.min_workers or 0, sum(bounds.min_workers or 0 for bounds in one.worker_types))
        if fewest > most:
            yield document.error(place, f"{key_text(place)}min_workers ({fewest}) is more than max_workers ({most})")
        if one.min_workers is None and one.max_workers is None and not one.worker_types:
            yield document.warning(place, f"{key_text(place)}sets no limit, so it changes nothing")
    yield from _overlaps(document, policy.schedules)


def _overlaps(document: Document, schedules: Sequence[Schedule]) -> Iterator[Finding]:
    """Pairs of which one wants more workers than the other allows, if windows of theirs overlap within a year."""
    for (number, one), (_, other) in permutations(enumerate(schedules), 2):
        if one.min_workers is None or other.max_workers is None or one.min_workers <= other.max_workers:
            continue
        since = HORIZON.timestamp()
        pairs = [(one, other), (other, one)]
        if any(window_at(b, w.start) for a, b in pairs for w in islice(windows(a, since), LOOKED_AT)):
            where = ("schedules", number, "min_workers")
            yield document.warning(
                where,
                f"{key_text(where)}got {one.min_workers}, but {other.name} overlaps and allows {other.max_workers}: "
                "the smaller maximum holds then",
            )
