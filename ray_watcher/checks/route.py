"""Alertmanager's file as the scaler needs it: its alerts arrive, at once, again, and their ends too. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ray_watcher.checks.matching import Branch, destinations
from ray_watcher.checks.rules import ScalingAlert
from ray_watcher.stack.monitoring import SCALER_RECEIVER
from scaler.alerting.payload import DIRECTION_LABEL
from scaler.model.cluster import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ray_watcher_common.findings import Finding
    from ray_watcher_common.yaml_lines import Document
    from ray_watcher_common.yaml_models import Place

WEBHOOK_PATH = "/alerts"
FALSE = frozenset({"false", "no", "off", "n"})
UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
DURATION = re.compile(r"(\d+(ms|[smhdwy]))+")
DEFAULTS = {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"}
"""Alertmanager's own (dispatch.DefaultRouteOpts)."""


@dataclass(frozen=True)
class Pace:
    """How slow a setting may be, in seconds: beyond the first a warning, beyond the second an error, and why."""

    slow: float
    stalls: float
    why: str


PACES = {
    "group_wait": Pace(5, 60, "a new alert reaches the scaler only after it; wanted 0s"),
    "group_interval": Pace(
        10,
        60,
        "an alert that ends, or fires again, reaches the scaler only after it; wanted 10s at most, 500ms is good",
    ),
}
"""A worker joins in seconds, so a minute of waiting is the longest part of the loop, and a stall."""


@dataclass(frozen=True)
class Webhook:
    """One webhook of a receiver, with its place."""

    place: Place
    receiver: str
    content: dict[str, Any]

    @property
    def url(self) -> str:
        """Where it posts; "" where a file says it."""
        return str(self.content.get("url", ""))

    @property
    def is_well_addressed(self) -> bool:
        """Whether the scaler would take it; an address in a file is believed."""
        return "url_file" in self.content or urlsplit(self.url).path.endswith(WEBHOOK_PATH)

    def is_the_scalers(self, listen: str) -> bool:
        """Whether it is meant for the scaler, however wrong its path."""
        return self.is_well_addressed or self.receiver == SCALER_RECEIVER or urlsplit(self.url).netloc == listen


def route_findings(
    document: Document, alerts: Sequence[ScalingAlert], *, listen: str, expiry: float, receiver: str = SCALER_RECEIVER
) -> Iterator[Finding]:
    """What keeps `alerts` from the scaler at `listen`, which forgets one after `expiry` seconds without news.

    Without alerts, any with `ray_scale` is meant. Of Alertmanager's list the scaler takes up those for `receiver`.
    """
    yield from document.problems
    content = document.value if isinstance(document.value, dict) else {}
    if not isinstance(content.get("route"), dict):
        yield document.error(("route",), "wanted Alertmanager's configuration: `route:` with keys and values")
        return
    unheard: dict[Place, tuple[Branch, list[str]]] = {}
    for alert in alerts or _ANY:
        branches = destinations(content["route"], alert)
        heard = [(branch, hook) for branch in branches for hook in _scaler_hooks(document, branch, listen)]
        for branch, hook in heard:
            yield from _pace_findings(document, branch)
            yield from _repeat_findings(document, branch, expiry)
            yield from _webhook_findings(document, hook)
            yield from _receiver_findings(document, hook, receiver)
        if not heard:
            unheard.setdefault(branches[-1].place, (branches[-1], []))[1].append(alert.name)
    for branch, names in unheard.values():
        yield _unheard(document, branch, names)


_ANY = tuple(
    ScalingAlert(f"any alert with {DIRECTION_LABEL}: {direction.value}", {DIRECTION_LABEL: direction.value})
    for direction in Direction
)


# --- does it arrive -------------------------------------------------------------------------------------


def _webhooks(document: Document, receiver: str) -> list[Webhook]:
    listed = document.value.get("receivers")
    found = []
    for number, entry in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(entry, dict) and entry.get("name") == receiver:
            hooks = entry.get("webhook_configs")
            place: Place = ("receivers", number, "webhook_configs")
            found += [
                Webhook((*place, position), receiver, hook)
                for position, hook in enumerate(hooks if isinstance(hooks, list) else [])
                if isinstance(hook, dict)
            ]
    return found


def _scaler_hooks(document: Document, branch: Branch, listen: str) -> list[Webhook]:
    return [hook for hook in _webhooks(document, branch.receiver) if hook.is_the_scalers(listen)]


def _unheard(document: Document, branch: Branch, names: Sequence[str]) -> Finding:
    who = ", ".join(names)
    receiver, place = branch.settings.get("receiver", ("", branch.place))
    if hooks := _webhooks(document, receiver):
        where = (*hooks[0].place, "url")
        return document.error(
            where,
            f"url: got {hooks[0].url!r}, wanted the scaler's, which ends in {WEBHOOK_PATH}; {who} go nowhere else",
        )
    what = "which has no webhook" if _is_defined(document, receiver) else "which is not defined"
    return document.error(
        place,
        f"{who}: sent to receiver {receiver!r}, {what}; wanted a route to the scaler that matches {DIRECTION_LABEL}",
    )


def _is_defined(document: Document, receiver: str) -> bool:
    listed = document.value.get("receivers")
    return any(isinstance(e, dict) and e.get("name") == receiver for e in (listed if isinstance(listed, list) else []))


def _webhook_findings(document: Document, hook: Webhook) -> Iterator[Finding]:
    if not hook.is_well_addressed:
        yield document.error((*hook.place, "url"), f"url: got {hook.url!r}, wanted one that ends in {WEBHOOK_PATH}")
    if str(hook.content.get("send_resolved", "")).lower() in FALSE:
        yield document.error(
            (*hook.place, "send_resolved"),
            "send_resolved is off: the scaler would learn only by WATCHER_ALERT_EXPIRY that an alert has ended",
        )
    if str(hook.content.get("max_alerts", "0")) != "0":
        yield document.warning(
            (*hook.place, "max_alerts"),
            f"max_alerts is {hook.content['max_alerts']}: the scaler never hears of the rest",
        )


def _receiver_findings(document: Document, hook: Webhook, receiver: str) -> Iterator[Finding]:
    if hook.receiver != receiver:
        yield document.warning(
            (*hook.place[:2], "name"),
            f"name: got {hook.receiver!r}, but of Alertmanager's list the scaler takes up alerts for {receiver!r} only "
            "(ALERTMANAGER_RECEIVER), so a webhook that is lost is not made good",
        )


# --- does it arrive in time -----------------------------------------------------------------------------


def _pace_findings(document: Document, branch: Branch) -> Iterator[Finding]:
    for key, pace in PACES.items():
        text, place = _setting(branch, key)
        seconds = duration_seconds(text)
        if seconds is None:
            yield document.error(place, f"{key}: got {text!r}, wanted a duration such as 500ms or 1m")
        elif seconds > pace.slow:
            tell = document.error if seconds > pace.stalls else document.warning
            yield tell(place, f"{_named(branch, key)}: {pace.why}")


def _repeat_findings(document: Document, branch: Branch, expiry: float) -> Iterator[Finding]:
    """Alertmanager repeats at the first tick of `group_interval` after `repeat_interval`."""
    text, place = _setting(branch, "repeat_interval")
    repeat, tick = duration_seconds(text), duration_seconds(_setting(branch, "group_interval")[0])
    if repeat is None:
        yield document.error(place, f"repeat_interval: got {text!r}, wanted a duration such as 500ms or 1m")
        return
    every = math.ceil(repeat / tick) * tick if tick else repeat
    told = f"{_named(branch, 'repeat_interval')}, so the scaler hears of a firing alert every {every:g} s"
    if every >= expiry:
        yield document.error(place, f"{told} and has forgotten it by then (WATCHER_ALERT_EXPIRY is {expiry:g} s)")
    elif 2 * every > expiry:
        yield document.warning(
            place, f"{told}: one lost message, and it is forgotten (WATCHER_ALERT_EXPIRY, {expiry:g} s)"
        )


def _setting(branch: Branch, key: str) -> tuple[str, Place]:
    return branch.settings.get(key, (DEFAULTS[key], branch.place))


def _named(branch: Branch, key: str) -> str:
    if key in branch.settings:
        return f"{key} is {branch.settings[key][0]} on the way to the scaler"
    return f"{key} is not set on the way to the scaler, which makes it {DEFAULTS[key]}"


def duration_seconds(text: str) -> float | None:
    """Seconds of a Prometheus duration (`1h30m`, `500ms`, `0`), None where it is none."""
    if text == "0":
        return 0.0
    if not DURATION.fullmatch(text):
        return None
    return sum(int(number) * UNIT_SECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", text))
