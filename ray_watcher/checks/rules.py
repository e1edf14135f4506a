"""Alert rules as the scaler reads them: are their labels and annotations for scaling valid? Pure.

Scalars are text here, as Prometheus reads labels and annotations. PromQL is left to promtool.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaler.alerting.payload import DIRECTION_LABEL, LARGEST_STEP, STEP, STEP_ANNOTATION, WORKER_TYPE_LABEL
from scaler.model.cluster import Direction

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ray_watcher_common.documents.findings import Finding
    from ray_watcher_common.documents.yaml_lines import Document
    from ray_watcher_common.documents.yaml_models import Place

DIRECTIONS = tuple(direction.value for direction in Direction)
TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`')  # Go's strings: words in them are no variables
FIGURE = re.compile(r"\$value\b|\.Value\b|\bquery\b|\bnow\b")  # what changes from one evaluation to the next
WHOLE = re.compile(r"\s*-?\s*(\.|\$)\s*-?\s*")  # all that a template is given, the value too
AGGREGATED = re.compile(
    r"\b(by|without|sum|min|max|avg|count|group|topk|bottomk|quantile|stddev|stdvar|count_values)\b"
)
CLUSTER_LABEL = "cluster"
TARGET_LABELS = frozenset({"cluster", "instance", "job"})  # added by Prometheus, so a rule need not name them


@dataclass(frozen=True)
class ScalingAlert:
    """A scaling alert: its fixed labels, and names of further labels it may have (None: any)."""

    name: str
    labels: Mapping[str, str]
    possible: frozenset[str] | None = None


def rule_findings(
    document: Document, worker_types: Collection[str] | None, cluster: str | None = None
) -> Iterator[Finding]:
    """Mistakes in the alerts of a rule file for the scaler of `cluster` (None: any).

    `worker_types` are those of the policy (None: unknown).
    """
    yield from document.problems
    groups = document.value.get("groups") if isinstance(document.value, dict) else None
    if not isinstance(groups, list):
        yield document.error(("groups",), "wanted a rule file: `groups:` with a list")
    for place, rule in _alerts(document):
        yield from _alert_findings(document, place, rule, worker_types)
        yield from _cluster(document, place, rule, cluster)


def scaling_alerts(document: Document) -> tuple[ScalingAlert, ...]:
    """The alerts of a rule file that permit scaling."""
    return tuple(
        ScalingAlert(
            name=rule["alert"],
            labels={"alertname": rule["alert"], **_fixed(_mapping(rule, "labels"))},
            possible=_labels_of(str(rule.get("expr", ""))),
        )
        for _, rule in _alerts(document)
        if _mapping(rule, "labels").get(DIRECTION_LABEL) in DIRECTIONS
    )


def has_alert(document: Document, name: str) -> bool:
    """Whether the file has an alert of that name."""
    return any(rule["alert"] == name for _, rule in _alerts(document))


def alert_count(document: Document) -> int:
    """Number of all alerts in the file."""
    return sum(1 for _ in _alerts(document))


# --- one alert -----------------------------------------------------------------------------------------


def _alert_findings(
    document: Document, place: Place, rule: Mapping[str, Any], worker_types: Collection[str] | None
) -> Iterator[Finding]:
    if DIRECTION_LABEL in _mapping(rule, "labels"):
        yield from _direction(document, place, rule)
        yield from _worker_type(document, place, rule, worker_types)
        yield from _step(document, place, rule)
        yield from _misplaced(document, place, rule)
    else:
        yield from _no_scaling_alert(document, place, rule)
    yield from _templates(document, place, rule)


def _direction(document: Document, place: Place, rule: Mapping[str, Any]) -> Iterator[Finding]:
    value = rule["labels"][DIRECTION_LABEL]
    if value not in DIRECTIONS and not TEMPLATE.search(str(value)):
        where = _label(document, place, DIRECTION_LABEL)
        yield document.error(where, f"{rule['alert']}: label {DIRECTION_LABEL} is {value!r}, wanted up or down")


def _worker_type(
    document: Document, place: Place, rule: Mapping[str, Any], worker_types: Collection[str] | None
) -> Iterator[Finding]:
    value = rule["labels"].get(WORKER_TYPE_LABEL)
    if value and worker_types is not None and value not in worker_types and not TEMPLATE.search(str(value)):
        known = ", ".join(sorted(worker_types)) or "none"
        yield document.error(
            _label(document, place, WORKER_TYPE_LABEL),
            f"{rule['alert']}: worker type {value!r} is not in the policy, which has {known}",
        )


def _cluster(document: Document, place: Place, rule: Mapping[str, Any], cluster: str | None) -> Iterator[Finding]:
    labels = _mapping(rule, "labels")
    value = str(labels.get(CLUSTER_LABEL, ""))
    if DIRECTION_LABEL in labels and cluster and value not in ("", cluster) and not TEMPLATE.search(value):
        yield document.warning(
            _label(document, place, CLUSTER_LABEL),
            f"{rule['alert']}: label cluster is {value!r}: the scaler of {cluster!r} (WATCHER_CLUSTER) ignores it",
        )


def _step(document: Document, place: Place, rule: Mapping[str, Any]) -> Iterator[Finding]:
    value = _mapping(rule, "annotations").get(STEP_ANNOTATION)
    where = (*place, "annotations", STEP_ANNOTATION)
    if value and TEMPLATE.search(str(value)):
        yield document.warning(
            where,
            f"{rule['alert']}: step {value!r} is known only when the alert fires; the scaler then ignores a value "
            f"outside 1 to {LARGEST_STEP}",
        )
    elif value is not None and not STEP.fullmatch(str(value)):
        yield document.error(where, f"{rule['alert']}: step is {value!r}, wanted 1 to {LARGEST_STEP}")


def _misplaced(document: Document, place: Place, rule: Mapping[str, Any]) -> Iterator[Finding]:
    for part, key, home in (
        ("labels", STEP_ANNOTATION, "annotations"),
        ("annotations", WORKER_TYPE_LABEL, "labels"),
    ):
        if key in _mapping(rule, part):
            where = _label(document, place, key) if part == "labels" else (*place, part, key)
            yield document.error(where, f"{rule['alert']}: {key} belongs in {home}; here it has no effect")


def _no_scaling_alert(document: Document, place: Place, rule: Mapping[str, Any]) -> Iterator[Finding]:
    """An alert without `ray_scale` that seems to be meant for scaling."""
    name, annotations = rule["alert"], _mapping(rule, "annotations")
    lacks = f"but no label {DIRECTION_LABEL} (up or down), so it does not scale"
    if DIRECTION_LABEL in annotations:
        yield document.error(
            (*place, "annotations", DIRECTION_LABEL), f"{name}: {DIRECTION_LABEL} is an annotation, {lacks}"
        )
    elif STEP_ANNOTATION in annotations:
        yield document.error((*place, "annotations", STEP_ANNOTATION), f"{name}: has a step {lacks}")
    elif WORKER_TYPE_LABEL in _mapping(rule, "labels"):
        yield document.warning(_label(document, place, WORKER_TYPE_LABEL), f"{name}: has a worker_type {lacks}")


def _templates(document: Document, place: Place, rule: Mapping[str, Any]) -> Iterator[Finding]:
    """A changing value in a label makes a new alert each time; a copied label (`{{ $labels.zone }}`) does not."""
    scales = DIRECTION_LABEL in _mapping(rule, "labels")
    for key, value in _mapping(rule, "labels").items():
        where = _label(document, place, key)
        if _holds_a_figure(str(value)):
            report = document.error if scales else document.warning
            yield report(
                where,
                f"{rule['alert']}: label {key} is {value!r}: every new value makes a new alert; "
                "move it to an annotation",
            )
        elif TEMPLATE.search(str(value)) and key in (DIRECTION_LABEL, WORKER_TYPE_LABEL):
            yield document.warning(where, f"{rule['alert']}: label {key} is {value!r}, known only when it fires")


def _holds_a_figure(text: str) -> bool:
    """Whether a template uses the value or a query; one that only copies or changes labels does not.

    `.` alone is the label of a `with` around it, and without one all that a template is given.
    """
    parts = [TEXT.sub("", part) for part in TEMPLATE.findall(text)]
    scoped = any(re.search(r"\b(with|range|define|block)\b", part) for part in parts)
    return any(FIGURE.search(part) or (WHOLE.fullmatch(part) and not scoped) for part in parts)


# --- reading -------------------------------------------------------------------------------------------


def _alerts(document: Document) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Every alerting rule with its place and the labels of its group (Prometheus 3); the rest is for promtool."""
    groups = document.value.get("groups") if isinstance(document.value, dict) else None
    for number, group in enumerate(groups if isinstance(groups, list) else []):
        rules = group.get("rules") if isinstance(group, dict) else None
        for position, rule in enumerate(rules if isinstance(rules, list) else []):
            if isinstance(rule, dict) and isinstance(rule.get("alert"), str):
                labels = {**_mapping(group, "labels"), **_mapping(rule, "labels")}
                yield ("groups", number, "rules", position), {**rule, "labels": labels}


def _label(document: Document, place: Place, key: str) -> Place:
    """Where the label of a rule stands: with the rule, else with its group."""
    own = (*place, "labels", key)
    return own if tuple(map(str, own)) in document.lines else (*place[:2], "labels", key)


def _mapping(rule: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = rule.get(key)
    return found if isinstance(found, Mapping) else {}


def _fixed(labels: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in labels.items() if not TEMPLATE.search(str(value))}


def _labels_of(expression: str) -> frozenset[str] | None:
    """Labels that the expression's series may have; after an aggregation, only those that it names."""
    if not AGGREGATED.search(expression):
        return None
    return frozenset(re.findall(r"[a-zA-Z_]\w*", expression)) | TARGET_LABELS
