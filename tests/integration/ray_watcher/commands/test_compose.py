"""The command line where `docker compose` runs the watcher's programs; the engine is one in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from ray_watcher.cluster.docker import TOKEN_PATH_LABEL
from ray_watcher.settings import OperatorSettings
from ray_watcher.stack.compose import LISTEN_LABEL, PROGRAM_LABEL, ProgramContainer
from ray_watcher.stack.stack import stack_of
from ray_watcher_common.program.settings import load
from scaler.providers.container import Container
from support.watcher_fakes import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scaler.providers.engine import Engine


STARTED_AT = {"exporter": 100.0, "scaler": 200.0, "grafana": 300.0}


@dataclass
class LogsAndStops:
    """As much of an engine as these commands need."""

    stopped: list[str] = field(default_factory=list)

    def read(self, container_id: str, path: str) -> str:
        return f"{path} of {container_id}"

    def logs(self, container_id: str, *, tail: int | None, follow: bool) -> Iterator[str]:
        del follow
        lines = [f"{container_id} starts", f"{container_id} listens"]
        return iter(lines if tail is None else lines[-tail:] if tail else [])

    def started_at(self, container_id: str) -> float:
        return STARTED_AT[container_id]

    def stop(self, container_id: str, grace_seconds: float) -> None:
        assert grace_seconds > 0
        self.stopped.append(container_id)


@pytest.fixture
def engine() -> LogsAndStops:
    return LogsAndStops()


@pytest.fixture
def world(engine: LogsAndStops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("WATCHER_STATE_DIR", str(tmp_path))
    programs = [("exporter", "running", 9), ("scaler", "running", 9), ("grafana", "exited", 9)]
    return World(compose=[_program(engine, name, state, port) for name, state, port in programs])


def _program(engine: LogsAndStops, name: str, state: str, port: int) -> ProgramContainer:
    labels = {PROGRAM_LABEL: name, LISTEN_LABEL: f"127.0.0.1:{port}", TOKEN_PATH_LABEL: "/run/token"}
    return ProgramContainer(cast("Engine", engine), Container(name, name, "image", labels, state, state, 0.0, None))


def test_the_status_lists_them_and_says_who_does_not_answer(world: World) -> None:
    shown = json.loads(world.run("watcher-status", "--json", "--tail", "5").stdout)

    assert [(p["name"], p["state"], p["url"]) for p in shown["programs"]] == [
        ("exporter", "RUNNING", "http://127.0.0.1:9"),
        ("scaler", "RUNNING", "http://127.0.0.1:9"),
        ("grafana", "EXITED", "http://127.0.0.1:9"),
    ]
    assert {p["name"]: p["started_at"] for p in shown["programs"]} == STARTED_AT
    assert (shown["running"], shown["scaler"], shown["alerts"]) == (False, None, None)
    assert shown["logs"]["scaler"] == ["scaler starts", "scaler listens"]


def test_one_that_compose_runs_is_running_already(world: World) -> None:
    result = world.run("start-watcher")

    assert (result.exit_code, "ray-watcher stop-watcher" in result.stderr) == (3, True)


def test_people_see_the_same(world: World) -> None:
    shown = world.run("watcher-status")

    assert "grafana" in shown.stdout
    assert "scaler" in shown.stderr


def test_watching_repeats_the_status_until_interrupted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([None, None])

    def sleep(seconds: float) -> None:
        assert seconds > 0
        if next(looks, "over") == "over":
            raise KeyboardInterrupt

    monkeypatch.setattr("ray_watcher.commands.watcher.time.sleep", sleep)
    result = world.run("watcher-status", "--watch")

    assert (result.exit_code, result.stdout.count("grafana")) == (
        130,
        3 * world.run("watcher-status").stdout.count("grafana"),
    )


def test_the_scalers_token_is_read_from_its_container(world: World) -> None:
    url, token = world.host().scaler(load(OperatorSettings))

    assert (url, token) == ("http://127.0.0.1:9", "/run/token of scaler")


def test_a_log_is_that_of_the_container(world: World) -> None:
    assert world.run("logs-ray", "--service", "scaler", "--tail", "1").stdout == "scaler listens\n"
    assert world.run("logs-ray", "--service", "prometheus").exit_code == 4


def test_a_file_of_an_earlier_process_does_not_hide_the_containers_log(world: World) -> None:
    log = stack_of(load(OperatorSettings)).log("scaler")
    log.parent.mkdir(parents=True)
    log.write_text("of an earlier process\n", encoding="utf-8")

    assert world.run("logs-ray", "--service", "scaler", "--tail", "1").stdout == "scaler listens\n"


@pytest.mark.parametrize("verb", ["stop-watcher", "stop-ray"])
def test_what_runs_is_stopped_senders_before_receivers(verb: str, world: World, engine: LogsAndStops) -> None:
    assert world.run(verb).exit_code == 0
    assert engine.stopped == ["scaler", "exporter"]


def test_what_has_ended_is_not_stopped_again(world: World, engine: LogsAndStops) -> None:
    world.compose = world.compose[-1:]
    assert world.run("stop-watcher").exit_code == 0
    assert not engine.stopped
