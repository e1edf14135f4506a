"""Whatever comes from outside is refused in words or used: no traceback, no crash, no memory that stays taken."""

from __future__ import annotations

import gc
import json
import os
import tempfile
from collections import deque
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.inputs import VALUES, as_json, changed, torn
from ray_watcher import dry_run
from ray_watcher.cli import cli
from ray_watcher.errors import WatcherError
from ray_watcher_common.documents import yaml_lines
from ray_watcher_common.state import StateDocumentError, from_document
from scaler.config import policy_file
from scaler.control.actions import ActionRunner
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
from support.builders import NOW, head, policy, snapshot
from support.check_config_golden import default_settings
from support.fake_provider import FakeProvider
from support.fakes import FakeClock, FakeDrainer, FakeReader, LaterExecutor

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = Path(__file__).parents[1]
STATE = json.loads((TESTS / "golden" / "state.json").read_text(encoding="utf-8"))
NOTIFICATION: dict[str, Any] = {
    "version": "4",
    "groupKey": '{}/{ray_scale="up"}:{alertname="RayPendingTasks"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "ray-watcher",
    "groupLabels": {"alertname": "RayPendingTasks"},
    "commonLabels": {"ray_scale": "up"},
    "externalURL": "http://localhost:9093",
    "alerts": [
        {
            "status": status,
            "labels": {"alertname": name, "ray_scale": direction, "worker_type": "default"},
            "annotations": {"summary": "3 tasks wait", "step": "2"},
            "startsAt": "2026-01-02T03:04:05Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": name,
        }
        for name, direction, status in (("RayPendingTasks", "up", "firing"), ("RayWorkersIdle", "down", "resolved"))
    ],
}
POLICIES = [
    yaml.safe_load((TESTS / "broken_config" / "policy.yml").read_text(encoding="utf-8")),
    {
        "version": 1,
        "limits": {"min_workers": 1, "max_workers": 20, "scale_up_cooldown": 30, "scale_down_cooldown": 5},
        "worker_types": [
            {"name": "cpu", "num_cpus": 4, "memory": "8GB", "max_workers": 10, "priority": -2, "resources": {"tpu": 2}},
            {"name": "gpu", "num_gpus": 1, "labels": {"zone": "a"}, "image": "my/ray:1", "max_launches": 4},
        ],
    },
]
CONFIGS = [
    yaml.safe_load((TESTS.parent / "prometheus" / name).read_text(encoding="utf-8"))
    for name in ("rules/scaling.yml", "alertmanager.yml", "prometheus.yml")
]
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))  # `make fuzz` sets more
KEPT = 300  # inputs that are given again and again to see whether memory grows
AGAIN = 6
CLI_SHARE = 3  # whole commands are slower, and there are six of them
GROWTH_BYTES = 8_000_000  # of noise in the allocator; a leak of 5 kB for each input would be seen

yaml_texts = st.one_of(
    changed(*POLICIES, *CONFIGS).map(lambda document: yaml.safe_dump(document, allow_unicode=True)),
    torn(st.sampled_from([*POLICIES, *CONFIGS]).map(lambda document: yaml.safe_dump(document).encode())).map(
        lambda body: body.decode("utf-8", "replace")
    ),
    st.text(max_size=60),
    st.sampled_from(["a: &a [*a]", "&x {<<: *x}", "? [1]\n: 2", "- " * 500, "{" * 500, "!!python/object:os.system {}"]),
)


def run(inputs: st.SearchStrategy[Any], feed: Callable[[Any], None], share: int = 1) -> None:
    """Give many inputs (EXAMPLES by `share`); with enough of them, giving the last ones again must take no memory."""
    number = EXAMPLES // share
    kept: deque[Any] = deque(maxlen=KEPT)

    @settings(max_examples=number, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(inputs)
    def each(one: Any) -> None:
        feed(one)
        kept.append(one)

    each()
    if number < KEPT:
        return
    _again(feed, kept, 2)
    before = _resident()
    _again(feed, kept, AGAIN)
    assert _resident() - before < GROWTH_BYTES


def _again(feed: Callable[[Any], None], kept: deque[Any], times: int) -> None:
    for _ in range(times):
        for one in kept:
            feed(one)
    gc.collect()


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)


class Site:
    """The webhook's application, and the loop behind it."""

    def __init__(self, directory: Path) -> None:
        self.journal, self.metrics, limits, wakeup = Journal(directory / "j.db"), ScalerMetrics(), policy(), Wakeup()
        shared: dict[str, Any] = {
            "journal": self.journal,
            "metrics": self.metrics,
            "clock": FakeClock(NOW),
            "provider": FakeProvider(),
        }
        runner = ActionRunner(**shared, drainer=FakeDrainer(), executor=LaterExecutor(), on_success=wakeup.wake)
        self.reader = FakeReader(snapshot(head()))
        self.reconciler = Reconciler(**shared, policy=limits, reader=self.reader, runner=runner, wakeup=wakeup)
        self.metrics.registry.register(ViewCollector(lambda: self.reconciler.view, shared["clock"]))
        del shared["provider"]
        api = ScalerApi(
            **shared,
            reconciler=self.reconciler,
            wakeup=wakeup,
            callers=Callers(),
            cluster="test",
            provider="fake",
            check_interval=10,
        )
        webhook = Webhook(
            journal=self.journal,
            metrics=self.metrics,
            clock=shared["clock"],
            wakeup=wakeup,
            callers=Callers(),
            cluster="test",
            watchdog=Watchdog(),
        )
        self.client = create_app(api, webhook, Callers()).test_client()

    def post(self, body: bytes) -> int:
        """What the webhook answers."""
        return int(self.client.post("/alerts", data=body, content_type="application/json").status_code)

    def works(self) -> None:
        """The loop comes round and every page answers."""
        self.reconciler.reconcile("test")
        for page in ("/", "/metrics", "/api/v1/status", "/api/v1/history"):
            assert self.client.get(page).status_code == 200, page


def test_the_webhook_takes_or_refuses_whatever_is_posted_and_the_loop_goes_on(tmp_path: Path) -> None:
    site, posted = Site(tmp_path), [0]

    def feed(body: bytes) -> None:
        code = site.post(body)
        assert code in {200, 400, 413}, code
        posted[0] += 1
        if code == 200 and posted[0] % 10 == 0:
            site.works()
        if posted[0] % 500 == 0:
            site.journal.forget(NOW + 1)  # as the loop does once an hour

    with closing(site.journal):
        run(as_json(changed(NOTIFICATION)), feed)
        site.works()


def test_a_state_is_read_or_refused_and_what_is_read_can_be_planned_on(tmp_path: Path) -> None:
    site = Site(tmp_path)

    def feed(document: Any) -> None:
        try:
            site.reader.snapshot = from_document(document)
        except StateDocumentError:
            return
        site.reconciler.reconcile("test")

    with closing(site.journal):
        run(changed(STATE), feed)


def test_a_policy_is_read_or_every_mistake_told() -> None:
    environment = default_settings()

    def feed(text: str) -> None:
        try:
            document = yaml_lines.parse(text, "policy.yml")
        except yaml_lines.UnreadableError:
            return
        read, findings = policy_file.check(document, environment)
        assert (read is not None) or findings
        policy_file.type_names(document)

    run(yaml_texts, feed)


def test_files_of_the_dry_run_are_used_or_refused() -> None:
    def feed(files: tuple[bytes, bytes | None]) -> None:
        state, alerts = files
        with suppress(WatcherError):
            dry_run.of_file(state, "state", alerts, "alerts", (policy(), "p"))

    state, alerts = as_json(changed(STATE)), as_json(changed(NOTIFICATION))
    run(st.tuples(state, st.one_of(st.none(), alerts)), feed)


COMMANDS = [
    pytest.param(("check-config", "--policy"), yaml_texts.map(str.encode), {0, 1}, id="check-config --policy"),
    pytest.param(("check-config", "--rules"), yaml_texts.map(str.encode), {0, 1}, id="check-config --rules"),
    pytest.param(("check-config", "--alertmanager"), yaml_texts.map(str.encode), {0, 1}, id="check-config --alertm."),
    pytest.param(("plan", "--state"), as_json(changed(STATE)), {0, 1, 2}, id="plan --state"),
    pytest.param(
        ("plan", "--state", str(TESTS / "golden" / "state.json"), "--policy"),
        yaml_texts.map(str.encode),
        {0, 1, 2},
        id="plan --policy",
    ),
    pytest.param(
        ("plan", "--state", str(TESTS / "golden" / "state.json"), "--alerts"),
        as_json(changed(NOTIFICATION)),
        {0, 1, 2},
        id="plan --alerts",
    ),
]


@pytest.mark.parametrize(("command", "contents", "codes"), COMMANDS)
def test_the_command_line_reads_any_file_without_a_traceback(
    command: tuple[str, ...], contents: st.SearchStrategy[bytes], codes: set[int]
) -> None:
    runner = CliRunner()

    def feed(content: bytes) -> None:
        with tempfile.NamedTemporaryFile(suffix=".yml") as file:
            file.write(content)
            file.flush()
            result = runner.invoke(cli, [*command, file.name])
        if result.exception is not None and not isinstance(result.exception, (SystemExit, WatcherError)):
            raise result.exception
        assert result.exit_code in codes, result.output

    run(contents, feed, CLI_SHARE)


def test_the_loop_is_unharmed_by_any_value_in_place_of_a_state(tmp_path: Path) -> None:
    site = Site(tmp_path)

    def feed(value: Any) -> None:
        with pytest.raises(StateDocumentError):
            from_document(value)

    with closing(site.journal):
        run(VALUES, feed)
