"""docker-compose.yml with a real Compose, on images made of what this machine has (`make images`)."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from support.command_blocks import block, follow
from support.compose import compose_program
from support.images import ray_image
from support.operating import Operator
from support.own import own_environment, own_name, own_ports
from support.waiting import eventually_shown

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
NAME = own_name("e2e-compose")
PROGRAMS = ("exporter", "scaler", "alertmanager", "prometheus")
ONCE = ("secrets", "configuration")  # services that do something and exit
PORTS = (
    *("RAY_GCS_PORT", "RAY_DASHBOARD_PORT", "RAY_CLIENT_PORT", "RAY_SERVE_PORT"),
    *(f"{program.upper()}_PORT" for program in PROGRAMS),
)
ADDRESS = f"127.77.{secrets.randbelow(255)}.{1 + secrets.randbelow(254)}"
WEBHOOK_TOKEN = "/run/ray-watcher/scaler/webhook-token"  # noqa: S105  # its place


@dataclass
class Stack:
    """The stack as somebody with Docker sees it. `secrets` are texts that must be nowhere."""

    environment: dict[str, str]
    env_file: Path
    secrets: set[str] = field(default_factory=set)

    def compose(self, *arguments: str) -> str:
        """Output of `docker compose ARGUMENTS`, which has to succeed."""
        return self._run([compose_program(), "--env-file", str(self.env_file), *arguments])  # not the developer's own

    def follow(self, beginning: str, instead: dict[str, str] | None = None) -> None:
        """What docs/compose.md says, with our own .env."""
        ours = {"docker compose": f"docker compose --env-file {self.env_file}"}
        home = {"HOME": str(self.env_file.parent)}
        follow(block("docs/compose.md", beginning), self.environment | home, ours | (instead or {}))

    def docker(self, *arguments: str) -> str:
        """Output of `docker ARGUMENTS`, which has to succeed."""
        return self._run(["docker", *arguments])

    def _inspected(self, ids: set[str]) -> list[dict[str, Any]]:
        """Those of `ids` that are still there: workers go whenever they like."""
        done = subprocess.run(
            ["docker", "inspect", *sorted(ids)], capture_output=True, text=True, timeout=60, check=False
        )
        return list(json.loads(done.stdout))

    def _run(self, command: list[str]) -> str:
        path = {"PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin", "HOME": "/nonexistent"}
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**path, **self.environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    @property
    def operator(self) -> Operator:
        """Somebody with `ray-watcher` on the same machine, who knows the cluster's name and none of its addresses."""
        return Operator(own_environment(NAME, Path("/nonexistent"), "auto"))

    def url(self, program: str) -> str:
        """Where a program answers on this machine."""
        return f"http://{ADDRESS}:{self.environment[f'{program.upper()}_PORT']}"

    def containers(self) -> dict[str, dict[str, Any]]:
        """Every container of the project and of the cluster, as `docker inspect` shows it, by name."""
        ids = self.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={NAME}").split()
        ids += self.docker("ps", "-aq", "--filter", f"label=ray-watcher.cluster={NAME}").split()
        found = self._inspected(set(ids)) if ids else []
        return {one["Name"].lstrip("/"): one for one in found}

    def services(self) -> dict[str, dict[str, Any]]:
        """Those of the Compose file, by service."""
        named = {one["Config"]["Labels"].get("com.docker.compose.service"): one for one in self.containers().values()}
        return {name: one for name, one in named.items() if name and name != "worker"}

    def workers(self) -> list[str]:
        """Names of the workers' containers."""
        return [name for name in self.containers() if name.startswith(f"ray-{NAME}-worker-")]

    def load(self, tasks: int, seconds: float) -> subprocess.Popen[str]:
        """Ray tasks, submitted from inside the cluster."""
        driver = (ROOT / "ray_watcher" / "workload" / "driver.py").read_text(encoding="utf-8")
        command = ["docker", "exec", f"ray-{NAME}-head", "python", "-c", driver, str(tasks), "1", "0", str(seconds)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(load: subprocess.Popen[str], tasks: int) -> bool:
    """Whether all tasks ended well."""
    said, _ = load.communicate(timeout=200)
    done = json.loads(said.splitlines()[-1])
    return load.returncode == 0 and (done["finished"], done["failed"]) == (tasks, 0)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A second stack, as docs/compose.md has it, and with ports of its own besides; not yet up."""
    ray_image()  # else `make images` and another test build it at once
    home = tmp_path_factory.mktemp("home")
    plugins = home / ".docker" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(compose_program())
    someone = Stack(
        {
            **dict(zip(PORTS, map(str, own_ports(len(PORTS))), strict=True)),
            "COMPOSE_PROJECT_NAME": NAME,
            "WATCHER_CLUSTER": NAME,
            "LISTEN_ADDRESS": ADDRESS,
            "RAY_HEAD_OBJECT_STORE_MEMORY": "100000000",
            "WATCHER_OBJECT_STORE_MEMORY": "100MB",
            "WATCHER_MAX_WORKERS": "2",
            "WATCHER_COOLDOWN": "3",
            "WATCHER_IDLE_TIMEOUT": "4",
            "WATCHER_SCALE_DOWN_COOLDOWN": "1",
            "WATCHER_CHECK_INTERVAL": "2",
        },
        home / "env",
    )
    yield someone
    someone.compose("down", "--volumes", "--remove-orphans")


def all_services_come_up_in_order(stack: Stack) -> None:
    env_file = str(stack.env_file)
    ours = {"make env": f"make env ENV_FILE={env_file}", "make images": f"make images ENV_FILE={env_file}"}
    stack.follow("make env\nmake images", ours)
    services = stack.services()
    order = sorted(services, key=lambda name: services[name]["State"]["StartedAt"])
    assert set(order) == {*PROGRAMS, *ONCE, "ray-head", "socket-proxy"}
    assert order.index("secrets") < order.index("ray-head") < order.index("exporter") < order.index("scaler")
    assert {"alertmanager", "socket-proxy"} < set(order[: order.index("scaler")])
    assert order[-1] == "prometheus"

    stack.compose("up", "--detach", "--wait")
    health = {name: one["State"].get("Health", {}).get("Status") for name, one in stack.services().items()}
    assert health == dict.fromkeys(order, "healthy") | dict.fromkeys(ONCE)


def the_scaler_found_alertmanager_when_it_started(stack: Stack) -> None:
    lines = stack.compose("logs", "--no-color", "scaler").splitlines()

    assert [line for line in lines if "alertmanager" in line.lower() and '"level": "info"' not in line] == []


def making_images_again_changes_nothing(stack: Stack) -> None:
    before = stack.env_file.read_text(encoding="utf-8")
    follow("make env\nmake images", stack.environment | {"ENV_FILE": str(stack.env_file)})

    assert stack.env_file.read_text(encoding="utf-8") == before


def nothing_listens_beyond_loopback(stack: Stack) -> None:
    bindings = [one["HostConfig"]["PortBindings"] or {} for one in stack.containers().values()]
    hosts = {binding["HostIp"] for ports in bindings for found in ports.values() for binding in found}

    assert hosts == {ADDRESS}


def own_images_are_closed_and_small(stack: Stack) -> None:
    for program in ("exporter", "scaler"):
        inside = stack.services()[program]
        assert inside["Config"]["User"] not in {"", "0", "root"}
        assert inside["HostConfig"]["ReadonlyRootfs"]
        assert inside["HostConfig"]["CapDrop"] == ["ALL"]
        assert not inside["HostConfig"]["CapAdd"]
        status = stack.compose("exec", "-T", program, "python3", "-c", "print(open('/proc/1/status').read())")
        assert "CapEff:\t0000000000000000" in status
        image = json.loads(stack.docker("image", "inspect", inside["Config"]["Image"]))[0]
        assert image["Size"] < 150_000_000
    look = "from importlib.util import find_spec; print([find_spec(name) for name in ('ray', 'docker')])"
    assert "[None, None]" in stack.compose("exec", "-T", "exporter", "python3", "-c", look)


def only_the_proxy_reaches_docker(stack: Stack) -> None:
    mounts = {name: [mount["Destination"] for mount in one["Mounts"]] for name, one in stack.services().items()}

    assert [name for name, found in mounts.items() if "/var/run/docker.sock" in found] == ["socket-proxy"]


def the_webhook_wants_its_token(stack: Stack) -> None:
    assert requests.post(f"{stack.url('scaler')}/alerts", json={}, timeout=20).status_code == 401

    token = stack.compose("exec", "-T", "scaler", "python3", "-c", f"print(open('{WEBHOOK_TOKEN}').read())").strip()
    header = {"Authorization": f"Bearer {token}"}
    assert requests.post(f"{stack.url('scaler')}/alerts", json={}, headers=header, timeout=20).status_code == 400
    stack.secrets.add(token)


def ray_wants_its_token(stack: Stack) -> None:
    dashboard = f"http://{ADDRESS}:{stack.environment['RAY_DASHBOARD_PORT']}/api/cluster_status"
    assert requests.get(dashboard, timeout=20).status_code == 401

    token = stack.docker("exec", f"ray-{NAME}-head", "cat", "/run/ray-watcher/ray/ray-token").strip()
    header = {"Authorization": f"Bearer {token}"}
    assert requests.get(dashboard, headers=header, timeout=20).status_code == 200
    stack.secrets.add(token)


def no_program_can_read_what_is_for_another(stack: Stack) -> None:
    look = "import os; print(os.access('/run/ray-watcher/alertmanager/webhook-token', os.R_OK))"

    assert "False" in stack.compose("exec", "-T", "scaler", "python3", "-c", look)


def load_brings_workers_and_they_go_when_idle(stack: Stack) -> None:
    load = stack.load(tasks=4, seconds=3)
    eventually_shown(stack.workers, "workers are launched")
    assert "worker" in stack.compose("ps", "--all", "--format", "{{.Service}}").split()

    assert finished(load, tasks=4)
    eventually_shown(lambda: not stack.workers(), "idle workers go")


def a_script_can_be_run_inside(stack: Stack) -> None:
    stack.follow("docker compose exec -T ray-head")


def the_scaler_serves_the_runbooks(stack: Stack) -> None:
    assert "<h1>RayNoLeader</h1>" in requests.get(f"{stack.url('scaler')}/runbooks/RayNoLeader", timeout=20).text


def the_command_line_sees_it(stack: Stack) -> None:
    cluster = json.loads(stack.operator.says("status-ray", "--json"))
    watcher = json.loads(stack.operator.says("watcher-status", "--json"))

    assert (cluster["head"]["running"], cluster["problem"]) == (True, None)
    assert {p["name"]: p["state"] for p in watcher["programs"]} == dict.fromkeys(PROGRAMS, "RUNNING")
    assert {a["cause"] for a in watcher["scaler"]["actions"] if a["action"] == "remove"} == {"drained"}
    assert '"event": "listening"' in stack.operator.says("logs-ray", "--service", "scaler")
    assert stack.operator.says("logs-ray", "--service", "head")
    assert "paused" in stack.operator.says("pause", "down", "--reason", "a look")
    assert "resumed" in stack.operator.says("resume")


def every_program_can_be_restarted_under_load(stack: Stack) -> None:
    load = stack.load(tasks=9, seconds=5)
    for program in PROGRAMS:
        stack.compose("restart", program)

    assert finished(load, tasks=9)
    stack.compose("up", "--detach", "--wait")


def a_restarted_head_is_a_new_cluster_that_scales_as_well(stack: Stack) -> None:
    stack.compose("restart", "ray-head")
    stack.compose("up", "--detach", "--wait")

    load = stack.load(tasks=4, seconds=3)
    eventually_shown(stack.workers, "workers are launched")
    assert finished(load, tasks=4)


def the_proxy_lets_nothing_else_through(stack: Stack) -> None:
    ask = (
        "import docker, sys; api = docker.DockerClient('tcp://socket-proxy:2375').api\n"
        "def code(call):\n"
        "    try: call()\n"
        "    except docker.errors.APIError as error: return error.status_code\n"
        "    return 200\n"
        "host = lambda **given: api.create_host_config(**given)\n"
        "make = lambda **given: api.create_container('x', host_config=host(**given))\n"
        "print([code(call) for call in (\n"
        "    lambda: api.images(), lambda: api.volumes(), lambda: api.networks(), lambda: api.exec_create('x', 'sh'),\n"
        "    lambda: api.kill('x'), lambda: api.pull('x'), lambda: make(binds=['/:/host']),\n"
        "    lambda: make(pid_mode='host'),\n"
        "    lambda: make(privileged=True), lambda: make(network_mode='host'), lambda: make(cap_add=['SYS_ADMIN']))])\n"
        "print(code(make), code(api.info))\n"
    )

    said = stack.compose("exec", "-T", "scaler", "python3", "-c", ask)

    assert said.splitlines() == [str([403] * 11), "403 200"]  # an image that no worker runs


def no_secret_is_shown_anywhere(stack: Stack) -> None:
    shown = [json.dumps(stack.containers()), stack.compose("logs", "--no-color")]
    shown += [stack.docker("logs", name) for name in stack.containers()]
    for page in ("metrics", "state", "api/v1/status", "api/v1/history", ""):
        shown += [requests.get(f"{stack.url(p)}/{page}", timeout=20).text for p in ("exporter", "scaler")]

    assert stack.secrets
    assert not [secret for secret in stack.secrets for text in shown if secret in text]


def the_command_line_stops_the_watcher_and_compose_starts_it_again(stack: Stack) -> None:
    stack.operator.run("stop-watcher")
    assert {stack.services()[program]["State"]["Status"] for program in PROGRAMS} == {"exited"}
    assert stack.services()["ray-head"]["State"]["Status"] == "running"

    stack.compose("up", "--detach", "--wait")


def down_takes_the_workers_with_it(stack: Stack) -> None:
    load = stack.load(tasks=3, seconds=60)
    eventually_shown(stack.workers, "workers are launched")
    no_secret_is_shown_anywhere(stack)

    stack.follow("docker compose down --remove-orphans")

    load.communicate(timeout=60)
    assert load.returncode != 0  # its head is gone
    assert stack.containers() == {}
    assert not stack.docker("network", "ls", "-q", "--filter", f"name={NAME}").split()
    assert stack.docker("volume", "ls", "-q", "--filter", f"name={NAME}").split()
    stack.compose("down", "--volumes")
    assert not stack.docker("volume", "ls", "-q", "--filter", f"name={NAME}").split()


STORY = (
    all_services_come_up_in_order,
    the_scaler_found_alertmanager_when_it_started,
    making_images_again_changes_nothing,
    nothing_listens_beyond_loopback,
    own_images_are_closed_and_small,
    only_the_proxy_reaches_docker,
    the_webhook_wants_its_token,
    ray_wants_its_token,
    no_program_can_read_what_is_for_another,
    load_brings_workers_and_they_go_when_idle,
    a_script_can_be_run_inside,
    the_scaler_serves_the_runbooks,
    the_command_line_sees_it,
    every_program_can_be_restarted_under_load,
    a_restarted_head_is_a_new_cluster_that_scales_as_well,
    the_proxy_lets_nothing_else_through,
    the_command_line_stops_the_watcher_and_compose_starts_it_again,
    down_takes_the_workers_with_it,
)


def test_the_compose_file_lives_through_a_day(stack: Stack) -> None:
    for step in STORY:
        began = time.monotonic()
        step(stack)
        print(f"{time.monotonic() - began:6.1f} s  {step.__name__.replace('_', ' ')}")  # noqa: T201  # shown on failure
