"""`ray start` for a worker that joins seconds sooner and ends with its head; run by the Python that has Ray.

It imports the standard library and Ray alone. What it leaves out was read and measured in Ray 2.60; where another
version is different inside, this is plain `ray start`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

# `ray` imports the modules of all its commands, a second of processor time; `ray start` is none of these.
OTHER_COMMANDS = ("ray.serve.scripts", "ray.util.state.state_cli", "ray.dashboard.modules.job.cli")
# `ray start` imports what its dashboard agent needs, half a second, to see whether it is installed.
AGENT_NEEDS = "ray.dashboard.optional_deps"
AGENT_PACKAGES = ("aiohttp", "aiohttp_cors", "grpc", "opencensus", "opentelemetry", "prometheus_client", "pydantic")

AGENT_COMMAND = re.compile(r"^--\w+_agent_command=(?=.)")
NICENESS = "10"
POLL_SECONDS = 0.025
HEAD_SECONDS = 1.0


def leave_out() -> None:
    """Let imports that `ray start` can do without find nothing, or nothing to do."""
    sys.modules.update(dict.fromkeys(OTHER_COMMANDS))  # type: ignore[arg-type]  # None: there is no such module
    if all(map(find_spec, AGENT_PACKAGES)):
        sys.modules[AGENT_NEEDS] = ModuleType(AGENT_NEEDS)


def port_file(raylet: Sequence[str]) -> tuple[Path, str] | None:
    """The file in which a raylet of this command line awaits its agent's port, and the port.

    A raylet joins only once its dashboard agent, seconds later, has written down the port that it was given to
    listen on. None if the agent chooses the port, or for another command.
    """
    flags = dict(part[2:].split("=", 1) for part in raylet if part.startswith("--") and "=" in part)
    port = re.search(r"--listen-port=([1-9]\d*)", flags.get("dashboard_agent_command", ""))
    if port is None or not flags.keys() >= {"session_dir", "node_id"}:
        return None
    return Path(flags["session_dir"], f"dashboard_agent_listen_port_{flags['node_id']}"), port[1]


def yielding(command: Sequence[str]) -> list[str]:
    """The command line of one of Ray's processes such that its agents yield the CPU to those that start with them.

    They load for seconds, and would hold up the first task for as long. A task yields to them all the same: Ray runs
    its workers at niceness 15.
    """
    nice = shutil.which("nice")
    if nice is None:
        return list(command)
    if any(part.endswith("log_monitor.py") for part in command):
        return [nice, "-n", NICENESS, *command]
    return [AGENT_COMMAND.sub(rf"\g<0>{nice} -n {NICENESS} ", part) for part in command]


def start_sooner(services: Any) -> None:
    """Have `services` (`ray._private.services`) start each of the node's processes so."""
    start_process = services.start_ray_process

    def start(command: Sequence[str], *args: Any, **kwargs: Any) -> Any:
        if announced := port_file(command):
            path, port = announced
            path.write_text(port, encoding="ascii")
        return start_process(yielding(command), *args, **kwargs)

    services.start_ray_process = start


def drain_only_with_a_head(node: type[Any]) -> None:
    """Have `node` (`ray._private.node.Node`) end at once on SIGTERM when there is no head that it could drain with.

    Ray asks the head to drain the node, and waits for its answer for up to 30 s
    (RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S), also if the head has gone before: `docker compose down` would take as long.
    """
    drain = node._drain_node_before_shutdown  # noqa: SLF001  # the step that waits; a contract test looks for it

    def drain_with_head(self: Any) -> None:
        if accepts(self.gcs_address):
            drain(self)

    node._drain_node_before_shutdown = drain_with_head  # noqa: SLF001


def accepts(address: str) -> bool:
    """Whether something accepts connections at `HOST:PORT`."""
    host, _, port = address.rpartition(":")
    accepted = threading.Event()

    def connect() -> None:
        with contextlib.suppress(OSError):
            socket.create_connection((host, int(port)), HEAD_SECONDS).close()
            accepted.set()

    threading.Thread(target=connect, daemon=True).start()  # to find out that a name is gone can take 10 s
    return accepted.wait(HEAD_SECONDS)


def await_join(path: str) -> None:
    """Wait until the file exists: a warm worker has prepared everything by then."""
    while not os.path.exists(path):  # noqa: PTH110  # forty times a second
        time.sleep(POLL_SECONDS)


def use_the_given_gpus(environ: MutableMapping[str, str]) -> None:
    """Let Ray see only the GPUs that Swarm gave to this container: the runtime may show it all of the host's."""
    if given := environ.get("DOCKER_RESOURCE_GPU"):
        environ.setdefault("CUDA_VISIBLE_DEVICES", given)


def main() -> None:
    """`ray start`; if RAY_WATCHER_JOIN_FILE names a file, once that exists."""
    del sys.path[0]  # Ray must not import this file's neighbours
    if find_spec("ray") is None:
        sys.exit(f"error: Ray is not installed for {sys.executable}; install ray[serve]")
    leave_out()
    use_the_given_gpus(os.environ)
    from ray._private import node, services
    from ray.scripts.scripts import main as ray

    if hasattr(services, "start_ray_process"):
        start_sooner(services)
    if hasattr(node.Node, "_drain_node_before_shutdown"):
        drain_only_with_a_head(node.Node)
    if path := os.environ.pop("RAY_WATCHER_JOIN_FILE", ""):
        await_join(path)
    ray()


if __name__ == "__main__":
    main()
