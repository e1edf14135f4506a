"""Ray's token, as a value, a file, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ray_watcher_common.program.settings import load
from ray_watcher_common.ray_auth import NO_TOKEN, RayToken
from scaler.config.settings import ScalerSettings
from scaler.providers.container import archive, content

if TYPE_CHECKING:
    from pathlib import Path


def test_a_token_goes_the_same_way_into_http_and_grpc() -> None:
    assert RayToken("abc").headers() == {"authorization": "Bearer abc"}
    assert RayToken("abc").metadata() == (("authorization", "Bearer abc"),)


def test_without_a_token_nothing_is_added(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    for none in (NO_TOKEN, RayToken(path=tmp_path / "missing"), RayToken(path=tmp_path / "empty")):
        assert (none.headers(), none.metadata()) == ({}, ())


def test_a_file_that_comes_later_is_read_then(tmp_path: Path) -> None:
    token = RayToken(path=tmp_path / "token")
    assert token.read() is None
    token.make()
    assert token.read()


def test_only_our_own_file_goes_with_the_cluster(tmp_path: Path) -> None:
    for ours in (True, False):
        token = RayToken(path=tmp_path / "token", ours=ours)
        token.make()
        token.forget()
        assert (tmp_path / "token").exists() is not ours


@pytest.mark.parametrize(
    ("given", "read"),
    [
        pytest.param({}, "made", id="what start-ray made"),
        pytest.param({"RAY_AUTH_TOKEN": "own"}, "own", id="the environment's own"),
        pytest.param({"RAY_AUTH_TOKEN_PATH": "{}/other"}, "other", id="the file it names"),
        pytest.param({"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": "own"}, None, id="none where it is disabled"),
    ],
)
def test_the_environment_says_where_the_token_is(
    given: dict[str, str], read: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("ray-token/default", "made"), ("other", "other")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    for name, value in given.items():
        monkeypatch.setenv(name, value.format(tmp_path))

    assert load(ScalerSettings, state_dir=tmp_path).ray_token.read() == read


def test_files_survive_the_way_into_a_container_and_back() -> None:
    assert content(archive({"/run/x/token": "secret"}, 1000)) == "secret"
    assert content(archive({}, 0)) is None
