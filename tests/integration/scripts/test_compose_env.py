"""`make env`: a file for each checkout that may be made again."""

from __future__ import annotations

import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.paths import ROOT
from tools.images.env_file import value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def docker_socket(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        yield path


def checkout(directory: Path) -> Path:
    """As much of a checkout as the script needs."""
    (directory / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "compose-env", directory / "scripts")
    shutil.copy(ROOT / ".env.example", directory)
    return directory


def run(directory: Path, docker_socket: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(directory / "scripts" / "compose-env"), *arguments]
    variables = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "DOCKER_SOCKET": docker_socket, **environment}
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=30, check=False)


def test_the_file_has_the_group_of_the_socket_and_is_for_its_owner_alone(tmp_path: Path, docker_socket: str) -> None:
    ours = checkout(tmp_path / "ray")
    assert run(ours, docker_socket).returncode == 0

    text = (ours / ".env").read_text(encoding="utf-8")
    assert value(text, "DOCKER_GID") == str((tmp_path / "docker.sock").stat().st_gid)
    assert (ours / ".env").stat().st_mode & 0o777 == 0o600


def test_made_again_it_stays_as_it_is_and_the_next_command_is_the_same(tmp_path: Path, docker_socket: str) -> None:
    ours = checkout(tmp_path / "ray")
    first = run(ours, docker_socket)
    (ours / ".env").write_text("DOCKER_GID=1\n", encoding="utf-8")
    again = run(ours, docker_socket)

    assert (ours / ".env").read_text(encoding="utf-8") == "DOCKER_GID=1\n"
    assert again.returncode == 0
    assert again.stderr.splitlines()[-1] == first.stderr.splitlines()[-1]
    assert first.stderr.splitlines()[-1].endswith("docker compose up -d")


def test_two_checkouts_in_directories_of_one_name_are_two_projects(tmp_path: Path, docker_socket: str) -> None:
    names = set()
    for place in ("a", "b"):
        ours = checkout(tmp_path / place / "Ray.Watcher")
        run(ours, docker_socket)
        names.add(value((ours / ".env").read_text(encoding="utf-8"), "COMPOSE_PROJECT_NAME"))

    assert len(names) == 2
    assert all(name and name.startswith("raywatcher-") for name in names)


def test_without_a_socket_it_says_what_to_do_and_makes_nothing(tmp_path: Path) -> None:
    ours = checkout(tmp_path / "ray")
    done = run(ours, str(tmp_path / "nothing"))

    assert (done.returncode, "DOCKER_SOCKET" in done.stderr) == (1, True)
    assert not (ours / ".env").exists()


def test_a_file_elsewhere_is_named_in_the_next_command(tmp_path: Path, docker_socket: str) -> None:
    done = run(checkout(tmp_path / "ray"), docker_socket, ENV_FILE=str(tmp_path / "env"))

    assert f"--env-file {tmp_path / 'env'} up -d" in done.stderr
