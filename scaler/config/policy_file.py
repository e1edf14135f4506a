"""The policy: from WATCHER_POLICY_FILE if it is set, else one worker type from the guide's variables.

All mistakes in the file are reported at once, each with its line, its key, what it got and what it wants.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from ray_watcher_common.documents import yaml_lines
from ray_watcher_common.documents.findings import Severity, in_order
from ray_watcher_common.documents.thresholds import thresholds_of
from ray_watcher_common.documents.yaml_models import key_text, validated
from ray_watcher_common.program.settings import SettingsError
from ray_watcher_common.state import bundle
from scaler.config.keys import INHERITED_BY_TYPES, SETTINGS
from scaler.config.policy_schema import Entry, LimitsEntry, PolicyEntry, WorkerTypeEntry
from scaler.config.schedule_schema import ScheduleEntry, contradictions
from scaler.model.cluster import WorkerType
from scaler.model.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ray_watcher_common.documents.findings import Finding
    from ray_watcher_common.documents.yaml_lines import Document
    from ray_watcher_common.documents.yaml_models import Place
    from scaler.config.settings import ScalerSettings
    from scaler.model.schedule import Schedule


def policy_from(settings: ScalerSettings) -> Policy:
    """The policy that the environment describes. Raises `SettingsError` with one line for each mistake."""
    if settings.policy_file is None:
        return _policy(settings, LimitsEntry(), (settings.worker_type,))
    return read_policy(settings.policy_file, settings)


def read_policy(path: Path, settings: ScalerSettings) -> Policy:
    """The policy in the file; what it leaves out comes from `settings`. Raises `SettingsError` in the same form."""
    try:
        document = yaml_lines.read(path)
    except yaml_lines.UnreadableError as error:
        raise SettingsError(f"policy file {error}") from None
    policy, findings = check(document, settings)
    mistakes = [found for found in findings if found.severity is Severity.ERROR]
    if policy is None or mistakes:
        raise SettingsError("\n".join(f"policy file {found}" for found in mistakes))
    return policy


def check(document: Document, settings: ScalerSettings) -> tuple[Policy | None, tuple[Finding, ...]]:
    """The policy in `document`, None if it has a mistake, and all findings in the order of their lines."""
    findings = list(document.problems)
    validated(PolicyEntry, document, (), findings)
    content = document.value if isinstance(document.value, dict) else {}
    thresholds = thresholds_of(document, findings)
    settings = settings.model_copy(update={"idle_timeout": thresholds.get("idle_timeout", settings.idle_timeout)})
    limits = _limits(document, content.get("limits"), findings)
    listed = content.get("worker_types")
    places: list[Place] = [("worker_types", number) for number in range(len(listed) if isinstance(listed, list) else 0)]
    entries = {place: validated(WorkerTypeEntry, document, place, findings) for place in places}
    times, schedules = _schedules(document, content.get("schedules"), findings)
    findings += [*_named_twice(document, places), *_named_twice(document, times)]
    findings += _without_effect(document, settings, entries)
    policy = None
    if limits:
        sound = {place: entry for place, entry in entries.items() if entry}
        policy = replace(
            _with_types(settings, limits, list(sound.values())),
            thresholds=tuple(sorted(thresholds.items())),
            schedules=schedules,
        )
        findings += _contradictions(document, settings, limits, policy, list(sound))
        if len(sound) == len(places):
            findings += _out_of_reach(document, settings, limits, policy)
        if len(schedules) == len(times):
            findings += contradictions(document, policy, type_names(document))
    found = in_order(tuple(findings))
    return (None if any(one.severity is Severity.ERROR for one in found) else policy), found


def _limits(document: Document, content: object, findings: list[Finding]) -> Entry | None:
    if isinstance(content, dict):
        return validated(LimitsEntry, document, ("limits",), findings)
    return LimitsEntry() if content is None else None


def _schedules(
    document: Document, content: object, findings: list[Finding]
) -> tuple[list[Place], tuple[Schedule, ...]]:
    """The places of all schedules, and those without a mistake."""
    places: list[Place] = [("schedules", number) for number in range(len(content) if isinstance(content, list) else 0)]
    entries = [validated(ScheduleEntry, document, place, findings) for place in places]
    return places, tuple(entry.schedule() for entry in entries if entry)


def type_names(document: Document) -> frozenset[str]:
    """The worker types that the file names, even if it has mistakes."""
    listed = document.value.get("worker_types") if isinstance(document.value, dict) else None
    entries = listed if isinstance(listed, list) else []
    return frozenset(str(entry["name"]) for entry in entries if isinstance(entry, dict) and "name" in entry)


# --- from entries to the policy ------------------------------------------------------------------------


def _policy(settings: ScalerSettings, limits: Entry, kinds: tuple[WorkerType, ...]) -> Policy:
    given = limits.model_dump(exclude_none=True)
    inherited = {key: getattr(settings, field) for key, field in SETTINGS.items()}
    return Policy(
        worker_types=kinds,
        join_timeout=settings.join_timeout,
        drain_timeout=settings.drain_timeout,
        stale_after=settings.stale_after,
        alert_expiry=settings.alert_expiry,
        **{**inherited, **given},
    )


def _with_types(settings: ScalerSettings, limits: Entry, entries: list[Entry]) -> Policy:
    policy = _policy(settings, limits, ())
    return replace(policy, worker_types=tuple(_worker_type(settings, policy, entry) for entry in entries))


def _worker_type(settings: ScalerSettings, policy: Policy, entry: Entry) -> WorkerType:
    inherited = {key: getattr(settings, field) for key, field in INHERITED_BY_TYPES.items()}
    given = entry.model_dump(exclude_none=True)
    resources, labels = bundle(given.pop("resources")), tuple(sorted(given.pop("labels").items()))
    placement = tuple(given.pop("placement"))
    promised = settings.promised(given.get("memory"), given.get("object_store_memory"))
    sizes = {"memory": promised.memory or None, "object_store_memory": promised.object_store}
    values = {**inherited, "max_workers": policy.max_workers, **given, **sizes}
    numbers = ("num_cpus", "num_gpus", "idle_timeout", "price_per_hour")
    values.update({key: float(values[key]) for key in numbers if key in values})
    return WorkerType(**values, custom_resources=resources, labels=labels, placement=placement)


# --- mistakes ------------------------------------------------------------------------------------------


def _named_twice(document: Document, places: list[Place]) -> Iterator[Finding]:
    first: dict[str, Place] = {}
    for place in places:
        entry = document.value[place[0]][place[-1]]
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and name in first:
            where = (*place, "name")
            yield document.error(
                where,
                f"{key_text(where)}got {name!r}, which line {document.line(*first[name], 'name')} already uses",
            )
        elif isinstance(name, str):
            first[name] = place


def _contradictions(
    document: Document, settings: ScalerSettings, limits: Entry, policy: Policy, places: list[Place]
) -> Iterator[Finding]:
    """Limits that contradict each other; the types of `policy` are at `places`."""
    fewest, most = _called(limits, settings, "min_workers"), _called(limits, settings, "max_workers")
    at_limits: Place = ("limits", "min_workers")
    if policy.min_workers > policy.max_workers:
        yield document.error(at_limits, f"{fewest} is more than {most}")
    for place, kind in zip(places, policy.worker_types, strict=True):
        for key, value in (
            ("min_workers", kind.min_workers),
            ("max_workers", kind.max_workers),
            ("warm_workers", kind.warm_workers),
        ):
            if value > policy.max_workers:
                yield document.error((*place, key), f"{key_text((*place, key))}got {value}, wanted at most {most}")
    if (total := sum(kind.min_workers for kind in policy.worker_types)) > policy.max_workers:
        yield document.error(("worker_types",), f"min_workers of all types add up to {total}, more than {most}")


def _out_of_reach(document: Document, settings: ScalerSettings, limits: Entry, policy: Policy) -> Iterator[Finding]:
    fewest = _called(limits, settings, "min_workers")
    if (total := sum(kind.max_workers for kind in policy.worker_types)) < policy.min_workers:
        where = ("limits", "min_workers")
        yield document.error(where, f"{fewest} is more than max_workers of all types allow, which is {total}")


def _without_effect(
    document: Document, settings: ScalerSettings, entries: Mapping[Place, Entry | None]
) -> Iterator[Finding]:
    for place, entry in entries.items():
        given = entry.model_dump(exclude_none=True) if entry else {}
        if (timeout := given.get("idle_timeout", math.inf)) < settings.idle_timeout:
            what = f"got {timeout:g}, which is less than WATCHER_IDLE_TIMEOUT ({settings.idle_timeout:g})"
            where: Place = (*place, "idle_timeout")
            yield document.warning(
                where, f"{key_text(where)}{what}: the alert RayWorkersIdle does not fire before that"
            )
        if "image" in given and settings.provider == "process":
            where = (*place, "image")
            yield document.warning(where, f"{key_text(where)}processes have no image (WATCHER_PROVIDER is process)")
        if given.get("placement") and settings.provider != "swarm":
            where = (*place, "placement")
            yield document.warning(
                where, f"{key_text(where)}all workers share one host (WATCHER_PROVIDER is not swarm)"
            )


def _called(limits: Entry, settings: ScalerSettings, key: str) -> str:
    """`limits.max_workers (20)`, or the variable if the file does not set the key."""
    if (given := getattr(limits, key)) is not None:
        return f"limits.{key} ({given})"
    field = SETTINGS[key]
    variable = type(settings).model_fields[field].validation_alias
    return f"{variable} ({getattr(settings, field)}; limits.{key} is not set)"
