"""logs-ray, and following a file that is rotated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ray_watcher.tail import last_lines, tail_file
from scaler.model.errors import ProviderError
from support.watcher_fakes import World

if TYPE_CHECKING:
    from collections.abc import Iterator
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


def test_all_logs_are_merged_by_time_each_line_with_its_part(tmp_path: Path, environment: dict[str, str]) -> None:
    directory = tmp_path / "watcher" / environment["WATCHER_CLUSTER"]
    directory.mkdir(parents=True)
    (directory / "scaler.log").write_text('{"timestamp": "2026-01-02T00:00:02Z", "event": "b"}\n', encoding="utf-8")
    (directory / "prometheus.log").write_text(
        "ts=2026-01-02T00:00:01Z a\nts=2026-01-02T00:00:03Z c\n", encoding="utf-8"
    )
    world = World().with_head(workers=1)
    world.process.provider.output = ("2026-01-04 00:00:00 d",)

    lines = world.run("logs-ray").stdout.splitlines()

    parts = [line.split(" | ")[0].rstrip() for line in lines]
    assert parts == ["head", "head", "prometheus", "scaler", "prometheus", "worker-1-000001"]


def test_a_log_that_breaks_off_ends_with_the_reason_and_hides_no_other() -> None:
    world = World().with_head(workers=1)
    world.process.provider.logs = _broken  # type: ignore[assignment, method-assign]  # a provider that fails while it is read

    result = world.run("logs-ray")

    assert (result.exit_code, "head line 1" in result.stdout, "engine gone" in result.stdout) == (0, True, True)


def _broken(_worker_id: str, *, tail: int | None, follow: bool) -> Iterator[str]:
    del tail, follow
    yield "first"
    raise ProviderError("engine gone")


def test_without_cluster_and_watcher_there_is_nothing_to_print() -> None:
    assert World().run("logs-ray").exit_code == 4


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
