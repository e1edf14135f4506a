"""The image of head and workers, before it is needed: the engine has it, a registry has it, or it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from ray_watcher.errors import MissingError, WatcherError
from ray_watcher.images import provide
from ray_watcher.images.build import default_tag
from scaler.model.errors import ProviderUnavailableError
from support.fake_images import FakeImages

if TYPE_CHECKING:
    from pathlib import Path

    from scaler.providers.engine import Engine

RAYS_OWN = "rayproject/ray:1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout whose tools build the image `ours:1`."""
    _write_tools(tmp_path, "print('building'); print('ours:1')")
    return tmp_path


@pytest.fixture(autouse=True)
def _in_a_checkout(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provide, "checkout", lambda: root)


def _write_tools(root: Path, code: str) -> None:
    package = root / "tools" / "images"
    package.mkdir(parents=True, exist_ok=True)
    for path, text in {"../__init__.py": "", "__init__.py": "", "__main__.py": code}.items():
        (package / path).write_text(text, encoding="utf-8")


def provided(engine: FakeImages, *, chosen: bool = False) -> tuple[str, list[str]]:
    """The image, and the progress that was shown meanwhile."""
    shown: list[str] = []
    return provide.provide_image(RAYS_OWN, shown.append, cast("Engine", engine), chosen=chosen), shown


@pytest.mark.parametrize("image", [RAYS_OWN, default_tag()])
def test_an_image_that_the_engine_has_is_used_without_a_word(image: str) -> None:
    assert provided(FakeImages(here={image: {}})) == (image, [])


def test_a_missing_image_is_pulled() -> None:
    image, shown = provided(FakeImages(registry={RAYS_OWN}))

    assert image == RAYS_OWN
    assert shown[1:] == ["abc Pull complete"]


def test_without_a_registry_the_tools_of_the_checkout_build_one() -> None:
    image, shown = provided(FakeImages())

    assert image == "ours:1"
    assert shown[-2:] == ["building", "ours:1"]


def test_tools_that_fail_are_quoted(root: Path) -> None:
    _write_tools(root, "raise SystemExit('error: not installed: procps')")

    with pytest.raises(WatcherError, match="no image was built: not installed: procps"):
        provided(FakeImages())


def test_an_installed_wheel_has_no_tools_and_names_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provide, "checkout", lambda: None)

    with pytest.raises(MissingError, match=rf"no image {RAYS_OWN}.*build-image.*no such host"):
        provided(FakeImages())


def test_nothing_replaces_an_image_that_a_user_chose() -> None:
    with pytest.raises(MissingError, match=rf"no image {RAYS_OWN}.*no such host"):
        provided(FakeImages(here={default_tag(): {}}), chosen=True)


def test_an_engine_that_does_not_answer_builds_nothing() -> None:
    with pytest.raises(MissingError, match="does not answer"):
        provided(FakeImages(refusal=ProviderUnavailableError("the engine does not answer")))
