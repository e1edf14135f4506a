"""The keys of the policy file: those that the model declares, and how YAML writes them.

docs/policy.md shows them; a test holds the two together.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ByteSize, ConfigDict, Field, ValidationInfo, create_model

from ray_watcher_common.documents.thresholds import ThresholdsEntry
from scaler.config import keys
from scaler.model.cluster import LARGEST_AMOUNT

# Ray's labels follow Kubernetes' (ray._private.label_utils): a name, with a domain before it if need be.
LABEL_WORD = r"[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?"
LABEL_KEY = re.compile(rf"([a-zA-Z0-9][a-zA-Z0-9.-]{{0,251}}/)?{LABEL_WORD}")
LABEL_VALUE = re.compile(rf"({LABEL_WORD})?")
CONSTRAINT = re.compile(r"(node|engine)\.[\w.-]+\s*[!=]=\s*\S+")  # as Swarm reads it
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


def _constraint(text: str) -> str:
    if not CONSTRAINT.fullmatch(text):
        raise ValueError("a constraint of Swarm, for example node.labels.gpu==a100 or node.hostname!=h1")
    return text


class Entry(BaseModel):
    """Part of the file: an unknown key is a mistake, and so is `yes` for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _not_below_min(most: int | None, info: ValidationInfo) -> int | None:
    fewest = info.data.get("min_workers")  # declared before; absent if it is itself a mistake
    if most is not None and fewest is not None and most < fewest:
        raise ValueError(f"at least min_workers ({fewest})")
    return most


not_below = AfterValidator(_not_below_min)
LimitsEntry: type[Entry] = create_model(
    "LimitsEntry",
    __base__=Entry,
    __doc__="The whole pool; what is left out comes from the environment.",
    **keys.of_limits({"max_workers": Annotated[int | None, not_below]}),
)
WorkerTypeEntry: type[Entry] = create_model(
    "WorkerTypeEntry",
    __base__=Entry,
    __doc__="One worker type.",
    **keys.of_worker_type(
        {
            "name": Annotated[str, Field(pattern=rf"^{LABEL_WORD}$")],
            "num_cpus": int,
            "num_gpus": int,
            "memory": ByteSize | None,
            "object_store_memory": ByteSize | None,
            "image": Annotated[str, Field(min_length=1)] | None,
            "max_workers": Annotated[int | None, not_below],
        }
    ),
    resources=(
        dict[Annotated[str, AfterValidator(_resource)], Annotated[int, Field(gt=0, le=LARGEST_AMOUNT)]],
        Field(default_factory=dict, description="custom resources per worker, whole amounts by name"),
    ),
    labels=(
        dict[Annotated[str, AfterValidator(_label_key)], Annotated[str, AfterValidator(_label_value)]],
        Field(default_factory=dict, description="Ray labels of its nodes, for label selectors"),
    ),
    placement=(
        list[Annotated[str, AfterValidator(_constraint)]],
        Field(
            default_factory=list,
            description="constraints on its hosts (provider swarm), all of which must be met; node.labels.gpu==a100",
        ),
    ),
)


class PolicyEntry(Entry):
    """The file; `limits` and `worker_types` are looked at part by part, so that no mistake hides another."""

    KEYS_ELSEWHERE: ClassVar[dict[str, str]] = {
        **dict.fromkeys(ThresholdsEntry.model_fields, "`thresholds`"),
        **dict.fromkeys(WorkerTypeEntry.model_fields, "an entry of `worker_types`"),
        **dict.fromkeys(LimitsEntry.model_fields, "`limits`"),
    }
    version: Literal[1] = Field(description="version of this format")
    limits: dict[str, object] | None = Field(default=None, description="limits and cooldowns of the whole pool")
    worker_types: list[object] = Field(min_length=1, description="types of workers that may be launched")
    thresholds: dict[str, object] | None = Field(
        default=None, description="thresholds of the shipped alerts, which the exporter publishes"
    )
    schedules: list[object] = Field(default_factory=list, description="other limits at certain times")
