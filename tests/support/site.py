"""The scaler's HTTP side over a loop of fakes."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from werkzeug.serving import make_server

from ray_watcher_common.program.settings import SettingsError
from ray_watcher_common.web.config import WebConfig
from scaler.config.configuration import Configuration
from scaler.control.actions import ActionRunner
from scaler.control.reload import Reloader
from scaler.control.view import Wakeup
from scaler.control.watchdog import Watchdog
from scaler.journal.journal import Journal
from scaler.reconciler import Reconciler
from scaler.telemetry.metrics import ScalerMetrics
from scaler.web.app import create_app
from scaler.web.auth import Callers
from scaler.web.collector import ViewCollector
from scaler.web.pages import ScalerApi
from scaler.web.webhook import Webhook
from support.builders import NOW, demand, head, node, policy, snapshot, worker_name
from support.fake_provider import FakeProvider
from support.fakes import FakeClock, FakeDrainer, FakeReader, LaterExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOTIFICATION: dict[str, Any] = {
    "version": "4",
    "groupKey": "{}:{}",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "RayPendingTasks", "ray_scale": "up"},
            "annotations": {"summary": "3 tasks wait"},
            "startsAt": "2026-01-02T03:04:05Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "f1",
        }
    ],
}


class LoopAtOnce(Wakeup):
    """The loop comes round at once, in the thread of an operator's request."""

    loop: Callable[[str], object] | None = None

    def wake(self, trigger: str) -> None:
        super().wake(trigger)
        if self.loop and trigger == "operator":
            self.loop(trigger)


class Site:
    """The application over an in-memory journal; `url` is where a test serves it, if it does."""

    url = ""

    def __init__(self, token: str | None = None, web: WebConfig = WebConfig()) -> None:  # noqa: B008  # a frozen value
        self.clock, self.wakeup, self.metrics = FakeClock(NOW), LoopAtOnce(), ScalerMetrics()
        self.metrics.info.labels("http://scaler.example", "http://grafana.example").set(1)
        self.journal, limits = Journal(None), policy()
        self.reader = FakeReader(snapshot(head(), node(worker_name(1), idle=5), demands=(demand(3),)))
        shared: dict[str, Any] = {
            "provider": FakeProvider(),
            "journal": self.journal,
            "metrics": self.metrics,
            "clock": self.clock,
        }
        self.runner = ActionRunner(
            **shared,
            drainer=FakeDrainer(),
            executor=LaterExecutor(),
            on_success=self.wakeup.wake,
            new_id=lambda index: f"worker-{index}-{index:06x}",
        )
        self.watchdog = Watchdog()
        self.reconciler = Reconciler(
            **shared, policy=limits, reader=self.reader, runner=self.runner, wakeup=self.wakeup, watchdog=self.watchdog
        )
        self.wakeup.loop = self.reconciler.reconcile
        self.metrics.registry.register(ViewCollector(lambda: self.reconciler.view, self.clock))
        self.callers = callers = Callers(token, lambda: web)
        self.in_files = Configuration(limits, token)
        self.mistake = ""  # in the files
        self.reloader = Reloader(
            self.in_files, self._read, self._adopt, journal=self.journal, metrics=self.metrics, clock=self.clock
        )
        api = ScalerApi(
            reconciler=self.reconciler,
            journal=self.journal,
            metrics=self.metrics,
            clock=self.clock,
            wakeup=self.wakeup,
            callers=callers,
            cluster="test",
            provider="fake",
            check_interval=10,
            reloader=self.reloader,
        )
        webhook = Webhook(
            journal=self.journal,
            metrics=self.metrics,
            clock=self.clock,
            wakeup=self.wakeup,
            callers=callers,
            cluster="test",
            watchdog=self.watchdog,
        )
        self.client: Any = create_app(api, webhook, callers).test_client()

    def _read(self) -> Configuration:
        if self.mistake:
            raise SettingsError(self.mistake)
        return self.in_files

    def _adopt(self, new: Configuration) -> None:
        self.reconciler.policy, self.callers.token = new.policy, new.token

    def answers(self, code: int) -> float | None:
        return self.metrics.registry.get_sample_value("rayscaler_webhooks_total", {"code": str(code)})

    def alerts(self, status: str) -> float | None:
        return self.metrics.registry.get_sample_value("rayscaler_webhook_alerts_total", {"status": status})


@contextmanager
def at_an_address(made: Site) -> Iterator[Site]:
    """The site behind a real server, at `made.url`, until the block ends."""
    server = make_server("127.0.0.1", 0, made.client.application, threaded=True)
    made.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        made.journal.close()
