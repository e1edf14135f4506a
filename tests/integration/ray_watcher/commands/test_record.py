"""record and replay: from a journal to a file, into another journal, and through another policy."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.settings import load
from scaler.recording.file import add
from scaler.recording.segments import documents_of
from support.command_blocks import block, follow
from support.recordings import launching, with_pending, written
from support.watcher_fakes import World

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def journal_file(tmp_path: Path) -> Path:
    """What a scaler left that is not running: pending work, then a launch."""
    file, now = load(OperatorSettings).journal_file, time.time()
    assert file.is_relative_to(tmp_path)
    moments = [with_pending(3, now - 60), with_pending(5, now - 50), launching(now - 40)]
    add(file, documents_of(written(moments)))
    return file


@pytest.fixture
def exported(journal_file: Path, tmp_path: Path) -> Path:
    file = tmp_path / "day.jsonl.gz"
    assert journal_file.exists()
    assert World().run("record", "export", str(file)).exit_code == 0
    return file


def replayed(*arguments: str) -> dict[str, Any]:
    result = World().run("replay", "--json", *arguments)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.mark.usefixtures("journal_file")
def test_the_journals_recording_is_replayed_without_a_difference() -> None:
    document = replayed()

    assert (document["moments"], document["differences"], document["totals"]) == (3, [], [])


def test_a_file_is_replayed_with_another_policy(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "small.yml").write_text(
        "version: 1\nlimits: {max_workers: 2}\nworker_types:\n  - {name: default, max_workers: 2}\n", encoding="utf-8"
    )

    document = replayed(str(exported), "--policy", str(tmp_path / "small.yml"))
    launches = [part for one in document["differences"] for part in one["replayed"] if part["what"] == "launch"]
    assert [part["count"] for part in launches] == [1]


def test_for_people_totals_and_reasons_are_printed(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "none.yml").write_text(
        "version: 1\nlimits: {max_workers: 1}\nworker_types:\n  - {name: default}\n", encoding="utf-8"
    )

    result = World().run("replay", str(exported), "--policy", str(tmp_path / "none.yml"))
    assert result.exit_code == 0
    assert all(word in result.stdout for word in ("pending_demand", "max_workers", "launch 4 default"))


def test_an_imported_recording_is_history(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_CLUSTER", f"{os.environ['WATCHER_CLUSTER']}-2")

    assert World().run("record", "import", str(exported)).exit_code == 0
    samples = json.loads(World().run("history", "--json").stdout)["samples"]
    assert [sample["pending"] for sample in samples] == [3, 5, 9]


def test_a_journal_takes_one_recording(exported: Path) -> None:
    result = World().run("record", "import", str(exported))

    assert (result.exit_code, "WATCHER_CLUSTER" in result.stderr) == (2, True)


def test_an_existing_file_is_not_overwritten(exported: Path) -> None:
    assert World().run("record", "export", str(exported)).exit_code == 2


@pytest.mark.parametrize("verb", [("record", "import"), ("replay",)])
def test_a_file_that_is_no_recording_is_refused(verb: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "no.gz").write_bytes(b"nothing")

    result = World().run(*verb, str(tmp_path / "no.gz"))
    assert (result.exit_code, "no.gz" in result.stderr) == (2, True)


def test_without_a_journal_there_is_nothing_to_export_or_replay(tmp_path: Path) -> None:
    for arguments in (("record", "export", str(tmp_path / "x.gz")), ("replay",)):
        assert World().run(*arguments).exit_code == 4


@pytest.mark.usefixtures("journal_file")
def test_the_documents_commands_run(tmp_path: Path) -> None:
    (tmp_path / "new.yml").write_text("version: 1\nworker_types:\n  - {name: default}\n", encoding="utf-8")
    commands = block("docs/recording.md", "ray-watcher record")

    told = follow(commands, instead={"monday": str(tmp_path / "monday"), "new.yml": str(tmp_path / "new.yml")})
    assert told.count("Replayed") == 2
