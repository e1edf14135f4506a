"""The demo's ends: what it prints in a pipe, and what it does not call a success."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from ray_watcher.cluster.base import HeadOptions
from ray_watcher.commands.demo import still_up
from ray_watcher.demo import run
from ray_watcher.demo.environment import Environment, make_environment
from ray_watcher.demo.run import table
from ray_watcher.demo.scene import Decision, Scene
from ray_watcher.demo.timeline import Record
from ray_watcher.demo.views import LiveView, PlainView
from ray_watcher.errors import WatcherError
from ray_watcher.operations import workers
from scaler.model.cluster import LaunchRequest, WorkerType
from support.fake_provider import FakeProvider
from support.watcher_fakes import FakeCluster, World

if TYPE_CHECKING:
    from contextlib import ExitStack

    from ray_watcher.cluster.base import RayCluster
    from ray_watcher.demo.views import View
    from ray_watcher.host import Host
    from ray_watcher.stack.stack import Stack
    from ray_watcher.stack.supervisord import Program

demo_verb = sys.modules["ray_watcher.commands.demo"]
SUBMITTED = {"event": "submitted", "at": 1.0, "tasks": 12}


def test_each_plain_line_has_the_seconds_since_the_start() -> None:
    lines: list[str] = []
    view = PlainView(lines.append)
    view.step("a Ray head starts")
    view.show(Scene(pending=3, tasks=12))
    view.show(Scene(pending=3, tasks=12))
    assert [line.split(" s  ", 1)[1] for line in lines] == [
        "a Ray head starts",
        "3 pending, 0 of 0 CPUs busy, 0 of 12 tasks finished",
    ]
    assert all(float(line.split(" s  ")[0]) >= 0 for line in lines)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        pytest.param([SUBMITTED], "not all tasks finished", id="no-end"),
        pytest.param(
            [SUBMITTED, {"event": "done", "at": 9.0, "finished": 11, "failed": 1, "tasks": 12}],
            "not all tasks finished",
            id="a-task-failed",
        ),
        pytest.param(
            [SUBMITTED, {"event": "done", "at": 9.0, "finished": 12, "failed": 0, "tasks": 12}],
            "metric, alert, webhook, launch",
            id="nothing-was-launched",
        ),
    ],
)
def test_half_a_loop_is_no_success(events: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(WatcherError, match=told):
        table(Record(events=events))


def test_two_demos_share_nothing() -> None:
    one, other = make_environment("process"), make_environment("process")
    try:
        assert one.directory != other.directory
        assert one.settings.cluster != other.settings.cluster
        assert one.settings.network == one.settings.cluster
        assert one.remains() == []
        assert f"export WATCHER_STATE_DIR={one.directory}\n" in one.exports()
    finally:
        one.clear()
        other.clear()
    assert not one.directory.exists()


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """A demo's place below a directory whose name is awkward in a shell."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "it's $HOME"))
    Path(tempfile.gettempdir()).mkdir()
    return make_environment("process")


def told_by_a_shell(lines: str) -> str:
    return subprocess.run(["/bin/sh", "-euc", lines], capture_output=True, text=True, check=True).stdout


def test_a_demo_that_is_kept_tells_shell_lines_that_survive_an_awkward_directory(environment: Environment) -> None:
    file = environment.directory / "environment"
    file.write_text(environment.exports())
    told = dict(still_up(environment, file))
    used = told["use it"].replace("ray-watcher load", 'printf %s "$WATCHER_STATE_DIR"')
    assert told_by_a_shell(used) == str(environment.directory)
    told_by_a_shell(told["stop it"].replace("ray-watcher stop-ray", "true"))
    assert not environment.directory.exists()


MARKUP = "no such file: [/tmp/x]"


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(Scene(decisions=(Decision(1, "1", MARKUP),)), id="in-a-reason"),
        pytest.param(Scene(workers=((MARKUP, "RUNNING"),)), id="in-a-name"),
    ],
)
def test_the_picture_shows_what_looks_like_markup_as_it_is(scene: Scene) -> None:
    written = io.StringIO()
    view = LiveView("demo", Console(file=written, force_terminal=True, width=100))
    view.show(scene)
    view.close()
    assert "/tmp/x" in written.getvalue()  # noqa: S108  # no file


@dataclass
class Interrupted(FakeCluster):
    """A head that takes long to stop, so that someone loses patience."""

    signum: signal.Signals = signal.SIGINT

    def stop_head(self) -> None:
        signal.raise_signal(self.signum)
        super().stop_head()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda signum: signum.name)
def test_a_demo_that_fails_stops_all_whoever_interrupts_and_saves_what_head_and_workers_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signum: signal.Signals
) -> None:
    def no_programs(_stack: Stack) -> list[Program]:
        world.process.provider.launch(LaunchRequest("worker-1-00000a", 1, WorkerType("default")))
        raise WatcherError("no such program")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(demo_verb, "forget_settings", lambda _environ: None)  # those of the tests stay
    world = World(process=Interrupted(FakeProvider("process", output=("worker line",)), signum=signum))
    world.programs = no_programs

    result = world.run("demo")

    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "error: no such program")
    assert (world.process.options, world.worker_ids()) == (None, [])
    [logs] = tmp_path.glob("*/logs")
    assert {log.name: log.read_text() for log in logs.iterdir()} == {
        "head.log": "head line 1\nhead line 2\n",
        "worker-1-00000a.log": "worker line\n",
    }


@pytest.mark.parametrize("keep", [[], ["--keep"]], ids=["as-usual", "kept"])
def test_a_loop_that_was_not_whole_is_a_failure_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: list[str]
) -> None:
    def half(_environment: Environment, _host: Host, cluster: RayCluster, _view: View, swept: ExitStack) -> Record:
        swept.callback(workers.stop_everything, cluster)
        cluster.start_head(HeadOptions(num_cpus=1))
        return Record(events=[SUBMITTED])

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(demo_verb, "forget_settings", lambda _environ: None)
    monkeypatch.setattr(run, "_loop", half)
    world = World()
    result = world.run("demo", *keep)
    assert (result.exit_code, world.process.options) == (1, None)
    assert "not all tasks finished" in result.stderr
