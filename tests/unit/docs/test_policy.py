"""The example of docs/policy.md works, and its figures are the code's; `test_golden` checks its tables of keys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ray_watcher.checks.route import PACES
from ray_watcher_common.documents import yaml_lines
from ray_watcher_common.documents.thresholds import ThresholdsEntry
from scaler.config import policy_file
from scaler.config.schedule_schema import ScheduleEntry
from support import rules_data
from support.check_config_golden import default_settings

if TYPE_CHECKING:
    from pydantic import BaseModel

PAGE = (Path(rules_data.ROOT) / "docs" / "policy.md").read_text(encoding="utf-8")


EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_page_has_an_example_of_types_and_one_of_schedules() -> None:
    assert ["schedules:" in example for example in EXAMPLES] == [False, True]


@pytest.mark.parametrize("example", EXAMPLES, ids=["types", "schedules"])
def test_the_examples_are_policies_without_a_mistake_for_cpus_and_gpus(example: str) -> None:
    policy, findings = policy_file.check(yaml_lines.parse(example, "policy.md"), default_settings())

    assert findings == ()
    assert policy is not None
    assert [(kind.name, kind.num_gpus) for kind in policy.worker_types] == [("cpu", 0.0), ("gpu", 1.0)]


@pytest.mark.parametrize("entry", [ScheduleEntry, ThresholdsEntry], ids=["schedules", "thresholds"])
def test_the_page_has_every_key_with_its_meaning(entry: type[BaseModel]) -> None:
    for key, field in entry.model_fields.items():
        assert re.search(rf"^\| `{key}` \| .* \| {re.escape(str(field.description))}", PAGE, re.MULTILINE), key


@pytest.mark.parametrize("key", PACES)
def test_the_page_says_when_a_route_is_too_slow(key: str) -> None:
    pace = PACES[key]
    assert f"| `{key}` | above {pace.slow:g} s | above {pace.stalls:g} s |" in PAGE
