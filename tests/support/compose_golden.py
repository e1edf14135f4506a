"""The configuration that docker-compose.yml mounts, written from the shipped one."""

from __future__ import annotations

from pathlib import Path

from ray_watcher.stack.monitoring import SHIPPED_DIRECTORY, Addresses, rendered, with_absolute_paths
from support.paths import ROOT

DEPLOY = ROOT / "deploy"
MOUNTED = Path("/etc/ray-watcher")
ADDRESSES = Addresses(
    exporter="exporter:9811",
    scaler="scaler:9812",
    prometheus="prometheus:9090",
    alertmanager="alertmanager:9093",
    cluster="${WATCHER_CLUSTER}",  # the service `configuration` fills it in
    token_file=Path("/run/ray-watcher/alertmanager/webhook-token"),
    ray_dashboard="http://ray-head:8265/api",
    ray_token_file=Path("/run/ray-watcher/prometheus/ray-token"),
)


def files() -> dict[Path, str]:
    """Both files with the services' addresses in."""
    return {
        DEPLOY / name: with_absolute_paths(
            rendered(SHIPPED_DIRECTORY / name, f"prometheus/{name} (make golden)", ADDRESSES), MOUNTED
        )
        for name in ("prometheus.yml", "alertmanager.yml")
    }
