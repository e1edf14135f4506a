"""The container that prints the scaler's log where the watcher runs as processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ray_watcher.stack.log_container import spec

LOG = Path("/state/watcher/blue/scaler.log")


@pytest.mark.parametrize(
    ("cluster", "name"), [("default", "ray-watcher"), ("blue", "ray-watcher-blue")], ids=["default", "another"]
)
def test_it_has_the_guides_name_and_the_clusters_beyond_the_default(cluster: str, name: str) -> None:
    assert spec(cluster, "image", LOG).name == name


def test_it_can_read_the_log_as_its_owner_and_nothing_else() -> None:
    made = spec("blue", "image", LOG)

    assert made.command[-1] == "/run/ray-watcher/log/scaler.log"
    assert (made.mounts, made.network, made.confined) == ({"/state/watcher/blue": "/run/ray-watcher/log"}, "none", True)
    assert made.user == f"{os.getuid()}:{os.getgid()}"
