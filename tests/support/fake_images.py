"""The images of a Docker Engine, without an engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scaler.model.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass
class FakeImages:
    """The images that the engine has, by their labels, and those of its registry.

    A pull of any other image raises `refusal`. `builds` has the arguments of each build.
    """

    here: dict[str, Mapping[str, str]] = field(default_factory=dict)
    registry: set[str] = field(default_factory=set)
    refusal: Exception = field(default_factory=lambda: ProviderError("no such host"))
    builds: list[Mapping[str, str]] = field(default_factory=list)

    def image_labels(self, image: str) -> Mapping[str, str] | None:
        """Those of an image; None if there is none."""
        return self.here.get(image)

    def pull(self, image: str) -> Iterator[str]:
        """From the registry."""
        if image not in self.registry:
            raise self.refusal
        yield "abc Pull complete"
        self.here[image] = {}

    def build(
        self, directory: Path, image: str, *, arguments: Mapping[str, str], labels: Mapping[str, str]
    ) -> Iterator[str]:
        """Of a Dockerfile."""
        self.builds.append(arguments)
        yield f"Step 1/8 of {directory.name}/Dockerfile"
        self.here[image] = labels
