"""The keys of the policy file: names, types, defaults and what each one means.

docs/policy.md shows them; a test holds the two together.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ByteSize, ConfigDict, Field, ValidationInfo, create_model

from scaler.config import limits

SMALLEST_OBJECT_STORE = 75 * 1024 * 1024  # bytes; Ray refuses less (OBJECT_STORE_MINIMUM_MEMORY_BYTES)
LARGEST_AMOUNT = 100_000_000_000_000  # of any resource (ray_constants.MAX_RESOURCE_QUANTITY)

# Ray's labels follow Kubernetes' (ray._private.label_utils): a name, with a domain before it if need be.
LABEL_WORD = r"[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?"
LABEL_KEY = re.compile(rf"([a-zA-Z0-9][a-zA-Z0-9.-]{{0,251}}/)?{LABEL_WORD}")
LABEL_VALUE = re.compile(rf"({LABEL_WORD})?")
RAYS_LABELS = frozenset({"ray.io/node-id", "ray.io/node-group"})
RAYS_RESOURCES = {
    "CPU": "num_cpus",
    "GPU": "num_gpus",
    "memory": "memory",
    "object_store_memory": "object_store_memory",
}


def _resource(name: str) -> str:
    if name in RAYS_RESOURCES:
        raise ValueError(f"a name of your own; for {name} the worker type has the key {RAYS_RESOURCES[name]}")
    if not name or name.startswith("node:"):
        raise ValueError("a name of your own: Ray makes node:... itself")
    return name


def _label_key(key: str) -> str:
    if key in RAYS_LABELS:
        raise ValueError("a label of your own: Ray sets this one itself")
    if not LABEL_KEY.fullmatch(key):
        raise ValueError("letters, digits, - _ and . (at most 63), with a domain and / before it if need be")
    return key


def _label_value(value: str) -> str:
    if not LABEL_VALUE.fullmatch(value):
        raise ValueError("at most 63 letters, digits, - _ and ., beginning and ending with a letter or digit")
    return value


class Entry(BaseModel):
    """Part of the file: an unknown key is a mistake, and so is `yes` for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _not_below_min(most: int | None, info: ValidationInfo) -> int | None:
    fewest = info.data.get("min_workers")  # declared before; absent if it is itself a mistake
    if most is not None and fewest is not None and most < fewest:
        raise ValueError(f"at least min_workers ({fewest})")
    return most


_KEYS = limits.as_keys()
_MOST, _MOST_FIELD = _KEYS["max_workers"]
LimitsEntry: type[Entry] = create_model(
    "LimitsEntry",
    __base__=Entry,
    __doc__="The whole pool; what is left out comes from the environment.",
    **{**_KEYS, "max_workers": (Annotated[_MOST, AfterValidator(_not_below_min)], _MOST_FIELD)},
)


class WorkerTypeEntry(Entry):
    """One worker type."""

    name: str = Field(
        pattern=rf"^{LABEL_WORD}$", description="its name, as in the alert label worker_type; letters, digits, - _ ."
    )
    num_cpus: int = Field(default=1, ge=0, le=LARGEST_AMOUNT, description="CPUs per worker; Ray takes whole ones only")
    num_gpus: int = Field(default=0, ge=0, le=LARGEST_AMOUNT, description="GPUs per worker; Ray takes whole ones only")
    memory: ByteSize | None = Field(
        default=None, gt=0, description="memory per worker, for example 8GB; without it Ray decides"
    )
    object_store_memory: ByteSize | None = Field(
        default=None, ge=SMALLEST_OBJECT_STORE, description="object store memory per worker, for example 1GB"
    )
    resources: dict[Annotated[str, AfterValidator(_resource)], Annotated[int, Field(gt=0, le=LARGEST_AMOUNT)]] = Field(
        default_factory=dict, description="custom resources per worker, whole amounts by name"
    )
    labels: dict[Annotated[str, AfterValidator(_label_key)], Annotated[str, AfterValidator(_label_value)]] = Field(
        default_factory=dict, description="Ray labels of its nodes, for label selectors"
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        description="image of its containers (provider docker), with the same Ray as the head; without it RAY_IMAGE",
    )
    min_workers: int = Field(default=0, ge=0, description="minimum number of workers of this type")
    max_workers: Annotated[int | None, AfterValidator(_not_below_min)] = Field(
        default=None, ge=0, description="maximum number of workers of this type"
    )
    idle_timeout: float | None = Field(
        default=None, ge=0, description="idle seconds after which a worker of this type may be drained"
    )
    priority: int = Field(default=0, description="the higher one is preferred if all else is equal")
    max_launches: int | None = Field(
        default=None, ge=1, description="maximum number of launches in progress at once; without it no limit"
    )
    warm_workers: int = Field(
        default=0, ge=0, description="number of prepared workers of this type, which join at once when needed"
    )


class PolicyEntry(Entry):
    """The file; `limits` and `worker_types` are looked at part by part, so that no mistake hides another."""

    version: Literal[1] = Field(description="version of this format")
    limits: dict[str, object] | None = Field(default=None, description="limits and cooldowns of the whole pool")
    worker_types: list[object] = Field(min_length=1, description="types of workers that may be launched")


INHERITED_BY_TYPES = {"object_store_memory": "object_store_memory", "idle_timeout": "idle_timeout"}
"""For keys of a worker type the settings field that applies if the key is left out; `max_workers`: that of `limits`."""
