"""The whole product in an environment of its own: Ray's head and the watcher, run by its command line."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.ray_environment import driver, own_environment, ray_watcher
from ray_watcher.demo.timeline import UP_ALERT
from ray_watcher.fetch import UnreachableError, get_json
from ray_watcher.images.provide import build_with_tools
from ray_watcher_common.ray_auth import MODE_VARIABLE, PATH_VARIABLE
from scaler.providers.worker_container import GCS_PORT, container_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

    from benchmarks.ray_environment import Driver

WARM_VARIABLE = "WATCHER_WARM_WORKERS"
ROOT = Path(__file__).parents[1]
DRIVER_SOURCE = Path(__file__).with_name("ray_driver.py")


@dataclass(frozen=True)
class Product:
    """A cluster that the product watches, and a driver on it."""

    environment: MutableMapping[str, str]
    driver: Driver

    @property
    def cluster(self) -> str:
        """Its name."""
        return self.environment["WATCHER_CLUSTER"]

    def command(self, *arguments: str) -> None:
        """One verb of the command line."""
        ray_watcher(self.environment, *arguments)

    def restart_watcher(self, **variables: str) -> None:
        """Restart with other settings; Ray keeps running."""
        self.command("stop-watcher")
        self.environment.update(variables)
        self.command("start-watcher")

    def status(self) -> dict[str, Any]:
        """The scaler's own account."""
        return dict(self._ask("status"))

    def pending_samples(self) -> list[tuple[float, float]]:
        """What Prometheus has stored of the last minute's waiting tasks: unix seconds, how many."""
        query = {"query": "raycluster_pending_tasks[1m]"}
        reply = get_json(f"http://{self.environment['WATCHER_PROMETHEUS_LISTEN']}/api/v1/query", query)
        return [(float(at), float(value)) for series in reply["data"]["result"] for at, value in series["values"]]

    def launches(self) -> list[int]:
        """How many workers each decision of the last hour launched."""
        return launches(self._ask("history", action="launch", limit="1000"))

    def at_rest(self) -> bool:
        """Whether there is the head alone, for Ray and for the scaler but for warm workers, and nothing waits."""
        warm = int(self.environment.get(WARM_VARIABLE, "0"))
        try:
            return idle(self.status(), warm) and self.driver.ask("nodes") == "1"
        except UnreachableError:
            return False

    def _ask(self, page: str, **parameters: str) -> Any:
        return get_json(f"http://{self.environment['WATCHER_LISTEN']}/api/v1/{page}", parameters)


def launches(history: Mapping[str, Any]) -> list[int]:
    """How many workers each decision in the scaler's history launched, oldest first."""
    found = [entry["decision_id"] for entry in history["entries"] if entry["action"] == "launch"]
    return [found.count(decision) for decision in sorted(set(found))]


def idle(status: Mapping[str, Any], warm: int) -> bool:
    """Whether the scaler has its `warm` workers alone, and no alert that tasks wait.

    That the full head's CPU is busy is another alert, and may fire.
    """
    workers = [worker["state"] for worker in status["workers"]] == ["WARM"] * warm
    waits = any(alert["name"] == UP_ALERT for alert in status["alerts"])
    return workers and not waits and status["snapshot"]["pending"] == 0


@contextlib.contextmanager
def product(provider: str, **variables: str) -> Iterator[Product]:
    """What `watched_cluster` brings up, and a driver on it."""
    with watched_cluster(provider, **variables) as environment, _driver(provider, environment) as connected:
        yield Product(environment, connected)


@contextlib.contextmanager
def watched_cluster(provider: str, **variables: str) -> Iterator[dict[str, str]]:
    """The environment of a head with one CPU on `provider`, and the watcher, as shipped but for `variables`."""
    with own_environment(WATCHER_PROVIDER=provider, **variables) as environment:
        environment["WATCHER_NETWORK"] = environment["WATCHER_CLUSTER"]
        if provider == "docker":
            build_with_tools(ROOT, partial(print, file=sys.stderr))
        try:
            ray_watcher(environment, "start-ray")
            ray_watcher(environment, "start-watcher")
            yield environment
        finally:
            ray_watcher(environment, "stop-ray")


def _driver(provider: str, environment: Mapping[str, str]) -> contextlib.AbstractContextManager[Driver]:
    """With Docker it runs in the head's container: it wants the cluster's own Python."""
    if provider == "docker":
        head = container_name(environment["WATCHER_CLUSTER"], "head")
        source = DRIVER_SOURCE.read_text(encoding="utf-8")
        command = ["docker", "exec", "-i", head, "python3", "-W", "ignore", "-c", source]
        return driver(f"{head}:{GCS_PORT}", environment, command)
    token = f"{environment['WATCHER_STATE_DIR']}/ray-token/{environment['WATCHER_CLUSTER']}"
    return driver(environment["RAY_GCS_ADDRESS"], {**environment, MODE_VARIABLE: "token", PATH_VARIABLE: token})
