"""What scripts/in_container.py takes from the checkout, without a container."""

from __future__ import annotations

import importlib.util
import re
import sys
from typing import TYPE_CHECKING

import pytest

from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


def script(name: str) -> ModuleType:
    """The script as a module; no byte code is written beside it."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_requirement_has_a_version_in_the_lock_file_and_keeps_its_marker() -> None:
    container = script("in_container")
    locked = container.LOCKED.findall((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    names = {re.split(r"[=<>\[ ]", one)[0].replace("_", "-").lower() for one in locked}

    assert {re.split(r"[=<>\[ ]", one)[0].lower() for one in container.requirements()} <= names
    assert any("python_full_version" in one for one in locked)


def test_a_container_of_another_program_is_not_taken_for_the_watchers() -> None:
    assert not script("in_container").is_main()


def test_nothing_is_written_into_the_checkout() -> None:
    environment = script("in_container").environment_here()

    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert environment["PYTHONPATH"].startswith(str(ROOT))


@pytest.mark.parametrize(
    ("shebang", "runs"),
    [
        pytest.param(f"#!{sys.executable}", True, id="its Python is here"),
        pytest.param("#!/another/machine/python", False, id="it was made elsewhere"),
    ],
)
def test_an_environment_of_another_machine_is_not_used(tmp_path: Path, shebang: str, *, runs: bool) -> None:
    program = tmp_path / "ray-watcher"
    program.write_text(f"{shebang}\nprint()\n", encoding="utf-8")

    assert script("infra").runs(program) is runs
