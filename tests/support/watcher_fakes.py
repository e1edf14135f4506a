"""A world for the command line: clusters on two fake providers, and a Ray that sees their workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from click.testing import CliRunner, Result

from exporter.sources.chain import Source
from ray_watcher.cli import cli
from ray_watcher.cluster.base import HeadOptions, HeadStatus
from ray_watcher.errors import AlreadyRunningError, NotRunningError, WatcherError
from ray_watcher.host import Host
from ray_watcher.stack.stack import programs_of
from ray_watcher_common.state import HEAD_RESOURCE, ClusterState, Demand, Node, NodeStatus, bundle
from scaler.model.cluster import DrainReply, Instance, InstanceStatus, LaunchRequest, WorkerType
from support.fake_provider import FakeProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ray_watcher.settings import OperatorSettings
    from ray_watcher.stack.compose import ProgramContainer
    from ray_watcher.stack.stack import Stack
    from ray_watcher.stack.supervisord import Program
    from scaler.model.ports import Drainer

GCS = "127.0.0.1:6379"


@dataclass
class FakeCluster:
    """Implements `RayCluster`.

    Set `rival` to the head of another command that is quicker; `running` to False for a head that died.
    """

    provider: FakeProvider
    options: HeadOptions | None = None
    start_error: WatcherError | None = None
    rival: HeadOptions | None = None
    running: bool = True

    def start_head(self, options: HeadOptions) -> HeadStatus:
        if self.start_error:
            raise self.start_error
        self.options = self.options or self.rival
        if self.options and self.running:
            raise AlreadyRunningError("a head is there")
        self.options, self.running = options, True
        return self._status(options)

    def head(self) -> HeadStatus | None:
        return self._status(self.options) if self.options else None

    def stop_head(self) -> None:
        if self.options is None:
            raise NotRunningError("no head")
        self.options = None

    def head_logs(self, *, tail: int | None, follow: bool) -> Iterator[str]:
        del follow
        lines = ["head line 1", "head line 2"]
        return iter(lines if tail is None else lines[-tail:])

    def _status(self, options: HeadOptions) -> HeadStatus:
        return HeadStatus(
            running=self.running,
            detail="pid 1",
            started_at=0.0,
            gcs_address=f"127.0.0.1:{options.gcs_port}",
            dashboard_url=f"http://127.0.0.1:{options.dashboard_port}",
        )


@dataclass
class World:
    """Everything a command reaches. `busy` and `drained` are worker ids; `deaf` Ray does not answer.

    `image` is what the engine has (""; what the settings say); `meanwhile` happens whenever Ray is asked.
    """

    docker: bool = False
    process: FakeCluster = field(default_factory=lambda: FakeCluster(FakeProvider("process")))
    containers: FakeCluster = field(default_factory=lambda: FakeCluster(FakeProvider("docker")))
    busy: set[str] = field(default_factory=set)
    drained: set[str] = field(default_factory=set)
    pending: int = 0
    deaf: bool = False
    refusal: str = "the node is no longer idle"
    image: str = ""
    capacity: tuple[int, int] | None = None
    shown_logs: dict[str, Path] = field(default_factory=dict)
    name_taken: bool = False
    compose: Sequence[ProgramContainer] = ()
    meanwhile: Callable[[], None] = lambda: None
    programs: Callable[[Stack], Sequence[Program]] = programs_of

    def host(self) -> Host:
        return Host(
            cluster=self._cluster,
            engine_answers=lambda: self.docker,
            read_state=self._state,
            drainer=self._drainer,
            image=lambda settings: self.image or settings.image,
            provide_image=lambda settings, _progress: self.image or settings.image,
            programs=self.programs,
            program_containers=lambda _cluster: self.compose,
            capacity=lambda _provider: self.capacity,
            show_log=lambda cluster, _image, log: self.shown_logs.update({cluster: log}),
            hide_log=lambda cluster: void(self.shown_logs.pop(cluster, None)),
            require_log_name=self._require_log_name,
        )

    def run(self, *arguments: str, given: str | None = None, env: dict[str, str] | None = None) -> Result:
        """What `ray-watcher ARGUMENTS` does here, given standard input; an error that no user should see is raised."""
        result = CliRunner().invoke(cli, list(arguments), obj=self.host(), input=given, env=env)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def with_head(self, workers: int = 0) -> World:
        """A head and idle workers, as processes."""
        self.process.options = HeadOptions(num_cpus=1)
        for index in range(1, workers + 1):
            self.process.provider.launch(LaunchRequest(worker_id(index), index, WorkerType("default")))
        self.process.provider.calls.clear()
        return self

    def worker_ids(self) -> list[str]:
        return [worker.worker_id for worker in self.process.provider.list()]

    def _cluster(self, provider: str, settings: OperatorSettings) -> FakeCluster:
        del settings
        return self.containers if provider == "docker" else self.process

    def _state(self, status: HeadStatus) -> ClusterState:
        self.meanwhile()
        if self.deaf:
            raise NotRunningError(f"Ray does not answer at {status.gcs_address}")
        instances = [*self.process.provider.list(), *self.containers.provider.list()]
        head = Node("00", NodeStatus.IDLE, is_head=True, total={"CPU": 1.0, HEAD_RESOURCE: 1.0}, available={"CPU": 1.0})
        nodes = tuple(self._node(one) for one in instances if one.status is InstanceStatus.RUNNING)
        demands = (Demand(bundle({"CPU": 1}), self.pending),) if self.pending else ()
        return ClusterState(0.0, Source.GCS.value, nodes=(head, *nodes), demands=demands)

    def _node(self, instance: Instance) -> Node:
        name = instance.worker_id
        busy = name in self.busy
        return Node(
            node_id=node_id(name),
            status=NodeStatus.DEAD if name in self.drained else NodeStatus.RUNNING if busy else NodeStatus.IDLE,
            instance_id=name,
            worker_type=instance.worker_type,
            total={"CPU": 1.0},
            available={} if busy else {"CPU": 1.0},
            idle_seconds=0.0 if busy else 10.0 + instance.index,
        )

    def _require_log_name(self, cluster: str) -> None:
        if self.name_taken:
            raise AlreadyRunningError(f"ray-watcher-{cluster} is a container of someone else")

    def _drainer(self, head: HeadStatus) -> Drainer:
        del head
        return _FakeDrainer(self)


@dataclass
class _FakeDrainer:
    world: World

    def drain_idle(self, wanted: str, reason: str) -> DrainReply:
        assert reason
        name = next(name for name in self.world.worker_ids() if node_id(name) == wanted)
        if name in self.world.busy:
            return DrainReply(accepted=False, message=self.world.refusal)
        self.world.drained.add(name)
        return DrainReply(accepted=True)


def void(_value: object) -> None:
    """Nothing, whatever it was."""


def worker_id(index: int) -> str:
    """The id of the world's worker."""
    return f"worker-{index}-{index:06x}"


def node_id(name: str) -> str:
    """Ray's id of a worker's node."""
    return name.encode().hex()
