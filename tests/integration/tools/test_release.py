"""What a wheel and an sdist hold, built as `make release` builds them."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from support.paths import ROOT
from tools import release

if TYPE_CHECKING:
    from pathlib import Path


of_git = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="compares with the files that git has")


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return release.build(tmp_path_factory.mktemp("dist"))


@of_git
def test_the_wheel_has_the_packages_and_what_they_read_and_the_sdist_has_everything(
    artefacts: tuple[Path, Path],
) -> None:
    release.require_contents(*artefacts)


@of_git
def test_a_file_too_many_or_too_few_is_named(artefacts: tuple[Path, Path], tmp_path: Path) -> None:
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tests/test_x.py", "")

    with pytest.raises(
        release.ReleaseError, match=r"missing .*scaler/reconciler\.py.*not expected \['tests/test_x\.py'\]"
    ):
        release.require_contents(wheel, artefacts[1])


def test_the_wheel_installs_four_packages_and_no_other(artefacts: tuple[Path, Path]) -> None:
    assert {name.partition("/")[0] for name in release.in_wheel(artefacts[0])} == set(release.PACKAGES)


def test_each_package_says_that_it_has_types(artefacts: tuple[Path, Path]) -> None:
    assert {f"{package}/py.typed" for package in release.PACKAGES} <= release.in_wheel(artefacts[0])
