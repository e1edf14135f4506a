"""ARCHITECTURE.md and its picture show the packages that exist."""

from __future__ import annotations

import re

import pytest

from support.paths import ROOT

PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
PICTURE = (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8")
MOST_LINES = 80


def packages(program: str) -> set[str]:
    """The packages right below a program's."""
    return {path.parent.name for path in (ROOT / program).glob("*/__init__.py")}


def test_the_page_stays_one_page() -> None:
    assert len(PAGE.splitlines()) <= MOST_LINES


def test_the_picture_has_every_package_of_the_scaler_and_its_loop() -> None:
    drawn = re.findall(r'class="name"[^>]*>(\w+)<', PICTURE)

    assert sorted(drawn) == sorted({*packages("scaler"), "reconciler"})


@pytest.mark.parametrize("package", sorted(packages("scaler")))
def test_the_tree_has_every_package_of_the_scaler(package: str) -> None:
    assert f"| `scaler/{package}/` |" in PAGE


@pytest.mark.parametrize("package", sorted(packages("ray_watcher")))
def test_the_tree_has_every_package_of_the_command_line(package: str) -> None:
    [row] = re.findall(r"^\| `ray_watcher/` \|.*$", PAGE, re.MULTILINE)

    assert f"`{package}`" in row


def test_paths_in_the_page_exist() -> None:
    paths = re.findall(r"`([a-z_]+/[\w/.]*|[\w-]+\.(?:toml|yml|md))`", PAGE)

    assert len(paths) > len(packages("scaler"))
    assert [path for path in paths if not (ROOT / path).exists()] == []
