"""The file of variables that Docker Compose reads, with some of them set. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LINE = re.compile(r"(?P<hash>#\s*)?(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)")


def value(text: str, name: str) -> str | None:
    """What the file sets `name` to; None if it does not. The last line counts, as with Compose."""
    lines = map(_LINE.fullmatch, text.splitlines())
    found = [line["value"] for line in lines if line and not line["hash"] and line["name"] == name]
    return found[-1].strip() if found else None


def with_values(text: str, values: Mapping[str, str]) -> str:
    """`text` with `values` set, each in one line: where it was set, or in place of its comment, or at the end."""
    places = {name: _place(text, name) for name in values}
    kept = list[str]()
    for number, line in enumerate(text.splitlines()):
        found = _LINE.fullmatch(line)
        name = found["name"] if found else ""
        if number == places.get(name):
            kept.append(f"{name}={values[name]}")
        elif not (found and name in values and not found["hash"]):
            kept.append(line)
    kept += [f"{name}={values[name]}" for name, place in places.items() if place is None]
    return "\n".join(kept) + "\n"


def _place(text: str, name: str) -> int | None:
    """The number of the line that sets `name`, else of a comment that shows how; None if there is neither."""
    lines = [(number, _LINE.fullmatch(line)) for number, line in enumerate(text.splitlines())]
    named = [(number, bool(line["hash"])) for number, line in lines if line and line["name"] == name]
    return min(named, key=lambda place: (place[1], place[0]))[0] if named else None
