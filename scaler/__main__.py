"""`python -m scaler`: the reconcile loop and the HTTP server, configured by environment variables."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import structlog

from ray_watcher_common.program import logs
from ray_watcher_common.program.arguments import accept_none
from ray_watcher_common.program.environment import misspelled
from ray_watcher_common.program.reloading import ReloadTriggers
from ray_watcher_common.program.settings import SettingsError, load, variables
from ray_watcher_common.web.application import own_hosts
from ray_watcher_common.web.server import serve
from ray_watcher_common.web.serving import bind, fail
from scaler.alerting.alertmanager import AlertmanagerApi
from scaler.alerting.resync import AlertResync
from scaler.clients.exporter import StateReader
from scaler.clients.gcs import GcsDrainer
from scaler.config.configuration import Configuration, read_configuration
from scaler.config.settings import ScalerSettings
from scaler.control.actions import ActionRunner
from scaler.control.custom_planner import load_planner
from scaler.control.lease import Lease
from scaler.control.reload import Reloader
from scaler.control.view import Wakeup
from scaler.control.watchdog import Watchdog
from scaler.journal.database import set_aside
from scaler.journal.journal import Journal
from scaler.model.errors import JournalCorruptError, JournalError, ScalerError
from scaler.providers import host_capacity, provider_from_settings
from scaler.reconciler import Reconciler
from scaler.recording.recorder import Recorder
from scaler.recording.store import RecordingStore, Retention
from scaler.telemetry.metrics import MeteredProvider, ScalerMetrics
from scaler.web.app import create_app
from scaler.web.auth import LIMITS, Callers
from scaler.web.collector import ViewCollector
from scaler.web.pages import ScalerApi
from scaler.web.webhook import Webhook

if TYPE_CHECKING:
    from pathlib import Path

    from ray_watcher_common.web.config import WebConfigFile
    from scaler.model.ports import Clock, WorkerProvider

log = structlog.get_logger()

ACTIONS_AT_ONCE = 32  # launches, and as many removals; a launch takes a third of a second, and joins overlap anyway
ENDING_SECONDS = 3.0  # for launches to end; supervisors kill after some 10 s


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()


def run(settings: ScalerSettings) -> None:
    """Serve and reconcile until SIGTERM. Raises `SettingsError`, `ScalerError`, `AddressInUseError`.

    If another scaler leads the cluster, this one is on standby: it serves, stores alerts, and takes over when the
    leader ends.
    """
    web = settings.web()
    callers = Callers(settings.bearer_token(web.current), lambda: web.current)
    listening = bind(settings.listen)  # first: without the address nothing may be changed
    lease = Lease(settings.journal_file.with_suffix(".lock"))
    lease.take()
    clock, wakeup, metrics = SystemClock(), Wakeup(), ScalerMetrics()
    journal = _journal(settings.journal_file, lease, clock)
    provider = MeteredProvider(provider_from_settings(settings), metrics)
    read = partial(_configuration, settings, web, provider)
    policy = (configuration := read()).policy
    executor = ThreadPoolExecutor(ACTIONS_AT_ONCE, thread_name_prefix="action")
    removals = ThreadPoolExecutor(ACTIONS_AT_ONCE, thread_name_prefix="removal")
    runner = ActionRunner(
        provider=provider,
        drainer=GcsDrainer(settings.gcs_address, settings.ray_token),
        journal=journal,
        metrics=metrics,
        clock=clock,
        executor=executor,
        removals=removals,
        on_success=wakeup.wake,
        stop_grace=settings.stop_grace,
    )
    watchdog = _watchdog(journal, clock)
    metrics.watchdog.set_function(lambda: watchdog.up(clock.now()))
    recording = RecordingStore(settings.journal_file)
    recorder = Recorder(
        recording, _retention(settings), clock, size=metrics.recording_size, errors=metrics.recording_errors
    )
    reconciler = Reconciler(
        reader=StateReader(settings.exporter_url, settings.stale_after, settings.exporter_password_file),
        provider=provider,
        runner=runner,
        journal=journal,
        policy=policy,
        metrics=metrics,
        clock=clock,
        wakeup=wakeup,
        planner=load_planner(settings.planner),
        watchdog=watchdog,
        record=recorder.see,
    )

    reloader = Reloader(
        configuration,
        read,
        partial(_adopt, reconciler, callers, wakeup),
        journal=journal,
        metrics=metrics,
        clock=clock,
        leads=lambda: lease.held,
        source=str(settings.policy_file or ""),
    )
    alertmanager = AlertmanagerApi(
        settings.alertmanager_urls,
        settings.alertmanager_receiver,
        settings.cluster,
        settings.alertmanager_password_file,
    )
    resync = AlertResync(alertmanager, journal=journal, metrics=metrics, clock=clock, wakeup=wakeup)
    api = ScalerApi(
        reconciler=reconciler,
        journal=journal,
        metrics=metrics,
        clock=clock,
        wakeup=wakeup,
        callers=callers,
        cluster=settings.cluster,
        provider=provider.name,
        check_interval=settings.check_interval,
        lease=lease,
        resync=resync,
        reloader=reloader,
        links=settings.named_links,
        recording=recording,
    )
    webhook = Webhook(
        journal=journal,
        metrics=metrics,
        clock=clock,
        wakeup=wakeup,
        callers=callers,
        cluster=settings.cluster,
        watchdog=watchdog,
    )
    metrics.info.labels(settings.base_url, settings.grafana_url.rstrip("/")).set(1)
    stop = threading.Event()

    def lead() -> None:
        """Wait for the lease if another scaler holds it, then lead until the end."""
        if not lease.held:
            log.info("standing by", leader=lease.holder)
            lease.wait()
            log.info("became leader")
        metrics.registry.register(ViewCollector(lambda: reconciler.view, clock))
        resync.read()  # before the first decision: the alerts in the journal may be old
        threading.Thread(target=resync.run, args=(stop, settings.check_interval), name="resync", daemon=True).start()
        recorder.start(stop)
        reconciler.run(stop, settings.check_interval, lease.keep)
        if not lease.held:
            log.error("lost leadership, shutting down", leader=lease.holder, reason="the lease file was deleted")
            os.kill(os.getpid(), signal.SIGTERM)  # after a restart by its supervisor it is on standby

    ReloadTriggers(
        reloader.try_to_reload, [settings.policy_file, settings.token_file], settings.reload_interval
    ).start()
    threading.Thread(target=lead, name="reconcile", daemon=True).start()
    log.info("listening", address=settings.listen, provider=provider.name, max_workers=policy.max_workers)
    app = create_app(api, webhook, callers, own_hosts(settings.listen, settings.external_url))
    serve(app, listening, LIMITS, metrics.http, callers.trusts, callers.web)
    stop.set()
    wakeup.wake("stop")
    runner.wait(ENDING_SECONDS)
    recorder.join(ENDING_SECONDS)
    log.info("scaler stopped, workers left running")


def _watchdog(journal: Journal, clock: SystemClock) -> Watchdog:
    """The watchdog, as an earlier process left it."""
    try:
        return Watchdog(journal.watchdog(), clock.now())
    except JournalError as error:
        log.warning("watchdog time not read", problem=str(error))
        return Watchdog()


def _configuration(settings: ScalerSettings, web: WebConfigFile, provider: WorkerProvider) -> Configuration:
    """The configuration in its files. Raises `SettingsError`, also if the provider cannot do what the policy asks."""
    new = read_configuration(settings, web.current, host_capacity(provider.name) or (None, None))
    warm = [kind.name for kind in new.policy.worker_types if kind.warm_workers]
    if warm and not provider.capabilities.warm_workers:
        raise SettingsError(f"warm_workers of {', '.join(warm)}: provider {provider.name} keeps none, wanted 0")
    return new


def _adopt(reconciler: Reconciler, callers: Callers, wakeup: Wakeup, new: Configuration) -> None:
    """Use a configuration that was read again: from the loop's next round on, and from the next request on."""
    reconciler.policy, callers.token = new.policy, new.token
    wakeup.wake("reload")


def _retention(settings: ScalerSettings) -> Retention:
    return Retention(settings.recording_size, settings.recording_detailed, settings.recording_kept)


def _journal(path: Path, lease: Lease, clock: Clock) -> Journal:
    """The journal; if its file is damaged and this scaler leads, a new one. Raises `JournalError`."""
    try:
        journal = Journal(path)
        journal.check()
    except JournalCorruptError as error:
        if not lease.held:
            raise
        now = clock.now()
        log.error("damaged journal replaced", kept=str(set_aside(path, now)))  # noqa: TRY400
        journal = Journal(path)
        journal.note_replacement(now, str(error))
    return journal


def main() -> None:
    """Run; invalid settings end with one line and exit code 2."""
    accept_none("scaler", "Scale a Ray cluster by its Prometheus alerts.", ScalerSettings)
    logs.configure("scaler")
    for line in misspelled(os.environ, variables(ScalerSettings)):
        log.warning("unknown setting", problem=line)
    try:
        run(load(ScalerSettings))
    except (SettingsError, ScalerError, OSError) as error:
        fail(str(error))
    sys.stderr.flush()
    os._exit(0)  # a removal may take another half minute; it is journaled, and the next run determines its outcome


if __name__ == "__main__":
    main()
