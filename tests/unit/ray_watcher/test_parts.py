"""The small pure parts below the command line: settings, supervisord's text, the load's command, printed forms."""

from __future__ import annotations

import configparser
import json
import shlex
import socket
from pathlib import Path

import pytest

from ray_watcher.demo.environment import forget_settings
from ray_watcher.output import layout, terminal
from ray_watcher.settings import OperatorSettings, as_environment, head_options
from ray_watcher.stack.stack import stack_of
from ray_watcher.stack.supervisord import LONGEST_SOCKET_PATH, Program, render, socket_path
from ray_watcher.workload.job import Load, events
from ray_watcher_common.program.settings import load

GUIDE = {  # the guide's own list of variables and defaults
    "WATCHER_CHECK_INTERVAL": ("check_interval", 10),
    "WATCHER_PENDING_THRESHOLD": ("pending_threshold", 0),
    "WATCHER_MAX_WORKERS": ("max_workers", 5),
    "WATCHER_COOLDOWN": ("cooldown", 60),
    "WATCHER_NUM_CPUS": ("num_cpus", 1),
    "WATCHER_NUM_GPUS": ("num_gpus", 0),
    "WATCHER_OBJECT_STORE_MEMORY": ("object_store_memory", 1_000_000_000),
    "RAY_HEAD_ADDRESS": ("ray_head_address", "localhost:10001"),
    "RAY_DASHBOARD_METRIC_API": ("ray_dashboard_metric_api", "http://localhost:8265/api"),
}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*GUIDE, "WATCHER_TOKEN", "WATCHER_STATE_DIR", "RAY_GCS_ADDRESS"]:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("variable", "field_and_default"), GUIDE.items(), ids=GUIDE)
def test_the_guides_variable_has_the_guides_default(variable: str, field_and_default: tuple[str, object]) -> None:
    field, default = field_and_default
    assert getattr(load(OperatorSettings), field) == default
    assert OperatorSettings.model_fields[field].validation_alias == variable


def test_settings_become_the_variables_that_give_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    given = load(OperatorSettings, max_workers=8, cooldown=1.5, object_store_memory="200MB", token="secret")  # noqa: S106
    for name, value in as_environment(given).items():
        monkeypatch.setenv(name, value)
    assert load(OperatorSettings) == given


def test_what_is_at_its_default_stays_out_of_the_environment() -> None:
    assert as_environment(load(OperatorSettings)) == {}


def test_the_heads_ports_come_from_the_guides_addresses() -> None:
    options = head_options(load(OperatorSettings))
    assert (options.gcs_port, options.dashboard_port, options.client_port) == (6379, 8265, 10001)


def test_a_stacks_programs_know_each_other_and_the_state_directory(tmp_path: Path) -> None:
    stack = stack_of(load(OperatorSettings, state_dir=tmp_path, exporter_listen="127.0.0.1:1234"), X="y")
    assert stack.directory == tmp_path / "watcher" / "default"
    assert stack.environment["WATCHER_EXPORTER_URL"] == "http://127.0.0.1:1234"
    assert stack.environment["WATCHER_STATE_DIR"] == str(tmp_path)
    assert stack.environment["X"] == "y"
    assert stack.url("exporter") == "http://127.0.0.1:1234"


def test_a_token_of_the_environment_reaches_alertmanager_by_a_file(tmp_path: Path) -> None:
    stack = stack_of(load(OperatorSettings, state_dir=tmp_path, token="secret"))  # noqa: S106
    assert stack.addresses.token_file == stack.directory / "token"


def test_a_demo_forgets_the_users_settings_but_the_image() -> None:
    environ = {"WATCHER_COOLDOWN": "1", "RAY_ADDRESS": "x", "RAY_IMAGE": "mine:1", "PATH": "/bin"}
    forget_settings(environ)
    assert environ == {"RAY_IMAGE": "mine:1", "PATH": "/bin"}


def test_supervisord_is_told_every_program_in_order_and_awkward_paths_survive() -> None:
    programs = [
        Program("exporter", ("python", "-m", "exporter"), "http://x"),
        Program("prometheus", ("prometheus", "--config.file=/a b/100%/c ; #d/p.yml"), "http://y", stop_seconds=7),
    ]
    config = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))  # as supervisor's own
    config.read_string(render(programs, Path("/state")))
    assert config["program:exporter"]["priority"] < config["program:prometheus"]["priority"]
    command = config["program:prometheus"]["command"].replace("%%", "%")
    assert shlex.split(command) == list(programs[1].command)
    assert config["program:prometheus"]["stopwaitsecs"] == "7"
    assert config["program:exporter"]["autorestart"] == "true"
    assert config["program:exporter"]["stdout_logfile"] == "../exporter.log"


@pytest.mark.parametrize("depth", [1, 40], ids=["short", "long"])
def test_the_socket_of_any_directory_has_a_path_that_unix_takes(tmp_path: Path, depth: int) -> None:
    path = socket_path(tmp_path / ("deep/" * depth))
    assert len(str(path)) <= LONGEST_SOCKET_PATH < 107
    with socket.socket(socket.AF_UNIX) as probe:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe.bind(f"{path}.1234567")
        Path(f"{path}.1234567").unlink()
    if tmp_path not in path.parents:
        path.parent.rmdir()


def test_two_long_directories_have_two_sockets(tmp_path: Path) -> None:
    deep = tmp_path / ("deep/" * 40)
    assert socket_path(deep / "a") != socket_path(deep / "b")


def test_the_load_driver_is_sent_whole_with_its_figures() -> None:
    words = shlex.split(Load(tasks=1_000_000, num_cpus=0.5, num_gpus=0, seconds=2).entrypoint)
    assert words[:2] == ["python", "-c"]
    assert words[3:] == ["1000000", "0.5", "0", "2"]
    compile(words[2], "burst", "exec")


def test_events_are_found_among_other_lines_and_half_a_line_waits() -> None:
    submitted = {"event": "submitted", "at": 1.0, "tasks": 2}
    log = f"2026 INFO worker.py started\n{json.dumps(submitted)}\n" + '{"event": "prog'
    assert events(log) == [submitted]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(4.24, "4.2 s"), (59.9, "59.9 s"), (190, "3 min 10 s"), (7500, "2 h 5 min")],
)
def test_durations_as_people_say_them(seconds: float, expected: str) -> None:
    assert terminal.duration(seconds) == expected


@pytest.mark.parametrize(
    ("value", "resource", "expected"),
    [
        (1.5, "CPU", "1.5"),
        (0, "memory", "0 B"),
        (200_000_000, "object_store_memory", "200 MB"),
        (5e9, "memory", "5 GB"),
    ],
)
def test_amounts_have_their_unit(value: float, resource: str, expected: str) -> None:
    assert terminal.amount(value, resource) == expected


def test_a_plain_table_is_aligned_and_has_no_trailing_blanks() -> None:
    lines = layout.table(["a", "bb"], [["long", "x"], ["y", ""]], None, str, str)
    assert lines == ["A     BB", "long  x", "y"]
