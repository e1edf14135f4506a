"""Amounts of Ray's resources, as a hashable value and as text."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GIGABYTE = 1e9
SHOWN_AS_BYTES_BELOW = 0.1 * GIGABYTE
_GROUP_RESOURCE = re.compile(r"_group_(\d+_)?([0-9a-f]{36})$")  # a `PlacementGroupID` has 18 bytes

ResourceBundle = tuple[tuple[str, float], ...]
"""Resources by name, sorted: hashable, so that equal shapes compare equal. CPU and GPU are units, memory is bytes."""


def bundle(resources: Mapping[str, float]) -> ResourceBundle:
    """The bundle of `resources`, without zero amounts."""
    return tuple(sorted((name, float(amount)) for name, amount in resources.items() if amount))


def shape_text(shape: ResourceBundle) -> str:
    """A shape as people write it: `CPU:1,GPU:0.5,memory:2GB`; `nothing` for the empty one.

    Metric labels, logs, `explain` and `plan` all use this text, so that one can be searched for in the others.
    """
    return ",".join(f"{name}:{_amount_text(name, amount)}" for name, amount in shape) or "nothing"


def _amount_text(name: str, amount: float) -> str:
    if name.endswith("memory") and amount >= SHOWN_AS_BYTES_BELOW:
        return f"{float(f'{amount / GIGABYTE:.3g}'):g}GB"
    return f"{amount:g}"


@lru_cache(maxsize=4096)
def in_placement_group(resource: str) -> bool:
    """Whether `resource` is Ray's name for a share of a placement group, `CPU_group_0_<id>` or `CPU_group_<id>`.

    The group has already reserved that room on its node, so it adds no capacity, and a request for it is no demand for
    more nodes.
    """
    return _GROUP_RESOURCE.search(resource) is not None


def placement_groups(resources: Iterable[str]) -> tuple[str, ...]:
    """Ids of the placement groups that have a share among a node's `resources`, sorted."""
    found = (_GROUP_RESOURCE.search(name) for name in resources if in_placement_group(name))
    return tuple(sorted({match[2] for match in found if match}))
