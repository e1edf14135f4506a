"""The routes that Alertmanager selects for an alert. Pure.

https://prometheus.io/docs/alerting/latest/configuration/#route: the first child that matches takes the alert
(the next ones too, with `continue`), and if none does, the route itself. A route inherits what it does not set.
Before an alert fires only the labels of its rule are known, so the answer may be "perhaps" (None).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray_watcher.checks.matchers import Matcher, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ray_watcher.checks.rules import ScalingAlert
    from ray_watcher_common.documents.yaml_models import Place

TRUE = frozenset({"true", "yes", "on", "y"})  # spellings of YAML 1.1 and of its Go parser
INHERITED = ("receiver", "group_wait", "group_interval", "repeat_interval")
INTERVALS = ("mute_time_intervals", "active_time_intervals")  # of a route alone: its children do not inherit them


@dataclass(frozen=True)
class Branch:
    """A route that takes an alert: its place, and the text and place of each setting."""

    place: Place
    settings: Mapping[str, tuple[str, Place]]
    intervals: tuple[tuple[Place, tuple[str, ...]], ...] = ()  # where and which time intervals mute it

    @property
    def receiver(self) -> str:
        """The receiver's name; "" if no route sets one."""
        return self.settings.get("receiver", ("", ()))[0]


def destinations(route: Mapping[str, Any], alert: ScalingAlert) -> tuple[Branch, ...]:
    """The routes that take the alert, or may take it."""
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
        yield Branch(place, settings, tuple(_intervals(route, place)))


def _intervals(route: Mapping[str, Any], place: Place) -> Iterator[tuple[Place, tuple[str, ...]]]:
    for key in INTERVALS:
        if isinstance(listed := route.get(key), list) and listed:
            yield (*place, key), tuple(map(str, listed))


def children(route: Mapping[str, Any], place: Place) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """The child routes of a route, each with its place."""
    listed = route.get("routes")
    for number, child in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(child, dict):
            yield (*place, "routes", number), child


def matches(route: Mapping[str, Any], alert: ScalingAlert) -> bool | None:
    """Whether the alert matches all matchers of the route; None if that is unknown until it fires."""
    return all_match(matchers_of(route), alert)


def all_match(matchers: Iterable[Matcher | None], alert: ScalingAlert) -> bool | None:
    """Whether the alert matches each one; None if that shows only when it fires, or one cannot be read."""
    answers = [None if matcher is None else _matches(matcher, alert) for matcher in matchers]
    if False in answers:
        return False
    return None if None in answers else True


def matchers_of(content: Mapping[str, Any], prefix: str = "") -> Iterator[Matcher | None]:
    """The matchers of a route, or with a `prefix` of an inhibit rule, old spellings included; None: unreadable."""
    for key, operator in (("match", "="), ("match_re", "=~")):
        listed = content.get(f"{prefix}{key}")
        for label, value in mapping(listed).items():
            yield Matcher(str(label), operator, str(value))
    listed = content.get(f"{prefix}matchers")
    for text in listed if isinstance(listed, list) else []:
        matchers = parse(str(text))
        yield from (None,) if matchers is None else matchers


def mapping(value: Any) -> Mapping[str, Any]:
    """The keys and values of a part of a file, none if it is anything else."""
    return value if isinstance(value, dict) else {}


def _matches(matcher: Matcher, alert: ScalingAlert) -> bool | None:
    if matcher.label not in alert.labels and (alert.possible is None or matcher.label in alert.possible):
        return None
    return matcher.holds(alert.labels)
