"""A Ray head in Docker, on an engine in memory: what it asks the engine for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import pytest

from ray_watcher.cluster.base import HeadOptions
from ray_watcher.cluster.docker import ADDRESS_LABEL, DockerCluster, project_of
from scaler.providers.container import Container, ContainerSpec
from scaler.providers.docker import DockerProvider
from support.check_config_golden import default_settings
from support.own import own_ports

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scaler.providers.engine import Engine


@dataclass
class FakeEngine:
    """As much of `Engine` as a head needs."""

    specs: dict[str, ContainerSpec] = field(default_factory=dict)  # of its containers, by name
    networks: dict[str, Mapping[str, str]] = field(default_factory=dict)  # their labels, by name
    capacity: tuple[int, int] = (2, 8_000_000_000)

    def containers(self, labels: Iterable[str]) -> list[Container]:
        wanted = list(labels)
        return [_container(spec) for spec in self.specs.values() if all(_has(spec, label) for label in wanted)]

    def image_labels(self, image: str) -> Mapping[str, str]:
        assert image
        return {}

    def run(self, spec: ContainerSpec) -> None:
        self.specs[spec.name] = spec

    def started_at(self, container_id: str) -> float:
        assert container_id
        return 12.0

    def remove(self, container_id: str, grace_seconds: float) -> None:
        del self.specs[container_id], grace_seconds

    def ensure_network(self, name: str, labels: Mapping[str, str]) -> None:
        self.networks.setdefault(name, labels)

    def remove_network(self, name: str, label: str) -> None:
        key, _, value = label.partition("=")
        used = any(spec.network == name for spec in self.specs.values())
        if self.networks[name].get(key) == value and not used:
            del self.networks[name]


def _has(spec: ContainerSpec, label: str) -> bool:
    key, separator, value = label.partition("=")
    return key in spec.labels and (not separator or spec.labels[key] == value)


def _container(spec: ContainerSpec) -> Container:
    return Container(spec.name, spec.name, spec.image, spec.labels, "running", "Up", 0.0, None)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    monkeypatch.setattr("ray_watcher.cluster.head.await_ready", lambda *_arguments: None)
    return FakeEngine()


def cluster_of(engine: FakeEngine, name: str) -> DockerCluster:
    engine_ = cast("Engine", engine)
    provider = DockerProvider(
        engine_, cluster=name, image="ray", network="shared", command=lambda _request: [], stop_grace=1
    )
    return DockerCluster(engine_, provider, cluster=name, image="ray", network="shared")


def options(num_gpus: float = 0) -> HeadOptions:
    gcs, dashboard, client = own_ports(3)
    return HeadOptions(num_cpus=1, num_gpus=num_gpus, gcs_port=gcs, dashboard_port=dashboard, client_port=client)


@pytest.mark.parametrize(("num_gpus", "devices"), [(0, 0), (2, 2)])
def test_a_part_of_a_gpu_needs_the_whole_device(engine: FakeEngine, num_gpus: float, devices: int) -> None:
    cluster_of(engine, "a").start_head(options(num_gpus))
    assert [spec.gpus for spec in engine.specs.values()] == [devices]


def test_a_network_of_two_clusters_goes_with_the_last_one_whoever_made_it(engine: FakeEngine) -> None:
    one, other = cluster_of(engine, "a"), cluster_of(engine, "b")
    one.start_head(options())
    other.start_head(options())
    one.stop_head()
    assert list(engine.networks) == ["shared"]
    other.stop_head()
    assert engine.networks == {}


def test_a_network_of_the_users_own_stays(engine: FakeEngine) -> None:
    engine.networks["shared"] = {}
    cluster = cluster_of(engine, "a")
    cluster.start_head(options())
    cluster.stop_head()
    assert list(engine.networks) == ["shared"]


@pytest.mark.parametrize(("serve_port", "published"), [(0, None), (18000, 18000)], ids=["none", "one"])
def test_serves_port_is_published_where_one_is_named(
    engine: FakeEngine, serve_port: int, published: int | None
) -> None:
    cluster_of(engine, "a").start_head(replace(options(), serve_port=serve_port))
    assert [spec.ports.get(8000) for spec in engine.specs.values()] == [published]


def test_a_cluster_belongs_to_no_compose_project_by_itself_so_that_down_leaves_it(engine: FakeEngine) -> None:
    cluster_of(engine, "a").start_head(options())

    assert project_of(cast("Engine", engine), "a") is None


def test_workers_belong_to_the_compose_project_of_a_running_head(engine: FakeEngine) -> None:
    settings = default_settings(cluster="a", compose_project="blue", ray_auth_mode="disabled")
    DockerCluster.from_settings(settings, cast("Engine", engine)).start_head(options())

    assert [project_of(cast("Engine", engine), cluster) for cluster in ("a", "b")] == ["blue", None]


def test_a_head_is_reached_at_the_address_that_it_is_published_on(engine: FakeEngine) -> None:
    cluster = cluster_of(engine, "a")
    cluster.start_head(options())
    [spec] = engine.specs.values()
    assert ADDRESS_LABEL not in spec.labels
    engine.specs[spec.name] = replace(spec, labels={**spec.labels, ADDRESS_LABEL: "127.0.0.2"})  # as Compose does

    head = cluster.head()
    assert head is not None
    assert {head.gcs_address.partition(":")[0], urlsplit(head.dashboard_url).hostname} == {"127.0.0.2"}


@pytest.mark.parametrize("project", [None, "ray"], ids=["none", "one"])
def test_the_head_belongs_to_the_compose_project_as_an_orphan(engine: FakeEngine, project: str | None) -> None:
    settings = default_settings(cluster="a", compose_project=project, ray_auth_mode="disabled")
    made = DockerCluster.from_settings(settings, cast("Engine", engine))
    made.start_head(options())

    [labels] = [spec.labels for spec in engine.specs.values()]
    named = {name.rpartition(".")[2]: value for name, value in labels.items() if name.startswith("com.docker.compose")}
    assert (named.get("project"), named.get("service")) == (project, project and "head")


def test_serve_in_a_container_answers_beyond_its_loopback(engine: FakeEngine) -> None:
    cluster_of(engine, "a").start_head(options())
    assert [spec.environment["RAY_SERVE_DEFAULT_HTTP_HOST"] for spec in engine.specs.values()] == ["0.0.0.0"]  # noqa: S104
