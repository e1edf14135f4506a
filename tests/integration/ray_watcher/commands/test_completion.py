"""Shell completion: the scripts, and what is offered for names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.shell_completion import ShellComplete

from ray_watcher.cli import cli
from support.watcher_fakes import World

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAMS = Path(sys.executable).parent


def offered(world: World, *words: str) -> list[str]:
    """What a shell would offer for the last of `words`."""
    shell = ShellComplete(cli, {"obj": world.host()}, "ray-watcher", "_RAY_WATCHER_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


@pytest.fixture
def world() -> World:
    """A cluster with worker-1 and worker-2."""
    return World().with_head(workers=2)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["start-"], ["start-ray", "start-watcher"], id="verbs"),
        pytest.param(["start-watcher", "--max"], ["--max-workers"], id="options"),
        pytest.param(["remove-worker", "w"], ["worker-1", "worker-2"], id="workers that run"),
        pytest.param(["history", "--worker", "worker-2"], ["worker-2"], id="one of them"),
        pytest.param(["logs-ray", "--service", "e"], ["exporter"], id="programs"),
        pytest.param(["logs-ray", "--service", "worker"], ["worker-1", "worker-2"], id="workers have logs too"),
        pytest.param(["add-worker", "--type", "d"], ["default"], id="worker types"),
        pytest.param(["completion", ""], ["bash", "zsh", "fish"], id="shells"),
    ],
)
def test_names_that_exist_are_offered(world: World, words: Sequence[str], expected: list[str]) -> None:
    assert offered(world, *words) == expected


@pytest.mark.parametrize("words", [["remove-worker", "w"], ["add-worker", "--type", "d"]])
def test_what_cannot_be_asked_offers_nothing(words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_MAX_WORKERS", "many")

    assert offered(World(), *words) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_that_of_the_shell(shell: str) -> None:
    script = World().run("completion", shell).stdout

    assert f"_RAY_WATCHER_COMPLETE={shell}_complete" in script
    assert len(script.splitlines()) > 10


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_a_verb_with_it() -> None:
    typed = (
        'eval "$(ray-watcher completion bash)"; COMP_WORDS=(ray-watcher watcher-); COMP_CWORD=1; '
        '_ray_watcher_completion ray-watcher; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", typed],
        env={**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("watcher-status\n", "")
