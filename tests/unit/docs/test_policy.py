"""docs/policy.md says what the policy file's keys are, and its example works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ray_watcher.checks.route import PACES
from ray_watcher_common import yaml_lines
from scaler.config import policy_file
from scaler.config.policy_schema import (
    INHERITED_BY_TYPES,
    INHERITED_LIMITS,
    LimitsEntry,
    PolicyEntry,
    WorkerTypeEntry,
)
from scaler.config.settings import ScalerSettings
from support import rules_data
from support.check_config_golden import default_settings

if TYPE_CHECKING:
    from pydantic import BaseModel

PAGE = (Path(rules_data.ROOT) / "docs" / "policy.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)


def variable(field: str) -> str:
    return f"`{ScalerSettings.model_fields[field].validation_alias}`"


def default_of(model: type[BaseModel], key: str, inherited: dict[str, str]) -> str:
    field = model.model_fields[key]
    if key in inherited:
        return variable(inherited[key])
    if field.is_required():
        return "required: 1" if key == "version" else "required"
    if model is WorkerTypeEntry and key == "max_workers":
        return "`limits.max_workers`"
    return str(field.default) if isinstance(field.default, int) else "none"


@pytest.mark.parametrize(
    ("heading", "model", "inherited"),
    [
        pytest.param("The file", PolicyEntry, {}, id="the file"),
        pytest.param("`limits`", LimitsEntry, INHERITED_LIMITS, id="limits"),
        pytest.param("`worker_types`", WorkerTypeEntry, INHERITED_BY_TYPES, id="worker types"),
    ],
)
def test_every_key_has_a_row_with_its_default_and_meaning(
    heading: str, model: type[BaseModel], inherited: dict[str, str]
) -> None:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]

    assert ROW.findall(section) == [
        (key, default_of(model, key, inherited), field.description) for key, field in model.model_fields.items()
    ]


def test_the_example_is_a_policy_without_a_mistake_for_cpus_and_gpus() -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)

    policy, findings = policy_file.check(yaml_lines.parse(example, "policy.md"), default_settings())

    assert findings == ()
    assert policy is not None
    assert [(kind.name, kind.num_gpus) for kind in policy.worker_types] == [("cpu", 0.0), ("gpu", 1.0)]


@pytest.mark.parametrize("key", PACES)
def test_the_page_says_when_a_route_is_too_slow(key: str) -> None:
    pace = PACES[key]
    assert f"| `{key}` | above {pace.slow:g} s | above {pace.stalls:g} s |" in PAGE
