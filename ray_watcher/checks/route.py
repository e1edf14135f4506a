"""Alertmanager's configuration as the scaler needs it: alerts and their ends arrive in time. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray_watcher.checks.acceptance import WEBHOOK_PATH, Scaler, Webhook, webhook_findings
from ray_watcher.checks.inhibition import inhibit_findings
from ray_watcher.checks.matchers import parse
from ray_watcher.checks.matching import Branch, children, destinations
from ray_watcher.checks.rules import ScalingAlert
from ray_watcher_common.urls import shown_url
from scaler.alerting.payload import DIRECTION_LABEL, WATCHDOG
from scaler.model.cluster import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ray_watcher_common.documents.findings import Finding
    from ray_watcher_common.documents.yaml_lines import Document
    from ray_watcher_common.documents.yaml_models import Place

SINGLE_QUOTED = re.compile(r"'.*'", re.DOTALL)
UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
DURATION = re.compile(r"(\d+(ms|[smhdwy]))+")
DEFAULTS = {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"}
"""Alertmanager's own (dispatch.DefaultRouteOpts)."""


@dataclass(frozen=True)
class Pace:
    """Limits of a setting in seconds: a warning above `slow`, an error above `stalls`, and the reason."""

    slow: float
    stalls: float
    why: str


PACES = {
    "group_wait": Pace(5, 60, "it delays every new alert; wanted 0s"),
    "group_interval": Pace(
        10,
        60,
        "it delays the end of an alert and a repeated alert; wanted 10s at most, recommended 500ms",
    ),
}
"""A worker joins in seconds, so a delay of a minute stalls the loop."""


def route_findings(document: Document, alerts: Sequence[ScalingAlert], scaler: Scaler) -> Iterator[Finding]:
    """What keeps `alerts` from the scaler, or delays them. Without alerts, any alert with `ray_scale` is assumed."""
    yield from document.problems
    content = document.value if isinstance(document.value, dict) else {}
    if not isinstance(content.get("route"), dict):
        yield document.error(("route",), "wanted Alertmanager's configuration: `route:` with keys and values")
        return
    lost: dict[Place, tuple[Branch, list[str]]] = {}
    for alert in alerts or _ANY:
        branches = destinations(content["route"], alert)
        delivered = [(branch, hook) for branch in branches for hook in _scaler_hooks(document, branch, scaler)]
        for branch, hook in delivered:
            yield from _pace_findings(document, branch)
            yield from _repeat_findings(document, branch, scaler.expiry)
            yield from _interval_findings(document, branch)
            yield from webhook_findings(document, hook, scaler)
            yield from _receiver_findings(document, hook, scaler.receiver)
        if not delivered:
            lost.setdefault(branches[-1].place, (branches[-1], []))[1].append(alert.name)
    for branch, names in lost.values():
        yield _lost(document, branch, names)
    yield from inhibit_findings(document, alerts or _ANY)
    yield from _unreadable(document, content["route"], ("route",))


def watchdog_findings(document: Document, scaler: Scaler) -> Iterator[Finding]:
    """Whether people receive RayWatchdog, which always fires, instead of the scaler."""
    route = document.value.get("route") if isinstance(document.value, dict) else None
    if not isinstance(route, dict):
        return
    labels = {"alertname": WATCHDOG, "severity": "none"}
    branches = destinations(route, ScalingAlert(WATCHDOG, labels, possible=frozenset({"cluster"})))
    if not any(_scaler_hooks(document, branch, scaler) for branch in branches):
        receiver, place = branches[-1].settings.get("receiver", ("", branches[-1].place))
        yield document.warning(
            place,
            f"{WATCHDOG}: always fires, and is sent to receiver {receiver!r}; wanted a route to the scaler "
            "(docs/alerts.md#watchdog), which reports its absence",
        )


_ANY = tuple(
    ScalingAlert(f"any alert with {DIRECTION_LABEL}: {direction.value}", {DIRECTION_LABEL: direction.value})
    for direction in Direction
)


# --- does an alert arrive -------------------------------------------------------------------------------------


def _webhooks(document: Document, receiver: str) -> list[Webhook]:
    listed = document.value.get("receivers")
    found = []
    for number, entry in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(entry, dict) and entry.get("name") == receiver:
            hooks = entry.get("webhook_configs")
            place: Place = ("receivers", number, "webhook_configs")
            found += [
                Webhook((*place, position), receiver, hook, is_first=position == 0)
                for position, hook in enumerate(hooks if isinstance(hooks, list) else [])
                if isinstance(hook, dict)
            ]
    return found


def _scaler_hooks(document: Document, branch: Branch, scaler: Scaler) -> list[Webhook]:
    return [hook for hook in _webhooks(document, branch.receiver) if hook.is_the_scalers(scaler)]


def _lost(document: Document, branch: Branch, names: Sequence[str]) -> Finding:
    alerts = ", ".join(names)
    receiver, place = branch.settings.get("receiver", ("", branch.place))
    if hooks := _webhooks(document, receiver):
        where = (*hooks[0].place, "url")
        return document.error(
            where,
            f"url: got {shown_url(hooks[0].url)!r}, wanted the scaler's URL, ending in {WEBHOOK_PATH}, for {alerts}",
        )
    what = "which has no webhook" if _is_defined(document, receiver) else "which is not defined"
    return document.error(
        place,
        f"{alerts}: sent to receiver {receiver!r}, {what}; wanted a route to the scaler that matches {DIRECTION_LABEL}",
    )


def _unreadable(document: Document, route: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    """Matchers that no version of Alertmanager reads, and values in single quotes, which then belong to the value."""
    listed = route.get("matchers")
    for number, text in enumerate(listed if isinstance(listed, list) else []):
        where = (*place, "matchers", number)
        matchers = parse(str(text))
        if matchers is None:
            yield document.warning(where, f"matcher {text!r} cannot be read; run `amtool check-config` for details")
        elif any(SINGLE_QUOTED.fullmatch(matcher.value) for matcher in matchers):
            message = f"matcher {text!r}: the single quotes are part of the value; wanted double quotes"
            yield document.warning(where, message)
    for child_place, child in children(route, place):
        yield from _unreadable(document, child, child_place)


def _is_defined(document: Document, receiver: str) -> bool:
    listed = document.value.get("receivers")
    return any(isinstance(e, dict) and e.get("name") == receiver for e in (listed if isinstance(listed, list) else []))


def _receiver_findings(document: Document, hook: Webhook, receiver: str) -> Iterator[Finding]:
    if hook.receiver != receiver:
        yield document.warning(
            (*hook.place[:2], "name"),
            f"name: got {hook.receiver!r}, but the scaler re-reads from Alertmanager only alerts for {receiver!r} "
            "(ALERTMANAGER_RECEIVER), so nothing replaces a lost webhook",
        )


def _interval_findings(document: Document, branch: Branch) -> Iterator[Finding]:
    """Before 0.28 Alertmanager's API lists alerts that an interval mutes as active, so the scaler acts on them."""
    for place, names in branch.intervals:
        yield document.warning(
            place,
            f"{place[-1]} ({', '.join(names)}) mutes scaling alerts: Alertmanager before 0.28 lists them as "
            "active, and the scaler keeps acting; `ray-watcher pause` or a silence stops it with any version",
        )


# --- does an alert arrive in time -----------------------------------------------------------------------------


def _pace_findings(document: Document, branch: Branch) -> Iterator[Finding]:
    for key, pace in PACES.items():
        text, place = _setting(branch, key)
        seconds = duration_seconds(text)
        if seconds is None:
            yield document.error(place, f"{key}: got {text!r}, wanted a duration such as 500ms or 1m")
        elif seconds > pace.slow:
            report = document.error if seconds > pace.stalls else document.warning
            yield report(place, f"{_named(branch, key)}: {pace.why}")


def _repeat_findings(document: Document, branch: Branch, expiry: float) -> Iterator[Finding]:
    """Alertmanager repeats at the first `group_interval` after `repeat_interval`."""
    text, place = _setting(branch, "repeat_interval")
    repeat, tick = duration_seconds(text), duration_seconds(_setting(branch, "group_interval")[0])
    if repeat is None:
        yield document.error(place, f"repeat_interval: got {text!r}, wanted a duration such as 500ms or 1m")
        return
    every = math.ceil(repeat / tick) * tick if tick else repeat
    repeats = f"{_named(branch, 'repeat_interval')}, so a firing alert is repeated every {every:g} s"
    if every >= expiry:
        yield document.error(place, f"{repeats}, but the scaler drops it after {expiry:g} s (WATCHER_ALERT_EXPIRY)")
    elif 2 * every > expiry:
        yield document.warning(
            place, f"{repeats}; after one lost notification the scaler drops it (WATCHER_ALERT_EXPIRY, {expiry:g} s)"
        )


def _setting(branch: Branch, key: str) -> tuple[str, Place]:
    return branch.settings.get(key, (DEFAULTS[key], branch.place))


def _named(branch: Branch, key: str) -> str:
    if key in branch.settings:
        return f"{key} is {branch.settings[key][0]} on the route to the scaler"
    return f"{key} is not set on the route to the scaler, so it is {DEFAULTS[key]}"


def duration_seconds(text: str) -> float | None:
    """Seconds of a Prometheus duration (`1h30m`, `500ms`, `0`), None if it is not one."""
    if text == "0":
        return 0.0
    if not DURATION.fullmatch(text):
        return None
    return sum(int(number) * UNIT_SECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", text))
