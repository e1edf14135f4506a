"""The image of head and workers is built from the Dockerfile that ships, unless the engine has it."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, cast

import pytest

from ray_watcher.images import build
from scaler.config.settings import ScalerSettings
from support.fake_images import FakeImages

if TYPE_CHECKING:
    from scaler.providers.engine import Engine

VERSION = metadata.version("ray")


def built(engine: FakeImages, tag: str | None = None, base: str | None = None) -> tuple[str, list[str]]:
    """The image's tag, and the progress that was shown."""
    shown: list[str] = []
    return build.build_ray_image(cast("Engine", engine), shown.append, tag=tag, base=base), shown


def test_a_build_has_the_version_of_ray_that_is_installed_here() -> None:
    engine = FakeImages()
    tag, shown = built(engine)

    assert tag == f"ray-watcher/ray:{VERSION}"
    assert engine.builds == [{"RAY_VERSION": VERSION}]
    assert shown[1:] == ["Step 1/8 of context/Dockerfile"]


def test_an_image_that_was_built_with_this_ray_is_not_built_again() -> None:
    engine = FakeImages()
    built(engine)

    assert built(engine)[0] == f"ray-watcher/ray:{VERSION}"
    assert len(engine.builds) == 1


@pytest.mark.parametrize(
    ("here", "base"),
    [
        pytest.param({"mine:1": {build.INSTALLED_LABEL: "ray[serve]==1.0"}}, None, id="of another Ray"),
        pytest.param({"mine:1": {}}, None, id="of someone else"),
        pytest.param({"mine:1": {build.INSTALLED_LABEL: f"ray[serve]=={VERSION}"}}, "debian:13", id="on another base"),
    ],
)
def test_another_image_of_the_name_is_replaced(here: dict[str, dict[str, str]], base: str | None) -> None:
    engine = FakeImages(here=dict(here))

    assert built(engine, "mine:1", base)[0] == "mine:1"
    assert [one.get("BASE") for one in engine.builds] == [base]


def test_without_ray_here_its_version_is_that_of_the_default_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)

    assert f":{build.ray_version()}-" in ScalerSettings.model_fields["image"].default


def test_the_dockerfile_is_where_it_is_looked_for() -> None:
    assert (build.DOCKERFILE_DIRECTORY / "Dockerfile").is_file()
