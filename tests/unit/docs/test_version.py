"""The version stands in pyproject.toml; what repeats it says the same."""

from __future__ import annotations

import re
from importlib import metadata

import pytest

from scaler.config.settings import ScalerSettings
from support.paths import ROOT

PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
TAGGED = ["docker-compose.yml", ".env.example", "deploy/exporter.Dockerfile", "deploy/scaler.Dockerfile"]


def of_pyproject(pattern: str) -> str:
    found = re.search(pattern, PYPROJECT, re.MULTILINE)
    assert found
    return found[1]


VERSION = of_pyproject(r'^version = "(.+)"$')


def test_the_installed_version_is_that_of_the_checkout() -> None:
    assert metadata.version("ray-watcher") == VERSION


@pytest.mark.parametrize("file", TAGGED)
def test_our_images_have_it_as_their_tag(file: str) -> None:
    tags = re.findall(r"ray-watcher/(?:exporter|scaler):(\d[\w.]*\w)", (ROOT / file).read_text(encoding="utf-8"))

    assert set(tags) == {VERSION}


def test_the_newest_release_of_the_changelog_has_it_and_a_date() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    released = re.findall(r"^## \[(\d.*)\] - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    assert released[0] == VERSION


def test_the_default_image_and_the_extra_have_one_ray() -> None:
    ray = of_pyproject(r'"ray\[serve\]==([\d.]+)"')

    assert f":{ray}-" in ScalerSettings.model_fields["image"].default
    assert {ray} == set(re.findall(r"rayproject/ray:([\d.]+)-", (ROOT / "docker-compose.yml").read_text("utf-8")))
