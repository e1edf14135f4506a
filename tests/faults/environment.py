"""The real programs, with a proxy on each way between them and a second Alertmanager, on ports of their own."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from faults import pair, proxies
from faults.record import Limits
from ray_watcher.settings import OperatorSettings
from ray_watcher.stack import control, supervisord
from ray_watcher.stack.stack import Stack, stack_of
from ray_watcher_common.host.detached import Detached
from ray_watcher_common.program.settings import load, split_host_port
from support.images import ray_image
from support.operating import PROGRAM, Operator
from support.own import own_environment, own_name, own_ports

if TYPE_CHECKING:
    from faults.proxies import Pipe, Webhooks

LIMITS = Limits(max_workers=3, up_cooldown=3.0, down_cooldown=1.0, idle_timeout=4.0)
PROGRAMS = ("scaler", "exporter", "prometheus", "alertmanager", "alertmanager-b")
HEAD_SECONDS = 90.0
START_HEAD = ("start-ray", "--num-workers", "0", "--num-cpus", "1")
SETTINGS = {
    "WATCHER_MAX_WORKERS": str(LIMITS.max_workers),
    "WATCHER_COOLDOWN": f"{LIMITS.up_cooldown:g}",
    "WATCHER_SCALE_DOWN_COOLDOWN": f"{LIMITS.down_cooldown:g}",
    "WATCHER_IDLE_TIMEOUT": f"{LIMITS.idle_timeout:g}",
    "WATCHER_CHECK_INTERVAL": "2",
    "WATCHER_JOIN_TIMEOUT": "60",
    "WATCHER_STOP_GRACE": "8",
    "WATCHER_OBJECT_STORE_MEMORY": "100MB",
}


@dataclass
class Environment:
    """A cluster, its watcher, and the proxies between them."""

    operator: Operator
    settings: OperatorSettings
    stack: Stack
    exporter: Pipe
    gcs: Pipe
    webhooks: Webhooks
    docker: Pipe | None = None

    @property
    def state_dir(self) -> Path:
        """Where all of it keeps its files."""
        return Path(self.operator.environment["WATCHER_STATE_DIR"])

    @property
    def api(self) -> str:
        """The dashboard's."""
        return self.operator.environment["RAY_DASHBOARD_METRIC_API"]

    def pids(self) -> dict[str, int]:
        """Pids of the watcher's programs that run."""
        with suppress(supervisord.SilentError):
            return {one.name: one.pid for one in supervisord.states(self.stack.directory) if one.pid}
        return {}

    def not_running(self) -> list[str]:
        """Programs that do not, as supervisord sees it."""
        try:
            states = {one.name: one.state for one in supervisord.states(self.stack.directory)}
        except supervisord.SilentError:
            return ["supervisord"]
        return [name for name in PROGRAMS if states.get(name) != "RUNNING"]

    def head_process(self, name: str) -> psutil.Process | None:
        """One of the head's processes (provider process), such as `gcs_server`."""
        members = Detached(self.state_dir / "head" / self.settings.cluster).members()
        return next((one for one in members if _name(one) == name), None)

    def worker_processes(self, worker_id: str) -> list[psutil.Process]:
        """All processes of one worker (provider process)."""
        return Detached(self.state_dir / "workers" / worker_id).members()

    def journal(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Rows of the journal, read beside the scaler."""
        with closing(sqlite3.connect(f"file:{self.settings.journal_file}?mode=ro", uri=True, timeout=5)) as db:
            db.row_factory = sqlite3.Row
            return list(db.execute(query, values))

    def restart_head(self) -> None:
        """Start a new head, a new and empty cluster, as soon as the old one has noticed that it is dead."""
        deadline = time.monotonic() + HEAD_SECONDS
        while time.monotonic() < deadline:
            with suppress(AssertionError):  # the old one still counts as there, for some seconds
                self.operator.run(*START_HEAD)
                return
            time.sleep(1)
        self.operator.run(*START_HEAD)

    def log_errors(self, since: dict[str, int]) -> list[str]:
        """What the scaler's and the exporter's logs say, beyond `since` bytes, that nobody foresaw."""
        wrong = []
        for program in ("scaler", "exporter"):
            text = _from(self.stack.log(program), since.get(program, 0))
            wrong += [f"{program}: {_shortened(line)}" for line in text.splitlines() if _is_unexpected(line)]
        return wrong

    def log_sizes(self) -> dict[str, int]:
        """How long the logs are."""
        logs = {program: self.stack.log(program) for program in PROGRAMS}
        return {program: path.stat().st_size if path.exists() else 0 for program, path in logs.items()}

    def close(self) -> None:
        """Stop everything; what a failed stop leaves is killed."""
        with suppress(Exception):
            control.stop(self.stack)
        with suppress(Exception):
            subprocess.run(
                [PROGRAM, "stop-ray"],
                env={**os.environ, **self.operator.environment},
                capture_output=True,
                timeout=120,
                check=False,
            )
        shutil.rmtree(self.state_dir, ignore_errors=True)


def _from(path: Path, offset: int) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(offset)
        return log.read().decode("utf-8", "replace")


def _is_unexpected(line: str) -> bool:
    """Tracebacks in any form, and what the scaler logs with its trace: an error that it has no type for."""
    return "Traceback" in line or '"exception"' in line


def _shortened(line: str) -> str:
    with suppress(ValueError):
        event = json.loads(line)
        last = str(event.get("exception", "")).strip().splitlines()[-1:]
        return " ".join([str(event.get("event")), *last])[:300]
    return line[:300]


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return str(process.name())
    return ""


def make(provider: str) -> Environment:
    """Start all of it; whatever fails, nothing is left."""
    directory = Path(tempfile.mkdtemp(prefix="ray-watcher-chaos-")).resolve()
    operator = Operator(own_environment(own_name("chaos"), directory, provider, **SETTINGS))
    am_b, gossip, gossip_b, to_exporter, to_gcs, to_scaler = own_ports(6)
    os.environ.update(operator.environment)
    if provider == "docker":
        os.environ["RAY_IMAGE"] = operator.environment["RAY_IMAGE"] = ray_image()
    settings = load(OperatorSettings)
    gcs, (_, am) = operator.environment["RAY_GCS_ADDRESS"], split_host_port(settings.alertmanager_listen)
    webhooks = proxies.Webhooks(f"http://{settings.listen}/alerts")
    stack = stack_of(
        settings,
        WATCHER_EXPORTER_URL=f"http://127.0.0.1:{to_exporter}",
        RAY_GCS_ADDRESS=f"127.0.0.1:{to_gcs}",
        **({"WATCHER_JOIN_ADDRESS": gcs} if provider == "process" else {}),
    )
    docker = None
    if provider == "docker":
        docker = proxies.unix(directory / "docker.sock", "/var/run/docker.sock")
        stack = replace(stack, environment={**stack.environment, "DOCKER_HOST": f"unix://{directory}/docker.sock"})
    made = Environment(
        operator,
        settings,
        stack,
        proxies.tcp(to_exporter, settings.exporter_listen),
        proxies.tcp(to_gcs, gcs),
        webhooks,
        docker,
    )
    proxies.serve_webhooks(to_scaler, webhooks)
    try:
        operator.run(*START_HEAD)
        control.start(stack, pair.programs(stack, to_scaler, (am, am_b), (gossip, gossip_b)))
    except BaseException:
        made.close()
        raise
    return made
