"""What differs between two policies, in lines for people. Pure: standard library only."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scaler.model.policy import Policy

NAMED = ("worker_types", "schedules")
"""Fields that are lists of values with a name."""


def differences(old: Policy, new: Policy) -> tuple[str, ...]:
    """One line for each difference, `max_workers: 5 -> 8`; none if the policies are the same."""
    plain = [field.name for field in fields(old) if field.name not in (*NAMED, "thresholds", "scheduled")]
    found = [*_changed("", {name: (getattr(old, name), getattr(new, name)) for name in plain})]
    before, after = dict(old.thresholds), dict(new.thresholds)
    found += _changed("thresholds.", {name: (before.get(name), after.get(name)) for name in {**before, **after}})
    for called in NAMED:
        found += _of_named(called, _by_name(getattr(old, called)), _by_name(getattr(new, called)))
    return tuple(found)


def _by_name(values: tuple[Any, ...]) -> dict[str, Any]:
    return {value.name: value for value in values}


def _of_named(called: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(old.keys() - new.keys()):
        note = "; its workers are drained when they are idle" if called == "worker_types" else ""
        yield f"{called}.{name}: removed{note}"
    for name in sorted(new.keys() - old.keys()):
        yield f"{called}.{name}: added"
    for name in (name for name in new if name in old):
        pairs = {one.name: (getattr(old[name], one.name), getattr(new[name], one.name)) for one in fields(new[name])}
        yield from _changed(f"{called}.{name}.", pairs)
    kept = [name for name in new if name in old]
    if kept != [name for name in old if name in new]:
        yield f"{called}: new order {', '.join(new)}"


def _changed(prefix: str, pairs: Mapping[str, tuple[Any, Any]]) -> Iterator[str]:
    for name, (before, after) in pairs.items():
        if before != after:
            yield f"{prefix}{name}: {_text(before)} -> {_text(after)}"


def _text(value: Any) -> str:
    if value is None or value == ():
        return "unset"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join("=".join(map(_text, one)) if isinstance(one, tuple) else _text(one) for one in value)
    return str(value)
