"""`ray start` for a worker that joins seconds sooner; run by the Python that Ray is installed for, in containers too.

It imports the standard library and Ray alone. What it leaves out was read and measured in Ray 2.60; where another
version is different inside, this is plain `ray start`.
"""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

# `ray` imports the modules of all its commands, a second of processor time; `ray start` is none of these.
OTHER_COMMANDS = ("ray.serve.scripts", "ray.util.state.state_cli", "ray.dashboard.modules.job.cli")
# `ray start` imports what its dashboard agent needs, half a second, to see whether it is installed.
AGENT_NEEDS = "ray.dashboard.optional_deps"
AGENT_PACKAGES = ("aiohttp", "aiohttp_cors", "grpc", "opencensus", "opentelemetry", "prometheus_client", "pydantic")


def leave_out() -> None:
    """Let imports that `ray start` can do without find nothing, or nothing to do."""
    sys.modules.update(dict.fromkeys(OTHER_COMMANDS))  # type: ignore[arg-type]  # None: there is no such module
    if all(map(find_spec, AGENT_PACKAGES)):
        sys.modules[AGENT_NEEDS] = ModuleType(AGENT_NEEDS)


def port_file(raylet: Sequence[str]) -> tuple[Path, str] | None:
    """The file in which a raylet of this command line awaits its agent's port, and the port.

    A raylet joins only once its dashboard agent, seconds later, has written down the port that it was told to
    listen on. None where the port is the agent's to choose, or the command is another's.
    """
    flags = dict(part[2:].split("=", 1) for part in raylet if part.startswith("--") and "=" in part)
    port = re.search(r"--listen-port=([1-9]\d*)", flags.get("dashboard_agent_command", ""))
    if port is None or not flags.keys() >= {"session_dir", "node_id"}:
        return None
    return Path(flags["session_dir"], f"dashboard_agent_listen_port_{flags['node_id']}"), port[1]


def announce_ports(services: Any) -> None:
    """Have `services` (`ray._private.services`) write that file before it starts the raylet."""
    start_process = services.start_ray_process

    def start(command: Sequence[str], *args: Any, **kwargs: Any) -> Any:
        if announced := port_file(command):
            path, port = announced
            path.write_text(port, encoding="ascii")
        return start_process(command, *args, **kwargs)

    services.start_ray_process = start


def main() -> None:
    """`ray`, whose command is `start`."""
    del sys.path[0]  # what lies beside this file is not for Ray
    if find_spec("ray") is None:
        sys.exit(f"error: Ray is not installed for {sys.executable}; install ray[serve]")
    leave_out()
    from ray._private import services
    from ray.scripts.scripts import main as ray

    if hasattr(services, "start_ray_process"):
        announce_ports(services)
    ray()


if __name__ == "__main__":
    main()
