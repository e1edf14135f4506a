"""What an operator has to do if this installation lacks a part that is optional."""

from __future__ import annotations

import json
from importlib import metadata, util

from ray_watcher_common.shipped import checkout

NAME = "ray-watcher"


def has(package: str) -> bool:
    """Whether the Python package can be imported here; it is not loaded."""
    return util.find_spec(package) is not None


def how_to_add(extra: str) -> str:
    """The end of a message about a missing part: how to get the packages of `extra`, one of those in pyproject.toml.

    An installed wheel names the file or repository that it was installed from, never a package of an index: the name
    may belong to anybody there.
    """
    if root := checkout():
        return f"run {root / 'scripts' / 'setup'}"
    if source := _source():
        return f"install it with: pip install '{NAME}[{extra}] @ {source}'"
    return f"install {NAME} again, from where this one came, with its extra '{extra}'"


def _source() -> str:
    """The URL that pip installed us from, "" if it was an index (PEP 610, direct_url.json)."""
    try:
        recorded = json.loads(metadata.distribution(NAME).read_text("direct_url.json") or "{}")
    except metadata.PackageNotFoundError:
        return ""
    if version_control := recorded.get("vcs_info"):
        return f"{version_control['vcs']}+{recorded['url']}@{version_control['commit_id']}"
    return str(recorded.get("url", ""))
