"""Prometheus and Alertmanager for a concrete stack: the shipped configuration with its addresses put in.

The files in `prometheus/` are the one source: what a user changes there (intervals, receivers, rules, further
scrape jobs) stays; only what differs from stack to stack (addresses, cluster label, token file) is replaced.
"""

from __future__ import annotations

import copy
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ray_watcher.errors import MissingError

if TYPE_CHECKING:
    from collections.abc import Mapping

SHIPPED_DIRECTORY = Path(__file__).resolve().parents[2] / "prometheus"
SCALER_RECEIVER = "ray-watcher"
RAY_NODES = "ray-nodes"

RESEND_DELAY = "10s"
"""How often Prometheus repeats a firing alert (its default is 1 m). Alertmanager keeps alerts in memory only, so a
restarted one knows nothing until then; and alerts end after four delays without Prometheus, so a permission
outlives it by 40 s, not 4 m."""

RETENTION_TIME, RETENTION_SIZE = "7d", "1GB"
"""Whichever comes first; a cluster's 100 series at the shipped intervals take about 50 MB a day."""


@dataclass(frozen=True)
class Addresses:
    """Where the programs of one stack listen (`HOST:PORT`), whose cluster it is, and the webhook's token file.

    `ray_dashboard` is the base URL of the API of Ray's dashboard, `ray_token_file` holds the token that it wants.
    """

    exporter: str = "127.0.0.1:9811"
    scaler: str = "127.0.0.1:9812"
    prometheus: str = "127.0.0.1:9090"
    alertmanager: str = "127.0.0.1:9093"
    ray_dashboard: str = "http://127.0.0.1:8265/api"
    cluster: str = "default"
    token_file: Path | None = None
    ray_token_file: Path | None = None

    @property
    def webhook_url(self) -> str:
        """Where Alertmanager sends scaling alerts."""
        return f"http://{self.scaler}/alerts"


def prometheus_config(shipped: Mapping[str, Any], addresses: Addresses) -> dict[str, Any]:
    """The parsed `prometheus.yml` for `addresses`; jobs that are not ours are kept as they are."""
    config: dict[str, Any] = copy.deepcopy(dict(shipped))
    targets = {
        "ray-exporter": addresses.exporter,
        "ray-scaler": addresses.scaler,
        "alertmanager": addresses.alertmanager,
        "prometheus": addresses.prometheus,
    }
    for job in config["scrape_configs"]:
        if job["job_name"] in targets:
            job["static_configs"] = [_target(job["static_configs"][0], targets[job["job_name"]], addresses.cluster)]
        if job["job_name"] == RAY_NODES:
            _discover_nodes(job, addresses)
    config["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [addresses.alertmanager]}]
    return config


def _discover_nodes(job: dict[str, Any], addresses: Addresses) -> None:
    """Ray's dashboard lists the nodes; it cannot say whose cluster they are, so relabelling does."""
    asked = job["http_sd_configs"][0]
    asked["url"] = f"{addresses.ray_dashboard}/prometheus/sd"
    if addresses.ray_token_file is not None:
        asked["authorization"] = {"type": "Bearer", "credentials_file": str(addresses.ray_token_file.resolve())}
    for relabelling in job["relabel_configs"]:
        if relabelling.get("target_label") == "cluster":
            relabelling["replacement"] = addresses.cluster


def _target(static: Mapping[str, Any], address: str, cluster: str) -> dict[str, Any]:
    labels = static.get("labels", {})
    replaced: dict[str, Any] = {**static, "targets": [address]}
    return replaced | ({"labels": {**labels, "cluster": cluster}} if "cluster" in labels else {})


def alertmanager_config(shipped: Mapping[str, Any], addresses: Addresses) -> dict[str, Any]:
    """The parsed `alertmanager.yml` for `addresses`; with a token file, the webhook sends that bearer token."""
    config: dict[str, Any] = copy.deepcopy(dict(shipped))
    for receiver in config["receivers"]:
        if receiver["name"] == SCALER_RECEIVER:
            webhook = receiver["webhook_configs"][0]
            webhook["url"] = addresses.webhook_url
            if addresses.token_file is not None:
                authorization = {"type": "Bearer", "credentials_file": str(addresses.token_file.resolve())}
                webhook["http_config"] = {**webhook.get("http_config", {}), "authorization": authorization}
    return config


def write_monitoring(directory: Path, addresses: Addresses, shipped: Path = SHIPPED_DIRECTORY) -> None:
    """Write `prometheus.yml`, `alertmanager.yml` and `rules/` for `addresses` into `directory`, replacing older ones.

    Raises `MissingError` where the shipped files are not beside the package.
    """
    if not (shipped / "prometheus.yml").is_file():
        raise MissingError(f"no prometheus.yml in {shipped}; run ray-watcher from a checkout of its repository")
    directory.mkdir(parents=True, exist_ok=True)
    _render(shipped / "prometheus.yml", directory, addresses)
    _render(shipped / "alertmanager.yml", directory, addresses)
    shutil.rmtree(directory / "rules", ignore_errors=True)  # a rule that was taken out must not live on here
    shutil.copytree(shipped / "rules", directory / "rules")


def _render(source: Path, directory: Path, addresses: Addresses) -> None:
    (directory / source.name).write_text(rendered(source, str(source), addresses), encoding="utf-8")


def rendered(source: Path, shown: str, addresses: Addresses) -> str:
    """The text of the shipped file `source`, called `shown` in its head, with `addresses` put in."""
    put_in = prometheus_config if source.name == "prometheus.yml" else alertmanager_config
    config = put_in(yaml.safe_load(source.read_text(encoding="utf-8")), addresses)
    return f"# Written by ray-watcher from {shown}; change that one.\n{yaml.safe_dump(config, sort_keys=False)}"


def prometheus_command(directory: Path, addresses: Addresses, data: Path, log_level: str = "info") -> list[str]:
    """The command line of Prometheus on what `write_monitoring` wrote. Raises `MissingError` where it is not here."""
    return [
        _program("prometheus", package="prometheus"),
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        f"--storage.tsdb.retention.time={RETENTION_TIME}",
        f"--storage.tsdb.retention.size={RETENTION_SIZE}",
        f"--web.listen-address={addresses.prometheus}",
        f"--rules.alert.resend-delay={RESEND_DELAY}",
        f"--log.level={log_level}",
    ]


def alertmanager_command(directory: Path, addresses: Addresses, data: Path, log_level: str = "info") -> list[str]:
    """The command line of Alertmanager, likewise; it stands alone, without gossip."""
    return [
        _program("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager"),
        f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={data}",
        "--data.retention=24h",  # silences and what was sent: a day is more than any repeat_interval here
        f"--web.listen-address={addresses.alertmanager}",
        "--cluster.listen-address=",
        f"--log.level={log_level}",
    ]


def _program(*names: str, package: str) -> str:
    """The first of `names` (Debian's, then upstream's) that is on PATH."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        wanted = " or ".join(names)
        raise MissingError(
            f"{wanted} is not on PATH; install it: apt-get install {package} (or from prometheus.io/download)"
        )
    return found
