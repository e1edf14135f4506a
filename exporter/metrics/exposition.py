"""The text of `/metrics`, written once for all scrapers that ask at about the same time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from prometheus_client.exposition import choose_encoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry


class Exposition:
    """The text of `registry`; one that was written less than `shared` seconds ago is not written again."""

    def __init__(self, registry: CollectorRegistry, now: Callable[[], float], shared: float) -> None:
        self._registry, self._now, self._shared = registry, now, shared
        self._lock = threading.Lock()
        self._written: dict[str, tuple[float, bytes]] = {}  # by content type

    def text(self, accept: str) -> tuple[bytes, str]:
        """The text in the format that an `Accept` header asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        with self._lock:
            at, text = self._written.get(content_type, (float("-inf"), b""))
            if not 0 <= self._now() - at < self._shared:
                text = encode(self._registry)
                self._written[content_type] = self._now(), text
            return text, content_type
