"""The watcher is not started if its programs could not open enough files."""

from __future__ import annotations

import resource

import pytest

from ray_watcher.errors import WatcherError
from ray_watcher.stack import control


@pytest.mark.parametrize("hard", [control.OPEN_FILES, 10**6, resource.RLIM_INFINITY])
def test_a_limit_that_is_high_enough_is_no_matter(hard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, hard))

    control.require_open_files()


def test_a_low_limit_names_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, 256))

    with pytest.raises(WatcherError, match=r"1024 open files.*256.*ulimit -n 1024"):
        control.require_open_files()
