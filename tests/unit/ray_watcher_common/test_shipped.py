"""Where the rules, configuration, dashboards and runbooks are: in a checkout, in an installed wheel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ray_watcher_common.shipped import checkout, shipped_path
from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["prometheus/rules", "prometheus/prometheus.yml", "grafana/dashboards", "docs/runbooks"]


@pytest.mark.parametrize("name", NAMES)
def test_in_a_checkout_they_are_at_their_places(name: str) -> None:
    assert checkout() == ROOT
    assert shipped_path(name) == ROOT / name
    assert shipped_path(name).exists()


def test_in_an_installed_wheel_they_are_package_data(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "ray_watcher_common"

    assert checkout(package) is None
    assert shipped_path("prometheus/rules", package) == package / "data" / "prometheus" / "rules"
