"""Images of the Docker Engine: look up, pull, import, build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from scaler.model.errors import ProviderError
from scaler.providers.engine.connection import Connection
from scaler.providers.engine.errors import GoneError, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

BUILD_TIMEOUT_SECONDS = 900  # between two lines of a build: a download of some hundred MB
LAYER_ENDS = ("Already exists", "Pull complete")  # in the engine's words


class Images(Connection):
    """Images by their names."""

    def image_labels(self, image: str) -> Mapping[str, str] | None:
        """Labels of a local image, None if there is no such image."""
        try:
            with translated(f"look for the image {image}"):
                found: Mapping[str, Any] = self._api.inspect_image(image)  # type: ignore[no-untyped-call]  # the stubs' gap
                return found["Config"].get("Labels") or {}
        except GoneError:
            return None

    def pull(self, image: str) -> Iterator[str]:
        """Fetch an image from its registry; yields a line for each layer. Raises `ProviderError` with the reason."""
        doing = f"pull the image {image}"
        with translated(doing):
            for event in self._api.pull(image, stream=True, decode=True):
                if "error" in event:
                    raise ProviderError(f"cannot {doing}: {event['error'].strip()}")
                if "progressDetail" not in event or event["status"] in LAYER_ENDS:
                    yield " ".join(event[key] for key in ("id", "status") if key in event)

    def import_image(self, archive: BinaryIO, image: str, changes: Sequence[str]) -> None:
        """Make an image of one layer from a tar archive; `changes` are Dockerfile instructions."""
        repository, _, tag = image.rpartition(":")
        with translated(f"import the image {image}"):
            reply = self._api.import_image_from_data(archive, repository=repository, tag=tag, changes=list(changes))
        if '"error"' in reply:
            raise ProviderError(f"cannot import the image {image}: {reply.strip()}")

    def build(
        self,
        directory: Path,
        image: str,
        *,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        dockerfile: str = "Dockerfile",
    ) -> Iterator[str]:
        """Build `directory` by its `dockerfile`; yields the output. Raises `ProviderError` with its last words."""
        with translated(f"build the image {image}"):
            events = self._api.build(
                path=str(directory),
                dockerfile=dockerfile,
                tag=image,
                buildargs=dict(arguments),
                labels=dict(labels),
                rm=True,
                forcerm=True,
                decode=True,
                timeout=BUILD_TIMEOUT_SECONDS,
            )
            for event in events:
                if "error" in event:
                    raise ProviderError(f"cannot build the image {image}: {event['error'].strip()}")
                yield from (line for line in event.get("stream", "").splitlines() if line.strip())
