"""What a run of the tests leaves is swept: at its own end, and by the next run if it was killed.

A run is one pytest with the processes that pytest-xdist adds to it. Its file is locked while it lives and lists the
names that it gave to clusters; the file's path is in the environment of all that it starts (`RUN`). What carries
neither is never touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import tempfile
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import docker.errors
import psutil

from ray_watcher_common.host import private, processes
from scaler.providers.engine import Engine, docker_answers
from scaler.providers.worker_container import CLUSTER_LABEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, MutableMapping

RUN = "TEST_RUN_OF_RAY_WATCHER"  # not RAY_...: the product and the tests drop those as settings
PROJECT_LABEL = "com.docker.compose.project"
END_SECONDS = 20.0  # a demo or a chaos run that is asked to end stops its cluster


def directory() -> Path:
    """The files of all runs of this user."""
    return Path(tempfile.gettempdir()) / f"ray-watcher-test-runs-{os.getuid()}"


def record(name: str) -> None:
    """Note a cluster's name, before anything is called so."""
    if path := os.environ.get(RUN):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")


@contextlib.contextmanager
def run(environ: MutableMapping[str, str]) -> Iterator[list[str]]:
    """A run, unless `environ` is of one; gives what was left, once it has ended. First dead runs are swept."""
    left: list[str] = []
    if RUN in environ:
        yield left
        return
    for path in sorted(directory().glob("*.run")):
        left += _swept_if_dead(path)
    path = directory() / f"{secrets.token_hex(4)}.run"
    with _begun(path):
        environ[RUN] = str(path)
        yield left
        left += sweep(path)
        del environ[RUN]


@contextlib.contextmanager
def _begun(path: Path) -> Iterator[None]:
    private.make_directory(path.parent)
    with path.with_suffix(".new").open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        Path(file.name).rename(path)  # locked before anybody can find it
        yield


def _swept_if_dead(path: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError), path.open(encoding="utf-8") as file:
        return sweep(path) if _is_free(file) else []
    return []


def _is_free(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sweep(path: Path) -> list[str]:
    """End and remove what the run of this file has left; says what, for people."""
    names = set(path.read_text(encoding="utf-8").split())
    left = [*_end_processes(str(path)), *(_remove_from_docker(names) if names and docker_answers() else [])]
    path.unlink()
    return left


def _end_processes(run_file: str) -> list[str]:
    found = [process for process in processes.marked_below(RUN, run_file) if process.pid != os.getpid()]
    sessions = {process.pid for process in found}
    found += [one for one in psutil.process_iter() if one not in found and _session(one) in sessions]
    left = [f"process {process.pid} {_command(process)}" for process in found]
    processes.terminate(found)
    processes.kill(processes.wait_gone(found, END_SECONDS))
    return left


def _session(process: psutil.Process) -> int | None:
    """Some of Ray's processes write their title over their environment; the leader of their session speaks for them."""
    with contextlib.suppress(OSError):
        return os.getsid(process.pid)
    return None


def _command(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())[:120]
    return ""


def _remove_from_docker(names: set[str]) -> list[str]:
    with contextlib.closing(Engine()) as engine:
        found = _on_engine(engine._api, names)  # noqa: SLF001  # no provider looks at other clusters' things
        for _, remove in found:
            with contextlib.suppress(docker.errors.APIError):  # it may go by itself
                remove()
    return [what for what, _ in found]


def _on_engine(api: Any, names: set[str]) -> list[tuple[str, Callable[[], object]]]:
    """What bears the names, and how to remove it: containers first, for they use the others."""
    containers = [one for one in api.containers(all=True) if names & _owners(one) or _is_named_after(names, one)]
    networks = [one for one in api.networks() if names & {one["Name"], one["Name"].removeprefix("ray-watcher-")}]
    volumes = [one for one in api.volumes()["Volumes"] or () if names & _owners(one)]
    return [
        *((f"container {one['Names'][0]}", partial(api.remove_container, one["Id"], force=True)) for one in containers),
        *((f"network {one['Name']}", partial(api.remove_network, one["Id"])) for one in networks),
        *((f"volume {one['Name']}", partial(api.remove_volume, one["Name"], force=True)) for one in volumes),
    ]


def _is_named_after(names: set[str], container: Mapping[str, Any]) -> bool:
    """Whether a name is part of the container's: they are too long to be there by chance."""
    return any(name in called for called in container["Names"] for name in names)


def _owners(described: Mapping[str, Any]) -> set[str]:
    labels = described.get("Labels") or {}
    return {labels[label] for label in (CLUSTER_LABEL, PROJECT_LABEL) if label in labels}
