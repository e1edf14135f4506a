"""The image of head and workers is got before it is needed: here, from a registry, or built, and said meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from ray_watcher.errors import MissingError
from ray_watcher.images import build
from scaler.model.errors import ProviderError, ProviderUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scaler.providers.engine import Engine

RAYS_OWN, BUILT = "rayproject/ray:1", "ray-watcher/ray:1"


@dataclass
class FakeEngine:
    """The images it has, and those that its registry has; a `refusal` is raised by every pull."""

    here: set[str] = field(default_factory=set)
    registry: set[str] = field(default_factory=set)
    refusal: Exception = field(default_factory=lambda: ProviderError("no such host"))

    def image_labels(self, image: str) -> dict[str, str] | None:
        return {} if image in self.here else None

    def pull(self, image: str) -> Iterator[str]:
        if image not in self.registry:
            raise self.refusal
        yield "abc Pull complete"
        self.here.add(image)


@pytest.fixture(autouse=True)
def _building(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(_tag: str | None, progress: Callable[[str], None], _engine: Engine) -> str:
        progress("building")
        return BUILT

    monkeypatch.setattr("ray_watcher.images.build.build_ray_image", build)
    monkeypatch.setattr("ray_watcher.images.build.default_tag", lambda: BUILT)


def provided(engine: FakeEngine, *, chosen: bool = False) -> tuple[str, list[str]]:
    """The image, and what was said meanwhile."""
    said: list[str] = []
    return build.provide_image(RAYS_OWN, said.append, cast("Engine", engine), chosen=chosen), said


@pytest.mark.parametrize("image", [RAYS_OWN, BUILT])
def test_an_image_that_is_here_is_taken_without_a_word(image: str) -> None:
    assert provided(FakeEngine(here={image})) == (image, [])


def test_a_missing_one_is_pulled_and_told() -> None:
    image, said = provided(FakeEngine(registry={RAYS_OWN}))

    assert image == RAYS_OWN
    assert said == [f"pulling {RAYS_OWN}, which is not here yet; it is large", "abc Pull complete"]


def test_where_no_registry_has_it_one_is_built_and_why_is_told() -> None:
    image, said = provided(FakeEngine())

    assert image == BUILT
    assert said[1:] == ["no such host; so one is built here", "building"]


def test_nothing_takes_the_place_of_one_that_a_user_chose() -> None:
    with pytest.raises(MissingError, match=rf"no image {RAYS_OWN}.*no such host"):
        provided(FakeEngine(here={BUILT}), chosen=True)


def test_an_engine_that_does_not_answer_builds_nothing() -> None:
    with pytest.raises(MissingError, match="does not answer"):
        provided(FakeEngine(refusal=ProviderUnavailableError("the engine does not answer")))


def test_without_ray_on_this_machine_a_registry_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_ray() -> str:
        raise MissingError("Ray is not installed here")

    monkeypatch.setattr("ray_watcher.images.build.default_tag", no_ray)

    assert provided(FakeEngine(registry={RAYS_OWN}))[0] == RAYS_OWN
