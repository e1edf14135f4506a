"""The token of a Ray cluster that wants one (`RAY_AUTH_MODE=token`), as Ray's own variables name it.

Ray takes it as `authorization: Bearer TOKEN`: metadata of a gRPC call, header of an HTTP request. Here it is read again
for each call: a file may come after we have started, and a new cluster has a new token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ray_watcher_common import secret_files

if TYPE_CHECKING:
    from pathlib import Path

MODE_VARIABLE = "RAY_AUTH_MODE"
PATH_VARIABLE = "RAY_AUTH_TOKEN_PATH"
HEADER = "authorization"


@dataclass(frozen=True)
class RayToken:
    """A token that is known (`value`), or the file that holds it; neither for a cluster that wants none.

    `ours`: the file belongs to the cluster, and is made and removed with it.
    """

    value: str | None = field(default=None, repr=False)
    path: Path | None = None
    ours: bool = False

    def read(self) -> str | None:
        """The token; None if there is none, or none yet."""
        if self.value is not None or self.path is None:
            return self.value
        try:
            return self.path.read_text(encoding="utf-8").strip() or None
        except OSError:
            return None  # the cluster's refusal is the better message

    def make(self) -> None:
        """Write the token into its file, a new one if none is known; nothing for a cluster without tokens."""
        if self.path and self.value:
            secret_files.write(self.path, self.value)
        elif self.path:
            secret_files.ensure(self.path)

    def forget(self) -> None:
        """Remove the file, if it is ours: the next cluster may want no token."""
        if self.path and self.ours:
            self.path.unlink(missing_ok=True)

    def headers(self) -> dict[str, str]:
        """What to add to an HTTP request."""
        token = self.read()
        return {HEADER: f"Bearer {token}"} if token else {}

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What to add to a gRPC call."""
        return tuple(self.headers().items())


NO_TOKEN = RayToken()
