"""Where Alertmanager sends an alert, by its tree of routes. Pure.

https://prometheus.io/docs/alerting/latest/configuration/#route: the first child that matches takes the alert
(the next ones too, with `continue`), and where none does, the route itself. What a route does not say it has from
the one around it. Of an alert only the rule's labels are known before it fires, so a matcher may say "perhaps".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ray_watcher.checks.rules import ScalingAlert
    from ray_watcher_common.yaml_models import Place

MATCHER = re.compile(r"""\s*"?(\w+)"?\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^,"'}]*?))\s*(?:,|$)""")
TRUE = frozenset({"true", "yes", "on", "y"})  # how YAML 1.1, and Go's reader of it, spell it
INHERITED = ("receiver", "group_wait", "group_interval", "repeat_interval")


@dataclass(frozen=True)
class Branch:
    """A route that an alert ends at: its place, and for each setting the text with the place where it stands."""

    place: Place
    settings: Mapping[str, tuple[str, Place]]

    @property
    def receiver(self) -> str:
        """The name of who is told; "" where no route names anyone."""
        return self.settings.get("receiver", ("", ()))[0]


def destinations(route: Mapping[str, Any], alert: ScalingAlert) -> tuple[Branch, ...]:
    """The routes at which the alert ends, or may end."""
    return tuple(_ends(route, ("route",), {}, alert))


def _ends(
    route: Mapping[str, Any], place: Place, around: Mapping[str, tuple[str, Place]], alert: ScalingAlert
) -> Iterator[Branch]:
    own = {key: (str(route[key]), (*place, key)) for key in INHERITED if route.get(key) not in (None, "")}
    settings = {**around, **own}
    taken = False
    for child_place, child in children(route, place):
        answer = matches(child, alert)
        if answer is False:
            continue
        yield from _ends(child, child_place, settings, alert)
        taken = taken or answer is True
        if answer is True and str(child.get("continue", "")).lower() not in TRUE:
            break
    if not taken:
        yield Branch(place, settings)


def children(route: Mapping[str, Any], place: Place) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """The routes inside a route, each with its place."""
    listed = route.get("routes")
    for number, child in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(child, dict):
            yield (*place, "routes", number), child


def matches(route: Mapping[str, Any], alert: ScalingAlert) -> bool | None:
    """Whether the alert matches all of the route's matchers; None where that shows only when it fires."""
    answers = [_matches(*matcher, alert) for matcher in _matchers(route)]
    if False in answers:
        return False
    return None if None in answers else True


def _matchers(route: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Label, operator and value of each matcher, the old spellings `match` and `match_re` included."""
    for key, operator in (("match", "="), ("match_re", "=~")):
        listed = route.get(key)
        yield from ((str(k), operator, str(v)) for k, v in (listed if isinstance(listed, dict) else {}).items())
    listed = route.get("matchers")
    for text in listed if isinstance(listed, list) else []:
        for label, operator, *values in MATCHER.findall(str(text).strip().removeprefix("{").removesuffix("}")):
            yield label, operator, next(filter(None, values), "")


def _matches(label: str, operator: str, value: str, alert: ScalingAlert) -> bool | None:
    if label not in alert.labels and (alert.possible is None or label in alert.possible):
        return None
    actual = alert.labels.get(label, "")
    if operator in ("=", "!="):
        return (actual == value) is (operator == "=")
    try:
        return bool(re.fullmatch(value, actual)) is (operator == "=~")
    except re.error:
        return None  # Go's expressions differ in corners; amtool tells what is none
