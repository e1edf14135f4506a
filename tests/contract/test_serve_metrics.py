"""Metrics of Ray Serve that the documents name are those that the installed Ray serves."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("router.py", "autoscaling_state.py", "deployment_state.py")
NAMED = re.findall(r"^\| `ray_(serve_\w+)` \|", (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_example_rule_reads_a_metric_of_the_page() -> None:
    rules = (ROOT / "examples" / "serve_rules.yml").read_text(encoding="utf-8")

    assert set(re.findall(r"\bray_(serve_\w+)", rules)) <= set(NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_ray_serves_the_metric(name: str) -> None:
    ray = find_spec("ray")
    assert ray is not None
    assert ray.origin is not None
    directory = Path(ray.origin).parent / "serve" / "_private"

    assert any(f'"{name}",' in (directory / source).read_text(encoding="utf-8") for source in SOURCES)
