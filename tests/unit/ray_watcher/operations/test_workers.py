"""Workers by hand, where others do the same at once, and where one does not want to go."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from ray_watcher.cluster.base import HeadOptions
from ray_watcher.operations import workers
from scaler.model.cluster import Instance, LaunchRequest, WorkerType
from scaler.model.errors import IndexTakenError, LaunchFailedError, ProviderError
from support.fake_provider import FakeProvider
from support.watcher_fakes import FakeCluster, worker_id

TYPE = WorkerType("default")


@dataclass
class Beaten(FakeProvider):
    """A rival launches a worker of the same index before each of the first `rivals` launches."""

    rivals: int = 1

    def launch(self, request: LaunchRequest) -> Instance:
        if self.rivals:
            self.rivals -= 1
            super().launch(LaunchRequest(worker_id(request.index), request.index, TYPE))
        return super().launch(request)


@dataclass
class Clinging(FakeProvider):
    """Some of its workers cannot be removed."""

    stuck: set[str] = field(default_factory=set)

    def remove(self, worker_id: str, grace_seconds: float) -> None:
        if worker_id in self.stuck:
            raise ProviderError(f"{worker_id} is still there")
        super().remove(worker_id, grace_seconds)


def test_a_launch_whose_index_a_rival_takes_goes_to_the_next_one() -> None:
    provider = Beaten(rivals=3)
    launched = workers.launch(provider, TYPE, 2)
    assert [worker.index for worker in launched] == [4, 5]
    assert sorted(worker.index for worker in provider.list()) == [1, 2, 3, 4, 5]


def test_a_launch_that_is_beaten_again_and_again_gives_up() -> None:
    with pytest.raises(IndexTakenError):
        workers.launch(Beaten(rivals=4), TYPE, 1)


def test_an_index_that_a_stranger_holds_is_left_out() -> None:
    provider = FakeProvider(launch_error=IndexTakenError("another container holds the name ray-worker-1"))
    with pytest.raises(IndexTakenError):
        workers.launch(provider, TYPE, 1)
    tried = [call[1].rsplit("-", 1)[0] for call in provider.calls if call[0] == "launch"]
    assert tried == ["worker-1", "worker-2", "worker-3", "worker-4"]


def test_a_launch_that_fails_otherwise_is_not_repeated() -> None:
    provider = FakeProvider(launch_error=LaunchFailedError("no room"))
    with pytest.raises(LaunchFailedError):
        workers.launch(provider, TYPE, 1)
    assert provider.counts["launch"] == 1


def test_a_worker_that_does_not_stop_keeps_neither_head_nor_others() -> None:
    provider = Clinging(stuck={worker_id(1)})
    for index in (1, 2, 3):
        provider.launch(LaunchRequest(worker_id(index), index, TYPE))
    cluster = FakeCluster(provider, HeadOptions(num_cpus=1))
    with pytest.raises(ProviderError, match="is still there"):
        workers.stop_everything(cluster)
    assert cluster.options is None
    assert [worker.worker_id for worker in provider.list()] == [worker_id(1)]
