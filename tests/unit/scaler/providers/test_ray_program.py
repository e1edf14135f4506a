"""`ray start` that joins sooner and ends with its head: which file a raylet waits for, when a node drains."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from scaler.providers.ray_program import drain_only_with_a_head, port_file, start_sooner, use_the_given_gpus, yielding

AGENT = "--dashboard_agent_command=python agent.py --node-id=ab --listen-port=8078 --node-manager-port=PLACEHOLDER"
RAYLET = ["/ray/raylet", "--session_dir=/ray/session", "--node_id=ab", "--head", AGENT]


@pytest.mark.parametrize(
    ("command", "announced"),
    [
        pytest.param(RAYLET, ("/ray/session/dashboard_agent_listen_port_ab", "8078"), id="a port that we chose"),
        pytest.param([*RAYLET[:4], AGENT.replace("8078", "0")], None, id="a port that the agent chooses"),
        pytest.param(RAYLET[:4], None, id="no agent"),
        pytest.param([AGENT], None, id="no session"),
        pytest.param(["python", "log_monitor.py", "--session_dir=/ray/session"], None, id="another process"),
    ],
)
def test_a_raylet_waits_for_the_port_of_its_agent(command: list[str], announced: tuple[str, str] | None) -> None:
    assert port_file(command) == (announced and (Path(announced[0]), announced[1]))


def test_the_port_is_there_before_the_raylet_starts(tmp_path: Path) -> None:
    raylet = ["raylet", f"--session_dir={tmp_path}", "--node_id=ab", AGENT]
    seen: list[tuple[str, object]] = []

    def start_ray_process(command: list[str], process_type: str, *, fate_share: bool) -> str:
        seen.append((process_type, fate_share))
        return (tmp_path / "dashboard_agent_listen_port_ab").read_text() if command[0] == "raylet" else "started"

    services = SimpleNamespace(start_ray_process=start_ray_process)
    start_sooner(services)

    assert services.start_ray_process(["log_monitor"], "log_monitor", fate_share=True) == "started"
    assert services.start_ray_process(raylet, "raylet", fate_share=False) == "8078"
    assert seen == [("log_monitor", True), ("raylet", False)]


@pytest.mark.parametrize(
    ("command", "yields"),
    [
        pytest.param(
            ["python", "/ray/log_monitor.py"], ["/bin/nice", "-n", "10", "python", "/ray/log_monitor.py"], id="log"
        ),
        pytest.param(
            ["raylet", "--dashboard_agent_command=python a.py", "--runtime_env_agent_command=python b.py", "--head"],
            [
                "raylet",
                "--dashboard_agent_command=/bin/nice -n 10 python a.py",
                "--runtime_env_agent_command=/bin/nice -n 10 python b.py",
                "--head",
            ],
            id="agents, not the raylet",
        ),
        pytest.param(["raylet", "--dashboard_agent_command="], ["raylet", "--dashboard_agent_command="], id="no agent"),
        pytest.param(["gcs_server", "--port=1"], ["gcs_server", "--port=1"], id="another process"),
    ],
)
def test_agents_yield_to_what_starts_beside_them(
    command: list[str], yields: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: "/bin/nice")
    assert yielding(command) == yields
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert yielding(command) == command


@pytest.mark.parametrize("head", [True, False], ids=["with its head", "without"])
def test_a_node_drains_with_its_head_alone(head: bool) -> None:
    drained = list[object]()

    class Node:
        gcs_address = ""

        def _drain_node_before_shutdown(self) -> None:
            drained.append(self)

        def end(self) -> None:
            self._drain_node_before_shutdown()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        node = Node()
        node.gcs_address = f"127.0.0.1:{listening.getsockname()[1]}"
        drain_only_with_a_head(Node)
        if not head:
            listening.close()
        node.end()

    assert drained == ([node] if head else [])


@pytest.mark.parametrize(
    ("before", "visible"),
    [
        pytest.param({"DOCKER_RESOURCE_GPU": "GPU-a,GPU-b"}, "GPU-a,GPU-b", id="those that Swarm gave"),
        pytest.param({"DOCKER_RESOURCE_GPU": "0", "CUDA_VISIBLE_DEVICES": "1"}, "1", id="the user's own choice"),
        pytest.param({}, None, id="no Swarm"),
    ],
)
def test_a_worker_sees_the_gpus_that_it_was_given(before: dict[str, str], visible: str | None) -> None:
    use_the_given_gpus(before)

    assert before.get("CUDA_VISIBLE_DEVICES") == visible
