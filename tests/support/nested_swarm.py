"""Several Docker hosts on one machine: engines inside containers, which form a Swarm of their own.

The machine's engine is no part of that Swarm. Without IPVS, services have no virtual addresses there, and need none.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import docker
import docker.types

from scaler.providers.engine import Engine
from support.images import one_at_a_time, tiny_image
from support.own import own_name
from support.waiting import eventually
from tools.images.base import build_base

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINE_IMAGE = "ray-watcher/nested-engine:test"
PACKAGES = ("docker.io", "iptables", "iproute2", "mount", "procps", "dash", "coreutils")
PORT, SWARM_PORT = 2375, 2377
MAY: dict[str, Any] = {
    "init": True,
    "cap_add": ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "MKNOD"],
    "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
    "device_cgroup_rules": ["a *:* rwm"],
}
# An engine may make control groups only where they are mounted for writing.
STARTS = f"""
while read -r _ place _; do
  case $place in /sys/fs/cgroup|/sys/fs/cgroup/*) mount -o remount,rw,bind "$place" || true;; esac
done < /proc/mounts
exec dockerd --host tcp://0.0.0.0:{PORT} --tls=false
"""


@contextlib.contextmanager
def swarm(engine: Engine, hosts: int, name: str = "") -> Iterator[NestedSwarm]:
    """A Swarm of so many hosts `<name>-1` and so on, each with the tiny image; the first is its manager."""
    with one_at_a_time():
        build_base(engine, ENGINE_IMAGE, PACKAGES, lambda _line: None, essential=False)
    made = NestedSwarm(docker.from_env().api, name or own_name("host"))
    try:
        made.start(hosts, tiny_image(engine))
        yield made
    finally:
        made.close()


class NestedSwarm:
    """Engines in containers `<name>-1` and so on of the machine's engine `outer`."""

    def __init__(self, outer: Any, name: str) -> None:
        self._outer, self._name = outer, name
        self.hosts: list[str] = []  # the names of the containers, and of the Swarm's nodes

    def start(self, count: int, image: str) -> None:
        """Start the engines, give them the image, and let them form a Swarm."""
        archive = b"".join(self._outer.get_image(image))
        engines = [self._engine(number) for number in range(1, count + 1)]
        for address, api in engines:
            eventually(partial(_answers, api), f"the engine at {address} answers")
            api.load_image(archive)
        (manager, first), *others = engines
        first.init_swarm(advertise_addr=manager, listen_addr=f"0.0.0.0:{SWARM_PORT}")
        token = first.inspect_swarm()["JoinTokens"]["Worker"]
        for address, api in others:
            api.join_swarm([f"{manager}:{SWARM_PORT}"], token, advertise_addr=address)
        eventually(lambda: _ready(first) == count, "all hosts are ready")
        self._apis = [api for _, api in engines]
        self.manager = f"tcp://{manager}:{PORT}"

    def pause(self, host: str) -> None:
        """Freeze a host, as if it had lost power or its network."""
        self._outer.pause(host)

    def resume(self, host: str) -> None:
        """Let a frozen host go on."""
        self._outer.unpause(host)

    def close(self) -> None:
        """Remove the engines with all that they have."""
        for api in getattr(self, "_apis", ()):
            api.close()
        for host in self.hosts:
            self._outer.remove_container(host, force=True, v=True)
        self._outer.close()

    def _engine(self, number: int) -> tuple[str, Any]:
        """Its address, and a client for it."""
        host = f"{self._name}-{number}"
        created = self._outer.create_container(
            ENGINE_IMAGE,
            ["/bin/sh", "-c", STARTS],
            name=host,
            hostname=host,
            volumes=["/var/lib/docker"],
            host_config={**self._outer.create_host_config(**MAY), "MaskedPaths": [], "ReadonlyPaths": []},
        )
        self.hosts.append(host)
        self._outer.start(created["Id"])
        networks = self._outer.inspect_container(host)["NetworkSettings"]["Networks"]
        address = next(iter(networks.values()))["IPAddress"]
        return address, docker.APIClient(base_url=f"tcp://{address}:{PORT}", version="1.41")


def _answers(api: Any) -> bool:
    with contextlib.suppress(OSError, docker.errors.DockerException):
        return bool(api.ping())
    return False


def _ready(api: Any) -> int:
    return sum(node["Status"]["State"] == "ready" for node in api.nodes())


@contextlib.contextmanager
def engine_at(address: str) -> Iterator[Engine]:
    """The engine at `address`; it connects at once, because only the environment can name one."""
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = address
    try:
        with contextlib.closing(Engine()) as engine:
            engine.ping()
            _restore(before)
            yield engine
    finally:
        _restore(before)


def _restore(value: str | None) -> None:
    if value is None:
        os.environ.pop("DOCKER_HOST", None)
    else:
        os.environ["DOCKER_HOST"] = value
