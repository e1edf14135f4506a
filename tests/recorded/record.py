"""Record what a real Ray cluster answers: `python tests/recorded/record.py [SCENE...]` (two minutes each, Linux).

Each scene starts a head without CPUs and three workers in a temporary directory on ports of its own, and stops them.
`demand` kills one worker, records the idle cluster, queues work of every kind, and records again. `groups` places
placement groups, kills a worker that holds a share of each, and records how Ray reports what is to be placed again.
Replies of the GCS are kept byte for byte (`*.pb`); JSON is kept without names, addresses and paths of the recording
machine. Recorded with Ray 2.60.0.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import requests

from exporter.sources.gcs import KV_METHOD, KV_REQUEST, METHOD, REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
GCS, DASHBOARD, CLIENT = "127.0.0.1:36379", "http://127.0.0.1:38265", 30001
RAY = str(Path(sys.executable).with_name("ray"))
DEATH_NOTICED_SECONDS = 45  # Ray's health checks take up to 30 s
SETTLE_SECONDS = 14  # the dashboard's numbers lag by up to 6 s, and dead workers by more

DRIVER = """
import ray, time
from ray.autoscaler.sdk import request_resources
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy
ray.init(address="127.0.0.1:36379", log_to_driver=False)
@ray.remote
def work(_after=None):
    time.sleep(600)
@ray.remote
class Actor:
    def work(self):
        time.sleep(600)
keep = [work.options(num_cpus=1, resources={"busy": 0.1}).remote() for _ in range(5)]  # two run, three wait
time.sleep(3)
keep += [work.options(num_cpus=4).remote() for _ in range(100)]
keep += [work.options(num_cpus=0.5, num_gpus=1).remote() for _ in range(7)]
keep += [work.options(resources={"accelerator": 2}).remote() for _ in range(3)]
keep += [work.options(num_cpus=4, label_selector={"zone": "in(a,b)", "disk": "!hdd"}).remote()]
keep += [Actor.options(num_cpus=8).remote() for _ in range(2)]
blocked = work.options(num_cpus=16).remote(keep[0])  # waits for an argument: no demand
keep += [placement_group([{"CPU": 4}] * 2, strategy=s) for s in ("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD")]
placed = placement_group([{"CPU": 1}], strategy="PACK")
ray.get(placed.ready(), timeout=60)
inside = PlacementGroupSchedulingStrategy(placement_group=placed)
keep += [work.options(num_cpus=1, scheduling_strategy=inside).remote() for _ in range(3)]  # two wait in the group
request_resources(num_cpus=3, bundles=[{"CPU": 4, "GPU": 1}])
request_resources(num_cpus=2, bundles=[{"CPU": 4, "GPU": 1}, {"accelerator": 2}])  # replaces the one before
print("queued", flush=True)
time.sleep(600)
"""

GROUPS_DRIVER = """
import ray, time
from ray.util.placement_group import placement_group
ray.init(address="127.0.0.1:36379", log_to_driver=False)
@ray.remote
def work():
    time.sleep(600)
spread = placement_group([{"CPU": 1}] * 3, strategy="STRICT_SPREAD")
ray.get(spread.ready(), timeout=60)
on_one_rack = {"ray.io/node-id": "STRICT_SPREAD", "rack": "STRICT_PACK"}
rack = placement_group([{"CPU": 0.5}] * 2, topology_strategy=on_one_rack)
ray.get(rack.ready(), timeout=60)
waiting = placement_group([{"CPU": 2}] * 2, topology_strategy=on_one_rack)
fallbacks = [{"label_selector": {"zone": "b"}}, {"label_selector": {"zone": "!c"}}]
task = work.options(num_cpus=3, label_selector={"zone": "a"}, fallback_strategy=fallbacks).remote()
time.sleep(600)
"""


@contextlib.contextmanager
def running(command: list[str], home: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process group of our own, stopped at the end."""
    log = (home / f"{len(list(home.glob('*.log')))}.log").open("wb")
    process = subprocess.Popen(
        command,
        stdout=log,
        stderr=log,
        start_new_session=True,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", **environment},
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def head(home: Path) -> list[str]:
    """A head that offers no CPUs; with `--block`, so that it ends with its process group."""
    return [
        *(RAY, "start", "--head", "--block", "--num-cpus=0", "--port=36379", f"--temp-dir={home}/ray"),
        *("--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1", "--dashboard-port=38265"),
        *(f"--ray-client-server-port={CLIENT}", "--object-store-memory=80000000", "--include-dashboard=true"),
    ]


def worker(number: int, cpus: int, resource: str, labels: str = "") -> list[str]:
    """A worker with agent ports of its own: sharing the defaults costs seconds."""
    ports = (f"--{name}={39000 + 10 * number + i}" for i, name in enumerate(AGENT_PORTS))
    return [
        *(RAY, "start", "--block", f"--address={GCS}", f"--num-cpus={cpus}", "--object-store-memory=80000000"),
        *("--node-ip-address=127.0.0.1", "--resources", json.dumps({resource: 1}), "--labels", labels, *ports),
    ]


AGENT_PORTS = (
    "runtime-env-agent-port",
    "dashboard-agent-grpc-port",
    "dashboard-agent-listen-port",
    "metrics-export-port",
)


def identity(number: int) -> dict[str, str]:
    """What our providers put in a worker's environment."""
    return {"RAY_CLOUD_INSTANCE_ID": f"worker-{number}-00000{number}", "RAY_NODE_TYPE_NAME": "default"}


def ask_gcs(method: str, request: bytes) -> bytes:
    """The reply as it comes."""
    with grpc.insecure_channel(GCS) as channel:
        reply: bytes = channel.unary_unary(method)(request, timeout=5)
        return reply


OF_THE_MACHINE = {
    *("workers", "coreWorkersStats", "agent", "gcs", "cmdline", "disk", "diskIo", "diskIoSpeed", "network"),
    *("networkSpeed", "sessionDir", "tempDir", "rayletSocketName", "objectStoreSocketName", "stateMessage"),
}


def anonymous(value: Any) -> Any:
    """JSON without what belongs to the recording machine: processes, command lines, host name."""
    if isinstance(value, list):
        return [anonymous(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: "recorded" if key in {"hostname", "nodeManagerHostname", "nodeName"} else anonymous(item)
        for key, item in value.items()
        if key not in OF_THE_MACHINE
    }


def record(name: str) -> None:
    """One moment, by all three ways."""
    (HERE / f"gcs_{name}.pb").write_bytes(ask_gcs(METHOD, REQUEST))
    (HERE / f"kv_{name}.pb").write_bytes(ask_gcs(KV_METHOD, KV_REQUEST))
    for kind, path in (("cluster_status", "/api/cluster_status"), ("nodes", "/nodes?view=summary&nocache=1")):
        answer = requests.get(DASHBOARD + path, timeout=10)
        answer.raise_for_status()
        text = json.dumps(anonymous(answer.json()), indent=1, sort_keys=True)
        (HERE / f"{kind}_{name}.json").write_text(text + "\n", encoding="utf-8")


def wait_for(nodes: int) -> None:
    """Until the dashboard knows that many nodes, at most a minute."""
    for _ in range(120):
        with contextlib.suppress(requests.RequestException, KeyError):
            reply = requests.get(f"{DASHBOARD}/nodes?view=summary&nocache=1", timeout=5).json()
            if sum(node["raylet"].get("state") == "ALIVE" for node in reply["data"]["summary"]) >= nodes:
                return
        time.sleep(0.5)
    raise TimeoutError(f"{nodes} nodes did not join within a minute")


def show_logs(home: Path) -> None:
    """The end of what each process said, for whoever records."""
    for log in sorted(home.glob("*.log")):
        sys.stderr.write(f"--- {log.name}\n{log.read_text(encoding='utf-8')[-600:]}\n")


@contextlib.contextmanager
def cluster() -> Iterator[tuple[contextlib.ExitStack, Path]]:
    """A head; what is entered into the stack ends with it."""
    with tempfile.TemporaryDirectory(prefix="rayrec") as directory, contextlib.ExitStack() as stack:
        home = Path(directory)
        stack.callback(show_logs, home)
        stack.enter_context(running(head(home), home))
        wait_for(1)
        yield stack, home


def demand() -> None:
    """Head and workers, of which one ends; idle; then work of every kind."""
    with cluster() as (stack, home):
        for number, resource in enumerate(("busy", "roomy", "doomed"), start=1):
            doomed = stack.enter_context(running(worker(number, 2, resource), home, **identity(number)))
            wait_for(1 + number)  # one by one: nodes that start at once race for socket names in one session
        doomed.terminate()
        time.sleep(SETTLE_SECONDS)
        record("idle")
        stack.enter_context(running([sys.executable, "-c", DRIVER], home))
        time.sleep(SETTLE_SECONDS + 6)
        record("busy")


def groups() -> None:
    """Two workers on rack a, one on rack b, each with shares of placement groups; the second one dies."""
    with cluster() as (stack, home):
        workers = []
        for number, rack in enumerate("aab", start=1):
            command = worker(number, 2, f"worker{number}", f"rack={rack}")
            workers.append(stack.enter_context(running(command, home, **identity(number))))
            wait_for(1 + number)
        stack.enter_context(running([sys.executable, "-c", GROUPS_DRIVER], home))
        time.sleep(SETTLE_SECONDS)
        os.killpg(workers[1].pid, signal.SIGKILL)
        time.sleep(DEATH_NOTICED_SECONDS)
        record("groups")


SCENES = {"demand": demand, "groups": groups}


if __name__ == "__main__":
    for scene in sys.argv[1:] or SCENES:
        SCENES[scene]()
