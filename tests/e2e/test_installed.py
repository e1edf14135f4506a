"""Wheel and sdist, each installed into an empty environment outside the checkout, and used there as by its user."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.installing import install
from support.own import own_environment, own_name
from tools import release

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.operating import Operator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(450)]
MISSING = 5  # exit code
NOT_OURS_TO_INSTALL = ("benchmarks", "grafana", "tests", "tools")


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the sdist of this checkout."""
    return release.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def complete(artefacts: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """An operator with the sdist and all extras, and with a cluster of their own; what they start is stopped."""
    directory = tmp_path_factory.mktemp("complete")
    operator = install(artefacts[1], "all", directory)
    operator.environment |= own_environment(
        own_name("installed"),
        directory / "state",
        "process",
        WATCHER_OBJECT_STORE_MEMORY="100MB",
        WATCHER_IDLE_TIMEOUT="3600",  # no worker goes while they are looked at, however busy the machine is
    )
    yield operator
    subprocess.run(
        [operator.program, "stop-ray"], env=operator.full_environment, capture_output=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    ("extra", "brings"),
    [
        pytest.param("exporter", set(), id="exporter"),
        pytest.param("scaler", {"docker"}, id="scaler"),
    ],
)
def test_a_part_brings_what_it_needs_and_no_more(
    artefacts: tuple[Path, Path], tmp_path: Path, extra: str, brings: set[str]
) -> None:
    operator = install(artefacts[0], extra, tmp_path)

    assert importable(operator, "docker", "ray", *NOT_OURS_TO_INSTALL) == brings
    program = extra or "exporter"
    assert operator.python("-m", program, "--help").stdout.startswith(f"usage: python -m {program}")


def importable(operator: Operator, *packages: str) -> set[str]:
    """Which of the packages their environment has."""
    code = f"import json, importlib.util as u; print(json.dumps([p for p in {packages} if u.find_spec(p)]))"
    return set(json.loads(operator.python("-c", code).stdout))


def test_a_plain_installation_works_and_names_what_workers_need(artefacts: tuple[Path, Path], tmp_path: Path) -> None:
    operator = install(artefacts[0], "", tmp_path)
    operator.environment |= own_environment(own_name("plain"), tmp_path / "state")

    assert "RayPendingTasks" in operator.says("check-config")
    for provider, extra in (("process", "ray"), ("docker", "scaler")):
        refused = operator.run("start-ray", "--provider", provider, exit_code=MISSING)
        assert f"ray-watcher[{extra}] @ {artefacts[0].as_uri()}" in refused.stderr


@pytest.mark.full  # the same program as in test_demo.py; what is installed is used by test_guide.py
def test_the_demo_runs_the_whole_loop(complete: Operator) -> None:
    shown = complete.says("demo")

    assert "12 of 12" in shown
    assert "all removed" in shown
