"""Addresses of styles and scripts: with a version made of their content, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parents[1] / "static"
SCRIPTS = ("live.js", "actions.js", "chart.js")


@cache
def version() -> str:
    """Changes when a file of the page changes: a page that was left open then reloads itself."""
    digest = hashlib.blake2s(digest_size=6)
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
