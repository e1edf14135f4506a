"""The scaler's clock steps, forwards and backwards: nothing busy goes, nothing is too many, and all goes on after.

A real process cannot be given a clock of its own here, so this is the real loop over a pretended world.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ray_watcher_common.state import NodeStatus
from scaler.control.actions import ActionRunner
from scaler.control.view import Wakeup
from scaler.journal.journal import Journal
from scaler.model.cluster import Direction, DrainReply, InstanceStatus
from scaler.model.errors import ProviderError
from scaler.reconciler import Reconciler
from scaler.telemetry.metrics import ScalerMetrics
from support.builders import NOW, alert, demand, head, node, policy, snapshot
from support.fake_provider import FakeEngine, FakeProvider
from support.fakes import AtOnceExecutor, FakeClock

if TYPE_CHECKING:
    from ray_watcher_common.state import ClusterState

LOOK_SECONDS = 5.0
RECOVERY_LOOKS = 30  # two minutes and a half: beyond the cooldown of one
MAX_WORKERS = 3


@dataclass
class StubbornProvider(FakeProvider):
    """A provider that fails to remove while told so."""

    stubborn: bool = False

    def remove(self, worker_id: str, grace_seconds: float) -> None:
        if self.stubborn:
            raise ProviderError("device or resource busy")
        super().remove(worker_id, grace_seconds)


@dataclass
class SteppedWorld:
    """A loop, a clock that steps, and a cluster in which `tasks` tasks are at work or wait."""

    tasks: int = 0
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    journal: Journal = field(default_factory=lambda: Journal(None))
    drained: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.provider = StubbornProvider(engine=FakeEngine(now=NOW))
        wakeup, metrics = Wakeup(), ScalerMetrics()
        shared: dict[str, Any] = {
            "provider": self.provider,
            "journal": self.journal,
            "metrics": metrics,
            "clock": self.clock,
        }
        runner = ActionRunner(**shared, drainer=self, executor=AtOnceExecutor(), on_success=wakeup.wake)
        self.reconciler = Reconciler(
            **shared, policy=policy(max_workers=MAX_WORKERS), reader=self, runner=runner, wakeup=wakeup
        )

    def running(self) -> list[str]:
        """Workers that are up, in the order in which tasks are given to them."""
        up = [one.worker_id for one in self.provider.engine.workers.values() if one.status is InstanceStatus.RUNNING]
        return [worker_id for worker_id in up if worker_id not in self.drained]

    def read(self) -> ClusterState:
        """What `/state` says; its time is the host's, which steps."""
        busy = self.running()[: self.tasks]
        nodes = [node(one, idle=0.0 if one in busy else 61.0) for one in self.running()]
        nodes += [node(one, status=NodeStatus.DEAD) for one in self.drained]
        waiting = self.tasks - len(busy)
        return snapshot(head(), *nodes, demands=(demand(waiting),) if waiting else (), observed_at=self.clock.now())

    def drain_idle(self, node_id: str, reason: str) -> DrainReply:  # noqa: ARG002  # the port's signature
        """Ray lets idle ones go."""
        worker_id = bytes.fromhex(node_id).decode()
        if worker_id in self.running()[: self.tasks]:
            return DrainReply(accepted=False, message="a task runs there")
        self.drained.add(worker_id)
        return DrainReply(accepted=True)

    def look(self) -> None:
        """One round of the loop, with Alertmanager's news."""
        self.provider.engine.now = now = self.clock.now()
        waiting = self.tasks > len(self.running())
        self.journal.absorb_alerts(
            [
                alert(Direction.UP, firing=waiting, starts_at=now, received_at=now),
                alert(Direction.DOWN, firing=not waiting, starts_at=now, received_at=now),
            ]
        )
        busy = set(self.running()[: self.tasks])
        self.reconciler.reconcile("test")
        assert busy <= set(self.running()), "a busy worker was removed"
        assert len(self.running()) <= MAX_WORKERS
        self.clock.pass_(LOOK_SECONDS)


numbers = st.integers(0, MAX_WORKERS)
steps = st.one_of(
    st.floats(-90.0, 90.0), st.sampled_from([-3600.0, 3600.0, -86400.0, 86400.0, -3e7, 3e7]), st.just(0.0)
)


@settings(max_examples=60, deadline=None)
@example(rounds=[(1, 0.0, False), (0, 0.0, False), (0, 0.0, True), (0, 0.0, True), (0, -3600.0, True)], last=0)
@given(
    rounds=st.lists(st.tuples(st.integers(0, MAX_WORKERS), steps, st.booleans()), max_size=12), last=st.integers(0, 3)
)
def test_no_step_of_the_clock_costs_a_busy_worker_or_stops_the_loop(
    rounds: list[tuple[int, float, bool]], last: int
) -> None:
    world = SteppedWorld()
    with closing(world.journal):
        for tasks, step, stubborn in rounds:
            world.tasks, world.provider.stubborn = tasks, stubborn
            world.clock.pass_(step)
            world.look()
        world.tasks, world.provider.stubborn = last, False
        for _ in range(RECOVERY_LOOKS):
            world.look()

        assert len(world.running()) == last
        assert len(world.provider.engine.workers) == last, "what Ray let go is still there"
