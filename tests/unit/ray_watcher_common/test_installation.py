"""What a message says about a missing part, by the way in which the program was installed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ray_watcher_common import installation
from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an installed wheel's metadata is found."""
    monkeypatch.setattr(installation, "checkout", lambda: None)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    return tmp_path


def installed(site: Path, origin: dict[str, Any] | None) -> None:
    """Metadata as pip writes it."""
    directory = site / "ray_watcher-0.1.0.dist-info"
    directory.mkdir()
    (directory / "METADATA").write_text("Metadata-Version: 2.4\nName: ray-watcher\nVersion: 0.1.0\n")
    if origin:
        (directory / "direct_url.json").write_text(json.dumps(origin))


def test_in_a_checkout_its_own_set_up_adds_everything() -> None:
    assert installation.how_to_add("ray") == f"run {ROOT}/scripts/setup"


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        pytest.param({"url": "file:///tmp/a%20b/x.whl", "archive_info": {}}, "file:///tmp/a%20b/x.whl", id="a wheel"),
        pytest.param({"url": "file:///src", "dir_info": {}}, "file:///src", id="a directory"),
        pytest.param(
            {"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "git+https://example.org/x.git@abc",
            id="a repository",
        ),
    ],
)
def test_a_wheel_is_extended_from_where_it_came(site: Path, origin: dict[str, Any], source: str) -> None:
    installed(site, origin)

    assert installation.how_to_add("ray") == f"install it with: pip install 'ray-watcher[ray] @ {source}'"


@pytest.mark.parametrize("has_metadata", [True, False])
def test_without_a_known_origin_no_package_of_an_index_is_named(site: Path, *, has_metadata: bool) -> None:
    if has_metadata:
        installed(site, None)

    assert "pip" not in installation.how_to_add("ray")


def test_a_package_is_found_without_loading_it() -> None:
    assert installation.has("ray")
    assert not installation.has("no_such_package")
