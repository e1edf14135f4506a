"""The reconciler in a world of fakes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scaler.control.actions import ActionRunner, NewId
from scaler.control.view import Wakeup
from scaler.journal.journal import Journal
from scaler.reconciler import Reconciler
from scaler.telemetry.metrics import ScalerMetrics
from support.builders import NOW, demand, head, policy, snapshot
from support.fake_provider import FakeEngine, FakeProvider
from support.fakes import FakeClock, FakeDrainer, FakeReader, LaterExecutor

if TYPE_CHECKING:
    from collections.abc import Callable

    from ray_watcher_common.state import Node
    from scaler.model.decision import Plan
    from scaler.model.policy import Policy
    from scaler.model.workers import WorkerState
    from scaler.recording.moment import Moment


@dataclass
class World:
    """A reconciler and all it touches."""

    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    reader: FakeReader = field(default_factory=lambda: FakeReader(snapshot(head())))
    provider: FakeProvider = field(default_factory=lambda: FakeProvider(engine=FakeEngine(now=NOW)))
    drainer: FakeDrainer = field(default_factory=FakeDrainer)
    journal: Journal = field(default_factory=lambda: Journal(None))
    executor: Any = field(default_factory=LaterExecutor)
    removals: Any = None
    metrics: ScalerMetrics = field(default_factory=ScalerMetrics)
    wakeup: Wakeup = field(default_factory=Wakeup)
    policy: Policy = field(default_factory=policy)
    record: Callable[[Moment], None] = lambda _moment: None
    new_id: NewId = lambda index: f"worker-{index}-{index:06x}"  # the same in each run

    def __post_init__(self) -> None:
        self.runner = ActionRunner(
            provider=self.provider,
            journal=self.journal,
            drainer=self.drainer,
            metrics=self.metrics,
            clock=self.clock,
            executor=self.executor,
            removals=self.removals,
            on_success=self.wakeup.wake,
            new_id=self.new_id,
        )
        self.reconciler = Reconciler(
            provider=self.provider,
            journal=self.journal,
            policy=self.policy,
            reader=self.reader,
            runner=self.runner,
            metrics=self.metrics,
            clock=self.clock,
            wakeup=self.wakeup,
            record=self.record,
        )

    def see(self, *nodes: Node, waiting: int = 0, since: float | None = None) -> None:
        """Let the cluster show these nodes and so many waiting tasks, with the time since which they wait."""
        demands = (demand(waiting),) if waiting else ()
        self.reader.snapshot = snapshot(
            head(), *nodes, demands=demands, observed_at=self.clock.now(), pending_since=since
        )

    def reconcile(self) -> Plan:
        return self.reconciler.reconcile("test")

    def count(self, action: str, cause: str, outcome: str) -> float:
        """How often it was done; 0 if there is no such series."""
        labels = {"action": action, "cause": cause, "outcome": outcome}
        return self.metrics.registry.get_sample_value("rayscaler_actions_total", labels) or 0.0

    def states(self) -> list[WorkerState]:
        return [worker.state for worker in self.reconciler.view.observation.workers]
