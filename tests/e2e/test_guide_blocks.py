"""Each block of commands of the usage guide, in its order, with Docker: only names, ports and the image are ours.

Where the guide offers an alternative, or goes on after it has stopped the cluster, the test does in between what a
reader would.
"""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from scaler.providers.engine import Engine
from support.apt_image import ray_image_with_apt
from support.command_blocks import follow
from support.operating import Operator
from support.own import own_environment, own_name
from support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.full, pytest.mark.timeout(900)]

START_RAY = """
python scripts/infra.py start-ray --num-workers 2
python scripts/infra.py status-ray
"""
START_WATCHER = "python scripts/infra.py start-watcher"
START_CUSTOM = """
python scripts/infra.py start-watcher \\
    --check-interval 60 \\
    --pending-threshold 3 \\
    --max-workers 8 \\
    --cooldown 120
"""
TEST_AUTOSCALING = """
python test_watcher.py
python scripts/infra.py watcher-status
"""
MANUAL = """
python scripts/infra.py add-worker
python scripts/infra.py stop-watcher
python scripts/infra.py stop-ray
"""
CHECK_STATUS = """
python scripts/infra.py status-ray
python scripts/infra.py watcher-status
"""
VIEW_LOGS = """
python scripts/infra.py logs-ray --service head
python scripts/infra.py logs-ray --service worker-1
docker logs ray-watcher
"""
CONTAINER = """
docker run -d \\
    --name ray-watcher \\
    --network ray-cluster \\
    --init \\
    -v $(pwd):/workspace \\
    -v $(pwd)/logs:/tmp/ray \\
    -v /var/run/docker.sock:/var/run/docker.sock \\
    -w /workspace \\
    -e WATCHER_CHECK_INTERVAL=10 \\
    -e WATCHER_PENDING_THRESHOLD=0 \\
    -e WATCHER_MAX_WORKERS=5 \\
    -e WATCHER_COOLDOWN=60 \\
    -e RAY_HEAD_ADDRESS=localhost:10001 \\
    -e RAY_DISABLE_IMPORT_WARNING=1 \\
    rayproject/ray:2.47.1.aeaf41-py39-cpu \\
    bash -c 'apt-get update && apt-get install -y docker.io && python /workspace/scripts/ray_watcher.py'
"""
CONTAINER_SECONDS = 400.0  # apt installs docker.io in some 90 s


@pytest.fixture
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """A reader of the guide, whose cluster is their own."""
    name = own_name("guide")
    environment = own_environment(name, tmp_path_factory.mktemp("state"), "docker", WATCHER_IDLE_TIMEOUT="600")
    someone = Operator(environment)
    yield someone
    subprocess.run(["docker", "rm", "-f", f"ray-watcher-{name}"], capture_output=True, timeout=60, check=False)
    subprocess.run(
        [someone.program, "stop-ray"], env=someone.full_environment, capture_output=True, timeout=120, check=False
    )


def test_each_block_of_the_guide_in_its_order(reader: Operator) -> None:
    cluster = reader.environment["WATCHER_CLUSTER"]
    named = {"ray-watcher": f"ray-watcher-{cluster}"}
    assert "2 workers" in follow(START_RAY, reader.environment)
    follow(START_WATCHER, reader.environment)
    reader.run("stop-watcher")
    assert "0 to 8 workers" in follow(START_CUSTOM, reader.environment)
    assert "worker" in follow(TEST_AUTOSCALING, reader.environment)
    follow(MANUAL, reader.environment)

    follow(f"{START_RAY}{START_WATCHER}", reader.environment)  # its next parts look at what runs
    assert "--max-workers 8" in follow(CHECK_STATUS, reader.environment)
    assert "listening" in follow(VIEW_LOGS, reader.environment, named)

    reader.run("stop-watcher")
    image = ray_image_with_apt(Engine())
    ours = {
        "docker run -d": f"docker run -d -e WATCHER_CLUSTER={cluster} -e WATCHER_NETWORK={cluster}",
        "rayproject/ray:2.47.1.aeaf41-py39-cpu": image,
        "--network ray-cluster": f"--network {cluster}",
        "--name ray-watcher": f"--name ray-watcher-{cluster}",
    }
    before = _of_root(ROOT)
    follow(CONTAINER, reader.environment, ours)
    _await_line(f"ray-watcher-{cluster}", "listening")
    said = follow(f"docker exec ray-watcher-{cluster} python scripts/infra.py explain", reader.environment)
    assert f"'{cluster}'" in said
    assert "No usable snapshot" not in said
    assert _of_root(ROOT) <= before


def _await_line(container: str, text: str) -> None:
    deadline = time.monotonic() + CONTAINER_SECONDS
    while text not in (said := _logs(container)):
        assert time.monotonic() < deadline, said[-3000:]
        time.sleep(1)


def _logs(container: str) -> str:
    done = subprocess.run(["docker", "logs", container], capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr


def _of_root(directory: Path) -> set[str]:
    """What root owns in the checkout, if the checkout is another user's."""
    owner = directory.stat().st_uid
    entries = [*directory.iterdir(), *(directory / "scripts").iterdir()]
    return {path.name for path in entries if path.stat().st_uid != owner}
