"""`python -m exporter`: serve the state of the Ray cluster that the environment names."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import structlog

from exporter.host_cpu import HostCpu
from exporter.metrics.thresholds import CurrentThresholds
from exporter.settings import ExporterSettings
from exporter.snapshots import SHARED_SECONDS, Snapshots
from exporter.sources.cpu_heuristic import CpuHeuristicSource
from exporter.sources.dashboard import Dashboard, DashboardSource
from exporter.sources.gcs import GcsSource
from exporter.web.pages import application
from ray_watcher_common.program import logs, settings
from ray_watcher_common.program.arguments import accept_none
from ray_watcher_common.program.environment import misspelled
from ray_watcher_common.program.reloading import ReloadTriggers
from ray_watcher_common.web import serving
from ray_watcher_common.web.application import Access, own_hosts
from ray_watcher_common.web.server import serve
from ray_watcher_common.web.usage import Usage
from ray_watcher_common.web.users import Users

if TYPE_CHECKING:
    from ray_watcher_common.web.config import WebConfigFile

log = structlog.get_logger()


def snapshots(chosen: ExporterSettings) -> Snapshots:
    """The three sources, best first."""
    dashboard = Dashboard(chosen.ray_dashboard_metric_api, chosen.given_ray_token)
    sources = (
        GcsSource(chosen.gcs_address, chosen.gcs_deadline, chosen.given_ray_token),
        DashboardSource(dashboard, chosen.stale_after),
        CpuHeuristicSource(dashboard, chosen.stale_after),
    )
    return Snapshots(
        sources, time.time, stale_after=chosen.stale_after, patience=chosen.scrape_wait, shared=SHARED_SECONDS
    )


def access(listen: str, web: WebConfigFile) -> Access:
    """Who gets an answer of the exporter that listens at `listen`."""
    users = Users()
    return Access(
        own_hosts(listen),
        lambda authorization: not web.current.users or users.check(web.current.users, authorization),
        lambda: web.current.headers,
    )


def main() -> None:
    """Serve until SIGTERM or SIGINT; exit code 2 for settings that cannot be used or an address that is taken."""
    accept_none("exporter", "Serve the state of a Ray cluster as metrics and JSON.", ExporterSettings)
    logs.configure("exporter")
    for line in misspelled(os.environ, settings.variables(ExporterSettings)):
        log.warning("unknown setting", problem=line)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # it would log each lost connection, which our log reports once
    try:
        chosen = settings.load(ExporterSettings)
        web = chosen.web()
        listening = serving.bind(chosen.listen)
        thresholds = CurrentThresholds(chosen)
        ReloadTriggers(thresholds.reload, [chosen.policy_file], chosen.reload_interval).start()
        latest, host_cpu, usage = snapshots(chosen).latest, HostCpu(time.monotonic), Usage()
        app = application(
            latest,
            lambda: thresholds.value,
            host_cpu.ratio,
            time.time,
            shared=SHARED_SECONDS,
            usage=usage,
            reload=thresholds.reload,
            access=access(chosen.listen, web),
        )
        serve(app, listening, usage=usage, web=lambda: web.current)
    except (settings.SettingsError, serving.AddressInUseError) as error:
        serving.fail(str(error))


if __name__ == "__main__":
    main()
