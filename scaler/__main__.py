"""`python -m scaler`: the loop and its HTTP side, configured by the environment alone."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import structlog

from common import logs
from common.locks import exclusive
from common.serving import bind, fail, serve
from common.settings import SettingsError, load
from scaler.cluster_client import StateReader
from scaler.errors import ScalerError
from scaler.flights import Flights
from scaler.gcs import GcsDrainer
from scaler.journal import Journal
from scaler.metrics import MeteredProvider, ScalerMetrics
from scaler.planner import load_planner
from scaler.policy_file import policy_from
from scaler.providers import provider_from_settings
from scaler.reconciler import Alarm, Reconciler
from scaler.settings import ScalerSettings
from scaler.view_metrics import ViewCollector
from scaler.webhook import ScalerApi, create_app

if TYPE_CHECKING:
    import socket

log = structlog.get_logger()

FLIGHTS_AT_ONCE = 8  # a start takes about 2.4 core-seconds; more at once only makes each slower
ENDING_SECONDS = 3.0  # for launches to land; supervisors lose patience after some 10 s


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()


def run(settings: ScalerSettings) -> None:
    """Serve and reconcile until SIGTERM. Raises `SettingsError`, `ScalerError`, `AddressInUseError`, `TimeoutError`."""
    token = settings.bearer_token()
    listening = bind(settings.listen)  # before anything is touched: who does not get the address changes nothing
    with exclusive(settings.journal_file.with_suffix(".lock"), timeout_seconds=0):
        _run_alone(settings, token, listening)


def _run_alone(settings: ScalerSettings, token: str | None, listening: socket.socket) -> None:
    clock, alarm, metrics, policy = SystemClock(), Alarm(), ScalerMetrics(), policy_from(settings)
    journal = Journal(settings.journal_file)
    if abandoned := journal.abandon_intents(clock.now()):
        log.warning("actions of an earlier run have no known outcome; looking anew", count=abandoned)
    provider = MeteredProvider(provider_from_settings(settings), metrics)
    executor = ThreadPoolExecutor(FLIGHTS_AT_ONCE, thread_name_prefix="flight")
    flights = Flights(
        provider=provider,
        drainer=GcsDrainer(settings.gcs_address),
        journal=journal,
        policy=policy,
        metrics=metrics,
        clock=clock,
        executor=executor,
        landed=alarm.ring,
        stop_grace=settings.stop_grace,
    )
    reconciler = Reconciler(
        reader=StateReader(settings.exporter_url, settings.stale_after),
        provider=provider,
        flights=flights,
        journal=journal,
        policy=policy,
        metrics=metrics,
        clock=clock,
        alarm=alarm,
        planner=load_planner(settings.planner),
    )
    metrics.registry.register(ViewCollector(lambda: reconciler.view, policy, clock))
    api = ScalerApi(
        reconciler=reconciler,
        journal=journal,
        policy=policy,
        metrics=metrics,
        clock=clock,
        alarm=alarm,
        token=token,
        cluster=settings.cluster,
        provider=provider.name,
        check_interval=settings.check_interval,
    )
    stop = threading.Event()
    loop = threading.Thread(target=reconciler.run, args=(stop, settings.check_interval), name="reconcile", daemon=True)
    loop.start()
    log.info("scaler listens", address=settings.listen, provider=provider.name, max_workers=policy.max_workers)
    serve(create_app(api), listening)
    stop.set()
    alarm.ring("stop")
    flights.wait(ENDING_SECONDS)
    log.info("scaler ends; workers stay")


def main() -> None:
    """Run; a mistake in the settings ends with one clear line and exit code 2."""
    logs.configure("scaler")
    try:
        run(load(ScalerSettings))
    except TimeoutError:
        fail("another scaler serves this cluster (same WATCHER_STATE_DIR and WATCHER_CLUSTER)")
    except (SettingsError, ScalerError, OSError) as error:
        fail(str(error))
    sys.stderr.flush()
    os._exit(0)  # a removal may fly for half a minute yet; it is journaled, and the next run looks anew


if __name__ == "__main__":
    main()
