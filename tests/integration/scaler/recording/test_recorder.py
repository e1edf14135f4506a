"""The recorder: between the loop, which never waits for it, and the store."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from scaler.model.errors import JournalError
from scaler.recording.recorder import MOST_WAITING, Recorder
from scaler.recording.segments import documents_of
from scaler.recording.store import RecordingStore, Retention
from scaler.telemetry.metrics import ScalerMetrics
from support.builders import NOW
from support.fakes import FakeClock
from support.loop_world import World
from support.recordings import launching, with_pending

if TYPE_CHECKING:
    from collections.abc import Iterator


class Desk:
    """A recorder over a store in memory."""

    def __init__(self, size: int = 10**9) -> None:
        self.store, self.clock, self.metrics = RecordingStore(None), FakeClock(NOW), ScalerMetrics()
        self.recorder = Recorder(
            self.store,
            Retention(size=size, detailed=86400, kept=86400 * 30),
            self.clock,
            size=self.metrics.recording_size,
            errors=self.metrics.recording_errors,
        )

    def times(self) -> list[float]:
        return [round(document["at"] - NOW, 3) for document in documents_of(self.store.segments(0.0, 1e18))]

    def metric(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"rayscaler_recording_{name}")


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.store.close()


def test_of_moments_without_actions_the_newest_is_kept(desk: Desk) -> None:
    for at in range(5):
        desk.recorder.see(with_pending(at, NOW + at / 10))
    desk.recorder.write(finish=True)

    assert desk.times() == [0.4]


def test_all_moments_that_act_are_kept(desk: Desk) -> None:
    for moment in (launching(NOW), launching(NOW + 0.1), with_pending(2, NOW + 0.2), launching(NOW + 0.3)):
        desk.recorder.see(moment)
    desk.recorder.write(finish=True)

    assert desk.times() == [0.0, 0.1, 0.3]


def test_a_recorder_that_is_behind_keeps_a_bounded_number(desk: Desk) -> None:
    for at in range(3 * MOST_WAITING):
        desk.recorder.see(launching(NOW + at))
    desk.recorder.write(finish=True)

    assert len(desk.times()) <= MOST_WAITING + 1


def test_a_batch_is_written_every_ten_seconds(desk: Desk) -> None:
    for at in range(25):
        desk.clock.time = NOW + at
        desk.recorder.see(with_pending(at, NOW + at))
        desk.recorder.write()

    assert desk.times()[-1] == 20


def test_a_store_that_fails_is_counted_and_the_next_group_is_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise JournalError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(desk.store, "append", refuse)
        desk.recorder.see(with_pending(1))
        desk.recorder.write(finish=True)
    desk.recorder.see(with_pending(2, NOW + 1))
    desk.recorder.write(finish=True)

    assert (desk.metric("errors_total"), desk.times()) == (1.0, [1.0])


def test_the_size_is_a_metric(desk: Desk) -> None:
    desk.recorder.see(with_pending(1))
    desk.recorder.write(finish=True)

    assert desk.metric("size_bytes")


def test_the_end_writes_the_rest(desk: Desk) -> None:
    stop = threading.Event()
    desk.recorder.start(stop)
    desk.recorder.see(with_pending(1))
    stop.set()
    desk.recorder.join(30)

    assert desk.times() == [0]


def test_no_size_records_nothing() -> None:
    desk, stop = Desk(size=0), threading.Event()
    desk.recorder.start(stop)
    stop.set()
    desk.recorder.join(1)

    assert desk.times() == []
    desk.store.close()


def test_the_loop_hands_over_each_reconcile(desk: Desk) -> None:
    world = World(record=desk.recorder.see)
    world.see(waiting=3)
    world.reconcile()
    desk.recorder.write(finish=True)

    document = next(documents_of(desk.store.segments(0.0, 1e18)))
    assert (document["at"], [one["count"] for one in document["state"]["demands"]]) == (NOW, [3])
