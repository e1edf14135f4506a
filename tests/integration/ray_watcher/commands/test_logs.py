"""logs-ray, and following a file that is rotated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ray_watcher.tail import last_lines, tail_file
from support.watcher_fakes import World

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_STATE_DIR", str(tmp_path))


def test_the_heads_last_lines() -> None:
    result = World().with_head().run("logs-ray", "--service", "head", "--tail", "1")
    assert (result.exit_code, result.stdout) == (0, "head line 2\n")


def test_a_workers_lines() -> None:
    world = World().with_head(workers=1)
    world.process.provider.output = ("joined",)
    assert world.run("logs-ray", "--service", "worker-1").stdout == "joined\n"


@pytest.mark.parametrize("program", ["exporter", "scaler", "prometheus", "alertmanager"])
def test_a_programs_lines_need_no_cluster(tmp_path: Path, program: str, environment: dict[str, str]) -> None:
    log = tmp_path / "watcher" / environment["WATCHER_CLUSTER"] / f"{program}.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\ntwo\n", encoding="utf-8")
    assert World().run("logs-ray", "--service", program, "--tail", "1").stdout == "two\n"


def test_a_program_that_never_ran_has_no_log() -> None:
    assert World().run("logs-ray", "--service", "scaler").exit_code == 4


def test_a_program_of_docker_compose_alone_is_told_as_such() -> None:
    result = World().run("logs-ray", "--service", "grafana")
    assert (result.exit_code, "grafana" in result.stderr) == (4, True)


def test_an_unknown_service_is_wrong_usage_and_the_known_ones_are_told() -> None:
    result = World().run("logs-ray", "--service", "workers")
    assert result.exit_code == 2
    assert "head|worker-N|exporter|scaler|prometheus|alertmanager" in result.stderr


def test_no_file_has_no_lines(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none.log", 5) == []


def test_following_goes_on_in_the_new_file_after_rotation(tmp_path: Path) -> None:
    log = tmp_path / "scaler.log"
    log.write_text("old\n", encoding="utf-8")
    lines = tail_file(log, 10, follow=True)
    assert next(lines) == "old"
    with log.open("a", encoding="utf-8") as more:
        more.write("last of the old\n")
    log.rename(tmp_path / "scaler.log.1")
    log.write_text("first of the new\n", encoding="utf-8")
    assert [next(lines), next(lines)] == ["last of the old", "first of the new"]
    lines.close()


def test_half_a_line_is_left_until_it_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "scaler.log"
    log.write_text("", encoding="utf-8")
    lines = tail_file(log, 10, follow=True)
    with log.open("a", encoding="utf-8") as more:
        more.write("half")
        more.flush()
        more.write(" and half\n")
    assert next(lines) == "half and half"
    lines.close()
