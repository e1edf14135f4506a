"""Head and workers together never promise more memory than their host has, whatever comes and goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_watcher_common.program.settings import load
from scaler.config.policy_file import policy_from
from scaler.config.settings import ScalerSettings
from scaler.config.sizes import (
    RAY_ON_A_WORKER,
    RAY_ON_THE_HEAD,
    SMALLEST_HEAP,
    overbooked,
    oversold,
    promise,
    share,
    share_of_rest,
)
from scaler.model.cluster import SMALLEST_OBJECT_STORE
from support.builders import policy, worker_type

GB = 1_000_000_000
hosts = st.integers(4 * GB, 2000 * GB)
counts = st.integers(0, 12)


def promised(node_memory: int, *, head: bool = False) -> int:
    """What such a node promises, heap and object store."""
    made = promise(node_memory, None, RAY_ON_THE_HEAD if head else RAY_ON_A_WORKER)
    return made.memory + made.object_store


@given(host=hosts, workers=counts)
def test_a_pool_at_its_largest_promises_less_than_the_host_has(host: int, workers: int) -> None:
    each = share(host, workers)

    assert promised(each, head=True) + workers * promised(each) <= host


@given(host=hosts, first=st.integers(1, 8), then=st.integers(1, 12), running=st.integers(0, 8))
def test_so_it_does_after_another_limit_whoever_is_replaced(host: int, first: int, then: int, running: int) -> None:
    old = share(host, first)
    running = min(running, first, then)
    new = share_of_rest(host, then, old, [old] * running)

    floor = (then + 1) * (SMALLEST_HEAP + SMALLEST_OBJECT_STORE)  # what Ray needs at least
    for still_old in range(running + 1):
        total = old + still_old * old + (then - still_old) * new
        assert total <= max(host, floor)


@pytest.mark.parametrize("node_memory", [1, GB // 10, 4 * GB, 100 * GB])
def test_ray_gets_at_least_what_it_starts_with_and_no_large_object_store_unasked(node_memory: int) -> None:
    made = promise(node_memory, None)

    assert made.memory >= SMALLEST_HEAP
    assert SMALLEST_OBJECT_STORE <= made.object_store <= GB


def test_sizes_that_are_set_are_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_MEMORY", "3GB")
    monkeypatch.setenv("WATCHER_OBJECT_STORE_MEMORY", "2GB")
    [kind] = policy_from(load(ScalerSettings).on_a_host_with(8 * GB, 5)).worker_types

    assert (kind.memory, kind.object_store_memory) == (3 * GB, 2 * GB)


def test_without_settings_a_worker_has_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(ScalerSettings).on_a_host_with(24 * GB, 5)
    [kind] = policy_from(settings).worker_types

    assert kind.memory == share(24 * GB, 5) - GB - RAY_ON_A_WORKER
    monkeypatch.setenv("WATCHER_NODE_MEMORY", "0")  # as Ray has it
    [kind] = policy_from(load(ScalerSettings).on_a_host_with(24 * GB, 5)).worker_types
    assert (kind.memory, kind.object_store_memory) == (None, GB)


def test_a_head_that_something_else_has_sized_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_HEAD_MEMORY", "4g")
    settings = load(ScalerSettings).on_a_host_with(16 * GB, 5)

    assert settings.node_memory is not None
    assert 4 * GB + 5 * settings.node_memory <= 16 * GB


def test_what_settings_oversell_is_said() -> None:
    pool = policy(worker_type(num_cpus=4, memory=8 * GB), max_workers=3)

    assert "13 CPUs" in overbooked(pool, 1, 2)
    assert overbooked(pool, 1, 13) == ""
    assert "24.0 GB" in oversold(pool, 16 * GB)
    assert oversold(pool, 24 * GB) == ""
