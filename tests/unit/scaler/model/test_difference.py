"""What a reload changes, in lines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scaler.model.difference import differences
from support.builders import policy, worker_type

if TYPE_CHECKING:
    from scaler.model.policy import Policy

CPU, GPU = worker_type(name="cpu"), worker_type(name="gpu", num_gpus=1)
OLD = policy(CPU, max_workers=5)


@pytest.mark.parametrize(
    ("new", "lines"),
    [
        pytest.param(OLD, (), id="nothing"),
        pytest.param(replace(OLD, max_workers=8), ("max_workers: 5 -> 8",), id="a limit"),
        pytest.param(replace(OLD, max_launches=2), ("max_launches: unset -> 2",), id="a limit that was not there"),
        pytest.param(replace(OLD, worker_types=(CPU, GPU)), ("worker_types.gpu: added",), id="a new type"),
        pytest.param(
            replace(OLD, worker_types=(replace(CPU, num_cpus=4.0),)),
            (f"worker_types.cpu.num_cpus: {CPU.num_cpus:g} -> 4",),
            id="a key of a type",
        ),
        pytest.param(
            replace(OLD, worker_types=(GPU,)),
            ("worker_types.cpu: removed; its workers are drained when they are idle", "worker_types.gpu: added"),
            id="another type",
        ),
        pytest.param(
            replace(OLD, worker_types=(replace(CPU, labels=(("zone", "a"),)),)),
            ("worker_types.cpu.labels: unset -> zone=a",),
            id="labels",
        ),
        pytest.param(
            replace(OLD, thresholds=(("pending_threshold", 3.0),)),
            ("thresholds.pending_threshold: unset -> 3",),
            id="a threshold",
        ),
    ],
)
def test_each_difference_is_a_line(new: Policy, lines: tuple[str, ...]) -> None:
    assert differences(OLD, new) == lines


def test_the_order_of_types_is_a_difference_because_the_first_one_is_the_default() -> None:
    assert differences(policy(CPU, GPU), policy(GPU, CPU)) == ("worker_types: new order gpu, cpu",)
