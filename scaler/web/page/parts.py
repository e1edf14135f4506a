"""The parts of the page, each with a mark that changes when its text does.

A page that is open asks every two seconds, with the marks that it has, and gets the parts that differ. They are
rendered at most once a second, however many pages are open.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import render_template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scaler.web.page.timeline import Filter

NAMES = ("glance", "why", "workers", "scaleup", "timeline")
FRESH_SECONDS = 1.0
MAX_FILTERS = 16  # that are kept; more are rendered for each request


@dataclass(frozen=True)
class Part:
    """One part: its HTML, and the mark of it."""

    mark: str
    html: str


@dataclass(frozen=True)
class Rendered:
    """All parts, rendered at `at` (unix seconds) from values that were read then."""

    at: float
    context: Mapping[str, Any]
    parts: Mapping[str, Part]


class Parts:
    """Renders the parts; `context` has what the templates need, at a time and for a filter of the timeline."""

    def __init__(self, context: Callable[[Filter, float], Mapping[str, Any]]) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._kept: dict[Filter, Rendered] = {}

    def at(self, chosen: Filter, now: float) -> Rendered:
        """The parts at `now`, or of up to a second ago."""
        with self._lock:  # others wait for the first, instead of doing the same
            kept = self._kept.get(chosen)
            if kept is None or not 0 <= now - kept.at < FRESH_SECONDS:
                kept = self._render(chosen, now)
                if len(self._kept) >= MAX_FILTERS:
                    self._kept.clear()
                self._kept[chosen] = kept
            return kept

    def _render(self, chosen: Filter, now: float) -> Rendered:
        context = self._context(chosen, now)
        return Rendered(now, context, {name: _part(render_template(f"parts/{name}.html", **context)) for name in NAMES})


def _part(html: str) -> Part:
    return Part(hashlib.blake2s(html.encode(), digest_size=5).hexdigest(), html)
