"""Settings come from the environment; what is wrong is told by its variable."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from ray_watcher_common.program.settings import SettingsError, load
from scaler.config.settings import ScalerSettings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("WATCHER_", "RAY_")):
            monkeypatch.delenv(name)


def test_the_guides_defaults_hold() -> None:
    settings: Any = load(ScalerSettings)  # its limits are made from those of the policy

    assert (settings.check_interval, settings.pending_threshold, settings.max_workers, settings.cooldown) == (
        10,
        0,
        5,
        60,
    )
    assert (settings.num_cpus, settings.num_gpus, settings.object_store_memory) == (1, 0, 1_000_000_000)
    assert settings.ray_head_address == "localhost:10001"
    assert settings.ray_dashboard_metric_api == "http://localhost:8265/api"


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        pytest.param({}, "http://127.0.0.1:9812", id="default"),
        pytest.param({"WATCHER_LISTEN": "10.0.0.7:80"}, "http://10.0.0.7:80", id="where it listens"),
        pytest.param({"WATCHER_LISTEN": "0.0.0.0:9813"}, "http://127.0.0.1:9813", id="at every address"),
        pytest.param({"WATCHER_EXTERNAL_URL": "https://ray.example.org/s/"}, "https://ray.example.org/s", id="given"),
    ],
)
def test_people_reach_the_scaler_at_its_base_url(
    environment: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert load(ScalerSettings).base_url == url


@pytest.mark.parametrize(
    ("environment", "gcs"),
    [
        ({}, "localhost:6379"),
        ({"RAY_HEAD_ADDRESS": "ray-head:10001"}, "ray-head:6379"),
        ({"RAY_HEAD_ADDRESS": "ray-head:10001", "RAY_GCS_ADDRESS": "gcs:7000"}, "gcs:7000"),
        ({"RAY_GCS_ADDRESS": ""}, "localhost:6379"),
    ],
    ids=["default", "the host of the guide's address", "set by itself", "empty is unset"],
)
def test_the_gcs_is_found(environment: dict[str, str], gcs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert load(ScalerSettings).gcs_address == gcs


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("WATCHER_COOLDOWN", "soon", "wanted a number (seconds"),
        ("WATCHER_MAX_WORKERS", "-1", "greater than or equal to 0"),
        ("WATCHER_CHECK_INTERVAL", "0", "greater than 0"),
        ("WATCHER_OBJECT_STORE_MEMORY", "10MB", "greater than or equal to 78643200"),
        ("WATCHER_OBJECT_STORE_MEMORY", "lots", "wanted a size such as 8GB"),
        ("WATCHER_OBJECT_STORE_MEMORY", "1XB", "wanted a size such as 8GB"),
        ("RAY_HEAD_ADDRESS", "ray-head", "HOST:PORT"),
        ("RAY_HEAD_ADDRESS", "ray://localhost:10001", "HOST:PORT without ray://, such as localhost:10001"),
        ("RAY_GCS_ADDRESS", "http://ray-head:6379/", "HOST:PORT without http://, such as ray-head:6379"),
        ("WATCHER_LISTEN", "http://127.0.0.1:9812", "HOST:PORT without http://"),
        ("WATCHER_JOIN_ADDRESS", "ray-head:6379/api", "HOST:PORT"),
        ("WATCHER_LISTEN", "::1:9812", "HOST:PORT"),
        ("WATCHER_LISTEN", "127.0.0.1:99999", "a port from 1 to 65535"),
        ("WATCHER_LISTEN", "127.0.0.1:\u0661", "a port from 1 to 65535"),
        ("WATCHER_STATE_DIR", "~nobody-of-that-name/x", "a path that exists on this machine"),
        ("WATCHER_EXPORTER_URL", "http://[::1", "http://HOST:PORT/PATH"),
        ("WATCHER_PROVIDER", "podman", "'auto', 'docker', 'process' or 'swarm'"),
        ("WATCHER_CLUSTER", "Not A Name", "wanted text that matches '^"),
        ("WATCHER_CHECK_INTERVAL", "inf", "a finite number"),
        ("WATCHER_CHECK_INTERVAL", "1e10", "less than or equal to 86400"),
        ("RAY_DASHBOARD_METRIC_API", "http://localhost:99999/api", "http://HOST:PORT/PATH"),
        ("RAY_DASHBOARD_METRIC_API", "localhost:8265", "http://HOST:PORT/PATH"),
        ("WATCHER_EXPORTER_URL", "ftp://localhost", "http://HOST:PORT/PATH"),
        ("ALERTMANAGER_URL", "http://one:9093,other:9093", "http://HOST:PORT/PATH"),
        ("WATCHER_NUM_CPUS", "0.5", "wanted a whole number (CPUs"),
        ("WATCHER_MIN_WORKERS", "6", "at most WATCHER_MAX_WORKERS (5)"),
    ],
)
def test_a_wrong_value_names_its_variable_what_it_got_and_what_it_wants(
    name: str, value: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as error:
        load(ScalerSettings)

    message = str(error.value)
    assert message.startswith(f"{name}: got ")
    assert value in message
    assert wanted in message


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        pytest.param("", (), id="unset"),
        pytest.param("http://one:9093", ("http://one:9093",), id="one"),
        pytest.param("http://one:9093, http://other:9093", ("http://one:9093", "http://other:9093"), id="a pair"),
    ],
)
def test_alertmanagers_are_one_or_several(value: str, urls: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTMANAGER_URL", value)

    assert load(ScalerSettings).alertmanager_urls == urls


def test_links_have_a_name_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_LINKS", "Prometheus=http://p:9090, Ray dashboard=http://h:8265/?a=b")

    assert load(ScalerSettings).named_links == (
        ("Prometheus", "http://p:9090"),
        ("Ray dashboard", "http://h:8265/?a=b"),
    )


@pytest.mark.parametrize("value", ["http://p:9090", "=http://p", "x=p:9090", "x=javascript:alert(1)", "x=http://p,"])
def test_a_link_that_cannot_be_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_LINKS", value)

    with pytest.raises(SettingsError, match="WATCHER_LINKS: got"):
        load(ScalerSettings)


def test_a_password_is_not_in_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTMANAGER_URL", "http://am:hunter2@one:99999,ftp://am:hunter2@other")

    with pytest.raises(SettingsError) as error:
        load(ScalerSettings)

    assert str(error.value).startswith("ALERTMANAGER_URL: got ")
    assert "hunter2" not in str(error.value)


def test_a_path_with_a_line_break_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_STATE_DIR", "/var/a\nb")

    with pytest.raises(SettingsError, match=r"^WATCHER_STATE_DIR: got .*, wanted a path without line breaks"):
        load(ScalerSettings)


def test_an_ipv6_address_stands_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_LISTEN", "[::1]:9812")

    assert load(ScalerSettings).listen == "[::1]:9812"


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_COOLDOWN", "soon")
    monkeypatch.setenv("WATCHER_MAX_WORKERS", "many")

    with pytest.raises(SettingsError) as error:
        load(ScalerSettings)

    assert len(str(error.value).splitlines()) == 2


def test_beyond_loopback_a_token_is_required(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WATCHER_LISTEN", "0.0.0.0:9812")
    with pytest.raises(SettingsError, match="WATCHER_TOKEN"):
        load(ScalerSettings).bearer_token()

    (tmp_path / "token").write_text("s3cret\n")
    monkeypatch.setenv("WATCHER_TOKEN_FILE", str(tmp_path / "token"))
    assert load(ScalerSettings).bearer_token() == "s3cret"


def test_on_loopback_none_is_needed() -> None:
    assert load(ScalerSettings).bearer_token() is None


@pytest.mark.parametrize("content", ["", None], ids=["empty", "missing"])
def test_an_unusable_token_file_is_told(content: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    monkeypatch.setenv("WATCHER_TOKEN_FILE", str(tmp_path / "token"))

    with pytest.raises(SettingsError, match="WATCHER_TOKEN_FILE"):
        load(ScalerSettings).bearer_token()


def test_paths_mean_the_same_in_every_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WATCHER_STATE_DIR", "~/state")
    assert load(ScalerSettings).state_dir == tmp_path / "state"

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WATCHER_STATE_DIR", "here")
    assert load(ScalerSettings).state_dir == tmp_path / "here"


def test_without_a_home_the_message_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", no_home)

    with pytest.raises(SettingsError, match="set HOME or WATCHER_STATE_DIR"):
        load(ScalerSettings)


def test_the_token_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_TOKEN", "s3cret")

    assert "s3cret" not in repr(load(ScalerSettings))


@pytest.mark.parametrize("variable", ["WATCHER_TOKEN", "RAY_AUTH_TOKEN"])
@pytest.mark.parametrize("blank", [" ", "   ", "\t\n"])
def test_blanks_are_no_secret(variable: str, blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, blank)

    with pytest.raises(SettingsError, match=variable):
        load(ScalerSettings)
