"""Undo what Ray's dashboard does to names: it writes every JSON key in camel case, resource names included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray_watcher_common.state import HEAD_RESOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable

WELL_KNOWN = ("object_store_memory", HEAD_RESOURCE)


def camel_case(name: str) -> str:
    """`object_store_memory` → `objectStoreMemory`, as `ray.dashboard.utils.to_camel_case` does it."""
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


class Names:
    """The real names behind camel-cased ones, given every name that may occur."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._originals = {camel_case(name): name for name in (*WELL_KNOWN, *names)}

    def original(self, name: str) -> str:
        """The real name; one never seen is taken as it is."""
        return self._originals.get(name, name)
