"""The example of docs/policy.md works, and its figures are the code's; `test_golden` checks its tables of keys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ray_watcher.checks.route import PACES
from ray_watcher_common.documents import yaml_lines
from scaler.config import policy_file
from support import rules_data
from support.check_config_golden import default_settings

PAGE = (Path(rules_data.ROOT) / "docs" / "policy.md").read_text(encoding="utf-8")


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
