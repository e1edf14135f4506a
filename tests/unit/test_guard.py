"""Tests cannot reach a user's cluster: programs with the defaults, and default ports, are refused."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from pathlib import Path

import pytest

from support import guard
from support.own import ADDRESSES, own_environment, own_name, own_ports

OWN = own_environment(own_name("guard"), Path("/tmp/own"))  # noqa: S108  # nothing is written
SCALER = OWN | {"WATCHER_EXPORTER_URL": "http://127.0.0.1:1"}


def without(name: str) -> dict[str, str]:
    return {variable: value for variable, value in OWN.items() if variable != name}


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        pytest.param(["ray-watcher", "stop-ray"], OWN, id="a cluster of its own"),
        pytest.param(["python", "-m", "scaler"], SCALER, id="a scaler of its own"),
        pytest.param(["python", "-m", "exporter"], OWN, id="an exporter of its own"),
        pytest.param(["ray-watcher", "demo"], {}, id="the demo, which makes a cluster of its own"),
        pytest.param(["ray-watcher", "check-config"], {}, id="a verb that has no cluster"),
        pytest.param(["cat", "scaler"], {}, id="another program"),
        pytest.param(["amtool", "--verify.receivers=ray-watcher", "alertname=A"], {}, id="a receiver of that name"),
        pytest.param(["bash", "-c", "export X=5 # or: ray-watcher start-watcher"], {}, id="a comment"),
    ],
)
def test_what_names_its_own_may_start(command: list[str], environment: dict[str, str]) -> None:
    assert guard.problem(command, environment) == ""


@pytest.mark.parametrize(
    ("command", "environment", "missing"),
    [
        *(
            pytest.param(["ray-watcher", "stop-ray"], without(name), name, id=f"without {name}")
            for name in ("WATCHER_CLUSTER", "WATCHER_STATE_DIR", *ADDRESSES)
        ),
        pytest.param(["bash", "-c", "x; ray-watcher load"], OWN | {"WATCHER_CLUSTER": "default"}, "WATCHER_CLUSTER"),
        pytest.param(["bash", "-c", "a && scripts/infra.py load"], without("WATCHER_CLUSTER"), "WATCHER_CLUSTER"),
        pytest.param(["ray-watcher", "load"], OWN | {"WATCHER_LISTEN": "127.0.0.1:9812"}, "WATCHER_LISTEN"),
        pytest.param(
            ["ray-watcher", "load"], OWN | {"WATCHER_STATE_DIR": guard.DEFAULT_STATE_DIR}, "WATCHER_STATE_DIR"
        ),
        pytest.param(["python", "-m", "scaler"], OWN, "WATCHER_EXPORTER_URL"),
        pytest.param(["python", "-m", "exporter"], without("RAY_GCS_ADDRESS"), "RAY_GCS_ADDRESS"),
    ],
)
def test_what_could_be_a_users_is_refused(command: list[str], environment: dict[str, str], missing: str) -> None:
    assert guard.problem(command, environment).endswith(f"needs its own {missing}")


def test_the_guard_hears_of_each_program_and_of_each_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[str] = []
    monkeypatch.setattr(guard, "refused", noted)

    with pytest.raises(guard.NotOurOwnError, match="WATCHER_CLUSTER"):
        subprocess.run(["ray-watcher", "stop-ray"], env=without("WATCHER_CLUSTER"), check=False)
    with pytest.raises(guard.NotOurOwnError, match="a default port"), socket.socket() as probe:
        probe.connect(("127.0.0.1", 9090))
    with pytest.raises(guard.NotOurOwnError, match="the default state directory"):
        Path(guard.DEFAULT_STATE_DIR, "x").read_text(encoding="utf-8")

    assert len(noted) == 3


def test_ports_are_free_distinct_and_not_given_twice_in_a_row() -> None:
    first, second = own_ports(12), own_ports(12)

    assert len({*first, *second}) == 24
    with contextlib.ExitStack() as held:
        for port in own_ports(12):
            held.enter_context(socket.create_server(("127.0.0.1", port)))
