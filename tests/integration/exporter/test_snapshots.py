"""One read at a time for any number of readers, none of whom waits long."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from exporter.snapshots import Snapshots
from exporter.sources.chain import Source
from exporter.sources.errors import SourceUnavailableError
from ray_watcher_common.state import ClusterState, Demand, bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_SECONDS = 0.05
FROZEN_SECONDS = 60.0  # at most: each test opens the gate at its end


class FakeSource:
    """Answers at once while `gate` is open, else not before it opens; fails while `down`."""

    source = Source.GCS

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.down = False
        self.reads = 0
        self.waiting = 0
        self.demand_known = True

    def read(self, now: float) -> ClusterState:
        """The state as of `now`."""
        self.reads += 1
        self.gate.wait(FROZEN_SECONDS)
        if self.down:
            raise SourceUnavailableError("down")
        demands = (Demand(bundle({"CPU": 1}), self.waiting),) if self.waiting else ()
        return ClusterState(now, Source.GCS.value, demands=demands, demand_known=self.demand_known)


class FakeClock:
    """Time by hand."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def source() -> Iterator[FakeSource]:
    made = FakeSource()
    yield made
    made.gate.set()


def snapshots(source: FakeSource, clock: FakeClock, patience: float = PATIENCE_SECONDS) -> Snapshots:
    """With a stale limit of 15 s."""
    return Snapshots([source], clock, stale_after=15, patience=patience)


def test_each_reader_gets_a_fresh_read_while_ray_answers(source: FakeSource) -> None:
    clock = FakeClock()
    of_ray = snapshots(source, clock, patience=5)
    of_ray.latest()
    clock.seconds += 1
    view = of_ray.latest()

    assert (view.state, view.age_seconds) == (ClusterState(1001.0, Source.GCS.value), 0.0)
    assert (view.collects[Source.GCS], view.errors[Source.GCS], source.reads) == (2, 0, 2)
    assert view.durations.keys() == {Source.GCS}


def test_a_read_that_has_just_ended_is_shared_and_an_older_one_is_not(source: FakeSource) -> None:
    clock = FakeClock()
    of_ray = Snapshots([source], clock, stale_after=15, patience=5, shared=0.1)
    for seconds, reads in ((0, 1), (0.05, 1), (0.06, 2), (-5, 3)):  # the last: the clock was set back
        clock.seconds += seconds
        of_ray.latest()

        assert source.reads == reads


def test_ten_readers_at_once_share_one_read(source: FakeSource) -> None:
    source.gate.clear()
    of_ray = snapshots(source, FakeClock())
    with ThreadPoolExecutor(10) as pool:
        views = list(pool.map(lambda _: of_ray.latest(), range(10)))

    assert source.reads == 1
    assert {view.state for view in views} == {None}


def test_a_frozen_source_delays_a_reader_by_its_patience_only(source: FakeSource) -> None:
    source.gate.clear()
    of_ray = snapshots(source, FakeClock())
    started = time.monotonic()
    view = of_ray.latest()

    assert time.monotonic() - started < FROZEN_SECONDS / 2
    assert view.problems == {"exporter": "the first read has not ended yet"}


def test_while_a_source_is_frozen_readers_get_the_last_state_with_its_age(source: FakeSource) -> None:
    clock = FakeClock()
    of_ray = snapshots(source, clock)
    of_ray.latest()
    source.gate.clear()
    clock.seconds += 10
    view = of_ray.latest()

    assert (view.state, view.age_seconds) == (ClusterState(1000.0, Source.GCS.value), 10.0)


def test_a_state_older_than_the_limit_counts_as_none(source: FakeSource) -> None:
    clock = FakeClock()
    of_ray = snapshots(source, clock)
    of_ray.latest()
    source.gate.clear()
    clock.seconds += 16
    view = of_ray.latest()

    assert view.state is None
    assert view.problems == {"gcs": "the last answer is 16 s old, wanted at most 15 s"}


def test_when_a_read_ends_without_an_answer_the_last_state_is_gone_at_once(source: FakeSource) -> None:
    of_ray = snapshots(source, FakeClock(), patience=5)
    of_ray.latest()
    source.down = True
    view = of_ray.latest()

    assert (view.state, view.problems) == (None, {"gcs": "down"})
    assert (view.collects[Source.GCS], view.errors[Source.GCS]) == (2, 1)


def test_a_source_that_comes_back_is_used_at_once(source: FakeSource) -> None:
    source.down = True
    of_ray = snapshots(source, FakeClock(), patience=5)
    assert of_ray.latest().state is None
    source.down = False

    assert of_ray.latest().state is not None


def test_pending_since_is_the_first_of_the_reads_that_saw_something_wait(source: FakeSource) -> None:
    clock = FakeClock()
    of_ray = snapshots(source, clock, patience=5)
    seen = []
    for waiting in (0, 3, 1, 0, 2):
        source.waiting = waiting
        state = of_ray.latest().state
        assert state
        seen.append(state.pending_since)
        clock.seconds += 1

    assert seen == [None, 1001.0, 1001.0, None, 1004.0]


def test_a_read_that_fails_or_does_not_know_the_demand_is_no_break(source: FakeSource) -> None:
    clock = FakeClock()
    of_ray = snapshots(source, clock, patience=5)
    source.waiting = 1
    of_ray.latest()
    clock.seconds += 1
    source.down = True
    of_ray.latest()
    source.down, source.demand_known = False, False
    blind = of_ray.latest().state
    source.demand_known = True
    again = of_ray.latest().state

    assert blind
    assert again
    assert (blind.pending_since, again.pending_since) == (None, 1000.0)


def test_reads_leave_no_threads_behind(source: FakeSource) -> None:
    of_ray = snapshots(source, FakeClock(), patience=5)
    of_ray.latest()
    before = threading.active_count()
    for _ in range(200):
        of_ray.latest()

    assert threading.active_count() <= before + 1  # the last one may just be ending
