"""The faults: each is a function that does its harm for some seconds and takes it back.

It tells what it hit (a worker's id, else ""), or None where there was nothing to hit.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import psutil

from faults.environment import PROGRAMS
from faults.watching import living
from scaler.providers.worker_container import CLUSTER_LABEL, WORKER_ID_LABEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.environment import Environment
    from faults.schedule import Planned

ONE_HEAD = threading.Lock()
FULL_BYTES = 1024  # no write beyond it: a full disk for whoever has this limit
FIRST_WORKER_SECONDS = 6.0
LONGEST_FREEZE_SECONDS = 6.0  # of Ray's own processes: it calls a node dead after some 15 s


def kill_program(program: str, environment: Environment, _planned: Planned) -> str | None:
    """SIGKILL; supervisord starts it again."""
    return _signal(environment.pids().get(program), signal.SIGKILL)


def restart_program(program: str, environment: Environment, _planned: Planned) -> str | None:
    """SIGTERM; supervisord starts it again."""
    return _signal(environment.pids().get(program), signal.SIGTERM)


def freeze_program(program: str, environment: Environment, planned: Planned) -> str | None:
    """SIGSTOP, and SIGCONT after a while."""
    pid = environment.pids().get(program)
    return _freeze([pid] if pid else [], planned.seconds)


def freeze_gcs(environment: Environment, planned: Planned) -> str | None:
    """Ray's control store stands still."""
    gcs = environment.head_process("gcs_server")
    return _freeze([gcs.pid] if gcs else [], min(planned.seconds, LONGEST_FREEZE_SECONDS))


def kill_head(environment: Environment, _planned: Planned) -> str | None:
    """The GCS dies, and its cluster with it; the operator starts another. One at a time."""
    gcs = environment.head_process("gcs_server")
    if gcs is None or not ONE_HEAD.acquire(blocking=False):
        return None
    try:
        gcs.kill()
        environment.restart_head()
    finally:
        ONE_HEAD.release()
    return ""


def kill_worker(environment: Environment, planned: Planned) -> str | None:
    """All processes of one worker at once."""
    worker_id = _chosen(environment, planned)
    if worker_id and environment.docker:
        from scaler.providers.engine import Engine

        with contextlib.closing(Engine()) as engine:
            labels = [f"{CLUSTER_LABEL}={environment.settings.cluster}", f"{WORKER_ID_LABEL}={worker_id}"]
            for container in engine.containers(labels):
                engine._api.kill(container.id)  # noqa: SLF001  # only tests kill
    elif worker_id:
        for process in environment.worker_processes(worker_id):
            with contextlib.suppress(psutil.Error):
                process.kill()
    return worker_id


def freeze_worker(environment: Environment, planned: Planned) -> str | None:
    """A worker's raylet stands still, shorter than Ray's patience."""
    worker_id = _chosen(environment, planned)
    if worker_id is None:
        return None
    pids = [process.pid for process in environment.worker_processes(worker_id)]
    _freeze(pids, min(planned.seconds, LONGEST_FREEZE_SECONDS))
    return worker_id


def pipe(name: str, mode: str, environment: Environment, planned: Planned) -> str | None:
    """What passes between two programs is cut, hangs, is slow or fails."""
    way = getattr(environment, name)
    way.set(mode)
    time.sleep(planned.seconds)
    way.set("pass")
    return ""


def webhooks(mode: str, environment: Environment, planned: Planned) -> str | None:
    """Notifications go astray."""
    environment.webhooks.mode = mode
    time.sleep(planned.seconds)
    environment.webhooks.mode = "pass"
    return ""


def full_disk(environment: Environment, planned: Planned) -> str | None:
    """The scaler cannot write a file beyond a kilobyte: what a full disk looks like to SQLite."""
    pid = environment.pids().get("scaler")
    if pid is None:
        return None
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        soft, hard = process.rlimit(resource.RLIMIT_FSIZE)
        process.rlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, hard))
        time.sleep(planned.seconds)
        process.rlimit(resource.RLIMIT_FSIZE, (soft, hard))
    return ""


def _signal(pid: int | None, signum: int) -> str | None:
    if pid is None:
        return None
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return None
    return ""


def _freeze(pids: list[int], seconds: float) -> str | None:
    hit = [pid for pid in pids if _signal(pid, signal.SIGSTOP) is not None]
    try:
        time.sleep(seconds if hit else 0)
    finally:
        for pid in hit:
            _signal(pid, signal.SIGCONT)
    return "" if hit else None


def _chosen(environment: Environment, planned: Planned) -> str | None:
    """One of the workers; the first one that comes where there is none yet."""
    deadline = time.monotonic() + FIRST_WORKER_SECONDS
    while not (there := sorted(living(environment))) and time.monotonic() < deadline:
        time.sleep(0.2)
    return there[int(planned.choice * len(there)) % len(there)] if there else None


OF_PROGRAMS = {
    f"{verb}:{program}": partial(fault, program)
    for program in PROGRAMS
    for verb, fault in (("kill", kill_program), ("freeze", freeze_program), ("restart", restart_program))
}
OF_WAYS = {
    "cut:exporter": partial(pipe, "exporter", "cut"),
    "hang:exporter": partial(pipe, "exporter", "hang"),
    "slow:exporter": partial(pipe, "exporter", "slow"),
    "cut:gcs": partial(pipe, "gcs", "cut"),
    "hang:gcs": partial(pipe, "gcs", "hang"),
    **{
        f"webhooks:{mode}": partial(webhooks, mode)
        for mode in ("cut", "duplicated", "reordered", "truncated", "delayed", "lost")
    },
}
OF_RAY = {"kill:worker": kill_worker, "freeze:worker": freeze_worker, "freeze:gcs": freeze_gcs}
OF_DISK = {"full:journal": full_disk}
OF_DOCKER = {f"{mode}:docker": partial(pipe, "docker", mode) for mode in ("cut", "hang", "slow", "fail")}
RARE = {"kill:head": kill_head}

PROCESS: dict[str, Callable[[Environment, Planned], str | None]] = {**OF_PROGRAMS, **OF_WAYS, **OF_RAY, **OF_DISK}
DOCKER: dict[str, Callable[[Environment, Planned], str | None]] = {
    **OF_PROGRAMS,
    **OF_WAYS,
    **OF_DISK,
    **OF_DOCKER,
    "kill:worker": kill_worker,
}
BY_PROVIDER = {"process": PROCESS, "docker": DOCKER}
EVERY: dict[str, Callable[[Environment, Planned], str | None]] = {**PROCESS, **DOCKER, **RARE}
