"""Prometheus and Alertmanager for a concrete stack: the configuration in a directory with its addresses put in.

The files in `prometheus/`, or in WATCHER_PROMETHEUS_DIR, are the one source: what a user writes there stays as it is
written; only what differs from stack to stack (addresses, cluster label, token file) is replaced, and relative paths
are made absolute.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ray_watcher.errors import MissingError, UnusableFileError
from ray_watcher.stack.doors import Door
from ray_watcher_common.documents import yaml_lines
from ray_watcher_common.documents.yaml_edit import Place, Text
from ray_watcher_common.host import private
from ray_watcher_common.shipped import shipped_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SHIPPED_DIRECTORY = shipped_path("prometheus")
NAMES = ("prometheus.yml", "alertmanager.yml")
SCALER_RECEIVER = "ray-watcher"
RAY_NODES = "ray-nodes"
PATH_LISTS = frozenset({"rule_files", "scrape_config_files", "files", "templates"})
"""Keys of lists of paths, in both programs (`SetDirectory` of config.go; `files` of file_sd_configs)."""
GLOB_CHARACTER = re.compile(r"([*?\[\\])")

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
    exporter_door: Door = field(default_factory=Door)
    scaler_door: Door = field(default_factory=Door)

    @property
    def webhook_url(self) -> str:
        """Where Alertmanager sends scaling alerts."""
        return f"{self.scaler_door.url(self.scaler)}/alerts"

    def scrape(self, job: str) -> dict[str, Any]:
        """Keys of the job that scrapes a program of ours, which serves TLS or wants credentials."""
        if job == "ray-exporter":
            return self.exporter_door.client()
        if job == "ray-scaler" and self.scaler_door.wants_token and self.token_file:
            return {**self.scaler_door.client(), "authorization": _bearer(self.token_file)}
        return self.scaler_door.client() if job == "ray-scaler" else {}


def prometheus_text(shipped: str, addresses: Addresses) -> str:
    """`prometheus.yml` for `addresses`: only what differs from stack to stack is replaced, all else is as written."""
    config = yaml_lines.parse(shipped, "", as_text=True).value
    targets = {
        "ray-exporter": addresses.exporter,
        "ray-scaler": addresses.scaler,
        "alertmanager": addresses.alertmanager,
        "prometheus": addresses.prometheus,
    }
    values = dict[Place, Any]()
    for number, job in enumerate(_list(config, "scrape_configs")):
        place: Place = ("scrape_configs", number)
        if job.get("job_name") in targets:
            values |= _target((*place, "static_configs", 0), job, targets[job["job_name"]], addresses.cluster)
            values |= {(*place, key): value for key, value in addresses.scrape(job["job_name"]).items()}
        if job.get("job_name") == RAY_NODES:
            values |= _node_discovery(place, job, addresses)
    if _list(_first(_list(config.get("alerting"), "alertmanagers")), "static_configs"):
        values["alerting", "alertmanagers", 0, "static_configs", 0, "targets"] = [addresses.alertmanager]
    return Text(shipped).with_values(values).text


def _target(place: Place, job: Mapping[str, Any], address: str, cluster: str) -> dict[Place, Any]:
    static = _first(_list(job, "static_configs"))
    if not static:  # the user discovers it in another way
        return {}
    labelled = {(*place, "labels", "cluster"): cluster} if "cluster" in (static.get("labels") or {}) else {}
    return {(*place, "targets"): [address], **labelled}


def _node_discovery(place: Place, job: Mapping[str, Any], addresses: Addresses) -> dict[Place, Any]:
    """Ray's dashboard lists the nodes without their cluster, so relabelling adds it."""
    values = dict[Place, Any]()
    if _list(job, "http_sd_configs"):
        asked: Place = (*place, "http_sd_configs", 0)
        values[(*asked, "url")] = f"{addresses.ray_dashboard}/prometheus/sd"
        if addresses.ray_token_file is not None:
            values[(*asked, "authorization")] = _bearer(addresses.ray_token_file)
    for number, relabelling in enumerate(_list(job, "relabel_configs")):
        if relabelling.get("target_label") == "cluster":
            values[(*place, "relabel_configs", number, "replacement")] = addresses.cluster
    return values


def alertmanager_text(shipped: str, addresses: Addresses) -> str:
    """`alertmanager.yml` for `addresses`, likewise; with a token file, the webhook sends that bearer token."""
    values, certificates = dict[Place, Any](), dict[Place, Any]()
    for number, receiver in enumerate(_list(yaml_lines.parse(shipped, "", as_text=True).value, "receivers")):
        if receiver.get("name") == SCALER_RECEIVER and _list(receiver, "webhook_configs"):
            webhook: Place = ("receivers", number, "webhook_configs", 0)
            values[(*webhook, "url")] = addresses.webhook_url
            if addresses.token_file is not None:
                values[(*webhook, "http_config", "authorization")] = _bearer(addresses.token_file)
            if found := addresses.scaler_door.tls_config():
                certificates[(*webhook, "http_config", "tls_config")] = found
    return Text(shipped).with_values(values).with_values(certificates).text


def _bearer(file: Path) -> dict[str, str]:
    return {"type": "Bearer", "credentials_file": str(file.resolve())}


def _list(content: Any, key: str) -> list[dict[str, Any]]:
    """The mappings of the list at `key`, an empty one in place of anything else."""
    found = content.get(key) if isinstance(content, dict) else None
    return [item if isinstance(item, dict) else {} for item in found] if isinstance(found, list) else []


def _first(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return items[0] if items else {}


def with_absolute_paths(text: str, directory: Path) -> str:
    """The text with paths that are relative to `directory`, where Prometheus and Alertmanager look, made absolute.

    Both resolve the same keys: those that end in `_file`, and the lists of files in `PATH_LISTS`.
    """
    found = Text(text)
    values = {
        place: _absolute(value, directory, is_pattern=_is_pattern(place))
        for place, value in found.scalars()
        if value and not value.startswith("/") and (_is_pattern(place) or str(place[-1]).endswith("_file"))
    }
    return found.with_values(values).text


def _is_pattern(place: Place) -> bool:
    return place[-2:-1] != () and place[-2] in PATH_LISTS and isinstance(place[-1], int)


def _absolute(path: str, directory: Path, *, is_pattern: bool) -> str:
    base = GLOB_CHARACTER.sub(r"\\\1", str(directory)) if is_pattern else str(directory)
    return os.path.normpath(f"{base}/{path}")


def write_monitoring(directory: Path, addresses: Addresses, source: Path = SHIPPED_DIRECTORY) -> None:
    """Write `prometheus.yml` and `alertmanager.yml` of `source` for `addresses` into `directory`, replacing older ones.

    Rules, templates and other files that they name are used where they are. Raises `MissingError` if one is missing,
    `UnusableFileError` if one is not YAML.
    """
    for name in NAMES:
        if not (source / name).is_file():
            what = "install ray-watcher again" if source == SHIPPED_DIRECTORY else "WATCHER_PROMETHEUS_DIR names it"
            raise MissingError(f"no {name} in {source}; {what}")
    private.make_directory(directory)
    for name in NAMES:
        text = with_absolute_paths(rendered(source / name, str(source / name), addresses), source)
        (directory / name).write_text(text, encoding="utf-8")


def rendered(source: Path, shown: str, addresses: Addresses) -> str:
    """The text of the shipped file `source`, called `shown` in its head, with `addresses` put in."""
    put_in = prometheus_text if source.name == "prometheus.yml" else alertmanager_text
    try:
        text = put_in(source.read_text(encoding="utf-8"), addresses)
    except yaml_lines.UnreadableError as error:
        raise UnusableFileError(str(replace(error.finding, path=str(source)))) from None
    except UnicodeDecodeError:
        raise UnusableFileError(f"{source}: is not text in UTF-8") from None
    except RecursionError:
        raise UnusableFileError(f"{source}: an alias stands for what it is in") from None
    return f"# Written by ray-watcher from {shown}; change that one.\n{text}"


def prometheus_command(directory: Path, addresses: Addresses, data: Path, log_level: str = "info") -> list[str]:
    """The command line of Prometheus on what `write_monitoring` wrote. Raises `MissingError` if it is not installed."""
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
    """The command line of Alertmanager, without clustering. Raises `MissingError` if it is not installed."""
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
